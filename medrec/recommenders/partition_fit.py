"""``fit_parquet``: learn from records in partitioned Parquet, in one process or on a Dask cluster."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from medrec._checks import InputError
from medrec._tasks import run_tasks
from medrec.datasets.parquet import ROWS, ParquetRecords
from medrec.features import HashingRecordVectorizer
from medrec.recommenders.bases import make_base
from medrec.recommenders.binary_relevance import BinaryRelevanceRecommender
from medrec.recommenders.feature_blocks import FeatureBlocks, joined, write_features
from medrec.recommenders.online_linear import OnlineLinearBase, label_spans


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


def check_columns(schema: Mapping[str, str], found: Mapping[str, str], path: Any) -> None:
    """Refuse records without the columns that a schema names."""
    for column, kind in schema.items():
        if found.get(column) != kind:
            has = f"have as {found[column]}" if column in found else "do not have"
            raise InputError(f"is to give a column {column!r} ({kind}), which its records {has}", path=path)


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
