"""Boosters over bins that labels, folds and links share, against the libraries called label by label."""

import lightgbm
import numpy as np
import pytest
import scipy.sparse as sp

from medrec import BinaryRelevanceRecommender, ChainRecommender
from medrec.recommenders import LightGBMBase, XGBoostBase, bases
from medrec.recommenders.columns import choose_columns
from medrec.recommenders.folds import patient_folds

xgboost = pytest.importorskip("xgboost", reason='needs xgboost: pip install "medrec[xgboost]"')
BOTH = [
    LightGBMBase(n_estimators=6, num_leaves=5),
    LightGBMBase(n_estimators=6, feature_fraction=0.5),
    XGBoostBase(n_estimators=6),
]
CONTAINERS = pytest.mark.parametrize("dense", [False, True])
BASES = pytest.mark.parametrize("base", BOTH, ids=["lightgbm", "lightgbm-fraction", "xgboost"])


def problem(dense=False, n_labels=4, n_records=200):
    X = sp.random(n_records, 40, 0.3, format="csr", dtype=np.float32, random_state=0)
    Y = sp.csr_matrix((np.random.default_rng(1).random((n_records, n_labels)) < 0.3).astype(np.uint8))
    return (X.toarray() if dense else X), Y, np.arange(n_records) // 2


def target(Y, label):
    return Y[:, [label]].toarray().ravel().astype(np.float32)


def lightgbm_alone(base, X, y, held=None, weight=None, **more):
    """A label's booster by LightGBM alone, from the base's options."""
    params = {"objective": "binary", "learning_rate": base.learning_rate, "num_leaves": base.num_leaves}
    params |= {"min_data_in_leaf": base.min_child_samples, "lambda_l2": base.reg_lambda, "max_bin": base.max_bin}
    params |= {"feature_fraction": base.feature_fraction, "seed": base.random_state, "num_threads": 1}
    params |= {"deterministic": True, "force_row_wise": True, "verbosity": -1, **more}
    data = lightgbm.Dataset(X, y, weight=weight, params=params)
    if held is None:
        return lightgbm.train(params, data, base.n_estimators)
    watched = lightgbm.Dataset(*held, reference=data, params=params)
    stop = lightgbm.early_stopping(base.early_stopping_rounds, verbose=False)
    return lightgbm.train(params, data, base.n_estimators, valid_sets=[watched], callbacks=[stop])


def xgboost_alone(base, X, y, held=None, weight=None, **more):
    params = {"objective": "binary:logistic", "learning_rate": base.learning_rate, "max_depth": base.max_depth}
    params |= {"min_child_weight": base.min_child_weight, "reg_lambda": base.reg_lambda, "max_bin": base.max_bin}
    params |= {"colsample_bytree": base.colsample_bytree, "base_score": 0.5, "tree_method": "hist", "nthread": 1}
    params |= {"seed": base.random_state, **more}
    data = xgboost.QuantileDMatrix(X, label=y, weight=weight, max_bin=base.max_bin)
    if held is None:
        return xgboost.train(params, data, base.n_estimators)
    watched = xgboost.QuantileDMatrix(held[0], label=held[1], ref=data, max_bin=base.max_bin)
    stop = xgboost.callback.EarlyStopping(rounds=base.early_stopping_rounds, save_best=True)
    evals = [(watched, "held")]
    return xgboost.train(params, data, base.n_estimators, evals=evals, callbacks=[stop], verbose_eval=False)


def alone(base, X, y, X_test, held=None, **more):
    """Scores (n_records,) of one label fitted by the library alone."""
    if isinstance(base, LightGBMBase):
        return lightgbm_alone(base, X, y, held, **more).predict(X_test, raw_score=True)
    return xgboost_alone(base, X, y, held, **more).predict(xgboost.DMatrix(X_test), output_margin=True)


@BASES
@CONTAINERS
def test_shared_bins_give_the_trees_of_each_label_alone(base, dense):
    X, Y, _ = problem(dense)
    rows = np.arange(0, 150)
    fitted = clone_of(base).fit_labels(X, Y, rows=rows)
    scores = fitted.decision_function(X)
    for label in range(Y.shape[1]):
        assert np.array_equal(alone(base, X[rows], target(Y, label)[rows], X), scores[:, label])
    assert fitted.device_ == "cpu"
    assert fitted.n_iter_.tolist() == [6] * 4


