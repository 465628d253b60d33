"""``fit_dask``: a booster for every label on rows that lie with the workers of a Dask cluster."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp
from sklearn.base import clone

from medrec._checks import check_sets
from medrec._dask import WORKER_DIED, fetch, send, spread, together, wait_for_workers
from medrec._optional import import_optional
from medrec._progress import progress
from medrec.decision import make_decision
from medrec.recommenders.bases import make_base
from medrec.recommenders.binary_relevance import BinaryRelevanceRecommender
from medrec.recommenders.booster_base import BoosterBase
from medrec.recommenders.booster_groups import group_of, is_of_group
from medrec.recommenders.labels import constant_score

BLOCK = 32
"""Labels that are trained before the workers give them back: what is lost when one of them dies."""
TRIES = 5
"""Times that a block of labels is begun, a worker having died each time."""
WHO = "fit_dask"


def fit_dask(
    recommender: BinaryRelevanceRecommender,
    X: Any,
    Y: Any,
    groups: Any = None,
    *,
    client: Any = None,
    held_out: float | None = 0.1,
    n_sample: int = 100_000,
    patience: float = 60.0,
) -> BinaryRelevanceRecommender:
    """Fit boosters for all labels on rows that outgrow one machine, and give back an ordinary recommender.

    Each worker bins the rows that it has, and grows every tree with the others: the library adds up their histograms,
    rows stay where they are. Columns and bins come from a sample of the rows. Where that is all of them, XGBoost's
    models are byte for byte those of one process on the same rows, however rows are dealt out and whoever dies: sums of
    32-bit gradients are exact in 64-bit histograms, or so nearly that no split was seen to change. LightGBM's are the
    same in most cases; where bins are few (``max_bin=7``) its splits depend on the number of workers.

    Calibration and decision are learned on patients that are held out by a hash of their number, so that nothing needs
    to be shuffled and a patient's records may lie in several partitions.

    A worker that dies takes no more with it than the block of 32 labels that is being trained, which the others begin
    again; its rows are read again by them. So give rows as Dask reads them (``dask.delayed(read)(file)``), not as
    data that were scattered.

    Parameters
    ----------
    recommender : BinaryRelevanceRecommender
        Unfitted, on ``"xgboost"``, ``"lightgbm"`` or another booster; a copy of it is fitted. ``cv`` and ``n_jobs`` are
        not used.
    X : dask array, or sequence of dask Delayed
        Features of the records: of an array, blocks of rows (n_rows, n_features), ndarray or CSR; or what becomes them.
    Y : dask array, or sequence of dask Delayed
        The drugs of the same rows, 0 or 1, in the same blocks.
    groups : dask array, or sequence of dask Delayed, optional
        The patient of each row.
    client : distributed.Client, optional
        Default: Dask's current one.
    held_out : float or None, default=0.1
        Share of the patients held out for calibration and decision, who are not trained on; their scores come to this
        process. None calibrates nothing, and refuses rules that need scores.
    n_sample : int, default=100_000
        Rows, at most about so many, that come to this process to choose columns and bins by.
    patience : float, default=60.0
        Seconds to wait for a worker where there is none.

    Returns
    -------
    BinaryRelevanceRecommender
        Fitted. It predicts, explains and is saved without Dask.

    Raises
    ------
    ImportError
        Without Dask, or without the booster.
    ValueError
        When the recommender is no such one, blocks do not agree, or nobody is held out.
    ConnectionError
        When no worker is left, or one dies in every try.

    References
    ----------
    Chen & Guestrin (2016), XGBoost: A scalable tree boosting system, KDD; Ke et al. (2017), LightGBM: A highly
    efficient gradient boosting decision tree, NIPS: both for histograms that are added up.

    Examples
    --------
    >>> from dask.distributed import Client, LocalCluster  # doctest: +SKIP
    >>> import dask.array as da
    >>> X, Y = np.random.default_rng(0).normal(size=(2, 1000, 4))
    >>> rows = da.from_array(X, chunks=(250, -1)), da.from_array((Y > 1).astype(np.uint8), chunks=(250, -1))
    >>> with LocalCluster(n_workers=2) as cluster, Client(cluster) as client:  # doctest: +SKIP
    ...     model = fit_dask(BinaryRelevanceRecommender("xgboost"), *rows)
    """
    dask = import_optional("dask", feature="Rows on a cluster", extra="dask")
    distributed = import_optional("distributed", feature="Rows on a cluster", extra="dask")
    base, rule = _check(recommender, held_out, n_sample)
    client = distributed.get_client() if client is None else client
    blocks = {"X": _blocks(X, "X"), "Y": _blocks(Y, "Y")}
    if groups is not None:
        blocks["groups"] = _blocks(groups, "groups")
    if len({len(some) for some in blocks.values()}) > 1:
        given = ", ".join(f"{name} has {len(some)}" for name, some in blocks.items())
        raise ValueError(f"{WHO}: X, Y and groups must have as many blocks, of the same rows; {given}.")
    blocks.setdefault("groups", [None] * len(blocks["X"]))
    read = [
        dask.delayed(_read)(at, *chunk, held_out or 0.0, recommender.random_state)
        for at, chunk in enumerate(zip(*blocks.values()))
    ]
    wait_for_workers(client, patience)
    # Wherever the scheduler likes: what prefers a worker waits for ever where that one dies, though others are there.
    parts = [client.compute(one) for one in read]
    facts = spread(client, _facts, parts, patience=patience)
    _check_facts(facts)
    n_train, present = sum(one.n_train for one in facts), sum(one.present for one in facts)
    share = min(1.0, n_sample / max(1, n_train))
    taken = spread(client, _sample, parts, [share, recommender.random_state], patience=patience)
    sample_X, sample_Y = _stack([X for X, _ in taken]), sp.csr_matrix(sp.vstack([Y for _, Y in taken], format="csr"))
    del taken
    here = clone(base).set_params(device="cpu")
    bins = here.bin(sample_X, sample_Y)
    like = group_of(base).pattern(bins, sample_X)
    with_rows = [part for part, one in zip(parts, facts) if one.n_train]
    workers = _Workers(client, base, with_rows, bins.columns, like, patience)
    fitted = workers.fit(n_train, present, recommender.verbose)
    fitted.n_features_in_, fitted.sparse_ = sample_X.shape[1], sp.issparse(sample_X)

    made = clone(recommender)
    made.n_features_in_ = sample_X.shape[1]
    made._name_labels(len(present), None, sparse=facts[0].sparse_Y, dtype=facts[0].dtype_Y)
    made.labels_ = fitted
    if not held_out:
        return made._learn_decision(rule, None, sample_Y, None, None)
    held = spread(client, _score_held, parts, [fitted], patience=patience)
    scores, sets = (np.vstack([one[0] for one in held]), sp.csr_matrix(sp.vstack([one[1] for one in held])))
    if not len(scores):
        raise ValueError(f"{WHO}: held_out={held_out} holds out nobody of {n_train} records; raise it, or pass None.")
    patients = None if groups is None else np.concatenate([one[2] for one in held])
    return made._learn_decision(rule, scores, sets, None, patients)


class Part(NamedTuple):
    """A block of rows as a worker holds it."""

    at: int
    X: Any
    Y: sp.csr_matrix
    groups: np.ndarray | None
    held: np.ndarray
    sparse_Y: bool
    dtype_Y: str


class Facts(NamedTuple):
    """What is to be known of a block."""

    shape: tuple[int, int]
    n_train: int
    present: np.ndarray
    sparse_X: bool
    sparse_Y: bool
    dtype_Y: str


def _read(at: int, X: Any, Y: Any, groups: Any, held_out: float, seed: int) -> Part:
    X = sp.csr_matrix(X) if sp.issparse(X) else np.asarray(X)
    sets = check_sets(Y, who=WHO)
    n_rows = X.shape[0]
    if X.ndim != 2 or sets.shape[0] != n_rows or (groups is not None and len(groups) != n_rows):
        given = "" if groups is None else f" and {len(groups)} groups"
        raise ValueError(
            f"{WHO}: block {at} has X {X.shape}, Y {sets.shape}{given}; a block needs the same rows of each."
        )
    groups = None if groups is None else _patients(groups, at)
    # Without patients every record is one of its own, whatever block it is in.
    names = np.arange(n_rows, dtype=np.uint64) + np.uint64(at << 32) if groups is None else groups
    # Of zero the hash is zero, whence the odd number.
    hashed = pd.util.hash_array(pd.util.hash_array(names) ^ np.uint64(2 * seed + 1))
    dtype = np.dtype(Y.dtype if hasattr(Y, "dtype") else np.asarray(Y).dtype).name
    return Part(at, X, sets, groups, hashed / 2.0**64 < held_out, sp.issparse(Y), dtype)


def _patients(groups: Any, at: int) -> np.ndarray:
    """Patients of a block so that equal ones have equal hashes in all blocks: 1, 1.0 and a 32-bit 1 would not."""
    patients = np.asarray(groups)
    if pd.isna(patients).any():
        raise ValueError(f"{WHO}: groups must name every record's patient; block {at} has NaN. Give each a name.")
    if patients.dtype.kind in "bui" or (patients.dtype.kind == "f" and (patients == np.floor(patients)).all()):
        return patients.astype(np.int64)
    return patients


def _facts(part: Part) -> Facts:
    present = np.bincount(part.Y[~part.held].indices, minlength=part.Y.shape[1])
    shape = (part.X.shape[1], part.Y.shape[1])
    return Facts(shape, int((~part.held).sum()), present, sp.issparse(part.X), part.sparse_Y, part.dtype_Y)


def _sample(part: Part, share: float, seed: int) -> tuple[Any, sp.csr_matrix]:
    rows = np.flatnonzero(~part.held)
    if share < 1:
        rows = rows[np.random.default_rng([seed, part.at]).random(len(rows)) < share]
    return part.X[rows], part.Y[rows]


def _score_held(part: Part, fitted: Any) -> tuple[np.ndarray, sp.csr_matrix, np.ndarray | None]:
    groups = None if part.groups is None else part.groups[part.held]
    if not part.held.any():
        return np.empty((0, part.Y.shape[1])), part.Y[:0], groups
    return fitted.decision_function(part.X[part.held]), part.Y[part.held], groups


@dataclass
class _Workers:
    """The workers that train, what they have, and how they are asked for the models of some labels."""

    client: Any
    base: BoosterBase
    parts: list[Any]
    columns: np.ndarray
    like: Any
    patience: float

    def fit(self, n_train: int, present: np.ndarray, verbose: bool) -> BoosterBase:
        """The base with a model of every label, or a score where it is constant; ``present`` rows have each label."""
        models: list[Any] = [_constant(int(count), n_train) for count in present]
        rounds = np.zeros(len(models), dtype=np.int64)
        given = self.base._ratios(len(models))
        ratios = [_ratio(one, int(count), n_train) for one, count in zip(given, present)]
        varying = [label for label, model in enumerate(models) if model is None]
        blocks = [varying[start : start + BLOCK] for start in range(0, len(varying), BLOCK)]
        for block in progress(blocks, desc=f"blocks of {BLOCK} drugs", show=verbose):
            for label, (model, n_rounds) in zip(block, self._train(block, [ratios[label] for label in block])):
                models[label], rounds[label] = model, n_rounds
        fitted = clone(self.base)
        fitted.models_, fitted.n_iter_ = models, rounds
        fitted.columns_, fitted.device_ = self.columns, self.base.device
        return fitted

    def _train(self, labels: list[int], ratios: list[float | None]) -> list[tuple[str, int]]:
        """Model and rounds of each label; begun again on the workers that are left when one dies."""
        cause: Exception | None = None
        for _ in range(TRIES):
            addresses = wait_for_workers(self.client, self.patience)[: len(self.parts)]
            try:
                like = send(self.client, self.like)
                rows = {address: self.parts[at :: len(addresses)] for at, address in enumerate(addresses)}
                # What is to be moved is moved before, so that all begin to train at the same time.
                if together(self.client, fetch, {address: (like, *parts) for address, parts in rows.items()}) is None:
                    continue
                members = group_of(self.base).members(self.client, addresses)
                tasks = {
                    address: (member, at, self.base, like, self.columns, labels, ratios, *rows[address])
                    for at, (address, member) in enumerate(zip(addresses, members))
                }
                done = together(self.client, _train, tasks)
            except Exception as error:
                if not isinstance(error, (*WORKER_DIED, KeyError)) and not is_of_group(error):
                    raise
                cause = error
                continue
            if done is not None:
                return done[0]
        last = "" if cause is None else f" The last one: {type(cause).__name__}: {cause}"
        raise ConnectionError(
            f"{WHO}: each of {TRIES} tries failed, because a worker died or could not talk to the others; do they have "
            f"the memory for their rows?{last}"
        ) from cause


def _train(
    member: dict[str, Any],
    at: int,
    base: BoosterBase,
    like: Any,
    columns: np.ndarray,
    labels: Sequence[int],
    ratios: Sequence[float | None],
    *parts: Part,
) -> list[tuple[str, int]] | None:
    """A worker's share: its rows binned as everybody's, and the trees of some labels grown with the others."""
    from distributed import get_worker

    X, Y = _stack([part.X[~part.held] for part in parts]), sp.vstack([part.Y[~part.held] for part in parts]).tocsc()
    n_threads = get_worker().state.nthreads
    with group_of(base).joined(member) as params:
        rows = np.arange(X.shape[0])
        bins = base._bins()(base, X, rows, None, columns, device=base._device(), threads=n_threads, like=like)
        bins.params |= params
        trained = [
            bins.train(Y[:, [label]].toarray().astype(np.float32).ravel(), None, ratio)
            for label, ratio in zip(labels, ratios)
        ]
    return trained if at == 0 else None


def _constant(count: int, total: int) -> float | None:
    """The score of a label that ``count`` of all rows have, where it is constant."""
    return constant_score(np.array([0.0, 1.0]), np.array([total - count, count], dtype=np.float64))


def _ratio(ratio: Any, count: int, total: int) -> float | None:
    return (total - count) / max(1, count) if ratio == "balanced" else ratio


def _stack(blocks: list[Any]) -> Any:
    return sp.csr_matrix(sp.vstack(blocks, format="csr")) if sp.issparse(blocks[0]) else np.vstack(blocks)


def _blocks(collection: Any, name: str) -> list[Any]:
    """Blocks of rows as Delayed."""
    if not hasattr(collection, "to_delayed"):
        return list(collection)
    blocks = np.asarray(collection.to_delayed())
    if blocks.ndim == 2 and blocks.shape[1] != 1:
        raise ValueError(f"{WHO}: {name} must be cut into blocks of whole rows; rechunk it: {name}.rechunk({{1: -1}}).")
    return blocks.ravel().tolist()


def _check(recommender: Any, held_out: float | None, n_sample: int) -> tuple[BoosterBase, Any]:
    if not isinstance(recommender, BinaryRelevanceRecommender):
        raise ValueError(f"{WHO}: recommender must be a BinaryRelevanceRecommender; got {type(recommender).__name__}.")
    base = make_base(recommender.base, random_state=recommender.random_state)
    if group_of(base) is None:
        raise ValueError(
            f"{WHO}: base must be a booster ('xgboost', 'lightgbm', XGBoostBase, …); got {recommender.base!r}."
        )
    if base.early_stopping_rounds is not None:
        raise ValueError(f"{WHO}: early_stopping_rounds is not for clusters. Leave it out and set n_estimators.")
    base._check_options()
    if held_out is not None and not 0 < held_out < 1:
        raise ValueError(f"{WHO}: held_out must be between 0 and 1, or None; got {held_out!r}.")
    if n_sample < 1:
        raise ValueError(f"{WHO}: n_sample must be at least 1; got {n_sample!r}.")
    rule = make_decision(recommender.decision)
    if held_out is None and getattr(rule, "learns_from_scores", False):
        raise ValueError(
            f"{WHO}: the decision rule {rule!r} learns from scores of patients held out, and held_out=None holds out "
            f"none. Pass held_out=0.1, or decision='expected-jaccard'."
        )
    return base, rule


def _check_facts(facts: list[Facts]) -> None:
    if not facts or not sum(one.n_train for one in facts):
        raise ValueError(f"{WHO}: there are no records to train on.")
    for at, one in enumerate(facts):
        if one.shape != facts[0].shape or one.sparse_X != facts[0].sparse_X:
            raise ValueError(
                f"{WHO}: block {at} has {one.shape[0]} features and {one.shape[1]} labels, "
                f"{'sparse' if one.sparse_X else 'dense'}; block 0 has {facts[0].shape[0]} and {facts[0].shape[1]}, "
                f"{'sparse' if facts[0].sparse_X else 'dense'}. All blocks must be alike."
            )
