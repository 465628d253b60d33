"""Tasks on a Dask cluster that come out the same when workers die in the middle."""

import asyncio
import concurrent.futures
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from joblib import cpu_count, parallel_config

from medrec._optional import import_optional

SLOW = (TimeoutError, asyncio.TimeoutError, concurrent.futures.TimeoutError)
"""What waiting raises; from Python 3.11 on all the same."""
WORKER_DIED = (*SLOW, asyncio.CancelledError, concurrent.futures.CancelledError, OSError)
"""What sending raises where a worker dies."""
POLL = 0.5
"""Seconds between two looks at the workers while nothing comes back."""
GRACE = 90.0
"""Seconds that tasks have to end by themselves when one that they talk to has died."""
TRIES = 5
"""Times that shared data may be lost with all workers that held it."""


def spread(
    client: Any,
    function: Callable[..., Any],
    items: Sequence[Any],
    shared: Sequence[Any] = (),
    *,
    patience: float = 60.0,
    track: Callable[[Iterable[Any]], Iterable[Any]] = iter,
) -> list[Any]:
    """``function(item, *shared)`` of every item on the workers of a cluster.

    A task whose worker dies is run again by another one. joblib's own Dask backend puts large arguments on a single
    worker, and with that worker all tasks are lost; here every worker gets them, and where all that have them die they
    are sent again, with the tasks that are not done. (Dask's ``scatter(broadcast=True)`` waits for ever where a worker
    dies before it has them.)

    Parameters
    ----------
    client : distributed.Client
    function, items, shared, track
        As in :func:`medrec._parallel.side_by_side`.
    patience : float, default=60.0
        Seconds to wait for a worker where there is none.

    Raises
    ------
    ConnectionError
        When no worker is left, or every worker that takes a certain task dies.
    """
    results: dict[int, Any] = {}
    ticks = iter(track(range(len(items))))
    for _ in range(TRIES):
        wait_for_workers(client, patience)
        try:
            held = [one if one is None else send(client, one, everywhere=True) for one in shared]
        except WORKER_DIED:
            continue
        futures = {
            client.submit(
                _alone, function, item, *held, pure=False, key=f"{_name(function)}-{at}-{time.monotonic_ns()}"
            ): at
            for at, item in enumerate(items)
            if at not in results
        }
        try:
            for at, result in finished(client, futures, patience):
                results[at] = result
                next(ticks, None)
        finally:
            client.cancel(list(futures))
        if len(results) == len(items):
            next(ticks, None)
            return [results[at] for at in range(len(items))]
    raise ConnectionError(
        f"Dask: the data of {_name(function)} were lost {TRIES} times with all workers that held them."
    )


def _alone(function: Callable[..., Any], *arguments: Any) -> Any:
    """A task: ``function`` of its arguments, with nothing side by side inside."""
    with parallel_config(backend="sequential"):
        return function(*arguments)


def send(client: Any, one: Any, *, everywhere: bool = False) -> Any:
    """A future of data sent to a worker, from which others fetch them; ``everywhere`` waits until all have.

    Raises
    ------
    TimeoutError, CancelledError or OSError
        When a worker died meanwhile.
    """
    before = client.nthreads()
    coroutine = client.scatter([one], hash=False, asynchronous=True)
    sending = asyncio.run_coroutine_threadsafe(coroutine, client.loop.asyncio_loop)
    grace = 10
    while True:
        try:
            held = sending.result(timeout=POLL)[0]
            break
        except SLOW:
            grace -= not set(before) <= set(client.nthreads())
            if not grace:
                sending.cancel()
                raise
    if not everywhere:
        return held
    copies = {client.submit(fetch, held, workers=[address], pure=False): address for address in before}
    while any(one.status == "pending" and address in client.nthreads() for one, address in copies.items()):
        time.sleep(POLL / 20)
    return held


def finished(client: Any, futures: dict[Any, int], patience: float) -> Iterator[tuple[int, Any]]:
    """Number and result of each future as it comes; those whose data were lost do not come.

    Raises
    ------
    ConnectionError
        As :func:`spread`; what a task raised is raised here.
    """
    from distributed import CancelledError, KilledWorker, wait

    left, seen = set(futures), time.monotonic()
    while left:
        with suppress(*SLOW, CancelledError), client.as_current():
            wait(list(left), timeout=POLL, return_when="FIRST_COMPLETED")
        done = [future for future in left if future.status != "pending"]
        if client.nthreads():
            seen = time.monotonic()
        elif time.monotonic() - seen > patience:
            raise no_workers(patience)
        for future in done:
            if future.status in ("cancelled", "lost"):
                left.discard(future)
                continue
            failed = future.status == "error"
            try:
                result = future.result(timeout=60 * POLL)
            except SLOW:
                if failed:  # the task's own, a file that came too late, say
                    raise
                continue  # its worker died with it, and it is on its way again
            except CancelledError:
                left.discard(future)
                continue
            except KilledWorker as error:
                raise ConnectionError(
                    f"Dask: every worker that took {error.task} died, most likely for want of memory: {error}"
                ) from None
            left.discard(future)
            yield futures[future], result


