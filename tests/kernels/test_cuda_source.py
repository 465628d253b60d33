"""The CUDA source without a GPU: run on the CPU against the reference, broken on purpose, compiled by NVRTC."""

import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from medrec import kernels
from medrec._checks import check_sets
from medrec.kernels import cuda, reference
from tests.kernels.shim import cupy_on_cpu

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++ on the PATH")

CASES = [
    # records, labels, density, index types of Y and Z
    (1, 1, 0.5, np.int32, np.int32),
    (0, 5, 0.5, np.int32, np.int32),
    (3, 1, 1.0, np.int64, np.int32),
    (65, 40, 0.3, np.int32, np.int64),
    (130, 9, 0.0, np.int64, np.int64),
    (70, 100, 0.95, np.int32, np.int32),
    (300, 700, 0.02, np.int64, np.int64),
    (60, 6, 0.25, np.int32, np.int64),
    (9000, 3, 0.3, np.int32, np.int32),  # more than the blocks take at once
]
ALL = tuple(range(len(CASES)))


def case(number):
    """Y, Z, graph and scores; rows of every length."""
    n_records, n_labels, density, y_kind, z_kind = CASES[number]
    rng = np.random.default_rng(number)
    rows = rng.choice([0.0, density, density, 1.0], size=(n_records, 1), p=[0.1, 0.4, 0.4, 0.1])
    Y, Z = (rng.random((n_records, n_labels)) < rows for _ in range(2))
    if number < 7:  # elsewhere the first label is hot
        Y[:, 0] = Z[:, 0] = density > 0
    if number == 3:  # a warp's sets of one kind are many times those of the other
        Y[32:64, 1:] = Z[:32, 1:] = False
    graph = np.triu(rng.random((n_labels, n_labels)) < 0.2, 1)
    scores = rng.integers(0, 6, (n_records, n_labels)) / 5 - 0.5
    return check_sets(Y, who="test"), check_sets(Z, who="test"), sp.csr_matrix(graph | graph.T), scores, y_kind, z_kind


def looked_at(sets, kind):
    """Sets on the pretended device, and what is wrong with them."""
    for value in (np.float32, np.float64, np.bool_):
        yield "", cupy_on_cpu.csr_matrix(sets.astype(value), kind)
    rows = np.flatnonzero(np.diff(sets.indptr) > 1)
    if not len(rows):
        return
    first, last, end = sets.indptr[rows[-1]], sets.indptr[rows[-1] + 1] - 1, sets.shape[0]
    for what, array, at, value in (
        ("value", "data", last, 2),
        ("value that is no number", "data", 0, np.nan),
        ("label above", "indices", last, sets.shape[1]),
        ("label below", "indices", first, -1),
        ("label twice", "indices", last, sets.indices[last - 1]),
        ("rows start late", "indptr", 0, 1),
        ("rows end early", "indptr", end, sets.nnz - 1),
    ):
        one = cupy_on_cpu.csr_matrix(sets.astype(np.float32), kind)
        getattr(one, array)[at] = value
        yield what, one
    one = cupy_on_cpu.csr_matrix(np.eye(4, dtype=np.float32)[:3], kind)
    one.indptr[1:3] = 2, 1
    yield "row ends before it starts", one


def differences(numbers=ALL, stop=False):
    """What the functions of ``medrec.kernels`` get wrong on the pretended device, named."""
    wrong = []
    for number in numbers:
        Y, Z, graph, scores, y_kind, z_kind = case(number)
        near = cupy_on_cpu.csr_matrix(graph, y_kind)
        Y_gpu, Z_gpu = cupy_on_cpu.csr_matrix(Y, y_kind), cupy_on_cpu.csr_matrix(Z, z_kind)
        pairs = [
            ("overlap", kernels.overlap(Y_gpu, Z_gpu), reference.overlap(Y, Z)),
            ("interacting_pairs", kernels.interacting_pairs(Z_gpu, near), reference.interacting_pairs(Z, graph)),
        ]
        for kind in (np.float32, np.float64) if len(scores) < 1000 else ():
            gpu = cupy_on_cpu.asarray(scores.astype(kind))
            pairs += [("top_k", [kernels.top_k(gpu, k)], [reference.top_k(scores, k)]) for k in (1, 7)]
        wrong += [f"is_canonical: {what}" for what, one in looked_at(Z, z_kind) if cuda.is_canonical(one) != (not what)]
        for name, got, expected in pairs:
            for one, other in zip(got, expected, strict=True):
                assert isinstance(one, cupy_on_cpu.ndarray), "the counts stay where the sets are"
                if one.dtype != other.dtype or one.shape != other.shape or not (np.asarray(one) == other).all():
                    wrong.append(name)
        if wrong and stop:
            break
    return wrong


