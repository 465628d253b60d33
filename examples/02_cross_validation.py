"""Folds by patient, intervals over patients, and two models compared on the same patients."""

# %% Records of patients, most of whom come more than once.
import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold, KFold, cross_validate

from medrec import make_recommender
from medrec.datasets import load
from medrec.metrics import compare, evaluate, get_scorer, overlap_counts
from medrec.tuning import GroupedIterativeSplit, cross_decide, describe_folds

data = load("synthetic:records=400,seed=0")
print(f"{len(data)} records of {len(set(data.groups))} patients, {data.Y.shape[1]} drugs")

# %% Three ways to make folds. Ours keeps patients together, and gives every fold its share of every drug.
rows = {}
for name, splitter in {
    "KFold (by record)": KFold(5, shuffle=True, random_state=0),
    "GroupKFold": GroupKFold(5, shuffle=True, random_state=0),
    "GroupedIterativeSplit": GroupedIterativeSplit(5),
}.items():
    patients = None if isinstance(splitter, KFold) else data.groups
    folds = list(splitter.split(data.records, data.Y.toarray(), patients))
    rows[name] = describe_folds(folds, data.Y, data.groups)
columns = ["shared_patients", "absent_labels", "rate_deviation", "smallest", "largest"]
print("\n" + pd.DataFrame(rows).T[columns].astype(float).round(5).to_string())

# %% Every record scored and decided by a model that has not seen its patient.
per_record = {}
for model in ("prior", "binary-relevance"):
    scores, safe, _ = cross_decide(
        lambda model=model: make_recommender(model, schema=data.schema, drug_names=data.drug_names, ddi=data.ddi, cv=3),
        data,
        cv=GroupedIterativeSplit(3),
    )
    figures = evaluate(data.Y, safe, scores, groups=data.groups)
    low, high = figures["jaccard_interval"]
    print(
        f"\n{model:17} Jaccard {figures['jaccard']:.3f} (95 % {low:.3f} to {high:.3f}), PRAUC {figures['prauc']:.3f}",
        end="",
    )
    per_record[model] = overlap_counts(data.Y, safe).per_record("jaccard")

# %% The difference on the same patients says more than two intervals.
result = compare(per_record["binary-relevance"], per_record["prior"], groups=data.groups)
print(f"\n\ndifference {result.difference:+.3f} (95 % {result.interval[0]:+.3f} to {result.interval[1]:+.3f})")

# %% The same splitter in scikit-learn; it wants dense targets, and its inner folds get the patients too.
found = cross_validate(
    make_recommender("prior", schema=data.schema, drug_names=data.drug_names),
    data.records,
    data.Y.toarray(),
    groups=data.groups,
    cv=GroupedIterativeSplit(3),
    params={"recommender__groups": data.groups},
    scoring=get_scorer("jaccard_samples", "f1_samples", "prauc"),
)
print("scikit-learn's cross_validate:", {k: np.round(v, 3).tolist() for k, v in found.items() if k.startswith("test")})
