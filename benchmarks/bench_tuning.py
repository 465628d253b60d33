"""Tuning: what a kill costs, what two processes do to each other, and what 30 trials gain on records never tuned on.

    python benchmarks/bench_tuning.py [--only kill pair gain] [--smoke] [--out FOLDER] [--studies FOLDER]

1. kill: a study on generated records whose process is killed outright (SIGKILL) ten times, at random moments, and
   resumed. After every kill each trial that was finished before must be there unchanged; in the end the number of
   trials is what was asked for, no configuration stands twice, and a log that the objective itself writes must show no
   more fits of a configuration than its starts allow.
2. pair: two processes on one study, on a finite space most of which is tried, so that they often draw the same.
3. gain: 30 trials of binary relevance or of neighbours, default and tuned side by side on records that the tuning
   never saw. Mulan's enron: tuned on the official training part, measured on the test part. DialMed: outer folds by
   patient, tuned inside the others; differences with bootstrap intervals over patients.

The real data is looked for in MEDREC_DATA (default: ../shared/data); what is absent is left out, and that is said.
Studies are kept in --studies, where a run that was stopped goes on. Ends with status 1 where a trial is lost or
repeated, or a study holds another number of trials than was asked for.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from common import DATA, machine, show

from medrec._io import atomic_write
from medrec.datasets import load
from medrec.metrics import compare, overlap_counts
from medrec.recommenders import make_recommender
from medrec.tuning import GroupedIterativeSplit, fit_records, tune

PARTS = ("kill", "pair", "gain")
N_SPLITS = 3
SMALL = "synthetic:records=60,seed=0"
GAIN = (
    ("enron, logistic", "arff:mulan/enron/enron-{}.arff.gz", "binary-relevance", "logistic"),
    ("DialMed, logistic", "dialmed:dialmed/dev.txt", "binary-relevance", "logistic"),
    ("DialMed, svm", "dialmed:dialmed/dev.txt", "binary-relevance", "svm"),
    ("DialMed, neighbors", "dialmed:dialmed/dev.txt", "neighbors", "logistic"),
)
"""Name, source below the data folder (with the part, where the parts are official), model and base."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--smoke", action="store_true", help="a few trials on generated records, to see that it runs")
    parser.add_argument("--out", type=Path, help="folder for JSON; parts that are not run stay as they are")
    parser.add_argument("--studies", type=Path, help="folder that keeps the studies of gain [a temporary one]")
    parser.add_argument("--outer", type=int, default=5, help="outer folds of DialMed [5]")
    parser.add_argument("--trials", type=int, default=30, help="of gain [30]")
    parser.add_argument("--data", nargs="+", choices=[name for name, *_ in GAIN], help="rows of gain to run [all]")
    parser.add_argument("--worker", nargs=4, metavar=("URL", "SPACE", "TRIALS", "LOG"), help=argparse.SUPPRESS)
    parsed = parser.parse_args()
    if parsed.worker:
        work(*parsed.worker)
        return 0
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        if "kill" in parsed.only:
            keep(parsed, "kill", kill(Path(folder), parsed.smoke, wrong))
        if "pair" in parsed.only:
            keep(parsed, "pair", pair(Path(folder), parsed.smoke, wrong))
        if "gain" in parsed.only:
            studies = parsed.studies or Path(folder)
            studies.mkdir(parents=True, exist_ok=True)
            rows = gain_smoke(parsed, studies) if parsed.smoke else gain(parsed, studies)
            show("Samples Jaccard on records that the tuning never saw", rows)
    for line in wrong:
        print(f"WRONG: {line}", file=sys.stderr)
    return 1 if wrong else 0


# ------------------------------------------------------------------------------------------------- kill and pair


def work(url: str, space: str, trials: str, log: str) -> None:
    """A process on a study of the prior; every fit is written to the log before it begins."""
    import optuna

    data = load(SMALL)
    distributions = optuna.distributions
    spaces = {
        "wide": {"smoothing": distributions.FloatDistribution(0.01, 100.0, log=True)},
        "narrow": {"smoothing": distributions.IntDistribution(1, 15)},
    }
    chosen = spaces[space] | {
        "decision": distributions.CategoricalDistribution(("expected-jaccard", "cardinality", "top-k"))
    }
    first = True

    def make(**options: Any) -> Any:
        nonlocal first
        if not first:  # the first one only says what the defaults are
            line = json.dumps({"pid": os.getpid(), "options": sorted((k, str(v)) for k, v in options.items())})
            with open(log, "a", encoding="utf-8") as file:
                file.write(line + "\n")
        first = False
        return make_recommender("prior", schema=data.schema, drug_names=data.drug_names, **options)

    tune(
        make,
        data,
        space=chosen,
        trials=int(trials),
        storage=url,
        n_splits=N_SPLITS,
        heartbeat=1 if space == "wide" else 30,
        refit=False,
    )


