"""Random choices of the generated records, cheap one by one and the same on every machine."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")


class Draws:
    """Choices from one stream of uniform numbers, drawn in blocks.

    Parameters
    ----------
    *seed : int
        Entropy of the stream; equal entropy, equal choices.

    Examples
    --------
    >>> Draws(1).pick("abc") == Draws(1).pick("abc")
    True
    """

    def __init__(self, *seed: int) -> None:
        self._generator = np.random.Generator(np.random.PCG64(list(seed)))
        self._block: Iterator[float] = iter(())

    def uniform(self) -> float:
        """A number in [0, 1)."""
        for value in self._block:
            return value
        self._block = iter(self._generator.random(4096).tolist())
        return next(self._block)

    def chance(self, p: float) -> bool:
        """True with probability ``p``."""
        return self.uniform() < p

    def below(self, n: int) -> int:
        """A whole number from 0 to ``n - 1``."""
        return int(self.uniform() * n)

    def pick(self, items: Sequence[Item]) -> Item:
        """One of the items, each as likely."""
        return items[int(self.uniform() * len(items))]

    def weighted(self, cumulative: Sequence[int]) -> int:
        """An index, by whole-number weights given as their running sum."""
        return bisect_right(cumulative, int(self.uniform() * cumulative[-1]))

    def shuffle(self, items: list[Item]) -> None:
        """Put the items in random order, in place."""
        for last in range(len(items) - 1, 0, -1):
            other = int(self.uniform() * (last + 1))
            items[last], items[other] = items[other], items[last]
