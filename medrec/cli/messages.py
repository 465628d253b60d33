"""What goes to stderr beside progress."""

import sys

LONGEST = 1000
"""Characters of a message."""


def note(text: str) -> None:
    """Say something that is no result."""
    print(f"medrec: {printable(text)}", file=sys.stderr)


def one_line(error: object) -> str:
    """What an error says, in one line that can be read; the middle of a very long one is left out."""
    text = printable(" ".join(str(error).split()))
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} … {text[-LONGEST // 2 :]}"


def printable(text: str) -> str:
    r"""A text in which what a terminal would obey, such as an escape sequence in a name of a file, is written out.

    Examples
    --------
    >>> print(printable("阿司匹林 \x1b[2J"))
    阿司匹林 \x1b[2J
    """
    return "".join(
        one if one.isprintable() or one in "\n\u3000\xa0" else one.encode("unicode_escape").decode() for one in text
    )
