"""What random mutations found, each as the smallest change of a valid file; and a run of the fuzzer itself."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

if sys.platform != "linux":
    pytest.skip("the fuzzer watches its worker through Linux's /proc", allow_module_level=True)

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

from fuzz_inputs import Input, all_inputs  # noqa: E402
from fuzz_worker import judge  # noqa: E402


class Found(NamedTuple):
    """A change of one file of a valid input that once did something else than to be refused in one line."""

    input: str
    file: str
    old: str
    new: str
    says: str


CORPUS = [
    Found("codiesp", "c.jsonl", '"kind": "D"', '"kind": ["D"]', "c.jsonl:1: field 'evidence' must hold objects"),
    Found("code titles", "t.csv", "icd_code", "[" * 3000, "t.csv:1: must have the columns"),
]
INPUTS = {one.name: one for one in all_inputs()}


@pytest.mark.parametrize("found", CORPUS, ids=[f"{one.input}-{at}".replace(" ", "-") for at, one in enumerate(CORPUS)])
def test_what_was_found_stays_mended(found: Found, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    one = INPUTS[found.input]
    assert found.old.encode() in one.files[found.file]
    files = dict(one.files)
    files[found.file] = files[found.file].replace(found.old.encode(), found.new.encode("utf-8", "surrogatepass"), 1)
    what = judge(one, files, one.command.split(), False)
    assert "problem" not in what
    assert what["status"] == 1
    assert found.says in what["message"]


WORDS = [
    ("words of predict", "3", "\n3 x", 2),
    ("words of describe", "hours=24", "hours=\nx", 2),
    ("words of score", "pred.csv", " ", 1),
    ("words of fit", "ddi.csv", "", 1),
    ("words of score", "pred.csv", "9" * 5000, 1),
    ("words of describe", "mimic:.", "", 1),
]


@pytest.mark.parametrize(("name", "old", "new", "status"), WORDS)
def test_words_that_were_found(
    name: str, old: str, new: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    one = INPUTS[name]
    words = [new if word == old else word for word in one.command.split()]
    assert new in words
    what = judge(one, one.files, words, False)
    assert "problem" not in what
    assert what["status"] == status


def test_the_oracle_sees_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge that finds nothing proves nothing: each kind of wrong must be seen."""
    monkeypatch.chdir(tmp_path)

    def wrong(error: BaseException) -> Any:
        def read() -> None:
            raise error

        return judge(Input("x", {"a": b"1"}, ("a",), read), {"a": b"1"}, [], False)

    from medrec._checks import InputError

    assert "TypeError" in wrong(TypeError("x"))["problem"]
    assert "ValueError" in wrong(ValueError("x"))["problem"]
    assert wrong(MemoryError())["problem"] == "MemoryError"
    assert "names no file" in wrong(InputError("something"))["problem"]
    assert "problem" not in wrong(InputError("something", path="a", line=3))

    def leave(name: str) -> Any:
        def read() -> None:
            (tmp_path / name).write_text("x", encoding="utf-8")
            raise InputError("x", path="a")

        return judge(Input("x", {"a": b"1"}, ("a",), read), {"a": b"1"}, [], False)

    assert "files changed: ['.out.1.part']" in leave(".out.1.part")["problem"]
    assert "left its output" in leave("out")["problem"]


def test_a_mutation_follows_from_its_number() -> None:
    from fuzz_worker import make

    inputs = list(INPUTS.values())
    for number in range(60):
        first, second = (make(inputs, 5, number) for _ in range(2))
        assert first == second


def test_the_fuzzer_runs_and_finds_nothing(tmp_path: Path) -> None:
    command = [sys.executable, str(BENCHMARKS / "bench_fuzz.py"), "--smoke", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (one,) = json.loads((tmp_path / "fuzz.json").read_text(encoding="utf-8"))["slices"]
    assert sum(one["counts"].values()) == one["mutations"] == 100
    assert one["failures"] == []


FAKE = """
import json, os, signal, sys
say = lambda **values: print(json.dumps(values), flush=True)
say(ready=True)
for line in sys.stdin:
    for number in range(*map(int, line.split())):
        say(begins=number)
        if number == 1:
            os.kill(os.getpid(), signal.SIGSEGV)
        while number == 3:
            pass
        say(done=number, input="x", status=1)
"""


def test_who_crashes_or_hangs_is_seen_and_the_others_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import bench_fuzz

    (tmp_path / "fuzz_worker.py").write_text(FAKE, encoding="utf-8")
    monkeypatch.setattr(bench_fuzz, "HERE", tmp_path)
    monkeypatch.setattr(bench_fuzz, "MOST_SECONDS", 0.3)
    found = bench_fuzz.fuzz(0, 0, 6)
    assert found["counts"] == {"refused": 4, "failed": 2}
    assert found["failures"] == [
        {"number": 1, "problem": "the process ended with SIGSEGV"},
        {"number": 3, "problem": "hangs"},
    ]
