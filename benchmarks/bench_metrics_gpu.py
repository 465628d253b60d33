"""Counting label sets on a GPU: equality first, then device time beside the card's copy bandwidth and peers.

    python benchmarks/bench_metrics_gpu.py [--smoke] [--out DIR]

At 8 and 32 million records of 651 labels, 6.8 a record: the overlap kernel by device events, the bytes that it must
read and write over its time as a share of the bandwidth of a plain copy measured on the same card, and in the same run
``cupyx.scipy.sparse`` multiply-and-sum, dense PyTorch where it is installed, and the CPU kernel. Then what
``overlap_counts`` takes with its checks. Without an NVIDIA GPU it says so and measures nothing.

Ends with status 1 if any count differs.
"""

import argparse
import sys
import time
from importlib import import_module
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from bench_metrics import draw
from common import PACKAGES, machine, show, write_result

from medrec.kernels import cpu, cuda, reference
from medrec.metrics import overlap_counts

LABELS, MEAN = 651, 6.8
BASE = 1_000_000  # records that are drawn; more are repeats of them at other addresses
SIZES = (8_000_000, 32_000_000)
DENSE_AT_MOST = 8_000_000  # records that dense PyTorch is given


def missing():
    """Why nothing can be measured here, or None."""
    try:
        cupy = import_module("cupy")
    except ImportError:
        return "CuPy is not installed: pip install 'medrec[gpu]'"
    try:
        return None if cupy.cuda.runtime.getDeviceCount() else "CuPy finds no NVIDIA GPU"
    except cupy.cuda.runtime.CUDARuntimeError as error:
        return f"no NVIDIA GPU with its driver here: {error}"


def repeated(sets, times):
    """The records of the sets again and again, on the host."""
    starts = np.arange(times, dtype=np.int64)[:, None] * sets.nnz + sets.indptr[:-1]
    indptr = np.append(starts.ravel(), times * sets.nnz)
    kind = np.int32 if indptr[-1] < 2**31 else np.int64
    matrix = sp.csr_matrix((times * sets.shape[0], sets.shape[1]), dtype=np.uint8)
    matrix.data = np.ones(times * sets.nnz, dtype=np.uint8)
    matrix.indices, matrix.indptr = np.tile(sets.indices, times).astype(kind), indptr.astype(kind)
    return matrix


def to_device(sets):
    import cupy
    from cupyx.scipy.sparse import csr_matrix

    arrays = (cupy.ones(sets.nnz, dtype=cupy.float32), cupy.asarray(sets.indices), cupy.asarray(sets.indptr))
    return csr_matrix(arrays, shape=sets.shape)


def device_seconds(function, repeats=20):
    """Best and median time between two events around the call, after three to warm up."""
    import cupy

    times = []
    for number in range(repeats + 3):
        start, end = cupy.cuda.Event(), cupy.cuda.Event()
        start.record()
        function()
        end.record()
        end.synchronize()
        if number >= 3:
            times.append(cupy.cuda.get_elapsed_time(start, end) / 1e3)
    return {"best": min(times), "median": float(np.median(times))}


def copy_bandwidth(n_bytes):
    """Bytes read and written a second by a plain copy."""
    import cupy

    source = cupy.zeros(n_bytes // 8, dtype=cupy.int64)
    target = cupy.empty_like(source)
    return 2 * n_bytes / device_seconds(lambda: cupy.copyto(target, source))["best"]


def multiply_and_sum(Y, Z):
    """The six vectors as one writes them with cupyx.scipy.sparse."""
    import cupy

    both = Y.multiply(Z).tocsr()
    rows = [cupy.diff(one.indptr) for one in (both, Y, Z)]
    return *rows, *(cupy.bincount(one.indices, minlength=one.shape[1]) for one in (both, Y, Z))


def dense_torch(Y, Z):
    """The six vectors from dense bytes, which are made before the clock starts; None without PyTorch."""
    try:
        torch = import_module("torch")
    except ImportError:
        return None
    if Y.shape[0] > DENSE_AT_MOST or not torch.cuda.is_available():
        return None

    def dense(sets):
        rows = np.repeat(np.arange(sets.shape[0]), np.diff(sets.indptr))
        full = torch.zeros(sets.shape, dtype=torch.bool, device="cuda")
        full[torch.as_tensor(rows, device="cuda"), torch.as_tensor(sets.indices.astype(np.int64), device="cuda")] = True
        return full

    true, predicted = dense(Y), dense(Z)

    def run():
        both = true & predicted
        return [one.sum(dim=dim) for dim in (1, 0) for one in (both, true, predicted)]

    for _ in range(3):
        run()
    times = []
    for _ in range(10):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        run()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end) / 1e3)
    return {"best": min(times), "median": float(np.median(times))}


