"""tune: what is tried, what is found, and what a study is held to."""

import math
from functools import partial
from types import SimpleNamespace

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sklearn.metrics import accuracy_score, make_scorer

import medrec
from medrec._checks import InputError
from medrec._io import read_manifest
from medrec.datasets import load
from medrec.metrics import overlap_counts
from medrec.recommenders import make_recommender
from medrec.safety import DDIGraph
from medrec.tuning import fit_records, search_space, tune
from medrec.tuning.facts import describe_callable
from medrec.tuning.ledger import Claim
from medrec.tuning.search import MAX_STARTS, Plan, Search, is_done
from medrec.tuning.tune import tuning_folds
from tests.tuning.toys import FINITE, SPACE, Toy, dataset, metric, value_of

SMALL = load("synthetic:records=50,seed=0")


def toy_tune(data=None, *, log=None, space=SPACE, trials=12, **options):
    def make(**drawn):
        return Toy(log, **drawn)

    return tune(
        make, data or dataset(), space=space, trials=trials, metric=options.pop("metric", metric), n_splits=3, **options
    )


def url(folder, name="study"):
    return f"sqlite:///{folder}/{name}.db"


# ------------------------------------------------------------------------------------------------ what is found


def test_the_default_comes_first_and_the_best_is_no_worse():
    result = toy_tune()
    table = result.trials
    assert len(table) == 12
    assert table.loc[0, ["trial", "state", "x", "k", "pair"]].tolist() == [0, "complete", 0.9, 3, (1, 2)]
    assert result.default_value == table["value"][0]
    assert result.best_value == table.loc[table["state"] == "complete", "value"].max() > result.default_value
    assert len({tuple(row) for row in table[["x", "k", "pair"]].itertuples(index=False)}) == 12
    best = table.loc[table["trial"] == result.facts["best_trial"]].iloc[0]
    assert result.best_params == {"x": best["x"], "k": best["k"], "pair": best["pair"]}
    assert result.pipeline.options == result.best_params
    assert result.pipeline.fitted == set(range(30))
    assert result.study.best_value == result.best_value


def test_values_are_means_over_records_of_folds_that_keep_patients_together():
    data = dataset()
    log = []
    result = toy_tune(data, log=log, trials=1)
    folds = tuning_folds(data, 3, 0)
    assert all(not set(data.groups[train]) & set(data.groups[test]) for train, test in folds)
    sizes = [len(test) for _, test in folds]
    means = [data.records["number"].to_numpy()[test].mean() / 1000 for _, test in folds]
    expected = value_of(0.9, 3, (1, 2)) + np.average(means, weights=sizes)
    assert result.best_value == pytest.approx(expected)
    assert len(log) == 4  # three folds and the best on all records


def test_a_real_model_by_hand():
    result = tune("prior", SMALL, trials=4, n_splits=2, random_state=3)
    found = []
    for train, test in tuning_folds(SMALL, 2, 3):
        pipeline = make_recommender(
            "prior", schema=SMALL.schema, drug_names=SMALL.drug_names, random_state=3, **result.best_params
        )
        fit_records(pipeline, SMALL.subset(train))
        found.append(overlap_counts(SMALL.Y[test], pipeline.predict(SMALL.records.iloc[test])).per_record("jaccard"))
    assert result.best_value == pytest.approx(np.concatenate(found).mean(), abs=1e-12)


def test_saved_model_is_the_refit_and_tells_its_study(tmp_path):
    result = tune("prior", SMALL, trials=3, n_splits=2, storage=url(tmp_path))
    medrec.save(result.pipeline, tmp_path / "m", study=result.facts)
    loaded = medrec.load(tmp_path / "m")
    scores = result.pipeline.predict_proba(SMALL.records)
    np.testing.assert_array_equal(loaded.predict_proba(SMALL.records), scores)
    told = read_manifest(tmp_path / "m")["study"]
    assert told["best_value"] == result.best_value
    assert told["trials"] == 3
    assert told["data"] == SMALL.fingerprint()
    again = make_recommender("prior", schema=SMALL.schema, drug_names=SMALL.drug_names, **result.best_params)
    np.testing.assert_array_equal(fit_records(again, SMALL).predict_proba(SMALL.records), scores)


