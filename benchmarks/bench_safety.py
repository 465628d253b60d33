"""Is the safety filter exact, and how fast is it?

    python benchmarks/bench_safety.py [--cases 10000] [--milp 90] [--records 100000] [--smoke] [--out FILE]

1. Against brute force over all subsets: random graphs of up to 14 drugs with severities and drugs already
   taken, for the three kinds of limit. For a rate, batches of two records: the limit must hold, no choice
   with as few interacting pairs may be worth more, and the true optimum must lie within the stated gap.
2. Against integer programming (scipy.optimize.milp, HiGHS) on sets of up to 40 drugs.
3. Seconds for many records of 12 candidate drugs and a graph of density 0.1, audit included.

Ends with status 1 if any case differs.
"""

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path

import numpy as np
import scipy
import scipy.sparse as sp

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from medrec._io import atomic_write
from medrec._progress import progress
from medrec._version import __version__
from medrec.safety import DDIFilter, DDIGraph
from tests.safety.oracles import all_subsets, best_by_milp


def draw(rng, n_records):
    """Graph, sets of up to 14 drugs, scores (half the time with many ties) and drugs already taken."""
    n_labels = 18
    density = rng.uniform(0, 0.9)
    severity = np.triu(rng.integers(1, 5, (n_labels, n_labels)) * (rng.random((n_labels, n_labels)) < density), 1)
    graph = DDIGraph([f"d{i}" for i in range(n_labels)], severity + severity.T)
    Z, context = np.zeros((2, n_records, n_labels), dtype=np.uint8)
    for row, taken in zip(Z, context):
        order = rng.permutation(n_labels)
        row[order[: rng.integers(0, 15)]] = 1
        taken[order[15 : 15 + rng.integers(0, 4)]] = 1
    scores = rng.random(Z.shape) if rng.random() < 0.5 else rng.integers(0, 9, Z.shape) / 8
    return graph, Z, scores, context


def brute(graph, row, scores, taken):
    drugs = np.flatnonzero(row)
    return all_subsets(drugs, scores[drugs], graph.drug_drug.toarray(), np.flatnonzero(taken))


def check_severity(rng):
    """No pair at or above a severity."""
    graph, Z, scores, context = draw(rng, 1)
    severity = str(rng.choice(["minor", "moderate", "major"]))
    safe, audit = DDIFilter(graph, severity=severity).apply(Z, scores, context)
    greedy, _ = DDIFilter(graph, severity=severity, method="greedy").apply(Z, scores, context)
    utility, pairs, _ = brute(graph.floor(severity), Z[0], scores[0], context[0])
    best, reached = utility[pairs == 0].max(), (safe.toarray() * scores).sum()
    right = abs(reached - best) < 1e-9 and audit.attrs["pairs"] == 0
    return right and reached >= (greedy.toarray() * scores).sum() - 1e-9, 0.0


def check_pairs(rng):
    """At most k pairs a record."""
    graph, Z, scores, context = draw(rng, 1)
    max_pairs = int(rng.integers(0, 12))
    safe, audit = DDIFilter(graph, max_pairs).apply(Z, scores, context)
    greedy, _ = DDIFilter(graph, max_pairs, method="greedy").apply(Z, scores, context)
    _, other = DDIFilter(graph, max(0, max_pairs - 1)).apply(Z, scores, context)
    utility, pairs, _ = brute(graph, Z[0], scores[0], context[0])
    best, reached = utility[pairs <= max_pairs].max(), (safe.toarray() * scores).sum()
    right = abs(reached - best) < 1e-9 and other.attrs["pairs"] <= audit.attrs["pairs"] <= max_pairs
    return right and reached >= (greedy.toarray() * scores).sum() - 1e-9, 0.0


