"""Evaluation of records that lie with the workers of a Dask cluster."""

from collections.abc import Iterable
from typing import Any

from medrec._optional import import_optional
from medrec.metrics.evaluation import conclude, gathering_for, merged
from medrec.metrics.evidence import Evidence


def evaluate_dask(
    chunks: Any,
    *,
    preset: str = "chip2025",
    ddi: Any = None,
    zero_division: float | None = None,
    n_resamples: int = 0,
    seed: int = 0,
) -> dict[str, Any]:
    """Evaluate chunks where they lie; only sums come back.

    Parameters
    ----------
    chunks : dask.bag.Bag, or iterable of dask Delayed
        The bag's items, or what the Delayed become, are tuples ``(Y, Z)``, ``(Y, Z, scores)`` or ``(Y, Z, scores,
        groups)`` as :func:`evaluate_stream` takes them. Partitions of a Dask data frame become such by
        ``dask.delayed(chunk_of_table)(partition, labels=names)`` for each of ``frame.to_delayed()``.
    preset, ddi, zero_division, n_resamples, seed
        As in :func:`evaluate_stream`. Where the records are needed one by one, their counts come back too.

    Returns
    -------
    dict
        As :func:`evaluate_stream` gives it, on the cluster that is Dask's default.

    Raises
    ------
    ImportError
        Without Dask.
    ValueError
        As :func:`evaluate_stream`.

    Examples
    --------
    >>> import dask
    >>> chunks = [dask.delayed(([[1, 1, 0]], [[1, 0, 0]])), dask.delayed(([[0, 0, 1]], [[0, 0, 1]]))]
    >>> with dask.config.set(scheduler="synchronous"):
    ...     evaluate_dask(chunks)["jaccard"]
    0.75
    """
    dask = import_optional("dask", feature="Metrics of Dask collections", extra="dask")
    who = "evaluate_dask"
    gathering = gathering_for(preset, zero_division=zero_division, ddi=ddi, n_resamples=n_resamples, who=who)

    def look(part: Iterable[tuple[Any, ...]]) -> Evidence | None:
        parts = [gathering(*chunk) for chunk in part]
        return merged(parts, who=who) if parts else None

    if hasattr(chunks, "to_delayed"):
        waiting = [dask.delayed(look)(part) for part in chunks.to_delayed()]
    else:
        waiting = [dask.delayed(look)([chunk]) for chunk in chunks]
    found = [part for part in dask.compute(*waiting) if part is not None]
    return conclude(merged(found, who=who), preset=preset, n_resamples=n_resamples, seed=seed, who=who)
