"""Safety: from sets of drugs to sets that keep a limit on drug–drug interactions."""

from medrec.safety.filter import DDIFilter
from medrec.safety.graph import DDIGraph
from medrec.safety.severity import SEVERITIES
from medrec.safety.tables import read_interactions

__all__ = ["DDIFilter", "DDIGraph", "SEVERITIES", "read_interactions"]
