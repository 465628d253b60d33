"""The search: what is tried next, and that nothing is tried twice or lost."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from medrec._literals import read_literal, write_literal
from medrec.tuning.configuration import configuration_key, read_options
from medrec.tuning.ledger import Claim, Ledger
from medrec.tuning.signals import Deferred
from medrec.tuning.spaces import default_draw, list_configurations

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.trial import FrozenTrial

MAX_STARTS = 5
"""How often a configuration is begun whose process dies; then it counts as failed."""
PATIENCE = 50
"""Repeats in a row after which a space that cannot be listed counts as exhausted."""


@dataclass(frozen=True)
class Plan:
    """What the next trial is to try; of a plain one the sampler decides."""

    fixed: Mapping[str, Any] | None = None
    options: Mapping[str, Any] | None = None
    dead: Claim | None = None
    counts: bool = True
    is_default: bool = False


class Search:
    """Trials of a study, one after another, in step with other processes on the same study.

    First comes the default configuration. A configuration whose trial died with its process, or was interrupted, is
    tried again before any new one, and after them where it died twice. All others are drawn by Optuna's TPE, after a
    repeat at random, and claimed in the ledger before they are fitted: what is claimed already is not fitted again, its
    trial ends at once as failed with the attribute ``repeats``.

    Parameters
    ----------
    study : optuna Study
    ledger : Ledger
        See there.
    space : dict of str to distribution, or callable
        What is drawn from; a callable takes an optuna Trial and returns options.
    defaults : dict
        Values that options have unless they are set.
    score : callable
        From options to an iterator of the value after each fold.
    n_folds : int
        How many values it gives.
    limit : int
        Configurations that the study shall have tried, over all processes and runs.
    random_state : int
        Seed of the sampler.
    """

    def __init__(
        self,
        study: Study,
        ledger: Ledger,
        *,
        space: Any,
        defaults: Mapping[str, Any],
        score: Callable[[Mapping[str, Any]], Iterator[float]],
        n_folds: int,
        limit: int,
        random_state: int,
    ) -> None:
        self.study, self.ledger = study, ledger
        self.space, self.defaults = space, defaults
        self.score, self.n_folds = score, n_folds
        self.limit, self.random_state = limit, random_state
        self.notes: list[str] = []
        drawn = None if callable(space) else list_configurations(space)
        self._listed = None if drawn is None else {self._key(read_options(one)): one for one in drawn}
        self._repeats = 0
        self._failure: Exception | None = None
        self._plan = Plan()
        self._number: int | None = None
        self._signals = Deferred()

    def run(self, deadline: float = math.inf, waits: Callable[[], Any] = lambda: None) -> Iterator[int]:
        """Try configurations, and yield once for each one that is done, those of earlier runs and others included.

        Parameters
        ----------
        deadline : float, default=inf
            ``time.monotonic()`` after which no trial begins, unless none has succeeded yet.
        waits : callable, optional
            Called once when all that is left is being tried by other processes.
        """
        import optuna

        told, waiting = 0, False
        while True:
            optuna.storages.fail_stale_trials(self.study)
            trials = self.claimed()
            done = sum(is_done(claim, trial) for claim, trial in trials)
            yield from range(told, min(done, self.limit))
            told = max(told, min(done, self.limit))
            succeeded = any(trial.state.name == "COMPLETE" for _, trial in trials)
            if done >= self.limit or (succeeded and time.monotonic() >= deadline):
                return
            plan = self._next(trials)
            if plan is not None:
                waiting = False
                self._try(plan)
            elif done < len(trials):
                if not waiting:
                    waits()
                waiting = True
                time.sleep(0.5)
            else:
                self.notes.append(f"the search space is exhausted: it has no configuration beside these {done}")
                return

    def claimed(self) -> list[tuple[Claim, FrozenTrial]]:
        """Each configuration of the study with the trial that tries it, by slot."""
        claims = self.ledger.claims()  # first, because a trial is there before its claim
        by_number = {trial.number: trial for trial in self.study.get_trials(deepcopy=False)}
        return [(claim, by_number[claim.trial]) for claim in claims]

    def _next(self, trials: list[tuple[Claim, FrozenTrial]]) -> Plan | None:
        """What to try next; None where nothing is left, or nothing but what other processes try."""
        claimed = {claim.key for claim, _ in trials}
        if self._key({}) not in claimed:
            drawn = {} if callable(self.space) else default_draw(self.space, self.defaults)
            return Plan(drawn, {name: self.defaults[name] for name in drawn}, is_default=True)
        lost = [pair for pair in trials if pair[1].state.name == "FAIL" and not is_done(*pair)]
        # One that was begun twice may be what kills its process: it waits until nothing else is left.
        lost.sort(key=lambda pair: pair[0].starts)
        if not lost or lost[0][0].starts > 1:
            new = self._new(claimed) if len(claimed) < self.limit else None
            if new is not None or not lost:
                return new
        claim, trial = lost[0]
        counts = not trial.user_attrs.get("interrupted", False)
        return Plan(trial.params, options_of(trial), claim, counts, is_default=claim.slot == 0)

    def _new(self, claimed: set[str]) -> Plan | None:
        """A configuration that nobody has claimed; None where there seems to be none."""
        if self._listed is None:
            return None if self._repeats >= PATIENCE else Plan()
        left = [drawn for key, drawn in self._listed.items() if key not in claimed]
        if left and self._repeats:
            return Plan(left[self._rng(len(claimed)).integers(len(left))])
        return Plan() if left else None

    def _try(self, plan: Plan) -> None:
        """Run one trial of this process."""
        import optuna

        self._plan, self._failure, self._number = plan, None, None
        count = len(self.study.get_trials(deepcopy=False))
        seed = int(self._rng(count).integers(2**31))
        # A sampler for each trial, seeded by its number: a study that is resumed goes on as if it had not stopped, and
        # two processes do not draw the same numbers.
        sampler: Any = optuna.samplers.RandomSampler(seed)  # after a repeat; TPE would dwell on what is tried
        if not self._repeats:
            sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True)
        if plan.fixed:
            sampler = optuna.samplers.PartialFixedSampler(dict(plan.fixed), sampler)
        self.study.sampler = sampler
        try:
            with Deferred() as self._signals:
                self.study.optimize(self._objective, n_trials=1)
        except Exception as error:
            if self._failure is not None:
                raise self._failure from None
            taken = isinstance(error, (ValueError, optuna.exceptions.UpdateFinishedTrialError))
            if self._number is None or not taken:
                raise
            last = self.study.get_trials(deepcopy=False)[self._number]
            if last.state.name != "FAIL":
                raise
            self.notes.append(
                f"trial {last.number} gave no sign of life for so long that another process tried it again"
            )

    def _objective(self, trial: Trial) -> float:
        import optuna

        self._number = trial.number
        plan = self._plan
        try:
            drawn = read_options(self._draw(trial))
        except Exception as error:  # of a space, which is no matter of one configuration
            self._failure = error
            raise
        options = drawn if plan.options is None else dict(plan.options)
        trial.set_user_attr("options", {name: write_literal(value) for name, value in options.items()})
        holder = self._claim(trial, options)
        if holder is not None:
            trial.set_user_attr("repeats", holder)
            return math.nan
        try:
            value = self._score(trial, options)
            if math.isnan(value):
                raise ValueError("the metric is undefined on these folds")
            return value
        except (optuna.TrialPruned, optuna.exceptions.UpdateFinishedTrialError, optuna.exceptions.StorageInternalError):
            raise
        except Exception as error:
            if plan.is_default:  # what fails as it stands is no matter of tuning
                trial.set_user_attr("interrupted", True)
                self._failure = error
                raise
            trial.set_user_attr("error", f"{type(error).__name__}: {error}"[:1000])
            return math.nan
        except BaseException as stop:
            trial.set_user_attr("interrupted", True)
            if not isinstance(stop, KeyboardInterrupt):  # of which Optuna itself makes a failed trial
                self.study.tell(trial, state=optuna.trial.TrialState.FAIL)
            raise

    def _draw(self, trial: Trial) -> Mapping[str, Any]:
        """Values of the options for a trial; of the default those alone that the space has."""
        if callable(self.space):
            return {} if self._plan.is_default else self.space(trial)
        names = self._plan.fixed if self._plan.is_default and self._plan.fixed is not None else self.space
        return {name: suggest(trial, name, self.space[name]) for name in names}

    def _claim(self, trial: Trial, options: Mapping[str, Any]) -> int | None:
        """Claim the configuration for a trial; the number of the trial that has it where it is taken."""
        storage: Any = self.study._storage
        if hasattr(storage, "record_heartbeat") and storage.get_heartbeat_interval():
            # The first sign of life before the claim, or a process killed between them would hold it for ever.
            storage.record_heartbeat(trial._trial_id)
        dead = self._plan.dead
        if dead is not None:
            taken = self.ledger.take_over(dead.key, dead=dead.trial, trial=trial.number, again=self._plan.counts)
            return None if taken else dead.trial
        key = self._key({} if self._plan.is_default else options)
        answer = self.ledger.claim(key, trial=trial.number, limit=self.limit)
        self._repeats = self._repeats + 1 if answer == "repeat" else 0
        if answer == "new":
            return None
        holders = [claim.trial for claim in self.ledger.claims() if claim.key == key]
        return holders[0] if holders else -1

    def _score(self, trial: Trial, options: Mapping[str, Any]) -> float:
        import optuna

        value, values = math.nan, self.score(options)
        for fold in range(self.n_folds):
            with self._signals.admitted():
                value = next(values)
            trial.report(value, fold)
            if fold + 1 < self.n_folds and not self._plan.is_default and trial.should_prune():
                raise optuna.TrialPruned
        return value

    def _key(self, options: Mapping[str, Any]) -> str:
        return configuration_key(options, self.defaults)

    def _rng(self, count: int) -> np.random.Generator:
        return np.random.default_rng([self.random_state, count, self._repeats])


def is_done(claim: Claim, trial: FrozenTrial) -> bool:
    """Whether a configuration needs no further trial: it has a value, was pruned, or failed by its own fault."""
    if trial.state.name in ("COMPLETE", "PRUNED"):
        return True
    given_up = claim.starts >= MAX_STARTS and not trial.user_attrs.get("interrupted", False)
    return trial.state.name == "FAIL" and ("error" in trial.user_attrs or given_up)


def options_of(trial: FrozenTrial) -> dict[str, Any]:
    """The options that a trial tried."""
    return {name: read_literal(text) for name, text in trial.user_attrs["options"].items()}


def suggest(trial: Trial, name: str, distribution: Any) -> Any:
    """Draw a parameter of a trial from a distribution."""
    from optuna.distributions import CategoricalDistribution, IntDistribution

    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(name, distribution.choices)
    draw = trial.suggest_int if isinstance(distribution, IntDistribution) else trial.suggest_float
    return draw(name, distribution.low, distribution.high, step=distribution.step, log=distribution.log)
