"""Many pieces of work: one after the other here, or on the workers of a Dask cluster."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from medrec._progress import progress


def run_tasks(
    function: Callable[..., Any],
    items: Sequence[Any],
    *arguments: Any,
    client: Any = None,
    desc: str = "",
    show: bool = False,
) -> Iterator[Any]:
    """Yield ``function(item, *arguments)`` for every item, in the order of the items.

    Parameters
    ----------
    function : callable
        A function of a module, whose result depends on its arguments alone: a piece whose worker died is begun
        again on another one, and must then give the same.
    items : sequence
    *arguments
        What every piece is given beside its item.
    client : dask.distributed.Client, optional
        The cluster; its workers must see the files that the pieces read and write. Default: this process.
    desc : str
        Name of the work, for the progress.
    show : bool, default=False
        Whether progress is shown.

    Raises
    ------
    ConnectionError
        As :func:`medrec._dask.spread`.

    Examples
    --------
    >>> list(run_tasks(pow, [1, 2, 3], 2))
    [1, 4, 9]
    """
    if client is None:
        yield from progress((function(item, *arguments) for item in items), desc=desc, total=len(items), show=show)
        return
    from medrec._dask import spread

    def track(some: Iterable[Any]) -> Iterable[Any]:
        return progress(some, desc=desc, total=len(items), show=show)

    yield from spread(client, function, items, arguments, track=track)
