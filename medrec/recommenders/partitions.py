"""``fit_parquet`` and ``predict_parquet``: records in partitioned Parquet, in one process or on a Dask cluster."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from medrec._checks import InputError
from medrec._io import atomic_write, load, save
from medrec._optional import import_optional
from medrec._tasks import run_tasks
from medrec.datasets.parquet import FEATURE, ROWS, ParquetRecords
from medrec.features import HashingRecordVectorizer
from medrec.recommenders.bases import make_base
from medrec.recommenders.binary_relevance import BinaryRelevanceRecommender
from medrec.recommenders.feature_blocks import FeatureBlocks, joined, write_features
from medrec.recommenders.online_linear import OnlineLinearBase, label_spans

PREDICT_ROWS = 8_192
"""Records that are scored at a time."""


def fit_parquet(
    pipeline: Pipeline,
    source: str | os.PathLike[str],
    *,
    rows: int = ROWS,
    held_out: float = 0.1,
    max_held_out: int = 5_000,
    scratch: str | os.PathLike[str] | None = None,
    client: Any = None,
    verbose: bool = False,
) -> Pipeline:
    """Fit on more records than memory holds.

    Features are made once, block by block, and kept in files (8 bytes an entry: 1.2 GB for a million records of 150
    words). Each span of 64 labels then visits the blocks in turn. Patients whose names hash low are held out:
    by their scores probabilities are calibrated and the decision rule is learned; after that they are learned
    from, too, in one visit. Every piece, a file or a span of labels, depends on its input alone: one process and a
    cluster give the same model, bit by bit, also where a worker dies in the middle.

    Parameters
    ----------
    pipeline : Pipeline
        Unfitted: a ``HashingRecordVectorizer`` and a ``BinaryRelevanceRecommender`` of the base ``"online"``, as
        ``make_recommender(base="online", hashed=True, …)`` makes it. It is not changed.
    source : path-like
        Partitioned records, see ``ParquetRecords``.
    rows : int, default=16,384
        Records of a block; memory grows with it, not with the records. The order of learning, and so the model,
        hangs on it slightly.
    held_out : float, default=0.1
        Share of the patients that are held out.
    max_held_out : int, default=5,000
        Records that are held out at most, roughly; 5,000 are plenty, and their scores are in memory.
    scratch : path-like, optional
        Folder for the features' files, which every worker of a cluster must see; default: the system's.
    client : dask.distributed.Client, optional
        A cluster whose workers see ``source`` and ``scratch``.
    verbose : bool, default=False
        Whether progress is shown.

    Returns
    -------
    Pipeline
        A fitted copy; it predicts, is saved and explained as any other.

    Raises
    ------
    InputError
        When the records cannot be read, or too few are held out to calibrate by.
    ValueError
        When the pipeline is another one, or an option is out of range.
    ImportError
        Without pyarrow, or Dask where a client is given.

    Examples
    --------
    >>> import tempfile
    >>> from medrec.datasets import load, write_parquet
    >>> from medrec.recommenders import make_recommender
    >>> data = load("synthetic:records=200,seed=0")
    >>> options = {"schema": data.schema, "drug_names": data.drug_names, "features__n_features": 2**12}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = write_parquet([data.subset(range(100)), data.subset(range(100, 200))], folder)
    ...     pipeline = fit_parquet(make_recommender(base="online", hashed=True, **options), folder)
    >>> pipeline.predict(data.records).shape
    (200, 651)
    """
    if rows < 1 or not 0 < held_out < 1 or max_held_out < 1:
        raise ValueError(
            f"fit_parquet: rows and max_held_out must be at least 1 and held_out between 0 and 1; got {rows}, "
            f"{max_held_out} and {held_out}."
        )
    pipeline = clone(pipeline)
    vectorizer, recommender, base = _parts(pipeline)
    base._check_options()
    records = ParquetRecords(source)
    check_columns(vectorizer.schema, records.schema, records.source)
    share = min(held_out, max_held_out / max(1, records.n_records))
    names = records.drug_names if recommender.drug_names is None else [str(one) for one in recommender.drug_names]
    if names != records.drug_names:
        raise InputError("has other drugs, or in another order, than the recommender's drug_names", path=records.source)
    if client is not None:
        records = ParquetRecords(records.source.resolve())  # workers may stand in another folder
    numbers = range(len(records.files))
    shared: dict[str, Any] = {"client": client, "show": verbose}
    with tempfile.TemporaryDirectory(prefix="medrec-features-", dir=scratch) as name:
        folder = Path(name).resolve()
        if vectorizer.idf:
            counted = run_tasks(_count_tokens, numbers, records, vectorizer, rows, desc="tokens", **shared)
            vectorizer.merge(one for one in counted if one is not None)
        written = list(
            run_tasks(_write, numbers, records, folder, vectorizer, base, rows, share, desc="features", **shared)
        )
        n_learn, n_held = (sum(getattr(one, name) for one in written) for name in ("n_learn", "n_held"))
        if not n_learn or not n_held:
            raise InputError(
                f"has {n_learn} records to learn from and {n_held} of patients held out; both are needed. Give more "
                f"patients, or another held_out",
                path=records.source,
            )
        blocks = FeatureBlocks([path for one in written for path in one.learn])
        counts = np.sum([one.learn_counts for one in written], axis=0)
        if not counts.any():
            raise InputError("has no record with drugs, so there is nothing to learn", path=records.source)
        total = np.full(len(counts), float(n_learn))
        spans = label_spans(len(counts))
        learners = run_tasks(_learn, spans, clone(base), blocks, counts, total, desc="drugs, 64 at a time", **shared)
        base.take_spans(spans, learners, blocks[0].X.shape[1], counts, total)
        held = joined(iter(FeatureBlocks([path for one in written for path in one.held])))
    recommender.set_params(drug_names=names)
    recommender.conclude(base, base.decision_function(held.X), held.Y, held.patients)
    base.partial_fit(held.X, held.Y)
    return pipeline


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


def check_columns(schema: Mapping[str, str], found: Mapping[str, str], path: Any) -> None:
    """Refuse records without the columns that a schema names."""
    for column, kind in schema.items():
        if found.get(column) != kind:
            has = f"have as {found[column]}" if column in found else "do not have"
            raise InputError(f"is to give a column {column!r} ({kind}), which its records {has}", path=path)


def check_reads_records(pipeline: Any, path: Any) -> None:
    """Refuse what a model's file may hold beside a Pipeline from records to drugs."""
    known = isinstance(pipeline, Pipeline) and hasattr(pipeline[0], "schema")
    if not known or not all(hasattr(pipeline[-1], name) for name in ("decide", "drug_names_")):
        raise InputError(
            f"holds a {type(pipeline).__name__}, which does not read records; name a file that medrec fit wrote",
            path=path,
        )


