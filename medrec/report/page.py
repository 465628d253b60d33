"""``write_report``: one self-contained HTML page that a person can read, on any screen, without a network."""

import os
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from medrec._checks import check_names, check_scores, check_sets
from medrec._io import atomic_write
from medrec.metrics import OverlapCounts, compare, overlap_counts
from medrec.report import contributions, marked_text
from medrec.report.bands import prescription_bands, training_bands
from medrec.report.cards import card_html, frequency_html
from medrec.report.drugs import drug_table, drugs_section
from medrec.report.examples import RecordExample, examples_section
from medrec.report.layout import layout_page
from medrec.report.limits import LIMITS
from medrec.report.script import SCRIPT
from medrec.report.sections import (
    bands_section,
    calibration_section,
    interactions_section,
    results_section,
    sizes_section,
)
from medrec.report.systems import SystemResult, summary_table
from medrec.report.tables import plural, signed


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
    train_counts: Any = None,
    folds: Any = None,
    frontier: pd.DataFrame | None = None,
    examples: Sequence[RecordExample] = (),
    n_resamples: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare systems in one HTML page, and look closely at the best of them.

    Quality with intervals, drug by drug and by how often training has a drug, calibration, set sizes, interactions,
    records to look at, data card, model cards, intended use. The page needs no other file and no network, follows the
    reader's light or dark setting, and is the same to the byte for the same input.

    Parameters
    ----------
    path : path-like
        The page; it is written whole or not at all.
    systems : sequence of SystemResult
        In any order, which the page keeps. The one of the highest Jaccard is looked at closely.
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
        The data card: what was evaluated, as :func:`data_card` or ``Dataset.describe()`` gives it; values may be
        numbers, text, lists, mappings, data frames. Of several cards, a mapping from their headings to them.
    train_counts : array of shape (n_labels,) or (n_folds, n_labels), optional
        Training records that have each drug, for the bands of frequent and rare drugs; one row a fold of
        cross-validation.
    folds : int array of shape (n_records,), optional
        The row of ``train_counts`` that holds for each record.
    frontier : DataFrame, optional
        As :func:`ddi_frontier` gives it, of the best system.
    examples : sequence of RecordExample, optional
        Records to look at, as ``medrec.explain.record_examples`` makes them. They quote the text of records.
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
    best = best_system(table)
    bands = prescription_bands(counts[0].t, true.shape[0])
    if train_counts is not None:
        bands = training_bands(train_counts, folds, true.shape)
    scores = [
        None if one.scores is None else check_scores(one.scores, who="write_report", shape=true.shape)
        for one in systems
    ]
    sets = [check_sets(one.sets, who="write_report", name="sets") for one in systems]
    resampling = {"groups": groups, "n_resamples": n_resamples, "seed": seed}
    focus = systems[best]
    is_probability = scores[best] is not None and _is_probability(scores[best])
    by_drug = drug_table(
        true, sets[best], names, scores=scores[best] if is_probability else None, train_counts=train_counts
    )
    sections = [
        ("results", "Results", results_section(table, counts, **resampling)),
        ("drugs", "Drug by drug", drugs_section(by_drug, focus.name)),
        ("bands", "Frequent and rare drugs", bands_section(table.index, best, true, sets, bands, **resampling)),
        ("calibration", "Can the scores be read as probabilities?", calibration_section(table.index, true, scores)),
        ("sizes", "How many drugs", sizes_section(table.index, true, sets)),
    ]
    if graph is not None:
        before = focus.sets if focus.sets_unfiltered is None else focus.sets_unfiltered
        before = check_sets(before, who="write_report", name="sets_unfiltered")
        inner = interactions_section(table, focus.name, true, before, sets[best], graph, names, frontier)
        sections.append(("interactions", "Drug–drug interactions", inner))
    if examples:
        sections.append(("records", "Worst and best records", examples_section(examples)))
    sections.append(("data", "Data card", _data_section(true, groups, description, train_counts)))
    if any(system.card for system in systems):
        sections.append(("model", "Model card", _model_section(systems, best)))
    sections.append(("limits", "Intended use and limits", LIMITS))
    lead = _lead(table, counts, best, **resampling)
    css = marked_text.CSS + contributions.CSS if examples else ""
    with atomic_write(path) as file:
        file.write(layout_page(title, lead, sections, css=css, script=SCRIPT))
    return table


