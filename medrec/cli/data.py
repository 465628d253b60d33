"""``medrec data describe | make``."""

import json
import sys
from pathlib import Path
from typing import Any

from medrec._checks import InputError
from medrec.cli.messages import note
from medrec.cli.options import read_source


def run(parsed: Any) -> None:
    """Do the action that was asked for."""
    {"describe": describe, "make": make}[parsed.action](parsed)


def describe(parsed: Any) -> None:
    """Print what is in a source, as JSON."""
    json.dump(read_source(parsed.data, parsed.masks).describe(), sys.stdout, ensure_ascii=False, indent=1)
    print()


def make(parsed: Any) -> None:
    """Write generated records in the CDrugRed layout."""
    from medrec.datasets import make_records, write_records

    folder = make_folder(parsed.out)
    for path in write_records(make_records(parsed.records, seed=parsed.seed), folder, seed=parsed.seed):
        note(f"{path}: written")


def make_folder(path: str) -> Path:
    """The folder, made where it is not there."""
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"folder cannot be made ({error.strerror}); name another", path=folder) from error
    return folder
