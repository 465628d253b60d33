"""``medrec evaluate``."""

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from medrec._checks import InputError
from medrec._io import atomic_write, check_writable
from medrec.cli.messages import note
from medrec.cli.options import fit, make_pipeline, read_graph, read_labelled
from medrec.cli.reporting import SECONDS, KeptFolds, examples_of, folds_of, frontier_of, temporary_folder
from medrec.cli.tables import print_figures
from medrec.datasets import Dataset
from medrec.metrics import evaluate
from medrec.report import SystemResult, data_card, model_card, write_report
from medrec.safety import DDIGraph
from medrec.tuning import cross_decide


def run(parsed: Any) -> None:
    """Fit on some records, measure on others, print and write the figures."""
    for path in (parsed.out, parsed.report):
        check_writable(path)
    data = read_labelled(parsed.data, parsed.masks, parsed.read)
    graph = read_graph(parsed.ddi, data, parsed.data)
    with temporary_folder() as folder:
        evaluate_and_write(parsed, data, graph, Path(folder))


def evaluate_and_write(parsed: Any, data: Dataset, graph: DDIGraph | None, folder: Path) -> None:
    """Do the work of :func:`run`; ``folder`` holds models of folds while it lasts."""
    start = time.perf_counter()
    explains = parsed.report is not None and parsed.examples > 0
    models: dict[int, Callable[[], Any]] = {}
    if parsed.test is None:
        if len(data) < 2 or (data.groups is not None and len(set(data.groups)) < 2):
            raise InputError(f"{parsed.data}: folds need the records of two patients; give more, or --test")
        truth = data
        kept = KeptFolds(fit, folder)
        result = cross_decide(
            lambda: make_pipeline(parsed, data, graph),
            data,
            n_splits=parsed.cv,
            random_state=parsed.seed,
            fit=kept if explains else fit,
        )
        folds, fold, train_counts = folds_of(data, parsed.cv, parsed.seed)
        models = {place: partial(kept_model, kept, data, train) for place, (train, _) in enumerate(folds)}
        pipeline = make_pipeline(parsed, data, graph)
        protocol = f"{parsed.cv} folds" + ("" if data.groups is None else " by patient")
    else:
        truth = read_labelled(parsed.test, parsed.masks, parsed.read)
        try:
            truth = truth.align(data.drug_names)
        except ValueError as error:
            raise InputError(f"{parsed.test}: {error}") from error
        pipeline = fit(make_pipeline(parsed, data, graph), data)
        scores = pipeline.predict_proba(truth.records)
        safe, decided, _ = pipeline[-1].decide(scores)
        result = (scores, safe, decided)
        fold, train_counts = np.zeros(len(truth), dtype=np.int64), np.asarray(data.Y.sum(axis=0))
        models = {0: lambda: pipeline}
        protocol = f"test on {parsed.test}"
    scores, safe, decided = result
    seconds = time.perf_counter() - start
    card = model_card(pipeline, name=parsed.model, protocol=protocol, **{SECONDS: seconds})
    system = SystemResult(parsed.model, scores, safe, decided, seconds, card)
    figures = {
        "source": parsed.data,
        "fingerprint": data.fingerprint(),
        "model": parsed.model,
        "base": parsed.base,
        "protocol": protocol,
        **evaluate(truth.Y, safe, scores, groups=truth.groups, ddi=graph),
        "jaccard_unfiltered": evaluate(truth.Y, decided, groups=truth.groups, n_resamples=0)["jaccard"],
        "seconds": round(system.seconds, 2),
    }
    if parsed.out is not None:
        with atomic_write(parsed.out) as file:
            json.dump(figures, file, ensure_ascii=False, indent=1)
            file.write("\n")
    if parsed.report is not None:
        write_report(
            parsed.report,
            [system],
            title=f"{parsed.model} on {parsed.data}",
            Y=truth.Y,
            drug_names=truth.drug_names,
            groups=truth.groups,
            graph=graph,
            description=describe(parsed, data, truth),
            train_counts=train_counts,
            folds=fold,
            frontier=frontier_of(graph, truth, system),
            examples=examples_of(models, fold, truth, system, parsed.examples) if explains else (),
        )
    for path in filter(None, (parsed.out, parsed.report)):
        note(f"{path}: written")
    print_figures(f"{parsed.model} ({parsed.base}), {protocol}", figures)


def describe(parsed: Any, data: Dataset, truth: Dataset) -> dict[str, Any]:
    """The data card: of one source in folds, or of two."""
    card = data_card(data, source=parsed.data)
    if truth is data:
        return card
    return {"Records to learn from": card, "Records to test on": data_card(truth, source=parsed.test)}


def kept_model(kept: KeptFolds, data: Dataset, train: np.ndarray) -> Any | None:
    """The model of a fold."""
    return kept.of(data.subset(train))
