"""Tuning: how a model does on patients that it has not seen, the folds that tell, and options that do better."""

from medrec.tuning.cross import cross_decide, fit_records
from medrec.tuning.fold_quality import describe_folds
from medrec.tuning.result import TuningResult
from medrec.tuning.spaces import search_space
from medrec.tuning.splits import (
    GroupedIterativeSplit,
    NestedSplit,
    RepeatedGroupedIterativeSplit,
    grouped_holdout,
    nested_splits,
)
from medrec.tuning.tune import tune

__all__ = [
    "GroupedIterativeSplit",
    "RepeatedGroupedIterativeSplit",
    "NestedSplit",
    "TuningResult",
    "cross_decide",
    "describe_folds",
    "fit_records",
    "grouped_holdout",
    "nested_splits",
    "search_space",
    "tune",
]
