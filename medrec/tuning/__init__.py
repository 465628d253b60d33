"""Tuning: how a model does on patients that it has not seen, and the folds that tell."""

from medrec.tuning.cross import cross_decide, fit_records
from medrec.tuning.fold_quality import describe_folds
from medrec.tuning.splits import (
    GroupedIterativeSplit,
    NestedSplit,
    RepeatedGroupedIterativeSplit,
    grouped_holdout,
    nested_splits,
)

__all__ = [
    "GroupedIterativeSplit",
    "RepeatedGroupedIterativeSplit",
    "NestedSplit",
    "cross_decide",
    "describe_folds",
    "fit_records",
    "grouped_holdout",
    "nested_splits",
]
