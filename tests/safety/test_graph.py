"""DDIGraph: names, not places; what did not match is said."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import given
from hypothesis import strategies as st

from medrec._checks import InputError
from medrec.safety import DDIGraph
from tests._data import data_path

NAMES = ["aspirin", "heparin", "warfarin", "zinc"]
PAIRS = [("warfarin", "aspirin", "major"), ("heparin", "warfarin", "moderate"), ("zinc", "aspirin", None)]


def as_pairs(graph):
    return {frozenset(row[:2]): row[2] for row in graph.pairs().itertuples(index=False, name=None)}


EXPECTED = {
    frozenset(("aspirin", "warfarin")): "major",
    frozenset(("heparin", "warfarin")): "moderate",
    frozenset(("aspirin", "zinc")): "unspecified",
}


def test_edges_table_and_severity_argument_agree():
    graph = DDIGraph.from_edges(NAMES, PAIRS)
    table = pd.DataFrame(PAIRS, columns=["drug", "other", "severity"])
    bare = [pair[:2] for pair in PAIRS]
    assert as_pairs(graph) == EXPECTED
    assert DDIGraph.from_edges(NAMES, table) == graph
    assert DDIGraph.from_edges(NAMES, table.astype(object).assign(severity=["major", "moderate", np.nan])) == graph
    for missing in (None, np.nan, np.float32("nan"), pd.NA, pd.NaT, " "):
        assert DDIGraph.from_edges(NAMES, bare, severity=["major", "moderate", missing]) == graph
    assert set(as_pairs(DDIGraph.from_edges(NAMES, bare, severity="minor")).values()) == {"minor"}
    assert DDIGraph.from_edges(NAMES, table[["drug", "other"]]) == DDIGraph.from_edges(NAMES, bare)


def test_matrix_is_symmetric_in_label_order_with_empty_diagonal():
    graph = DDIGraph.from_edges(NAMES, [*PAIRS, ("zinc", "zinc")])
    dense = graph.drug_drug.toarray()
    assert graph.drug_drug.dtype == bool
    assert (dense == dense.T).all()
    assert not dense.diagonal().any()
    assert [(NAMES[i], NAMES[j]) for i, j in np.argwhere(np.triu(dense))] == [
        ("aspirin", "warfarin"),
        ("aspirin", "zinc"),
        ("heparin", "warfarin"),
    ]


def test_report_counts_every_repair():
    rows = [
        ("aspirin", "warfarin", "minor"),
        ("warfarin", "aspirin", "major"),  # the other direction, another severity
        ("aspirin", "zinc"),  # one direction only
        ("aspirin", "zinc"),  # again
        ("zinc", "zinc"),  # itself
        ("zinc", "alcohol"),  # no label
        ("heparin", "zinc", "minor"),
        ("heparin", "zinc", "moderate"),  # one direction, two severities
    ]
    graph = DDIGraph.from_edges(NAMES, rows)
    assert graph.report() == {
        "rows": 8,
        "pairs": 3,
        "completed": 2,
        "repeated": 2,
        "self_pairs": 1,
        "severity_conflicts": 2,
        "unmatched_rows": 1,
        "unmatched_names": 1,
        "respelled_names": 0,
        "unmatched": ["alcohol"],
    }
    assert as_pairs(graph)[frozenset(("aspirin", "warfarin"))] == "major"
    assert as_pairs(graph)[frozenset(("heparin", "zinc"))] == "moderate"


def test_aliases_and_spelling():
    aliases = {"Coumadin": "warfarin", "Brand X": "not a label", "heparin": "zinc"}
    rows = [("COUMADIN", "ＡＳＰＩＲＩＮ"), ("heparin", "zinc"), ("Brand X", "zinc"), ("Coumadin", "warfarin")]
    graph = DDIGraph.from_edges(NAMES, rows, aliases=aliases)
    assert as_pairs(graph) == {
        frozenset(("warfarin", "aspirin")): "unspecified",
        frozenset(("heparin", "zinc")): "unspecified",  # a label is never overridden by an alias
    }
    report = graph.report()
    assert report["unmatched"] == ["Brand X"]
    assert report["self_pairs"] == 1  # a brand against its own label
    assert report["respelled_names"] == 2


def test_labels_that_differ_only_in_case_are_matched_exactly_or_not_at_all():
    graph = DDIGraph.from_edges(["Zinc", "zinc", "lead"], [("zinc", "lead"), ("ZINC", "lead")])
    assert as_pairs(graph) == {frozenset(("zinc", "lead")): "unspecified"}
    assert graph.unmatched == ("ZINC",)


@given(seed=st.integers(0, 2**32 - 1))
def test_label_order_changes_nothing_but_the_order(seed):
    rng = np.random.default_rng(seed)
    names = np.array([f"d{i}" for i in range(7)], dtype=object)
    dense = np.triu(rng.integers(0, 5, (7, 7)) * (rng.random((7, 7)) < 0.5), 1)
    graph = DDIGraph(names, dense + dense.T)
    order = rng.permutation(7)
    turned = graph.align(names[order])
    assert (turned.severity.toarray() == (dense + dense.T)[np.ix_(order, order)]).all()
    assert as_pairs(turned) == as_pairs(graph)
    assert turned.align(names) == graph
    # A matrix in its own order lands by name.
    assert (
        DDIGraph.from_matrix(names, turned.drug_drug, turned.names)
        .pairs()[["drug", "other"]]
        .equals(graph.pairs()[["drug", "other"]])
    )


def test_align_to_other_labels():
    graph = DDIGraph.from_edges(NAMES, PAIRS)
    other = graph.align(["new", "warfarin", "aspirin"])
    assert as_pairs(other) == {frozenset(("aspirin", "warfarin")): "major"}
    assert set(other.unmatched) == {"heparin", "zinc"}


def test_floor_keeps_unspecified_unless_told():
    graph = DDIGraph.from_edges(NAMES, PAIRS)
    assert set(as_pairs(graph.floor("major")).values()) == {"major", "unspecified"}
    assert set(as_pairs(graph.floor("major", unspecified=False)).values()) == {"major"}
    assert set(as_pairs(graph.floor("Moderate", unspecified=False)).values()) == {"major", "moderate"}
    assert graph.floor(None) == graph
    assert graph.floor("minor") == graph


def test_allow():
    graph = DDIGraph.from_edges(NAMES, PAIRS)
    assert frozenset(("aspirin", "warfarin")) not in as_pairs(graph.allow([("aspirin", "warfarin")]))
    assert graph.allow([("heparin", "zinc")]) == graph
    assert as_pairs(graph) == EXPECTED  # unchanged
    with pytest.raises(ValueError, match="'alcohol' is no drug of the graph"):
        graph.allow([("aspirin", "alcohol")])
    with pytest.raises(ValueError, match=r"pairs must be \(drug, other\)"):
        graph.allow(["ab"])


def test_interactions_of_sets():
    graph = DDIGraph.from_edges(NAMES, PAIRS)
    sets = [[1, 0, 1, 1], [0, 1, 0, 0], [0, 1, 1, 0]]
    assert graph.count_pairs(sets).tolist() == [2, 0, 1]
    assert graph.interactions(sets).to_numpy().tolist() == [
        [0, "aspirin", "warfarin", "major"],
        [0, "aspirin", "zinc", "unspecified"],
        [2, "heparin", "warfarin", "moderate"],
    ]


def test_equality_and_copies():
    graph = DDIGraph.from_edges(NAMES, PAIRS)
    assert graph != DDIGraph.from_edges(NAMES, PAIRS[:2])
    assert graph != DDIGraph.from_edges(NAMES[::-1], PAIRS)
    assert graph != DDIGraph.from_edges(NAMES[:3], PAIRS)
    assert graph != 1
    for twin in (copy.deepcopy(graph), pickle.loads(pickle.dumps(graph))):
        assert twin == graph
        assert twin.report() == graph.report()


def test_stored_by_skops_without_pickle():
    graph = DDIGraph.from_edges(NAMES, [*PAIRS, ("zinc", "alcohol")])
    stored = skops.io.dumps(graph)
    types = skops.io.get_untrusted_types(data=stored)
    assert set(types) <= {"medrec.safety.graph.DDIGraph", "scipy.sparse._csr.csr_matrix"}
    twin = skops.io.loads(stored, trusted=types)
    assert twin == graph
    assert twin.report() == graph.report()


@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_file_round_trip(tmp_path, suffix):
    names = ["阿司匹林", "a, b", 'quo"te', "warfarin", "  padded"]
    graph = DDIGraph.from_edges(
        names, [(names[0], names[1], "major"), (names[2], names[3]), (names[4], names[0], "minor")]
    )
    graph.to_file(tmp_path / f"ddi{suffix}")
    assert "NaN" not in (tmp_path / f"ddi{suffix}").read_text(encoding="utf-8")
    assert DDIGraph.from_file(tmp_path / f"ddi{suffix}", names) == graph
    empty = DDIGraph.from_edges(names, [])
    empty.to_file(tmp_path / f"none{suffix}")
    assert DDIGraph.from_file(tmp_path / f"none{suffix}", names) == empty


@pytest.mark.parametrize("labels", [[], ["only"]])
def test_smallest_graphs(labels):
    graph = DDIGraph.from_edges(labels, [("only", "only"), ("a", "b")])
    assert graph.n_pairs == 0
    assert graph.pairs().columns.tolist() == ["drug", "other", "severity"]


@pytest.mark.parametrize(
    ("build", "rule"),
    [
        (lambda: DDIGraph.from_edges(["a", "a"], []), "'a' stands twice"),
        (lambda: DDIGraph.from_edges(["a", "b"], [("a", "b", "severe")]), "severity must be one of .*'severe'"),
        (lambda: DDIGraph.from_edges(["a", "b"], [("a", "b")], severity="bad"), "got 'bad'"),
        (lambda: DDIGraph.from_edges(["a", "b"], [("a", "b")], severity=[]), "1 pairs need 1 severities; got 0"),
        (lambda: DDIGraph.from_edges(["a", "b"], ["ab"]), "pair 0 must be"),
        (lambda: DDIGraph.from_edges(["a", "b"], [("a", None)]), "pair 0 must be"),
        (lambda: DDIGraph.from_edges(["a", "b"], [5]), "pair 0 must be"),
        (lambda: DDIGraph.from_edges(["a", "b"], [{"a", "b"}]), "pair 0 must be"),
        (lambda: DDIGraph.from_edges(["a", "b"], None), "pairs must be a list or a table; got None"),
        (
            lambda: DDIGraph.from_edges(["a", "b"], [("a", "b")], severity=3),
            "severity must be a list or a table; got 3",
        ),
        (lambda: DDIGraph.from_edges(["a", "b"], [], aliases=[("c", "a")]), "aliases must map other names to labels"),
        (lambda: DDIGraph.from_edges(["a", "b"], [], aliases={3: "a"}), "aliases must map other names to labels"),
        (lambda: DDIGraph.from_edges("ab", []), "must be a list of strings; got the text 'ab'"),
        (lambda: DDIGraph.from_edges(["a", "b"], [("a", "b", "minor", 1)]), "pair 0 must be"),
        (lambda: DDIGraph.from_edges(["a"], pd.DataFrame({"x": ["a"]})), "columns drug and other"),
        (lambda: DDIGraph(["a", "b"], [[0, 1], [0, 0]]), "symmetric"),
        (lambda: DDIGraph(["a", "b"], [[1, 1], [1, 0]]), "zero diagonal"),
        (lambda: DDIGraph(["a", "b"], [[0, 7], [7, 0]]), "codes must be 0"),
        (lambda: DDIGraph(["a"], [[0, 1], [1, 0]]), "1 names need a severity matrix"),
        (lambda: DDIGraph.from_matrix(["a"], [[0, 1]], ["a", "b"]), "must be square"),
    ],
)
def test_refused(build, rule):
    with pytest.raises(ValueError, match=rule):
        build()


def test_a_file_of_other_names_is_refused(tmp_path):
    path = tmp_path / "ddi.csv"
    path.write_text("drug,other\nB01AA03,N02BA01\n")
    with pytest.raises(InputError, match=r"ddi\.csv: none of its 2 drug names is one of the 4 labels"):
        DDIGraph.from_file(path, NAMES)


@pytest.mark.data
def test_dialmed_table():
    import json

    path = data_path("dialmed", "ddi.json")
    names = list(json.loads(data_path("dialmed", "label.json").read_text(encoding="utf-8")))
    table = json.loads(path.read_text(encoding="utf-8"))
    rows = [(drug, other) for drug, others in table.items() for other in others]
    known = [(drug, other) for drug, other in rows if drug in names and other in names]
    graph = DDIGraph.from_file(path, names)
    assert set(as_pairs(graph)) == {frozenset(pair) for pair in known if pair[0] != pair[1]}
    report = graph.report()
    assert report["rows"] == len(rows)
    assert report["unmatched_rows"] == len(rows) - len(known)
    assert report["completed"] == sum((b, a) not in set(known) for a, b in set(known) if a != b)
    assert report["completed"] > 0  # the file is asymmetric
    everyone = {*table, *(other for others in table.values() for other in others)}
    assert set(report["unmatched"]) == everyone - set(names)
    assert DDIGraph.from_file(path, names[::-1]).align(names) == graph
