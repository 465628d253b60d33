"""``medrec demo``: the whole line on generated records."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from medrec._io import atomic_write, make_folder
from medrec._progress import progress
from medrec.cli.messages import note
from medrec.cli.predict import write_chip2025
from medrec.cli.reporting import SECONDS, examples_of, frontier_of
from medrec.cli.tables import print_table
from medrec.datasets import Dataset, make_records, read_cdrugred, write_records
from medrec.metrics import evaluate
from medrec.recommenders import make_recommender
from medrec.report import (
    SystemResult,
    best_system,
    data_card,
    display_table,
    model_card,
    summary_table,
    write_report,
)
from medrec.safety import DDIGraph
from medrec.tuning import fit_records

RECORDS = 1500
SYSTEMS = ("prior", "binary-relevance", "chain")
SUBMITTED = "binary-relevance"


def run(parsed: Any) -> None:
    """Make records, fit three models, evaluate them on other patients, write submission, figures and page."""
    folder = make_folder(parsed.out)
    note(f"writing {RECORDS} generated records to {folder}")
    write_records(make_records(RECORDS, seed=0), folder)
    train = read_cdrugred(folder / "CDrugRed_train.jsonl")
    test = read_cdrugred(folder / "CDrugRed_test-B_truth.jsonl")
    graph = DDIGraph.from_file(folder / "ddi.csv", train.drug_names)
    pipelines: dict[str, Any] = {}
    systems = list(compare(train, test, graph, pipelines))
    submitted = next(system for system in systems if system.name == SUBMITTED)
    with atomic_write(folder / "submission.json") as file:
        write_chip2025(file, test.ids, submitted.sets, submitted.scores, test.drug_names)
    description = {
        **test.describe(),
        "interactions": graph.n_pairs,
        "protocol": f"fitted on {len(train)} generated records, tested on {len(test)} of other patients",
    }
    table = write_page(folder, systems, pipelines, train, test, graph)
    figures = {
        "data": description,
        "models": {
            system.name: evaluate(test.Y, system.sets, system.scores, groups=test.groups, ddi=graph)
            | {"seconds": round(system.seconds, 2)}
            for system in systems
        },
    }
    with atomic_write(folder / "metrics.json") as file:
        json.dump(figures, file, ensure_ascii=False, indent=1)
        file.write("\n")
    print_table(display_table(table))
    for name in ("submission.json", "metrics.json", "report.html"):
        note(f"{folder / name}: written")


def write_page(
    folder: Path,
    systems: Sequence[SystemResult],
    pipelines: Mapping[str, Any],
    train: Dataset,
    test: Dataset,
    graph: DDIGraph,
) -> pd.DataFrame:
    """The page, with the records of the best system that it explains; the table of figures comes back."""
    note("writing the page")
    best = systems[best_system(summary_table(systems, Y=test.Y, n_resamples=0))]
    models = {0: lambda: pipelines[best.name]}
    return write_report(
        folder / "report.html",
        systems,
        title="medrec demo: generated discharge records",
        Y=test.Y,
        drug_names=test.drug_names,
        groups=test.groups,
        graph=graph,
        description={
            "Records to learn from": data_card(train, source="generated: medrec.make_records(1500, seed=0)"),
            "Records to test on, of other patients": data_card(test),
        },
        train_counts=np.asarray(train.Y.sum(axis=0)).ravel(),
        frontier=frontier_of(graph, test, best),
        examples=examples_of(models, np.zeros(len(test), dtype=np.int64), test, best, 3),
    )


def compare(train: Dataset, test: Dataset, graph: DDIGraph, pipelines: dict[str, Any]) -> Iterator[SystemResult]:
    """Fit each system on the training records, put it into ``pipelines``, and recommend for the test records."""
    for name in progress(SYSTEMS, desc="models"):
        start = time.perf_counter()
        options: dict[str, Any] = {} if name == "prior" else {"n_jobs": -1, "verbose": True}
        pipeline = make_recommender(name, schema=train.schema, drug_names=train.drug_names, ddi=graph, **options)
        scores = fit_records(pipeline, train).predict_proba(test.records)
        safe, decided, _ = pipeline[-1].decide(scores)
        seconds = time.perf_counter() - start
        pipelines[name] = pipeline
        yield SystemResult(name, scores, safe, decided, seconds, model_card(pipeline, name=name, **{SECONDS: seconds}))
