"""Data card and model card say what they should, and nothing of a record."""

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import Pipeline

from medrec.datasets import Dataset
from medrec.recommenders import make_recommender
from medrec.report import data_card, model_card
from medrec.report.cards import card_html
from medrec.safety import DDIFilter, DDIGraph
from tests.explain.examples import DRUGS, NOTES, TALKS, fit, make_data


def test_lengths_are_those_of_what_is_there():
    data = make_data(8)
    card = data_card(data, source="made")
    table = card["columns"].set_index("column")
    notes = [len(text) for text in data.records["note"]]
    assert table.loc["note", "longest"] == max(notes)
    assert table.loc["note", "median"] == np.rint(np.median(notes))
    assert table.loc["talk", "longest"] == max(sum(map(len, talk)) for talk in TALKS)
    assert table.loc["codes", ["missing", "unit"]].tolist() == [2, "entries"]
    assert np.isnan(table.loc["age", "median"])
    assert card["source"] == "made"
    assert card["fingerprint"] == data.fingerprint()


def test_notes_of_the_reader_are_in_the_data_card_and_texts_of_records_are_not():
    made = make_data(8)
    data = Dataset(made.records, made.Y, DRUGS, made.schema, notes=("2 rows without drugs were dropped",))
    html = card_html(data_card(data), "Data")
    assert "2 rows without drugs were dropped" in html
    assert not any(text in html for text in NOTES)
    assert "nothing was reported" in card_html(data_card(made), "Data")


def test_the_model_card_names_the_parts_and_what_was_set():
    pipeline, _ = fit("binary-relevance", base="lightgbm", cv=2, decision="top-k", base__n_estimators=3)
    card = model_card(pipeline, name="mine", protocol="2 folds")
    assert card["base"].startswith("LightGBMBase: ")
    assert card["decision rule"].startswith("TopK: ")
    assert card["calibration"].startswith("PlattCalibrator: ")
    assert card["columns of features"] == pipeline[0].n_features_out_
    assert (card["inner folds"], card["seed"], card["protocol"]) == (2, 0, "2 folds")
    assert "medrec 0" in card["versions"]
    table = card["parameters"].set_index("parameter")
    assert table.loc["recommender__base__n_estimators"].tolist() == ["3", "set"]
    assert table.loc["features__word_ngrams"].tolist() == ["2", ""]
    assert set(table.index) == {
        f"{step}__{name}" for step, part in pipeline.steps for name in part.get_params(deep=True)
    }


@pytest.mark.parametrize("model", ["prior", "neighbors", "stacked", "chain", "stacked-binary-relevance"])
def test_every_model_has_a_card_before_it_is_fitted(model):
    pipeline = make_recommender(model, schema={"note": "text", "codes": "codes"}, drug_names=["a", "b"])
    assert isinstance(pipeline, Pipeline)
    html = card_html(model_card(pipeline, name=model), model)
    assert "decision rule" in html
    assert "<table" in html


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "at most 0 interacting pairs a record, of 1 known pairs (exact)"),
        ({"max_rate": 0.05}, "at most 5.00% of all pairs interact, of 1 known pairs (exact)"),
        ({"max_pairs": 2, "method": "greedy", "severity": "major"},
         "at most 2 interacting pairs a record of severity major and above, of 1 known pairs (greedy)"),
        ({"method": "penalised", "penalty": 0.5}, "an interacting pair costs 0.5 of the summed scores"),
    ],
)  # fmt: skip
def test_the_filter_is_said_in_words(options, words):
    graph = DDIGraph.from_edges(["a", "b"], [("a", "b")])
    pipeline = make_recommender(
        "neighbors", schema={"note": "text"}, drug_names=["a", "b"], ddi=DDIFilter(graph, **options)
    )
    assert words in model_card(pipeline, name="x")["interaction filter"]


def test_values_of_a_card_are_text_and_never_markup():
    html = card_html({"<b>": "<i>", "list": ["<u>"], "table": pd.DataFrame({"<p>": ["<a>"], "n": [-0.5]})}, "x")
    assert not any(tag in html for tag in ("<b>", "<i>", "<u>", "<p>", "<a>"))
    assert "−0.5" in html
