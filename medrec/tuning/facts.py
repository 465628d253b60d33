"""What a study is held to: data, model, space, metric and folds, in short texts that are the same in every process."""

import hashlib
import inspect
from collections.abc import Mapping
from importlib import metadata
from typing import Any

import numpy as np

from medrec._checks import InputError
from medrec._io import library_versions
from medrec._version import __version__
from medrec.datasets import Dataset
from medrec.recommenders.folds import Folds
from medrec.safety import DDIGraph

WORDS = {
    "data": "other data",
    "model": "another model or other options",
    "space": "another search space",
    "metric": "another metric",
    "folds": "other folds",
}
"""What a study is held to, and how a difference is called."""
WITHOUT_EFFECT = ("n_jobs", "verbose", "memory", "device", "transform_input")
"""Options that change no result; a study may be resumed with others."""


def study_facts(
    data: Dataset, pipeline: Any, space: Any, *, metric: str, folds: Folds, random_state: int
) -> dict[str, Any]:
    """The facts of a study, as JSON holds them.

    Parameters
    ----------
    data : Dataset
    pipeline : Pipeline
        The default configuration, unfitted.
    space : dict of str to distribution, or callable
    metric : str
    folds : list of (train rows, test rows)
    random_state : int
    """
    return {
        "data": data.fingerprint(),
        "model": describe_pipeline(pipeline),
        "space": describe_space(space),
        "metric": metric,
        "folds": {"number": len(folds), "random_state": random_state, "rows": _digest(folds)},
        "versions": {"medrec": __version__, "optuna": metadata.version("optuna"), **library_versions()},
    }


def check_facts(mine: Mapping[str, Any], theirs: Mapping[str, Any], who: str) -> None:
    """Refuse to go on with a study that was made with other facts."""
    for key, words in WORDS.items():
        if mine[key] == theirs.get(key):
            continue
        raise InputError(
            f"{who} was made with {words}: {_difference(theirs.get(key), mine[key])}. "
            "Give another name for the study, or what it was made with"
        )


def _difference(theirs: Any, mine: Any) -> str:
    """The first entry in which two values differ, in words."""
    if isinstance(theirs, dict) and isinstance(mine, dict):
        for key in sorted({*theirs, *mine}):
            if theirs.get(key) != mine.get(key):
                return "{} was {}, is {}".format(key, *_short(theirs.get(key), mine.get(key)))
    return "it was {}, is {}".format(*_short(theirs, mine))


def _short(*values: Any) -> list[str]:
    """Texts of at most 80 characters, from where they begin to differ."""
    texts = ["absent" if value is None else str(value) for value in values]
    if max(map(len, texts)) > 80:
        same = next((at for at, pair in enumerate(zip(*texts)) if len(set(pair)) > 1), 0)
        start = max(0, same - 20)
        texts = [("…" if start else "") + text[start:] for text in texts]
    return [text if len(text) <= 80 else text[:77] + "…" for text in texts]


def default_options(pipeline: Any, names: Any = None) -> dict[str, Any]:
    """Values that the options of a Pipeline have as it stands, by the names that ``make_recommender`` takes.

    Parameters
    ----------
    pipeline : Pipeline
    names : iterable of str, optional
        Which ones; default: all.
    """
    found = pipeline.get_params(deep=True) if hasattr(pipeline, "get_params") else {}
    known = {key.removeprefix("recommender__"): value for key, value in found.items() if "__" in key}
    return known if names is None else {name: known[name] for name in names if name in known}


def describe_pipeline(pipeline: Any) -> dict[str, str]:
    """The options of a Pipeline in short texts that are the same in every process."""
    steps = [type(step).__name__ for _, step in getattr(pipeline, "steps", [("", pipeline)])]
    described = {"steps": ", ".join(steps)}
    for key, value in sorted(default_options(pipeline).items()):
        if key.rpartition("__")[2] in WITHOUT_EFFECT:
            continue
        text = _text(value)
        described[key] = text if len(text) <= 60 else "sha256:" + hashlib.sha256(text.encode()).hexdigest()[:16]
    return described


def describe_space(space: Any) -> Any:
    """The distributions of a space as JSON; of a callable its source, where there is one."""
    if not callable(space):
        from optuna.distributions import distribution_to_json

        return {name: distribution_to_json(one) for name, one in sorted(space.items())}
    name = describe_callable(space)
    try:
        source = inspect.getsource(space)
    except (OSError, TypeError):
        return {"callable": name}
    return {"callable": name, "source": hashlib.sha256(source.encode()).hexdigest()[:16]}


def describe_callable(function: Any) -> str:
    """The name of a function, or what an object says of itself where that is no address in memory."""
    said = getattr(function, "__qualname__", repr(function))
    return type(function).__name__ if " at 0x" in said else said


def _digest(folds: Folds) -> str:
    digest = hashlib.sha256()
    for _, test in folds:
        digest.update(np.asarray(test, dtype="<i8").tobytes() + b"\0")
    return digest.hexdigest()[:16]


def _text(value: Any) -> str:
    """A value as text without addresses in memory."""
    if isinstance(value, Mapping):
        return repr({str(key): _text(one) for key, one in value.items()})
    if isinstance(value, (list, tuple, np.ndarray)):
        return repr([_text(one) for one in value])
    if value is None or isinstance(value, (bool, int, float, str, np.generic)):
        return str(value)
    if isinstance(value, DDIGraph):
        return value.pairs().to_csv(index=False)
    return type(value).__name__
