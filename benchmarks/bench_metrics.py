"""Are the metrics exact, and what do they cost beside scikit-learn and sparse multiply-and-sum?

    python benchmarks/bench_metrics.py [--smoke] [--out FILE]

For each size: equality with scikit-learn's six scores (samples, micro and macro averages of Jaccard and F1)
and with ``scipy.sparse`` multiply-and-sum first, then the best time of a few runs of each, one read of the
index arrays, and the memory that ours takes beyond its inputs. Then 1,000 bootstrap resamples of 100,000 records.

Ends with status 1 if any number differs.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
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

from medrec._io import atomic_write
from medrec._version import __version__
from medrec.kernels import reference
from medrec.metrics import overlap_counts, resampled_means

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


def best_time(function, *arguments, repeats):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function(*arguments)
        times.append(time.perf_counter() - start)
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
        "medrec": best_time(ours, Y, Z, repeats=20),
        "scikit-learn": best_time(theirs, Y, Z, repeats=3),
        "scipy": best_time(multiply_and_sum, Y, Z, repeats=7),
        "read": best_time(read, Y, Z, repeats=20),
    }
    return {
        "records": size[0],
        "labels": size[1],
        "labels_per_record": Y.nnz / size[0],
        "equal": bool(equal),
        "seconds": seconds,
        "times_faster_than_scikit_learn": seconds["scikit-learn"] / seconds["medrec"],
        "times_faster_than_scipy": seconds["scipy"] / seconds["medrec"],
        "times_one_read": seconds["medrec"] / seconds["read"],
        "peak_megabytes": memory(Y, Z) / 1e6,
    }


def bootstrap(rng, n_records, n_resamples):
    values = rng.random(n_records)
    return best_time(lambda: resampled_means(values, n_resamples=n_resamples), repeats=2)


def commit():
    command = ["git", "describe", "--always", "--dirty"]
    found = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True)
    return found.stdout.strip() or None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="small sizes, seconds in all")
    parser.add_argument("--out", help="JSON file to write")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    results = []
    print(f"{'records x labels':>20} {'medrec s':>10} {'x sklearn':>10} {'x scipy':>8} {'reads':>6} {'MB':>6}  equal")
    for size in SMOKE if options.smoke else SIZES:
        one = measure(rng, size)
        results.append(one)
        print(
            f"{size[0]:>11,} x {size[1]:>6,} {one['seconds']['medrec']:>10.4f} "
            f"{one['times_faster_than_scikit_learn']:>10.1f} {one['times_faster_than_scipy']:>8.1f} "
            f"{one['times_one_read']:>6.1f} {one['peak_megabytes']:>6.1f}  {one['equal']}",
            flush=True,
        )
    n_records, n_resamples = (10_000, 100) if options.smoke else (100_000, 1_000)
    seconds = bootstrap(rng, n_records, n_resamples)
    print(f"{n_resamples:,} resamples of {n_records:,} records: {seconds:.2f} s")
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
            "bootstrap": {"records": n_records, "resamples": n_resamples, "seconds": seconds},
        }
        with atomic_write(options.out) as file:
            file.write(json.dumps(report, indent=1) + "\n")
    return 0 if all(one["equal"] for one in results) else 1


if __name__ == "__main__":
    sys.exit(main())
