"""The command line: it parses and prints, and calls the rooms for everything else."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from medrec.cli.arguments import build_parser
from medrec.cli.messages import one_line


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
        0 done, 1 refused input, 2 wrong usage, 130 interrupted; SIGTERM raises ``SystemExit(143)``.

    Examples
    --------
    >>> main(["score", "--truth", "jsonl:nowhere.jsonl", "--pred", "p.json"])
    1
    """
    parsed = build_parser().parse_args(arguments)
    try:
        with _ended_by_sigterm():
            # Each command is a module of its own, so that one does not pay for what another imports.
            run: Callable[[Any], None] = import_module(f"medrec.cli.{parsed.command}").run
            run(parsed)
            sys.stdout.flush()
    except UsageError as error:
        print(f"medrec {parsed.command}:", one_line(error), file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except MemoryError:
        print(
            "medrec: error: out of memory; use fewer records or a smaller --set features__max_features", file=sys.stderr
        )
        return 1
    except (ValueError, OSError, ImportError) as error:  # InputError is a ValueError; an extra may be absent
        print("medrec: error:", one_line(error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("medrec: interrupted", file=sys.stderr)
        return 130
    return 0


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM unwind the stack, so that temporary files go; the exit status is the shell's 143."""

    def end(number: int, frame: Any) -> None:
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():  # handlers belong to the main thread
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
