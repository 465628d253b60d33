"""What ``evaluate`` puts into its page: records explained by the model that had not seen them, or no text at all."""

import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from medrec.cli import main
from medrec.cli.reporting import KeptFolds, examples_of, folds_of, frontier_of
from medrec.datasets import write_jsonl
from medrec.recommenders import make_recommender
from medrec.report import SystemResult
from medrec.safety import DDIGraph
from medrec.tuning import cross_decide, fit_records
from tests.explain.examples import DRUGS, NOTES, make_data


def make(data, graph=None):
    return make_recommender("neighbors", schema=data.schema, drug_names=DRUGS, ddi=graph, features__min_df=1, cv=2)


def test_records_are_explained_by_the_model_of_their_fold(tmp_path):
    data = make_data(60)
    kept = KeptFolds(fit_records, tmp_path)
    scores, safe, decided = cross_decide(lambda: make(data), data, n_splits=3, random_state=5, fit=kept)
    folds, fold, counts = folds_of(data, 3, 5)
    for place, (train, test) in enumerate(folds):
        assert (fold[test] == place).all()
        assert counts[place].tolist() == data.Y[train].sum(axis=0).ravel().tolist()[0]
    system = SystemResult("m", scores, safe, decided)
    models = {place: partial(kept.of, data.subset(train)) for place, (train, _) in enumerate(folds)}
    examples = examples_of(models, fold, data, system, 3)
    assert [one.kind for one in examples] == sorted([one.kind for one in examples], reverse=True)
    assert len(examples) > 3
    for example in examples:
        row = data.ids.tolist().index(example.record)
        for drug in example.drugs:
            assert drug.probability == pytest.approx(scores[row, DRUGS.index(drug.drug)], abs=1e-12)
    next(tmp_path.glob("*.joblib")).unlink()
    assert len(examples_of(models, fold, data, system, 3)) < len(examples), "what is not there is left out"


def test_the_frontier_starts_at_the_unfiltered_sets():
    data = make_data(40)
    graph = DDIGraph.from_edges(DRUGS, [(DRUGS[0], DRUGS[2])])
    sets = data.Y.copy()
    system = SystemResult("m", np.where(data.Y.toarray() > 0, 0.9, 0.1), sets, sets)
    table = frontier_of(graph, data, system)
    assert table.attrs["rate"] == table["ddi_rate"].max() > 0
    assert frontier_of(DDIGraph.from_edges(DRUGS, [(DRUGS[0], DRUGS[3])]), data, system) is None
    assert frontier_of(None, data, system) is None


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "made.jsonl"
    write_jsonl(make_data(60), path)
    return f"jsonl:{path}"


@pytest.mark.parametrize(("count", "quotes"), [("1", True), ("0", False)])
def test_the_page_quotes_records_only_when_asked(source, tmp_path, count, quotes, monkeypatch, capsys):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    page = tmp_path / "report.html"
    words = ["evaluate", "--data", source, "--cv", "2", "--model", "neighbors", "--set", "cv=2"]
    assert main([*words, "--report", str(page), "--examples", count]) == 0
    text = page.read_text(encoding="utf-8")
    assert ("Worst and best records" in text) == quotes
    assert ("quotes the text of 2 records" in capsys.readouterr().err) == quotes
    assert any(note[:4] in text for note in NOTES) == quotes
    assert "in each fold its own" in text
    assert f"source</dt><dd><span>{source}" in text.replace(' lang="zh-Hans"', "")
    assert [one.name for one in Path(tmp_path).iterdir()] == ["report.html"], "models of folds are not left behind"
