"""``load("format:path")``: one door for every format."""

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from medrec._checks import InputError
from medrec.datasets.arff import read_arff
from medrec.datasets.cdrugred import parse_cdrugred, read_cdrugred
from medrec.datasets.codiesp import read_codiesp
from medrec.datasets.dataset import Dataset, interactions_frame
from medrec.datasets.dialmed import read_dialmed
from medrec.datasets.gamenet import read_gamenet
from medrec.datasets.jsonl import read_jsonl
from medrec.datasets.mimic import read_mimic
from medrec.datasets.parquet import read_parquet
from medrec.datasets.synthetic import make_records
from medrec.datasets.uci_diabetes import read_uci_diabetes


def read_synthetic(options: str) -> Dataset:
    """Generated discharge records as a Dataset: ``records=2000,seed=0``, see ``make_records``."""
    values = {"records": 2000, "seed": 0}
    for part in filter(None, options.split(",")):
        name, _, value = part.partition("=")
        if name not in values or not (value.isdecimal() and len(value) < 10):
            raise InputError(f"synthetic:{options}: write synthetic:records=2000,seed=0; got {part!r}")
        values[name] = int(value)
    if values["records"] < 1:
        raise InputError(f"synthetic:{options}: records must be at least 1")
    made = make_records(values["records"], seed=values["seed"])
    data = parse_cdrugred(enumerate(made.records, start=1), made.candidates, path=f"synthetic:{options}")
    return replace(data, ddi=interactions_frame(made.ddi), aliases=made.aliases)


FORMATS: dict[str, Callable[..., Dataset]] = {
    "cdrugred": read_cdrugred,
    "dialmed": read_dialmed,
    "jsonl": read_jsonl,
    "arff": read_arff,
    "codiesp": read_codiesp,
    "uci-diabetes": read_uci_diabetes,
    "mimic": read_mimic,
    "gamenet": read_gamenet,
    "parquet": read_parquet,
    "synthetic": read_synthetic,
}
"""The reader of each format."""


def load(source: str | os.PathLike[str], **options: Any) -> Dataset:
    """Read records from ``"format:path"``.

    Parameters
    ----------
    source : str
        ``cdrugred:FILE``, ``dialmed:FILE``, ``jsonl:FILE``, ``arff:FILE``, ``codiesp:FILE``, ``uci-diabetes:FILE``,
        ``mimic:DIR``, ``gamenet:DIR``, ``parquet:DIR`` or ``synthetic:records=2000,seed=0``.
    **options
        Options of the reader, such as ``masks="keep"`` of ``read_dialmed`` or ``labels="atc3"`` of ``read_mimic``.

    Raises
    ------
    InputError
        When the format is unknown or the file cannot be read; the message names file and line.

    Examples
    --------
    >>> data = load("synthetic:records=20,seed=1")
    >>> len(data), len(data.drug_names)
    (20, 651)
    """
    name, colon, path = str(source).partition(":")
    if not colon or name not in FORMATS:
        raise InputError(f"write FORMAT:PATH, where FORMAT is one of {', '.join(FORMATS)}", path=source)
    return FORMATS[name](path, **options)
