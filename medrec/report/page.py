"""``write_report``: one self-contained HTML page that a person can read, on any screen, without a network."""

import os
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from medrec._checks import check_names, check_scores, check_sets
from medrec._io import atomic_write
from medrec.metrics import OverlapCounts, compare, ddi_rate, overlap_counts
from medrec.report import plots
from medrec.report.curves import band_f1, frequency_bands, reliability, size_shares
from medrec.report.layout import layout_page
from medrec.report.systems import SystemResult, summary_table
from medrec.report.tables import drugs_table, facts_list, plural, results_table


def write_report(
    path: str | os.PathLike[str],
    systems: Sequence[SystemResult],
    *,
    title: str,
    Y: Any,
    drug_names: Any,
    groups: Any = None,
    graph: Any = None,
    description: Mapping[str, Any] | None = None,
    n_resamples: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare systems in one HTML page: table, plots, drugs, limits.

    The page needs no other file and no network, follows the reader's light or dark setting, and is the
    same to the byte for the same input.

    Parameters
    ----------
    path : path-like
        The page; it is written whole or not at all.
    systems : sequence of SystemResult
        In any order, which the page keeps.
    title : str
        Heading of the page.
    Y : sparse or dense 0/1 matrix of shape (n_records, n_labels)
        True sets.
    drug_names : sequence of str
        One a label.
    groups : array of shape (n_records,), optional
        Patient of each record, for the intervals.
    graph : DDIGraph or symmetric matrix of shape (n_labels, n_labels), optional
        Which drugs interact.
    description : mapping, optional
        What was evaluated, as ``Dataset.describe()`` gives it; values may be numbers, text, lists, mappings.
    n_resamples, seed : int
        Of the bootstrap over patients.

    Returns
    -------
    DataFrame
        The :func:`summary_table` that the page shows.

    Raises
    ------
    ValueError
        When there are no systems, or names or matrices do not fit ``Y``.
    InputError
        When the page cannot be written.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> prior = SystemResult("prior", [[0.9, 0.2], [0.6, 0.8]], [[1, 0], [0, 1]])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = pathlib.Path(folder) / "report.html"
    ...     table = write_report(page, [prior], title="Demo", Y=[[1, 1], [0, 1]], drug_names=["阿司匹林", "二甲双胍"])
    ...     page.read_text(encoding="utf-8")[:15]
    '<!doctype html>'
    """
    true = check_sets(Y, who="write_report", name="Y")
    names = check_names(drug_names, who="write_report", n_labels=true.shape[1])
    table = summary_table(systems, Y=true, groups=groups, graph=graph, n_resamples=n_resamples, seed=seed)
    counts = [overlap_counts(true, system.sets) for system in systems]
    best = int(np.nan_to_num(table["jaccard"].to_numpy(), nan=-1).argmax())
    sections = [
        ("data", "What was evaluated", facts_list(true, groups, description)),
        ("results", "Results", results_table(table)),
        ("plots", "Plots", _plots(systems, table, true, counts, graph)),
        ("drugs", "Drugs", drugs_table(table.index[best], counts[best], names, len(true.indptr) - 1)),
        ("limits", "Limits and intended use", _LIMITS),
    ]
    lead = _lead(table, counts, best, groups, n_resamples, seed)
    with atomic_write(path) as file:
        file.write(layout_page(title, lead, sections))
    return table


def _lead(
    table: pd.DataFrame, counts: Sequence[OverlapCounts], best: int, groups: Any, n_resamples: int, seed: int
) -> str:
    row = table.iloc[best]
    name = escape(str(table.index[best]))
    text = [
        f"<strong>{name}</strong> has the highest Jaccard of {len(table)} "
        f"model{'s' if len(table) > 1 else ''}: {row['jaccard']:.3f}, with F1 {row['f1']:.3f} and "
        f"{plural(int(row['empty_sets']), 'empty set')}."
    ]
    if len(table) > 1:
        order = np.argsort(-np.nan_to_num(table["jaccard"].to_numpy(), nan=-1), kind="stable")
        second = int(order[1])
        other = compare(
            counts[best].per_record("jaccard"),
            counts[second].per_record("jaccard"),
            groups,
            n_resamples=max(1, n_resamples),
            seed=seed,
        )
        text.append(
            f"It leads {escape(str(table.index[second]))} by {other.difference:.3f} Jaccard "
            f"(95&nbsp;% interval {_signed(other.interval[0])} to {_signed(other.interval[1])}; ahead in "
            f"{other.share_won:.0%} of the resamples of patients)."
        )
    if not np.isnan(row["ddi_after"]):
        if np.isnan(row["ddi_before"]):
            text.append(f"{row['ddi_after']:.2%} of its drug pairs interact.")
        else:
            text.append(
                f"The interaction filter brings its interacting drug pairs from {row['ddi_before']:.2%} "
                f"to {row['ddi_after']:.2%}."
            )
    return f'<p class="lead">{" ".join(text)}</p>'


def _plots(
    systems: Sequence[SystemResult],
    table: pd.DataFrame,
    true: Any,
    counts: Sequence[OverlapCounts],
    graph: Any,
) -> str:
    names = [system.name for system in systems]
    bands = frequency_bands(counts[0].t)
    figures = [
        (
            "Accuracy",
            "Lines are 95 % intervals over patients. Models whose lines overlap may still differ clearly when "
            "compared on the same patients, as in the sentence at the top.",
            plots.accuracy_plot(table),
        ),
        (
            "Frequent and rare drugs",
            "Micro F1 on drugs sorted by how often they are prescribed; each band has about a third of all "
            "prescriptions, so the tail has most of the drugs.",
            plots.bands_plot(
                names,
                np.array([band_f1(count, bands) for count in counts]),
                np.bincount(bands, minlength=3).tolist(),
            ),
        ),
    ]
    curves = []
    for system in systems:
        scores = None
        if system.scores is not None:
            scores = check_scores(system.scores, who="write_report", shape=true.shape)
        curves.append(None if scores is None else reliability(true, scores))
    if any(curve is not None for curve in curves):
        figures.append(
            (
                "Can the scores be read as probabilities?",
                "A well calibrated model lies on the dashed line: of its (record, drug) pairs with a score near "
                "0.7, 70 % were prescribed. Bins of fewer than 20 pairs are left out.",
                plots.calibration_plot(names, curves),
            )
        )
    sets = [check_sets(system.sets, who="write_report", name="sets") for system in systems]
    sizes = [np.diff(matrix.indptr) for matrix in (true, *sets)]
    largest = max([3, *(int(np.ceil(np.quantile(one, 0.995))) for one in sizes if len(one))])
    figures.append(
        (
            "How many drugs",
            "Bars: how many drugs records really have. Lines: how many each model recommends.",
            plots.sizes_plot(names, size_shares(true, largest), [size_shares(one, largest) for one in sets]),
        )
    )
    if graph is not None:
        figures.append(
            (
                "Drug–drug interactions",
                "Share of interacting pairs before (hollow) and after the filter (filled); dashed, what was "
                "really prescribed.",
                plots.ddi_plot(table, ddi_rate(true, graph)),
            )
        )
    return (
        '<div class="plots">\n'
        + "".join(
            f"<figure><figcaption><h3>{escape(head)}</h3><p>{escape(text)}</p></figcaption>\n{svg}</figure>\n"
            for head, text, svg in figures
        )
        + "</div>"
    )


def _signed(value: float) -> str:
    return f"{value:.3f}".replace("-", "−")


_LIMITS = """<p><strong>This is research software, not medical advice.</strong> It shows how well models repeat
what was prescribed in past records. It does not show that a prescription was right, that a recommended drug
would help, or that a set without a listed interaction is safe.</p>
<ul>
<li>Not for use in the care of patients. A person qualified to prescribe must judge every recommendation.</li>
<li>The figures hold for these records; another hospital, time or drug list will give others.</li>
<li>Interactions are only those of the table that was given; doses, allergies, pregnancy, kidney and liver
function are not looked at.</li>
<li>Rare drugs have few records, so their figures are uncertain, and drugs that do not occur here are not
judged at all.</li>
<li>Intervals are over patients for fixed models; they do not hold the chance of another training set.</li>
</ul>"""
