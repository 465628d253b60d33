"""Which words and codes moved the score of a drug, in log-odds that sum to it."""

# %% A model of generated records.
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import logit

from medrec import make_recommender
from medrec.datasets import load
from medrec.explain import RecordExplainer, write_explanations
from medrec.tuning import fit_records

pd.set_option("display.unicode.east_asian_width", True)
data = load("synthetic:records=400,seed=0")
train, test = data.subset(range(300)), data.subset(range(300, 400))
pipeline = make_recommender("binary-relevance", schema=data.schema, drug_names=data.drug_names, ddi=data.ddi, cv=3)
fit_records(pipeline, train)

# %% One record, its recommended drugs.
explainer = RecordExplainer(pipeline, test.subset([2]))
print("recommended:", "、".join(explainer.recommended))
print("prescribed: ", "、".join(data.drug_names[test.Y[2].indices]))

# %% Why the first of them.
one = explainer.explain(explainer.recommended[0])
print(f"\n{one.drug}: probability {one.probability:.2f}, {one.why}")
print(one.table.head(8).round(2).to_string(index=False))
total = one.table["contribution"].sum()
print(
    f"all {len(one.table)} sum to {total:.4f}; the log-odds of {one.probability:.4f} are {logit(one.probability):.4f}"
)

# %% Why not the best of the others, and the text with what moved the scores marked, as a page of its own.
best = explainer.drug_names[np.argsort(-explainer.probabilities)]
rejected = next(name for name in best if name not in explainer.recommended)
other = explainer.explain(rejected)
print(f"\n{other.drug}: probability {other.probability:.2f}, {other.why}")
write_explanations("why.html", [one, other], title=f"Visit {test.ids[2]}")
print(f"\nwhy.html: {Path('why.html').stat().st_size // 1024} kB, to be opened in a browser")
