"""``predict_parquet``: sets for records in partitioned Parquet, in one process or on a Dask cluster."""

import hashlib
import json
import os
import shutil
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.pipeline import Pipeline

from medrec._checks import InputError
from medrec._io import atomic_write, load, save
from medrec._optional import import_optional
from medrec._tasks import run_tasks
from medrec.datasets.parquet import FEATURE, ParquetRecords
from medrec.recommenders.partition_fit import check_columns

PREDICT_ROWS = 8_192
"""Records that are scored at a time."""


def predict_parquet(
    model: Any,
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    rows: int = PREDICT_ROWS,
    client: Any = None,
    verbose: bool = False,
) -> list[Path]:
    """Recommend drugs for partitioned records, a block at a time, and write them as partitioned Parquet.

    Each file with records becomes a file of the same name with the columns ``id``, ``patient``, ``drugs`` (the true
    ones), ``predicted`` (names, best first) and ``probability`` (of these, in this order): what
    ``evaluate_parquet(out, labels=drug_names, truth="drugs", groups="patient")`` takes. The folder takes its name when
    all files are there. Until then they are in the hidden folder ``.NAME.part`` beside it; where the model is a file,
    the same call goes on from there after an end by force.

    Parameters
    ----------
    model : path-like or Pipeline
        A file of ``medrec.save``, or a fitted Pipeline.
    source : path-like
        Partitioned records, see ``ParquetRecords``.
    out : path-like
        The folder to write; it must not be there.
    rows : int, default=8,192
        Records that are scored at a time; memory grows with it, not with the records.
    client : dask.distributed.Client, optional
        A cluster whose workers see ``source``, ``out`` and the model's file. It writes the same files.
    verbose : bool, default=False
        Whether progress is shown.

    Returns
    -------
    list of Path

    Raises
    ------
    InputError
        When the folder is there already, or something cannot be read or written.

    Examples
    --------
    >>> import tempfile
    >>> from medrec.datasets import load, write_parquet
    >>> from medrec.metrics import evaluate_parquet
    >>> from medrec.recommenders import make_recommender
    >>> data = load("synthetic:records=60,seed=0")
    >>> pipeline = make_recommender("prior", schema=data.schema, drug_names=data.drug_names).fit(data.records, data.Y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = write_parquet([data], folder + "/records")
    ...     [path.name for path in predict_parquet(pipeline, folder + "/records", folder + "/sets")]
    ['part-00000.parquet']
    """
    if rows < 1:
        raise ValueError(f"predict_parquet: rows must be at least 1; got {rows}.")
    target = Path(out)
    if target.exists():
        raise InputError("is there already; name a new folder", path=target)
    records = ParquetRecords(source)
    is_file = isinstance(model, (str, os.PathLike))
    pipeline = load(model) if is_file else model
    check_reads_records(pipeline, model if is_file else None)
    check_columns(pipeline[0].schema, records.schema, records.source)
    folder = target.parent / f".{target.name}.part"
    try:
        _resume(folder, _job(model, records, rows) if is_file else None)
    except OSError as error:
        raise InputError(
            f"cannot be made ({error.strerror}); name a folder that can be written", path=target
        ) from error
    if client is None:
        given: Any = pipeline
    elif is_file:
        given = Path(model).resolve()
    else:
        given = (folder / "model.medrec").resolve()
        save(pipeline, given)
    numbers, folder_path = range(len(records.files)), folder.resolve()
    given_records = records if client is None else ParquetRecords(records.source.resolve())
    names = list(
        run_tasks(
            _predict_file, numbers, given_records, folder_path, given, rows, client=client, desc="predict", show=verbose
        )
    )
    for name in ("job.json", "model.medrec"):
        (folder / name).unlink(missing_ok=True)
    os.replace(folder, target)
    return [target / name for name in names if name is not None]