def check_rate(rng):
    """Rate of a batch of two records; the second value is the utility short of the true optimum, relative."""
    graph, Z, scores, context = draw(rng, 2)
    max_rate = float(rng.choice([0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 1.0]))
    safe, audit = DDIFilter(graph, max_rate=max_rate).apply(Z, scores, context)
    _, tighter = DDIFilter(graph, max_rate=max_rate / 2).apply(Z, scores, context)
    tables = []
    for row, score, taken in zip(Z, scores, context):
        utility, pairs, size = brute(graph, row, score, taken)
        key = pairs * 100 + size
        kinds, place = np.unique(key, return_inverse=True)
        top = np.full(len(kinds), -np.inf)
        np.maximum.at(top, place, utility)
        size = kinds % 100
        tables.append((top, kinds // 100, size * (size - 1) // 2 + size * int(taken.sum())))
    utility, pairs, possible = (np.add.outer(one, two) for one, two in zip(*tables))
    reached, n_pairs, gap = (safe.toarray() * scores).sum(), audit.attrs["pairs"], audit.attrs["gap"]
    optimum = utility[pairs <= max_rate * possible + 1e-12].max()
    right = (
        tighter.attrs["rate"] <= audit.attrs["rate"] <= max_rate
        and abs(reached - utility[pairs <= n_pairs].max()) < 1e-9
        and reached - 1e-9 <= optimum <= reached + gap + 1e-8
    )
    return right, (optimum - reached) / max(optimum, 1e-12)


def check_milp(rng, size, density, max_pairs):
    """One large set against HiGHS."""
    n_labels = 44
    adjacency = np.triu(rng.random((n_labels, n_labels)) < density, 1)
    adjacency |= adjacency.T
    graph = DDIGraph([f"d{i}" for i in range(n_labels)], adjacency.astype(np.int8))
    drugs, taken = np.arange(size), np.array([41, 43])
    Z, context = np.zeros((2, 1, n_labels), dtype=np.uint8)
    Z[0, drugs], context[0, taken] = 1, 1
    scores = rng.random((1, n_labels))
    start = time.perf_counter()
    safe, audit = DDIFilter(graph, max_pairs).apply(Z, scores, context)
    ours = time.perf_counter() - start
    start = time.perf_counter()
    best = best_by_milp(drugs, scores[0, drugs], adjacency, taken, max_pairs)
    theirs = time.perf_counter() - start
    reached = (safe.toarray() * scores).sum()
    return abs(reached - best) < 1e-6 and audit.attrs["pairs"] <= max_pairs, ours, theirs


def speed(n_records):
    """Seconds of each limit on records of 12 drugs."""
    rng = np.random.default_rng(0)
    n_labels = 651
    adjacency = np.triu(rng.random((n_labels, n_labels)) < 0.1, 1)
    graph = DDIGraph([f"d{i}" for i in range(n_labels)], (adjacency | adjacency.T).astype(np.int8))
    chosen = np.argpartition(rng.random((n_records, n_labels), dtype=np.float32), 12, axis=1)[:, :12]
    rows = np.repeat(np.arange(n_records), 12)
    Z = sp.csr_matrix((np.ones(rows.size, dtype=np.uint8), (rows, chosen.ravel())), shape=(n_records, n_labels))
    scores = rng.random((n_records, n_labels))
    total = float(Z.multiply(scores).sum())
    table = []
    for options in (
        {},
        {"max_pairs": 2},
        {"max_rate": 0.05},
        {"max_rate": 0.01},
        {"method": "greedy"},
        {"method": "greedy", "max_pairs": 2},
        {"method": "penalised", "penalty": 0.3},
    ):
        method = DDIFilter(graph, **options)
        method.apply(Z[:50], scores[:50])
        start = time.perf_counter()
        safe, audit = method.apply(Z, scores)
        seconds = time.perf_counter() - start
        name = ", ".join(f"{key}={value}" for key, value in options.items()) or "max_pairs=0"
        kept = float(safe.multiply(scores).sum()) / total
        table.append(
            {
                "limit": name,
                "seconds": seconds,
                "rate": audit.attrs["rate"],
                "utility_kept": kept,
                "gap": audit.attrs["gap"] / total,
            }
        )
    return table


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=10_000, help="graphs compared with brute force")
    parser.add_argument("--milp", type=int, default=90, help="sets compared with integer programming")
    parser.add_argument("--records", type=int, default=100_000, help="records of the speed table")
    parser.add_argument("--smoke", action="store_true", help="a few cases of everything, in seconds")
    parser.add_argument("--out", help="write the figures as JSON")
    options = parser.parse_args()
    if options.smoke:
        options.cases, options.milp, options.records = 90, 6, 2_000
    result = {
        "medrec": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "cpus": os.cpu_count(),
        "machine": platform.machine(),
    }
    wrong = 0
    print("Against brute force (all subsets, up to 14 drugs, severities, drugs already taken)")
    for name, check in (("severity", check_severity), ("pairs", check_pairs), ("rate", check_rate)):
        cases = range(options.cases // 3 + (name == "rate") * (options.cases % 3))
        found = [check(np.random.default_rng([1, len(name), case])) for case in progress(cases, desc=name)]
        bad = sum(not right for right, _ in found)
        short = [lost for _, lost in found]
        wrong += bad
        result[name] = {
            "cases": len(found),
            "differ": bad,
            "short_mean": float(np.mean(short)),
            "short_max": float(np.max(short)),
        }
        print(f"  {name:<9} {len(found):>6} cases, {bad} differ", end="")
        print(f"; short of the optimum: mean {np.mean(short):.2%}, most {np.max(short):.2%}" * (name == "rate"))
    found = []
    for case in progress(range(options.milp), desc="milp"):
        size, density = (20, 30, 40)[case % 3], (0.08, 0.2, 0.5)[case // 3 % 3]
        found.append(check_milp(np.random.default_rng([2, case]), size, density, (0, 2, 7)[case // 9 % 3]))
    bad = sum(not right for right, _, _ in found)
    wrong += bad
    ours, theirs = np.array([one[1:] for one in found]).T
    result["milp"] = {
        "cases": len(found),
        "differ": bad,
        "median_seconds": float(np.median(ours)),
        "median_seconds_milp": float(np.median(theirs)),
        "max_seconds": float(ours[1:].max()),
        "max_seconds_milp": float(theirs.max()),
    }
    print("Against integer programming (20 to 40 drugs)")
    print(f"  {len(found)} sets, {bad} differ; median {np.median(ours):.4f} s, HiGHS {np.median(theirs):.4f} s")
    result["speed"] = speed(options.records)
    print(f"{options.records:,} records × 12 drugs, 651 labels, density 0.1, with audit")
    print(f"  {'limit':<32}{'seconds':>9}{'DDI rate':>10}{'utility kept':>14}{'gap':>8}")
    for row in result["speed"]:
        print(
            f"  {row['limit']:<32}{row['seconds']:>9.2f}{row['rate']:>10.4f}"
            f"{row['utility_kept']:>14.4f}{row['gap']:>8.4f}"
        )
    if options.out:
        with atomic_write(options.out) as file:
            json.dump(result, file, indent=1)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