def on_device(Y, Z, expected, bandwidth):
    """What the GPU counts of these sets, and how fast."""
    Y, Z = to_device(Y), to_device(Z)
    found = cuda.overlap(Y, Z)
    slow = multiply_and_sum(Y, Z)
    equal = all(np.array_equal(a.get(), b) for counts in (found, slow) for a, b in zip(counts, expected, strict=True))
    moved = sum(one.nbytes for sets in (Y, Z) for one in (sets.indices, sets.indptr))
    moved += sum(one.nbytes for one in found)
    kernel = device_seconds(lambda: cuda.overlap(Y, Z))
    cupyx = device_seconds(lambda: multiply_and_sum(Y, Z), repeats=5)
    return {
        "equal": equal,
        "megabytes": moved / 1e6,
        "kernel": kernel,
        "share_of_copy_bandwidth": moved / kernel["best"] / bandwidth,
        "overlap_counts": device_seconds(lambda: overlap_counts(Y, Z)),
        "cupyx": cupyx,
        "times_faster_than_cupyx": cupyx["best"] / kernel["best"],
    }


def measure(base, n_records, bandwidth):
    import cupy

    times = max(1, n_records // base[0].shape[0])
    Y, Z = (repeated(sets, times) for sets in base)
    expected = reference.overlap(*base)
    expected = [np.tile(one, times) for one in expected[:3]] + [times * one for one in expected[3:]]
    row = {"records": Y.shape[0], "entries": Y.nnz + Z.nnz, **on_device(Y, Z, expected, bandwidth)}
    cupy.get_default_memory_pool().free_all_blocks()
    row["torch"] = dense_torch(Y, Z)
    cpu.overlap(*base)  # loads the compiled loops
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        counts = cpu.overlap(Y, Z)
        seconds.append(time.perf_counter() - start)
    row["equal"] &= all(np.array_equal(one, other) for one, other in zip(counts, expected, strict=True))
    row["cpu_seconds"] = min(seconds)
    row["times_faster_than_cpu"] = row["cpu_seconds"] / row["kernel"]["best"]
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="small sizes, to see that it runs")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for JSON")
    options = parser.parse_args()
    reason = missing()
    if reason is not None:
        print(f"nothing was measured: {reason}. benchmarks/run_gpu.sh runs this where there is a GPU")
        return 0
    import cupy

    name = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
    bandwidth = copy_bandwidth(2**26 if options.smoke else 2**31)
    base = draw(np.random.default_rng(0), 50_000 if options.smoke else BASE, LABELS, MEAN)
    rows = [measure(base, n_records, bandwidth) for n_records in ((100_000, 400_000) if options.smoke else SIZES)]
    shown = [
        {
            "records": row["records"],
            "kernel ms": 1e3 * row["kernel"]["best"],
            "of copy bandwidth": row["share_of_copy_bandwidth"],
            "checked ms": 1e3 * row["overlap_counts"]["best"],
            "x cupyx": row["times_faster_than_cupyx"],
            "x torch": row["torch"]["best"] / row["kernel"]["best"] if row["torch"] else "not run",
            "x cpu": row["times_faster_than_cpu"],
            "equal": row["equal"],
        }
        for row in rows
    ]
    show(f"{name}, a copy moves {bandwidth / 1e9:.0f} GB/s", shown)
    versions = machine((*PACKAGES, "cupy-cuda13x", "cupy-cuda12x", "torch"))["versions"]
    write_result(
        options.out,
        "metrics_gpu",
        gpu=name,
        copy_bandwidth=bandwidth,
        smoke=options.smoke,
        rows=rows,
        packages=versions,
    )
    return 0 if all(row["equal"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