@BASES
@CONTAINERS
@pytest.mark.parametrize("n_chains", [1, 2])
def test_links_on_appended_columns_are_those_of_a_chain_fitted_afresh(base, dense, n_chains):
    X, Y, _ = problem(dense)
    orders = [[2, 0, 3, 1], [3, 1, 0, 2]][:n_chains]
    chain = ChainRecommender(base, order=orders if n_chains > 1 else orders[0], n_chains=n_chains, cv=None).fit(X, Y)
    for order, links in zip(orders, chain.chains_):
        features = X
        for label, link in zip(order, links):
            expected = alone(base, features, target(Y, label), features)
            assert np.array_equal(expected, link.decision_function(features)[:, 0])
            column = target(Y, label)[:, None]
            features = np.hstack([features, column]) if dense else sp.csr_matrix(sp.hstack([features, column]))


@BASES
def test_chain_on_predictions_is_the_chain_by_hand(base):
    X, Y, groups = problem(dense=True)
    chain = ChainRecommender(base, order=[1, 0, 2, 3], cv=3, min_link=0.0).fit(X, Y, groups)
    out_of_fold, scores = np.zeros((len(X), 4)), np.zeros((len(X), 4))
    seen = X
    for label in (1, 0, 2, 3):
        y = target(Y, label)
        for train, test in patient_folds(len(X), 3, groups):
            out_of_fold[test, label] = alone(base, seen[train], y[train], seen[test])
        scores[:, label] = chain.links_[chain.order_.tolist().index(label)].decision_function(seen)[:, 0]
        assert np.array_equal(scores[:, label], alone(base, seen, y, seen))
        seen = np.hstack([seen, 1 / (1 + np.exp(-out_of_fold[:, [label]]))]).astype(np.float32)


@BASES
@pytest.mark.parametrize("model", ["labels", "chain"])
def test_early_stopping_watches_other_patients_for_every_label(base, model):
    X, Y, groups = problem(dense=True, n_records=400)
    base = clone_of(base).set_params(n_estimators=60, early_stopping_rounds=3, validation_fraction=0.25)
    train, held = patient_folds(len(X), 4, groups, 0)[0]
    assert not set(groups[train]) & set(groups[held])
    if model == "labels":
        fitted = clone_of(base).fit_labels(X, Y, groups=groups)
        steps = [(label, X, fitted.decision_function(X)[:, label]) for label in range(4)]
        rounds = fitted.n_iter_
    else:
        chain = ChainRecommender(base, order=[0, 1, 2, 3], cv=None).fit(X, Y, groups)
        grown = [np.hstack([X, Y[:, :label].toarray().astype(np.float32)]) for label in range(4)]
        steps = [(label, grown[label], chain.links_[label].decision_function(grown[label])[:, 0]) for label in range(4)]
        rounds = np.concatenate([link.n_iter_ for link in chain.links_])
    for label, features, scores in steps:
        y = target(Y, label)
        expected = alone(base, features[train], y[train], features, held=(features[held], y[held]))
        assert np.array_equal(expected, scores)
    assert rounds.max() < 60
    assert len(set(rounds)) > 1


@BASES
def test_positive_weight_by_label(base):
    X, Y, _ = problem(dense=True)
    ratios = [1.5, 3.0, 0.5, 2.0]
    fitted = clone_of(base).set_params(scale_pos_weight=ratios).fit_labels(X, Y)
    chain = ChainRecommender(clone_of(base).set_params(scale_pos_weight=ratios), order=[3, 2, 1, 0], cv=None).fit(X, Y)
    balanced = clone_of(base).set_params(scale_pos_weight="balanced").fit_labels(X, Y)
    for label, ratio in enumerate(ratios):
        y = target(Y, label)
        expected = alone(base, X, y, X, scale_pos_weight=ratio)
        assert np.array_equal(expected, fitted.decision_function(X)[:, label])
        expected = alone(base, X, y, X, scale_pos_weight=float((len(y) - y.sum()) / y.sum()))
        assert np.allclose(expected, balanced.decision_function(X)[:, label], atol=1e-6)
    expected = alone(base, X, target(Y, 3), X, scale_pos_weight=2.0)
    assert np.array_equal(expected, chain.links_[0].decision_function(X)[:, 0])


