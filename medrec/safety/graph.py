"""``DDIGraph``: which drugs interact, keyed by name and in label order."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence, Set, Sized
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from medrec._checks import InputError, check_names, check_sets
from medrec._io import atomic_write
from medrec.safety.matching import NameMatcher
from medrec.safety.severity import severity_code, severity_name
from medrec.safety.tables import Interaction, read_interactions


class DDIGraph:
    """Drug–drug interactions between the labels of a model.

    The graph is keyed by drug **name**: whatever order a table or a matrix has, rows and columns here
    stand in the order of ``names``. It is symmetric, without self-pairs, and each pair has a severity.
    Build it with :meth:`from_edges`, :meth:`from_file` or :meth:`from_matrix`.

    Parameters
    ----------
    names : sequence of str, shape (n_labels,)
        Drug names in label order.
    severity : matrix of shape (n_labels, n_labels)
        Code of each pair's severity: 0 no interaction, 1 unspecified, 2 minor, 3 moderate, 4 major.
        Symmetric with a zero diagonal.

    Attributes
    ----------
    names : ndarray of str, shape (n_labels,)
    severity : CSR matrix of int8, shape (n_labels, n_labels)
    drug_drug : CSR matrix of bool, shape (n_labels, n_labels)
        Which pairs interact.
    unmatched : tuple of str
        Names of the table that are no label and no alias of one.
    counts : dict of str to int
        What happened to the table's rows, see :meth:`report`.

    Raises
    ------
    ValueError
        When names repeat, or the matrix has another shape, is not symmetric, has a diagonal, or holds
        values that are no code.

    Examples
    --------
    >>> graph = DDIGraph.from_edges(["aspirin", "ibuprofen", "warfarin"],
    ...                             [("warfarin", "Aspirin"), ("warfarin", "alcohol")], severity="major")
    >>> graph
    DDIGraph(3 drugs, 1 pair; unmatched names: 1)
    >>> graph.pairs()
         drug     other severity
    0  aspirin  warfarin    major
    """

    def __init__(self, names: Sequence[str] | np.ndarray, severity: Any) -> None:
        self.names = check_names(names, who="DDIGraph")
        matrix = sp.csr_matrix(severity)
        n_labels = len(self.names)
        if matrix.shape != (n_labels, n_labels):
            raise ValueError(
                f"DDIGraph: {n_labels} names need a severity matrix {(n_labels, n_labels)}; got "
                f"{matrix.shape}. Use DDIGraph.from_matrix for a matrix of another label order."
            )
        if not np.isin(matrix.data, (0, 1, 2, 3, 4)).all():
            raise ValueError("DDIGraph: severity codes must be 0 (none) to 4 (major).")
        matrix = matrix.astype(np.int8)
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        matrix.sort_indices()
        if (matrix != matrix.T).nnz or matrix.diagonal().any():
            raise ValueError("DDIGraph: severity must be symmetric with a zero diagonal. Use from_edges.")
        self.severity = matrix
        self.drug_drug = sp.csr_matrix(
            (np.ones(matrix.nnz, dtype=bool), matrix.indices, matrix.indptr), shape=matrix.shape
        )
        self.unmatched: tuple[str, ...] = ()
        self.counts: dict[str, int] = {"pairs": self.n_pairs}

    # ------------------------------------------------------------------ construction

    @classmethod
    def from_edges(
        cls,
        names: Sequence[str] | np.ndarray,
        pairs: Any,
        severity: Any = None,
        aliases: Mapping[str, str] | None = None,
    ) -> "DDIGraph":
        """A graph from a list or table of interacting pairs.

        A name is looked up as it stands; then among the aliases; then the same once more without regard
        to case, width (NFKC) and surrounding or repeated blanks, where only one label fits. A pair that
        is given in one direction is completed, a drug paired with itself is dropped, and of several
        severities given for a pair the highest holds; each is counted in :meth:`report`.

        Parameters
        ----------
        names : sequence of str, shape (n_labels,)
            Drug names in label order.
        pairs : DataFrame or iterable of tuples
            A table with columns ``drug``, ``other`` and perhaps ``severity`` (the form of
            ``Dataset.ddi``), or tuples ``(drug, other)`` or ``(drug, other, severity)``.
        severity : str or sequence of str, optional
            One level for all pairs, or one for each; "minor", "moderate", "major" or None. Replaces
            levels that ``pairs`` brings. A level that is missing (None, NaN, "") is unspecified.
        aliases : mapping of str to str, optional
            Other names (brands, spellings) and the label each stands for; one of what is no label stands for nothing,
            and the name is unmatched.

        Raises
        ------
        ValueError
            When a label stands twice, a pair is no pair of names, a severity is unknown, or ``aliases`` does not map
            names to names.
        """
        if isinstance(pairs, pd.DataFrame):
            missing = {"drug", "other"} - set(pairs.columns)
            if missing:
                raise ValueError(
                    f"DDIGraph.from_edges: a table needs columns drug and other; got {list(pairs.columns)}."
                )
            columns = [column for column in ("drug", "other", "severity") if column in pairs]
            pairs = pairs[columns].itertuples(index=False, name=None)
        for name, value in (("pairs", pairs), ("severity", [] if severity is None else severity)):
            if not isinstance(value, Iterable):
                raise ValueError(f"DDIGraph.from_edges: {name} must be a list or a table; got {value!r}.")
        pairs = list(pairs)
        if severity is not None and not isinstance(severity, str):
            severity = list(severity)
            if len(severity) != len(pairs):
                raise ValueError(
                    f"DDIGraph.from_edges: {len(pairs)} pairs need {len(pairs)} severities; got {len(severity)}."
                )
        rows = []
        for number, pair in enumerate(pairs):
            sized = isinstance(pair, Sized) and isinstance(pair, Iterable) and not isinstance(pair, (str, Mapping, Set))
            if not sized or len(pair) not in (2, 3) or not all(isinstance(n, str) for n in pair[:2]):
                raise ValueError(
                    f"DDIGraph.from_edges: pair {number} must be (drug, other[, severity]) with names as "
                    f"text; got {pair!r}."
                )
            word = pair[2] if len(pair) == 3 else None
            if severity is not None:
                word = severity if isinstance(severity, str) else severity[number]
            try:
                rows.append(Interaction(pair[0], pair[1], severity_code(word)))
            except ValueError as error:
                raise ValueError(f"DDIGraph.from_edges: pair {number}: {error}") from None
        return cls._from_rows(names, rows, [name for row in rows for name in row[:2]], aliases)

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike[str],
        names: Sequence[str] | np.ndarray,
        aliases: Mapping[str, str] | None = None,
    ) -> "DDIGraph":
        """A graph from a CSV or JSON file; the forms are those of :func:`read_interactions`.

        Raises
        ------
        InputError
            With file and line when the table is malformed or a severity unknown; when it names drugs
            but not one of the labels.
        """
        rows, listed = read_interactions(path)
        graph = cls._from_rows(names, rows, listed, aliases)
        if listed and graph.counts["unmatched_names"] == len(set(listed)):
            raise InputError(
                f"none of its {len(set(listed))} drug names is one of the {len(graph.names)} labels "
                f"(first: {listed[0]!r}, first label: {next(iter(graph.names), None)!r}). Pass a table of "
                f"the same naming, or aliases",
                path=path,
            )
        return graph

    @classmethod
    def from_matrix(
        cls,
        names: Sequence[str] | np.ndarray,
        matrix: Any,
        matrix_names: Sequence[str] | np.ndarray,
        aliases: Mapping[str, str] | None = None,
    ) -> "DDIGraph":
        """A graph from a 0/1 adjacency matrix whose rows and columns are ``matrix_names``.

        The matrix's order is its own (such as GAMENet's vocabulary); rows are matched to ``names`` by
        name, never by place.
        """
        rows_names = check_names(matrix_names, who="DDIGraph.from_matrix")
        square = check_sets(matrix, who="DDIGraph.from_matrix", n_labels=len(rows_names), name="matrix").tocoo()
        if square.shape[0] != len(rows_names):
            raise ValueError(f"DDIGraph.from_matrix: the matrix must be square; got {square.shape}.")
        rows = [Interaction(rows_names[i], rows_names[j], 1) for i, j in zip(square.row, square.col)]
        return cls._from_rows(names, rows, list(rows_names), aliases)

    @classmethod
    def _from_rows(
        cls, names: Any, rows: list[Interaction], listed: list[str], aliases: Mapping[str, str] | None
    ) -> "DDIGraph":
        labels = check_names(names, who="DDIGraph")
        find = NameMatcher(labels, {} if aliases is None else aliases)
        places = {name: find(name) for name in dict.fromkeys(listed)}
        directed: dict[tuple[int, int], set[int]] = {}
        counts = {"rows": len(rows), "self_pairs": 0, "repeated": 0, "unmatched_rows": 0}
        for drug, other, code in rows:
            i, j = places[drug], places[other]
            if i is None or j is None:
                counts["unmatched_rows"] += 1
            elif i == j:
                counts["self_pairs"] += 1
            else:
                counts["repeated"] += (i, j) in directed
                directed.setdefault((i, j), set()).add(code)
        severity = {}
        conflicts = one_way = 0
        for (i, j), codes in directed.items():
            both = codes | directed.get((j, i), set())
            one_way += (j, i) not in directed
            conflicts += len(both) > 1 and (i < j or (j, i) not in directed)
            severity[i, j] = severity[j, i] = max(both)
        index = np.array(list(severity), dtype=np.int64).reshape(-1, 2)
        codes_array = np.fromiter(severity.values(), dtype=np.int8, count=len(severity))
        shape = (len(labels), len(labels))
        graph = cls(labels, sp.csr_matrix((codes_array, (index[:, 0], index[:, 1])), shape=shape))
        graph.unmatched = tuple(name for name, place in places.items() if place is None)
        graph.counts = {
            **counts,
            "completed": one_way,
            "severity_conflicts": conflicts,
            "unmatched_names": len(graph.unmatched),
            "respelled_names": find.respelled,
            "pairs": graph.n_pairs,
        }
        return graph

    def check_loaded(self) -> None:
        """Refuse a matrix that is none of the names; ``medrec.load`` asks for this."""
        again = DDIGraph(self.names, self.severity)
        self.severity, self.drug_drug = again.severity, again.drug_drug

    # ------------------------------------------------------------------ views

    @property
    def n_pairs(self) -> int:
        """Number of interacting pairs."""
        return self.severity.nnz // 2

    def report(self) -> dict[str, Any]:
        """What happened to the table that the graph was built from.

        Returns
        -------
        dict
            ``rows`` of the table; ``pairs`` of the graph; ``completed`` pairs that stood there in one
            direction only; ``self_pairs`` dropped; ``repeated`` rows; ``severity_conflicts`` (pairs given
            with several severities, of which the highest holds); ``unmatched_rows``,
            ``unmatched_names`` and the names themselves as ``unmatched``; ``respelled_names`` that
            matched only without regard to case, width and blanks.
        """
        return {**self.counts, "unmatched": list(self.unmatched)}

    def pairs(self) -> pd.DataFrame:
        """Each pair once, as a table with columns ``drug``, ``other``, ``severity`` in label order."""
        upper = sp.triu(self.severity, k=1).tocsr().tocoo()
        return pd.DataFrame(
            {
                "drug": self.names[upper.row],
                "other": self.names[upper.col],
                "severity": np.array([severity_name(code) for code in upper.data], dtype=object),
            }
        ).astype(object)

    def interactions(self, Z: Any) -> pd.DataFrame:
        """The interacting pairs inside each set, as columns ``record``, ``drug``, ``other``, ``severity``.

        Parameters
        ----------
        Z : sets of shape (n_records, n_labels)
            0/1, sparse or dense.
        """
        sets = check_sets(Z, who="DDIGraph", n_labels=len(self.names), name="Z")
        upper = sp.triu(self.severity, k=1).tocsr()
        found: list[tuple[int, str, str, str]] = []
        for record in np.flatnonzero(self.count_pairs(sets)):
            drugs = sets.indices[sets.indptr[record] : sets.indptr[record + 1]]
            inside = upper[drugs][:, drugs].tocoo()
            for i, j, code in sorted(zip(inside.row, inside.col, inside.data)):
                found.append((int(record), self.names[drugs[i]], self.names[drugs[j]], severity_name(code)))
        return pd.DataFrame(found, columns=["record", "drug", "other", "severity"])

    def count_pairs(self, Z: Any) -> np.ndarray:
        """Number of interacting pairs inside each set, shape (n_records,)."""
        sets = check_sets(Z, who="DDIGraph", n_labels=len(self.names), name="Z").astype(np.int32)
        twice = sets.multiply(sets @ self.drug_drug.astype(np.int32)).sum(axis=1)
        return np.asarray(twice, dtype=np.int64).ravel() // 2

    # ------------------------------------------------------------------ other graphs

    def align(self, names: Sequence[str] | np.ndarray) -> "DDIGraph":
        """The same interactions for another label order.

        Names are matched exactly. A label that the graph does not know has no interactions; a drug of
        the graph that is no label goes, and is listed in ``unmatched`` if it had interactions.
        """
        labels = check_names(names, who="DDIGraph.align")
        place = {name: i for i, name in enumerate(self.names)}
        rows = np.array([place.get(name, -1) for name in labels], dtype=np.int64)
        known = np.flatnonzero(rows >= 0)
        pick = sp.csr_matrix(
            (np.ones(len(known), dtype=np.int8), (known, rows[known])), shape=(len(labels), len(self.names))
        )
        graph = DDIGraph(labels, pick @ self.severity @ pick.T)
        lost = set(self.names) - set(labels)
        graph.unmatched = tuple(
            name for name, degree in zip(self.names, np.diff(self.severity.indptr)) if degree and name in lost
        )
        graph.counts["unmatched_names"] = len(graph.unmatched)
        return graph

    def floor(self, severity: str | None, *, unspecified: bool = True) -> "DDIGraph":
        """The pairs at or above a severity.

        Parameters
        ----------
        severity : {"minor", "moderate", "major"} or None
            The lowest level that stays; None keeps all.
        unspecified : bool, default=True
            Whether pairs without a severity stay. They do by default: nobody has said that they are
            harmless.
        """
        code = severity_code(severity)
        matrix = self.severity.copy()
        keep = (matrix.data >= code) | (unspecified & (matrix.data == 1))
        matrix.data = np.where(keep, matrix.data, 0).astype(np.int8)
        return DDIGraph(self.names, matrix)

    def allow(self, pairs: Iterable[tuple[str, str]]) -> "DDIGraph":
        """The graph without the given pairs (in either direction).

        Raises
        ------
        ValueError
            When a name is no label of the graph. A pair that does not interact is no error.
        """
        place = {name: i for i, name in enumerate(self.names)}
        matrix = self.severity.tolil(copy=True)
        for pair in pairs:
            if isinstance(pair, str) or len(pair) != 2:
                raise ValueError(f"DDIGraph.allow: pairs must be (drug, other); got {pair!r}.")
            for name in pair:
                if name not in place:
                    raise ValueError(
                        f"DDIGraph.allow: {name!r} is no drug of the graph. Name both as the labels are named."
                    )
            i, j = place[pair[0]], place[pair[1]]
            matrix[i, j] = matrix[j, i] = 0
        return DDIGraph(self.names, matrix.tocsr())

    def to_file(self, path: str | os.PathLike[str]) -> None:
        """Write the pairs as CSV, or as a JSON list of triples where the name ends in ``.json``."""
        table = self.pairs()
        words = [None if word == "unspecified" else word for word in table["severity"]]
        table["severity"] = pd.Series(words, dtype=object)  # pandas would turn None among texts into NaN
        with atomic_write(path) as file:
            if str(path).lower().endswith(".json"):
                json.dump(table.to_numpy().tolist(), file, ensure_ascii=False, indent=0)
            else:
                file.write(table.to_csv(index=False, lineterminator="\n"))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DDIGraph):
            return NotImplemented
        return bool(
            len(self.names) == len(other.names)
            and (self.names == other.names).all()
            and (self.severity != other.severity).nnz == 0
        )

    __hash__ = None  # type: ignore[assignment]

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        unmatched = f"; unmatched names: {len(self.unmatched)}" if self.unmatched else ""
        pairs = "1 pair" if self.n_pairs == 1 else f"{self.n_pairs} pairs"
        return f"DDIGraph({len(self.names)} drugs, {pairs}{unmatched})"
