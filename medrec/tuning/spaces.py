"""Search spaces: which options of a model are worth tuning, and in what range."""

from __future__ import annotations

import inspect
import itertools
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from medrec.recommenders.bases import BASES
from medrec.recommenders.pipeline import MODELS
from medrec.tuning.configuration import read_options

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

MAX_LISTED = 10_000
"""Configurations of a finite space that are listed at most."""


def search_space(
    model: str = "binary-relevance",
    base: str = "logistic",
    *,
    schema: Mapping[str, str] | None = None,
    hashed: bool = False,
) -> dict[str, BaseDistribution]:
    """The options of a model that are worth tuning, each with its distribution.

    Every range holds the default. Names are those of ``make_recommender`` and of ``--set``; a choice that is no
    number or text stands as the text that says it, ``"(1, 3)"``. Change it as any dict and pass it to ``tune``.

    Parameters
    ----------
    model : str, default="binary-relevance"
        A key of ``medrec.recommenders.MODELS``.
    base : str, default="logistic"
        What the model fits for every drug, a name that ``make_base`` takes; of ``"stacked"``, ``"neighbors"`` and
        ``"prior"`` without effect.
    schema : dict, optional
        Kind of each column, as ``Dataset.schema``: options of features are given where a column has them only.
    hashed : bool, default=False
        Whether features are hashed, as ``make_recommender(hashed=True)`` makes them: which drop no rare tokens.

    Returns
    -------
    dict of str to optuna distribution

    Raises
    ------
    ValueError
        When there is no model or base of that name.

    Examples
    --------
    >>> space = search_space("chain", "logistic")
    >>> space["base__C"]
    FloatDistribution(high=300.0, log=True, low=0.3, step=None)
    >>> sorted(space)[:4]
    ['base__C', 'decision', 'features__char_ngrams', 'features__max_features']
    """
    if model not in MODELS:
        raise ValueError(f"search_space: model must be one of {', '.join(MODELS)}; got {model!r}.")
    if base not in BASES:
        raise ValueError(f"search_space: base must be one of {', '.join(BASES)}; got {base!r}.")
    space = dict(_of_model(model))
    if model in ("binary-relevance", "chain", "stacked-binary-relevance"):
        space |= {f"base__{name}": one for name, one in _of_base(base).items()}
    if model != "prior":
        space |= _of_features(set(schema.values()) if schema is not None else {"text", "codes"}, hashed)
    own = inspect.signature(MODELS[model]).parameters["decision"].default
    space["decision"] = _choice(own, "tuned-threshold", "micromacro-freq", "cardinality")
    return dict(sorted(space.items()))


def _of_model(model: str) -> dict[str, BaseDistribution]:
    """Options of the recommender itself."""
    if model == "chain":
        return {
            "order": _choice("frequency", "correlation", "random"),
            "n_chains": _whole(1, 4),
            "min_link": _number(0.01, 0.6),
        }
    if model == "neighbors":
        return {
            "n_neighbors": _whole(3, 150, log=True),
            "weights": _choice("cosine", "uniform"),
            "smoothing": _number(0.05, 10.0),
        }
    if model == "prior":
        return {"smoothing": _number(0.05, 50.0)}
    if model == "stacked-binary-relevance":
        return {
            "meta__C": _number(0.3, 300.0),
            "score_scale": _number(0.03, 3.0),
            "passthrough": _choice(True, False),
        }
    if model == "stacked":
        bases = (
            ("logistic", "svm", "neighbors", "lightgbm-fast"),
            ("logistic", "svm", "neighbors"),
            ("logistic", "neighbors"),
            ("svm", "neighbors", "lightgbm-fast"),
            ("logistic", "svm", "neighbors", "lightgbm"),
        )
        return {
            "bases": _choice(*map(repr, bases)),
            "n_candidates": _whole(10, 80, log=True),
            "n_context": _whole(0, 20),
        }
    return {}


def _of_base(base: str) -> dict[str, BaseDistribution]:
    """Options of what is fitted for every drug."""
    if base == "logistic":
        return {"C": _number(0.3, 300.0)}
    if base == "svm":
        return {"C": _number(0.02, 20.0)}
    if base == "online":
        return {"rate": _number(0.01, 1.0), "n_passes": _whole(1, 10)}
    shared = {
        "n_estimators": _whole(10, 100, log=True) if base.endswith("-fast") else _whole(30, 300, log=True),
        "learning_rate": _number(0.02, 0.4),
        "reg_lambda": _number(0.1, 50.0),
        "max_columns": _whole(300, 4000, log=True),
    }
    if base.startswith("lightgbm"):
        return shared | {
            "num_leaves": _whole(3, 63, log=True),
            "min_child_samples": _whole(2, 50, log=True),
            "feature_fraction": _number(0.2, 1.0, log=False),
        }
    return shared | {
        "max_depth": _whole(2, 8),
        "min_child_weight": _number(0.1, 20.0),
        "colsample_bytree": _number(0.1, 1.0, log=False),
    }


