"""What the interaction filter removes, why, and what it costs."""

# %% Scores and sets of records whose patients the model has not seen.
import pandas as pd

from medrec import make_recommender
from medrec.datasets import load
from medrec.metrics import ddi_rate, overlap_counts
from medrec.report import ddi_frontier
from medrec.safety import DDIFilter, DDIGraph
from medrec.tuning import cross_decide

pd.set_option("display.unicode.east_asian_width", True)
data = load("synthetic:records=300,seed=0")
graph = DDIGraph.from_edges(data.drug_names, data.ddi)
print(graph)
scores, _, decided = cross_decide(
    lambda: make_recommender("prior", schema=data.schema, drug_names=data.drug_names), data, n_splits=3
)
rates = ddi_rate(data.Y, graph), ddi_rate(decided, graph)
print(f"interacting pairs: {rates[0]:.2%} of what was prescribed, {rates[1]:.2%} of what is decided")

# %% No interacting pair: the subset of greatest total probability, with an account of every removal.
safe, audit = DDIFilter(graph).apply(decided, scores, ids=data.ids)
print(f"\n{decided.nnz - safe.nnz} of {decided.nnz} drugs go; the first:")
print(audit[["record", "removed", "against", "severity", "utility_lost"]].head(5).round(2).to_string(index=False))

# %% Other limits: only severe pairs, one pair a record, 1 % of all pairs.
print("\nlimit                    rate   Jaccard  removed")
for name, limit in {
    "none": None,
    "no pair": DDIFilter(graph),
    "no major pair": DDIFilter(graph, severity="major"),
    "one pair a record": DDIFilter(graph, max_pairs=1),
    "1 % of all pairs": DDIFilter(graph, max_rate=0.01),
    "no pair, greedily": DDIFilter(graph, method="greedy"),
}.items():
    sets = decided if limit is None else limit.keep_best(decided, scores)
    jaccard = overlap_counts(data.Y, sets).jaccard()
    print(f"{name:22} {ddi_rate(sets, graph):6.2%}   {jaccard:.4f}   {decided.nnz - sets.nnz:5d}")

# %% Drugs that a patient already takes are fixed; what interacts with them is avoided.
drug, other = data.ddi[["drug", "other"]].iloc[0]
taken = [[int(name == drug) for name in data.drug_names]]
offered = [[int(name == other) for name in data.drug_names]]
left, why = DDIFilter(graph).apply(offered, offered, context=taken)
print(f"\n{other} for a patient who takes {drug}: {left.nnz} drugs left ({why['severity'][0]})")

# %% The frontier: quality against the rate, from no interaction to no limit.
table = ddi_frontier(scores, data.Y, graph, Z=decided, methods=["exact", "greedy"], n_points=4)
print("\n" + table.round(4).to_string(index=False))
