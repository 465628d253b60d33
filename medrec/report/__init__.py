"""A self-contained page that compares models, and the table it shares with the command line."""

from medrec.report.page import write_report
from medrec.report.systems import SystemResult, display_table, summary_table

__all__ = ["SystemResult", "display_table", "summary_table", "write_report"]
