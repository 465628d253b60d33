"""The command line: it parses and prints, and calls the rooms for everything else."""

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from medrec.cli.arguments import build_parser


class UsageError(Exception):
    """Options that do not go together."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``medrec`` and return its exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after ``medrec``; default: those of the process.

    Returns
    -------
    int
        0 done, 1 refused input, 2 wrong usage, 130 interrupted.

    Examples
    --------
    >>> main(["score", "--truth", "jsonl:nowhere.jsonl", "--pred", "p.json"])
    1
    """
    parsed = build_parser().parse_args(arguments)
    # Each command is a module of its own, so that one does not pay for what another imports.
    run: Callable[[Any], None] = import_module(f"medrec.cli.{parsed.command}").run
    try:
        run(parsed)
        sys.stdout.flush()
    except UsageError as error:
        print(f"medrec {parsed.command}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ValueError, OSError, MemoryError) as error:  # InputError is a ValueError
        print(f"medrec: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("medrec: interrupted", file=sys.stderr)
        return 130
    return 0
