"""Several processes, some of them killed, on one study: nothing is lost, nothing is tried twice."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter

import optuna
import pytest

from medrec.tuning import tune
from tests.tuning.toys import FINITE, SPACE, Toy, dataset, fits, metric

FOLDS = 3
WORK = """
import functools, pathlib, signal, sys, time
from medrec.tuning import tune
from tests.tuning import toys
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
url, log, space, trials, pause, heartbeat, *meet = sys.argv[1:]
if meet:  # imports take their time, and both shall begin at once
    pathlib.Path(meet[0]).touch()
    while not all(pathlib.Path(one).exists() for one in meet):
        time.sleep(0.005)
tune(functools.partial(toys.Toy, log, float(pause)), toys.dataset(), space=getattr(toys, space), trials=int(trials),
     storage=url, metric=toys.metric, n_splits=3, heartbeat=int(heartbeat), refit=False)
"""


@pytest.fixture
def place(tmp_path):
    """Storage and log of a study."""
    return f"sqlite:///{tmp_path}/study.db", tmp_path / "log"


def start(place, *, space="SPACE", trials=8, pause=0.05, heartbeat=30, meet=()):
    words = [place[0], str(place[1]), space, str(trials), str(pause), str(heartbeat), *map(str, meet)]
    return subprocess.Popen([sys.executable, "-c", WORK, *words], stderr=subprocess.PIPE, text=True)


def wait_for(place, lines):
    """Until so many fits have begun."""
    end = time.monotonic() + 120
    while len(fits(place[1])) < lines:
        assert time.monotonic() < end, "nothing is fitted"
        time.sleep(0.01)


def resume(place, *, space=SPACE, trials=8, heartbeat=1):
    def make(**options):
        return Toy(place[1], 0.0, **options)

    return tune(
        make,
        dataset(),
        space=space,
        trials=trials,
        storage=place[0],
        metric=metric,
        n_splits=FOLDS,
        heartbeat=heartbeat,
        refit=False,
    )


def finished(place):
    trials = optuna.load_study(study_name="medrec", storage=place[0]).trials
    return {
        one.number: (one.value, one.params, one.user_attrs)
        for one in trials
        if one.state.name in ("COMPLETE", "PRUNED")
    }


def started(place):
    """How often each configuration was fitted, by what the fits wrote."""
    return Counter(json.dumps([one["x"], one["k"], one["pair"]]) for one in fits(place[1]))


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_killed_process_loses_nothing_that_was_finished(place):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    process = start(place, pause=0.2, heartbeat=1)
    wait_for(place, 8)  # in the third trial
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = finished(place)
    assert len(before) >= 2
    killed = fits(place[1])[-1]
    result = resume(place)
    after = finished(place)
    assert {number: after[number] for number in before} == before
    assert len(after) == len(result.trials) == 8
    keys = [tuple(row) for row in result.trials[["x", "k", "pair"]].itertuples(index=False)]
    assert len(set(keys)) == 8
    again = {key: count for key, count in started(place).items() if count > FOLDS}
    assert set(again) <= {json.dumps([killed["x"], killed["k"], killed["pair"]])}
    assert max(started(place).values()) <= 2 * FOLDS


def test_two_processes_repeat_nothing(place):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    meet = [place[1].with_name(f"ready{at}") for at in range(2)]
    both = [start(place, space="FINITE", pause=0.1, meet=order) for order in (meet, meet[::-1])]
    for one in both:
        _, said = one.communicate(timeout=300)
        assert one.returncode == 0, said
    assert len(finished(place)) == 8
    assert len({fit["pid"] for fit in fits(place[1])}) == 2
    # x is at its default throughout, and all eight configurations of the space are tried.
    assert len(started(place)) == 8
    assert max(started(place).values()) <= FOLDS
    study = optuna.load_study(study_name="medrec", storage=place[0])
    assert {one.state.name for one in study.trials} <= {"COMPLETE", "PRUNED", "FAIL"}
    assert all("repeats" in one.user_attrs for one in study.trials if one.state.name == "FAIL")
    assert len(resume(place, space=FINITE).trials) == 8


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_process_says_so_at_once(place, number):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    process = start(place, pause=0.2)
    wait_for(place, 5)
    process.send_signal(number)
    process.communicate()
    study = optuna.load_study(study_name="medrec", storage=place[0])
    assert "RUNNING" not in {one.state.name for one in study.trials}
    begun = time.monotonic()
    assert len(resume(place, heartbeat=600).trials) == 8  # nobody waits for a sign of life
    assert time.monotonic() - begun < 60