def _of_features(kinds: set[str], hashed: bool) -> dict[str, BaseDistribution]:
    """Options of ``RecordVectorizer``, or of ``HashingRecordVectorizer``, that columns of these kinds have."""
    space: dict[str, BaseDistribution] = {}
    texts = kinds & {"text", "dialogue"}
    if texts or "codes" in kinds:
        space["features__char_ngrams"] = _choice(*map(repr, ((0, 0), (1, 2), (1, 3), (2, 4), (3, 5))))
        if not hashed:
            space["features__min_df"] = _whole(1, 10)
            space["features__max_features"] = _whole(2000, 60_000, log=True)
    if texts:
        space["features__word_ngrams"] = _whole(1, 3)
    return space


def _number(low: float, high: float, *, log: bool = True) -> BaseDistribution:
    from optuna.distributions import FloatDistribution

    return FloatDistribution(low, high, log=log)


def _whole(low: int, high: int, *, log: bool = False) -> BaseDistribution:
    from optuna.distributions import IntDistribution

    return IntDistribution(low, high, log=log)


def _choice(*choices: Any) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution

    return CategoricalDistribution(choices)


def check_space(space: Any) -> None:
    """Refuse what is no space: a dict of option to distribution, a callable, or None for the usual one."""
    from optuna.distributions import BaseDistribution

    if space is None or callable(space):
        return
    entries = space.items() if isinstance(space, Mapping) else [("space", space)]
    for name, one in entries:
        if not isinstance(one, BaseDistribution):
            raise ValueError(
                f"tune: space must be a dict of options to distributions of optuna, or a function of a trial; got "
                f"{name!r}: {one!r:.80}. Write FloatDistribution(low, high) and the like."
            )


def default_draw(space: Mapping[str, BaseDistribution], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """What would have to be drawn from a space for the defaults; an option whose default is not in it has no entry.

    Examples
    --------
    >>> default_draw(search_space("neighbors", schema={"note": "text"}), {"n_neighbors": 20, "smoothing": 0.0})
    {'n_neighbors': 20}
    >>> default_draw(search_space("stacked"), {"features__char_ngrams": (1, 3)})
    {'features__char_ngrams': '(1, 3)'}
    """
    drawn = {}
    for name, distribution in space.items():
        if name not in defaults:
            continue
        default = defaults[name]
        choices = getattr(distribution, "choices", None)
        if choices is not None:
            same = [choice for choice in choices if _same(read_options({name: choice})[name], default)]
            if same:
                drawn[name] = same[0]
        elif _is_within(distribution, default):
            drawn[name] = default
    return drawn


def _same(one: Any, other: Any) -> bool:
    one, other = (tuple(value) if isinstance(value, list) else value for value in (one, other))
    return type(one) is type(other) and bool(one == other)


def _is_within(distribution: Any, value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        return False
    if not distribution.low <= value <= distribution.high:
        return False
    steps = 0.0 if distribution.step is None else (value - distribution.low) / distribution.step
    return math.isclose(steps, round(steps), abs_tol=1e-9)


def list_configurations(space: Mapping[str, BaseDistribution]) -> Iterator[dict[str, Any]] | None:
    """Every draw from a finite space of at most ``MAX_LISTED`` configurations; None for any other.

    Examples
    --------
    >>> list(list_configurations({"k": _whole(1, 2), "order": _choice("random")}))
    [{'k': 1, 'order': 'random'}, {'k': 2, 'order': 'random'}]
    >>> list_configurations({"C": _number(1.0, 2.0)}) is None
    True
    """
    values = [_values(distribution) for distribution in space.values()]
    if not all(values) or math.prod(map(len, values)) > MAX_LISTED:
        return None
    return (dict(zip(space, drawn)) for drawn in itertools.product(*values))


def _values(distribution: Any) -> list[Any]:
    """Every value of a distribution; none where they are too many to list."""
    choices = getattr(distribution, "choices", None)
    if choices is not None:
        return list(choices)
    if distribution.low == distribution.high:
        return [distribution.low]
    if distribution.step is None or (distribution.high - distribution.low) / distribution.step > MAX_LISTED:
        return []
    count = int((distribution.high - distribution.low) / distribution.step + 1e-9) + 1
    return [distribution.low + at * distribution.step for at in range(count)]
