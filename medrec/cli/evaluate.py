"""``medrec evaluate``."""

import json
import time
from typing import Any

from medrec._checks import InputError
from medrec._dask import connected
from medrec._io import atomic_write, check_writable
from medrec.cli.messages import note
from medrec.cli.options import fit, make_pipeline, read_graph, read_labelled
from medrec.cli.tables import print_figures
from medrec.metrics import evaluate
from medrec.report import SystemResult, write_report
from medrec.tuning import cross_decide


def run(parsed: Any) -> None:
    """Fit on some records, measure on others, print and write the figures."""
    for path in (parsed.out, parsed.report):
        check_writable(path)
    data = read_labelled(parsed.data, parsed.masks, parsed.read)
    graph = read_graph(parsed.ddi, data, parsed.data)
    start = time.perf_counter()
    if parsed.test is None:
        if len(data) < 2 or (data.groups is not None and len(set(data.groups)) < 2):
            raise InputError(f"{parsed.data}: folds need the records of two patients; give more, or --test")
        truth = data
        with connected(parsed.dask):
            result = cross_decide(
                lambda: make_pipeline(parsed, data, graph), data, n_splits=parsed.cv, random_state=parsed.seed, fit=fit
            )
        protocol = f"{parsed.cv} folds" + ("" if data.groups is None else " by patient")
    else:
        truth = read_labelled(parsed.test, parsed.masks, parsed.read)
        try:
            truth = truth.align(data.drug_names)
        except ValueError as error:
            raise InputError(f"{parsed.test}: {error}") from error
        with connected(parsed.dask):
            pipeline = fit(make_pipeline(parsed, data, graph), data)
        scores = pipeline.predict_proba(truth.records)
        safe, decided, _ = pipeline[-1].decide(scores)
        result = (scores, safe, decided)
        protocol = f"test on {parsed.test}"
    scores, safe, decided = result
    system = SystemResult(parsed.model, scores, safe, decided, time.perf_counter() - start)
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
            description={**truth.describe(), "protocol": protocol},
        )
    for path in filter(None, (parsed.out, parsed.report)):
        note(f"{path}: written")
    print_figures(f"{parsed.model} ({parsed.base}), {protocol}", figures)
