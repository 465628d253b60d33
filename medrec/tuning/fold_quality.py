"""How good folds are: patients apart, labels alike, none absent, sizes equal."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from medrec._checks import check_sets
from medrec.tuning.stratification import check_groups


def describe_folds(folds: Iterable[tuple[Any, Any]], y: Any, groups: Any = None) -> dict[str, Any]:
    """What the test parts of folds are like.

    With :math:`n_{lk}` of the :math:`m_k` records of test part k that have label l, and :math:`n_l` of all :math:`n`:

    ``rate_deviation`` is the mean over parts and labels of :math:`|n_{lk} / m_k - n_l / n|`, and ``label_distribution``
    that of :math:`|n_{lk} / (m_k - n_{lk}) - n_l / (n - n_l)|`, the LD of Sechidis et al. (2011). Labels that no record
    has, and for LD those that a whole part has, are left out.

    Parameters
    ----------
    folds : iterable of (train, test)
        As a splitter gives them.
    y : sparse or dense 0/1 matrix of shape (n_records, n_labels)
        Drugs of each record.
    groups : array of shape (n_records,), optional
        The patient of each record.

    Returns
    -------
    dict
        ``folds``; ``shared_patients``, those with records on both sides of some fold; ``rate_deviation``;
        ``label_distribution``; ``absent_labels``, labels that some test part lacks though they have a patient for each
        (for one part of a fifth, five patients); ``smallest`` and ``largest``, records of a test part.

    Raises
    ------
    ValueError
        When there are no folds, or a test part is empty.

    References
    ----------
    K. Sechidis, G. Tsoumakas, I. Vlahavas: On the stratification of multi-label data. ECML PKDD 2011.

    Examples
    --------
    >>> import numpy as np
    >>> Y = np.array([[1, 0], [1, 0], [0, 1], [0, 1]])
    >>> found = describe_folds([([0, 1], [2, 3]), ([2, 3], [0, 1])], Y)
    >>> found["rate_deviation"], found["absent_labels"], found["shared_patients"]
    (0.5, 2, 0)
    """
    Y = check_sets(y, who="describe_folds", name="y", copy=False)
    group = check_groups(groups, Y.shape[0], "describe_folds")
    parts, shared = [], np.zeros(int(group.max(initial=-1)) + 1, dtype=bool)
    for train, test in folds:
        both = np.intersect1d(group[np.asarray(train)], group[np.asarray(test)])
        shared[both] = True
        parts.append(np.asarray(test))
    if not parts or min(map(len, parts)) == 0:
        raise ValueError("describe_folds: folds must have records to test on; got none. Give what split() yields.")
    sizes = np.array([len(test) for test in parts], dtype=np.float64)[:, None]
    held = np.stack([np.bincount(Y[test].indices, minlength=Y.shape[1]) for test in parts])
    total, n_records = np.bincount(Y.indices, minlength=Y.shape[1]), float(Y.shape[0])
    pairs = np.unique(group[np.repeat(np.arange(Y.shape[0]), np.diff(Y.indptr))] * Y.shape[1] + Y.indices)
    patients = np.bincount(pairs % max(Y.shape[1], 1), minlength=Y.shape[1])
    enough = max(2, round(n_records / sizes.mean()))  # parts of one repeat
    used = total > 0
    rates = np.abs(held / sizes - total / n_records)[:, used]
    some = used & (held < sizes).all(axis=0)
    odds = np.abs(held[:, some] / (sizes - held[:, some]) - total[some] / (n_records - total[some]))
    return {
        "folds": len(parts),
        "shared_patients": int(shared.sum()),
        "rate_deviation": float(rates.mean()) if used.any() else 0.0,
        "label_distribution": float(odds.mean()) if some.any() else 0.0,
        "absent_labels": int(((held == 0).any(axis=0) & (patients >= enough)).sum()),
        "smallest": int(sizes.min()),
        "largest": int(sizes.max()),
    }
