"""A self-contained page that compares models, and the table it shares with the command line."""

from medrec.report.frontier import ddi_frontier, frontier_plot
from medrec.report.page import write_report
from medrec.report.systems import SystemResult, display_table, summary_table

__all__ = ["SystemResult", "ddi_frontier", "display_table", "frontier_plot", "summary_table", "write_report"]
