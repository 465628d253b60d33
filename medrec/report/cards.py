"""Data card and model card: what was learned from and evaluated, and what the model is, as facts."""

import inspect
from collections.abc import Mapping
from html import escape
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from medrec._io import library_versions
from medrec._version import __version__
from medrec.datasets import Dataset
from medrec.report.tables import head_cells, language, plural, row_cells, scrolling_table
from medrec.safety import DDIFilter

_LONG = 90  # letters of a parameter that are shown
_EDGES = (0, 5, 20, 100)  # records of the rarest drugs at most


def data_card(data: Dataset, *, source: str | None = None) -> dict[str, Any]:
    """Facts of a Dataset: where it is from, counts, what was left out, how long its texts are.

    Parameters
    ----------
    data : Dataset
    source : str, optional
        Where it was read from.

    Returns
    -------
    dict
        For ``write_report(description=…)``; holds no text of any record.

    Examples
    --------
    >>> from medrec.datasets import load
    >>> card = data_card(load("synthetic:records=60,seed=0"), source="synthetic:records=60,seed=0")
    >>> card["records"], list(card["columns"].columns)
    (60, ['column', 'kind', 'missing', 'unit', 'median', '90 %', 'longest'])
    """
    facts = data.describe()
    missing = facts.pop("missing")
    rows = []
    for column, kind in facts.pop("schema").items():
        lengths, unit = _lengths(data.records[column], kind)
        row: dict[str, Any] = {"column": column, "kind": kind, "missing": missing.get(column, 0), "unit": unit}
        quantiles = np.rint(np.quantile(lengths, [0.5, 0.9, 1.0])) if len(lengths) else [np.nan] * 3
        rows.append(row | dict(zip(("median", "90 %", "longest"), quantiles)))
    fingerprint, notes = facts.pop("fingerprint"), facts.pop("notes")
    facts = {key: value for key, value in facts.items() if value or key not in ("aliases", "interactions")}
    card = ({} if source is None else {"source": source}) | facts
    return {
        **card,
        "fingerprint": fingerprint,
        "left out or repaired": notes or "nothing was reported",
        "columns": pd.DataFrame(rows),
    }


def _lengths(values: pd.Series, kind: str) -> tuple[np.ndarray, str]:
    """Lengths of the values that are there, and what they are counted in."""
    if kind == "text":
        return np.asarray([len(one) for one in values if isinstance(one, str) and one]), "characters"
    lists = [one for one in values if isinstance(one, (list, tuple, np.ndarray)) and len(one)]
    if kind == "dialogue":
        return np.asarray([sum(len(turn) for turn in one) for one in lists]), "characters"
    if kind in ("codes", "evidence"):
        return np.asarray([len(one) for one in lists]), "entries"
    return np.zeros(0), ""


def model_card(pipeline: Any, *, name: str, **facts: Any) -> dict[str, Any]:
    """Facts of a model: parts, parameters, versions.

    Parameters
    ----------
    pipeline : Pipeline
        Of ``RecordVectorizer`` and a recommender; fitted, it says more.
    name : str
        What it is called.
    **facts
        What else is known, such as ``protocol="5 folds"`` or ``seconds=12.5``.

    Returns
    -------
    dict
        For ``SystemResult(card=…)``.

    Examples
    --------
    >>> from medrec.recommenders import make_recommender
    >>> card = model_card(make_recommender("neighbors", schema={"note": "text"}), name="neighbors", seed=0)
    >>> card["decision rule"]
    'ExpectedJaccard: the set of highest expected Jaccard, for each record.'
    """
    from medrec.decision.rules import make_decision

    features, recommender = pipeline[0], pipeline[-1]
    card: dict[str, Any] = {"model": name, "recommender": _says(recommender)}
    if hasattr(recommender, "base"):
        card["base"] = _says(recommender.base) if not isinstance(recommender.base, str) else recommender.base
    if hasattr(recommender, "bases_"):
        card["bases"] = [str(one) for one in recommender.bases]
    n_features = getattr(features, "n_features_out_", None)
    if n_features is not None:
        card["columns of features"] = n_features
    card["decision rule"] = _says(getattr(recommender, "decision_", None) or make_decision(recommender.decision))
    calibrator = getattr(recommender, "calibrator_", None)
    if hasattr(recommender, "filter_"):
        card["calibration"] = "none: scores are the model's own" if calibrator is None else _says(calibrator)
    card["interaction filter"] = _filter_words(getattr(recommender, "filter_", None) or recommender.ddi)
    for key, label in (("cv", "inner folds"), ("random_state", "seed"), ("device_", "device")):
        if getattr(recommender, key, None) is not None:
            card[label] = getattr(recommender, key)
    card |= facts
    card["versions"] = "; ".join(
        f"{key} {value}" for key, value in {"medrec": __version__, **library_versions()}.items()
    )
    card["parameters"] = _parameters(pipeline)
    return card


def _filter_words(ddi: Any) -> str:
    """What a filter keeps to; of a graph or a table of pairs, that no pair is kept."""
    if ddi is None:
        return "none"
    pairs = getattr(getattr(ddi, "graph", ddi), "n_pairs", None)
    known = "" if pairs is None else f", of {pairs:,} known pairs"
    if not isinstance(ddi, DDIFilter):
        return f"no interacting pair in a record{known}"
    if ddi.max_rate is not None:
        limit = f"at most {ddi.max_rate:.2%} of all pairs interact"
    elif ddi.method == "penalised":
        limit = f"an interacting pair costs {ddi.penalty:g} of the summed scores"
    else:
        limit = "no limit" if ddi.max_pairs is None else f"at most {ddi.max_pairs} interacting pairs a record"
    floor = "" if ddi.severity is None else f" of severity {ddi.severity} and above"
    return f"{limit}{floor}{known} ({ddi.method})"