@BASES
@pytest.mark.parametrize("cv", [None, 3])
@pytest.mark.parametrize("ratios", [None, [1.5, 3.0, 0.5, 2.0]])
def test_jobs_change_nothing(base, cv, ratios):
    X, Y, groups = problem()
    base = clone_of(base).set_params(scale_pos_weight=ratios)
    one, many = (BinaryRelevanceRecommender(base, cv=cv, n_jobs=jobs).fit(X, Y, groups) for jobs in (None, 7))
    assert one.labels_.models_ == many.labels_.models_
    assert one.labels_.get_params() == many.labels_.get_params()
    assert np.array_equal(one.predict_proba(X), many.predict_proba(X))


@pytest.mark.parametrize("weighted", [False, True])
def test_a_booster_that_is_used_again_grows_the_trees_of_a_new_one(weighted):
    rng = np.random.default_rng(5)
    X = sp.random(300, 60, 0.2, format="csr", dtype=np.float32, random_state=1)
    frequency = [0.5, 0.004, 0.2, 0.01, 0.9, 0.0, 0.05, 0.996, 0.02, 0.3]
    Y = sp.csr_matrix((rng.random((300, 10)) < frequency).astype(np.uint8))
    weight = rng.integers(1, 5, size=Y.shape).astype(float) if weighted else None
    base = LightGBMBase(n_estimators=20, min_child_samples=1)
    fitted = clone_of(base).fit_labels(X, Y, sample_weight=weight)
    scores = fitted.decision_function(X)
    for label, model in enumerate(fitted.models_):
        if not isinstance(model, float):
            more = {} if weight is None else {"weight": weight[:, label]}
            assert np.array_equal(alone(base, X, target(Y, label), X, **more), scores[:, label])
    assert sum(isinstance(model, float) for model in fitted.models_) >= 1


@BASES
def test_weights_by_label(base):
    X, Y, _ = problem(dense=True)
    weight = np.random.default_rng(3).integers(1, 4, size=Y.shape).astype(float)
    scores = clone_of(base).fit_labels(X, Y, sample_weight=weight).decision_function(X)
    for label in range(4):
        assert np.array_equal(alone(base, X, target(Y, label), X, weight=weight[:, label]), scores[:, label])


@BASES
@CONTAINERS
def test_missing_values_are_taken(base, dense):
    X, Y, groups = problem(dense=True)
    X[np.random.default_rng(4).random(X.shape) < 0.2] = np.nan
    features = X if dense else sp.csr_matrix(X)
    for model in (BinaryRelevanceRecommender(base, cv=3), ChainRecommender(base, cv=3)):
        probabilities = model.fit(features, Y, groups).predict_proba(features)
        assert np.isfinite(probabilities).all()
    fitted = clone_of(base).fit_labels(features, Y)
    assert np.array_equal(alone(base, features, target(Y, 0), features), fitted.decision_function(features)[:, 0])
    with pytest.raises(ValueError, match="NaN"):
        BinaryRelevanceRecommender("logistic").fit(features, Y)
    values = features if dense else features.data
    values[:1] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        BinaryRelevanceRecommender(base).fit(features, Y)


@BASES
@CONTAINERS
def test_columns_are_chosen_on_the_rows_of_the_fit_and_contributions_find_them(base, dense):
    X, Y, groups = problem(dense)
    base = clone_of(base).set_params(max_columns=10)
    rows = np.arange(0, 200, 2)
    fitted = clone_of(base).fit_labels(X, Y, rows=rows)
    targets = Y[rows].toarray().astype(float)
    columns = (X if dense else X.toarray())[rows].astype(float)
    centred = columns - columns.mean(axis=0)
    worth = ((centred.T @ (targets - targets.mean(axis=0)) / len(rows)) ** 2).sum(axis=1) / columns.var(axis=0)
    assert fitted.columns_.tolist() == sorted(np.argsort(-worth)[:10].tolist())
    kept = X[:, fitted.columns_]
    assert np.array_equal(alone(base, kept[rows], target(Y, 1)[rows], kept), fitted.decision_function(X)[:, 1])
    values = fitted.contributions(X, 1)
    assert values.shape == (200, 41)
    np.testing.assert_allclose(values.sum(axis=1).ravel(), fitted.decision_function(X)[:, [1]].T, rtol=1e-4, atol=1e-5)
    gain = fitted.feature_importances()
    assert gain.shape == (4, 40)
    assert set(gain[1].indices) <= set(fitted.columns_)
    if isinstance(base, LightGBMBase):
        expected = lightgbm_alone(base, kept[rows], target(Y, 1)[rows]).feature_importance("gain")
        np.testing.assert_allclose(gain[1].toarray()[0, fitted.columns_], expected)
    chain = ChainRecommender(base, cv=3).fit(X, Y, groups)
    assert [len(link.columns_) for link in chain.links_] == [10, 11, 12, 13]
    assert np.isfinite(chain.predict_proba(X)).all()


