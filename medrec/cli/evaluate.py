"""``medrec evaluate``."""

import json
import sys
import time
from typing import Any

import numpy as np

from medrec._io import atomic_write
from medrec.cli.options import fit, make_pipeline, read_graph, read_labelled
from medrec.cli.tables import print_figures
from medrec.datasets import Dataset
from medrec.metrics import evaluate
from medrec.report import SystemResult, write_report
from medrec.tuning import cross_decide


def run(parsed: Any) -> None:
    """Fit on some records, measure on others, print and write the figures."""
    data = read_labelled(parsed.data, parsed.masks)
    graph = read_graph(parsed.ddi, data)
    start = time.perf_counter()
    if parsed.test is None:
        truth = data
        result = cross_decide(
            lambda: make_pipeline(parsed, data, graph), data, n_splits=parsed.cv, random_state=parsed.seed, fit=fit
        )
        protocol = f"{parsed.cv} folds" + ("" if data.groups is None else " by patient")
    else:
        truth = align(read_labelled(parsed.test, parsed.masks), data)
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
    print_figures(f"{parsed.model} ({parsed.base}), {protocol}", figures)
    sys.stdout.flush()


def align(test: Dataset, train: Dataset) -> Dataset:
    """The test records with their sets in the label order of the training records.

    A drug of the test records that training does not know keeps a column at the end, where no model predicts it,
    would change every matrix; instead both must name the same drugs.
    """
    from medrec._checks import InputError
    from dataclasses import replace

    known = {name: at for at, name in enumerate(train.drug_names)}
    used = np.unique(test.Y.indices)
    unknown = [test.drug_names[at] for at in used if test.drug_names[at] not in known]
    if unknown:
        raise InputError(
            f"the test records use {len(unknown)} drugs that the training data does not name, such as {unknown[0]!r}; "
            f"give both one candidate list"
        )
    coo = test.Y.tocoo()
    columns = np.asarray([known.get(name, -1) for name in test.drug_names])
    import scipy.sparse as sp

    sets = sp.csr_matrix((coo.data, (coo.row, columns[coo.col])), shape=(len(test), len(train.drug_names)))
    return replace(test, Y=sets, drug_names=train.drug_names)
