"""``medrec doctor``."""

import json
import platform
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from medrec._version import __version__
from medrec.cli.machine import Part, examine


def run(parsed: Any) -> None:
    """Print what this machine can do, and the cure for what it cannot; a broken core part gives exit status 1."""
    title = f"medrec {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    if parsed.json:
        parts = list(examine())
        json.dump({"about": title, "parts": [one._asdict() for one in parts]}, sys.stdout, indent=1)
        print()
    else:
        print(title)
        parts = list(_printed(examine()))
    broken = [one.name for one in parts if one.core and one.state == "broken"]
    if broken:
        raise OSError(f"{', '.join(broken)}: broken, and medrec needs it; the line of each says the cure")


def _printed(parts: Iterable[Part]) -> Iterator[Part]:
    """Each part, once its line is printed, in characters that the output has."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    for one in parts:
        line = f"{one.state:<8} {one.name}: {one.note}" + (f" - {one.cure}" if one.cure else "")
        print(line.encode(encoding, "backslashreplace").decode(encoding), flush=True)
        yield one
