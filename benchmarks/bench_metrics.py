"""Are the metrics exact, and what do they cost beside scikit-learn and sparse multiply-and-sum?

    python benchmarks/bench_metrics.py [--smoke] [--out FILE]

For each size: equality with scikit-learn's six scores (samples, micro and macro averages of Jaccard and F1)
and with ``scipy.sparse`` multiply-and-sum first, then the best time of a few runs of each, one read of the
index arrays, and the memory that ours takes beyond its inputs; ``cpu s`` is the processor time of all threads, which
other work on the machine hardly changes. Then 1,000 bootstrap resamples of 100,000 records, and
Parquet files of 1 and 10 million records streamed, each in a process of its own: the figures against those of the
counts from which the files were written, the time, and the most memory that the process held.

Ends with status 1 if any number differs.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import tracemalloc
import warnings
from pathlib import Path

import numba
import numpy as np
import scipy
import scipy.sparse as sp
import sklearn
from sklearn.metrics import f1_score, jaccard_score

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common import peak_memory

from medrec._io import atomic_write
from medrec._version import __version__
from medrec.kernels import reference
from medrec.metrics import evaluate_parquet, overlap_counts, resampled_means

SIZES = ((10_000, 70, 6.8), (100_000, 8_900, 15.0), (1_000_000, 651, 6.8))
SMOKE = ((1_000, 70, 6.8), (20_000, 651, 6.8))
AVERAGES = ("samples", "micro", "macro")


def draw(rng, n_records, n_labels, mean):
    """Sets with few frequent and many rare labels, and a prediction that shares about half of them."""
    entries = int(n_records * mean * 1.05)
    rows = rng.integers(0, n_records, entries)
    labels = (n_labels * rng.random(entries) ** 2).astype(np.int32)
    other = np.where(rng.random(entries) < 0.5, labels, (n_labels * rng.random(entries) ** 2).astype(np.int32))
    shape = (n_records, n_labels)
    both = [sp.csr_matrix((np.ones(entries, dtype=bool), (rows, one)), shape=shape) for one in (labels, other)]
    return [sp.csr_matrix((np.ones(one.nnz, dtype=np.uint8), one.indices, one.indptr), shape=shape) for one in both]


def fresh(matrix):
    """The same arrays in a new matrix, which knows nothing yet about itself."""
    return sp.csr_matrix((matrix.data, matrix.indices, matrix.indptr), shape=matrix.shape)


def ours(Y, Z):
    counts = overlap_counts(fresh(Y), fresh(Z))
    return [getattr(counts, metric)(average, 0) for metric in ("jaccard", "f1") for average in AVERAGES]


def theirs(Y, Z):
    Y, Z = fresh(Y), fresh(Z)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [score(Y, Z, average=a, zero_division=0) for score in (jaccard_score, f1_score) for a in AVERAGES]


def multiply_and_sum(Y, Z):
    """The same six scores as one writes them with SciPy; it is told that the matrices are canonical."""
    both = Y.multiply(Z).tocsr()
    h, y, z = (np.diff(one.indptr) for one in (both, Y, Z))
    tp, t, p = (np.bincount(one.indices, minlength=one.shape[1]) for one in (both, Y, Z))
    scores = []
    for ratio in (lambda h, y, z: h / np.maximum(y + z - h, 1), lambda h, y, z: 2 * h / np.maximum(y + z, 1)):
        for a, b, c in ((h, y, z), (tp.sum(), t.sum(), p.sum()), (tp, t, p)):
            scores.append(float(np.mean(ratio(a, b, c))))
    return scores


def read(Y, Z):
    return [array.max() for one in (Y, Z) for array in (one.indptr, one.indices)]


def best_time(function, *arguments, repeats, clock=time.perf_counter):
    times = []
    for _ in range(repeats):
        start = clock()
        function(*arguments)
        times.append(clock() - start)
    return min(times)


def memory(Y, Z):
    """Bytes at the peak beyond the inputs."""
    tracemalloc.start()
    ours(Y, Z)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def measure(rng, size):
    Y, Z = draw(rng, *size)
    mine, skl = ours(Y, Z), theirs(Y, Z)
    counts, slow = overlap_counts(Y, Z), reference.overlap(Y, Z)
    equal = all(np.allclose(mine, other, rtol=1e-12, atol=1e-12) for other in (skl, multiply_and_sum(Y, Z)))
    equal &= all(np.array_equal(getattr(counts, name), getattr(slow, name)) for name in slow._fields)
    seconds = {
        "medrec": best_time(ours, Y, Z, repeats=60),
        "scikit-learn": best_time(theirs, Y, Z, repeats=3),
        "scipy": best_time(multiply_and_sum, Y, Z, repeats=7),
        "read": best_time(read, Y, Z, repeats=60),
    }
    return {
        "records": size[0],
        "labels": size[1],
        "labels_per_record": Y.nnz / size[0],
        "equal": bool(equal),
        "seconds": seconds,
        "cpu_seconds": best_time(ours, Y, Z, repeats=20, clock=time.process_time),
        "times_faster_than_scikit_learn": seconds["scikit-learn"] / seconds["medrec"],
        "times_faster_than_scipy": seconds["scipy"] / seconds["medrec"],
        "times_one_read": seconds["medrec"] / seconds["read"],
        "peak_megabytes": memory(Y, Z) / 1e6,
    }


def bootstrap(rng, n_records, n_resamples):
    values = rng.random(n_records)
    return best_time(lambda: resampled_means(values, n_resamples=n_resamples), repeats=2)


def write_parquet(rng, folder, n_records, n_labels, mean, piece=250_000):
    """Files of lists of label numbers; the counts of what was written."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir()
    totals = None
    for number, start in enumerate(range(0, n_records, piece)):
        Y, Z = draw(rng, min(piece, n_records - start), n_labels, mean)
        part = overlap_counts(Y, Z).totals
        totals = part if totals is None else totals + part
        lists = [pa.ListArray.from_arrays(one.indptr, one.indices.astype(np.int16)) for one in (Y, Z)]
        table = pa.Table.from_arrays(lists, names=["truth", "predicted"])
        pq.write_table(table, folder / f"{number:05}.parquet", row_group_size=65_536)
    return totals


