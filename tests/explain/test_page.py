"""The page: well formed, self-contained, safe, the same for the same input, whole or not at all."""

from html.parser import HTMLParser

import pandas as pd
import pytest

from medrec._checks import InputError
from medrec.datasets import Dataset
from medrec.explain import RecordExplainer, write_explanations
from medrec.recommenders import PairBooster, make_recommender
from tests.explain.examples import DRUGS, fit

VOID = {"meta", "rect", "br"}


class Reader(HTMLParser):
    """Checks that tags close in order, and collects text and marks."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.text, self.marks, self.attributes = [], [], "", [], []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag == "mark":
            self.marks.append([dict(attrs)["class"], ""])
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if self.open and self.open[-1] == "mark":
            self.marks[-1][1] += data


@pytest.fixture(scope="module")
def explainer():
    options = {"bases": ["logistic", "neighbors"], "pairs": PairBooster(n_estimators=10)}
    pipeline, data = fit("stacked", **options)
    return RecordExplainer(pipeline, data.subset([1]))


def write(path, explainer, drugs):
    write_explanations(path, [explainer.explain(drug) for drug in drugs], title="Record <2>")
    return path.read_text(encoding="utf-8")


def test_page_is_well_formed_and_needs_nothing_else(tmp_path, explainer):
    text = write(tmp_path / "a.html", explainer, DRUGS[:2])
    page = Reader(text)
    assert not {"script", "img", "link", "iframe"} & set(page.tags)
    assert not any(name.startswith("on") for name, _ in page.attributes)
    links = [value for name, value in page.attributes if name in ("href", "src")]
    assert set(links) <= {"#results", "#drug-1", "#drug-2"}
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert "://" not in text
    assert "Record <2>" in page.text
    assert write(tmp_path / "b.html", explainer, DRUGS[:2]) == text


def test_page_shows_text_scores_and_neighbours(tmp_path, explainer):
    page = Reader(write(tmp_path / "a.html", explainer, [DRUGS[1]]))
    found = explainer.explain(DRUGS[1])
    assert f"{found.probability:.3f}" in page.text
    assert found.why in page.text
    assert "What logistic is made of" in page.text
    assert "similar training records have the drug" in page.text
    for passage in found.passages:
        assert passage.text in page.text
    assert any("ＡＳＰＩＲＩＮ" in text and kind.startswith("for") for kind, text in page.marks)


def test_what_a_record_holds_is_text_and_never_markup(tmp_path):
    evil = '<script>alert("1")</script>'
    notes = [f"{evil} & 发热", "咳嗽"] * 8
    schema = {evil: "text", "codes": "codes"}
    records = pd.DataFrame({evil: notes, "codes": [[evil], ["<b>"]] * 8})
    drugs = [f"{evil}片", "<i>丸"]
    data = Dataset(records, [[1, 0], [0, 1]] * 8, drugs, schema)
    pipeline = make_recommender("chain", schema=schema, drug_names=drugs, features__min_df=1)
    explainer = RecordExplainer(pipeline.fit(data.records, data.Y), data.subset([0]))
    path = tmp_path / "a.html"
    write_explanations(path, [explainer.explain(drug) for drug in drugs], title=evil)
    page = Reader(path.read_text(encoding="utf-8"))
    assert not {"script", "b", "i"} & set(page.tags)
    assert notes[0] in page.text


def test_nothing_to_write_and_nowhere_to_write(tmp_path, explainer):
    with pytest.raises(ValueError, match="there is no explanation to write"):
        write_explanations(tmp_path / "a.html", [], title="x")
    assert not (tmp_path / "a.html").exists()
    with pytest.raises(InputError, match="name a folder that exists"):
        write(tmp_path / "nowhere" / "a.html", explainer, DRUGS[:1])


def test_a_record_without_text_has_a_page(tmp_path):
    pipeline, data = fit("binary-relevance")
    empty = data.records.iloc[[0]].copy()
    for column, value in {"note": "", "talk": None, "codes": None, "sex": None}.items():
        empty[column] = [value]
    explainer = RecordExplainer(pipeline, empty)
    found = explainer.explain(DRUGS[0])
    assert {one.column for one in found.passages} == {"age", "visit"}
    Reader(write(tmp_path / "a.html", explainer, DRUGS[:1]))
