"""Folds by patient with every drug in each, beside the splitters that people use for records with many labels.

    python benchmarks/bench_splits.py [--only large small real] [--limit SECONDS] [--smoke] [--out FOLDER]

1. large: 100,000 generated records of 40,000 patients x 651 labels in 5 folds (about 6 labels a record, their
   frequencies by Zipf and Mandelbrot, a patient's visits alike), and 1,000,000 records for ours.
2. small: 10,000 records of 4,000 patients, at which the slow ones end too; what they would take for the large ones is
   extrapolated from two sizes, and said to be so.
3. real: UCI diabetes and CodiEsp, most of whose 1,767 codes stand in one to four records, so that no folds can be even.

Each splitter runs in a process of its own under a time limit, on one core; processor time stands beside the clock's,
which a shared machine stretches. Compiling, which happens once on a machine, is in neither; the note says what the
first call took. StratifiedGroupKFold refuses many labels: it is given each record's rarest label as its class.
MultilabelStratifiedKFold and IterativeStratification know no patients; the first also runs on a row for each patient
(the union of the visits), which keeps patients apart.

rate deviation: mean over labels and folds of |rate in the test part - rate in all|. floor: what that cannot be under in
folds of equal size, because records are whole. LD: as the rate deviation, of odds (Sechidis et al. 2011). absent:
labels that some fold lacks, of those with a patient for each fold. Ends with status 1 where ours shares a patient, is
not below half of the rate deviation (above the floor) of every plain grouped split, lacks a label (on CodiEsp, whose
labels may not all fit at once: more than a tenth of GroupKFold's) or, at the large size, takes 10 s.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from common import DATA, peak_memory, run_cell, show, write_result
from sklearn.model_selection import GroupKFold, GroupShuffleSplit, KFold, StratifiedGroupKFold

from medrec.datasets import load
from medrec.tuning import GroupedIterativeSplit, describe_folds

FOLDS, LABELS = 5, 651
SIZES = {"large": 100_000, "small": 10_000, "half": 5_000, "largest": 1_000_000, "smoke": 300}
LIMIT_OURS = 10.0
OURS = "GroupedIterativeSplit"
PLAIN = ("GroupKFold", "GroupKFold, shuffled", "GroupShuffleSplit")
"""Splitters that look at patients and not at labels."""
SLOW = ("IterativeStratification, order 1", "IterativeStratification, order 2")
"""Splitters that do not run on the large records."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=("large", "small", "real"), default=("large", "small", "real"))
    parser.add_argument("--limit", type=float, default=300.0, help="seconds of one splitter")
    parser.add_argument("--smoke", action="store_true", help="a few records, to see that it runs")
    parser.add_argument("--out", type=Path, help="folder for JSON")
    parser.add_argument("--cell", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--jobs", type=int, help=argparse.SUPPRESS)
    parsed = parser.parse_args()
    if parsed.cell:
        print(json.dumps(cell(*parsed.cell)))
        return 0

    def run(splitter, source):
        if parsed.smoke:
            return cell(splitter, source)
        return run_cell(Path(__file__).resolve(), [splitter, source], cores=1, timeout=parsed.limit)

    tables, wrong = {}, []
    if parsed.smoke:
        tables["300 records"] = [row(splitter, run(splitter, "smoke")) for splitter in SPLITTERS]
    else:
        if "large" in parsed.only:
            tables["100,000 records"] = [row(one, run(one, "large")) for one in SPLITTERS if one not in SLOW]
            tables["1,000,000 records"] = [row(one, run(one, "largest")) for one in (OURS, "GroupKFold")]
        if "small" in parsed.only:
            tables["10,000 records"] = small(run)
        if "real" in parsed.only:
            tables.update(real(run))
    for title, rows in tables.items():
        show(title, rows)
        wrong += check(title, rows, parsed.smoke)
    write_result(parsed.out, "splits", smoke=parsed.smoke, wrong=wrong, tables=tables)
    for line in wrong:
        print(f"WRONG: {line}", file=sys.stderr)
    return 1 if wrong else 0


def small(run):
    """All splitters on the small records; seconds at the large size extrapolated for those that do not run there."""
    rows = []
    for splitter in SPLITTERS:
        found, extrapolated = run(splitter, "small"), "above"
        if splitter in SLOW:
            half = run(splitter, "half")
            extrapolated = "-"
            if "error" not in found and "error" not in half:
                growth = max(1.0, float(np.log2(found["cpu"] / half["cpu"])))
                extrapolated = f"{found['cpu'] * (SIZES['large'] / SIZES['small']) ** growth:.3g}, extrapolated"
        rows.append({**row(splitter, found), "CPU s at 100,000": extrapolated})
    return rows


def real(run):
    """Ours beside plain folds and stratified ones on public records."""
    tables = {}
    for source, path in (("uci-diabetes", DATA / "uci_diabetes130"), ("codiesp", DATA / "codiesp")):
        if not path.exists():
            print(f"{source} left out: {path} is absent", file=sys.stderr)
            continue
        tables[source] = [row(splitter, run(splitter, source)) for splitter in SPLITTERS]
    return tables


def check(title, rows, smoke):
    """What is not as it should be, a line each."""
    found = {one["splitter"]: one for one in rows}
    ours, wrong = found[OURS], []
    if ours["seconds"] == "-":
        return [f"{title}: {ours['note']}"]
    if ours["shared patients"]:
        wrong.append(f"{title}: {ours['shared patients']} patients are in two folds")
    if smoke:
        return wrong
    for plain in filter(found.__contains__, PLAIN):
        other = found[plain]
        if not ours["x1000 rate deviation"] - ours["floor"] < (other["x1000 rate deviation"] - other["floor"]) / 2:
            wrong.append(f"{title}: rate deviation is not below half of {plain}'s")
    if ours["absent"] > (found["GroupKFold"]["absent"] / 10 if title == "codiesp" else 0):
        wrong.append(f"{title}: {ours['absent']} labels are absent from a fold")
    if title == "100,000 records" and ours["seconds"] >= LIMIT_OURS:
        wrong.append(f"{title}: {ours['seconds']:.1f} s, not under {LIMIT_OURS:.0f}")
    return wrong


def row(splitter, found):
    """A line of a table."""
    if "error" in found:
        return {"splitter": splitter, **dict.fromkeys(COLUMNS, "-"), "note": found["error"]}
    return {
        "splitter": splitter,
        "seconds": round(found["seconds"], 3),
        "CPU s": round(found["cpu"], 3),
        "GiB": found["peak_gib"],
        "shared patients": found["shared_patients"],
        "x1000 rate deviation": 1000 * found["rate_deviation"],
        "floor": 1000 * found["floor"],
        "x1000 LD": 1000 * found["label_distribution"],
        "absent": found["absent_labels"],
        "sizes": f"{found['smallest']:,}-{found['largest']:,}",
        "note": found["note"],
    }


COLUMNS = (
    "seconds",
    "CPU s",
    "GiB",
    "shared patients",
    "x1000 rate deviation",
    "floor",
    "x1000 LD",
    "absent",
    "sizes",
    "note",
)


def cell(splitter, source):
    """Split in this process: seconds after a first, small call, and what the folds are like."""
    Y, groups = read(source)
    make, note = SPLITTERS[splitter]
    start = time.perf_counter()
    if splitter.startswith(OURS):
        make(Y[:20], np.arange(20))
        note = f"first call {time.perf_counter() - start:.1f} s{note and ', '}{note}"
    start, busy = time.perf_counter(), time.process_time()
    folds = make(Y, groups)
    seconds, cpu = time.perf_counter() - start, time.process_time() - busy
    tested = np.sort(np.concatenate([test for _, test in folds]))
    if splitter != "GroupShuffleSplit" and not np.array_equal(tested, np.arange(len(groups))):
        note += "; not a partition"
    measured = {"seconds": seconds, "cpu": cpu, "peak_gib": peak_memory(), "note": note, "floor": floor(Y)}
    return {**measured, **describe_folds(folds, Y, groups)}


def floor(Y):
    """The least rate deviation of folds of equal size: those that hold one record more and those that do not."""
    held = np.bincount(Y.indices, minlength=Y.shape[1])
    more = held[held > 0] % FOLDS
    return float((2 * more * (1 - more / FOLDS)).mean() / Y.shape[0])


def read(source):
    """Sets and patients of a source by its name."""
    if source in SIZES:
        return generated(SIZES[source])
    if source == "uci-diabetes":
        data = load(f"uci-diabetes:{DATA / 'uci_diabetes130'}")
    else:
        data = load(f"codiesp:{DATA / 'codiesp' / 'train.jsonl.gz'}")
    return data.Y, np.arange(len(data)) if data.groups is None else np.unique(data.groups, return_inverse=True)[1]


def generated(n_records, seed=0):
    """Sets of about 6 of 651 labels; 0.4 patients a record, who keep a pool of six usual labels."""
    rng = np.random.default_rng(seed)
    n_patients = int(0.4 * n_records)
    groups = np.concatenate([np.arange(n_patients), rng.integers(0, n_patients, n_records - n_patients)])
    rates = (np.arange(LABELS) + 16.0) ** -2.2
    rates /= rates.sum()
    pool = rng.choice(LABELS, (n_patients, 6), p=rates)
    rows = np.repeat(np.arange(n_records), 1 + rng.poisson(5.5, n_records))
    columns = rng.choice(LABELS, len(rows), p=rates)
    usual = rng.random(len(rows)) < 0.6
    columns[usual] = pool[groups[rows[usual]], rng.integers(0, 6, usual.sum())]
    Y = sp.csr_matrix((np.ones(len(rows), dtype=np.uint8), (rows, columns)), (n_records, LABELS))
    Y.data[:] = 1
    return Y, groups


def _split(cv, Y, groups):
    return list(cv.split(np.zeros(Y.shape[0]), Y, groups))


def _rarest(Y, groups):
    """StratifiedGroupKFold on the rarest label of each record."""
    rarest = np.asarray(
        (Y != 0).multiply(1.0 / np.maximum(1, np.bincount(Y.indices, minlength=Y.shape[1]))).argmax(axis=1)
    )
    cv = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    return list(cv.split(np.zeros(Y.shape[0]), rarest.ravel(), groups))


def _iterstrat(Y, groups):
    from iterstrat.ml_stratifiers import MultilabelStratifiedKFold

    cv = MultilabelStratifiedKFold(FOLDS, shuffle=True, random_state=0)
    return list(cv.split(np.zeros(Y.shape[0]), Y.toarray()))


def _iterstrat_patients(Y, groups):
    n_patients = groups.max() + 1
    member = sp.csr_matrix((np.ones(len(groups)), (groups, np.arange(len(groups)))), (n_patients, len(groups)))
    sets = sp.csr_matrix((member @ Y > 0).astype(np.uint8))
    fold = np.empty(n_patients, dtype=int)
    for at, (_, test) in enumerate(_iterstrat(sets, None)):
        fold[test] = at
    return [(np.flatnonzero(fold[groups] != at), np.flatnonzero(fold[groups] == at)) for at in range(FOLDS)]


def _multilearn(Y, order):
    from skmultilearn.model_selection import IterativeStratification

    np.random.seed(0)  # noqa: NPY002  given random_state= it shuffles, after which its folds are like KFold's
    return list(IterativeStratification(FOLDS, order=order).split(np.zeros(Y.shape[0]), Y.toarray()))


SPLITTERS = {
    OURS: (lambda Y, groups: _split(GroupedIterativeSplit(FOLDS), Y, groups), ""),
    "GroupKFold": (lambda Y, groups: _split(GroupKFold(FOLDS), Y, groups), "labels not looked at"),
    "GroupKFold, shuffled": (
        lambda Y, groups: _split(GroupKFold(FOLDS, shuffle=True, random_state=0), Y, groups),
        "labels not looked at",
    ),
    "GroupShuffleSplit": (
        lambda Y, groups: _split(GroupShuffleSplit(FOLDS, test_size=1 / FOLDS, random_state=0), Y, groups),
        "labels not looked at; test parts overlap",
    ),
    "StratifiedGroupKFold": (_rarest, "refuses many labels; on each record's rarest label"),
    "MultilabelStratifiedKFold on patients": (_iterstrat_patients, "iterative-stratification, a row a patient"),
    "GroupedIterativeSplit without patients": (
        lambda Y, groups: _split(GroupedIterativeSplit(FOLDS), Y, None),
        "patients not looked at",
    ),
    "KFold": (
        lambda Y, groups: _split(KFold(FOLDS, shuffle=True, random_state=0), Y, None),
        "patients and labels not looked at",
    ),
    "MultilabelStratifiedKFold": (_iterstrat, "iterative-stratification; patients not looked at"),
    "IterativeStratification, order 1": (
        lambda Y, groups: _multilearn(Y, 1),
        "scikit-multilearn-ng; patients not looked at",
    ),
    "IterativeStratification, order 2": (
        lambda Y, groups: _multilearn(Y, 2),
        "scikit-multilearn-ng, as its iterative_train_test_split; patients not looked at",
    ),
}
"""From sets and patients to folds, by name, and what is to be said of it."""


if __name__ == "__main__":
    sys.exit(main())
