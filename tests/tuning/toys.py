"""A model that costs nothing, for tests of what goes on around it."""

import json
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from medrec.datasets import Dataset

SPACE = {
    "x": FloatDistribution(0.0, 1.0),
    "k": IntDistribution(1, 20),
    "pair": CategoricalDistribution(("(1, 2)", "(3, 4)")),
}
FINITE = {"k": IntDistribution(1, 4), "pair": CategoricalDistribution(("(1, 2)", "(3, 4)"))}


class Toy:
    """A pipeline whose fit does nothing but write down its options, in a list or at the end of a file."""

    def __init__(self, log=None, pause=0.0, x=0.9, k=3, pair=(1, 2)):
        self.log, self.pause = log, pause
        self.options = {"x": x, "k": k, "pair": pair}

    def get_params(self, deep=True):
        return {f"recommender__{name}": value for name, value in self.options.items()}

    def fit(self, records, Y, features__groups=None, recommender__groups=None):
        if isinstance(self.log, list):
            self.log.append(self.options)
        elif self.log is not None:
            with open(self.log, "a", encoding="utf-8") as file:
                file.write(json.dumps({"pid": os.getpid(), **self.options}) + "\n")
        time.sleep(self.pause)
        self.fitted = set(records["number"])
        return self


def value_of(x, k, pair):
    """The value of options, but for the fold's own part."""
    return 1 - (x - 0.3) ** 2 - abs(k - 7) / 50 + 0.01 * pair[0]


def metric(pipeline, records, Y):
    """What a fold says of a toy: its options' value, and how high the fold's numbers are."""
    assert not pipeline.fitted & set(records["number"])
    return value_of(**pipeline.options) + records["number"].mean() / 1000


def dataset(n_records=30, n_patients=12, seed=0):
    rng = np.random.default_rng(seed)
    patients = rng.integers(0, n_patients, size=n_records)
    records = pd.DataFrame({"number": np.arange(n_records)})
    Y = (rng.random((n_records, 3)) < 0.4).astype(int)
    return Dataset(records, Y, ["a", "b", "c"], {"number": "number"}, groups=patients)


def fits(path: Path) -> list[dict]:
    """What toys wrote to a file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
