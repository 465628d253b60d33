"""Is the safety filter exact, how fast is it, and what does it cost on real data?

    python benchmarks/bench_safety.py [--cases 10000] [--milp 90] [--records 100000] [--smoke] [--out FOLDER]
        [--only exact graphs speed dialmed]

1. exact: against brute force over all subsets, so many cases for each of the three kinds of limit: random graphs of up
   to 14 drugs with severities, severity floors and drugs already taken. For a rate, batches of two records: the limit
   must hold, no choice with as few interacting pairs may be worth more, and the true optimum must lie within the
   stated gap. Then against integer programming (scipy.optimize.milp, HiGHS) on sets of up to 40 drugs.
2. graphs: tables that are wrong in some way, and what becomes of them.
3. speed: seconds for many records of 12 candidate drugs and a graph of density 0.1, audit included.
4. dialmed: DialMed with its own interactions, five folds: the rate of what doctors prescribed and of each model before
   and after, without interactions and with no more of them than doctors prescribed, and the Jaccard that it costs,
   with a 95 % interval of the same records (paired bootstrap). Without interactions also two other ways to choose:
   log-odds instead of scores as the utility, and the freed places given to the next best that interact with nothing.

The real data is looked for in MEDREC_DATA (default: ../shared/data). Ends with status 1 if anything differs.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from common import DATA, show, write_result

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from medrec._progress import progress
from medrec.datasets import load
from medrec.metrics import compare, ddi_rate, overlap_counts
from medrec.recommenders import make_recommender
from medrec.safety import DDIFilter, DDIGraph, JointDecision
from medrec.tuning import cross_decide
from tests.safety.oracles import all_subsets, best_by_milp

FLOORS = (None, "minor", "moderate", "major")
MODELS = {"prior": "prior", "binary relevance, logistic": "binary-relevance", "chain, logistic": "chain"}
LOST = 0.002
"""Samples Jaccard that the exact filter should lose at most on DialMed; more is said."""


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
    max_pairs, severity = int(rng.integers(0, 12)), FLOORS[rng.integers(0, 4)]
    safe, audit = DDIFilter(graph, max_pairs, severity=severity).apply(Z, scores, context)
    greedy, _ = DDIFilter(graph, max_pairs, severity=severity, method="greedy").apply(Z, scores, context)
    _, other = DDIFilter(graph, max(0, max_pairs - 1), severity=severity).apply(Z, scores, context)
    utility, pairs, _ = brute(graph.floor(severity), Z[0], scores[0], context[0])
    best, reached = utility[pairs <= max_pairs].max(), (safe.toarray() * scores).sum()
    right = abs(reached - best) < 1e-9 and other.attrs["pairs"] <= audit.attrs["pairs"] <= max_pairs
    return right and reached >= (greedy.toarray() * scores).sum() - 1e-9, 0.0


def check_rate(rng):
    """Rate of a batch of two records; the second value is the utility short of the true optimum, relative."""
    graph, Z, scores, context = draw(rng, 2)
    max_rate, severity = float(rng.choice([0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 1.0])), FLOORS[rng.integers(0, 4)]
    safe, audit = DDIFilter(graph, max_rate=max_rate, severity=severity).apply(Z, scores, context)
    _, tighter = DDIFilter(graph, max_rate=max_rate / 2, severity=severity).apply(Z, scores, context)
    graph = graph.floor(severity)
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


def wrong_graphs():
    """Tables that are wrong in some way: what was made of them, and whether it is what the documentation says."""
    names = ["aspirin", "heparin", "warfarin"]
    major = [("aspirin", "warfarin", "major")]

    def counted(pairs, key, count, n_pairs=1):
        graph = DDIGraph.from_edges(names, pairs)
        return f"{key}: {graph.report()[key]}", graph.report()[key] == count and graph.n_pairs == n_pairs

    def refused(make, words):
        try:
            make()
        except ValueError as error:
            return str(error), words in str(error)
        return "taken", False

    def turned():
        graph = DDIGraph.from_edges(names[::-1], major)
        safe, _ = DDIFilter(graph).apply([[1, 1, 1]], [[0.9, 0.5, 0.4]], drug_names=names)
        return f"aligned by name: {safe.toarray().tolist()}", safe.toarray().tolist() == [[1, 1, 0]]

    highest = DDIGraph.from_edges(names, [*major, ("warfarin", "aspirin", "minor")]).pairs()["severity"].tolist()
    cases = {
        "a name that is no label": counted([*major, ("aspirin", "alcohol")], "unmatched_names", 1),
        "a pair in one direction": counted(major, "completed", 1),
        "a drug with itself": counted([*major, ("aspirin", "aspirin")], "self_pairs", 1),
        "two severities of a pair": counted([*major, ("warfarin", "aspirin", "minor")], "severity_conflicts", 1),
        "the severity that holds": (str(highest), highest == ["major"]),
        "a severity that is none": refused(lambda: DDIGraph.from_edges(names, [(*major[0][:2], "bad")]), "got 'bad'"),
        "a matrix that is not symmetric": refused(lambda: DDIGraph(["a", "b"], [[0, 1], [0, 0]]), "symmetric"),
        "a graph in another label order": turned(),
        "a graph of fewer labels": refused(
            lambda: DDIFilter(DDIGraph(["a"], [[0]])).apply([[1, 1]], [[0.5, 0.5]]), "must have 1 labels"
        ),
    }
    return [{"input": name, "what became of it": text, "right": right} for name, (text, right) in cases.items()]


def dialmed(smoke):
    """Rates and Jaccard of DialMed's models before and after, a row for each model, limit and method."""
    path = DATA / "dialmed" / "dev.txt"
    if not path.exists():
        print(f"DialMed left out: {path} is absent", file=sys.stderr)
        return []
    data = load(f"dialmed:{path}", masks="drop")
    graph = DDIGraph.from_edges(data.drug_names, data.ddi)
    if smoke:
        data = data.subset(range(200))
    doctors = ddi_rate(data.Y, graph)
    rows = [
        {
            "model": "doctors",
            "limit": "",
            "method": "",
            **_row(data, data.Y, data.Y, graph),
            "scores kept": "",
            "gap": "",
        }
    ]
    for title, model in MODELS.items():
        if smoke and model == "chain":
            continue
        more = {} if model == "prior" else {"n_jobs": 1}

        def make(model=model, more=more):
            return make_recommender(model, schema=data.schema, drug_names=data.drug_names, **more)

        scores, _, sets = cross_decide(make, data, n_splits=2 if smoke else 5)
        for limit, most in (("none", 0.0), ("as doctors", doctors)):
            for method, found, gap in within(scores, data.Y, sets, graph, most):
                kept = float(found.multiply(scores).sum()) / float(sets.multiply(scores).sum())
                row = {"model": title, "limit": limit, "method": method, **_row(data, sets, found, graph)}
                rows.append({**row, "scores kept": f"{kept:.3%}", "gap": "" if gap is None else round(gap, 4)})
    return rows


