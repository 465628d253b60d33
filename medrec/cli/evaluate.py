"""``medrec evaluate``."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from medrec._checks import InputError
from medrec._dask import connected
from medrec._io import atomic_write, check_writable
from medrec.cli.messages import note
from medrec.cli.options import fit, make_pipeline, read_graph, read_labelled
from medrec.cli.reporting import SECONDS, KeptFolds, examples_of, folds_of, frontier_of, temporary_folder
from medrec.cli.tables import print_figures
from medrec.datasets import Dataset
from medrec.metrics import evaluate
from medrec.report import SystemResult, data_card, model_card, write_report
from medrec.report.tables import plural
from medrec.safety import DDIGraph
from medrec.tuning import cross_decide


@dataclass(frozen=True)
class Tested:
    """What was recommended for records that the model had not seen.

    Attributes
    ----------
    truth : Dataset
        The records.
    result : tuple
        Scores, sets after the interaction filter, and sets before it.
    fold : int array of shape (n_records,)
        Which of the models scored each record.
    train_counts : int array of shape (n_models, n_labels)
        Records of each drug that each model learned from.
    models : mapping of int to callable
        What gives each model, or None where it is gone.
    pipeline : Pipeline
        One of them, or what they were made from.
    protocol : str
        In words.
    """

    truth: Dataset
    result: tuple[Any, Any, Any]
    fold: np.ndarray
    train_counts: np.ndarray
    models: Mapping[int, Callable[[], Any]]
    pipeline: Any
    protocol: str


def run(parsed: Any) -> None:
    """Fit on some records, measure on others, print and write the figures."""
    for path in (parsed.out, parsed.report):
        check_writable(path)
    data = read_labelled(parsed.data, parsed.masks, parsed.read)
    graph = read_graph(parsed.ddi, data, parsed.data)
    with temporary_folder() as folder:
        start = time.perf_counter()
        tested = in_folds(parsed, data, graph, folder) if parsed.test is None else on_others(parsed, data, graph)
        seconds = time.perf_counter() - start
        figures = figures_of(parsed, data, graph, tested, seconds)
        if parsed.out is not None:
            with atomic_write(parsed.out) as file:
                json.dump(figures, file, ensure_ascii=False, indent=1)
                file.write("\n")
        if parsed.report is not None:
            write_page(parsed, data, graph, tested, seconds)
    for path in filter(None, (parsed.out, parsed.report)):
        note(f"{path}: written")
    print_figures(f"{parsed.model} ({parsed.base}), {tested.protocol}", figures)


def in_folds(parsed: Any, data: Dataset, graph: DDIGraph | None, folder: str) -> Tested:
    """Every record scored by a model of the other folds, which ``folder`` keeps where records are to be explained."""
    if len(data) < 2 or (data.groups is not None and len(set(data.groups)) < 2):
        raise InputError(f"{parsed.data}: folds need the records of two patients; give more, or --test")
    kept = KeptFolds(fit, Path(folder))
    with connected(parsed.dask):
        result = cross_decide(
            lambda: make_pipeline(parsed, data, graph),
            data,
            n_splits=parsed.cv,
            random_state=parsed.seed,
            fit=kept if parsed.report is not None and parsed.examples else fit,
        )
    folds, fold, train_counts = folds_of(data, parsed.cv, parsed.seed)
    models = {place: partial(kept_model, kept, data, train) for place, (train, _) in enumerate(folds)}
    protocol = f"{parsed.cv} folds" + ("" if data.groups is None else " by patient")
    return Tested(data, result, fold, train_counts, models, make_pipeline(parsed, data, graph), protocol)


def on_others(parsed: Any, data: Dataset, graph: DDIGraph | None) -> Tested:
    """The records of ``--test`` scored by a model of all of ``--data``."""
    truth = read_labelled(parsed.test, parsed.masks, parsed.read)
    try:
        truth = truth.align(data.drug_names)
    except ValueError as error:
        raise InputError(f"{parsed.test}: {error}") from error
    with connected(parsed.dask):
        pipeline = fit(make_pipeline(parsed, data, graph), data)
    scores = pipeline.predict_proba(truth.records)
    safe, decided, _ = pipeline[-1].decide(scores)
    fold = np.zeros(len(truth), dtype=np.int64)
    models = {0: lambda: pipeline}
    protocol = f"test on {parsed.test}"
    return Tested(truth, (scores, safe, decided), fold, np.asarray(data.Y.sum(axis=0)), models, pipeline, protocol)


def figures_of(parsed: Any, data: Dataset, graph: DDIGraph | None, tested: Tested, seconds: float) -> dict[str, Any]:
    """The figures, and what they are of."""
    truth, (scores, safe, decided) = tested.truth, tested.result
    return {
        "source": parsed.data,
        "fingerprint": data.fingerprint(),
        "model": parsed.model,
        "base": parsed.base,
        "protocol": tested.protocol,
        **evaluate(truth.Y, safe, scores, groups=truth.groups, ddi=graph),
        "jaccard_unfiltered": evaluate(truth.Y, decided, groups=truth.groups, n_resamples=0)["jaccard"],
        "seconds": round(seconds, 2),
    }


def write_page(parsed: Any, data: Dataset, graph: DDIGraph | None, tested: Tested, seconds: float) -> None:
    """The page of ``--report``."""
    note("writing the page")
    truth = tested.truth
    card = model_card(tested.pipeline, name=parsed.model, protocol=tested.protocol, **{SECONDS: seconds})
    system = SystemResult(parsed.model, *tested.result, seconds, card)
    examples = examples_of(tested.models, tested.fold, truth, system, parsed.examples) if parsed.examples else []
    write_report(
        parsed.report,
        [system],
        title=f"{parsed.model} on {parsed.data}",
        Y=truth.Y,
        drug_names=truth.drug_names,
        groups=truth.groups,
        graph=graph,
        description=describe(parsed, data, truth),
        train_counts=tested.train_counts,
        folds=tested.fold,
        frontier=frontier_of(graph, truth, system),
        examples=examples,
    )
    if examples:
        note(f"{parsed.report}: quotes the text of {plural(len(examples), 'record')}; --examples 0 leaves it out")


def describe(parsed: Any, data: Dataset, truth: Dataset) -> dict[str, Any]:
    """The data card: of one source in folds, or of two."""
    card = data_card(data, source=parsed.data)
    if truth is data:
        return card
    return {"Records to learn from": card, "Records to test on": data_card(truth, source=parsed.test)}


def kept_model(kept: KeptFolds, data: Dataset, train: np.ndarray) -> Any | None:
    """The model of a fold."""
    return kept.of(data.subset(train))
