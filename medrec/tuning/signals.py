"""Signals that wait while something is written, and are obeyed while something is computed."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Deferred:
    """A ``with`` block in which SIGINT and SIGTERM wait for its end, or for the next part that admits them.

    So a trial is interrupted in its fits, where it can be marked as interrupted, and never between two entries in the
    database that belong together. A second signal is obeyed at once. Outside the main thread, where no signal
    arrives, it does nothing.

    Examples
    --------
    >>> with Deferred() as signals:
    ...     with signals.admitted():
    ...         pass
    """

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._waiting: int | None = None
        self._admits = False

    def __enter__(self) -> "Deferred":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                handler = signal.getsignal(number)
                if callable(handler):
                    self._before[number] = handler
                    signal.signal(number, self._arrive)
        return self

    def __exit__(self, *exception: Any) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if exception[0] is None or issubclass(exception[0], Exception):  # an error that is met must not swallow it
            self._obey()

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """A part in which signals are obeyed, one that has been waiting included."""
        self._admits = True
        try:
            self._obey()
            yield
        finally:
            self._admits = False

    def _arrive(self, number: int, frame: FrameType | None) -> None:
        if self._admits or self._waiting is not None:
            self._before[number](number, frame)
        else:
            self._waiting = number

    def _obey(self) -> None:
        number, self._waiting = self._waiting, None
        if number is not None:
            self._before[number](number, None)
