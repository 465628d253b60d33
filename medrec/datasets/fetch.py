"""Public data, downloaded from where its authors published it and checked by SHA-256."""

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from medrec._checks import InputError
from medrec._io import atomic_write
from medrec._progress import progress

_BLOCK = 2**16


@dataclass(frozen=True)
class Public:
    """A public data set.

    Parameters
    ----------
    about : str
        What it is and whose.
    licence : str
        Its licence.
    base : str
        Address that the file names are put behind.
    files : dict of str to (str, str)
        For each file its address behind ``base`` and its SHA-256.
    """

    about: str
    licence: str
    base: str
    files: dict[str, tuple[str, str]]


_COMMIT = "f0bf22f5582885b08fe37dd05883187e78c8f13d"
PUBLIC = {
    "dialmed": Public(
        about="DialMed (He et al., COLING 2022): dialogues of its development split, labels, interactions",
        licence="MIT",
        base=f"https://raw.githubusercontent.com/f-window/DialMed/{_COMMIT}/",
        files={
            "dev.txt": (
                "data/dataset/dev.txt",
                "8fb8e4ac663443ac5b2b9936c96f769f8273ce4f971aa68ca777685787f78ef6",
            ),
            "label.json": (
                "data/dataset/label.json",
                "8530a29c0f0ebbeffd54820b5503ff1122b5bab9a4f82f4149d82cc7cc1f3b4a",
            ),
            "ddi.json": (
                "appendix/ddi.json",
                "67a16284e4a7abb01b0f5d1283e25016ff4d0b672a8bc18e1aedeca322dfdb07",
            ),
            "medication_normalization.json": (
                "appendix/medication_normalization.json",
                "30d3c6dfeea6acd707a67d35d206b71ac97278dd69d19833177c8cd9cd1c12e6",
            ),
        },
    ),
}
"""What can be fetched, by the name that ``medrec data fetch`` takes."""


def fetch_public(name: str, folder: str | os.PathLike[str], *, timeout: float = 30.0) -> list[Path]:
    """Download a public data set into ``folder / name``.

    A file that is there already and has the right SHA-256 is not downloaded again; a download that breaks off or has
    another SHA-256 leaves nothing behind, so that calling again goes on with the files that are missing.

    Parameters
    ----------
    name : str
        A key of ``PUBLIC``.
    folder : path-like
        The folder, which must exist.
    timeout : float, default=30.0
        Seconds without an answer after which the download is given up.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    InputError
        When there is no data set of that name, an address does not answer, or a file is not what it should be.
    """
    if name not in PUBLIC:
        raise InputError(f"there is no public data set {name!r}; there are {', '.join(PUBLIC)}")
    public = PUBLIC[name]
    target = Path(folder) / name
    target.mkdir(exist_ok=True)
    paths = []
    for file_name, (address, digest) in progress(public.files.items(), desc=f"fetch {name}"):
        path = target / file_name
        if not (path.exists() and _digest(path) == digest):
            _download(public.base + address, path, digest, timeout)
        paths.append(path)
    return paths


def _download(url: str, path: Path, digest: str, timeout: float) -> None:
    found = hashlib.sha256()
    try:
        with atomic_write(path, "wb") as file:
            for block in _blocks(url, timeout):
                found.update(block)
                file.write(block)
            if found.hexdigest() != digest:
                raise InputError(
                    f"has SHA-256 {found.hexdigest()[:16]}… instead of {digest[:16]}…; it was changed or cut off, "
                    f"and was not kept",
                    path=url,
                )
    except (urllib.error.URLError, TimeoutError, ConnectionError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise InputError(f"does not answer ({reason}); check the network and call again", path=url) from error


def _blocks(url: str, timeout: float) -> Iterator[bytes]:
    with urllib.request.urlopen(url, timeout=timeout) as answer:
        while block := answer.read(_BLOCK):
            yield block


def _digest(path: Path) -> str:
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
    return found.hexdigest()
