"""What several commands make of their options."""

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sklearn.pipeline import Pipeline

from medrec._checks import InputError
from medrec._literals import read_literal
from medrec.cli import UsageError
from medrec.cli.messages import note
from medrec.datasets import Dataset, ParquetRecords, load
from medrec.datasets.sources import FORMATS
from medrec.recommenders import make_recommender
from medrec.safety import DDIFilter, DDIGraph
from medrec.tuning import fit_records


def read_source(source: str, masks: str | None = None, read: Sequence[str] = ()) -> Dataset:
    """The Dataset of a ``--data`` option, read with the options of ``--read``; notes of the reader go to stderr."""
    options = read_options(source, read)
    if masks is not None:
        if not source.startswith("dialmed:"):
            raise UsageError(f"--masks is for dialmed: sources; got {source}")
        options["masks"] = masks
    try:
        data = load(source, **options)
    except InputError:
        raise
    except (ValueError, TypeError) as error:  # an option out of range, or of another type
        if not options:
            raise
        raise UsageError(f"--read {' '.join(read)}: {error}") from None
    for line in data.notes:
        note(f"{source}: {line}")
    return data


def read_options(source: str, words: Sequence[str]) -> dict[str, Any]:
    """The options of ``--read`` for the reader of a source, by name."""
    options = dict(_key_value("--read", word) for word in words)
    name = source.partition(":")[0]
    if options and name in FORMATS:
        known = [
            key for key, one in inspect.signature(FORMATS[name]).parameters.items() if one.kind is one.KEYWORD_ONLY
        ]
        for key in options:
            if key not in known:
                raise UsageError(f"--read {key}: {name}: takes {', '.join(known) or 'no options'}; got {key!r}")
    return options


def read_labelled(source: str, masks: str | None = None, read: Sequence[str] = ()) -> Dataset:
    """The Dataset of a source that must have drugs."""
    data = read_source(source, masks, read)
    if not data.Y.nnz:
        raise InputError(f"{source}: no record has drugs, so there is nothing to learn or to compare with")
    return data


def read_graph(path: str | None, data: Dataset | ParquetRecords, source: str) -> DDIGraph | None:
    """The interactions of ``--ddi``, else those that came with the data of ``source``, in label order."""
    if path is None:
        try:
            return None if data.ddi is None else DDIGraph.from_edges(data.drug_names, data.ddi)
        except ValueError as error:
            raise InputError(f"{source}: {error}") from error
    graph = DDIGraph.from_file(Path(path), data.drug_names)
    if not graph.n_pairs:
        raise InputError(
            "has no interaction between two drugs of the data, so no set would be checked; "
            "give a table of these drugs, or leave --ddi out",
            path=path,
        )
    if graph.unmatched:
        some = ", ".join(graph.unmatched[:3]) + (" …" if len(graph.unmatched) > 3 else "")
        note(f"{path}: {len(graph.unmatched)} names are no drug of the data and were left out: {some}")
    told = {"self_pairs": "rows pair a drug with itself and were left out"}
    told["severity_conflicts"] = "pairs have several severities, of which the highest holds"
    for key, what in told.items():
        if graph.counts[key]:
            note(f"{path}: {graph.counts[key]} {what}")
    return graph


def make_pipeline(
    parsed: Any, data: Dataset | ParquetRecords, graph: DDIGraph | None, *, verbose: bool = True, **tuned: Any
) -> Pipeline:
    """The Pipeline that ``fit``, ``evaluate`` and ``tune`` are asked for; ``tuned`` options come after ``--set``."""
    limit = None
    if graph is not None:
        limit = DDIFilter(graph) if parsed.max_ddi is None else DDIFilter(graph, max_rate=parsed.max_ddi)
    elif parsed.max_ddi is not None:
        raise UsageError("--max-ddi needs interactions: give --ddi FILE")
    options: dict[str, Any] = {"random_state": parsed.seed}
    if parsed.decision is not None:
        options["decision"] = parsed.decision
    if parsed.model != "prior":
        options |= {"n_jobs": parsed.jobs, "verbose": verbose}
    options |= {**set_options(parsed), **tuned}
    try:
        return make_recommender(
            parsed.model,
            schema=data.schema,
            drug_names=data.drug_names,
            aliases=data.aliases,
            ddi=limit,
            base=parsed.base,
            device=parsed.device,
            **options,
        )
    except (ValueError, TypeError) as error:
        raise UsageError(str(error)) from None


def set_options(parsed: Any) -> dict[str, Any]:
    """The options of ``--set`` by name."""
    return dict(_key_value("--set", word) for word in parsed.set)


def fit(pipeline: Pipeline, data: Dataset) -> Pipeline:
    """Fit on records, patients kept together in inner folds; an option out of range is wrong usage."""
    try:
        return fit_records(pipeline, data)
    except InputError:
        raise
    except (ValueError, TypeError) as error:
        raise UsageError(str(error)) from error


def _key_value(option: str, word: str) -> tuple[str, Any]:
    key, equals, value = word.partition("=")
    if not equals or not key:
        raise UsageError(f"{option} takes KEY=VALUE; got {word!r}")
    return key, read_literal(value)