def _parts(pipeline: Pipeline) -> tuple[HashingRecordVectorizer, BinaryRelevanceRecommender, OnlineLinearBase]:
    vectorizer, recommender = pipeline[0], pipeline[-1]
    if isinstance(vectorizer, HashingRecordVectorizer) and isinstance(recommender, BinaryRelevanceRecommender):
        base = make_base(recommender.base, random_state=recommender.random_state)
        if isinstance(base, OnlineLinearBase):
            return vectorizer, recommender, base
    raise ValueError(
        f"fit_parquet: only hashed features and an online base are learned block by block; got "
        f"{type(vectorizer).__name__} and {recommender!r:.60}. "
        f"Pass make_recommender('binary-relevance', base='online', hashed=True, …)."
    )


def _count_tokens(number: int, records: ParquetRecords, vectorizer: Any, rows: int) -> HashingRecordVectorizer | None:
    """The vectorizer with the counts of one file; None where it holds no record."""
    counted = None
    for data in records.blocks(rows, [records.files[number]]):
        counted = (clone(vectorizer) if counted is None else counted).partial_fit(data.records)
    return counted


def _write(
    number: int, records: ParquetRecords, folder: Path, vectorizer: Any, base: Any, rows: int, share: float
) -> Any:
    return write_features(number, records, folder, vectorizer, base, rows=rows, held_out=share)


def _learn(span: slice, base: OnlineLinearBase, blocks: FeatureBlocks, counts: np.ndarray, total: np.ndarray) -> Any:
    return base.learn_span(blocks, span, counts, total)


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
