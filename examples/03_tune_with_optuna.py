"""A tuning study that can be interrupted and goes on, and what it is worth on patients that it never saw."""

# %% Patients to tune on, and others to measure on in the end.
from dataclasses import replace
from pathlib import Path

from medrec import make_recommender
from medrec.datasets import load
from medrec.metrics import compare, overlap_counts
from medrec.tuning import fit_records, grouped_holdout, search_space, tune

data = load("synthetic:records=400,seed=0")
codes = {column: kind for column, kind in data.schema.items() if kind in ("codes", "category", "number")}
data = replace(data, schema=codes)  # without the texts, so that a trial takes a second
train, test = map(data.subset, grouped_holdout(data.Y, data.groups, test_size=0.3))
print(f"tuning on {len(train)} records, measuring on {len(test)} of other patients")

# %% What is searched: a dict of Optuna's distributions, to be changed as any dict.
space = search_space("binary-relevance", "logistic", schema=data.schema)
for name, distribution in space.items():
    print(f"  {name}: {distribution}")

# %% Four trials, then the same call for ten: the study in the file goes on, as it does after a crash.
Path("example-03.db").unlink(missing_ok=True)  # a fresh start, so that this example prints the same twice
for trials in (4, 10):
    result = tune(
        "binary-relevance", train, space=space, trials=trials, n_splits=2, cv=2, storage="sqlite:///example-03.db"
    )
    states = result.trials["state"].value_counts().to_dict()
    print(f"\n{len(result.trials)} trials ({states}): default {result.default_value:.4f}, best {result.best_value:.4f}")
print("best options:", result.best_params)

# %% The best of many on the same folds flatters. What is left of it on other patients?
default = fit_records(make_recommender("binary-relevance", schema=data.schema, drug_names=data.drug_names, cv=2), train)
tuned, before = (
    overlap_counts(test.Y, pipeline.predict(test.records)).per_record("jaccard")
    for pipeline in (result.pipeline, default)
)
gain = compare(tuned, before, groups=test.groups)
print(
    f"\nheld-out patients: Jaccard {before.mean():.4f} before, {tuned.mean():.4f} after tuning; "
    f"gain {gain.difference:+.4f} (95 % {gain.interval[0]:+.4f} to {gain.interval[1]:+.4f})"
)
