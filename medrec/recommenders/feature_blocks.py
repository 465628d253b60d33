"""Features of more records than memory holds: blocks of rows in files, read one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from sklearn.utils import murmurhash3_32

from medrec._io import atomic_write
from medrec.datasets.parquet import ParquetRecords


class Block(NamedTuple):
    """Prepared features and drugs of some records, and their patients as numbers.

    Parameters
    ----------
    X : CSR float32 matrix of shape (n_records, n_features)
    Y : CSR uint8 matrix of shape (n_records, n_labels)
    patients : uint32 array of shape (n_records,)
    """

    X: sp.csr_matrix
    Y: sp.csr_matrix
    patients: np.ndarray


class FeatureBlocks(Sequence[Block]):
    """Blocks in files, in order; an item is read anew each time it is asked for.

    Parameters
    ----------
    paths : sequence of Path
        Files of ``write_block``.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = list(paths)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, at: Any) -> Any:
        with open(self.paths[at], "rb") as file:
            patients = np.load(file)
            return Block(_read_matrix(file), _read_matrix(file), patients)


def write_block(path: Path, block: Block) -> None:
    """Write a block, whole or not at all."""
    with atomic_write(path, "wb") as file:
        np.save(file, block.patients)
        for matrix in (block.X, block.Y):
            for array in (np.asarray(matrix.shape), matrix.indptr, matrix.indices, matrix.data):
                np.save(file, array)


def _read_matrix(file: IO[bytes]) -> sp.csr_matrix:
    shape, indptr, indices, data = (np.load(file) for _ in range(4))
    matrix = sp.csr_matrix(tuple(shape), dtype=data.dtype)
    # Set one by one, because the constructor would look through the indices.
    matrix.indptr, matrix.indices, matrix.data = indptr, indices, data
    return matrix


@dataclass(frozen=True)
class Written:
    """What ``write_features`` wrote of one file of records.

    Parameters
    ----------
    learn, held : list of Path
        Blocks to learn from, and of patients held out.
    learn_counts : array of shape (n_labels,)
        Records to learn from that have each label.
    n_learn, n_held : int
        Records.
    """

    learn: list[Path]
    held: list[Path]
    learn_counts: np.ndarray
    n_learn: int
    n_held: int


def write_features(
    number: int, records: ParquetRecords, folder: Path, vectorizer: Any, base: Any, *, rows: int, held_out: float
) -> Written:
    """Write the features of one file of records as blocks, patients held out apart.

    Parameters
    ----------
    number : int
        Which of the files of ``records`` it is.
    records : ParquetRecords
    folder : Path
        Where to write.
    vectorizer, base
        What makes features, and what prepares them.
    rows : int
        Records of a block at most.
    held_out : float
        Share of the patients that are held out; which ones follows from the hashes of their names.
    """
    learn: list[Path] = []
    held: list[Path] = []
    counts, n_learn, n_held = np.zeros(len(records.drug_names)), 0, 0
    for at, data in enumerate(records.blocks(rows, [records.files[number]])):
        patients = np.asarray([murmurhash3_32(str(one), positive=True) for one in data.groups], dtype=np.uint32)
        X = base.prepare(vectorizer.transform(data.records))
        apart = patients < held_out * 2**32
        for mask, paths, name in ((~apart, learn, "learn"), (apart, held, "held")):
            if mask.any():
                path = folder / f"{number:05d}-{at:05d}.{name}"
                write_block(path, Block(X[mask], data.Y[mask], patients[mask]))
                paths.append(path)
        counts += np.bincount(data.Y[~apart].indices, minlength=len(counts))
        n_held += int(apart.sum())
        n_learn += int((~apart).sum())
    return Written(learn, held, counts, n_learn, n_held)


def joined(blocks: Iterator[Block]) -> Block:
    """All blocks as one."""
    X, Y, patients = zip(*blocks)
    return Block(sp.vstack(X, format="csr"), sp.vstack(Y, format="csr"), np.concatenate(patients))
