"""Folds and evaluation on a Dask cluster: the same numbers as in one process."""

# %% A cluster of two workers inside this process; yours is Client("tcp://scheduler:8786").
import joblib
import numpy as np
from dask import delayed
from dask.distributed import Client

from medrec import make_recommender
from medrec.datasets import load
from medrec.metrics import evaluate, evaluate_dask
from medrec.tuning import GroupedIterativeSplit, cross_decide

data = load("synthetic:records=300,seed=0")
client = Client(processes=False, n_workers=2, threads_per_worker=1, dashboard_address=":0")
print(f"{len(client.nthreads())} workers, {sum(client.nthreads().values())} threads")


# %% Folds as tasks of the cluster. A task whose worker dies is done again by another one.
def make():
    return make_recommender("prior", schema=data.schema, drug_names=data.drug_names, ddi=data.ddi)


alone = cross_decide(make, data, cv=GroupedIterativeSplit(4))
with joblib.parallel_config("dask", client=client):
    spread = cross_decide(make, data, cv=GroupedIterativeSplit(4))
print("folds on the cluster, the same scores:", np.array_equal(alone[0], spread[0]))
print("folds on the cluster, the same sets:  ", (alone[1] != spread[1]).nnz == 0)


# %% Records that lie with the workers are counted there; only sums come back.
def part(at):
    """A quarter of the records; on a real cluster each worker would read its own files here."""
    rows = slice(at * 75, (at + 1) * 75)
    return data.Y[rows], alone[1][rows], None, data.groups[rows]


figures = evaluate_dask([delayed(part)(at) for at in range(4)], n_resamples=200)
whole = evaluate(data.Y, alone[1], groups=data.groups, n_resamples=200)
low, high = figures["jaccard_interval"]
print(f"\nJaccard {figures['jaccard']:.4f} (95 % {low:.3f} to {high:.3f}) of {figures['records']} records")
print("the figures of one process:", figures == whole)
client.close()