def test_other_metrics():
    names = {name: tune("prior", SMALL, trials=1, n_splits=2, metric=name).best_value for name in ("f1", "f1_micro")}
    scores = []
    for train, test in tuning_folds(SMALL, 2, 0):
        pipeline = fit_records(make_recommender("prior", schema=SMALL.schema), SMALL.subset(train))
        scores.append(overlap_counts(SMALL.Y[test], pipeline.predict(SMALL.records.iloc[test])))
    assert names["f1"] == pytest.approx((scores[0] + scores[1]).f1())
    sizes = [len(test) for _, test in tuning_folds(SMALL, 2, 0)]
    assert names["f1_micro"] == pytest.approx(np.average([one.f1("micro") for one in scores], weights=sizes))


def test_options_that_are_given_are_not_tuned():
    result = tune("prior", SMALL, trials=2, n_splits=2, decision="cardinality", refit=False)
    assert set(result.best_params) == {"smoothing"}
    assert result.pipeline is None
    with pytest.raises(ValueError, match="the space is empty: every option is set"):
        tune("prior", SMALL, decision="cardinality", smoothing=1.0)


def test_optuna_says_nothing(capfd):
    toy_tune(trials=3)
    before = optuna.logging.get_verbosity()
    toy_tune(trials=3, verbose=True)
    assert optuna.logging.get_verbosity() == before
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("trials: 3 done (")
    assert len(err.splitlines()) == 1


def test_plots_of_optuna_take_the_study():
    study = toy_tune(trials=12).study
    assert set(optuna.importance.get_param_importances(study)) == {"x", "k", "pair"}
    assert len(study.trials_dataframe()) == 12


# ------------------------------------------------------------------------------------------------ other spaces


def test_a_space_without_the_default():
    space = {"x": FloatDistribution(0.2, 0.4), "k": IntDistribution(5, 9)}
    result = toy_tune(space=space, trials=6)
    assert result.trials["x"].isna().tolist() == [True] + [False] * 5
    assert result.study.trials[0].params == {}
    assert result.default_value == pytest.approx(value_of(0.9, 3, (1, 2)) + np.arange(30).mean() / 1000)


def test_a_callable_space():
    def space(trial):
        if trial.suggest_categorical("near", [True, False]):
            return {"x": trial.suggest_float("x", 0.2, 0.4)}
        return {"k": trial.suggest_int("k", 1, 20) + 1}

    result = toy_tune(space=space, trials=10)
    assert len(result.trials) == 10
    assert result.trials.loc[0, ["x", "k"]].isna().all()
    assert set(result.best_params) <= {"x", "k"}
    assert len({tuple(row) for row in result.trials[["x", "k"]].fillna(-1).itertuples(index=False)}) == 10


def test_an_exhausted_space_ends_with_a_word():
    result = toy_tune(space=FINITE, trials=50)
    # Eight configurations; of the default (x=0.9, k=3, pair (1, 2)) k and pair are in the space.
    assert len(result.trials) == 8
    assert len({(row.k, row.pair) for row in result.trials.itertuples()}) == 8
    assert result.notes == ("the search space is exhausted: it has no configuration beside these 8",)
    assert result.best_value == pytest.approx(result.trials["value"].max())


def test_an_exhausted_callable_ends_with_a_word():
    result = toy_tune(space=lambda trial: {"k": trial.suggest_int("k", 3, 6)}, trials=50)
    assert sorted(result.trials["k"].dropna()) == [4, 5, 6]  # 3 is the default
    assert "exhausted" in result.notes[0]


def test_numbers_that_differ_in_the_fifth_digit_are_one_configuration():
    space = {"x": FloatDistribution(0.50001, 0.50004)}
    result = toy_tune(space=space, trials=5)
    assert result.trials["x"].dropna().tolist() == [0.5]
    assert "exhausted" in result.notes[0]


# ------------------------------------------------------------------------------------------------ pruning, failures


def test_what_is_below_the_median_is_pruned_and_the_default_never():
    def falling(pipeline, records, Y):
        return metric(pipeline, records, Y) if pipeline.options["x"] == 0.9 else pipeline.options["x"] - 2

    log = []
    result = toy_tune(log=log, trials=20, metric=falling, refit=False)
    pruned = result.trials[result.trials["state"] == "pruned"]
    assert len(pruned) > 3
    assert (pruned["folds"] < 3).all()
    assert (result.trials["folds"] == 3).sum() + len(pruned) == 20
    assert len(log) == result.trials["folds"].sum()
    assert result.trials["state"][0] == "complete"
    assert result.facts["best_trial"] == 0