def start(url: str, space: str, trials: int, log: Path) -> Any:
    words = [sys.executable, __file__, "--worker", url, space, str(trials), str(log)]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def finished(url: str) -> dict[int, tuple[Any, ...]]:
    """Every finished trial of the study: number, state, value and parameters."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if "medrec" not in optuna.get_all_study_names(url):
        return {}
    trials = optuna.load_study(study_name="medrec", storage=url).trials
    done = [trial for trial in trials if trial.state.name in ("COMPLETE", "PRUNED")]
    return {one.number: (one.state.name, one.value, sorted(one.params.items()), options_text(one)) for one in done}


def options_text(trial: Any) -> str:
    return json.dumps(sorted(trial.user_attrs["options"].items()))


def fits(log: Path) -> Counter:
    """How often each configuration was fitted, by the objective's own log."""
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    return Counter(json.dumps(json.loads(line)["options"]) for line in lines)


def starts(path: Path) -> list[int]:
    """How often each configuration was begun, by the ledger."""
    import sqlite3

    with sqlite3.connect(path) as connection:
        return [row[0] for row in connection.execute("SELECT starts FROM medrec_claims ORDER BY slot")]


def check(
    what: str, done: dict[int, tuple[Any, ...]], counted: Counter, extra: int, wanted: int, wrong: list[str]
) -> int:
    """Complain of repeats, of more fits than starts (``extra`` beyond the first), of a wrong number of trials."""
    repeats = len(done) - len({one[3] for one in done.values()})
    if repeats:
        wrong.append(f"{what}: {repeats} configurations were tried twice")
    if len(done) != wanted:
        wrong.append(f"{what}: {len(done)} finished trials instead of {wanted}")
    beyond = sum(max(0, count - N_SPLITS) for count in counted.values())
    if beyond > extra * N_SPLITS:
        wrong.append(f"{what}: {beyond} fits beyond one start a configuration, though only {extra} were begun again")
    return repeats


def kill(folder: Path, smoke: bool, wrong: list[str]) -> list[dict[str, Any]]:
    """Kill a study's process at random moments and resume it."""
    kills, wanted = (2, 6) if smoke else (10, 60)
    path, log = folder / "kill.db", folder / "kill.log"
    url, rng = f"sqlite:///{path}", random.Random(0)
    before: dict[int, tuple[Any, ...]] = {}
    rows, lost = [], 0
    for number in range(kills):
        process = start(url, "wide", wanted, log)
        lines = sum(fits(log).values())
        begun = time.monotonic()
        while sum(fits(log).values()) == lines and process.poll() is None and time.monotonic() - begun < 120:
            time.sleep(0.02)  # imports cost seconds, in which there is nothing to lose
        wait = rng.uniform(0, 0.5 if smoke else 6.0)
        time.sleep(wait)
        ended = process.poll() is not None
        process.send_signal(signal.SIGKILL)
        process.wait()
        after = finished(url)
        gone = sum(after.get(trial) != facts for trial, facts in before.items())
        lost += gone
        rows.append(
            {
                "kill": number + 1,
                "after seconds": round(wait, 2),
                "finished": len(after),
                "lost": gone,
                "was over": ended,
            }
        )
        before = after
    final = start(url, "wide", wanted, log)
    _, said = final.communicate(timeout=1200)
    if final.returncode:
        wrong.append(f"kill: the last run ended with {final.returncode}: {said.strip().splitlines()[-1]}")
    after = finished(url)
    lost += sum(after.get(trial) != facts for trial, facts in before.items())
    if lost:
        wrong.append(f"kill: {lost} finished trials were lost")
    again = sum(one - 1 for one in starts(path))
    repeats = check("kill", after, fits(log), again, wanted, wrong)
    rows.append(
        {"kill": "none, to the end", "after seconds": "", "finished": len(after), "lost": lost, "was over": True}
    )
    fates = f"{lost} finished trials lost, {repeats} repeated, {again} begun again"
    show(f"{kills} kills: {fates}, {len(after)} of {wanted} in the end", rows)
    return rows


def pair(folder: Path, smoke: bool, wrong: list[str]) -> list[dict[str, Any]]:
    """Two processes on one study whose space has 45 configurations."""
    rows = []
    for run, wanted in enumerate((6,) if smoke else (40, 45)):
        path, log = folder / f"pair{run}.db", folder / f"pair{run}.log"
        both = [start(f"sqlite:///{path}", "narrow", wanted, log) for _ in range(2)]
        for one in both:
            _, said = one.communicate(timeout=1200)
            if one.returncode:
                wrong.append(f"pair: a process ended with {one.returncode}: {said.strip().splitlines()[-1]}")
        done = finished(f"sqlite:///{path}")
        shares = Counter(json.loads(line)["pid"] for line in log.read_text(encoding="utf-8").splitlines())
        again = sum(one - 1 for one in starts(path))
        repeats = check("pair", done, fits(log), again, wanted, wrong)
        rows.append(
            {
                "configurations": 45,
                "trials": len(done),
                "repeated": repeats,
                "drawn twice and refused": refused(f"sqlite:///{path}"),
                "fits by process": " + ".join(map(str, shares.values())),
            }
        )
    show("Two processes on one study", rows)
    return rows


