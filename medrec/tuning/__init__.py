"""Tuning: how a model does on patients that it has not seen, and which options make it do better."""

from medrec.tuning.cross import cross_decide, fit_records
from medrec.tuning.result import TuningResult
from medrec.tuning.spaces import search_space
from medrec.tuning.tune import tune

__all__ = ["TuningResult", "cross_decide", "fit_records", "search_space", "tune"]
