"""How many of the drug pairs that were given out together interact."""

from typing import Any

import numpy as np
import scipy.sparse as sp

from medrec import kernels
from medrec._checks import check_sets


def ddi_counts(Z: Any, graph: Any) -> tuple[np.ndarray, np.ndarray]:
    """Interacting pairs and all pairs in the set of each record, two arrays of shape (n_records,).

    Parameters and exceptions are those of :func:`ddi_rate`.
    """
    sets = check_sets(Z, who="ddi_rate", name="Z", copy=False)
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
    return kernels.interacting_pairs(sets, sp.csr_matrix(matrix))


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
    interacting, pairs = ddi_counts(Z, graph)
    some = pairs > 0
    if not some.any():
        return 0.0
    if average == "pooled":
        return float(interacting.sum() / pairs.sum())
    return float((interacting[some] / pairs[some]).mean())
