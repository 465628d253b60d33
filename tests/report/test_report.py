"""The report page: well-formed, self-contained, deterministic, and its numbers are those of ``evaluate``."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from medrec._checks import InputError
from medrec.metrics import ddi_rate, evaluate
from medrec.report import SystemResult, display_table, summary_table, write_report
from medrec.report.curves import reliability, size_shares

VOID = {"meta", "br", "link", "img", "hr", "input"}


class Page(HTMLParser):
    """Tags in a tree of texts; fails on tags that are not closed in order."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.cells, self.rows, self.texts = [], [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append([])

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open, tag
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)
        if ("td" in self.open or "th" in self.open) and data.strip():
            self.rows[-1][-1].append(data.strip())

    def all(self, name):
        return [attrs for tag, attrs in self.tags if tag == name]


def example(n_records=60, n_labels=12, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.random((n_records, n_labels)) * np.linspace(1.4, 0.4, n_labels)
    Y = truth > 0.6
    graph = np.triu(rng.random((n_labels, n_labels)) < 0.2, k=1)
    graph = graph | graph.T
    scores = np.clip(truth + rng.normal(0, 0.2, truth.shape), 0, 1)
    unfiltered = scores > 0.6
    filtered = unfiltered.copy()
    for row in filtered:
        for drug in np.flatnonzero(row):
            row[drug] = not (graph[drug] & row).any()
    systems = [
        SystemResult("prior", np.tile(Y.mean(axis=0), (n_records, 1)), np.tile(Y.mean(axis=0) > 0.5, (n_records, 1))),
        SystemResult("chain", scores, filtered, unfiltered, 12.34),
        SystemResult("规则 <b>$x_1$</b> & “a”", None, Y & (scores > 0.5)),
    ]
    names = [f"药物{i}<片>" if i % 2 else f"drug {i} & co" for i in range(n_labels)]
    return {
        "systems": systems,
        "title": "测试 <Report> & more",
        "Y": Y,
        "drug_names": names,
        "groups": rng.integers(0, 20, n_records),
        "graph": graph,
        "description": {"records": n_records, "schema": {"主诉": "text"}, "notes": ["a <note>"], "share": 0.25},
    }


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    case = example()
    table = write_report(path, **case)
    text = path.read_text(encoding="utf-8")
    return case, table, text, Page(text)


def test_page_is_well_formed_and_its_ids_are_unique(written):
    _, _, text, page = written
    assert text.startswith("<!doctype html>")
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    for _, attrs in page.tags:
        for key in ("aria-labelledby", "aria-describedby"):
            assert set(attrs.get(key, "").split()) <= set(ids)
        if attrs.get("href", "").startswith("#"):
            assert attrs["href"][1:] in ids
    assert set(re.findall(r"url\(#([^)]*)\)", text)) <= set(ids)


def test_page_needs_nothing_from_outside(written):
    _, _, text, page = written
    assert not re.search(r"https?://", text)
    assert {tag for tag, _ in page.tags} & {"link", "img", "iframe", "object", "embed"} == set()
    assert "@import" not in text
    for _, attrs in page.tags:
        assert attrs.get("href", "#").startswith("#")
        assert attrs.get("xlink:href", "#").startswith("#")
        assert "src" not in attrs
        assert not any(name.startswith("on") for name in attrs)


def test_the_policy_allows_this_one_script_and_nothing_else(written):
    _, _, text, page = written
    [policy] = [attrs["content"] for attrs in page.all("meta") if "http-equiv" in attrs]
    [script] = re.findall(r"<script>(.*?)</script>", text, re.S)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.endswith(f"; script-src 'sha256-{digest}'")
    assert policy.startswith("default-src 'none';")


def test_headings_leave_no_level_out_and_every_column_has_a_head(written):
    _, _, _, page = written
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    for attrs in page.all("th"):
        assert attrs["scope"] in ("col", "row")
    assert len(page.all("caption")) == len(page.all("table"))


def test_page_reads_for_people_who_cannot_see_or_point(written):
    _, _, text, page = written
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("h1")) == 1
    assert "prefers-color-scheme: dark" in text
    plots = [attrs for attrs in page.all("svg") if attrs.get("role") == "img"]
    assert len(plots) == 6
    assert len(page.all("title")) == 1 + len(plots)
    assert len(page.all("desc")) == len(plots)
    scrolling = [attrs for attrs in page.all("div") if attrs.get("class", "").split()[:1] == ["scroll"]]
    assert len(scrolling) == len(page.all("table")) == 9
    assert all(attrs["tabindex"] == "0" and attrs["aria-label"] for attrs in scrolling)
    assert "not medical advice" in text
    # no place-holder colour, and none that is right on one background only, is left in a plot
    assert not re.search(r"(fill|stroke): #", text)


