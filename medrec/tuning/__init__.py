"""Tuning: how a model does on patients that it has not seen."""

from medrec.tuning.cross import cross_decide, fit_records

__all__ = ["cross_decide", "fit_records"]
