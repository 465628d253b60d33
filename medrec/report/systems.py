"""What is compared, and the table of figures that the report and the command line share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from medrec.metrics import ddi_rate, evaluate

INTERVAL = "95 % interval"


@dataclass(frozen=True, eq=False)
class SystemResult:
    """What one model gave for the evaluated records.

    Parameters
    ----------
    name : str
        As tables and plots show it.
    scores : array of shape (n_records, n_labels) or None
        Scores or probabilities; None where there are only sets.
    sets : sparse or dense 0/1 matrix of shape (n_records, n_labels)
        The recommended sets, after any filter.
    sets_unfiltered : sparse or dense 0/1 matrix of shape (n_records, n_labels), optional
        The sets before the interaction filter.
    seconds : float, default=nan
        Time to fit and predict.
    card : mapping, optional
        What the model is, see :func:`medrec.report.model_card`.
    """

    name: str
    scores: Any
    sets: Any
    sets_unfiltered: Any = None
    seconds: float = float("nan")
    card: Mapping[str, Any] | None = None


def summary_table(
    systems: Sequence[SystemResult],
    *,
    Y: Any,
    groups: Any = None,
    graph: Any = None,
    n_resamples: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Figures of each system as ``medrec.metrics.evaluate`` gives them under the preset ``chip2025``.

    Parameters
    ----------
    systems : sequence of SystemResult
        In any order, which is kept.
    Y : sparse or dense 0/1 matrix of shape (n_records, n_labels)
        True sets.
    groups : array of shape (n_records,), optional
        Patient of each record, for the intervals.
    graph : DDIGraph or symmetric matrix of shape (n_labels, n_labels), optional
        Which drugs interact.
    n_resamples, seed : int
        Of the bootstrap over patients.

    Returns
    -------
    DataFrame indexed by model
        Columns ``jaccard``, ``jaccard_low``, ``jaccard_high``, ``f1``, ``f1_low``, ``f1_high``, ``prauc``,
        ``empty_sets``, ``mean_set_size``, ``ddi_before``, ``ddi_after`` (pooled rates) and ``seconds``; nan
        where there is nothing to compute from. :func:`display_table` makes it readable.

    Raises
    ------
    ValueError
        When there are no systems, two have one name, or a matrix does not fit ``Y``.

    Examples
    --------
    >>> one = SystemResult("prior", None, [[1, 0], [0, 1]])
    >>> float(summary_table([one], Y=[[1, 1], [0, 1]]).loc["prior", "jaccard"])
    0.75
    """
    names = [system.name for system in systems]
    if not names:
        raise ValueError("summary_table: pass at least one SystemResult; got none.")
    if len(set(names)) != len(names):
        raise ValueError(f"summary_table: systems must have different names; got {', '.join(names)}.")
    rows = []
    for system in systems:
        figures = evaluate(
            Y,
            system.sets,
            system.scores,
            preset="chip2025",
            groups=groups,
            ddi=graph,
            n_resamples=n_resamples,
            seed=seed,
        )
        row = {}
        for name in ("jaccard", "f1"):
            low, high = figures.get(f"{name}_interval", (None, None))
            row.update({name: figures[name], f"{name}_low": low, f"{name}_high": high})
        before = graph is not None and system.sets_unfiltered is not None
        row.update(
            prauc=figures.get("prauc"),
            empty_sets=figures["empty_predicted"],
            mean_set_size=figures["mean_set_size_predicted"],
            ddi_before=ddi_rate(system.sets_unfiltered, graph) if before else None,
            ddi_after=figures.get("ddi_rate_pooled"),
            seconds=system.seconds,
        )
        rows.append(row)
    table = pd.DataFrame(rows, index=pd.Index(names, name="model", dtype=object), dtype=np.float64)
    return table.astype({"empty_sets": np.int64})


def display_table(table: pd.DataFrame) -> pd.DataFrame:
    """The figures of :func:`summary_table` as text with readable headings.

    Columns of which nothing is known are left out.

    Examples
    --------
    >>> one = SystemResult("prior", None, [[1, 0], [0, 1]])
    >>> list(display_table(summary_table([one], Y=[[1, 1], [0, 1]])).columns)
    ['Jaccard', '95 % interval', 'F1', '95 % interval', 'Empty sets', 'Set size']
    """
    columns = [
        ("Jaccard", _numbers(table["jaccard"], 4)),
        (INTERVAL, _intervals(table["jaccard_low"], table["jaccard_high"])),
        ("F1", _numbers(table["f1"], 4)),
        (INTERVAL, _intervals(table["f1_low"], table["f1_high"])),
        ("PRAUC", _numbers(table["prauc"], 4)),
        ("Empty sets", [f"{count:,}" for count in table["empty_sets"]]),
        ("Set size", _numbers(table["mean_set_size"], 2)),
        ("DDI before", _numbers(table["ddi_before"], 4)),
        ("DDI after", _numbers(table["ddi_after"], 4)),
        ("Seconds", _numbers(table["seconds"], 1)),
    ]
    kept = [(head, texts) for head, texts in columns if any(text != "–" for text in texts)]
    shown = pd.DataFrame({place: texts for place, (_, texts) in enumerate(kept)}, index=table.index)
    shown.columns = pd.Index([head for head, _ in kept])
    return shown


def _numbers(values: pd.Series, digits: int) -> list[str]:
    return ["–" if np.isnan(value) else f"{value:,.{digits}f}" for value in values]


def _intervals(low: pd.Series, high: pd.Series) -> list[str]:
    return ["–" if np.isnan(a) or np.isnan(b) else f"{a:.3f}–{b:.3f}" for a, b in zip(low, high)]
