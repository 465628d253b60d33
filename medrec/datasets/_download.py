"""Downloads that go on where they broke off, and end as the right file or as none."""

import hashlib
import http.client
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from medrec._checks import InputError
from medrec._io import FULL, atomic_write
from medrec._progress import progress

_BLOCK = 2**16
TRIES = 5
"""Attempts at most, with a longer wait before each."""
_AGAIN = {408, 425, 429, 500, 502, 503, 504}
"""Answers after which asking again may help."""
_LOCAL = (PermissionError, FileNotFoundError, IsADirectoryError, NotADirectoryError)
"""Errors of the folder, not of the network."""


def download(
    url: str,
    path: str | os.PathLike[str],
    check: Callable[[Path], str | None],
    *,
    safe: bool = True,
    timeout: float = 30.0,
    wait: float = 1.0,
) -> None:
    """Download a file; what arrived before a break is kept beside it as ``NAME.part`` and not asked for again.

    Parameters
    ----------
    url : str
        Its address.
    path : path-like
        The file; it takes its name only when it is whole and ``check`` is content.
    check : callable
        Takes the path of what arrived; returns what is wrong with it, or None.
    safe : bool, default=True
        Whether ``check`` would see a file glued of two versions, as a SHA-256 does. Else a download goes on only
        where the server names the version of its file (``ETag`` or ``Last-Modified``).
    timeout : float, default=30.0
        Seconds without a byte after which an attempt is given up.
    wait : float, default=1.0
        Seconds before the second attempt; they double with each, ``TRIES`` attempts in all.

    Raises
    ------
    InputError
        When the address does not answer, the disk is full, or what arrived is not the file; in the last case nothing
        is kept.
    """
    path = Path(path)
    part, tag = path.with_name(f"{path.name}.part"), path.with_name(f"{path.name}.part.json")
    for attempt in range(1, TRIES + 1):
        try:
            resumed = _fetch(url, part, tag, safe, timeout)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code not in _AGAIN or attempt == TRIES:
                raise _unanswered(url, f"{error.code} {error.reason}", part) from error
        except (urllib.error.URLError, OSError, http.client.HTTPException) as error:
            if isinstance(error, OSError) and (error.errno in FULL or isinstance(error, _LOCAL)):
                rule = f"cannot be written ({error.strerror}); make room or name another folder, and call again"
                raise InputError(rule, path=part) from error
            if attempt == TRIES:
                raise _unanswered(url, str(getattr(error, "reason", None) or error), part) from error
        else:
            wrong = check(part)
            if wrong is None:
                os.replace(part, path)
                tag.unlink(missing_ok=True)
                return
            part.unlink()
            tag.unlink(missing_ok=True)
            if not resumed:
                raise InputError(f"{wrong}; it was changed or cut off, and was not kept", path=url)
            continue  # the beginning may have been of another version: once more from the start, at once
        time.sleep(wait * 2 ** (attempt - 1))
    raise InputError(f"is not the file after {TRIES} attempts; call again later", path=url)


def _unanswered(url: str, reason: str, part: Path) -> InputError:
    kept = f" (what arrived is kept in {part.name})" if part.exists() and part.stat().st_size else ""
    return InputError(
        f"does not answer ({reason or 'no reason given'}); check the network and call again{kept}", path=url
    )


def _fetch(url: str, part: Path, tag: Path, safe: bool, timeout: float) -> bool:
    """Add what is missing of a file; True where some of it was there already."""
    have, version = _begun(url, part, tag, safe)
    request = urllib.request.Request(url, headers={"User-Agent": "medrec"})
    if have:
        request.add_header("Range", f"bytes={have}-")
        if version is not None:
            request.add_header("If-Range", version)
    try:
        answer = urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not have:
            raise
        error.close()
        if error.headers.get("Content-Range", "").strip() == f"bytes */{have}":
            return True  # nothing is missing
        part.unlink()
        raise http.client.HTTPException("the server's file is shorter than what arrived of it") from error
    with answer:
        ranged = answer.headers.get("Content-Range", "").partition("/")[0].strip() if answer.status == 206 else ""
        if not have or not ranged.startswith(f"bytes {have}-"):
            if answer.status == 206:
                part.unlink(missing_ok=True)
                raise http.client.HTTPException("the server sent another part than was asked for")
            have = 0
        length = answer.headers.get("Content-Length", "")
        expected = have + int(length) if length.isdecimal() else None
        if not have:
            part.unlink(missing_ok=True)
            with atomic_write(tag) as file:
                json.dump({"url": url, "version": _version(answer.headers)}, file)
        blocks = None if expected is None else -(-(expected - have) // _BLOCK)
        with open(part, "ab" if have else "wb") as file:
            for block in progress(_blocks(answer), desc=f"{part.stem} in blocks of 64 KiB", total=blocks):
                file.write(block)
    found = part.stat().st_size
    if expected is not None and found != expected:
        raise http.client.HTTPException(f"the connection ended after {found} of {expected} bytes")
    return have > 0


def _begun(url: str, part: Path, tag: Path, safe: bool) -> tuple[int, str | None]:
    """Bytes that are there and can be gone on from, and the version that they are of."""
    try:
        facts = json.loads(tag.read_text(encoding="utf-8"))
        have, begun, version = part.stat().st_size, facts["url"], facts["version"]
    except (OSError, ValueError, KeyError, TypeError):
        return 0, None
    if begun != url or not (version is None or isinstance(version, str)) or (version is None and not safe):
        return 0, None
    return have, version


def _version(headers: http.client.HTTPMessage) -> str | None:
    """What ``If-Range`` takes: a strong ETag, else the time of the last change."""
    etag = headers.get("ETag")
    return etag if etag and not etag.startswith("W/") else headers.get("Last-Modified")


def _blocks(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    while block := answer.read(_BLOCK):
        yield block


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
    return found.hexdigest()
