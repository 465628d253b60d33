"""Signals wait where they must, and only there."""

# ruff: noqa: PT012 - where in a block a signal is obeyed is what is tested

import signal
import threading

import pytest

from medrec.tuning.signals import Deferred

NUMBERS = [signal.SIGINT, signal.SIGTERM]


class Arrived(Exception):
    pass


@pytest.fixture(autouse=True)
def handlers():
    """Handlers that raise, and the old ones afterwards."""

    def arrive(number, frame):
        raise Arrived(number)

    before = {number: signal.signal(number, arrive) for number in NUMBERS}
    yield arrive
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_waits_for_the_end(number, handlers):
    done = []
    with pytest.raises(Arrived), Deferred():
        signal.raise_signal(number)
        done.append("written")
    assert done == ["written"]
    assert signal.getsignal(number) is handlers


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_is_obeyed_where_it_is_admitted(number):
    done = []
    with Deferred() as signals:
        with pytest.raises(Arrived), signals.admitted():
            signal.raise_signal(number)
            done.append("computed")
        done.append("marked")
    assert done == ["marked"]


def test_a_signal_that_waits_is_obeyed_by_the_next_part():
    done = []
    with Deferred() as signals:
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(Arrived), signals.admitted():
            done.append("computed")
    assert done == []


def test_a_second_signal_does_not_wait():
    done = []
    with pytest.raises(Arrived), Deferred():
        signal.raise_signal(signal.SIGINT)
        done.append("first")
        signal.raise_signal(signal.SIGINT)
        done.append("second")
    assert done == ["first"]


def test_an_error_does_not_swallow_a_signal(handlers):
    with pytest.raises(Arrived) as stop, Deferred():
        signal.raise_signal(signal.SIGINT)
        _ = 1 / 0
    assert isinstance(stop.value.__context__, ZeroDivisionError)
    assert signal.getsignal(signal.SIGINT) is handlers


def test_ignored_signals_stay_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Deferred():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_other_threads_do_nothing(handlers):
    seen = []

    def work():
        with Deferred() as signals, signals.admitted():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [handlers]
