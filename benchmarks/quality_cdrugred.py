"""Part cdrugred: generated discharge records at the official sizes; cost, feature groups, drugs never seen."""

import re
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from common import machine
from quality_run import DASH, Outcome, Run, Scored, Timer, row

from medrec.datasets import Dataset, load
from medrec.datasets.synthetic import SHARES, make_records, split_records
from medrec.features import RecordVectorizer
from medrec.recommenders import PairBooster, StackedRecommender
from medrec.recommenders.stacked import DEFAULT_BASES

TESTS = ("test-A", "test-B")
FIGURES = ("Jaccard", "F1")
MAIN, ALL = "stacked", "all features, plug-in decision"
"""The stack as it is, and what each ablation is compared with."""
NAMES = r"(named|said):.*|share|first"
VARIANTS: dict[str, dict[str, Any]] = {
    MAIN: {},
    ALL: {},
    "without names": {"drop": NAMES},
    "without aliases": {"aliases": False},
    "without contexts": {"drop": r"said:.*"},
    "without sections": {"drop": r"named:.*"},
    "without share and first": {"drop": "share|first"},
    "without char n-grams": {"drop": r"(?!出院诊断).*:char"},
    "without words": {"drop": r".*:word"},
    "without codes": {"drop": r"出院诊断:.*|.*:(code|prefix)"},
    "without numbers": {"drop": r".*:(number|age|year)"},
    "without categories": {"drop": r".*:is"},
    "without context columns": {"n_context": 0},
    "without the pair model": {"pairs": PairBooster(n_estimators=0)},
    "without linear bases": {"bases": tuple(base for base in DEFAULT_BASES if base not in ("logistic", "svm"))},
    "without boosting": {"bases": tuple(base for base in DEFAULT_BASES if base != "lightgbm-fast")},
    "without neighbours": {"bases": tuple(base for base in DEFAULT_BASES if base != "neighbors")},
}
"""Blocks of columns that are dropped (a pattern of whole names), aliases, and options of the recommender."""
FIT_SECONDS, PREDICT_SECONDS, PEAK_GIB, RECALL = 600.0, 30.0, 6.0, 0.3


def parts_of(smoke: bool) -> tuple[dict[str, Dataset], Any]:
    """Training and test parts with all candidates as labels."""
    count = 90 if smoke else sum(SHARES.values())
    data = load(f"synthetic:records={count},seed=0")
    of_visit = {
        str(record["就诊标识"]): name
        for name, records in split_records(make_records(count, seed=0), seed=0).items()
        for record in records
    }
    part = np.asarray([of_visit[visit] for visit in data.ids])
    return {name: data.subset(part == name) for name in SHARES}, data.aliases


def cell(words: Sequence[str], jobs: int, smoke: bool) -> Outcome:
    (variant,) = words
    parts, aliases = parts_of(smoke)
    options = dict(VARIANTS[variant]) if variant == MAIN else {"decision": "expected-jaccard", **VARIANTS[variant]}
    drop = re.compile(options.pop("drop", r"\Z."))
    train = parts["train"]
    features = RecordVectorizer(
        train.schema, drug_names=train.drug_names, aliases=aliases if options.pop("aliases", True) else None
    )
    if smoke:
        options.setdefault("bases", ("logistic",))
    timer = Timer()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        X = features.fit_transform(train.records, train.Y, train.groups)
        kept, labelled = remaining(features, drop)
        options["memory"] = None if variant == MAIN or smoke else kept_bases()
        model = StackedRecommender(label_blocks=labelled, drug_names=train.drug_names, n_jobs=jobs, **options)
        model.fit(X[:, kept], train.Y, groups=train.groups)
        timer.stop("fit")
        scored, never = {}, {}
        for name in TESTS:
            timer.mark()
            test = parts[name]
            X_test = features.transform(test.records)
            scores = model.predict_proba(X_test[:, kept])
            sets = model.decide(scores)[0]
            timer.stop(f"predict_{name}")
            scored[name] = Scored.of(test.Y, sets, scores, test.groups)
            never[name] = never_seen(features, train, test, X_test, sets)
    cost = timer.figures
    cost["predict_seconds"] = sum(cost[f"predict_{name}_seconds"] for name in TESTS)
    return Outcome({**cost, "never_seen": never, "columns": len(kept), "trained_on": len(train)}, scored)


