"""Decision: calibrated scores in, sets out."""

from medrec.decision.calibration import PlattCalibrator
from medrec.decision.rules import RULES, ExpectedJaccard, Threshold, make_decision

__all__ = ["RULES", "ExpectedJaccard", "PlattCalibrator", "Threshold", "make_decision"]
