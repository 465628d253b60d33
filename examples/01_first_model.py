"""Records in, safe sets of drugs out: the shortest way through the package."""

# %% Generated discharge records; cdrugred:FILE, mimic:DIR, jsonl:FILE … read real ones the same way.
import numpy as np
import pandas as pd

from medrec import make_recommender
from medrec.datasets import load
from medrec.metrics import evaluate, frequency_table, overlap_counts
from medrec.tuning import fit_records

pd.set_option("display.unicode.east_asian_width", True)  # Chinese names take two columns a character
data = load("synthetic:records=400,seed=0")
train, test = data.subset(range(300)), data.subset(range(300, 400))  # a patient's records stand together
print(f"{len(train)} records to learn from, {len(test)} to recommend for, {len(data.drug_names)} drugs")
print("columns:", ", ".join(f"{column} ({kind})" for column, kind in data.schema.items()))

# %% A scikit-learn Pipeline: features, one classifier a drug, calibration, decision, interaction filter.
pipeline = make_recommender("binary-relevance", schema=data.schema, drug_names=data.drug_names, ddi=data.ddi, cv=3)
fit_records(pipeline, train)

# %% What it recommends for one visit, best first, and what the interaction filter removed.
features, recommender = pipeline[:-1], pipeline[-1]
table = recommender.recommend(features.transform(test.records[:1]), top_k=8)
print(f"\nvisit {test.ids[0]}: {test.records['主诉'][0]}")
print(table[["drug", "score", "rank", "kept", "why"]].round(2).to_string(index=False))

# %% How good the sets are, on other patients.
sets, scores = pipeline.predict(test.records), pipeline.predict_proba(test.records)
figures = evaluate(test.Y, sets, scores, groups=test.groups)
low, high = figures["jaccard_interval"]
print(f"\nJaccard {figures['jaccard']:.3f} (95 % {low:.3f} to {high:.3f}), F1 {figures['f1']:.3f}")
print(f"{figures['empty_predicted']} empty sets, {figures['mean_set_size_predicted']:.1f} drugs a record on average")

# %% And for which drugs: those that training often had, and those that it hardly had.
counts = overlap_counts(test.Y, sets)
frequency = np.asarray(train.Y.sum(axis=0)).ravel()
bands = frequency_table(counts, frequency)[["band", "labels", "true", "predicted", "recall_micro", "f1_micro"]]
print("\nby how often training had the drug:")
print(bands.round(2).to_string(index=False))
