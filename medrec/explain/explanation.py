"""``explain_record``: why a drug got its score, and why it is recommended or not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from medrec.datasets import Dataset
from medrec.explain import stacked_terms  # noqa: F401 - it registers itself
from medrec.explain.highlight import highlight
from medrec.explain.model_terms import model_terms
from medrec.explain.terms import CONSTANT, NO_VALUE, Term, Terms
from medrec.recommenders.base import BaseRecommender
from medrec.report.contributions import COLUMNS
from medrec.report.marked_text import Passage


@dataclass(frozen=True)
class Explanation:
    """Why one drug got its score in one record.

    Attributes
    ----------
    drug : str
    probability : float
        As ``predict_proba`` gives it.
    score : float
        Its log-odds.
    rank : int
        Place of the drug among all of this record, 1 the best.
    size : int
        Drugs that the decision took.
    kept : bool
        Whether the drug is in the final set.
    why : str
        In one sentence: decision, rank, and what the interaction filter did.
    table : DataFrame
        Columns ``source``, ``feature``, ``value``, ``contribution`` (log-odds), the largest contribution first;
        contributions sum to ``score``.
    details : dict of str to DataFrame
        The same of each base of a stack, by its name; contributions sum to what the base adds in ``table``.
    neighbours : DataFrame
        The similar training records that were asked, nearest first: ``record`` (1-based row of the training records),
        ``cosine``, ``weight``, ``has_drug``, and the ``base`` of a stack. Empty where none were.
    passages : list of Passage
        The record, with what moved the score marked.
    located : float
        The part of the score, in log-odds, that is marked there.
    notes : tuple of str
        What could not be divided.
    """

    drug: str
    probability: float
    score: float
    rank: int
    size: int
    kept: bool
    why: str
    table: pd.DataFrame
    details: dict[str, pd.DataFrame]
    neighbours: pd.DataFrame
    passages: list[Passage]
    located: float
    notes: tuple[str, ...]


class RecordExplainer:
    """Explains the drugs of one record; what they share is computed once.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted, of ``RecordVectorizer`` and a recommender, see ``make_recommender``.
    record : Dataset or DataFrame of one row
        The record.

    Attributes
    ----------
    drug_names : ndarray of shape (n_labels,)
    probabilities : ndarray of shape (n_labels,)
    recommended : list of str
        The final set, best first.

    Raises
    ------
    ValueError
        When the pipeline is none of records and a recommender, or it is not one record.

    Examples
    --------
    >>> from medrec.datasets import load
    >>> from medrec.recommenders import make_recommender
    >>> data = load("synthetic:records=60,seed=0")
    >>> pipeline = make_recommender("prior", schema=data.schema, drug_names=data.drug_names).fit(data.records, data.Y)
    >>> explainer = RecordExplainer(pipeline, data.subset([0]))
    >>> explanation = explainer.explain(explainer.recommended[0])
    >>> explanation.rank, explanation.kept
    (1, True)
    """

    def __init__(self, pipeline: Any, record: Any) -> None:
        if (
            not isinstance(pipeline, Pipeline)
            or not isinstance(pipeline[-1], BaseRecommender)
            or not hasattr(pipeline[0], "parts_")
        ):
            raise ValueError(
                "explain_record: the model must be a fitted Pipeline of RecordVectorizer and a recommender; got "
                f"{type(pipeline).__name__}. Make it with make_recommender."
            )
        self.record = record.records if isinstance(record, Dataset) else record
        if not isinstance(self.record, pd.DataFrame) or len(self.record) != 1:
            got = f"{len(self.record)} rows" if isinstance(self.record, pd.DataFrame) else type(record).__name__
            raise ValueError(f"explain_record: one record is explained at a time; got {got}. Pass one row.")
        self.vectorizer, self.recommender = pipeline[0], pipeline[-1]
        self.X = self.recommender._check_features(pipeline[:-1].transform(self.record), reset=False)
        self.drug_names = self.recommender.drug_names_
        self.scores = self.recommender._scores(self.X)
        matrix = self.recommender._probabilities(self.scores)
        self.probabilities = matrix[0]
        self._safe, self._decided, self._audit = self.recommender.decide(matrix)
        self._order = np.argsort(-self.probabilities, kind="stable")
        self._names = self.vectorizer.get_feature_names_out()
        kept = set(self._safe.indices.tolist())
        self.recommended = [str(self.drug_names[label]) for label in self._order if label in kept]

    def explain(self, drug: str) -> Explanation:
        """The explanation of one drug, by name; a ``ValueError`` names those that are like an unknown one."""
        label = self._label(drug)
        calibrator = self.recommender.calibrator_
        slope, shift = (1.0, 0.0) if calibrator is None else (calibrator.slope_[label], calibrator.intercept_[label])
        terms = model_terms(self.recommender, self.X, label, self.drug_names)
        terms = terms.scaled(float(slope)).plus(Term(CONSTANT, "calibration", NO_VALUE, float(shift)))
        passages, located = highlight(self.vectorizer, self.record, terms.columns(len(self._names)))
        none = pd.DataFrame(columns=["record", "cosine", "weight", "has_drug"])
        return Explanation(
            drug=str(self.drug_names[label]),
            probability=float(self.probabilities[label]),
            score=float(self.scores[0, label] * slope + shift),
            rank=self._rank(label),
            size=int(self._decided.nnz),
            kept=label in self._safe.indices,
            why=self._why(label),
            table=self._table(terms),
            details={name: self._table(inner) for name, inner in terms.within.items()},
            neighbours=pd.concat(terms.neighbours, ignore_index=True) if terms.neighbours else none,
            passages=passages,
            located=located,
            notes=tuple(terms.notes),
        )

    def _label(self, drug: str) -> int:
        found = np.flatnonzero(self.drug_names == drug)
        if len(found):
            return int(found[0])
        from difflib import get_close_matches

        like = get_close_matches(drug, [str(name) for name in self.drug_names], n=3, cutoff=0.4)
        raise ValueError(
            f"explain_record: {drug!r} is none of the {len(self.drug_names)} drugs of the model"
            + (f"; like it are {', '.join(like)}." if like else ". Give a name as the model has it.")
        )

    def _table(self, terms: Terms) -> pd.DataFrame:
        rows = [
            (term.source, term.name or str(self._names[term.column]), term.value, term.amount) for term in terms.terms
        ]
        table = pd.DataFrame(rows, columns=COLUMNS)
        order = np.argsort(-table["contribution"].abs().to_numpy(), kind="stable")
        return table.iloc[order].reset_index(drop=True)

    def _rank(self, label: int) -> int:
        return int(np.flatnonzero(self._order == label)[0]) + 1

    def _why(self, label: int) -> str:
        name, rank, size = self.drug_names[label], self._rank(label), int(self._decided.nnz)
        rule = type(self.recommender.decision_).__name__
        took = (
            f"rank {rank} of {len(self.drug_names)}; the decision ({rule}) took {size} drug{'' if size == 1 else 's'}"
        )
        against = self._audit[self._audit["removed"] == name]
        if len(against):
            others = ", ".join(_against(row) for row in against.to_dict("records"))
            return f"removed by the interaction filter: it interacts with {others}; {took}"
        if label in self._safe.indices:
            if label in self._decided.indices:
                return f"recommended: {took}"
            replaced = self._audit.loc[self._audit["replacement"] == name, "removed"]
            return f"recommended in the place of {', '.join(dict.fromkeys(replaced))}, which interacts: {took}"
        return f"not recommended: {took}"


def _against(row: Mapping[Any, Any]) -> str:
    severity = row.get("severity")
    return f"{row['against']} ({severity})" if isinstance(severity, str) and severity else str(row["against"])


def explain_record(pipeline: Any, record: Any, drug: str) -> Explanation:
    """Which words, codes, neighbours and rules moved the score of one drug in one record.

    Contributions are in log-odds and sum to those of ``predict_proba``: coefficient times feature of linear models,
    SHAP values of trees, both times what calibration makes of a unit of score. Of a stack the table has what each base
    adds (its calibrated log-odds times its weight) and what each pair feature corrects; ``details`` has what the
    bases are made of. Sources are

    =============== =====================================================================================
    feature         a column of the record, named as ``RecordVectorizer.get_feature_names_out`` does
    drug            a drug scored before it, in a chain or in the first of two levels
    neighbours      what similar training records say
    base            a base of a stack; or a model that cannot be divided
    pair feature    what the pair model of a stack knows of record and drug
    constant        what is the same for every record: intercepts, priors, calibration
    =============== =====================================================================================

    Parameters
    ----------
    pipeline : Pipeline
        Fitted, of ``RecordVectorizer`` and a recommender.
    record : Dataset or DataFrame of one row
        The record.
    drug : str
        The drug by name.

    Raises
    ------
    ValueError
        When the drug is unknown, it is not one record, or the pipeline has no recommender.

    References
    ----------
    Lundberg et al. (2020), From local explanations to global understanding with explainable AI for trees,
    Nature Machine Intelligence 2.

    Examples
    --------
    >>> from scipy.special import logit
    >>> from medrec.datasets import load
    >>> from medrec.recommenders import make_recommender
    >>> data = load("synthetic:records=60,seed=0")
    >>> pipeline = make_recommender("prior", schema=data.schema, drug_names=data.drug_names).fit(data.records, data.Y)
    >>> explanation = explain_record(pipeline, data.subset([3]), "阿司匹林肠溶片")
    >>> bool(np.isclose(explanation.table["contribution"].sum(), logit(explanation.probability)))
    True
    """
    return RecordExplainer(pipeline, record).explain(drug)