def check_reads_records(pipeline: Any, path: Any) -> None:
    """Refuse what a model's file may hold beside a Pipeline from records to drugs."""
    known = isinstance(pipeline, Pipeline) and hasattr(pipeline[0], "schema")
    if not known or not all(hasattr(pipeline[-1], name) for name in ("decide", "drug_names_")):
        raise InputError(
            f"holds a {type(pipeline).__name__}, which does not read records; name a file that medrec fit wrote",
            path=path,
        )


def _job(model: Any, records: ParquetRecords, rows: int) -> dict[str, Any]:
    """What the output hangs on."""
    digest = hashlib.sha256()
    with open(model, "rb") as file:
        while piece := file.read(2**20):
            digest.update(piece)
    stats = [(path, path.stat()) for path in records.files]
    files = [[path.relative_to(_root(records)).as_posix(), one.st_size, one.st_mtime_ns] for path, one in stats]
    return {"model": digest.hexdigest(), "rows": rows, "files": files}


def _root(records: ParquetRecords) -> Path:
    return records.source if records.source.is_dir() else records.source.parent


def _resume(folder: Path, job: dict[str, Any] | None) -> None:
    """Make the folder of what is not finished, or keep what is there of the same job."""
    said = folder / "job.json"
    try:
        kept = job is not None and json.loads(said.read_text(encoding="utf-8")) == job
    except (OSError, ValueError):
        kept = False
    if kept:
        return
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    if job is not None:
        with atomic_write(said) as file:
            json.dump(job, file)


@lru_cache(maxsize=1)
def _loaded(path: Path, changed: int) -> Any:
    """A worker reads the model once."""
    return load(path)


def _predict_file(number: int, records: ParquetRecords, folder: Path, model: Any, rows: int) -> str | None:
    """Write the sets of one file of records, None where it holds none; one that is there was written whole."""
    pq = import_optional("pyarrow.parquet", feature=FEATURE, extra="parquet")
    name = records.files[number].relative_to(_root(records))
    path = folder / name
    if path.exists():
        return name.as_posix()
    pipeline = _loaded(model, model.stat().st_mtime_ns) if isinstance(model, Path) else model
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = None
    with atomic_write(path, "wb") as file:
        for data in records.blocks(rows, [records.files[number]]):
            scores = pipeline.predict_proba(data.records)
            sets = pipeline[-1].decide(scores)[0]
            table = _table(data, sets, scores, pipeline[-1].drug_names_)
            writer = writer or pq.ParquetWriter(file, table.schema, compression="zstd")
            writer.write_table(table)
        if writer is not None:
            writer.close()
    if writer is None:
        path.unlink()
        return None
    return name.as_posix()


def _table(data: Any, sets: sp.csr_matrix, scores: np.ndarray, names: np.ndarray) -> Any:
    """What is written of a block: true drugs, and the predicted ones best first with their probabilities."""
    pa = import_optional("pyarrow", feature=FEATURE, extra="parquet")
    row = np.repeat(np.arange(sets.shape[0]), np.diff(sets.indptr))
    probability = scores[row, sets.indices]
    order = np.lexsort((sets.indices, -probability, row))

    def lists(indptr: np.ndarray, values: Any) -> Any:
        return pa.ListArray.from_arrays(pa.array(indptr.astype(np.int32)), values)

    def named(names: np.ndarray, labels: np.ndarray) -> Any:
        words = pa.array(names.tolist(), type=pa.string())
        return words.take(pa.array(labels.astype(np.int64)))

    return pa.table(
        {
            "id": pa.array(data.ids.tolist(), type=pa.string()),
            "patient": pa.array([str(one) for one in data.groups], type=pa.string()),
            "drugs": lists(data.Y.indptr, named(data.drug_names, data.Y.indices)),
            "predicted": lists(sets.indptr, named(names, sets.indices[order])),
            "probability": lists(sets.indptr, pa.array(probability[order].astype(np.float32))),
        }
    )
