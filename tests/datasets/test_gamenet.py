"""GAMENet's pickles: read as data beside a plain unpickling of our own files, and refused before anything runs."""

import gzip
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medrec._checks import InputError
from medrec.cli import main
from medrec.datasets import load, read_gamenet
from medrec.datasets._pickles import as_plain, read_pickle
from medrec.features import RecordVectorizer

WORDS = {"diag_voc": ["4019", "25000", "V3000"], "pro_voc": ["9604", "3893"], "med_voc": ["A12C", "N02B", "B01A"]}
PATIENTS = [
    [[[0, 1], [0], [0, 1]], [[1], [1], [2]], [[2, 0], [0, 1], [1, 2]]],
    [[[2], [], []]],
]
EDGES = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 0]], dtype=float)


class Voc:
    """As both repositories define it."""

    def __init__(self) -> None:
        self.idx2word: dict[Any, Any] = {}
        self.word2idx: dict[Any, Any] = {}

    def add_sentence(self, sentence: list[Any]) -> "Voc":
        for word in sentence:
            if word not in self.word2idx:
                self.idx2word[len(self.word2idx)] = word
                self.word2idx[word] = len(self.word2idx)
        return self


def vocabularies(**changes: Any) -> dict[str, Any]:
    return {name: Voc().add_sentence(words) for name, words in WORDS.items()} | changes


def write(folder: Path, protocol: int = 4, **changes: Any) -> Path:
    """The three files; an argument replaces what one holds, ``None`` leaves it out."""
    stored = {"records": PATIENTS, "voc": vocabularies(), "ddi_A": EDGES} | changes
    for name, value in stored.items():
        if value is not None:
            (folder / f"{name}_final.pkl").write_bytes(pickle.dumps(value, protocol=protocol))
    return folder


