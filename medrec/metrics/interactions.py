"""How many of the drug pairs that were given out together interact."""

from math import fsum
from typing import Any

import numpy as np
import scipy.sparse as sp

from medrec import kernels
from medrec._checks import check_sets
from medrec.metrics.totals import on_host


def ddi_counts(Z: Any, graph: Any) -> tuple[np.ndarray, np.ndarray]:
    """Interacting pairs and all pairs in the set of each record, two arrays of shape (n_records,).

    Sets of CuPy are counted on the GPU and the counts stay there; the graph is the host's.
    Parameters and exceptions are those of :func:`ddi_rate`.
    """
    on_gpu = kernels.on_gpu(Z, who="ddi_rate")
    sets = Z if on_gpu else check_sets(Z, who="ddi_rate", name="Z", copy=False)
    matrix = sp.csr_matrix(getattr(graph, "drug_drug", graph)) != 0
    n_labels = sets.shape[1]
    if matrix.shape != (n_labels, n_labels):
        raise ValueError(
            f"ddi_rate: the graph must be ({n_labels}, {n_labels}), in label order; got {matrix.shape}. "
            f"Build it with DDIGraph.from_edges(drug_names, pairs)."
        )
    if (matrix != matrix.T).nnz:
        raise ValueError("ddi_rate: the graph must be symmetric; got pairs in one direction only. Pass A + A.T.")
    if matrix.diagonal().any():
        raise ValueError("ddi_rate: a drug cannot interact with itself; got a nonzero diagonal. Set it to 0.")
    matrix = sp.csr_matrix(matrix)
    if on_gpu:
        from medrec.kernels import cuda, cuda_sets

        matrix.sum_duplicates()
        return cuda.interacting_pairs(cuda_sets.check_sets(Z, who="ddi_rate", name="Z"), cuda_sets.to_device(matrix))
    return kernels.interacting_pairs(sets, matrix)


def ddi_rate(Z: Any, graph: Any, average: str = "pooled") -> float:
    """Share of the drug pairs inside the sets that interact.

    Parameters
    ----------
    Z : sparse or dense 0/1 matrix of shape (n_records, n_labels)
        Sets of drugs.
    graph : DDIGraph, or symmetric matrix of shape (n_labels, n_labels)
        Anything with an attribute ``drug_drug``, or that matrix itself: nonzero where two drugs
        interact, in the label order of ``Z``.
    average : {"pooled", "samples"}, default="pooled"
        ``pooled`` divides the interacting pairs of all sets by all pairs of all sets; ``samples`` is the
        mean of that share over the records with at least two drugs. Where no record has two drugs
        there is no pair to interact and the rate is 0.

    Returns
    -------
    float in [0, 1]

    Raises
    ------
    ValueError
        When the graph has another shape, is not symmetric or has a drug that interacts with itself.

    References
    ----------
    Shang et al., "GAMENet: Graph Augmented MEmory Networks for Recommending Medication Combination",
    AAAI 2019 (the pooled rate).

    Examples
    --------
    >>> graph = [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    >>> ddi_rate([[1, 1, 0], [1, 1, 1], [1, 0, 0]], graph)
    0.5
    >>> round(ddi_rate([[1, 1, 0], [1, 1, 1], [1, 0, 0]], graph, average="samples"), 4)
    0.6667
    """
    if average not in ("pooled", "samples"):
        raise ValueError(f"ddi_rate: average must be 'pooled' or 'samples'; got {average!r}.")
    by_size = ddi_by_size(Z, graph)
    return pooled_rate(by_size) if average == "pooled" else samples_rate(by_size)


def ddi_by_size(Z: Any, graph: Any) -> np.ndarray:
    """By set size the interacting pairs and the records: sums that add up over chunks and give both rates.

    Returns
    -------
    int64 array of shape (2, largest set + 1)
        Parameters and exceptions are those of :func:`ddi_rate`.
    """
    interacting, pairs = (on_host(one) for one in ddi_counts(Z, graph))
    sizes = (np.sqrt(8 * pairs + 1) + 1).astype(np.int64) // 2  # those of 0 and 1 drugs alike have no pair
    found = np.bincount(sizes, weights=interacting)  # whole numbers, so exact
    return np.stack([found.astype(np.int64), np.bincount(sizes)])


def pooled_rate(by_size: np.ndarray) -> float:
    """Interacting pairs of all sets over all pairs of all sets."""
    sizes = np.arange(by_size.shape[1])
    pairs = int((by_size[1] * (sizes * (sizes - 1) // 2)).sum())
    return float(by_size[0].sum() / pairs) if pairs else 0.0


def samples_rate(by_size: np.ndarray) -> float:
    """Mean share of interacting pairs over the records with at least two drugs."""
    sizes = np.arange(by_size.shape[1])[2:]
    records = int(by_size[1, 2:].sum())
    return fsum((by_size[0, 2:] / (sizes * (sizes - 1) // 2)).tolist()) / records if records else 0.0
