"""Safety: from sets of drugs to sets that keep a limit on drug–drug interactions."""

from medrec.safety.filter import DDIFilter
from medrec.safety.graph import DDIGraph
from medrec.safety.joint import JointDecision
from medrec.safety.severity import SEVERITIES
from medrec.safety.tables import read_interactions

__all__ = ["DDIFilter", "DDIGraph", "JointDecision", "SEVERITIES", "read_interactions"]
