"""CuPy's matrices through the metrics: on a pretended device everywhere, on a GPU where there is one."""

import shutil
import sys

import numpy as np
import pytest
import scipy.sparse as sp

from medrec.kernels import cuda
from medrec.metrics import ddi_counts, ddi_rate, evaluate, evaluate_stream, overlap_counts
from tests.kernels.shim import cupy_on_cpu

FIELDS = ("h", "y", "z", "tp", "t", "p")


def draw(seed=0, n_records=70, n_labels=12):
    rng = np.random.default_rng(seed)
    Y = rng.random((n_records, n_labels)) < rng.choice([0.0, 0.2, 0.9], size=(n_records, 1))
    graph = np.triu(rng.random((n_labels, n_labels)) < 0.3, 1)
    return Y, np.where(rng.random(Y.shape) < 0.7, Y, rng.random(Y.shape) < 0.2), graph | graph.T


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """CuPy over NumPy, the kernels compiled once for all tests and run by the shim."""
    if shutil.which("g++") is None:
        pytest.skip("needs g++ on the PATH")
    module = cupy_on_cpu.module(tmp_path_factory.mktemp("cupy"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "cupy", module)
        cuda._module.cache_clear()
        library = cuda._module(0)
        cuda._module.cache_clear()
    return module, library


@pytest.fixture
def pretended(compiled, monkeypatch):
    """The pretended device in CuPy's place."""
    monkeypatch.setitem(sys.modules, "cupy", compiled[0])
    monkeypatch.setattr(cuda, "_module", lambda device: compiled[1])
    return cupy_on_cpu


def forms(dense):
    """The same sets as sparse matrices of the host, entries as they are."""
    dense = dense.astype(np.float32)
    full = sp.csr_matrix(np.ones_like(dense))
    full.data[:] = dense.ravel()
    unsorted = sp.csr_matrix(dense)
    for a, b in zip(unsorted.indptr, unsorted.indptr[1:]):
        unsorted.indices[a:b] = unsorted.indices[a:b][::-1].copy()
    rows, columns = np.nonzero(dense)
    starts = np.concatenate([[0], np.cumsum(2 * dense.sum(axis=1).astype(int))])
    twice = sp.csr_matrix((np.ones(2 * len(rows), np.float32), np.repeat(columns, 2), starts), shape=dense.shape)
    return {"canonical": sp.csr_matrix(dense), "stored zeros": full, "unsorted": unsorted, "duplicates": twice}


def on_device(cupy, dense, form, index=np.int32):
    """Sets of that form where ``cupy`` says."""
    if form == "dense":
        return cupy.asarray(dense.astype(np.uint8))
    host = forms(dense)[form.removesuffix(" coo")]
    if cupy is cupy_on_cpu:
        matrix = cupy_on_cpu.csr_matrix(host, index)
    else:
        from cupyx.scipy.sparse import csr_matrix

        arrays = (host.data, host.indices.astype(index), host.indptr.astype(index))
        matrix = csr_matrix(tuple(cupy.asarray(array) for array in arrays), shape=host.shape)
    return matrix.tocoo() if form.endswith(" coo") else matrix


FORMS = ("canonical", "stored zeros", "unsorted", "duplicates", "dense", "canonical coo", "duplicates coo")


def is_on_device(array):
    return type(array).__module__.partition(".")[0] == "cupy"


def check_counts(cupy, form, shape):
    Y, Z, graph = draw(n_records=shape[0], n_labels=shape[1])
    expected = overlap_counts(Y, Z)
    got = overlap_counts(on_device(cupy, Y, form), on_device(cupy, Z, "canonical", np.int64))
    for name in FIELDS:
        assert is_on_device(getattr(got, name)), "the counts stay on the device"
        np.testing.assert_array_equal(getattr(got, name).get(), getattr(expected, name), strict=True)
        np.testing.assert_array_equal(getattr(got.get(), name), getattr(expected, name), strict=True)
    np.testing.assert_array_equal((got + got).get().h, np.tile(expected.h, 2))
    for metric in ("jaccard", "f1", "precision", "recall"):
        for zero_division in (0, 1, float("nan")):
            values = got.per_record(metric, zero_division=zero_division)
            assert is_on_device(values)
            np.testing.assert_array_equal(values.get(), expected.per_record(metric, zero_division=zero_division))
            for average in ("samples", "micro", "macro", "weighted"):
                one, other = (getattr(counts, metric)(average, zero_division) for counts in (got, expected))
                np.testing.assert_equal(one, other)
    assert isinstance(got.totals.sums, np.ndarray)
    assert got.subset_accuracy() == pytest.approx(expected.subset_accuracy(), nan_ok=True)
    sets = on_device(cupy, Z, form)
    for one, other in zip(ddi_counts(sets, graph), ddi_counts(Z, graph), strict=True):
        assert is_on_device(one)
        np.testing.assert_array_equal(one.get(), other)
    for average in ("pooled", "samples"):
        assert ddi_rate(sets, graph, average) == ddi_rate(Z, graph, average)


def check_evaluation(cupy):
    Y, Z, graph = draw()
    moved = [on_device(cupy, one, "canonical") for one in (Y, Z)]
    groups = np.arange(70) // 3
    for preset in ("sklearn", "chip2025", "gamenet", "dialmed_batch8"):
        options = {"preset": preset, "ddi": graph, "n_resamples": 20}
        expected = evaluate(Y, Z, groups=groups, **options)
        assert evaluate(*moved, groups=groups, **options) == expected
        parts = [[on_device(cupy, one[rows], "canonical") for one in (Y, Z)] for rows in (slice(9), slice(9, None))]
        chunks = [(*parts[0], None, groups[:9]), (*parts[1], None, groups[9:])]
        assert evaluate_stream(chunks, **options) == expected


def check_refusals(cupy):
    Y, Z, _ = draw()
    on_gpu = on_device(cupy, Y, "canonical")
    for pair in ((on_gpu, Z), (Y, on_gpu), (on_gpu, sp.csr_matrix(Z))):
        with pytest.raises(TypeError, match=r"overlap_counts: all input must be in one place; .* Move one"):
            overlap_counts(*pair)
    with pytest.raises(ValueError, match="only 0 and 1"):
        overlap_counts(cupy.asarray(2 * Y.astype(int)), on_gpu)
    with pytest.raises(ValueError, match="Z must have 12 labels"):
        overlap_counts(on_gpu, cupy.asarray(Z[:, :5]))
    with pytest.raises(ValueError, match="70 records and Z 69"):
        overlap_counts(on_gpu, cupy.asarray(Z[1:]))
    with pytest.raises(ValueError, match="must be a matrix"):
        overlap_counts(cupy.asarray(Y[0]), cupy.asarray(Y[0]))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", [(70, 12), (3, 1), (0, 4), (1, 5)])
def test_counts_of_the_pretended_device_stay_there_and_are_those_of_the_host(pretended, form, shape):
    check_counts(pretended, form, shape)


def test_evaluation_takes_sets_of_the_pretended_device(pretended):
    check_evaluation(pretended)


def test_what_does_not_fit_is_refused_on_the_pretended_device(pretended):
    check_refusals(pretended)
    broken = on_device(pretended, draw()[0], "canonical")
    broken.indices[3] = 12
    with pytest.raises(ValueError, match="labels outside its 12 columns"):
        overlap_counts(broken, broken)
    for at, value in ((0, 1), (5, 99), (-1, 10**6), (-1, 3)):
        broken = on_device(pretended, draw()[0], "canonical")
        broken.indptr[at] = value
        with pytest.raises(ValueError, match="Y must be a whole sparse matrix; its index arrays are broken"):
            overlap_counts(broken, broken)


def test_arrays_with_gaps_and_room_behind_the_last_entry(pretended):
    Y, Z, _ = draw()
    expected = overlap_counts(Y, Z)
    for form in ("canonical", "stored zeros", "duplicates"):
        sets = on_device(pretended, Y, form)
        wide = np.repeat(np.asarray(sets.data), 2)
        wide[1::2] = 7
        sets.data = pretended.asarray(wide)[::2]
        np.testing.assert_array_equal(overlap_counts(sets, on_device(pretended, Z, form)).get().h, expected.h)
        sets = on_device(pretended, Y, form)
        sets.indices, sets.data = (pretended.asarray(np.append(one, [1, 1])) for one in (sets.indices, sets.data))
        np.testing.assert_array_equal(overlap_counts(sets, on_device(pretended, Z, form)).get().h, expected.h)
    twos = on_device(pretended, Y, "canonical")
    twos.data = pretended.asarray(np.tile([1.0, 2.0], len(twos.data)))[1::2]
    with pytest.raises(ValueError, match="only 0 and 1"):
        overlap_counts(twos, twos)


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


@pytest.mark.gpu
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", [(70, 12), (3, 1), (1, 5), (5000, 651)])
def test_counts_of_a_gpu_stay_there_and_are_those_of_the_host(gpu, form, shape):
    check_counts(gpu, form, shape)


@pytest.mark.gpu
def test_evaluation_takes_sets_of_a_gpu(gpu):
    check_evaluation(gpu)


@pytest.mark.gpu
def test_what_does_not_fit_is_refused_on_a_gpu(gpu):
    check_refusals(gpu)
