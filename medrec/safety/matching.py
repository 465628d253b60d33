"""Which label a name of a table stands for."""

import unicodedata
from collections.abc import Mapping
from reprlib import repr as brief

import numpy as np


class NameMatcher:
    """Finds the place of the label that a name of a table stands for; see ``DDIGraph.from_edges``.

    Parameters
    ----------
    labels : array of str, shape (n_labels,)
    aliases : mapping of str to str
        Other names and the label each stands for. An alias of what is no label stands for nothing, so that one list
        of brands serves models of different drugs; an alias that is itself a label is not looked at.

    Attributes
    ----------
    respelled : int
        Names that matched only without regard to case, width and blanks.

    Raises
    ------
    ValueError
        When ``aliases`` is no mapping of text to text.

    Examples
    --------
    >>> find = NameMatcher(np.array(["aspirin", "warfarin"]), {"Coumadin": "warfarin"})
    >>> find("coumadin"), find("heparin"), find.respelled
    (1, None, 1)
    """

    def __init__(self, labels: np.ndarray, aliases: Mapping[str, str]) -> None:
        if not isinstance(aliases, Mapping) or not all(isinstance(n, str) for pair in aliases.items() for n in pair):
            raise ValueError(f"aliases must map other names to labels, text to text; got {brief(aliases)}.")
        self._exact = {name: i for i, name in enumerate(labels)}
        self._alias = {alias: self._exact[name] for alias, name in aliases.items() if name in self._exact}
        self._loose: dict[str, int | None] = {}
        for known in (self._exact, self._alias):
            near: dict[str, int | None] = {}
            for name, place in known.items():
                key = _plain(name)
                near[key] = None if near.get(key, place) != place else place
            self._loose = {**near, **self._loose}
        self.respelled = 0

    def __call__(self, name: str) -> int | None:
        place = self._exact.get(name, self._alias.get(name))
        if place is None:
            place = self._loose.get(_plain(name))
            self.respelled += place is not None
        return place


def _plain(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