def within(scores, Y, sets, graph, most):
    """The sets of each method that lose least of what it can lose while the rate is at most ``most``, and the gap."""
    exact, audit = DDIFilter(graph, max_rate=most).apply(sets, scores)
    yield "exact", exact, audit.attrs["gap"]
    if most == 0:
        yield "exact, log-odds", DDIFilter(graph, utility=log_odds).keep_best(sets, scores), None
        yield "exact, refilled", refilled(sets, exact, scores, graph), None
    counts = range(int(graph.count_pairs(sets).max(initial=0)), -1, -1)
    greedy = (DDIFilter(graph, k, method="greedy").keep_best(sets, scores) for k in counts)
    yield "greedy", next(found for found in greedy if ddi_rate(found, graph) <= most), None

    def penalised(price):
        return DDIFilter(graph, method="penalised", penalty=price).keep_best(sets, scores)

    def joint(price):
        return JointDecision(graph, penalty=price).fit(scores, Y).apply(scores)

    for name, solve in (("penalised", penalised), ("joint", joint)):
        low, high = 0.0, 1.01  # no drug and no set is worth more than 1
        for _ in range(20):
            middle = (low + high) / 2
            low, high = (low, middle) if ddi_rate(solve(middle), graph) <= most else (middle, high)
        yield name, solve(high), None


