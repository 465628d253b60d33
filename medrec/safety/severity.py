"""The levels of a drug–drug interaction, their order and their spelling."""

from typing import Any

import pandas as pd

SEVERITIES = ("unspecified", "minor", "moderate", "major")
"""Levels from lowest to highest. A level's code in ``DDIGraph.severity`` is its place here plus one."""


def severity_code(word: Any) -> int:
    """The code (1–4) of a severity word.

    Upper and lower case are one; None, NaN and the empty string mean ``"unspecified"``.

    Raises
    ------
    ValueError
        When the word is none of the levels.

    Examples
    --------
    >>> severity_code("Major"), severity_code(None)
    (4, 1)
    """
    if word is None or (pd.api.types.is_scalar(word) and pd.isna(word)):
        return 1
    text = word.strip().casefold() if isinstance(word, str) else None
    if text == "":
        return 1
    if text not in SEVERITIES:
        raise ValueError(
            f"severity must be one of {', '.join(SEVERITIES)} or empty; got {word!r}. "
            f"Rename the source's levels to these."
        )
    return SEVERITIES.index(text) + 1


def severity_name(code: int) -> str:
    """The word of a code."""
    return SEVERITIES[code - 1]
