"""Generated records as partitioned Parquet, any number of them, a file in memory at a time."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from medrec._checks import InputError
from medrec._tasks import run_tasks
from medrec.datasets.cdrugred import parse_cdrugred
from medrec.datasets.dataset import Dataset, interactions_frame
from medrec.datasets.parquet import ROWS, part_name, write_parquet
from medrec.datasets.synthetic import iter_records, make_records


def write_generated(
    folder: str | os.PathLike[str],
    n_records: int,
    *,
    seed: int = 0,
    file_records: int = 50_000,
    rows: int = ROWS,
    columns: Sequence[str] | None = None,
    client: Any = None,
    verbose: bool = False,
) -> list[Path]:
    """Write generated records, those of ``make_records`` in kind, as partitioned Parquet.

    Every file is a block of patients of its own (see ``iter_records``), so that files are made one by one, or side by
    side on a cluster, and are the same however they are made. The first holds the records of ``make_records``.

    Parameters
    ----------
    folder : path-like
        Made where it is not there.
    n_records : int
        Records in all.
    seed : int, default=0
    file_records : int, default=50,000
        Records of a file.
    rows : int, default=16,384
        Records of a row group.
    columns : sequence of str, optional
        Columns to keep; default: all.
    client : dask.distributed.Client, optional
        A cluster whose workers see the folder.
    verbose : bool, default=False
        Whether progress is shown.

    Returns
    -------
    list of Path

    Raises
    ------
    InputError
        When the folder cannot be written, or holds other Parquet files, which would be read as well.
    ValueError
        When a number is out of range, or no column has such a name.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [path.name for path in write_generated(folder, 100, file_records=60)]
    ['part-00000.parquet', 'part-00001.parquet']
    """
    if n_records < 1 or file_records < 1:
        raise ValueError(
            f"write_generated: n_records and file_records must be at least 1; got {n_records} and {file_records}."
        )
    blocks = range(-(-n_records // file_records))
    sizes = [min(file_records, n_records - block * file_records) for block in blocks]
    keep = None if columns is None else tuple(columns)
    target = Path(folder).resolve()  # workers may stand in another folder
    ours = {part_name(block) for block in blocks}
    others = sorted(path.name for path in target.glob("*.parquet") if path.name not in ours)
    if others:
        raise InputError(f"holds {others[0]} already, which would be read as well; name a new folder", path=folder)
    work = run_tasks(
        _write_block,
        list(zip(blocks, sizes)),
        target,
        seed,
        rows,
        keep,
        client=client,
        desc="records",
        show=verbose,
    )
    return list(work)


def generated_block(n_records: int, *, seed: int = 0, block: int = 0, columns: Sequence[str] | None = None) -> Dataset:
    """One block of generated records as a Dataset; see ``write_generated``."""
    made = make_records(1, seed=seed)
    records = iter_records(n_records, seed=seed, block=block)
    data = parse_cdrugred(enumerate(records, start=1), made.candidates, path=f"synthetic:seed={seed},block={block}")
    unknown = sorted(set(columns or ()) - set(data.schema))
    if unknown:
        raise ValueError(f"write_generated: columns must be of {', '.join(data.schema)}; got {unknown[0]!r}.")
    schema = {column: kind for column, kind in data.schema.items() if columns is None or column in columns}
    return replace(data, schema=schema, ddi=interactions_frame(made.ddi), aliases=made.aliases)


def _write_block(piece: tuple[int, int], folder: Path, seed: int, rows: int, columns: Sequence[str] | None) -> Path:
    block, size = piece
    data = generated_block(size, seed=seed, block=block, columns=columns)
    return write_parquet([data], folder, rows=rows, first=block)[0]
