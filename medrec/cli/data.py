"""``medrec data describe | make | fetch``."""

import json
import sys
from typing import Any

from medrec._io import make_folder
from medrec.cli import UsageError
from medrec.cli.messages import note
from medrec.cli.options import read_source


def run(parsed: Any) -> None:
    """Do the action that was asked for."""
    {"describe": describe, "make": make, "fetch": fetch}[parsed.action](parsed)


def describe(parsed: Any) -> None:
    """Print what is in a source, as JSON."""
    json.dump(read_source(parsed.data, parsed.masks, parsed.read).describe(), sys.stdout, ensure_ascii=False, indent=1)
    print()


def make(parsed: Any) -> None:
    """Write generated records in the CDrugRed layout, or as partitioned Parquet."""
    from medrec.datasets import make_records, write_generated, write_records

    folder = make_folder(parsed.out)
    if parsed.format == "parquet":
        paths = write_generated(folder, parsed.records, seed=parsed.seed, verbose=True)
        note(f"{folder}: {parsed.records} records in {len(paths)} files")
        return
    for path in write_records(make_records(parsed.records, seed=parsed.seed), folder, seed=parsed.seed):
        note(f"{path}: written")


def fetch(parsed: Any) -> None:
    """Download public data, or say what there is."""
    from medrec.datasets.fetch import PUBLIC, fetch_public

    if parsed.name is None:
        for name, public in PUBLIC.items():
            checked = "by SHA-256" if public.has_digests else "by structure"
            print(f"{name:<16} {public.licence:<11} {checked:<13} {public.about}")
        return
    if parsed.name not in PUBLIC:
        raise UsageError(f"NAME must be one of {', '.join(PUBLIC)}; got {parsed.name!r}")
    for path in fetch_public(parsed.name, make_folder(parsed.out)):
        note(f"{path}: checked")
