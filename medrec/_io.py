"""Files: written whole or not at all, read without running anything that stands in them."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from medrec._checks import InputError


@contextmanager
def atomic_write(path: str | os.PathLike[str], mode: str = "w") -> Iterator[IO[Any]]:
    """Open a file that takes its name only when the block ends well.

    The text goes to a temporary file in the same folder, which is flushed to disk and renamed; on an
    error or an interrupt the old file stays as it was and the temporary one is removed.

    Parameters
    ----------
    path : path-like
        The file to write; its folder must exist.
    mode : {"w", "wb"}, default="w"
        Text is UTF-8 with ``\\n`` line ends.

    Raises
    ------
    InputError
        When the folder is missing or cannot be written.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_write(pathlib.Path(folder) / "a.txt") as file:
    ...         _ = file.write("done")
    ...     (pathlib.Path(folder) / "a.txt").read_text()
    'done'
    """
    target = Path(path)
    if target.is_dir():
        raise InputError("is a folder; name a file to write", path=target)
    try:
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    except OSError as error:
        raise InputError(
            f"cannot be written ({error.strerror}); name a folder that exists and is writable", path=target
        ) from error
    try:
        text = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
        with os.fdopen(handle, mode, **text) as file:  # type: ignore[call-overload]
            yield file
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
