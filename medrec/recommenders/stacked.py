"""``StackedRecommender``: several recommenders, and one model over (record, drug) pairs that corrects their average."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.special import logit
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_memory

from medrec._progress import progress
from medrec.decision import PlattCalibrator
from medrec.recommenders.base import BaseRecommender
from medrec.recommenders.bases import make_base
from medrec.recommenders.binary_relevance import BinaryRelevanceRecommender
from medrec.recommenders.columns import choose_columns
from medrec.recommenders.folds import Folds
from medrec.recommenders.neighbors import NeighborRecommender
from medrec.recommenders.pair_booster import PairBooster
from medrec.recommenders.pair_features import LabelStatistics, PairFeatures, candidate_pairs, split_blocks
from medrec.recommenders.prior import PriorRecommender

BATCH = 4096
"""Records that are scored at once."""
DEFAULT_BASES = ("logistic", "svm", "neighbors", "lightgbm-fast")


class StackedRecommender(BaseRecommender):
    r"""Out-of-fold scores of several recommenders, and one boosted model over (record, drug) pairs on top.

    Every base :math:`b` scores each training record out of fold, patients kept together, and is calibrated to
    probabilities :math:`p_b` by one sigmoid for all drugs. Their log-odds are averaged by a logistic regression over
    all pairs,

    .. math:: m_{rl} = w_0 + \sum_b w_b \operatorname{logit} p_b(l \mid r) ,

    where :math:`p_b` is kept half a record in :math:`n` away from 0 and 1; and a ``PairBooster``, one LightGBM for all
    drugs, starts at that margin and corrects it from what is known of the pair: score, rank and distance to the best
    of every base; the expected size of the set and what is expected to stand before the drug; how frequent the drug
    is, and how usual beside the other candidates; rivals of its class; what the record says about the drug (label
    blocks); a few columns of the record. Only candidates are looked at: the best of each base, and every drug that the
    record names. All of it is cross-fitted on the same folds, so that training pairs look as pairs to predict will.

    Drugs share one pair model, which knows them by such features and not by name. So a drug that no training record
    has is recommended where the text names it as others are named that were given.

    Parameters
    ----------
    bases : sequence of str or recommender, default=("logistic", "svm", "neighbors", "lightgbm-fast")
        What ``make_base`` takes (binary relevance on it; ``"xgboost-fast"`` is worth adding where XGBoost is there),
        ``"neighbors"``, ``"prior"``, or recommenders of this package. They see the columns of ``X`` before the label
        blocks. Weights by drug are refused where a base refuses them.
    pairs : PairBooster, optional
        The model over pairs; ``PairBooster(n_estimators=0)`` leaves the average as it is.
    label_blocks : sequence of str, default=()
        Names of the label blocks that ``X`` ends in, ``RecordVectorizer.label_block_names()``: as many blocks of one
        column a drug, in label order.
    drug_classes : dict of str to str, optional
        Class of each drug (ATC group, ICD chapter) by name; a drug without one is a class of its own.
    n_candidates : int, default=30
        Drugs of each record that each base puts forward.
    n_context : int, default=8
        Columns of the record that pairs see: those that say most about the size of its set.
    memory : str or joblib.Memory, optional
        Folder in which fitted bases are kept, as scikit-learn's ``Pipeline`` keeps its steps: another fit on the same
        columns, drugs and folds, with other pairs, label blocks or decision, takes the bases from there. It holds
        pickles, so let it be a folder of your own.
    decision : str or rule, default="expected-jaccard-exact"
        As in ``BinaryRelevanceRecommender``. The pair model's probabilities are good enough for exact expectations: in
        cross-validation on training parts these gave .003 to .019 more samples Jaccard than plug-in values.
    drug_names, ddi, n_jobs, random_state, verbose
        As in ``BinaryRelevanceRecommender``.
    cv : int, default=5
        Inner folds; None is refused. The records of a single patient make no folds: then pairs see scores of
        bases that were fitted on them.

    Attributes
    ----------
    bases_ : list of fitted recommenders
    weights_ : ndarray of shape (1 + n_bases,)
        :math:`w_0, w_1, \dots`.
    pairs_ : fitted PairBooster
    base_names_ : list of str
        Names of the bases.
    context_ : ndarray of int
        The record's columns that pairs see.

    Raises
    ------
    ValueError
        When ``cv`` is None, a base is unknown, or ``X`` has fewer columns than the label blocks.

    References
    ----------
    Wolpert (1992), Stacked generalization, Neural Networks 5; Li et al. (2020), a pair-wise re-ranking of label sets.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.eye(4)[[0, 1, 2, 3] * 10]
    >>> Y = np.array([[1, 0], [1, 1], [0, 1], [0, 1]] * 10)
    >>> stacked = StackedRecommender(["logistic", "neighbors"]).fit(X, Y)
    >>> stacked.predict(X[:2]).tolist()
    [[1, 0], [1, 1]]
    """

    def __init__(
        self,
        bases: Sequence[Any] = DEFAULT_BASES,
        *,
        pairs: PairBooster | None = None,
        label_blocks: Sequence[str] = (),
        drug_classes: Mapping[str, str] | None = None,
        n_candidates: int = 30,
        n_context: int = 8,
        memory: Any = None,
        decision: Any = "expected-jaccard-exact",
        drug_names: Sequence[str] | None = None,
        ddi: Any = None,
        cv: int = 5,
        n_jobs: int | None = None,
        random_state: int = 0,
        verbose: bool = False,
    ) -> None:
        self.bases = bases
        self.pairs = pairs
        self.label_blocks = label_blocks
        self.drug_classes = drug_classes
        self.n_candidates = n_candidates
        self.n_context = n_context
        self.memory = memory
        self.decision = decision
        self.drug_names = drug_names
        self.ddi = ddi
        self.cv = cv
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def _fit_scores(
        self, X: Any, sets: sp.csr_matrix, folds: Folds, weight: np.ndarray | None, groups: Any
    ) -> np.ndarray:
        self._check_options(X.shape[1], sets.shape[1])
        self.n_records_, self.n_labels_ = sets.shape
        own, blocks = split_blocks(X, len(self.label_blocks), sets.shape[1])
        names, bases = self._make_bases()
        self.bases_, self.calibrators_, log_odds = [], [], []
        fit_base = check_memory(self.memory).cache(_fit_base)
        for unfitted in progress(bases, desc="bases", show=self.verbose):
            base, scores = fit_base(unfitted, own, sets, folds, weight, groups)
            if not folds:
                scores = base._scores(own)
            # One sigmoid for all drugs: an intercept of its own would tell that a rare drug is in these very records.
            pooled = PlattCalibrator(slope_shrinkage=np.inf, intercept_shrinkage=np.inf)
            calibrator = pooled.fit(scores, sets, sample_weight=weight)
            self.bases_.append(base)
            self.calibrators_.append(calibrator)
            log_odds.append(self._log_odds(calibrator, scores))
        size = sp.csr_matrix(np.diff(sets.indptr)[:, None].astype(np.float64))
        self.context_ = choose_columns(own, size, np.arange(len(sets.indptr) - 1), self.n_context)
        self.base_names_ = names
        self.classes_of_ = self._drug_classes()
        return self._fit_pairs(np.stack(log_odds), self._context(own), blocks, sets, folds, weight)

    def _fit_pairs(
        self,
        log_odds: np.ndarray,
        context: np.ndarray,
        blocks: list[sp.csr_matrix],
        sets: sp.csr_matrix,
        folds: Folds,
        weight: np.ndarray | None,
    ) -> np.ndarray:
        """Fit the average and the pair model; margins of all records (n_records, n_labels), out of fold."""
        rows, labels = candidate_pairs(log_odds, blocks, self.n_candidates)
        features = self.pair_features()
        pairs = np.empty((len(rows), len(features.names)), dtype=np.float32)
        records = np.ones(sets.shape[0]) if weight is None else weight.reshape(len(weight), -1).mean(axis=1)
        record_fold = np.zeros(sets.shape[0], dtype=np.int64)
        for at, (train, test) in enumerate(folds or [(np.arange(sets.shape[0]),) * 2]):
            record_fold[test] = at
            pairs_of = np.isin(rows, test)
            statistics = LabelStatistics.of(sets[train], records[train])
            held = np.searchsorted(test, rows[pairs_of])  # places among the fold's records, which rise
            own = [block[test] for block in blocks]
            pairs[pairs_of] = features.describe(
                log_odds[:, test], statistics, own, context[test], held, labels[pairs_of]
            )
        self.statistics_ = LabelStatistics.of(sets, records)
        target = np.asarray(sets[rows, labels]).ravel() > 0
        weight = None if weight is None else weight[rows] if weight.ndim == 1 else weight[rows, labels]
        fold, everyone = record_fold[rows], np.ones(len(rows), dtype=bool)
        seen = log_odds[:, rows, labels].T
        self.weights_ = _fit_average(seen, target, weight, everyone)
        margin = _average(self.weights_, log_odds)
        for at, (_, test) in enumerate(folds):
            margin[test] = _average(_fit_average(seen, target, weight, fold != at), log_odds[:, test])
        self.pairs_ = clone(self.pairs) if self.pairs is not None else PairBooster(random_state=self.random_state)
        margin[rows, labels] += self.pairs_.fit_folds(
            pairs, target, margin[rows, labels], fold=fold, n_folds=len(folds), weight=weight, n_jobs=self.n_jobs
        )
        return margin

    def _scores(self, X: Any) -> np.ndarray:
        scores = np.empty((X.shape[0], self.n_labels_))
        for start in range(0, X.shape[0], BATCH):
            rows = slice(start, start + BATCH)
            described = self.describe_pairs(X[rows])
            margin = _average(self.weights_, described.log_odds)
            margin[described.rows, described.labels] += self.pairs_.predict(described.pairs)
            scores[rows] = margin
        return scores

    def describe_pairs(self, X: Any) -> "DescribedPairs":
        """What the pair model sees of records ``X`` (n_records, n_features)."""
        own, blocks = split_blocks(X, len(self.label_blocks), self.n_labels_)
        log_odds = np.stack(
            [self._log_odds(one, base._scores(own)) for base, one in zip(self.bases_, self.calibrators_)]
        )
        rows, labels = candidate_pairs(log_odds, blocks, self.n_candidates)
        pairs = self.pair_features().describe(log_odds, self.statistics_, blocks, self._context(own), rows, labels)
        return DescribedPairs(log_odds, rows, labels, pairs)

    def pair_features(self) -> PairFeatures:
        """The features of pairs, by name."""
        return PairFeatures(
            self.base_names_,
            label_blocks=self.label_blocks,
            context=[str(column) for column in self.context_],
            classes=self.classes_of_,
        )

    @property
    def least_probability_(self) -> float:
        """How near to 0 and to 1 a base may come: n records bear no surer word on a drug than half a success in n."""
        return 0.5 / (self.n_records_ + 1)

    def _log_odds(self, calibrator: PlattCalibrator, scores: np.ndarray) -> np.ndarray:
        least = self.least_probability_
        return logit(np.clip(calibrator.transform(scores), least, 1 - least))

    def _context(self, own: Any) -> np.ndarray:
        columns = own[:, self.context_]
        return columns.toarray() if sp.issparse(columns) else np.asarray(columns)

    def _drug_classes(self) -> np.ndarray | None:
        """The class of each drug as a number; a drug without one is alone in its class."""
        if self.drug_classes is None:
            return None
        of = [self.drug_classes.get(name, f"\0{name}") for name in self.drug_names_]
        return np.unique(np.asarray(of, dtype=str), return_inverse=True)[1].ravel()

    def _make_bases(self) -> tuple[list[str], list[BaseRecommender]]:
        """The bases and a name for each."""
        common: dict[str, Any] = {"cv": self.cv, "random_state": self.random_state}
        names: list[str] = []
        made: list[BaseRecommender] = []
        for base in self.bases:
            if isinstance(base, BaseRecommender):
                name, one = type(base).__name__, clone(base)
            elif isinstance(base, str) and base == "neighbors":
                name, one = base, NeighborRecommender(n_jobs=self.n_jobs, **common)
            elif isinstance(base, str) and base == "prior":
                name, one = base, PriorRecommender(**common)
            else:
                name = base if isinstance(base, str) else type(base).__name__
                try:
                    made_base = make_base(base, random_state=self.random_state)
                except ValueError as error:
                    raise ValueError(
                        f"StackedRecommender: a recommender, neighbors or prior, or else {error}"
                    ) from None
                one = BinaryRelevanceRecommender(made_base, n_jobs=self.n_jobs, **common)
            names.append(name if name not in names else f"{name} {len(names) + 1}")
            made.append(one)
        return names, made

    def _check_options(self, n_features: int, n_labels: int) -> None:
        if self.cv is None:
            raise ValueError(
                "StackedRecommender: cv must be a number of folds, because the pair model learns from out-of-fold "
                "scores; got None. Pass cv=5."
            )
        if isinstance(self.bases, str) or not len(self.bases):
            raise ValueError(
                f"StackedRecommender: bases must be a list of at least one base, such as {list(DEFAULT_BASES)}; got "
                f"{self.bases!r}."
            )
        if self.n_candidates < 1 or self.n_context < 0:
            raise ValueError(
                f"StackedRecommender: n_candidates must be at least 1 and n_context at least 0; got "
                f"{self.n_candidates} and {self.n_context}."
            )
        if n_features <= len(self.label_blocks) * n_labels:
            raise ValueError(
                f"StackedRecommender: {len(self.label_blocks)} label blocks of {n_labels} drugs need more than "
                f"{len(self.label_blocks) * n_labels} columns; X has {n_features}. Pass the vectorizer's "
                f"label_block_names(), and all of its columns."
            )


@dataclass(frozen=True)
class DescribedPairs:
    """Candidate pairs of some records.

    Attributes
    ----------
    log_odds : ndarray of shape (n_bases, n_records, n_labels)
        Calibrated log-odds of every base.
    rows, labels : ndarray of int of shape (n_pairs,)
        The candidates.
    pairs : ndarray of shape (n_pairs, n_pair_features)
        Their features, in the order of ``pair_features().names``.
    """

    log_odds: np.ndarray
    rows: np.ndarray
    labels: np.ndarray
    pairs: np.ndarray


def _fit_base(
    base: BaseRecommender, X: Any, sets: sp.csr_matrix, folds: Folds, weight: np.ndarray | None, groups: Any
) -> tuple[BaseRecommender, np.ndarray]:
    """The base, fitted, and its scores out of fold; a function of its arguments alone, so that it can be kept."""
    return base, base._fit_scores(X, sets, folds, weight, groups)


def _fit_average(seen: np.ndarray, target: np.ndarray, weight: np.ndarray | None, rows: np.ndarray) -> np.ndarray:
    """Intercept and weights of the bases, by logistic regression on some pairs; equal weights where all are alike."""
    n_bases = seen.shape[1]
    rows = np.flatnonzero(rows) if weight is None else np.flatnonzero(rows & (weight > 0))
    if target[rows].all() or not target[rows].any():
        return np.concatenate([[0.0], np.full(n_bases, 1.0 / n_bases)])
    found = LogisticRegression(C=1.0, max_iter=1000).fit(
        seen[rows], target[rows], sample_weight=None if weight is None else weight[rows]
    )
    return np.concatenate([found.intercept_, found.coef_[0]])


def _average(weights: np.ndarray, log_odds: np.ndarray) -> np.ndarray:
    """Margins (n_records, n_labels) of the bases' log-odds (n_bases, n_records, n_labels)."""
    return weights[0] + np.tensordot(weights[1:], log_odds, axes=1)
