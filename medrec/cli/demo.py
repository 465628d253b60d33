"""``medrec demo``: the whole line on generated records."""

import json
import time
from collections.abc import Iterator
from typing import Any

from medrec._io import atomic_write
from medrec._progress import progress
from medrec.cli.data import make_folder
from medrec.cli.messages import note
from medrec.cli.predict import write_chip2025
from medrec.cli.tables import print_table
from medrec.datasets import Dataset, make_records, read_cdrugred, write_records
from medrec.metrics import evaluate
from medrec.recommenders import make_recommender
from medrec.report import SystemResult, display_table, write_report
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
    systems = list(compare(train, test, graph))
    submitted = next(system for system in systems if system.name == SUBMITTED)
    with atomic_write(folder / "submission.json") as file:
        write_chip2025(file, test.ids, submitted.sets, submitted.scores, test.drug_names)
    description = {
        **test.describe(),
        "interactions": graph.n_pairs,
        "protocol": f"fitted on {len(train)} generated records, tested on {len(test)} of other patients",
    }
    table = write_report(
        folder / "report.html",
        systems,
        title="medrec demo: generated discharge records",
        Y=test.Y,
        drug_names=test.drug_names,
        groups=test.groups,
        graph=graph,
        description=description,
    )
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


def compare(train: Dataset, test: Dataset, graph: DDIGraph) -> Iterator[SystemResult]:
    """Fit each system on the training records and recommend for the test records."""
    for name in progress(SYSTEMS, desc="models"):
        start = time.perf_counter()
        options: dict[str, Any] = {} if name == "prior" else {"n_jobs": -1, "verbose": True}
        pipeline = make_recommender(name, schema=train.schema, drug_names=train.drug_names, ddi=graph, **options)
        scores = fit_records(pipeline, train).predict_proba(test.records)
        safe, decided, _ = pipeline[-1].decide(scores)
        yield SystemResult(name, scores, safe, decided, time.perf_counter() - start)
