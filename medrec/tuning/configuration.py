"""Configurations: options drawn from a search space, and when two of them are the same."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from medrec._literals import read_literal, write_literal

DIGITS = 4
"""Significant digits of a drawn number."""


def read_options(drawn: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a model from values that were drawn.

    Numbers are rounded to four significant digits, so that a command line can say them and no two configurations
    differ in the fifth. A text is read as the command line reads it: ``"(1, 3)"`` is a tuple.

    Parameters
    ----------
    drawn : dict
        Values by the names of the options.

    Raises
    ------
    ValueError
        When a value is nothing that a command line can say, such as an estimator.

    Examples
    --------
    >>> read_options({"base__C": 3.14159, "features__char_ngrams": "(1, 3)", "order": "frequency"})
    {'base__C': 3.142, 'features__char_ngrams': (1, 3), 'order': 'frequency'}
    """
    return {name: _plain(name, value) for name, value in drawn.items()}


def configuration_key(options: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """Digest of what a configuration changes: equal for configurations that make the same model.

    Options at their default change nothing; 1 is 1.0, and a list is a tuple.

    Parameters
    ----------
    options : dict
        As ``read_options`` gives them.
    defaults : dict
        Values that the options have unless they are set.

    Examples
    --------
    >>> one = configuration_key({"k": 1.0, "order": "frequency"}, {"order": "frequency"})
    >>> one == configuration_key({"k": 1}, {"order": "frequency"}), one == configuration_key({}, {})
    (True, False)
    """
    missing = object()
    changed = {
        name: _comparable(value)
        for name, value in sorted(options.items())
        if _comparable(defaults.get(name, missing)) != _comparable(value)
    }
    return hashlib.sha256(json.dumps(changed).encode()).hexdigest()


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, str):
        return read_literal(value)
    try:
        write_literal(value)
    except ValueError as error:
        raise ValueError(f"tune: {name}: {error}. Build objects in a make(**options) of your own.") from None
    return value


def _comparable(value: Any) -> Any:
    """A value that JSON holds and ``==`` compares as a configuration does; True is not 1."""
    if isinstance(value, (list, tuple)):
        return [_comparable(one) for one in value]
    if isinstance(value, (bool, np.bool_)):
        return {"bool": bool(value)}
    if isinstance(value, (int, float, np.number)):
        return float(value)
    return value if value is None or isinstance(value, str) else {"type": type(value).__name__}
