"""Part uci: 23 diabetes drugs of 81,412 encounters, folds by patient; boosting, chain and stacking beside linear."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from common import DATA
from quality_run import Outcome, Run, Scored, fit_and_score, row
from recommenders_models import there

from medrec.datasets import Dataset, load
from medrec.recommenders import make_recommender
from medrec.recommenders.folds import patient_folds

MODELS: dict[str, dict[str, Any]] = {
    "prior": {"model": "prior"},
    "binary relevance, logistic": {"model": "binary-relevance", "base": "logistic"},
    "binary relevance, lightgbm-fast": {"model": "binary-relevance", "base": "lightgbm-fast"},
    "chain, lightgbm-fast": {"model": "chain", "base": "lightgbm-fast"},
    "stacked": {"model": "stacked"},
}
FOLDS = 5
FIGURES = ("Jaccard", "F1", "micro F1")
FIT_SECONDS = 600.0
"""On two cores, one fold."""


def data_of(smoke: bool) -> Dataset:
    if not smoke:
        return load(f"uci-diabetes:{there(DATA / 'uci_diabetes130' / 'diabetic_data.csv.gz')}")
    rng = np.random.default_rng(0)
    records = pd.DataFrame({"age": rng.choice(["old", "young"], 80), "codes": [[f"25{at % 7}"] for at in range(80)]})
    Y = np.column_stack([records["age"] == "old", np.arange(80) % 7 < 3, rng.random(80) < 0.3]).astype(np.uint8)
    return Dataset(records, Y, ["a", "b", "c"], {"age": "category", "codes": "codes"}, groups=np.arange(80) // 2)


def cell(words: Sequence[str], jobs: int, smoke: bool) -> Outcome:
    model, fold = words
    data = data_of(smoke)
    train, test = (data.subset(rows) for rows in patient_folds(len(data), FOLDS, data.groups, 0)[int(fold)])
    options = {key: value for key, value in MODELS[model].items() if key != "model"}
    if model != "prior":
        options["n_jobs"] = jobs
    if model == "stacked":
        options |= {"names": False}  # the records are codes and categories: no text could name a drug
        if smoke:
            options["bases"] = ("logistic", "neighbors")
    pipeline = make_recommender(MODELS[model]["model"], schema=data.schema, drug_names=data.drug_names, **options)
    scores, sets, cost = fit_and_score(pipeline, train, test)
    return Outcome({**cost, "trained_on": len(train)}, {"": Scored.of(test.Y, sets, scores, test.groups)})


def run(run: Run, jobs: int) -> None:
    folds = [str(at) for at in range(min(FOLDS, run.folds))]
    rows = []
    for model in MODELS:
        one = run.all_of("uci", model, parts=folds)
        scored = run.scored("uci", model, parts=folds)
        rows.append(row(model, scored, one, FIGURES))
        seconds = None if scored is None else max(run.get("uci", model, fold)["fit_seconds"] for fold in folds)
        own = one.get("jobs", jobs)
        run.limit(f"UCI diabetes, {model}: seconds of the longest fit, {own} core(s)", seconds, FIT_SECONDS)
    title = f"UCI diabetes, 23 drugs, 81,412 encounters, {len(folds)} of {FOLDS} folds by patient; times are sums"
    run.show(title, rows)
    run.say("\nTwo empty sets count as equal: 22 % of the encounters have no drug.")