def check_overlap(Y, Z):
    got = kernels.overlap(cupy_on_cpu.csr_matrix(Y), cupy_on_cpu.csr_matrix(Z))
    for one, other in zip(got, reference.overlap(Y, Z), strict=True):
        np.testing.assert_array_equal(np.asarray(one), other)


@pytest.fixture
def device(monkeypatch, tmp_path):
    """Puts a pretended device in CuPy's place."""

    def put(**options):
        monkeypatch.setitem(sys.modules, "cupy", cupy_on_cpu.module(tmp_path, **options))
        cuda._module.cache_clear()

    yield put
    cuda._module.cache_clear()


@needs_compiler
@pytest.mark.parametrize("order", [0, 1, 5])
def test_the_source_counts_what_the_reference_counts(device, order):
    device(order=order)
    assert differences() == []


@needs_compiler
@pytest.mark.parametrize("shared", [0, 9 * 1024, 227 * 1024], ids=["totals", "little", "much"])
@pytest.mark.parametrize("multiprocessors", [1, 40])
def test_any_grid_and_any_place_of_the_counters_count_the_same(device, shared, multiprocessors):
    device(shared=shared, multiprocessors=multiprocessors)
    assert differences([3, 6, 8]) == []


@needs_compiler
def test_labels_that_need_more_shared_memory_than_a_block_has_unasked(device):
    device()
    rng = np.random.default_rng(0)
    Y, Z = (check_sets(rng.random((40, 5000)) < 0.01, who="test") for _ in range(2))
    check_overlap(Y, Z)


@needs_compiler
@pytest.mark.parametrize("n_labels", [1 << 15, (1 << 15) + 1, 40_000])
def test_labels_that_do_not_fit_beside_the_mark(device, n_labels):
    device()
    rng = np.random.default_rng(0)
    often = np.asarray([0, 1, 32_767, 32_768, n_labels - 1]) % n_labels
    chosen = [rng.random((70, len(often))) < 0.5 for _ in range(2)]
    Y, Z = (sp.lil_matrix((70, n_labels), dtype=np.uint8) for _ in range(2))
    for sets, one in zip((Y, Z), chosen):
        for row, labels in enumerate(one):
            sets[row, often[labels]] = 1
    Y, Z = (check_sets(one.tocsr(), who="test") for one in (Y, Z))
    check_overlap(Y, Z)


