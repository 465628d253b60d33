"""Why a drug got its score: words, codes, neighbours and rules, as tables and as a page with the text marked."""

from medrec.explain.examples import extreme_records, record_examples
from medrec.explain.explanation import Explanation, RecordExplainer, explain_record
from medrec.explain.page import write_explanations
from medrec.report.marked_text import Passage, Span

__all__ = [
    "Explanation",
    "Passage",
    "RecordExplainer",
    "Span",
    "explain_record",
    "extreme_records",
    "record_examples",
    "write_explanations",
]
