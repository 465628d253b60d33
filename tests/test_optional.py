"""The leaves that everything leans on: optional packages, progress, and checks at the door."""

import io
import sys
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from medrec import _progress
from medrec._checks import InputError, check_names, check_scores, check_sets
from medrec._optional import import_optional
from medrec._progress import progress

# ------------------------------------------------------------------------------------------------ import_optional


def test_a_package_that_is_there():
    assert import_optional("json.decoder", feature="Tests", extra="test") is import_module("json.decoder")


@pytest.mark.parametrize("name", ["cupy", "json"])
def test_a_hidden_package_is_named_with_its_cure(monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError) as caught:
        import_optional(name, feature="GPU metrics", extra="gpu")
    assert str(caught.value) == f"GPU metrics need '{name}': pip install \"medrec[gpu]\""
    assert isinstance(caught.value.__cause__, ImportError)


# ------------------------------------------------------------------------------------------------------- progress


class Terminal(io.StringIO):
    """A stream that is or is no terminal."""

    def __init__(self, terminal):
        super().__init__()
        self.terminal = terminal

    def isatty(self):
        return self.terminal


@pytest.fixture
def stderr(monkeypatch):
    def use(terminal):
        stream = Terminal(terminal)
        monkeypatch.setattr(sys, "stderr", stream)
        return stream

    return use


def test_lines_where_there_is_no_terminal(stderr, monkeypatch):
    clock = iter([0.0, 4.0, 12.0, 13.0, 26.0, 27.0])
    monkeypatch.setattr(_progress.time, "monotonic", lambda: next(clock))
    stream = stderr(False)
    assert list(progress(iter("abcd"), desc="letters", total=4)) == list("abcd")
    assert stream.getvalue() == "letters: 2/4 (12 s)\nletters: 4/4 (26 s)\nletters: 4 done (27.0 s)\n"


def test_the_total_comes_from_what_can_be_counted(stderr):
    stream = stderr(False)
    list(progress("ab", desc="letters", every=0.0))
    list(progress(iter("ab"), desc="letters", every=0.0))
    lines = stream.getvalue().splitlines()
    assert [line.split()[1] for line in lines] == ["1/2", "2/2", "2", "1/?", "2/?", "2"]


def test_a_bar_on_a_terminal(stderr):
    stream = stderr(True)
    assert list(progress("ab", desc="letters")) == ["a", "b"]
    assert "letters: 100%" in stream.getvalue()
    assert "\r" in stream.getvalue()


def test_silence(stderr):
    for terminal in (True, False):
        stream = stderr(terminal)
        assert list(progress("ab", desc="letters", show=False)) == ["a", "b"]
        assert stream.getvalue() == ""


def test_nothing_to_do(stderr):
    stream = stderr(False)
    assert list(progress([], desc="letters")) == []
    assert stream.getvalue().startswith("letters: 0 done")


# --------------------------------------------------------------------------------------------------------- checks


@pytest.mark.parametrize(
    "given",
    [
        [[1, 0], [0, 1]],
        np.array([[True, False], [False, True]]),
        np.array([[1.0, 0.0], [0.0, 1.0]], dtype=np.float32),
        pd.DataFrame({"a": [1, 0], "b": [0, 1]}),
        sp.coo_matrix(([1, 1, 1, 0], ([0, 0, 1, 0], [0, 0, 1, 1])), shape=(2, 2)),
        sp.csc_array(np.eye(2, dtype=bool)),
        sp.csr_matrix((np.ones(2), np.array([0, 1], dtype=np.int64), np.array([0, 1, 2], dtype=np.int64))),
    ],
)
def test_sets_of_every_kind(given):
    sets = check_sets(given, who="test", n_labels=2)
    assert isinstance(sets, sp.csr_matrix)
    assert sets.dtype == np.uint8
    assert sets.has_canonical_format
    assert sets.nnz == 2
    assert sets.toarray().tolist() == [[1, 0], [0, 1]]


def test_sets_are_a_copy():
    given = sp.csr_matrix(([0.0, 1.0], [1, 0], [0, 2]), shape=(1, 2))
    check_sets(given, who="test")
    assert given.data.tolist() == [0.0, 1.0]
    assert given.indices.tolist() == [1, 0]


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0), (2, 1)])
def test_empty_sets(shape):
    assert check_sets(np.zeros(shape), who="test").shape == shape
    assert check_sets(sp.csr_matrix(shape), who="test").nnz == 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([1, 0], r"test: Y must be a matrix \(n_records, n_labels\); got 1 dimension"),
        ([[0, 2]], "test: Y must hold only 0 and 1"),
        ([[0, np.nan]], "test: Y must hold only 0 and 1"),
        ([["a"]], "test: Y must hold only 0 and 1; got <U1"),
        (sp.csr_matrix([[3]]), "test: Y must hold only 0 and 1"),
        ([[0, 1, 1]], "test: Y must have 2 labels"),
    ],
)
def test_what_is_no_sets(given, message):
    with pytest.raises(ValueError, match=message):
        check_sets(given, who="test", n_labels=2)


def test_scores():
    assert check_scores([[1, 2]], who="test").dtype == np.float64
    for given, message in [([1.0], "1 dimension"), ([[np.inf]], "finite"), ([[1.0]], r"must be \(2, 2\), as the sets")]:
        with pytest.raises(ValueError, match=f"test: scores .*{message}"):
            check_scores(given, who="test", shape=(2, 2) if message.startswith("must") else None)


def test_names():
    assert check_names(pd.Index(["a", "b"]), who="test").tolist() == ["a", "b"]
    assert check_names(["ab", "cd"], who="test").shape == (2,)
    for given, message in [(["a", 1], "strings; got 1"), (["a", "a"], "'a' stands twice"), (["a"], "2 labels need 2")]:
        with pytest.raises(ValueError, match=f"test: .*{message}"):
            check_names(given, who="test", n_labels=2)


def test_refused_input_is_one_line():
    assert str(InputError("a\n  b", path="x.jsonl", line=2)) == "x.jsonl:2: a b"
    assert str(InputError("a", path="x.jsonl")) == "x.jsonl: a"
    assert str(InputError("a")) == "a"