def test_a_column_that_meets_a_rare_label_by_chance_gives_way():
    rng = np.random.default_rng(0)
    common = rng.random(300) < 0.4
    rare = np.zeros(300)
    rare[7] = 1
    X = np.column_stack([rare, common ^ (rng.random(300) < 0.2), rng.random(300)])
    Y = sp.csr_matrix(np.column_stack([rare, common]).astype(np.uint8))
    assert choose_columns(X, Y, np.arange(300), 1).tolist() == [1]
    assert choose_columns(X, Y, np.arange(300), None).tolist() == [0, 1, 2]


@BASES
def test_labels_that_are_constant_absent_or_single(base):
    X, Y, groups = problem(n_labels=5)
    dense = Y.toarray()
    dense[:, 0], dense[:, 1], dense[:, 2] = 0, 1, 0
    dense[17, 2] = 1
    base = clone_of(base).set_params(early_stopping_rounds=2)
    for model in (BinaryRelevanceRecommender(base, cv=3), ChainRecommender(base, cv=3)):
        probabilities = model.fit(X, dense, groups).predict_proba(X)
        assert np.isfinite(probabilities).all()
        assert probabilities[:, 0].max() < 0.1 < 0.9 < probabilities[:, 1].min()


@BASES
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scale_pos_weight": [1.0, 2.0]}, "scale_pos_weight must be positive, one number or one a label"),
        ({"scale_pos_weight": "heavy"}, "'balanced' or None; got 'heavy'"),
        ({"scale_pos_weight": 0.0}, "scale_pos_weight must be positive"),
        ({"max_columns": 0}, "max_columns must be at least 1, or None"),
        ({"early_stopping_rounds": 0}, "early_stopping_rounds must be at least 1"),
        ({"validation_fraction": 0.9}, "validation_fraction must be above 0 and at most 0.5"),
    ],
)
def test_wrong_options_are_named(base, options, message):
    X, Y, _ = problem()
    with pytest.raises(ValueError, match=f"{type(base).__name__}: .*{message}"):
        clone_of(base).set_params(**options).fit_labels(X, Y)


def test_xgboost_takes_the_other_container_as_the_same_records():
    X, Y, _ = problem()
    base = XGBoostBase(n_estimators=5).fit_labels(X, Y)
    assert np.array_equal(base.decision_function(X), base.decision_function(X.toarray()))


def test_an_interrupt_stops_every_thread(monkeypatch):
    X, Y, groups = problem()
    fitted = []

    class Interrupted(LightGBMBase):
        def fit_bins(self, bins, Y, weight=None, *, tick):
            def count():
                fitted.append(1)
                if len(fitted) == 3:
                    raise KeyboardInterrupt
                tick()

            return super().fit_bins(bins, Y, weight, tick=count)

    with pytest.raises(KeyboardInterrupt):
        BinaryRelevanceRecommender(Interrupted(n_estimators=3), n_jobs=2).fit(X, Y, groups)
    assert len(fitted) < 6 * 4


def test_fast_presets_are_bases_by_name():
    fast = bases.make_base("lightgbm-fast", random_state=4)
    assert fast.get_params() == LightGBMBase.fast(random_state=4).get_params()
    assert bases.make_base("xgboost-fast").max_bin < XGBoostBase().max_bin
    assert LightGBMBase.fast(n_estimators=7).n_estimators == 7


def clone_of(base):
    return type(base)(**base.get_params())