def test_texts_are_escaped_and_names_kept(written):
    case, _, text, page = written
    shown = "".join(page.texts)
    for name in (case["title"], case["systems"][2].name, "a <note>"):
        assert name in shown
    assert "<b>$" not in text
    assert any(cells[0] == [case["drug_names"][1]] for cells in page.rows if cells)


def test_main_table_holds_the_figures_of_evaluate(written):
    case, table, _, page = written
    rows = {cells[0][0]: cells for cells in reversed(page.rows) if cells and cells[0]}
    head = [cell[0] for cell in rows["Model"]]
    for system in case["systems"]:
        options = {"groups": case["groups"], "ddi": case["graph"]}
        figures = evaluate(case["Y"], system.sets, system.scores, **options)
        cells = dict(zip(head, rows[system.name]))
        for key, column in (("jaccard", "Jaccard"), ("f1", "F1")):
            assert cells[column][0] == f"{figures[key]:.4f}"
            assert cells[column][1] == "–".join(f"{edge:.3f}" for edge in figures[f"{key}_interval"])
        assert cells["Empty sets"] == [str(figures["empty_predicted"])]
        assert cells["Set size"] == [f"{figures['mean_set_size_predicted']:.2f}"]
        assert cells["PRAUC"] == [f"{figures['prauc']:.4f}" if "prauc" in figures else "–"]
        assert cells["DDI after"] == [f"{figures['ddi_rate_pooled']:.4f}"]
        before = system.sets_unfiltered
        assert cells["DDI before"] == ["–" if before is None else f"{ddi_rate(before, case['graph']):.4f}"]
        assert cells["Seconds"] == ["–" if np.isnan(system.seconds) else f"{system.seconds:.1f}"]
        assert table.loc[system.name, "jaccard"] == figures["jaccard"]
        assert table.loc[system.name, "f1_high"] == figures["f1_interval"][1]


def test_drug_table_holds_counts_of_the_best_model(written):
    case, table, _, page = written
    best = case["systems"][int(table["jaccard"].to_numpy().argmax())]
    Y, Z = case["Y"], np.asarray(best.sets)
    rows = {cells[0][0]: cells for cells in page.rows if cells and cells[0]}
    for label, name in enumerate(case["drug_names"]):
        y, z = Y[:, label], Z[:, label]
        if not (y.any() or z.any()):
            assert name not in rows
            continue
        assert rows[name][1:3] == [[str(y.sum())], [str(z.sum())]]
        assert rows[name][5] == [f"{2 * (y & z).sum() / (y.sum() + z.sum()):.3f}"]


def test_same_input_same_bytes_and_settings_of_the_caller_stay(tmp_path):
    case = example(seed=1)
    write_report(tmp_path / "a.html", **case)
    before = dict(mpl.rcParams)
    with mpl.rc_context({"font.size": 31, "axes.grid": True}):
        write_report(tmp_path / "b.html", **case)
        assert mpl.rcParams["font.size"] == 31
    assert dict(mpl.rcParams) == before
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_little_is_enough(tmp_path):
    one = SystemResult("only", None, [[0], [0]])
    write_report(tmp_path / "one.html", [one], title="t", Y=[[0], [0]], drug_names=["a"])
    page = Page((tmp_path / "one.html").read_text(encoding="utf-8"))
    assert len([attrs for attrs in page.all("svg") if attrs.get("role") == "img"]) == 3
    assert "No drug was prescribed or recommended" in "".join(page.texts)
    margins = SystemResult("margins", [[-3.0], [2.0]], [[0], [1]])
    empty = SystemResult("empty", np.zeros((0, 2)), np.zeros((0, 2)))
    write_report(tmp_path / "two.html", [margins], title="t", Y=[[0], [1]], drug_names=["a"])
    write_report(tmp_path / "three.html", [empty], title="t", Y=np.zeros((0, 2)), drug_names=["a", "b"])
    many = [SystemResult(f"model {i}", None, [[1], [i % 2]]) for i in range(11)]
    write_report(tmp_path / "four.html", many, title="t", Y=[[0], [1]], drug_names=["a"], graph=np.zeros((1, 1)))
    for name in ("two", "three", "four"):
        Page((tmp_path / f"{name}.html").read_text(encoding="utf-8"))


