"""What users would pick instead, fitted as its users fit it: the peers of part mulan of the quality benchmark.

LibMultiLabel 0.10 needs ``pip install libmultilabel "suitesparse-graphblas<10"``; its thresholding fails there with
SciPy 1.17 (``ValueError: axis out of range``), and is left out where it does.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp

Peer = Callable[[Any, sp.csr_matrix, Any], Any]
"""From X and Y to fit on and X to predict to sets (n_records, n_labels)."""


def peers(*, smoke: bool = False) -> dict[str, Peer]:
    """The peers by name; one whose package is not installed raises ImportError when it is called."""
    chains = 2 if smoke else 10
    found: dict[str, Peer] = {
        "scikit-learn, MultiOutputClassifier": one_each,
        f"scikit-learn, {chains} ClassifierChain": lambda X, Y, X_test: chain_ensemble(X, Y, X_test, chains),
        "scikit-multilearn-ng, MLkNN": ml_knn,
        "scikit-multilearn-ng, RAkEL": rakel,
    }
    for name in ("1vsrest", "thresholding", "cost_sensitive", "cost_sensitive_micro"):
        found[f"LibMultiLabel, {name.replace('_', '-')}"] = lib_multi_label(name)
    return found


def varying(peer: Peer) -> Peer:
    """A peer that is given only labels with records and without, which most need; the others are as in training."""

    def fit_predict(X: Any, Y: sp.csr_matrix, X_test: Any) -> sp.csr_matrix:
        count = np.asarray(Y.sum(axis=0)).ravel()
        some = np.flatnonzero((count > 0) & (count < Y.shape[0]))
        sets = np.zeros((X_test.shape[0], Y.shape[1]), dtype=np.uint8)
        sets[:, count == Y.shape[0]] = 1
        found = peer(X, Y[:, some], X_test)
        sets[:, some] = found.toarray() if sp.issparse(found) else found
        return sp.csr_matrix(sets)

    return fit_predict


def logistic() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=10, max_iter=1000)


@varying
def one_each(X: Any, Y: sp.csr_matrix, X_test: Any) -> Any:
    from sklearn.multioutput import MultiOutputClassifier

    return MultiOutputClassifier(logistic()).fit(X, Y.toarray().astype(int)).predict(X_test)


def chain_ensemble(X: Any, Y: sp.csr_matrix, X_test: Any, n_chains: int) -> Any:
    """Chains in random orders, their probabilities averaged and cut at 0.5, as in scikit-learn's example."""
    from sklearn.multioutput import ClassifierChain

    @varying
    def fit_predict(X: Any, Y: sp.csr_matrix, X_test: Any) -> Any:
        dense = Y.toarray().astype(int)
        made = (ClassifierChain(logistic(), order="random", random_state=at) for at in range(n_chains))
        return np.mean([chain.fit(X, dense).predict_proba(X_test) for chain in made], axis=0) >= 0.5

    return fit_predict(X, Y, X_test)


@varying
def ml_knn(X: Any, Y: sp.csr_matrix, X_test: Any) -> Any:
    from skmultilearn.adapt import MLkNN

    return MLkNN(k=10).fit(X, Y.toarray().astype(int)).predict(X_test)


@varying
def rakel(X: Any, Y: sp.csr_matrix, X_test: Any) -> Any:
    from skmultilearn.ensemble import RakelD

    np.random.seed(0)  # noqa: NPY002 - the partition is drawn from NumPy's global generator
    return RakelD(base_classifier=logistic(), labelset_size=3).fit(X, Y.toarray().astype(int)).predict(X_test)


def lib_multi_label(name: str) -> Peer:
    """A technique of LibMultiLabel with the options of its command line, on the same features with a bias."""

    @varying
    def fit_predict(X: Any, Y: sp.csr_matrix, X_test: Any) -> Any:
        from libmultilabel import linear

        np.random.seed(0)  # noqa: NPY002 - it shuffles its folds by NumPy's global generator
        options = "-s 2 -B 1 -e 0.0001 -q"
        train = getattr(linear, f"train_{name}")
        model = train(Y.astype(np.int64), sp.csr_matrix(X), options=options, verbose=False)
        return np.asarray(linear.predict_values(model, sp.csr_matrix(X_test))) > 0

    return fit_predict
