"""One mutation after the other in a process of its own, each judged: ``bench_fuzz.py`` starts it and watches it.

Reads a range of numbers from standard input, a line each; for every number of it prints a JSON object when it begins
and one when it is done, so that whoever watches knows which mutation ended the process.
"""

import contextlib
import io
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fuzz_inputs import Input, all_inputs
from fuzz_mutations import mutate, mutate_words

import medrec
from medrec._checks import InputError
from medrec.cli import main

ROOM = 3 * 2**30
"""Bytes of address space beyond what libraries take."""
PROCESSES = 0.002
"""Share of the commands that run in a process of their own."""


def make(inputs: list[Input], seed: int, number: int) -> tuple[Input, dict[str, bytes], list[str], bool]:
    """The mutation of a number: its input, its files, the words of its command, and whether in a process of its own."""
    rng = random.Random(f"{seed}:{number}")
    one = rng.choices(inputs, [each.weight for each in inputs])[0]
    files, words = dict(one.files), one.command.split()
    if one.targets:
        for name in {rng.choice(one.targets) for _ in range(rng.choice((1, 1, 1, 2)))}:
            files[name] = mutate(files[name], name, rng)
    else:
        words = mutate_words(words, rng)
    return one, files, words, rng.random() < PROCESSES


def judge(one: Input, files: dict[str, bytes], words: list[str], apart: bool) -> dict[str, Any]:
    """What became of a mutation in the current folder, which is empty: ``problem`` says what should not be."""
    for name, content in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(content)
    before = _snapshot()
    try:
        if one.read is not None:
            found = _read(one, files)
        elif apart:
            ran = subprocess.run(
                [sys.executable, "-m", "medrec", *words],
                **{"capture_output": True, "text": True, "errors": "replace", "timeout": 120},
                env={**os.environ, "PYTHONPATH": str(Path(medrec.__file__).parents[1])},
            )
            found = _command(ran.returncode, ran.stderr, [*files, *_shown(words)])
        else:
            found = _command(*_run(words), [*files, *_shown(words)])
    except MemoryError:
        found = {"problem": "MemoryError"}
    except BaseException:
        found = {"problem": _last(traceback.format_exc())}
    after = _snapshot()
    written = after.pop("out", None)
    if after != before and "problem" not in found:
        found["problem"] = f"files changed: {sorted(set(after) ^ set(before)) or 'contents'}"
    if written is not None and found.get("status") != 0 and "problem" not in found:
        found["problem"] = "a refused command left its output"
    if found.get("status") == 0 and "--out" in words and written is None and "problem" not in found:
        found["problem"] = "a command that ended well wrote nothing"
    if written is not None and found.get("status") == 0 and not _is_whole(words, written):
        found["problem"] = "the output cannot be read"
    return found


def _read(one: Input, files: dict[str, bytes]) -> dict[str, Any]:
    assert one.read is not None
    try:
        one.read()
    except InputError as error:
        return {"status": 1, "message": str(error)} | _message(str(error), files)
    return {"status": 0}


def _run(words: list[str]) -> tuple[Any, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status: Any = main(words)
        except SystemExit as end:
            status = end.code
    return status, err.getvalue()


def _command(status: Any, err: str, files: Iterable[str]) -> dict[str, Any]:
    if status not in (0, 1, 2) or "Traceback" in err:
        return {"status": status, "problem": f"status {status}: {_last(err)}"}
    last = err.rstrip("\n").rpartition("\n")[2]
    if status == 1:
        if not last.startswith("medrec: error: "):
            return {"status": 1, "problem": f"no message: {last[:300]}"}
        if err.count("medrec: error") != 1:
            return {"status": 1, "problem": f"several messages: {err[-300:]}"}
        return {"status": 1, "message": last} | _message(last, files)
    if status == 2 and not last.startswith("medrec"):
        return {"status": 2, "problem": f"no message: {last[:300]}"}
    return {"status": status} | ({"message": last} if status == 2 else {})


def _shown(words: list[str]) -> list[str]:
    """Words as a message shows them, long ones by their beginning."""
    parts = [part for word in words for part in (word, *word.split(":", 1), *word.split("=", 1))]
    return [" ".join(one.split())[:40] if one.isprintable() and one.strip() else repr(one)[:40] for one in parts]


def _message(text: str, files: Iterable[str]) -> dict[str, Any]:
    names = {*files, *(name.split("/")[-1] for name in files), "talk", "train", "synthetic:", "mimic:", "gamenet:", "."}
    if "out of memory" in text:
        return {"problem": "out of memory"}
    if "\n" in text or len(text) > 1100:
        return {"problem": f"a message of {len(text)} characters, {text.count(chr(10)) + 1} lines: {text[:200]}"}
    if not any(name in text for name in names):
        return {"problem": f"names no file: {text[:300]}"}
    return {}


def _is_whole(words: list[str], written: bytes) -> bool:
    if words[0] == "fit":
        return medrec.load("out") is not None
    text = written.decode()
    if words[0] == "evaluate" or (words[0] == "predict" and "--format" not in words):
        return json.loads(text) is not None
    return text.endswith("\n")


def _snapshot() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file()}


def _last(text: str) -> str:
    rows = [row.strip() for row in text.strip().splitlines()]
    places = [row for row in rows if row.startswith("File ") and "medrec" in row]
    return f"{rows[-1][:300] if rows else ''} <- {' <- '.join(reversed(places[-3:]))}"


def warm(inputs: list[Input]) -> None:
    """Import and compile everything, so that no mutation pays for it; the valid inputs must be taken."""
    for one in inputs:
        with in_folder():
            found = judge(one, one.files, one.command.split(), False)
        if found.get("problem") or found["status"] != 0:
            raise SystemExit(f"the valid input {one.name!r} is not taken: {found}")


@contextlib.contextmanager
def in_folder() -> Any:
    """An empty folder, which is the current one."""
    folder = tempfile.mkdtemp(prefix="fuzz")
    home = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(home)
        shutil.rmtree(folder, ignore_errors=True)


def say(**values: Any) -> None:
    """One line to whoever watches, past anything that redirects the output."""
    sys.__stdout__.write(json.dumps(values) + "\n")
    sys.__stdout__.flush()


def work(seed: int) -> None:
    """Mutation after mutation, as the watcher asks."""
    warnings.simplefilter("ignore")
    inputs = all_inputs()
    warm(inputs)
    with open("/proc/self/statm", encoding="ascii") as file:
        taken = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + ROOM, taken + ROOM))
    say(ready=True)
    for line in sys.stdin:
        first, last = map(int, line.split())
        for number in range(first, last):
            say(begins=number)
            one, files, words, apart = make(inputs, seed, number)
            with in_folder():
                found = judge(one, files, words, apart)
            say(done=number, input=one.name, words=words if not one.targets else None, **found)


if __name__ == "__main__":
    work(int(sys.argv[1]))