def test_summary_table_keeps_order_and_kinds():
    case = example()
    table = summary_table(case["systems"], Y=case["Y"], graph=case["graph"], n_resamples=50)
    assert list(table.index) == [system.name for system in case["systems"]]
    assert table["empty_sets"].dtype == np.int64
    assert np.isnan(table.loc["prior", "ddi_before"])
    shown = display_table(table)
    assert isinstance(shown, pd.DataFrame)
    assert "DDI before" in shown.columns
    no_graph = display_table(summary_table(case["systems"][:1], Y=case["Y"], n_resamples=0))
    assert list(no_graph.columns) == ["Jaccard", "F1", "PRAUC", "Empty sets", "Set size"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"systems": []}, "at least one"),
        ({"systems": [SystemResult("a", None, [[1]]), SystemResult("a", None, [[1]])]}, "different names"),
        ({"drug_names": ["a"]}, "12 labels"),
        ({"systems": [SystemResult("a", None, [[1, 0]])]}, "labels"),
        ({"graph": np.zeros((2, 2))}, "label order"),
        ({"groups": [1]}, "patient of each"),
    ],
)
def test_refusals_name_the_rule_and_leave_no_file(tmp_path, change, words):
    with pytest.raises(ValueError, match=words):
        write_report(tmp_path / "report.html", **{**example(), **change})
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_said(tmp_path):
    with pytest.raises(InputError, match="cannot be written"):
        write_report(tmp_path / "no" / "report.html", **example())


def test_reliability_equals_binning_every_cell():
    import scipy.sparse as sp

    rng = np.random.default_rng(3)
    scores = rng.random((40, 6)).round(2)
    Y = rng.random(scores.shape) < scores
    curve = reliability(sp.csr_matrix(Y), scores, least=1)
    place = np.minimum((scores * 10).astype(int), 9)
    for at, bin_ in enumerate(np.unique(place)):
        inside = place == bin_
        assert curve.cells[at] == inside.sum()
        assert curve.score[at] == pytest.approx(scores[inside].mean())
        assert curve.observed[at] == pytest.approx(Y[inside].mean())
    assert reliability(sp.csr_matrix(Y), scores * 2) is None


def test_size_shares_gather_the_largest():
    import scipy.sparse as sp

    sets = sp.csr_matrix([[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]])
    assert size_shares(sets, 2).tolist() == [0.25, 0.25, 0.5]


def test_a_page_of_1500_records_and_651_drugs_is_small(tmp_path):
    case = example(n_records=1500, n_labels=651)
    write_report(tmp_path / "report.html", **case, train_counts=np.arange(651), n_resamples=10)
    assert (tmp_path / "report.html").stat().st_size < 1_500_000


@pytest.mark.parametrize(("counts", "head"), [(None, "Band"), (np.arange(12), "Training records")])
def test_bands_are_headed_by_what_they_are(counts, head, tmp_path):
    path = tmp_path / "report.html"
    write_report(path, **{**example(), "train_counts": counts, "n_resamples": 5})
    heads = [cells[0][0] for cells in Page(path.read_text(encoding="utf-8")).rows if cells and cells[0]]
    assert {"Band", "Training records"} & set(heads) == {head}


def test_a_graph_may_be_a_sparse_matrix(tmp_path):
    case = example() | {"n_resamples": 5}
    pages = []
    for name, graph in (("dense", case["graph"]), ("sparse", sp.csr_matrix(case["graph"]))):
        write_report(tmp_path / name, **{**case, "graph": graph})
        pages.append((tmp_path / name).read_bytes())
    assert pages[0] == pages[1]