def together(client: Any, function: Callable[..., Any], work: dict[str, tuple[Any, ...]]) -> list[Any] | None:
    """One task on each of some workers, all at the same time, because they talk to one another.

    Parameters
    ----------
    client : distributed.Client
    function : callable
        It must come to an end by itself where another task has died.
    work : dict of str to tuple
        Address of each worker, and the arguments of its task.

    Returns
    -------
    list or None
        Results in the order of ``work``; None where a worker died, when the others are free again or ``GRACE`` is over.
    """
    from distributed import CancelledError, wait

    before = _processes(client, work)
    futures = {
        client.submit(function, *arguments, workers=[address], pure=False): address
        for address, arguments in work.items()
    }
    whole = time.monotonic()
    try:
        while True:
            with suppress(*SLOW, CancelledError), client.as_current():
                wait(list(futures), timeout=POLL, return_when="FIRST_COMPLETED")
            there = client.nthreads()
            if set(work) <= set(there):
                whole = time.monotonic()
            elif time.monotonic() - whole > GRACE:
                return None
            left = [one for one, address in futures.items() if one.status == "pending" and address in there]
            if not left:
                break
            if len(left) < len(futures):
                time.sleep(POLL / 10)
        states = {future.status for future in futures}
        if states == {"finished"}:
            with suppress(*SLOW, CancelledError):
                return [future.result(timeout=60 * POLL) for future in futures]
            return None  # the worker of a result died with it
        if states & {"pending", "cancelled", "lost"} or _processes(client, work) != before:
            return None
        raise next(future.exception() for future in futures if future.status == "error")
    finally:
        client.cancel(list(futures))


def _processes(client: Any, addresses: Iterable[str]) -> dict[str, int]:
    """The process of each worker; of those that do not answer none."""
    there = client.nthreads()
    asked = [address for address in addresses if address in there]
    found = client.run(os.getpid, workers=asked, on_error="ignore") if asked else {}
    return {address: process for address, process in found.items() if isinstance(process, int)}


def fetch(*data: Any) -> None:
    """A task that has a worker fetch what it is given."""


def wait_for_workers(client: Any, patience: float) -> list[str]:
    """Addresses of the workers, sorted; where there are none yet, wait for the first."""
    start = time.monotonic()
    while not (there := sorted(client.nthreads())):
        if time.monotonic() - start > patience:
            raise no_workers(patience)
        time.sleep(POLL / 5)
    return there


def no_workers(patience: float) -> ConnectionError:
    """What is said where no worker is left."""
    return ConnectionError(
        f"Dask: the cluster has had no worker for {patience:g} s. Start workers (dask worker ADDRESS) and call again."
    )


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Have joblib's tasks inside the block run on a cluster.

    Parameters
    ----------
    address : str or None
        Of the scheduler (``tcp://host:8786``), or ``local`` for workers on this machine, one a core, ``local:N`` for
        N; None leaves everything as it is.

    Raises
    ------
    ImportError
        Without Dask.
    ValueError
        When the address is none, or no scheduler answers there.
    """
    if address is None:
        yield
        return
    dask = import_optional("dask", feature="Dask clusters", extra="dask")
    distributed = import_optional("distributed", feature="Dask clusters", extra="dask")
    kind, _, count = address.partition(":")
    if kind != "local":
        try:
            client = distributed.Client(address, timeout=10, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ValueError(
                f"no Dask scheduler answers at {address!r} ({error}). Start one with 'dask scheduler', or pass local"
            ) from error
        with client, parallel_config(backend="dask", client=client):
            yield
        return
    if count and not (count.isdecimal() and int(count)):
        raise ValueError(f"Dask: local:N needs a number of workers of at least 1; got {address!r}.")
    n_workers = int(count or cpu_count())
    with (
        # A worker that dies again within this time, 15 s by default, would be given up.
        dask.config.set({"distributed.deploy.lost-worker-timeout": "1h"}),
        distributed.LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=":0",
            silence_logs=logging.CRITICAL,
        ) as workers,
        distributed.Client(workers, set_as_default=False) as client,
        parallel_config(backend="dask", client=client),
    ):
        yield


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", type(function).__name__).lstrip("_")