def refused(url: str) -> int:
    import optuna

    return sum("repeats" in trial.user_attrs for trial in optuna.load_study(study_name="medrec", storage=url).trials)


# ------------------------------------------------------------------------------------------------------- gain


def gain(parsed: Any, studies: Path) -> list[dict[str, Any]]:
    rows = []
    for name, source, model, base in GAIN:
        if parsed.data is not None and name not in parsed.data:
            continue
        kind, _, path = source.partition(":")
        if not (DATA / path.format("train")).exists():
            print(f"{name} left out: {DATA / path.format('train')} is absent", file=sys.stderr)
            continue
        data = load(f"{kind}:{DATA / path.format('train')}")
        if "{}" in path:
            test = load(f"{kind}:{DATA / path.format('test')}").align(data.drug_names)
            parts = [(data, test)]
        else:
            folds = GroupedIterativeSplit(parsed.outer, random_state=1).split(None, data.Y, data.groups)
            parts = [(data.subset(train), data.subset(test)) for train, test in folds]
        rows.append(measure(name, model, base, parts, studies, parsed.trials))
        show(f"{name}, so far", rows[-1:])
        keep(parsed, "gain", rows)
    return rows


def gain_smoke(parsed: Any, studies: Path) -> list[dict[str, Any]]:
    data = load("synthetic:records=90,seed=0")
    often = np.argsort(-np.asarray(data.Y.sum(axis=0)).ravel(), kind="stable")[:8]
    small = type(data)(data.records[["出院诊断"]], data.Y[:, often], data.drug_names[often], {"出院诊断": "codes"})
    parts = [(small.subset(range(60)), small.subset(range(60, 90)))]
    rows = [measure("generated", "binary-relevance", "logistic", parts, studies, 3)]
    keep(parsed, "gain", rows)
    return rows


def measure(name: str, model: str, base: str, parts: list[Any], studies: Path, trials: int) -> dict[str, Any]:
    """Default and tuned on test records, over all parts."""
    slug = name.lower().replace(", ", "-")
    values: dict[str, list[Any]] = {"default": [], "tuned": []}
    groups, inner, found = [], [], []
    resumed = any(studies.glob(f"{slug}-*-of-{len(parts)}.db"))
    begun = time.process_time()
    for at, (train, test) in enumerate(parts):
        made = tune(
            model,
            train,
            base=base,
            trials=trials,
            n_splits=N_SPLITS,
            storage=f"sqlite:///{studies / slug}-{at}-of-{len(parts)}.db",
            n_jobs=1,
            verbose=True,
        )
        options = {"n_jobs": 1} | ({"base": base} if model == "binary-relevance" else {})
        default = make_recommender(model, schema=train.schema, drug_names=train.drug_names, **options)
        for key, pipeline in (("default", fit_records(default, train)), ("tuned", made.pipeline)):
            values[key].append(overlap_counts(test.Y, pipeline.predict(test.records)).per_record("jaccard"))
        groups.append(np.arange(len(test)) if test.groups is None else test.groups)
        inner.append((made.default_value, made.best_value))
        found.append(made.facts["best_params"])
    tuned, default = (np.concatenate(values[key]) for key in ("tuned", "default"))
    offset = np.cumsum([0, *map(len, groups[:-1])])
    patients = np.concatenate([group + at if group.dtype.kind in "iu" else group for group, at in zip(groups, offset)])
    against = compare(tuned, default, patients)
    low, high = against.interval
    return {
        "data": name,
        "records": len(tuned),
        "default": float(default.mean()),
        "tuned": float(tuned.mean()),
        "gain": round(against.difference, 4),
        "95 %": f"[{low:+.4f}, {high:+.4f}]",
        "share won": against.share_won,
        "on tuning folds": round(float(np.mean([best - first for first, best in inner])), 4),
        "parts": len(parts),
        "trials": trials,
        "CPU seconds": round(time.process_time() - begun),
        "of a resumed run": resumed,
        "options": found,
    }


def keep(parsed: Any, part: str, rows: Any) -> None:
    """Write a part to ``tuning.json`` beside the others that are there; rows of other data stay, with their facts."""
    if parsed.out is None:
        return
    parsed.out.mkdir(parents=True, exist_ok=True)
    path = parsed.out / "tuning.json"
    held = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    facts = machine((*("numpy", "scikit-learn", "lightgbm"), "optuna", "sqlalchemy"))
    if part == "gain" and not parsed.smoke:
        rows = [row | facts for row in rows]
        names = [row["data"] for row in rows]
        rows = [row for row in held.get(part, {}).get("rows", []) if row["data"] not in names] + rows
        facts = {}
    with atomic_write(path) as file:
        json.dump({**held, part: {**facts, "smoke": parsed.smoke, "rows": rows}}, file, ensure_ascii=False, indent=1)
        file.write("\n")


if __name__ == "__main__":
    sys.exit(main())
