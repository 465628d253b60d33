"""Pages for the browser: one with everything, from records that are made here."""

from pathlib import Path

import numpy as np

from medrec.explain import RecordExplainer, extreme_records, record_examples, write_explanations
from medrec.recommenders import make_recommender
from medrec.report import SystemResult, data_card, ddi_frontier, model_card, write_report
from medrec.safety import DDIGraph
from medrec.tuning import fit_records
from tests.explain.examples import DRUGS, make_data

EVIL = '<img src="https://example.org/x" onerror="alert(1)">'


def full_report(path: Path) -> None:
    """Two models, a graph, a frontier, explained records and all cards; a drug's name tries to be markup."""
    data = make_data(80)
    train, test = data.subset(np.arange(40)), data.subset(np.arange(40, 80))
    graph = DDIGraph.from_edges(DRUGS, [(DRUGS[0], DRUGS[2]), (DRUGS[1], DRUGS[2])], severity="major")
    systems, pipelines = [], {}
    for name in ("prior", "binary-relevance"):
        pipeline = make_recommender(
            name, schema=data.schema, drug_names=DRUGS, ddi=graph, features__min_df=1, random_state=0, cv=2
        )
        pipelines[name] = fit_records(pipeline, train)
        scores = pipeline.predict_proba(test.records)
        safe, decided, _ = pipeline[-1].decide(scores)
        systems.append(SystemResult(name, scores, safe, decided, 1.0, model_card(pipeline, name=name, seed=0)))
    best = systems[1]
    rows = extreme_records(test.Y, best.sets, test.groups)
    write_report(
        path,
        systems,
        title=f"测试 report {EVIL}",
        Y=test.Y,
        drug_names=DRUGS,
        groups=test.groups,
        graph=graph,
        description={"To learn from": data_card(train, source="made"), "To test on": data_card(test)},
        train_counts=np.asarray(train.Y.sum(axis=0)).ravel(),
        frontier=ddi_frontier(best.scores, test.Y, graph, Z=best.sets_unfiltered, n_points=4),
        examples=record_examples(pipelines[best.name], test, best.sets, rows, model=best.name),
        n_resamples=50,
    )


def explanation(path: Path) -> None:
    """Two drugs of one record explained."""
    data = make_data(40)
    pipeline = make_recommender(
        "binary-relevance", schema=data.schema, drug_names=DRUGS, features__min_df=1, random_state=0, cv=2
    )
    explainer = RecordExplainer(fit_records(pipeline, data), data.subset([1]))
    write_explanations(path, [explainer.explain(drug) for drug in DRUGS[:2]], title=f"Record 2 {EVIL}")
