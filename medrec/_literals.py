"""Values of options as words: what a command line says and what a study stores."""

import ast
import warnings
from typing import Any


def read_literal(text: str) -> Any:
    """The Python literal that a text is, or the text itself.

    Parameters
    ----------
    text : str
        Such as ``3``, ``(1, 3)``, ``None`` or ``frequency``.

    Examples
    --------
    >>> read_literal("(1, 3)"), read_literal("frequency")
    ((1, 3), 'frequency')
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what Python only warns of is no value but text
            return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text


def write_literal(value: Any) -> str:
    """The text that ``read_literal`` makes this value of.

    Raises
    ------
    ValueError
        When the value is nothing that a text can say.

    Examples
    --------
    >>> write_literal((1, 3)), write_literal("frequency"), write_literal("3")
    ('(1, 3)', 'frequency', "'3'")
    """
    text = value if isinstance(value, str) else repr(value)
    if isinstance(value, str) and read_literal(text) != value:
        text = repr(value)
    again = read_literal(text)
    if type(again) is not type(value) or again != value:
        raise ValueError(f"an option must be None, a number, a text or a tuple of them; got {value!r:.80}")
    return text
