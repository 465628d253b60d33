"""Readers: files in, ``Dataset`` out."""

from medrec.datasets.dataset import KINDS, Dataset

__all__ = ["KINDS", "Dataset"]
