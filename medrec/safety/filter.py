"""``DDIFilter``: from sets of drugs to sets that keep a limit on interactions, with an account of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from sklearn.base import BaseEstimator

from medrec._checks import check_names, check_scores, check_sets
from medrec.safety.audit import audit_removals, index_arrays
from medrec.safety.graph import DDIGraph
from medrec.safety.rate import within_rate

_METHODS = ("exact", "greedy", "penalised")


class DDIFilter(BaseEstimator):
    r"""Keeps, of each recommended set, the subset of greatest utility within a limit on interactions.

    Let Z be a record's set, C the drugs that it already takes (context), u the utilities and p(S) the
    number of interacting pairs inside S or between S and C. The limits are

    - ``max_pairs=k``: :math:`\max_{S \subseteq Z} \sum_{i \in S} u_i` with :math:`p(S) \le k` for every
      record, exactly. k = 0 is a maximum-weight independent set.
    - ``max_rate=r``: over the whole batch, :math:`\sum p(S) \le r \cdot \sum d(S)` with d(S) the number
      of all pairs that p looks at (without context, r is the pooled DDI rate). The price of a pair
      is lowered from infinity; at each price every group of interacting drugs has its exact best set,
      and the last choice within the limit is taken. The limit always holds, and no choice with as few
      interacting pairs in the batch has a greater utility. Other choices with more pairs may lie within
      the rate too; ``audit.attrs["gap"]`` bounds the utility that any of them could add. A lower r
      never gives a higher rate.
    - ``method="penalised"``: :math:`\max \sum_{i \in S} u_i - \text{penalty} \cdot p(S)`, exactly,
      without any guarantee on the number of pairs.

    Of several best sets, the one with more drugs is taken, then the one with the lower label. Drugs
    that interact with nothing in Z and C always stay.

    Parameters
    ----------
    graph : DDIGraph
        Interactions of the labels.
    max_pairs : int or None, default=0
        Most interacting pairs a record; None for no limit. Not applied with ``max_rate``.
    max_rate : float in [0, 1], optional
        Most interacting pairs as a share of all pairs, over the batch that is passed to :meth:`apply`.
        The result for one record then depends on the others of its batch.
    severity : {"minor", "moderate", "major"}, optional
        Only pairs at or above it count. Pairs without a severity always count.
    allow : iterable of (str, str), default=()
        Pairs of drug names that are no interaction here.
    utility : {"score", "count"} or callable, default="score"
        What a kept drug is worth: its score; 1; or ``utility(scores)``, an array of the scores' shape.
        Not negative for any drug of a set, compared to 12 decimals (of the greatest, above 1).
    method : {"exact", "greedy", "penalised"}, default="exact"
        "greedy" goes through each set from the highest score down and keeps what ``max_pairs`` still
        allows.
    penalty : float, optional
        Utility that an interacting pair costs; with ``method="penalised"`` only.
    replace : mapping of str to str, optional
        The class of each drug (such as its ATC group) by name. In the place of a removed drug then
        comes the drug of its class with the highest score that is not in the set, has been not
        removed from it, and interacts with none of its drugs. The result is then no subset of Z.

    Notes
    -----
    More than 64 drugs of one record that take part in interactions, or a search of more than 20
    million nodes for one group, are refused with a message that names the record; recommended sets are
    smaller by far, and ``method="greedy"`` takes any.

    References
    ----------
    Everett, H. (1963). Generalized Lagrange multiplier method for solving problems of optimum
    allocation of resources. Operations Research 11(3), theorem 1 (the optimality of ``max_rate``).

    Examples
    --------
    >>> graph = DDIGraph.from_edges(["aspirin", "heparin", "warfarin"],
    ...                             [("warfarin", "aspirin"), ("warfarin", "heparin")], severity="major")
    >>> safe, audit = DDIFilter(graph).apply([[1, 1, 1]], [[0.5, 0.4, 0.8]])
    >>> safe.toarray().tolist()
    [[1, 1, 0]]
    >>> audit[["record", "removed", "against", "severity", "utility_lost"]]
       record   removed  against severity  utility_lost
    0       0  warfarin  aspirin    major           0.8
    1       0  warfarin  heparin    major           0.8
    """

    _max_nodes = 20_000_000

    def __init__(
        self,
        graph: DDIGraph,
        max_pairs: int | None = 0,
        *,
        max_rate: float | None = None,
        severity: str | None = None,
        allow: Iterable[tuple[str, str]] = (),
        utility: str | Callable[[np.ndarray], Any] = "score",
        method: str = "exact",
        penalty: float | None = None,
        replace: Mapping[str, str] | None = None,
    ) -> None:
        self.graph = graph
        self.max_pairs = max_pairs
        self.max_rate = max_rate
        self.severity = severity
        self.allow = allow
        self.utility = utility
        self.method = method
        self.penalty = penalty
        self.replace = replace

    def apply(
        self,
        Z: Any,
        scores: Any,
        context: Any = None,
        *,
        drug_names: Sequence[str] | np.ndarray | None = None,
        ids: Sequence[Any] | np.ndarray | None = None,
    ) -> tuple[sp.csr_matrix, pd.DataFrame]:
        """The safe sets and the audit of every removal.

        Parameters
        ----------
        Z : sets of shape (n_records, n_labels)
            0/1, sparse or dense.
        scores : array of shape (n_records, n_labels)
            Finite, and not negative where Z is 1: probabilities.
        context : sets of shape (n_records, n_labels), optional
            Drugs that each record already takes. They are fixed; interactions between two of them do not
            count. A drug of Z that is already taken stays.
        drug_names : sequence of str, shape (n_labels,), optional
            Names of the columns of Z; where their order is not the graph's, the graph is aligned to them.
        ids : sequence of shape (n_records,), optional
            What the audit's ``record`` shows; row numbers by default.

        Returns
        -------
        safe : CSR matrix of uint8, shape (n_records, n_labels)
        audit : DataFrame
            A row for each removed drug and each drug that it interacts with: ``record``; ``removed``;
            ``against``; ``against_is`` "kept", "context" (already taken) or "removed"; ``severity``;
            ``utility_lost``, of the removed drug, so it repeats where ``against`` names several;
            ``replacement``, None where there is none. Drugs that were themselves removed are only named
            where no kept one is. ``audit.attrs`` holds, of the whole batch after filtering, ``pairs``
            (interacting, without those inside the context), ``rate`` (``pairs`` over all such pairs; 0
            without any) and ``gap`` (with ``max_rate``: no choice within the limit has a utility greater
            by more than this; 0 means optimal).

        Raises
        ------
        ValueError
            When shapes disagree, an option is out of range, a utility is negative or infinite, or a
            record has more interacting drugs than can be solved exactly.
        """
        graph = self._graph(drug_names)
        n_labels = len(graph.names)
        sets = check_sets(Z, who="DDIFilter", n_labels=n_labels, name="Z")
        scores = check_scores(scores, who="DDIFilter", shape=sets.shape)
        if context is None:
            fixed = sp.csr_matrix(sets.shape, dtype=np.uint8)
        else:
            fixed = check_sets(context, who="DDIFilter", n_labels=n_labels, name="context")
            if fixed.shape != sets.shape:
                raise ValueError(f"DDIFilter: context must be {sets.shape}, as Z is; got {fixed.shape}.")
        names = np.arange(sets.shape[0]) if ids is None else np.asarray(ids, dtype=object)
        if len(names) != sets.shape[0]:
            raise ValueError(f"DDIFilter: ids must have {sets.shape[0]} entries; got {len(names)}.")
        self._check_options()
        utility = self._utilities(sets, scores)
        keep, gap = self._solve(sets, utility, graph, fixed)
        safe = _where(sets, keep)
        audit, filled = audit_removals(
            sets, keep, utility, scores, graph, fixed, names, classes=self._classes(graph.names)
        )
        if filled is not None:
            safe = check_sets(safe + filled, who="DDIFilter")
        pairs, possible = _conflicts(safe, graph, fixed)
        audit.attrs = {"pairs": pairs, "rate": pairs / max(1, possible), "gap": gap}
        return safe, audit

    def keep_best(self, Z: Any, scores: Any) -> sp.csr_matrix:
        """The safe sets of :meth:`apply` alone, without an account and without replacements.

        Parameters
        ----------
        Z : sets of shape (n_records, n_labels)
            0/1, sparse or dense.
        scores : array of shape (n_records, n_labels)
            Finite, and not negative where Z is 1.
        """
        self._check_options()
        graph = self._graph(None)
        sets = check_sets(Z, who="DDIFilter", n_labels=len(graph.names), name="Z")
        scores = check_scores(scores, who="DDIFilter", shape=sets.shape)
        nothing = sp.csr_matrix(sets.shape, dtype=np.uint8)
        return _where(sets, self._solve(sets, self._utilities(sets, scores), graph, nothing)[0])

    def _check_options(self) -> None:
        if self.method not in _METHODS:
            raise ValueError(f"DDIFilter: method must be one of {', '.join(_METHODS)}; got {self.method!r}.")
        if self.max_pairs is not None and (int(self.max_pairs) != self.max_pairs or self.max_pairs < 0):
            raise ValueError(f"DDIFilter: max_pairs must be a whole number from 0 up, or None; got {self.max_pairs!r}.")
        if self.max_rate is not None:
            if not 0 <= self.max_rate <= 1:
                raise ValueError(f"DDIFilter: max_rate must be in [0, 1]; got {self.max_rate!r}. Pass 0.05 for 5 %.")
            if self.max_pairs or self.method != "exact":
                raise ValueError(
                    "DDIFilter: max_rate needs method='exact' and no max_pairs; got "
                    f"method={self.method!r}, max_pairs={self.max_pairs!r}. Give one limit."
                )
        if self.method == "penalised":
            if self.penalty is None or not 0 <= self.penalty < np.inf:
                raise ValueError(f"DDIFilter: method='penalised' needs a penalty from 0 up; got {self.penalty!r}.")
            if self.max_pairs:
                raise ValueError(
                    f"DDIFilter: method='penalised' keeps no limit; got max_pairs={self.max_pairs!r}. "
                    f"Leave it out, or use method='exact'."
                )
        elif self.penalty is not None:
            raise ValueError(f"DDIFilter: penalty needs method='penalised'; got method={self.method!r}.")

    def _graph(self, drug_names: Any) -> DDIGraph:
        graph = self.graph
        if not isinstance(graph, DDIGraph):
            raise ValueError(f"DDIFilter: graph must be a DDIGraph; got {type(graph).__name__}.")
        if self.severity is not None:
            graph = graph.floor(self.severity)
        allowed = list(self.allow)
        if allowed:
            graph = graph.allow(allowed)
        if drug_names is not None:
            labels = check_names(drug_names, who="DDIFilter")
            if len(labels) != len(graph.names) or (labels != graph.names).any():
                graph = graph.align(labels)
        return graph

    def _classes(self, names: np.ndarray) -> np.ndarray | None:
        if not self.replace:
            return None
        if not isinstance(self.replace, Mapping):
            raise ValueError(
                f"DDIFilter: replace must map drug names to their class; got {type(self.replace).__name__}."
            )
        return np.array([self.replace.get(name) for name in names], dtype=object)

    def _utilities(self, sets: sp.csr_matrix, scores: np.ndarray) -> np.ndarray:
        """Utility of each entry of ``sets``, in the order of its indices."""
        rows = np.repeat(np.arange(sets.shape[0]), np.diff(sets.indptr))
        if callable(self.utility):
            values = np.asarray(self.utility(scores), dtype=np.float64)
            if values.shape != scores.shape:
                raise ValueError(f"DDIFilter: utility(scores) must be {scores.shape}; got {values.shape}.")
            values = values[rows, sets.indices]
        elif self.utility == "score":
            values = scores[rows, sets.indices]
        elif self.utility == "count":
            values = np.ones(sets.nnz)
        else:
            raise ValueError(f"DDIFilter: utility must be 'score', 'count' or callable; got {self.utility!r}.")
        if not np.isfinite(values).all() or (values < 0).any():
            at = int(np.flatnonzero(~np.isfinite(values) | (values < 0))[0])
            raise ValueError(
                f"DDIFilter: the utility of a recommended drug must be finite and not negative; "
                f"record {rows[at]} has {float(values[at])!r}. Pass probabilities, or utility=a function that makes "
                f"margins positive."
            )
        return values

    def _solve(
        self, sets: sp.csr_matrix, utility: np.ndarray, graph: DDIGraph, fixed: sp.csr_matrix
    ) -> tuple[np.ndarray, float]:
        from medrec.kernels import conflicts
        from medrec.kernels import safe_sets as kernel

        keep = np.ones(sets.nnz, dtype=bool)
        status = np.zeros(sets.shape[0], dtype=np.int8)
        gap = 0.0
        if graph.n_pairs == 0 or sets.nnz == 0:
            return keep, gap
        greatest = float(utility.max())
        unit = 1e-12 * 10.0 ** max(0, np.ceil(np.log10(greatest)) if greatest > 0 else 0)
        units = np.rint(utility / unit).astype(np.int64)
        candidates, edges, taken = index_arrays(sets), index_arrays(graph.drug_drug), index_arrays(fixed)
        limit = kernel.UNLIMITED if self.max_pairs is None else min(int(self.max_pairs), kernel.UNLIMITED)
        n_labels = len(graph.names)
        if self.method == "greedy":
            conflicts.greedy_sets(candidates, units, edges, taken, n_labels, limit, keep)
        elif self.max_rate is not None:
            gap = float(unit) * within_rate(
                candidates, units, edges, taken, n_labels, float(self.max_rate), self._max_nodes, keep, status
            )
        else:
            price = 0
            if self.method == "penalised":
                limit = kernel.UNLIMITED
                price = int(min(round(self.penalty / unit), 10**15))  # type: ignore[operator]
            kernel.safe_sets(candidates, units, edges, taken, n_labels, limit, price, self._max_nodes, keep, status)
        for code, rule in (
            (kernel.TOO_MANY, f"more than {kernel.MAX_DRUGS} interacting drugs"),
            (kernel.TOO_LONG, f"interactions that took more than {self._max_nodes} search nodes"),
        ):
            wrong = np.flatnonzero(status == code)
            if len(wrong):
                raise ValueError(
                    f"DDIFilter: record {wrong[0]} has {rule}, in all {len(wrong)} record(s). "
                    f"Recommend smaller sets, or use method='greedy'."
                )
        return keep, gap


def _conflicts(sets: sp.csr_matrix, graph: DDIGraph, fixed: sp.csr_matrix) -> tuple[int, int]:
    from medrec.kernels.conflicts import count_conflicts

    pairs, possible = np.zeros((2, sets.shape[0]), dtype=np.int64)
    count_conflicts(
        index_arrays(sets),
        index_arrays(graph.drug_drug),
        index_arrays(fixed),
        len(graph.names),
        pairs,
        possible,
    )
    return int(pairs.sum()), int(possible.sum())


def _where(sets: sp.csr_matrix, keep: np.ndarray) -> sp.csr_matrix:
    safe = sets.copy()
    safe.data = keep.astype(np.uint8)
    safe.eliminate_zeros()
    return safe
