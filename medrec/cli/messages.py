"""What goes to stderr beside progress."""

import sys


def note(text: str) -> None:
    """Say something that is no result."""
    print(f"medrec: {text}", file=sys.stderr)
