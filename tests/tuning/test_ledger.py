"""The ledger: of any number that claim at once, one has the configuration."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import sqlalchemy

from medrec.tuning.ledger import Ledger

WORKERS = 6


@pytest.fixture
def ledgers(tmp_path):
    """One for each worker, with connections of its own, as processes have."""
    made = [
        Ledger(sqlalchemy.create_engine(f"sqlite:///{tmp_path}/l.db", connect_args={"timeout": 60}), "study")
        for _ in range(WORKERS)
    ]
    yield made
    for one in made:
        one.close()


def together(ledgers, work):
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(work, range(WORKERS), ledgers))


def test_a_configuration_is_claimed_once(ledgers):
    def work(number, ledger):
        order = np.random.default_rng(number).permutation(12)
        return [ledger.claim(f"key{at}", trial=100 * number + at, limit=50) for at in order]

    answers = Counter(answer for each in together(ledgers, work) for answer in each)
    assert answers == {"new": 12, "repeat": 12 * (WORKERS - 1)}
    claims = ledgers[0].claims()
    assert [one.slot for one in claims] == list(range(12))
    assert len({one.key for one in claims}) == 12


def test_there_are_no_more_than_the_limit(ledgers):
    def work(number, ledger):
        return [ledger.claim(f"key{number}-{at}", trial=number, limit=10) for at in range(6)]

    answers = Counter(answer for each in together(ledgers, work) for answer in each)
    assert answers == {"new": 10, "full": 6 * WORKERS - 10}
    assert len(ledgers[0].claims()) == 10


def test_one_takes_over_from_a_dead_trial(ledgers):
    ledgers[0].claim("key", trial=7, limit=5)
    taken = together(ledgers, lambda number, ledger: ledger.take_over("key", dead=7, trial=10 + number))
    assert sum(taken) == 1
    (claim,) = ledgers[0].claims()
    assert claim.trial == 10 + taken.index(True)
    assert claim.starts == 2
    assert ledgers[0].take_over("key", dead=claim.trial, trial=99, again=False)
    assert ledgers[0].claims()[0].starts == 2


def test_the_first_facts_hold(ledgers):
    assert not ledgers[0].known()
    answers = together(ledgers, lambda number, ledger: ledger.agree(f"facts of {number}"))
    assert len(set(answers)) == 1
    assert answers[0] in {f"facts of {number}" for number in range(WORKERS)}
    assert ledgers[0].known()


def test_studies_of_one_database_do_not_meet(tmp_path):
    engine = sqlalchemy.create_engine("sqlite://")
    one, other = Ledger(engine, "one"), Ledger(engine, "other")
    assert one.claim("key", trial=0, limit=1) == other.claim("key", trial=0, limit=1) == "new"
    assert one.agree("a") == "a"
    assert other.agree("b") == "b"
    assert [claim.slot for claim in other.claims()] == [0]
