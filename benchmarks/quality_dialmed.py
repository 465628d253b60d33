"""Part dialmed: five folds of the development split, masks dropped and kept, and how quality grows with the data."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from common import DATA
from quality_run import DASH, Outcome, Run, Scored, fit_and_score, row
from recommenders_models import there

from medrec.datasets import Dataset, load
from medrec.decision import Cardinality, ExpectedJaccard
from medrec.recommenders import LinearBase, make_recommender
from medrec.recommenders.folds import patient_folds

MODELS = {
    "prior": {"model": "prior"},
    "binary relevance, logistic": {"model": "binary-relevance", "base": "logistic"},
    "binary relevance, svm": {"model": "binary-relevance", "base": "svm"},
    "stacked": {"model": "stacked"},
    "stacked, with XGBoost": {
        "model": "stacked",
        "bases": (
            LinearBase(loss="squared_hinge", C=3.0, normalize=True, tol=1e-3, dtype="float32"),
            "neighbors",
            "lightgbm-fast",
            "xgboost-fast",
        ),
    },
}
CURVE = ("binary relevance, logistic", "stacked")
SHARES = (25, 50, 100)
"""Per cent of each training fold."""
FOLDS, PUBLISHED_RECORDS = 5, 9605
"""Folds of the development split; dialogues that the published models were trained on."""
FIGURES = ("Jaccard", "F1", "micro Jaccard", "micro F1")
GIVEN, EXACT, PLUG_IN = "number given", "exact expected Jaccard", "plug-in expected Jaccard"
"""Decisions on the same scores, beside the default."""
TARGETS = {
    "dropped": {"Jaccard": 0.36, "F1": 0.445},
    "kept": {"Jaccard": 0.385, "F1": 0.45, "micro Jaccard": 0.315},
}


def data_of(masks: str, smoke: bool) -> Dataset:
    if not smoke:
        return load(f"dialmed:{there(DATA / 'dialmed' / 'dev.txt')}", masks={"dropped": "drop", "kept": "keep"}[masks])
    made = load("synthetic:records=90,seed=0")
    often = np.argsort(-np.asarray(made.Y.sum(axis=0)).ravel(), kind="stable")[:8]
    records = made.records[["出院诊断"]].assign(mask_count=np.diff(made.Y[:, often].indptr).astype(float))
    return Dataset(records, made.Y[:, often], made.drug_names[often], {"出院诊断": "codes", "mask_count": "number"})


def cell(words: Sequence[str], jobs: int, smoke: bool) -> Outcome:
    masks, share, model, fold = words
    data = data_of(masks, smoke)
    train, test = patient_folds(len(data), FOLDS, None, 0)[int(fold)]
    kept = np.random.default_rng(0).permutation(train)[: len(train) * int(share.rstrip("%")) // 100]
    train = np.sort(kept)
    kind = MODELS[model]["model"]
    options = {key: value for key, value in MODELS[model].items() if key != "model"}
    if model != "prior":
        options["n_jobs"] = jobs
    if kind == "stacked":
        options["aliases"] = data.aliases
        if smoke:
            options["bases"] = ("logistic", "neighbors")
    pipeline = make_recommender(kind, schema=data.schema, drug_names=data.drug_names, **options)
    scores, sets, cost = fit_and_score(pipeline, data.subset(train), data.subset(test))
    _, other, *_ = variants_of(masks, model)
    rule = ExpectedJaccard(exact=other == EXACT).fit(None, data.Y[train])
    scored = {"": Scored.of(data.Y[test], sets, scores), other: Scored.of(data.Y[test], rule.apply(scores), scores)}
    if masks == "kept":
        sizes = data.records["mask_count"].to_numpy()[test]
        scored[GIVEN] = Scored.of(data.Y[test], Cardinality().apply(scores, sizes=sizes), scores)
    return Outcome({**cost, "trained_on": len(train)}, scored)


def variants_of(masks: str, model: str) -> tuple[str, ...]:
    """Decisions of a model: the default first, then the other expected Jaccard, and the number given if it is known."""
    return ("", PLUG_IN if model.startswith("stacked") else EXACT, *((GIVEN,) if masks == "kept" else ()))


def run(run: Run, jobs: int) -> None:
    folds = [str(at) for at in range(min(FOLDS, run.folds))]
    for masks in ("dropped", "kept"):
        rows = []
        for model in MODELS:
            variants = variants_of(masks, model)
            one = run.all_of("dialmed", masks, "100%", model, parts=folds, variants=variants)
            for variant in variants:
                name = f"{model}; {variant or 'default decision'}"
                scored = run.scored("dialmed", masks, "100%", model, parts=folds, variant=variant)
                rows.append(row(name, scored, one, FIGURES))
        title = f"DialMed, development split, masks {masks}, {len(folds)} of {FOLDS} folds; times are sums"
        run.show(title, rows)
        if masks == "kept":
            run.say(
                "\nThe published models saw the masks and with them the number of drugs. Rows of the default decision "
                "have that number as a feature; rows with the number given take as many of the best drugs, which is "
                "nearest to the published setting. Masks dropped is what a user has: the commas that join the "
                "masks go with them, because rows of commas tell how many there were."
            )
        for model in (name for name in MODELS if name.startswith("stacked")):
            for variant in variants_of(masks, model):
                scored = run.scored("dialmed", masks, "100%", model, parts=folds, variant=variant)
                for figure, least in TARGETS[masks].items():
                    what = f"DialMed, masks {masks}, {model}, {variant or 'default decision'}: {figure}"
                    run.target(what, None if scored is None else scored.mean(figure), least)
    curve(run, folds)


def curve(run: Run, folds: list[str]) -> None:
    """Samples Jaccard, masks dropped, by the number of training dialogues, and what a line through it would say."""
    rows = []
    for model in CURVE:
        line: dict[str, Any] = {"model": model}
        points = []
        for share in SHARES:
            one = run.all_of("dialmed", "dropped", f"{share}%", model, parts=folds)
            scored = run.scored("dialmed", "dropped", f"{share}%", model, parts=folds)
            line[f"{share} %"] = DASH if scored is None else scored.shown("Jaccard")
            if scored is not None:
                points.append((one["trained_on"], scored.mean("Jaccard")))
        line["a doubling"] = line[f"extrapolated to {PUBLISHED_RECORDS:,}"] = DASH
        if len(points) == len(SHARES):
            counts, reached = np.asarray(points).T
            slope, start = np.polyfit(np.log2(counts), reached, 1)
            line["a doubling"] = f"{slope:+.3f}"
            far = start + slope * np.log2(PUBLISHED_RECORDS)
            line[f"extrapolated to {PUBLISHED_RECORDS:,}"] = f"extrapolated {far:.3f}"
        rows.append(line)
    run.show("DialMed, masks dropped: samples Jaccard by the share of each training fold (100 % = 954 dialogues)", rows)
    run.say(
        f"\nThe last column is extrapolated by a line in log2 of the dialogues through three points to the "
        f"{PUBLISHED_RECORDS:,} that published models were trained on. It was not measured and is no result."
    )
