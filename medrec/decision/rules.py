"""Decision rules by name."""

from collections.abc import Callable
from functools import partial
from typing import Any

from sklearn.base import clone

from medrec.decision.cardinality import Cardinality
from medrec.decision.expected_f1 import ExpectedF1
from medrec.decision.expected_jaccard import ExpectedJaccard
from medrec.decision.label_thresholds import LabelThresholds
from medrec.decision.threshold import Threshold
from medrec.decision.top_k import TopK

RULES: dict[str, Callable[[], Any]] = {
    "expected-jaccard": ExpectedJaccard,
    "expected-jaccard-exact": partial(ExpectedJaccard, exact=True),
    "expected-f1": ExpectedF1,
    "threshold": Threshold,
    "tuned-threshold": partial(Threshold, tune="jaccard"),
    "scutfbr": LabelThresholds,
    "micromacro-freq": partial(LabelThresholds, strategy="micromacro-freq"),
    "cardinality": Cardinality,
    "top-k": TopK,
}
"""What makes a decision rule, by the names that ``decision=`` and the command line take."""


def make_decision(decision: Any) -> Any:
    """A rule from its name, such as ``"expected-jaccard"``, or an unfitted copy of the rule itself.

    Parameters
    ----------
    decision : str or rule
        A key of ``RULES``, or an object with ``fit(scores, Y, groups=None)`` and ``apply(scores)``; one that needs
        out-of-fold scores says so by an attribute ``learns_from_scores = True``, others get None where there are none.

    Raises
    ------
    ValueError
        When there is no rule of that name.
    """
    if not isinstance(decision, str):
        return clone(decision)
    if decision not in RULES:
        raise ValueError(f"decision must be one of {', '.join(RULES)} or a rule; got {decision!r}.")
    return RULES[decision]()
