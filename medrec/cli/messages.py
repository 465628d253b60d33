"""What goes to stderr beside progress."""

import sys

LONGEST = 1000
"""Characters of a message."""


def note(text: str) -> None:
    """Say something that is no result."""
    print(f"medrec: {text}", file=sys.stderr)


def one_line(error: object) -> str:
    """What an error says, in one line that can be read; the middle of a very long one is left out."""
    text = " ".join(str(error).split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} … {text[-LONGEST // 2 :]}"
