"""Decision: calibrated scores in, sets out."""

from medrec.decision.calibration import PlattCalibrator
from medrec.decision.cardinality import Cardinality
from medrec.decision.expected_f1 import ExpectedF1
from medrec.decision.expected_jaccard import ExpectedJaccard
from medrec.decision.isotonic import IsotonicCalibrator
from medrec.decision.label_thresholds import LabelThresholds
from medrec.decision.rules import RULES, make_decision
from medrec.decision.threshold import Threshold
from medrec.decision.top_k import TopK

__all__ = [
    "RULES",
    "Cardinality",
    "ExpectedF1",
    "ExpectedJaccard",
    "IsotonicCalibrator",
    "LabelThresholds",
    "PlattCalibrator",
    "Threshold",
    "TopK",
    "make_decision",
]