class TestRead:
    @pytest.mark.parametrize("protocol", range(6))
    def test_values(self, tmp_path: Path, protocol: int) -> None:
        data = load(f"gamenet:{write(tmp_path, protocol)}")
        assert data.ids.tolist() == ["1-1", "1-2", "1-3", "2-1"]
        assert data.groups.tolist() == [1, 1, 1, 2]
        assert data.drug_names.tolist() == WORDS["med_voc"]
        assert data.Y.toarray().tolist() == [[1, 1, 0], [0, 0, 1], [0, 1, 1], [0, 0, 0]]
        assert data.records["diagnoses"].tolist() == [["4019", "25000"], ["25000"], ["V3000", "4019"], ["V3000"]]
        assert data.records["procedures"].tolist() == [["9604"], ["3893"], ["9604", "3893"], []]
        assert data.ddi is not None
        assert data.ddi.to_numpy().tolist() == [["A12C", "N02B", None]]
        assert data.notes == ()

    def test_history_is_what_came_before(self, tmp_path: Path) -> None:
        data = read_gamenet(write(tmp_path))
        # The oracle walks the visits of each patient anew for every record.
        for row, (patient, visit) in enumerate((p, v) for p in range(len(PATIENTS)) for v in range(len(PATIENTS[p]))):
            for part, (column, voc) in enumerate(
                [("diagnoses", "diag_voc"), ("procedures", "pro_voc"), ("drugs", "med_voc")]
            ):
                before = [WORDS[voc][n] for past in PATIENTS[patient][:visit][::-1] for n in past[part]]
                assert data.records[f"earlier_{column}"][row] == list(dict.fromkeys(before))
        assert set(data.schema.values()) == {"codes"}
        assert RecordVectorizer(data.schema, min_df=1).fit_transform(data.records).shape[0] == 4

    def test_without_history_and_without_interactions(self, tmp_path: Path) -> None:
        data = read_gamenet(write(tmp_path, ddi_A=None), history=False)
        assert list(data.records) == ["diagnoses", "procedures"]
        assert data.ddi is None
        with pytest.raises(ValueError, match="history must be True or False"):
            read_gamenet(tmp_path, history=1)  # type: ignore[arg-type]

    def test_interactions_are_named_in_the_order_of_the_vocabulary(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(0)
        n = 12
        upper = np.triu(rng.random((n, n)) < 0.3, 1)
        names = [f"drug {number}" for number in rng.permutation(n)]
        voc = vocabularies(med_voc=Voc().add_sentence(names))
        data = read_gamenet(write(tmp_path, records=[[[[0], [], [0]]]], voc=voc, ddi_A=(upper | upper.T).astype(float)))
        assert data.ddi is not None
        found = {(one, other) for one, other, _ in data.ddi.to_numpy()}
        assert found == {(names[i], names[j]) for i in range(n) for j in range(i + 1, n) if upper[i, j]}

    def test_numpy_numbers_sets_and_dirt_are_taken_and_counted(self, tmp_path: Path) -> None:
        visit = [np.array([1, 1, 0]), {1, 0}, (np.int64(2), 2), ["more"]]
        data = read_gamenet(
            write(tmp_path, records=[[visit]], voc=vocabularies(pro_voc=Voc().add_sentence([9604, 3893])))
        )
        assert data.records["diagnoses"][0] == ["25000", "4019"]
        assert data.records["procedures"][0] == ["9604", "3893"]
        assert data.Y.toarray().tolist() == [[0, 0, 1]]
        assert data.notes == (
            "parts of a visit beyond diagnoses, procedures and drugs were left out: 1",
            "repeated diagnoses within a visit were dropped: 1",
            "repeated drugs within a visit were dropped: 1",
            "words of pro_voc that are numbers were read as text: 2",
        )

    @pytest.mark.parametrize("protocol", [0, 2, 4])
    def test_a_class_that_dill_wrote_with_its_code(self, tmp_path: Path, protocol: int) -> None:
        # In a script the class belongs to __main__, and dill stores it with the code of its methods.
        script = tmp_path / "processing.py"
        script.write_text(
            "import dill, sys\n"
            "class Voc(object):\n"
            "    def __init__(self):\n"
            "        self.idx2word = {}\n"
            "        self.word2idx = {}\n"
            "    def add_sentence(self, sentence):\n"
            "        for word in sentence:\n"
            "            if word not in self.word2idx:\n"
            "                self.idx2word[len(self.word2idx)] = word\n"
            "                self.word2idx[word] = len(self.word2idx)\n"
            f"words = {WORDS!r}\n"
            "vocabularies = {name: Voc() for name in words}\n"
            "for name in words:\n"
            "    vocabularies[name].add_sentence(words[name])\n"
            "dill.dump(vocabularies, open(sys.argv[1], 'wb'), protocol=int(sys.argv[2]))\n"
        )
        plain = read_gamenet(write(tmp_path))
        path = tmp_path / "voc_final.pkl"
        subprocess.run([sys.executable, script, path, str(protocol)], check=True, timeout=60)
        assert b"_create_code" in path.read_bytes()
        assert read_gamenet(tmp_path).fingerprint() == plain.fingerprint()

    def test_arrays_of_every_plain_kind(self, tmp_path: Path) -> None:
        kinds = [np.eye(3), np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.arange(3, dtype=">i2"), np.array(["a"])]
        for protocol in range(6):
            (tmp_path / "a.pkl").write_bytes(pickle.dumps(kinds, protocol=protocol))
            found = read_pickle(tmp_path / "a.pkl")
            assert all(np.array_equal(as_plain(one, None), other) for one, other in zip(found, kinds))

    def test_describe_and_fit(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        source = f"gamenet:{write(tmp_path)}"
        assert main(["data", "describe", source, "--read", "history=False"]) == 0
        assert '"patients": 2' in capsys.readouterr().out
        assert main(["fit", "--data", source, "--model", "prior", "--out", str(tmp_path / "model")]) == 0


class Runs:
    """What pickles as a call of any function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


class RunsLater:
    """What calls a function when its state is set."""

    def __reduce__(self) -> Any:
        return (Runs, (os.system, "touch ran"), {"call": (os.system, ("touch ran",))})


def by_hand(*lines: bytes) -> bytes:
    return b"".join(lines) + b"."


MALICIOUS = {
    "os.system": pickle.dumps(Runs(os.system, "touch ran")),
    "builtins.eval": pickle.dumps(Runs(eval, "open('ran', 'w')")),
    "builtins.exec in protocol 0": pickle.dumps(Runs(exec, "open('ran', 'w')"), protocol=0),
    "nested in records": pickle.dumps([[[[0], [Runs(os.system, "touch ran")], [0]]]]),
    "behind good records": pickle.dumps({"a": PATIENTS, "b": Runs(open, "ran", "w")}),
    "when a state is set": pickle.dumps(RunsLater()),
    "subprocess": pickle.dumps(Runs(subprocess.check_call, ["touch", "ran"])),
    "__import__": by_hand(b"cbuiltins\n__import__\n(S'os'\ntR"),
    "getattr": by_hand(b"cbuiltins\ngetattr\n(cbuiltins\nobject\nS'__subclasses__'\ntR"),
    "a dotted name": by_hand(b"\x80\x04\x8c\x05numpy\x8c\x0bndarray.dot\x93"),
    "old instance": by_hand(b"(S'touch ran'\nios\nsystem\n"),
    "apply": by_hand(b"(c__builtin__\napply\n(cos\nsystem\n(S'touch ran'\nttR"),
    "numpy's loader of files": by_hand(b"cnumpy\nload\n(S'ran'\ntR"),
    "dill's import": by_hand(b"cdill._dill\n_import_module\n(S'os'\ntR"),
    "another class by dill": by_hand(b"cdill._dill\n_create_type\n(Ntcdill._dill\n_create_type\n(NS'Evil'\n(t(dtR"),
    "attribute of a list": by_hand(b"cbuiltins\nsetattr\n(]S'a'\nI1\ntR"),
    "state on a function": by_hand(b"c_codecs\nencode\n}S'__defaults__'\n(tsb"),
    "array of objects": pickle.dumps(np.array([Runs(os.system, "touch ran")], dtype=object)),
    "array of records": pickle.dumps(np.zeros(2, dtype=[("a", "f8")])),
    "a data frame": pickle.dumps(__import__("pandas").DataFrame({"a": [1]})),
    "outside of the file": by_hand(b"Pelsewhere\n"),
    "extension registry": by_hand(b"\x80\x02\x82\x01"),
    "memory for nothing": by_hand(b"]r\xff\xff\xff\x7f"),
    "a bytearray of 8 EiB": by_hand(b"cbuiltins\nbytearray\n(L9223372036854775807L\ntR"),
    "an array of 8 EiB": by_hand(
        b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(S'S9223372036854775807'\ntRc_codecs\nencode\n(S'a'\nS'latin1'\ntRtR"
    ),
    "cut off": pickle.dumps(PATIENTS)[:-9],
    "text": b"hello, world\n",
    "empty": b"",
}


class TestRefused:
    @pytest.mark.parametrize("name", MALICIOUS)
    @pytest.mark.parametrize("file", ["records_final.pkl", "voc_final.pkl", "ddi_A_final.pkl"])
    def test_nothing_runs(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, file: str) -> None:
        monkeypatch.chdir(tmp_path)
        write(tmp_path)
        (tmp_path / file).write_bytes(MALICIOUS[name])
        with pytest.raises(
            InputError, match=rf"{file}: (was refused as a pickle: .*nothing in it was run|is no whole)"
        ):
            read_gamenet(tmp_path)
        assert not (tmp_path / "ran").exists()

    def test_the_malice_works_where_nothing_stops_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)  # so that the test above is about something
        pickle.loads(MALICIOUS["os.system"])
        assert (tmp_path / "ran").exists()

    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"records": [[[[0], [0], [3]]]]}, r"records_final\.pkl: visit 1-1: drugs has 3, .*med_voc \(0 to 2\)"),
            ({"records": [[[[-1], [0], [0]]]]}, r"visit 1-1: diagnoses has -1, which is no number of diag_voc"),
            ({"records": [[[[0], [0.5], [0]]]]}, r"visit 1-1: procedures has 0\.5"),
            ({"records": [[[[0], [True], [0]]]]}, r"visit 1-1: procedures has True"),
            ({"records": [[[[0], ["9604"], [0]]]]}, r"visit 1-1: procedures has '9604'"),
            (
                {"records": PATIENTS[:1] + [[[[0], [0]]]]},
                r"visit 2-1 must be \[diagnoses, procedures, drugs\]; got \[\[",
            ),
            ({"records": [[[0, [0], [0]]]]}, r"visit 1-1: diagnoses must be a list of numbers; got 0"),
            ({"records": [[]]}, r"patient 1 must be a list of visits; got \[\]"),
            ({"records": [5]}, r"patient 1 must be a list of visits; got 5"),
            ({"records": []}, r"records_final\.pkl: holds no records"),
            ({"records": np.zeros((2, 2))}, r"records_final\.pkl: must be a list of patients; got 'ndarray'"),
            ({"records": [[[[0], {0, "a", None}, [0]]]]}, r"visit 1-1: procedures has ('a'|None), which is no number"),
            ({"records": {"a": 1}}, r"records_final\.pkl: must be a list of patients; got 'dict'"),
            ({"records": vocabularies()}, r"records_final\.pkl: must be a list of patients; got 'dict'; take records"),
            ({"voc": [1]}, r"voc_final\.pkl: must map diag_voc, pro_voc and med_voc to vocabularies; got \[1\]"),
            ({"voc": {"diag_voc": Voc()}}, r"voc_final\.pkl: 'diag_voc' must be a Voc with words in idx2word"),
            ({"voc": vocabularies(med_voc={0: "A"})}, r"voc_final\.pkl: 'med_voc' must be a Voc with words"),
            ({"voc": vocabularies(pro_voc=Voc().add_sentence([" "]))}, r"'pro_voc': word 0 must be a code; got ' '"),
            ({"voc": vocabularies(pro_voc=Voc().add_sentence([1, "1"]))}, r"'pro_voc' has the word '1' twice"),
            ({"ddi_A": EDGES[:2]}, r"ddi_A_final\.pkl: is a matrix \(2, 3\) for 3 drugs of med_voc; take both files"),
            ({"ddi_A": EDGES * 2}, r"ddi_A_final\.pkl: must hold only 0 and 1"),
            ({"ddi_A": np.triu(EDGES)}, r"ddi_A_final\.pkl: must be symmetric; A12C with N02B differs"),
            ({"ddi_A": np.eye(3)}, r"ddi_A_final\.pkl: says that A12C interacts with itself; set the diagonal to 0"),
            ({"ddi_A": EDGES * np.nan}, r"ddi_A_final\.pkl: must hold only 0 and 1"),
            ({"ddi_A": [[0, 1]]}, r"ddi_A_final\.pkl: must be a square matrix of numbers; got 'list'"),
            ({"records": None}, r"records_final\.pkl: cannot be read \(No such file"),
            ({"voc": None}, r"voc_final\.pkl: cannot be read \(No such file"),
        ],
    )
    def test_broken_content(
        self, tmp_path: Path, changes: dict[str, Any], says: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write(tmp_path, **changes)
        with pytest.raises(InputError, match=says):
            read_gamenet(tmp_path)
        assert main(["data", "describe", f"gamenet:{tmp_path}"]) == 1
        assert len(capsys.readouterr().err.splitlines()) == 1

    def test_numbers_of_words_have_gaps(self, tmp_path: Path) -> None:
        voc = Voc()
        voc.idx2word = {0: "a", 2: "b"}
        with pytest.raises(InputError, match=r"'med_voc' must number its words 0, 1, 2"):
            read_gamenet(write(tmp_path, voc=vocabularies(med_voc=voc)))

    def test_packed_and_damaged(self, tmp_path: Path) -> None:
        path = tmp_path / "a.pkl.gz"
        path.write_bytes(gzip.compress(pickle.dumps([1])))
        assert read_pickle(path) == [1]
        path.write_bytes(gzip.compress(pickle.dumps(list(range(5000))))[:-20])
        with pytest.raises(InputError, match=r"a\.pkl\.gz: is no whole pickle \(EOFError"):
            read_pickle(path)
