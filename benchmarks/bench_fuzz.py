"""Fuzzing: random mutations of valid inputs through every reader, the model loader and the command line.

    python benchmarks/bench_fuzz.py [--mutations 20000] [--seed 0] [--first 0] [--smoke] [--out FOLDER]
    python benchmarks/bench_fuzz.py --seed 0 --show NUMBER --keep FOLDER

A mutation must be refused in one line that names the file, or taken: no traceback, no exception but ``InputError``, no
end of the process, no 10 seconds of processor time, bounded memory, and no output but a whole one. A mutation follows
from the seed and its number alone; ``--show`` makes one again, writes its files to a folder and says what became of it.
Ends with status 1 where any mutation failed. With ``--out`` the counts go to ``fuzz.json``, which adds up slices
of the same seed and commit (``--first``).
"""

import argparse
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from common import machine, show, write_result

HERE = Path(__file__).resolve().parent
MOST_SECONDS = 10.0
"""Processor time of one mutation; the clock would count what other programs take."""
MOST_WAIT = 180.0
"""Seconds by the clock after which a mutation hangs, whatever it takes of the processor."""


class Worker:
    """The process that runs mutations, started again when one ends it."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.process: Any = None

    def start(self) -> None:
        """A process that is ready."""
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "fuzz_worker.py"), str(self.seed)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **threads, "PYTHONFAULTHANDLER": ""},
        )
        self.rest = b""
        ready = self.read(600.0)
        if not (ready or {}).get("ready"):
            raise SystemExit("the worker did not start; run benchmarks/fuzz_worker.py 0 to see why")

    def ask(self, first: int, last: int) -> None:
        """Have it run the mutations of a range."""
        if self.process is None:
            self.start()
        self.process.stdin.write(f"{first} {last}\n".encode())
        self.process.stdin.flush()

    def read(self, seconds: float) -> dict[str, Any] | None:
        """The next thing that it says; None when it ended; an empty one when nothing came in time."""
        end = time.monotonic() + seconds
        while b"\n" not in self.rest:
            if not select.select([self.process.stdout], [], [], max(0.0, end - time.monotonic()))[0]:
                return {}
            some = os.read(self.process.stdout.fileno(), 2**16)
            if not some:
                return None
            self.rest += some
        line, _, self.rest = self.rest.partition(b"\n")
        return json.loads(line)

    def seconds(self) -> float:
        """Processor time that it has taken."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> int:
        """End it; its exit status."""
        if self.process is None:
            return 0
        process, self.process = self.process, None
        with process:  # which closes its pipes
            process.kill()
        return process.returncode


def fuzz(seed: int, first: int, last: int) -> dict[str, Any]:
    """Run the mutations of a range."""
    worker = Worker(seed)
    counts: Counter[str] = Counter()
    by_input: dict[str, Counter[str]] = {}
    failures: list[dict[str, Any]] = []
    slowest = 0.0
    by_seconds: Counter[str] = Counter()
    start = said = time.monotonic()
    at = first
    while at < last:
        worker.ask(at, last)
        begun, since, spent = at, time.monotonic(), worker.seconds()
        while at < last:
            heard = worker.read(1.0)
            if heard is None or (heard == {} and _hangs(worker, since, spent)):
                hung = heard is not None
                if not hung:
                    worker.process.wait()
                status = worker.stop()
                problem = "hangs" if hung else f"the process ended with {_signal(status)}"
                failures.append({"number": begun, "problem": problem})
                print(f"FAILED {seed}:{begun}: {problem}", flush=True)
                counts["failed"] += 1
                at = begun + 1
                break
            if "begins" in heard:
                begun, since, spent = heard["begins"], time.monotonic(), worker.seconds()
            elif "done" in heard:
                at = heard["done"] + 1
                took = worker.seconds() - spent
                slowest, by_seconds[heard["input"]] = max(slowest, took), by_seconds[heard["input"]] + took
                kind = "failed" if "problem" in heard else ("taken", "refused", "usage")[heard["status"]]
                counts[kind] += 1
                by_input.setdefault(heard["input"], Counter())[kind] += 1
                if kind == "failed":
                    failures.append({key: heard[key] for key in ("input", "problem", "words") if heard.get(key)})
                    failures[-1]["number"] = heard["done"]
                    print(f"FAILED {seed}:{heard['done']} {heard['input']}: {heard['problem']}", flush=True)
                if time.monotonic() - said > 20:
                    said = time.monotonic()
                    print(f"{at - first}/{last - first} ({said - start:.0f} s): {dict(counts)}", flush=True)
    worker.stop()
    return {
        **{"seed": seed, "first": first, "mutations": last - first, "failures": failures, "counts": dict(counts)},
        **{"seconds": round(time.monotonic() - start, 1), "slowest_seconds": round(slowest, 2)},
        "by_seconds": {name: round(seconds, 2) for name, seconds in sorted(by_seconds.items())},
        "by_input": {name: dict(found) for name, found in sorted(by_input.items())},
    }


def _hangs(worker: Worker, since: float, spent: float) -> bool:
    return worker.seconds() - spent > MOST_SECONDS or time.monotonic() - since > MOST_WAIT


def _signal(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else str(status)


def show_one(seed: int, number: int, folder: Path) -> None:
    """Write the files of a mutation and say what becomes of it."""
    from fuzz_worker import all_inputs, judge, make

    one, files, words, apart = make(all_inputs(), seed, number)
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    print(f"{one.name} in {folder}: {' '.join(words) or one.read}{' (apart)' if apart else ''}", flush=True)
    for name, content in files.items():
        if content != one.files[name]:
            print(f"mutated: {name}, {len(content)} bytes", flush=True)
    print(judge(one, files, words, False))


def main() -> None:
    """Parse, run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutations", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first mutation")
    parser.add_argument("--smoke", action="store_true", help="a hundred mutations")
    parser.add_argument("--show", type=int, help="one mutation alone, in this process")
    parser.add_argument("--keep", type=Path, default=Path("fuzzed"), help="folder for the files of --show")
    parser.add_argument("--out", type=Path, help="folder for fuzz.json")
    parsed = parser.parse_args()
    if parsed.show is not None:
        show_one(parsed.seed, parsed.show, parsed.keep.resolve())
        return
    found = fuzz(parsed.seed, parsed.first, parsed.first + (100 if parsed.smoke else parsed.mutations))
    rows = [
        {
            "input": name,
            **{k: one.get(k, 0) for k in ("taken", "refused", "usage", "failed")},
            "processor seconds": found["by_seconds"][name],
        }
        for name, one in found["by_input"].items()
    ]
    show(f"{found['mutations']} mutations, seed {found['seed']}", rows)
    print(f"\n{found['counts']}, {found['seconds']} s, slowest {found['slowest_seconds']} s of processor time")
    if parsed.out is not None:
        path = parsed.out / "fuzz.json"
        held = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        slices = held.get("slices", []) if held.get("commit") == machine()["commit"] else []
        slices = [one for one in slices if (one["seed"], one["first"]) != (found["seed"], found["first"])] + [found]
        write_result(parsed.out, "fuzz", slices=slices)
    if found["failures"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