def best_system(table: pd.DataFrame) -> int:
    """The row of the highest Jaccard, the one that :func:`write_report` looks at closely.

    Parameters
    ----------
    table : DataFrame
        As :func:`summary_table` gives it; of equal rows the first is taken.

    Examples
    --------
    >>> systems = [SystemResult("none", None, [[0, 0]]), SystemResult("all", None, [[1, 1]])]
    >>> best_system(summary_table(systems, Y=[[1, 1]]))
    1
    """
    return int(np.nan_to_num(table["jaccard"].to_numpy(), nan=-1).argmax())


def _is_probability(scores: Any) -> bool:
    return bool(scores.size and scores.min() >= 0 and scores.max() <= 1)


def _lead(
    table: pd.DataFrame, counts: Sequence[OverlapCounts], best: int, groups: Any, n_resamples: int, seed: int
) -> str:
    row = table.iloc[best]
    name = escape(str(table.index[best]))
    one = counts[best]
    what = f"has the highest Jaccard of {len(table)} models:" if len(table) > 1 else "reaches Jaccard"
    within = ""
    if not np.isnan(row["jaccard_low"]):
        within = f" (95&nbsp;% interval {row['jaccard_low']:.3f} to {row['jaccard_high']:.3f})"
    text = [
        f"<strong>{name}</strong> {what} {row['jaccard']:.3f}{within}, with F1 {row['f1']:.3f} and "
        f"{plural(int(row['empty_sets']), 'empty set')}."
    ]
    if one.z.sum() and one.y.sum():
        text.append(
            f"Of ten drugs that it recommends, {10 * one.h.sum() / one.z.sum():.1f} were prescribed; of ten that were "
            f"prescribed, it recommends {10 * one.h.sum() / one.y.sum():.1f}."
        )
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
            f"(95&nbsp;% interval {signed(other.interval[0], 3)} to {signed(other.interval[1], 3)}; ahead in "
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
    return (
        f'<p class="lead">{" ".join(text)}</p>\n<p class="warn">Research software, not medical advice: the page shows '
        'how well models repeat what was prescribed. See <a href="#limits">intended use and limits</a>.</p>'
    )


def _data_section(true: Any, groups: Any, description: Mapping[str, Any] | None, train_counts: Any) -> str:
    sizes = np.diff(true.indptr)
    if description is None:
        description = {
            "records": len(sizes),
            "patients": len(sizes) if groups is None else len(set(np.asarray(groups).tolist())),
            "drugs": true.shape[1],
            "drugs_per_record": float(sizes.mean()) if len(sizes) else 0.0,
        }
    several = bool(description) and all(isinstance(one, Mapping) for one in description.values())
    cards = description if several else {"": description}
    html = "".join(
        (f"<h3>{escape(head)}</h3>" if head else "") + card_html(one, head or "Data") for head, one in cards.items()
    )
    used = np.bincount(true.indices, minlength=true.shape[1])
    return f"{html}<h3>How often drugs occur</h3>\n{frequency_html(used, train_counts)}"


def _model_section(systems: Sequence[SystemResult], best: int) -> str:
    parts = []
    for place, system in enumerate(systems):
        if system.card:
            inner = card_html(system.card, system.name)
            is_open = " open" if place == best else ""
            parts.append(
                f'<details class="card"{is_open}><summary>{escape(system.name)}</summary>\n{inner}\n</details>'
            )
    return "\n".join(parts)