def stream(folder, n_labels):
    """Run in a process of its own: prints figures, seconds and peak memory."""
    before = peak_memory()
    start = time.perf_counter()
    figures = evaluate_parquet(folder, labels=n_labels, preset="sklearn")
    seconds = time.perf_counter() - start
    print(json.dumps({"figures": figures, "seconds": seconds, "start_gb": before, "peak_gb": peak_memory()}))


def measure_stream(rng, n_records, n_labels, mean):
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "records"
        totals = write_parquet(rng, folder, n_records, n_labels, mean)
        size = sum(file.stat().st_size for file in folder.iterdir())
        command = [sys.executable, __file__, "--stream", str(folder), str(n_labels)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    figures = found.pop("figures")
    equal = figures["records"] == n_records and all(
        figures[f"{metric}_{average}"] == getattr(totals, metric)(average, 0.0)
        for metric in ("jaccard", "f1")
        for average in AVERAGES
    )
    return {"records": n_records, "labels": n_labels, "file_megabytes": size / 1e6, "equal": equal, **found}


def commit():
    command = ["git", "describe", "--always", "--dirty"]
    found = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True)
    return found.stdout.strip() or None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="small sizes, seconds in all")
    parser.add_argument("--out", help="JSON file to write")
    parser.add_argument("--stream", nargs=2, metavar=("FOLDER", "LABELS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stream:
        stream(options.stream[0], int(options.stream[1]))
        return 0
    rng = np.random.default_rng(0)
    results = []
    titles = f"{'medrec s':>10} {'cpu s':>7} {'x sklearn':>10} {'x scipy':>8} {'reads':>6} {'MB':>6}  equal"
    print(f"{'records x labels':>20} {titles}")
    for size in SMOKE if options.smoke else SIZES:
        one = measure(rng, size)
        results.append(one)
        print(
            f"{size[0]:>11,} x {size[1]:>6,} {one['seconds']['medrec']:>10.4f} {one['cpu_seconds']:>7.4f} "
            f"{one['times_faster_than_scikit_learn']:>10.1f} {one['times_faster_than_scipy']:>8.1f} "
            f"{one['times_one_read']:>6.1f} {one['peak_megabytes']:>6.1f}  {one['equal']}",
            flush=True,
        )
    n_records, n_resamples = (10_000, 100) if options.smoke else (100_000, 1_000)
    seconds = bootstrap(rng, n_records, n_resamples)
    print(f"{n_resamples:,} resamples of {n_records:,} records: {seconds:.2f} s")
    streams = [
        measure_stream(rng, n, 651, 6.8) for n in ((20_000, 60_000) if options.smoke else (1_000_000, 10_000_000))
    ]
    for one in streams:
        print(
            f"{one['records']:,} records streamed from {one['file_megabytes']:.0f} MB of Parquet: "
            f"{one['seconds']:.2f} s, peak {one['peak_gb']:.2f} GiB ({one['start_gb']:.2f} before)  {one['equal']}"
        )
    if options.out:
        report = {
            "medrec": __version__,
            "commit": commit(),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
            "load": os.getloadavg()[0],
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "scikit-learn": sklearn.__version__,
            "numba": numba.__version__,
            "threads": numba.config.NUMBA_NUM_THREADS,
            "sizes": results,
            "streams": streams,
            "bootstrap": {"records": n_records, "resamples": n_resamples, "seconds": seconds},
        }
        with atomic_write(options.out) as file:
            file.write(json.dumps(report, indent=1) + "\n")
    return 0 if all(one["equal"] for one in results + streams) else 1


if __name__ == "__main__":
    sys.exit(main())
