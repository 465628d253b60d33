"""``medrec predict``."""

import csv
import json
from collections.abc import Callable
from typing import IO, Any

import numpy as np
import scipy.sparse as sp

from medrec._checks import InputError
from medrec._io import atomic_write, check_writable
from medrec.cli import UsageError
from medrec.cli.messages import note
from medrec.cli.models import read_model, use_of_model
from medrec.cli.options import read_source
from medrec.datasets import Dataset
from medrec.decision.sets import sort_falling, take_best
from medrec.recommenders import predict_parquet


def run(parsed: Any) -> None:
    """Recommend drugs for records and write them."""
    if parsed.format == "parquet":
        predict_by_block(parsed)
        return
    check_writable(parsed.out)
    pipeline = read_model(parsed.model)
    data = read_source(parsed.data, parsed.masks, parsed.read)
    with use_of_model(parsed.model):
        sets, scores = recommend(pipeline, data, parsed.top_k, parsed.model)
    with atomic_write(parsed.out) as file:
        WRITERS[parsed.format](file, data.ids, sets, scores, pipeline[-1].drug_names_)
    note(f"{parsed.out}: {sets.nnz} drugs for {sets.shape[0]} records")


def predict_by_block(parsed: Any) -> None:
    """Recommend drugs for partitioned records of any number, and write a folder."""
    if not parsed.data.startswith("parquet:") or parsed.top_k is not None or parsed.masks or parsed.read:
        raise UsageError(
            f"--format parquet is for parquet:DIR, without --top-k, --masks and --read; got {parsed.data}. "
            f"Take another --format"
        )
    with use_of_model(parsed.model):
        paths = predict_parquet(parsed.model, parsed.data.partition(":")[2], parsed.out, verbose=True)
    note(f"{parsed.out}: {len(paths)} files")


def recommend(pipeline: Any, data: Dataset, top_k: int | None, path: Any) -> tuple[sp.csr_matrix, np.ndarray]:
    """Final sets, CSR (n_records, n_labels), and probabilities of the same shape.

    ``top_k`` takes the best drugs whatever the decision says; the interaction filter still holds.
    """
    check_schema(pipeline, data, path)
    scores = pipeline.predict_proba(data.records)
    recommender = pipeline[-1]
    if top_k is None:
        return recommender.decide(scores)[0], scores
    counts = np.full(len(scores), min(top_k, scores.shape[1]))
    sets = take_best(scores, sort_falling(scores), counts)
    if recommender.filter_ is not None:
        try:
            sets, _ = recommender.filter_.apply(sets, scores)
        except ValueError as error:  # too many interacting drugs for the exact filter
            raise UsageError(f"--top-k {top_k}: {error}") from error
    return sets, scores


def check_schema(pipeline: Any, data: Dataset, path: Any) -> None:
    """Refuse data without the columns that the model of the file ``path`` was fitted on."""
    schema = pipeline[0].schema
    for column, kind in schema.items():
        found = data.schema.get(column)
        if found != kind:
            has = "does not have" if found is None else f"has as {found}"
            raise InputError(
                f"was fitted on records with a column {column!r} ({kind}), which the data {has}; "
                f"use data of the same format and options",
                path=path,
            )


def by_score(sets: sp.csr_matrix, scores: np.ndarray, row: int) -> np.ndarray:
    """Labels of a record's set, best first."""
    labels = sets.indices[sets.indptr[row] : sets.indptr[row + 1]]
    return labels[np.argsort(-scores[row, labels], kind="stable")]


def write_chip2025(file: IO[str], ids: Any, sets: sp.csr_matrix, scores: np.ndarray, names: Any) -> None:
    """The submission of CHIP-2025: one JSON array of ``{"ID", "prediction"}``, in the order of the data."""
    file.write("[\n")
    for row, identifier in enumerate(ids):
        entry = {"ID": identifier, "prediction": [names[at] for at in by_score(sets, scores, row)]}
        file.write((",\n" if row else "") + json.dumps(entry, ensure_ascii=False))
    file.write("\n]\n")


def write_jsonl(file: IO[str], ids: Any, sets: sp.csr_matrix, scores: np.ndarray, names: Any) -> None:
    """One JSON object a record: ``{"id", "drugs", "scores"}``, best first."""
    for row, identifier in enumerate(ids):
        labels = by_score(sets, scores, row)
        entry = {
            "id": identifier,
            "drugs": [names[at] for at in labels],
            "scores": [round(float(scores[row, at]), 6) for at in labels],
        }
        file.write(json.dumps(entry, ensure_ascii=False) + "\n")


def write_csv(file: IO[str], ids: Any, sets: sp.csr_matrix, scores: np.ndarray, names: Any) -> None:
    """One line a record and drug: ``id,drug,score,rank``; a record without drugs has one with these empty."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["id", "drug", "score", "rank"])
    for row, identifier in enumerate(ids):
        labels = by_score(sets, scores, row)
        for rank, at in enumerate(labels, start=1):
            writer.writerow([identifier, names[at], f"{scores[row, at]:.6f}", rank])
        if not len(labels):
            writer.writerow([identifier, "", "", ""])


WRITERS: dict[str, Callable[..., None]] = {"chip2025": write_chip2025, "jsonl": write_jsonl, "csv": write_csv}
"""How sets are written, by the names that ``--format`` takes."""
