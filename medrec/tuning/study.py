"""A study: opened or made in its storage, and held to the data, space and folds that it was made with."""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from medrec._checks import InputError
from medrec.tuning.facts import check_facts
from medrec.tuning.ledger import Ledger

if TYPE_CHECKING:
    from optuna import Study

GRACE = 4
"""Signs of life that may fail to come before a trial counts as dead."""


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Without Optuna's own lines on stderr and its warnings that an interface may change."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)


@contextmanager
def storage_trouble(storage: str | None) -> Iterator[None]:
    """What a database says as an ``InputError``; the study keeps what was written."""
    import optuna
    import sqlalchemy

    try:
        yield
    except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        cause = getattr(error, "orig", None) or error.__cause__ or error
        name = "in memory" if storage is None else hide_password(storage)
        raise InputError(f"storage {name} cannot be used: {cause}. Check the URL, or run again") from error


def open_study(
    storage: str | None, name: str, facts: Mapping[str, Any], *, heartbeat: int
) -> tuple[Study, Ledger, tuple[str, ...]]:
    """The study of a name, made where there is none, and the ledger beside it.

    Parameters
    ----------
    storage : str or None
        URL of a database as SQLAlchemy reads it; None keeps the study in this process.
    name : str
        Of the study.
    facts : dict
        What the study is held to, see ``study_facts``; a change of ``versions`` is only told.
    heartbeat : int
        Seconds between two signs of life of a running trial.

    Returns
    -------
    study : optuna Study
        Whose greater values are better.
    ledger : Ledger
    notes : tuple of str
        What is worth telling.

    Raises
    ------
    InputError
        When the storage cannot be opened, or the study was made with other facts, or not by medrec.
    """
    optuna_storage, engine = _open_storage(storage, heartbeat)
    try:
        return _hold_to(facts, optuna_storage, engine, storage, name)
    except BaseException:
        engine.dispose()
        raise


def _hold_to(
    facts: Mapping[str, Any], optuna_storage: Any, engine: Any, storage: str | None, name: str
) -> tuple[Study, Ledger, tuple[str, ...]]:
    """The study and its ledger in an open storage, once they agree on the facts."""
    import optuna

    where = "" if storage is None else f" in {hide_password(storage)}"
    study = optuna.create_study(
        study_name=name,
        storage=optuna_storage,
        direction="maximize",
        load_if_exists=True,
        # Values after each fold are of the same records in every trial, so they compare from the first fold on. A
        # signed-rank test over folds (WilcoxonPruner) could not tell five of them apart before the fourth.
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5),
    )
    ledger = _patiently(lambda: Ledger(engine, name))
    if study.get_trials(deepcopy=False) and not ledger.known():  # in this order: facts come before trials
        raise InputError(f"study {name!r}{where} was not made by medrec; give another name for the study, or storage")
    mine = json.dumps(facts, ensure_ascii=False, sort_keys=True)
    theirs = json.loads(ledger.agree(mine))
    check_facts(json.loads(mine), theirs, f"study {name!r}{where}")
    study.set_user_attr("medrec", theirs)
    changed = {key: value for key, value in facts["versions"].items() if theirs["versions"].get(key) != value}
    notes = tuple(
        f"study {name!r} was begun with {key} {theirs['versions'].get(key, '(none)')}; this is {value}"
        for key, value in changed.items()
    )
    return study, ledger, notes


def hide_password(storage: str) -> str:
    """The URL of a storage without its password."""
    import sqlalchemy

    return sqlalchemy.engine.make_url(storage).render_as_string(hide_password=True)


def _open_storage(storage: str | None, heartbeat: int) -> tuple[Any, Any]:
    """Optuna's storage, and an engine for the ledger."""
    import optuna
    import sqlalchemy

    if storage is None:
        return optuna.storages.InMemoryStorage(), sqlalchemy.create_engine("sqlite://")
    try:
        url = sqlalchemy.engine.make_url(storage)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise InputError(f"storage must be the URL of a database, as sqlite:///study.db; got {storage!r:.80}") from None
    options: dict[str, Any] = {}
    if url.get_backend_name() == "sqlite":
        if not url.database or url.database == ":memory:":
            raise InputError(f"storage {storage!r} names no file; write sqlite:///study.db, or pass None for no file")
        options = {"connect_args": {"timeout": 120}}  # seconds that a process waits while another writes

    def connect() -> Any:
        return optuna.storages.RDBStorage(
            storage, engine_kwargs=options, heartbeat_interval=heartbeat, grace_period=GRACE * heartbeat
        )

    try:
        made = _patiently(connect)
    except (ImportError, RuntimeError) as error:  # no driver, or a study of another version of Optuna
        raise InputError(f"storage {hide_password(storage)} cannot be used: {error.__cause__ or error}") from error
    return made, made.engine


def _patiently(make: Any, attempts: int = 20) -> Any:
    """What ``make`` gives, tried again where another process makes the same tables at the same moment."""
    import optuna
    import sqlalchemy

    for attempt in range(attempts):
        try:
            return make()
        except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
            cause = str(getattr(error, "orig", None) or error.__cause__ or error).lower()
            meeting = any(word in cause for word in ("already exists", "unique", "duplicate", "locked"))
            if not meeting or attempt == attempts - 1:
                raise
            time.sleep(0.05 * (attempt + 1))
    raise AssertionError("unreachable")
