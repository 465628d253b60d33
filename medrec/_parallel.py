"""Where work runs side by side: in threads or processes of this machine, or on the workers of a Dask cluster.

It is decided here, from ``n_jobs`` and from an outer ``joblib.parallel_config``, and there is one level of it: what
runs side by side does its own work alone. ``n_jobs=1`` stays in this process whatever is around it; inside a task of
Dask work stays on the worker.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from joblib import Parallel, cpu_count, delayed, effective_n_jobs, parallel_config
from joblib.parallel import get_active_backend


def cluster(n_jobs: int | None) -> Any | None:
    """The Dask client of an outer ``joblib.parallel_config("dask")``, where it takes the tasks of ``n_jobs``.

    Parameters
    ----------
    n_jobs : int or None
        1 keeps the work in this process.

    Examples
    --------
    >>> cluster(None) is None
    True
    """
    return None if n_jobs == 1 or _worker() is not None else _client()


def cores(n_jobs: int | None) -> int:
    """Tasks that run at a time: threads of the cluster's workers, or as many as ``n_jobs`` stands for here."""
    client = cluster(n_jobs)
    return threads(n_jobs) if client is None else max(1, sum(client.nthreads().values()))


def threads(n_jobs: int | None) -> int:
    """Threads of this process that ``n_jobs`` stands for, also where a cluster is around it.

    Examples
    --------
    >>> threads(None), threads(3)
    (1, 3)
    """
    if _client() is None:
        return effective_n_jobs(n_jobs)
    worker = _worker()
    most = cpu_count() if worker is None else worker.state.nthreads
    return 1 if n_jobs is None else min(n_jobs, most) if n_jobs > 0 else max(1, most + 1 + n_jobs)


def in_threads(function: Callable[[Any], Any], items: Iterable[Any], *, n_jobs: int | None) -> list[Any]:
    """``function`` of every item, in threads of this process that share its memory.

    Examples
    --------
    >>> in_threads(abs, [-1, -2], n_jobs=2)
    [1, 2]
    """
    n_jobs = threads(n_jobs)
    if n_jobs == 1:
        return [function(item) for item in items]
    with parallel_config(backend="threading"):
        return Parallel(n_jobs=n_jobs)(delayed(function)(item) for item in items)


def side_by_side(
    function: Callable[..., Any],
    items: Sequence[Any],
    *,
    shared: Sequence[Any] = (),
    n_jobs: int | None,
    track: Callable[[Iterable[Any]], Iterable[Any]] = iter,
) -> list[Any]:
    """``function(item, *shared)`` of every item, in processes of this machine or on a cluster.

    Parameters
    ----------
    function : callable
        What other processes can import; it must leave ``shared`` as it is.
    items : sequence
        What the tasks differ in: small.
    shared : sequence
        What all tasks need, as large as it may be: a cluster's workers get it once each.
    n_jobs : int or None
        As joblib counts them; a cluster takes all tasks.
    track : callable, optional
        Wraps the items, to show progress.

    Returns
    -------
    list
        In the order of the items, the same wherever they were worked on.

    Examples
    --------
    >>> side_by_side(pow, [1, 2], shared=[3], n_jobs=None)
    [1, 8]
    """
    client = cluster(n_jobs)
    if client is not None:
        from medrec._dask import spread

        return spread(client, function, items, shared, track=track)
    if _client() is not None:
        n_threads = threads(n_jobs)
        with parallel_config(backend="threading"):  # so that nothing inside goes to the cluster
            return in_threads(lambda item: function(item, *shared), track(items), n_jobs=n_threads)
    return Parallel(n_jobs=n_jobs)(delayed(function)(item, *shared) for item in track(items))


def _client() -> Any | None:
    backend = get_active_backend()[0]
    return backend.client if type(backend).__name__ == "DaskDistributedBackend" else None


def _worker() -> Any | None:
    """The Dask worker in whose task this is."""
    if _client() is None:
        return None
    from distributed import get_worker

    try:
        return get_worker()
    except ValueError:
        return None
