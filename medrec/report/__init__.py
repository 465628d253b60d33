"""A self-contained page that compares models and looks closely at the best, and the tables behind it."""

from medrec.report.cards import data_card, model_card
from medrec.report.drugs import drug_table
from medrec.report.examples import DrugReason, RecordExample
from medrec.report.frontier import ddi_frontier, frontier_plot
from medrec.report.page import best_system, write_report
from medrec.report.systems import SystemResult, display_table, summary_table

__all__ = [
    "DrugReason",
    "RecordExample",
    "SystemResult",
    "best_system",
    "data_card",
    "ddi_frontier",
    "display_table",
    "drug_table",
    "frontier_plot",
    "model_card",
    "summary_table",
    "write_report",
]