def test_a_configuration_that_fails_is_told_and_not_tried_again(tmp_path):
    def odd(pipeline, records, Y):
        if pipeline.options["k"] % 2 == 0:
            raise ValueError(f"k={pipeline.options['k']} is even")
        return metric(pipeline, records, Y)

    result = toy_tune(space=FINITE, trials=8, metric=odd, storage=url(tmp_path))
    failed = result.trials[result.trials["error"].notna()]
    assert sorted(failed["k"]) == [2, 2, 4, 4]
    assert set(failed["state"]) == {"fail"}
    assert failed["error"].iloc[0] == f"ValueError: k={failed['k'].iloc[0]} is even"
    assert result.best_params["k"] in (1, 3)
    note = f"4 configurations failed, such as that of trial {failed['trial'].iloc[0]}: {failed['error'].iloc[0]}"
    assert result.notes[-1] == note
    log = []
    again = toy_tune(space=FINITE, trials=8, metric=odd, storage=url(tmp_path), log=log, refit=False)
    assert log == []
    assert again.best_value == result.best_value


def test_an_undefined_metric_is_a_failure():
    def undefined(pipeline, records, Y):
        return metric(pipeline, records, Y) if pipeline.options["k"] == 3 else math.nan

    result = toy_tune(space=FINITE, trials=8, metric=undefined)
    assert result.trials["error"].notna().sum() == 6
    assert "the metric is undefined" in result.trials["error"].dropna().iloc[0]


def test_a_default_that_fails_is_the_callers_matter(tmp_path):
    broken = True

    def strict(pipeline, records, Y):
        if broken:
            raise RuntimeError("no such device")
        return metric(pipeline, records, Y)

    for _ in range(MAX_STARTS + 1):
        with pytest.raises(RuntimeError, match="no such device"):
            toy_tune(trials=4, metric=strict, storage=url(tmp_path))
    broken = False
    result = toy_tune(trials=4, metric=strict, storage=url(tmp_path))
    assert result.trials["state"].tolist()[0] == "complete"
    assert len(result.trials) == 4


def test_a_configuration_that_kills_its_process_is_given_up():
    failed = optuna.trial.create_trial(state=optuna.trial.TrialState.FAIL)
    assert not is_done(Claim(0, "key", 0, MAX_STARTS - 1), failed)
    assert is_done(Claim(0, "key", 0, MAX_STARTS), failed)
    stopped = optuna.trial.create_trial(state=optuna.trial.TrialState.FAIL, user_attrs={"interrupted": True})
    assert not is_done(Claim(0, "key", 0, MAX_STARTS), stopped)


# ------------------------------------------------------------------------------------------------ going on


def test_a_resumed_study_is_the_study_that_never_stopped(tmp_path):
    whole = toy_tune(trials=12, storage=url(tmp_path, "whole"))
    for trials in (1, 5, 12):
        log = []
        parts = toy_tune(trials=trials, storage=url(tmp_path, "parts"), log=log, refit=False)
        assert len(parts.trials) == trials
    columns = ["trial", "state", "value", "folds", "x", "k", "pair"]
    assert parts.trials[columns].equals(whole.trials[columns])
    assert len(log) == whole.trials["folds"][5:].sum()


def test_a_study_that_is_done_fits_nothing(tmp_path):
    first = toy_tune(trials=5, storage=url(tmp_path))
    log = []
    for trials in (5, 3):
        again = toy_tune(trials=trials, storage=url(tmp_path), log=log, refit=False)
        assert again.best_params == first.best_params
        assert len(again.trials) == 5
    assert log == []


def test_time_is_limited_between_trials(tmp_path):
    def make(**drawn):
        return Toy(pause=0.02, **drawn)

    options = {"space": SPACE, "metric": metric, "n_splits": 3, "storage": url(tmp_path), "refit": False}
    short = tune(make, dataset(), trials=500, timeout=0.5, **options)
    assert 1 <= len(short.trials) < 100
    assert set(short.trials["state"]) <= {"complete", "pruned"}
    least = tune(make, dataset(), trials=500, timeout=1e-6, **options)
    assert len(least.trials) == len(short.trials)
    alone = tune(make, dataset(), trials=500, timeout=1e-6, **{**options, "storage": None})
    assert len(alone.trials) == 1  # without any there would be no result


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("at", [0, 4])
def test_an_interrupt_leaves_a_whole_study_and_is_made_up_for(tmp_path, kind, at):
    log = []

    def stopping(pipeline, records, Y):
        if len(log) == 3 * at + 2:
            raise kind(143)
        return metric(pipeline, records, Y)

    with pytest.raises(kind):
        toy_tune(trials=7, metric=stopping, storage=url(tmp_path), log=log, study_name="s")
    study = optuna.load_study(study_name="s", storage=url(tmp_path))
    states = [trial.state.name for trial in study.trials]
    assert states == ["COMPLETE"] * at + ["FAIL"]
    begun = log[-1]
    study.set_user_attr("kept", 1)

    log = []

    # The metric is known by its name, and must be the same.
    def again(pipeline, records, Y):
        return metric(pipeline, records, Y)

    again.__qualname__ = stopping.__qualname__
    result = toy_tune(trials=7, metric=again, storage=url(tmp_path), log=log, study_name="s", refit=False)
    assert log[0] == begun
    assert len(result.trials) == 7
    assert result.trials.loc[at, ["x", "k", "pair"]].to_dict() == begun


