"""What a study found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from medrec.tuning.search import options_of

if TYPE_CHECKING:
    from optuna import Study


@dataclass(frozen=True)
class TuningResult:
    """What a study found.

    Attributes
    ----------
    best_params : dict
        Options of the best configuration, for ``make_recommender`` or ``--set``.
    best_value : float
        Its value over all folds.
    default_value : float
        That of the default configuration; nan where another process still tries it.
    study : optuna Study
        For Optuna's plots and importances.
    pipeline : Pipeline or None
        The best configuration, fitted on all records; None with ``refit=False``.
    trials : DataFrame
        A row for each configuration, in the order of the claims: ``trial``, ``state``, ``value`` (of a pruned one,
        over the folds it came to), ``folds``, ``seconds``, ``error``, and the options.
    facts : dict
        What to store beside a saved model: ``medrec.save(pipeline, path, study=result.facts)``.
    notes : tuple of str
        What is worth telling.
    """

    best_params: dict[str, Any]
    best_value: float
    default_value: float
    study: Study
    pipeline: Any
    trials: pd.DataFrame
    facts: dict[str, Any]
    notes: tuple[str, ...]


def best_trial(found: Sequence[Any]) -> Any:
    """The trial of the best value, of equals the earlier one.

    Parameters
    ----------
    found : list of (Claim, FrozenTrial)
        As ``Search.claimed`` gives them.

    Raises
    ------
    ValueError
        When none succeeded.
    """
    succeeded = [trial for _, trial in found if trial.state.name == "COMPLETE"]
    if not succeeded:
        errors = [trial.user_attrs["error"] for _, trial in found if "error" in trial.user_attrs]
        cause = errors[0] if errors else "no trial came to an end"
        raise ValueError(f"tune: none of {len(found)} trials succeeded: {cause}. Change the space.")
    return max(succeeded, key=lambda trial: (trial.value, -trial.number))


def default_value(found: Sequence[Any]) -> float:
    """The value of the default configuration; nan where it has none yet."""
    first = next((trial for claim, trial in found if claim.slot == 0), None)
    return float(first.value) if first is not None and first.state.name == "COMPLETE" else math.nan


def trials_table(found: Sequence[Any]) -> pd.DataFrame:
    """The trials of a study, a row for each configuration; see ``TuningResult``."""
    rows = []
    for _, trial in found:
        rows.append(
            {
                "trial": trial.number,
                "state": trial.state.name.lower(),
                "value": trial.value if trial.state.name in ("COMPLETE", "PRUNED") else math.nan,
                "folds": len(trial.intermediate_values),
                "seconds": trial.duration.total_seconds() if trial.duration is not None else math.nan,
                "error": trial.user_attrs.get("error"),
                **options_of(trial),
            }
        )
    return pd.DataFrame(rows)
