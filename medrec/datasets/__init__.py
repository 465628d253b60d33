"""Readers: files in, ``Dataset`` out."""

from medrec.datasets.arff import read_arff
from medrec.datasets.cdrugred import read_cdrugred
from medrec.datasets.code_titles import read_code_titles, titles_of
from medrec.datasets.codiesp import read_codiesp, write_submission
from medrec.datasets.dataset import KINDS, Dataset
from medrec.datasets.dialmed import read_dialmed
from medrec.datasets.gamenet import read_gamenet
from medrec.datasets.generated_parquet import write_generated
from medrec.datasets.jsonl import read_jsonl, write_jsonl
from medrec.datasets.mimic import read_mimic
from medrec.datasets.parquet import ParquetRecords, read_parquet, write_parquet
from medrec.datasets.predictions import read_predictions
from medrec.datasets.sources import load
from medrec.datasets.synthetic import make_records, split_records, write_records
from medrec.datasets.uci_diabetes import read_uci_diabetes

__all__ = [
    "KINDS",
    "Dataset",
    "ParquetRecords",
    "load",
    "make_records",
    "read_arff",
    "read_cdrugred",
    "read_code_titles",
    "read_codiesp",
    "read_dialmed",
    "read_gamenet",
    "read_jsonl",
    "read_mimic",
    "read_parquet",
    "read_predictions",
    "read_uci_diabetes",
    "split_records",
    "titles_of",
    "write_generated",
    "write_jsonl",
    "write_parquet",
    "write_records",
    "write_submission",
]