COUNTERS = "for (long long at = threadIdx.x; at < n_counts; at += blockDim.x) {\n        if (partial"
FAULTS = {
    "no barrier after zeroing": ("    __syncthreads();\n    auto", "    auto"),
    "no barrier before adding up": ("    __syncthreads();\n    for", "    for"),
    "counters not zeroed": ("partial[at] = 0;", ";"),
    "merged before the run is there": ("            __syncwarp();\n            int both", "            int both"),
    "counted before all are merged": ("            __syncwarp();\n            for (int at", "            for (int at"),
    "runs overlap": ("threadIdx.x / WARP * 2 * staged", "threadIdx.x / WARP * staged"),
    "predicted run over the true one": ("z_run = y_run + staged;", "z_run = y_run + staged / 2;"),
    "runs over the counters": (
        "n_counts = in_shared ? 3 * n_labels : 0;",
        "n_counts = in_shared ? 3 * n_labels - 2 : 0;",
    ),
    "batches leave some out": ("first += BATCH * WARP", "first += (BATCH + 1) * WARP"),
    "longer run of true labels is cut": ("first < y_total || first < z_total", "first < z_total"),
    "longer run of predicted labels is cut": ("first < y_total || first < z_total", "first < y_total"),
    "merge stops with the first end": ("one < one_end && other < other_end", "one + 1 < one_end && other < other_end"),
    "merge goes past the record": ("other < other_end)", "other < z_total)"),
    "merge moves one side only": ("other += predicted <= label;", "other += 1;"),
    "marks are not seen": ("if (marked & HIT) {", "if (marked & 1) {"),
    "mark counted as a label": ("label = marked & (HIT - 1);", "label = marked;"),
    "size of the first record alone": ("__shfl_sync(ALL, y_last, WARP - 1)", "__shfl_sync(ALL, y_last, 0)"),
    "sum stops a lane early": ("offset = WIDTH / 2; offset > 0;", "offset = WIDTH / 2; offset > 1;"),
    "sum starts half way": ("offset = WIDTH / 2; offset > 0;", "offset = WIDTH / 4; offset > 0;"),
    "search skips one": ("last = middle;", "last = middle - (middle > first);"),
    "search ends past the row": ("first < end && labels[first]", "labels[first]"),
    "one record too many": ("if (valid) {\n                h[row]", "{\n                h[row]"),
    "grid does not stride": ("base += stride", "base += n_records"),
    "blocks count the same records": ("(blockIdx.x) * blockDim.x + threadIdx.x - lane", "(threadIdx.x) - lane"),
    "long runs are cut": ("at < z_end; at += LANES", "at < z_end; at += z_end"),
    "lanes overlap": ("at = first + part; at < last; at += LANES", "at = first + part; at < last; at += LANES - 1"),
    "records of a long run left out": ("shift < WARP; shift", "shift < WARP / 2; shift"),
    "true counted as predicted": ("count(n_labels + y_read[i]);", "count(2 * n_labels + y_read[i]);"),
    "last block wins": (
        "atomicAdd(&totals[at], static_cast<unsigned long long>(partial[at]));",
        "totals[at] = partial[at];",
    ),
    "only hits are added up": (COUNTERS, COUNTERS.replace("n_counts", "n_labels")),
    "sizes swapped": ("y[row] = y_last - y_first;", "y[row] = z_last - z_first;"),
    "true labels read as predicted ones": ("z_from = z_labels", "z_from = reinterpret_cast<const ZIndex*>(y_labels)"),
    "a warp leaves the loop alone": (
        "const bool valid = row < n_records;",
        "const bool valid = true; if (row >= n_records) break;",
    ),
    "pairs of neighbours only": ("other < last; ++other", "other < one + 2 && other < last; ++other"),
    "ties go to the higher label": ("other == high && label < found", "other == high && label > found"),
    "equal scores stop the ranking": ("(score == before && label > before_label)", "false"),
    "values are not looked at": (" || !(values[at] == Value(1))", ""),
    "labels above the columns pass": (" || label >= n_labels", ""),
    "labels below 0 pass": ("bad |= label < 0 ||", "bad |="),
    "starts of rows must rise too": ("falls -= labels[first] <= labels[first - 1];", ";"),
    "equal labels pass": ("at > 0 && label <= labels", "at > 0 && label < labels"),
    "falls of one lane": ("falls = group_sum<WARP>(falls);", ""),
    "rows need not end with the entries": (" || ptr[n_records] != n_entries", ""),
    "rows need not start with the entries": ("ptr[0] != 0 || ", ""),
    "rows may lie before each other": (" || first > last || ", " || "),
    "best of one half warp": ("offset = WARP / 2; offset > 0;", "offset = WARP / 4; offset > 0;"),
}


def is_noticed(fault, folder):
    """Whether ``differences`` shows a fault. It may write anywhere, so call this in a process of its own."""
    right, wrong = FAULTS[fault]
    code = files("medrec.kernels").joinpath(cuda.SOURCE).read_text(encoding="utf-8")
    assert right in code, "the fault's place is gone from the source: move it along"
    sys.modules["cupy"] = cupy_on_cpu.module(folder, edit=lambda code: code.replace(right, wrong))
    cupy = sys.modules["cupy"]
    for order, shared in ((0, 227), (1, 227), (5, 227), (0, 0)):
        cupy.RawModule.order = order
        cupy.cuda.Device().attributes["MaxSharedMemoryPerBlockOptin"] = shared * 1024
        try:
            if differences([7, 3, 6, 8], stop=True):
                return True
        except (AssertionError, cupy_on_cpu.KernelFault):
            return True
    return False


