"""Many pieces of work: one after the other here, or on the workers of a Dask cluster."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from medrec._optional import import_optional
from medrec._progress import progress

RETRIES = 3
"""How often a piece whose worker died, or that failed there, is begun again."""


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
    ImportError
        When a client is given without Dask.

    Examples
    --------
    >>> list(run_tasks(pow, [1, 2, 3], 2))
    [1, 4, 9]
    """
    if client is None:
        yield from progress((function(item, *arguments) for item in items), desc=desc, total=len(items), show=show)
        return
    distributed = import_optional("distributed", feature="Dask clusters", extra="dask")
    # Not pure: whoever runs the work twice wants its files twice.
    waiting = [client.submit(function, item, *arguments, pure=False, retries=RETRIES) for item in items]
    place = {future.key: at for at, future in enumerate(waiting)}
    done: dict[int, Any] = {}
    following = 0
    try:
        finished = distributed.as_completed(waiting, with_results=True)
        for future, result in progress(finished, desc=desc, total=len(items), show=show):
            done[place[future.key]] = result
            future.release()
            while following in done:
                yield done.pop(following)
                following += 1
    finally:
        client.cancel(waiting)