def kept_bases() -> str:
    """Folder of the bases that variants share, one for each commit; the main row is timed without it."""
    return str(Path(tempfile.gettempdir()) / f"medrec-bases-{machine()['commit']}")


def remaining(features: RecordVectorizer, drop: re.Pattern[str]) -> tuple[np.ndarray, list[str]]:
    """The columns that are kept, and the names of the label blocks among them."""
    blocks = {**features.blocks_, **features.label_blocks_}
    kept = [name for name in blocks if not drop.fullmatch(name)]
    columns = [np.arange(blocks[name].start, blocks[name].stop) for name in kept]
    return np.concatenate(columns), [name for name in kept if name in features.label_blocks_]


def never_seen(features: RecordVectorizer, train: Dataset, test: Dataset, X_test: Any, sets: Any) -> dict[str, int]:
    """Drugs that no training record has: how many test records were given them, how many of these name them, how
    many of those are found; and how often they are recommended at all."""
    new = np.asarray(train.Y.sum(axis=0)).ravel() == 0
    named = sum(X_test[:, block] for name, block in features.label_blocks_.items() if name.startswith("named:")) > 0
    true = test.Y[:, new].toarray() > 0
    named, found = named[:, new].toarray(), sets[:, new].toarray() > 0
    return {
        "drugs": int(new.sum()),
        "given": int(true.sum()),
        "given_and_named": int((true & named).sum()),
        "found": int((true & named & found).sum()),
        "recommended": int(found.sum()),
    }


def run(run: Run, jobs: int) -> None:
    cells = {variant: run.get("cdrugred", variant, variants=TESTS) for variant in wanted(run)}
    for name in TESTS:
        rows = []
        whole = run.scored("cdrugred", ALL, variant=name)
        for variant, one in cells.items():
            scored = run.scored("cdrugred", variant, variant=name)
            line = row(variant, scored, one, FIGURES)
            score = DASH if scored is None else f"{(scored.mean('Jaccard') + scored.mean('F1')) / 2:.3f}"
            change = DASH
            if scored is not None and whole is not None and variant not in (MAIN, ALL):
                change = scored.minus(whole)[1]
            rows.append({"model": line.pop("model"), "score": score, "Jaccard minus all features": change, **line})
        run.show(
            f"GENERATED records (not CDrugRed), sizes of the official parts, 651 drugs, seed 0: {name}; "
            "score is the mean of Jaccard and F1; variants on the same columns share their bases, so that only the "
            "first of them fits them",
            rows,
        )
    rows = []
    for variant, one in cells.items():
        for name, count in one.get("never_seen", {}).items():
            recall = count["found"] / count["given_and_named"] if count["given_and_named"] else float("nan")
            rows.append({"model": variant, "part": name, **count, "recall": recall})
    run.show("GENERATED records: drugs that no training record has", rows)
    run.say("\nGenerated records show cost and that features work as they should; they say nothing of real records.")
    one = cells[MAIN]
    failed = "error" in one
    own = one.get("jobs", jobs)
    run.limit(f"generated, {MAIN}: seconds of fit, {own} core(s)", None if failed else one["fit_seconds"], FIT_SECONDS)
    run.limit(f"generated, {MAIN}: GiB at most", None if failed else one["peak_gib"], PEAK_GIB)
    seconds = None if failed else max(one[f"predict_{name}_seconds"] for name in TESTS)
    run.limit(f"generated, {MAIN}: seconds of prediction, the longer part", seconds, PREDICT_SECONDS)
    counts = {
        key: sum(part[key] for part in one.get("never_seen", {}).values()) for key in ("found", "given_and_named")
    }
    recall = counts["found"] / counts["given_and_named"] if counts["given_and_named"] else None
    run.target(f"generated, {MAIN}: recall of drugs never seen that the text names, both parts", recall, RECALL)


def wanted(run: Run) -> list[str]:
    return [MAIN, ALL, "without names"] if run.smoke else list(VARIANTS)