def test_a_trial_that_another_process_took_for_dead_is_tried_again(tmp_path):
    calls = []

    def slow(pipeline, records, Y):
        calls.append(dict(pipeline.options))
        if len(calls) == 8:  # in the third trial, which somebody else marks as failed meanwhile
            optuna.load_study(study_name="medrec", storage=url(tmp_path)).tell(2, state=optuna.trial.TrialState.FAIL)
        return metric(pipeline, records, Y)

    result = toy_tune(trials=5, metric=slow, storage=url(tmp_path))
    assert result.notes == ("trial 2 gave no sign of life for so long that another process tried it again",)
    assert len(result.trials) == 5
    assert result.trials["trial"].tolist() == [0, 1, 3, 4, 5]
    assert calls[6:11] == [calls[6]] * 5


# ------------------------------------------------------------------------------------------------ what it is held to


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"data": dataset(seed=1)}, "was made with other data: it was .*, is "),
        ({"data": dataset(n_records=29)}, "was made with other data"),
        ({"space": SPACE | {"x": FloatDistribution(0.0, 2.0)}}, "was made with another search space: x was "),
        ({"space": FINITE}, "was made with another search space"),
        (  # a choice more, at the end of a long text
            {"space": SPACE | {"pair": CategoricalDistribution((*SPACE["pair"].choices, "(9, 9)"))}},
            r"another search space: pair was …[^…]*, is ….*\(9, 9\)",
        ),
        ({"space": lambda trial: {}}, "was made with another search space"),
        ({"metric": lambda pipeline, records, Y: 0.0}, "was made with another metric"),
        ({"random_state": 1}, "was made with other folds"),
        ({"x": 0.8}, "was made with another model or other options: x was 0.9, is 0.8"),
    ],
)
def test_a_study_refuses_what_it_was_not_made_with(changes, says, made):
    with pytest.raises(InputError, match=says) as refused:
        toy_tune(trials=4, storage=made, **changes)
    assert "study 'medrec' in sqlite:///" in str(refused.value)
    assert "Give another name for the study" in str(refused.value)
    assert len(toy_tune(trials=2, storage=made).trials) == 2


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The storage of a study of two trials."""
    storage = url(tmp_path_factory.mktemp("made"))
    toy_tune(trials=2, storage=storage)
    return storage


def test_a_study_of_another_name_is_another_study(made):
    assert len(toy_tune(dataset(seed=1), trials=1, storage=made, study_name="other").trials) == 1
    assert len(toy_tune(trials=2, storage=made).trials) == 2


def test_interactions_are_part_of_the_model(tmp_path):
    names = list(SMALL.drug_names)
    graphs = [DDIGraph.from_edges(names, [(names[0], names[at])]) for at in (1, 2)]
    options = {"trials": 1, "n_splits": 2, "storage": url(tmp_path), "refit": False}
    tune("prior", SMALL, ddi=graphs[0], **options)
    tune("prior", SMALL, ddi=graphs[0], **options)
    with pytest.raises(InputError, match="other options: ddi__graph was drug,other"):
        tune("prior", SMALL, ddi=graphs[1], **options)


def test_more_cores_are_no_other_model(tmp_path):
    options = {"trials": 1, "n_splits": 2, "storage": url(tmp_path), "refit": False, "n_neighbors": 3}
    tune("neighbors", SMALL, n_jobs=1, **options)
    tune("neighbors", SMALL, n_jobs=2, **options)


def test_a_metric_made_of_functions_is_the_same_in_every_process():
    one, other = (partial(metric) for _ in range(2))
    assert describe_callable(one) == describe_callable(other) == "partial"
    assert describe_callable(metric) == "metric"
    assert describe_callable(make_scorer(accuracy_score)).startswith("make_scorer(accuracy_score")


def test_what_is_no_space_or_metric_is_refused():
    for space in ({"x": (1, 2)}, ["x"], {"x": FloatDistribution(0, 1), "k": 3}):
        with pytest.raises(ValueError, match="space must be a dict of options to distributions"):
            toy_tune(space=space)
    with pytest.raises(ValueError, match="metric must be the name of a scorer, or a function; got 3"):
        toy_tune(metric=3)


def test_what_is_for_named_models_is_refused_of_others():
    for options in ({"n_jobs": 2}, {"ddi": DDIGraph.from_edges(["a", "b"], [("a", "b")])}):
        with pytest.raises(ValueError, match="ddi and n_jobs are for a model given by name"):
            toy_tune(trials=1, **options)


def test_a_study_of_somebody_else_is_refused(tmp_path):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(study_name="mine", storage=url(tmp_path))
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    with pytest.raises(InputError, match=r"study 'mine' .* was not made by medrec"):
        toy_tune(storage=url(tmp_path), study_name="mine")


def test_other_versions_are_told(tmp_path, monkeypatch):
    toy_tune(trials=1, storage=url(tmp_path))
    monkeypatch.setattr("medrec.tuning.facts.__version__", "99.0")
    result = toy_tune(trials=2, storage=url(tmp_path))
    assert result.notes == (f"study 'medrec' was begun with medrec {medrec.__version__}; this is 99.0",)


@pytest.mark.parametrize(
    ("storage", "says"),
    [
        ("study.db", "must be the URL of a database, as sqlite:///study.db"),
        ("sqlite://", "names no file"),
        ("sqlite:////nowhere/at/all.db", "cannot be used: unable to open database file"),
        ("nosuch://host/db", "cannot be used"),
        ("mysql+nosuchdriver://me:secret@host/db", r"me:\*\*\*@host/db cannot be used"),
    ],
)
def test_a_storage_that_cannot_be_used(storage, says):
    with pytest.raises(InputError, match=says) as refused:
        toy_tune(storage=storage)
    assert "secret" not in str(refused.value)


def test_a_file_that_is_no_database(tmp_path):
    (tmp_path / "study.db").write_text("records " * 1000)
    with pytest.raises(InputError, match="cannot be used: file is not a database"):
        toy_tune(storage=url(tmp_path))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"trials": 0}, "trials must be a whole number of at least 1; got 0"),
        ({"trials": 2.5}, "trials must be a whole number"),
        ({"heartbeat": 0}, "heartbeat must be a whole number"),
        ({"timeout": 0}, "timeout must be above 0 seconds"),
        ({"space": {}}, "the space is empty"),
        ({"space": None}, "a function of one's own needs a space"),
        ({"data": dataset(n_patients=1)}, "folds need at least two patients"),
        ({"metric": "beauty"}, "there is no scorer 'beauty'"),
        ({"space": lambda trial: {"x": Toy()}}, "tune: x: an option must be None, a number"),
        ({"space": lambda trial: {"x": 1 / 0}}, "division by zero"),
    ],
)
def test_wrong_options_are_refused(options, says):
    with pytest.raises((ValueError, ZeroDivisionError), match=says):
        toy_tune(**options)


def test_a_model_that_is_not_there():
    with pytest.raises(ValueError, match="model must be one of"):
        tune("forest", SMALL)
    assert isinstance(search_space("stacked")["bases"], CategoricalDistribution)


def test_what_died_once_comes_first_and_what_died_twice_last():
    def trial(number, state, **attributes):
        said = {"options": {"k": str(number)}, **attributes}
        return SimpleNamespace(number=number, state=SimpleNamespace(name=state), user_attrs=said, params={"k": number})

    search = Search(None, None, space=SPACE, defaults={"k": 3}, score=iter, n_folds=3, limit=4, random_state=0)
    done = (Claim(0, search._key({}), 0, 1), trial(0, "COMPLETE"))
    once, twice = (Claim(1, "once", 1, 1), trial(1, "FAIL")), (Claim(2, "twice", 2, 2), trial(2, "FAIL"))
    stopped = (Claim(1, "once", 1, 1), trial(1, "FAIL", interrupted=True))
    running = (Claim(3, "running", 3, 1), trial(3, "RUNNING"))
    assert search._next([]).is_default
    assert search._next([done, once, twice]) == Plan({"k": 1}, {"k": 1}, once[0])
    assert search._next([done, stopped, twice]) == Plan({"k": 1}, {"k": 1}, once[0], counts=False)
    assert search._next([done, twice]) == Plan()
    assert search._next([done, twice, running]) == Plan()
    search.limit = 3
    assert search._next([done, twice, running]) == Plan({"k": 2}, {"k": 2}, twice[0])
    assert search._next([done, running, (Claim(2, "given up", 2, MAX_STARTS), trial(2, "FAIL"))]) is None
