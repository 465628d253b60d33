"""``tune``: options of a model that do better than the defaults, on patients that each fit has not seen."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from medrec._literals import write_literal
from medrec._progress import progress
from medrec.datasets import Dataset
from medrec.metrics import get_scorer
from medrec.metrics.totals import METRICS
from medrec.recommenders import make_recommender
from medrec.recommenders.folds import Folds
from medrec.tuning.cross import fit_records
from medrec.tuning.facts import default_options, describe_callable, study_facts
from medrec.tuning.result import TuningResult, best_trial, default_value, trials_table
from medrec.tuning.search import Search, options_of
from medrec.tuning.spaces import check_space, search_space
from medrec.tuning.splits import GroupedIterativeSplit
from medrec.tuning.study import hide_password, open_study, quiet_optuna, storage_trouble


def tune(
    model: Any,
    data: Dataset,
    *,
    base: str = "logistic",
    space: Any = None,
    trials: int = 30,
    timeout: float | None = None,
    storage: str | None = None,
    study_name: str | None = None,
    metric: Any = "jaccard",
    n_splits: int = 5,
    random_state: int = 0,
    n_jobs: int | None = None,
    ddi: Any = None,
    heartbeat: int = 30,
    refit: bool = True,
    verbose: bool = False,
    **options: Any,
) -> TuningResult:
    """Tune a model by cross-validation, patients kept together, with Optuna.

    The default configuration is tried first, so that the result is never below it on these folds. With ``storage``
    a study can be interrupted or killed at any time and goes on where it was when it is called again; any number of
    processes may work on it at once, and no configuration is tried twice. A trial whose best value over the folds so
    far is below the median of the others' values at that fold is pruned (Optuna's ``MedianPruner``).

    The best value is the best of many on the same folds, so it flatters: measure the result on records that
    the study did not see.

    Parameters
    ----------
    model : str or callable
        A key of ``medrec.recommenders.MODELS``; or a function from options to an unfitted Pipeline of steps
        ``features`` and ``recommender``.
    data : Dataset
        Records and their drugs.
    base : str, default="logistic"
        What a model given by name fits for every drug.
    space : dict of str to optuna distribution, or callable, optional
        What is searched; a callable takes an optuna Trial and returns options. Drawn numbers are rounded to four
        significant digits, texts are read as literals. Default: ``search_space(model, base)`` without ``options``.
    trials : int, default=30
        Configurations that the study shall have tried in the end, pruned and failed ones, all processes and earlier
        runs counted.
    timeout : float, optional
        Seconds after which no trial begins, unless none has succeeded yet.
    storage : str, optional
        URL of a database as SQLAlchemy reads it, ``"sqlite:///study.db"``. Default: none, the study is in memory.
    study_name : str, optional
        Default: of the model and the base, ``"chain-logistic"``.
    metric : str or callable, default="jaccard"
        A name that ``medrec.metrics.get_scorer`` knows; ``"jaccard"``, ``"f1"``, ``"precision"`` and ``"recall"`` are
        those of samples. Or a function ``(pipeline, records, Y)`` whose greater values are better.
    n_splits : int, default=5
        Folds.
    random_state : int, default=0
        Seed of folds and sampler, and of a model given by name.
    n_jobs : int, optional
        Cores of a fit, of a model given by name; a function of your own sets it itself.
    ddi : DDIFilter, DDIGraph or DataFrame, optional
        As in ``make_recommender``, for a model given by name.
    heartbeat : int, default=30
        Seconds between two signs of life of a trial; one that gives none for four times as long counts as killed.
    refit : bool, default=True
        Whether the best configuration is fitted on all records in the end.
    verbose : bool, default=False
        Progress on stderr.
    **options
        Options of the model that are not tuned, as ``make_recommender`` or the callable takes them.

    Returns
    -------
    TuningResult

    Raises
    ------
    InputError
        When the storage cannot be opened, or the study was made with other data, options, space, metric or folds.
    ValueError
        When an option is out of range, the space is no such dict, or the default configuration cannot be fitted.

    References
    ----------
    Akiba et al. (2019), Optuna: A next-generation hyperparameter optimization framework, KDD; Bergstra et al. (2011),
    Algorithms for hyper-parameter optimization, NIPS, for the sampler (TPE).

    Examples
    --------
    >>> from medrec.datasets import load
    >>> data = load("synthetic:records=60,seed=0")
    >>> result = tune("prior", data, trials=3, n_splits=2)
    >>> len(result.trials), result.best_value >= result.default_value
    (3, True)
    """
    _check_numbers(trials=trials, heartbeat=heartbeat)
    if timeout is not None and not timeout > 0:
        raise ValueError(f"tune: timeout must be above 0 seconds; got {timeout!r}.")
    if not callable(metric) and not isinstance(metric, str):
        raise ValueError(f"tune: metric must be the name of a scorer, or a function; got {metric!r:.80}.")
    check_space(space)
    if callable(model) and (ddi is not None or n_jobs is not None):
        raise ValueError("tune: ddi and n_jobs are for a model given by name. Set them in your function.")
    start = time.monotonic()
    make, name = _maker(model, data, base, random_state, n_jobs, ddi, options)
    if space is None:
        if callable(model):
            raise ValueError("tune: a function of one's own needs a space. Pass space={option: distribution}.")
        space = search_space(model, base, schema=data.schema, hashed=options.get("hashed", False))
        space = {key: one for key, one in space.items() if key not in options}
    if not callable(space) and not space:
        raise ValueError("tune: the space is empty: every option is set. Leave one out, or pass space.")
    scorer = metric if callable(metric) else get_scorer(metric_name(metric))
    measured = describe_callable(metric) if callable(metric) else metric_name(metric)
    folds = tuning_folds(data, n_splits, random_state)
    pipeline = make()
    facts = study_facts(data, pipeline, space, metric=measured, folds=folds, random_state=random_state)
    with quiet_optuna(), storage_trouble(storage):
        study, ledger, notes = open_study(storage, study_name or name, facts, heartbeat=heartbeat)
        search = Search(
            study,
            ledger,
            space=space,
            defaults=default_options(pipeline, None if callable(space) else space),
            score=partial(score_folds, make, data, folds, scorer),
            n_folds=len(folds),
            limit=trials,
            random_state=random_state,
        )
        deadline = math.inf if timeout is None else start + timeout
        steps = search.run(deadline, partial(_say_waiting, verbose))
        try:
            for _ in progress(steps, desc="trials", total=trials, show=verbose):
                pass
            found = search.claimed()
        finally:
            ledger.close()
    best, first, table = best_trial(found), default_value(found), trials_table(found)
    best_params = options_of(best)
    about = {
        "name": study.study_name,
        "storage": None if storage is None else hide_password(storage),
        "trials": len(table),
        "best_trial": best.number,
        "best_value": float(best.value),
        "best_params": {key: write_literal(value) for key, value in best_params.items()},
        "default_value": None if math.isnan(first) else first,
        **facts,
    }
    notes = (*notes, *search.notes)
    failed = table[table["error"].notna()]
    if len(failed):
        one = failed.iloc[0]
        notes += (f"{len(failed)} configurations failed, such as that of trial {one['trial']}: {one['error']}",)
    fitted = fit_records(make(**best_params), data) if refit else None
    return TuningResult(best_params, float(best.value), first, study, fitted, table, about, notes)


def name_study(model: str, base: str) -> str:
    """The name of a study unless it is given one: of the model, and of the base where it has one."""
    return model if model in ("neighbors", "prior", "stacked") else f"{model}-{base}"


def tuning_folds(data: Dataset, n_splits: int, random_state: int) -> Folds:
    """The folds of a study: patients together, every drug in every fold; the same for equal data, number and seed."""
    patients = len(data) if data.groups is None else len(np.unique(data.groups))
    if patients < 2:
        raise ValueError("tune: folds need at least two patients.")
    splitter = GroupedIterativeSplit(min(n_splits, patients), random_state=random_state)
    return list(splitter.split(None, data.Y, data.groups))


def score_folds(
    make: Callable[..., Any], data: Dataset, folds: Folds, scorer: Callable[..., float], options: Mapping[str, Any]
) -> Iterator[float]:
    """The mean over all records scored so far, after each fold; exact for metrics that are a mean over records."""
    total = count = 0.0
    for train, test in folds:
        fitted = fit_records(make(**options), data.subset(train))
        total += len(test) * float(scorer(fitted, data.records.iloc[test], data.Y[test]))
        count += len(test)
        yield total / count


def _maker(
    model: Any, data: Dataset, base: str, random_state: int, n_jobs: int | None, ddi: Any, options: dict[str, Any]
) -> tuple[Callable[..., Any], str]:
    """A function from options to a Pipeline, and the name of its study."""
    if callable(model):
        return partial(model, **options) if options else model, "medrec"
    fixed: dict[str, Any] = {
        "schema": data.schema,
        "drug_names": data.drug_names,
        "aliases": data.aliases,
        "ddi": ddi,
        "base": base,
        "random_state": random_state,
    }
    if model != "prior":
        fixed["n_jobs"] = n_jobs

    def make(**drawn: Any) -> Any:
        return make_recommender(model, **{**fixed, **options, **drawn})

    return make, name_study(model, base)


def metric_name(metric: str) -> str:
    """The name of a scorer; ``"jaccard"`` and the like are those of samples."""
    return f"{metric}_samples" if metric in METRICS else metric


def _say_waiting(verbose: bool) -> None:
    if verbose:
        print("trials: the rest is being tried by other processes; waiting for them", file=sys.stderr)


def _check_numbers(**numbers: Any) -> None:
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise ValueError(f"tune: {name} must be a whole number of at least 1; got {value!r}.")