@needs_compiler
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_source_is_found(fault, tmp_path):
    words = [sys.executable, "-m", "tests.kernels.test_cuda_source", fault, str(tmp_path)]
    done = subprocess.run(words, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    if done.returncode < 0:  # it wrote where it must not and was ended for it
        return
    assert done.stdout.split() == ["True"], f"no test notices: {fault}\n{done.stderr}"


@pytest.mark.parametrize("architecture", [75, 80, 86, 89, 90, 100, 120])
def test_nvrtc_compiles_every_instance(architecture):
    nvrtc = pytest.importorskip(
        "cuda.bindings.nvrtc", reason="needs cuda-bindings: pip install cuda-bindings nvidia-cuda-nvrtc"
    )

    def call(name, *arguments):
        try:
            status, *results = getattr(nvrtc, name)(*arguments)
        except RuntimeError as error:  # the library itself is found at the first call
            pytest.skip(f"needs nvidia-cuda-nvrtc: {error}")
        return status, results[0] if results else None

    code = files("medrec.kernels").joinpath(cuda.SOURCE).read_bytes()
    status, program = call("nvrtcCreateProgram", code, b"overlap.cu", 0, [], [])
    assert status == nvrtc.nvrtcResult.NVRTC_SUCCESS
    for name in cuda.kernel_names():
        call("nvrtcAddNameExpression", program, name.encode())
    options = [b"--std=c++17", b"--gpu-architecture=sm_%d" % architecture]
    status, _ = call("nvrtcCompileProgram", program, len(options), options)
    # It is written into, so it must be of two bytes at least: Python has one object for all that are of a single one.
    log = b" " * max(2, call("nvrtcGetProgramLogSize", program)[1])
    call("nvrtcGetProgramLog", program, log)
    assert status == nvrtc.nvrtcResult.NVRTC_SUCCESS, log.decode()
    assert b"warning" not in log, log.decode()
    lowered = [call("nvrtcGetLoweredName", program, name.encode())[1] for name in cuda.kernel_names()]
    assert len(set(lowered)) == len(lowered)
    assert call("nvrtcGetCUBINSize", program)[1] > 1000


@pytest.fixture(scope="module")
def gpu():
    """CuPy with a device that runs."""
    cupy = pytest.importorskip("cupy", reason="needs CuPy: pip install 'medrec[gpu]'")
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        pytest.skip(f"needs an NVIDIA GPU: {error}")
    if not count:
        pytest.skip("needs an NVIDIA GPU: CuPy finds none")
    return cupy


def to_gpu(matrix, kind):
    import cupy
    from cupyx.scipy.sparse import csr_matrix

    moved = csr_matrix(sp.csr_matrix(matrix, dtype=np.float32))
    moved.indices, moved.indptr = cupy.asarray(matrix.indices.astype(kind)), cupy.asarray(matrix.indptr.astype(kind))
    return moved


@pytest.mark.gpu
@pytest.mark.parametrize("number", range(len(CASES)))
def test_a_gpu_counts_what_the_reference_counts(gpu, number):
    Y, Z, graph, scores, y_kind, z_kind = case(number)
    Z_gpu = to_gpu(Z, z_kind)
    for one, other in zip(kernels.overlap(to_gpu(Y, y_kind), Z_gpu), reference.overlap(Y, Z), strict=True):
        np.testing.assert_array_equal(one.get(), other, strict=True)
    got = kernels.interacting_pairs(Z_gpu, to_gpu(graph, y_kind))
    for one, other in zip(got, reference.interacting_pairs(Z, graph), strict=True):
        np.testing.assert_array_equal(one.get(), other, strict=True)
    for k in (1, 7):
        np.testing.assert_array_equal(kernels.top_k(gpu.asarray(scores), k).get(), reference.top_k(scores, k))


@pytest.mark.gpu
@pytest.mark.parametrize("n_labels", [3, 8_900, 40_000])
def test_hot_labels_lose_no_count_on_a_gpu(gpu, n_labels):
    n_records = 300_000
    hot = sp.csr_matrix(
        (np.ones(n_records, np.uint8), np.zeros(n_records, np.int32), np.arange(n_records + 1)),
        shape=(n_records, n_labels),
    )
    counts = kernels.overlap(to_gpu(hot, np.int32), to_gpu(hot, np.int32))
    for column in (counts.tp, counts.t, counts.p):
        assert column[:2].tolist() == [n_records, 0]


if __name__ == "__main__":
    print(is_noticed(sys.argv[1], Path(sys.argv[2])))