def _says(part: Any) -> str:
    """The name of a part's class with the first line of its documentation."""
    first = (inspect.getdoc(type(part)) or "").split("\n\n")[0].replace("\n", " ")
    first = first[:1].lower() + first[1:] if first[1:2].islower() or first[1:2] == " " else first
    return f"{type(part).__name__}: {first}"


def _parameters(pipeline: Any) -> pd.DataFrame:
    """Every parameter of features and recommender with its value, and whether it is not the default."""
    rows = []
    for step, part in pipeline.steps:
        values = part.get_params(deep=True)
        for name in sorted(values):
            value = values[name]
            owner = values.get(name.rpartition("__")[0], part) if "__" in name else part
            known = inspect.signature(type(owner)).parameters.get(name.rpartition("__")[2])
            is_default = known is not None and known.default is not known.empty and repr(known.default) == repr(value)
            rows.append((f"{step}__{name}", _value_text(value), "" if is_default else "set"))
    return pd.DataFrame(rows, columns=["parameter", "value", "set"])


def _value_text(value: Any) -> str:
    if isinstance(value, (list, tuple, np.ndarray, Mapping)) and len(value) > 12:
        return f"{len(value):,} entries"
    text = " ".join(repr(value).split())
    return text if len(text) <= _LONG else text[: _LONG - 1] + "…"


def card_html(facts: Mapping[str, Any], label: str) -> str:
    """A card as a description list, its tables below.

    Numbers and short texts stand side by side, then long ones and lists over the whole width, then data frames as
    tables, whose first column names the rows.
    """
    short, wide, tables = [], [], []
    for key, value in facts.items():
        head = key.replace("_", " ")
        if isinstance(value, pd.DataFrame):
            tables.append(_frame(value, f"{label}: {head}", head))
            continue
        if value is None or (isinstance(value, (list, tuple, Mapping)) and not value):
            continue
        pair = f"<dt>{escape(head)}</dt><dd>{_value(value)}</dd></div>"
        if isinstance(value, (list, tuple, Mapping)) or len(str(value)) > 24:
            wide.append(f'<div class="wide">{pair}')
        else:
            short.append(f"<div>{pair}")
    return f'<dl class="facts">{"".join(short + wide)}</dl>' + "".join(tables)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{_value(str(key))}: {_value(inner)}" for key, inner in value.items())
    if isinstance(value, (list, tuple)):
        return "<ul>" + "".join(f"<li>{_value(inner)}</li>" for inner in value) + "</ul>"
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (int, np.integer)):
        return f"{value:,}"
    if isinstance(value, (float, np.floating)):
        return "–" if np.isnan(value) else f"{value:,.4g}".replace("-", "−")
    return f"<span{language(str(value))}>{escape(str(value))}</span>"


def _frame(table: pd.DataFrame, label: str, head: str) -> str:
    """A small table; a long one is folded."""
    names = [str(name) for name in table.columns]
    kinds = ["" if pd.api.types.is_numeric_dtype(table[name]) else ' class="text"' for name in names]
    rows = []
    for first, *cells in table.itertuples(index=False):
        inner = "".join(f"<td{kind}>{_value(cell)}</td>" for kind, cell in zip(kinds[1:], cells))
        rows.append(f'<tr><th scope="row"{language(str(first))}>{escape(str(first))}</th>{inner}</tr>')
    titles = [name[:1].upper() + name[1:] for name in names]
    heads = head_cells(*titles, text=[title for title, kind in zip(titles, kinds) if kind])
    caption = f"{escape(head[:1].upper() + head[1:])}."
    html = scrolling_table(escape(label), caption, heads, rows, "names card", frame="fit")
    if len(table) <= 6:
        return html
    return f"<details><summary>{escape(head[:1].upper() + head[1:])}: {len(table)}</summary>{html}</details>"


def frequency_html(used: np.ndarray, train_counts: Any = None) -> str:
    """How many drugs are frequent and how many rare, in the evaluated and in the training records.

    Examples
    --------
    >>> html = frequency_html(np.array([0, 3, 40]))
    >>> "the 3 drugs prescribed most make 100% of 43 prescriptions" in html, '1–5</th><td>1</td>' in html
    (True, True)
    """
    if not used.sum():
        return "<p>No drug was prescribed.</p>"
    top = np.sort(used)[::-1][:10]
    columns = {"Drugs, evaluated": used}
    if train_counts is not None:
        columns["Drugs, training"] = np.atleast_2d(np.asarray(train_counts)).mean(axis=0)
    counts = [np.bincount(np.searchsorted(_EDGES, one), minlength=len(_EDGES) + 1) for one in columns.values()]
    names = ["none", *(f"{low + 1}–{high}" for low, high in pairwise(_EDGES)), f"over {_EDGES[-1]}"]
    rows = [row_cells(name, [f"{one[at]:,}" for one in counts]) for at, name in enumerate(names)]
    caption = "Drugs by the number of records that have them."
    table = scrolling_table("Frequency of drugs", caption, head_cells("Records", *columns), rows, frame="fit")
    share = f"{top.sum() / used.sum():.0%} of {plural(int(used.sum()), 'prescription')}"
    return f"<p>In the evaluated records, the {plural(len(top), 'drug')} prescribed most make {share}.</p>\n{table}"
