"""Progress of long work: a bar on a terminal, a line at a time elsewhere, nothing unless asked."""

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

Item = TypeVar("Item")


def progress(
    items: Iterable[Item], *, desc: str, total: int | None = None, show: bool = True, every: float = 10.0
) -> Iterator[Item]:
    """Yield ``items`` and show on stderr how far they are.

    Parameters
    ----------
    items : iterable
        What is worked through.
    desc : str
        Name of the work.
    total : int, optional
        Number of items; taken from ``len(items)`` where it can be.
    show : bool, default=True
        Whether anything is written at all.
    every : float, default=10.0
        Seconds between two lines where stderr is no terminal.

    Examples
    --------
    >>> list(progress("ab", desc="letters", show=False))
    ['a', 'b']
    """
    if not show:
        yield from items
        return
    if total is None and isinstance(items, Sized):
        total = len(items)
    if sys.stderr.isatty():
        from tqdm import tqdm

        yield from tqdm(items, desc=desc, total=total, file=sys.stderr, dynamic_ncols=True)
        return
    start = last = time.monotonic()
    count = 0
    for count, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - last >= every:
            last = now
            print(
                f"{desc}: {count}/{total if total is not None else '?'} ({now - start:.0f} s)",
                file=sys.stderr,
            )
    print(f"{desc}: {count} done ({time.monotonic() - start:.1f} s)", file=sys.stderr)