def log_odds(scores):
    """Log-odds above those of one in a million, so that none is negative."""
    clipped = np.clip(scores, 1e-6, 1 - 1e-6)
    return np.log(clipped / (1 - clipped)) - np.log(1e-6 / (1 - 1e-6))


def refilled(before, after, scores, graph):
    """``after`` with the best drugs that interact with nothing there, up to the sizes of ``before``."""
    dense, interacts = after.toarray().astype(bool), graph.drug_drug.toarray()
    for row, score, size in zip(dense, scores, np.diff(before.indptr)):
        for drug in np.argsort(-score, kind="stable"):
            if row.sum() >= size:
                break
            row[drug] |= not (interacts[drug] & row).any()
    return sp.csr_matrix(dense.astype(np.uint8))


def _row(data, before, after, graph):
    first, last = overlap_counts(data.Y, before), overlap_counts(data.Y, after)
    lost = compare(first.per_record("jaccard"), last.per_record("jaccard"), data.groups, n_resamples=2000)
    return {
        "DDI before": f"{ddi_rate(before, graph):.2%}",
        "DDI after": f"{ddi_rate(after, graph):.2%}",
        "Jaccard before": round(first.jaccard(), 4),
        "Jaccard after": round(last.jaccard(), 4),
        "Jaccard lost": round(first.jaccard() - last.jaccard(), 5),
        "95 %": " to ".join(f"{end:.4f}" for end in lost.interval),
        "F1 lost": round(first.f1() - last.f1(), 5),
        "drugs removed": before.nnz - int(before.multiply(after).sum()),
    }


def exactness(n_cases, n_milp):
    """Figures against brute force and integer programming, and how many cases differ."""
    result, wrong = {}, 0
    print("Against brute force (all subsets, up to 14 drugs, severities, drugs already taken)")
    for name, check in (("severity", check_severity), ("pairs", check_pairs), ("rate", check_rate)):
        found = [check(np.random.default_rng([1, len(name), case])) for case in progress(range(n_cases), desc=name)]
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
    for case in progress(range(n_milp), desc="milp"):
        size, density = (20, 30, 40)[case % 3], (0.08, 0.2, 0.5)[case // 3 % 3]
        found.append(check_milp(np.random.default_rng([2, case]), size, density, (0, 2, 7)[case // 9 % 3]))
    bad = sum(not right for right, _, _ in found)
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
    return result, wrong + bad


def main():
    parts = ("exact", "graphs", "speed", "dialmed")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--cases", type=int, default=10_000, help="graphs compared with brute force, each kind of limit"
    )
    parser.add_argument("--milp", type=int, default=90, help="sets compared with integer programming")
    parser.add_argument("--records", type=int, default=100_000, help="records of the speed table")
    parser.add_argument("--only", nargs="+", choices=parts, default=parts)
    parser.add_argument("--smoke", action="store_true", help="a few cases of everything, in seconds")
    parser.add_argument("--out", type=Path, help="folder for JSON")
    options = parser.parse_args()
    if options.smoke:
        options.cases, options.milp, options.records = 30, 6, 2_000
    result, wrong = {}, 0
    if "exact" in options.only:
        result["exact"], wrong = exactness(options.cases, options.milp)
    if "graphs" in options.only:
        result["graphs"] = wrong_graphs()
        wrong += sum(not row["right"] for row in result["graphs"])
        show("Tables that are wrong", result["graphs"])
    if "speed" in options.only:
        result["speed"] = speed(options.records)
        show(f"{options.records:,} records of 12 drugs, 651 labels, density 0.1, with audit", result["speed"])
    if "dialmed" in options.only:
        result["dialmed"] = dialmed(options.smoke)
        show("DialMed with its own interactions, folds", result["dialmed"])
        for row in result["dialmed"]:
            if row["method"] == "exact" and row["Jaccard lost"] >= LOST:
                print(f"{row['model']}, {row['limit']}: loses {row['Jaccard lost']}, more than the aim of {LOST}")
    write_result(options.out, "safety", smoke=options.smoke, wrong=wrong, **result)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
