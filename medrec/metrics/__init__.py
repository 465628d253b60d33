"""Exact metrics of label sets and rankings, with presets that say which literature they follow."""

from medrec.metrics.bootstrap import Comparison, bootstrap_interval, compare, resampled_means
from medrec.metrics.counts import OverlapCounts, overlap_counts
from medrec.metrics.distributed import evaluate_dask
from medrec.metrics.evaluation import evaluate, evaluate_stream
from medrec.metrics.frequency import frequency_table
from medrec.metrics.interactions import ddi_counts, ddi_rate
from medrec.metrics.presets import PRESETS, Preset
from medrec.metrics.ranking import (
    average_precision,
    ndcg_at_k,
    prauc,
    precision_at_k,
    propensities,
    psp_at_k,
    recall_at_k,
)
from medrec.metrics.scorers import SCORERS, get_scorer
from medrec.metrics.tables import chunk_of_table, evaluate_parquet, parquet_chunks
from medrec.metrics.totals import OverlapTotals

__all__ = [
    "PRESETS",
    "SCORERS",
    "Comparison",
    "OverlapCounts",
    "OverlapTotals",
    "Preset",
    "average_precision",
    "bootstrap_interval",
    "chunk_of_table",
    "compare",
    "ddi_counts",
    "ddi_rate",
    "evaluate",
    "evaluate_dask",
    "evaluate_parquet",
    "evaluate_stream",
    "frequency_table",
    "get_scorer",
    "ndcg_at_k",
    "overlap_counts",
    "prauc",
    "parquet_chunks",
    "precision_at_k",
    "propensities",
    "psp_at_k",
    "recall_at_k",
    "resampled_means",
]
