"""Recommenders against what their docstrings say, computed by hand; and the pipeline that make_recommender builds."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from scipy.special import expit
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from medrec.datasets import load
from medrec.decision import PlattCalibrator
from medrec.recommenders import (
    MODELS,
    BinaryRelevanceRecommender,
    ChainRecommender,
    EstimatorBase,
    LightGBMBase,
    LinearBase,
    PriorRecommender,
    make_recommender,
)
from medrec.recommenders.folds import patient_folds
from medrec.safety import DDIGraph


def problem(seed=0, n=50, d=9, n_labels=4):
    rng = np.random.default_rng(seed)
    X = (rng.random((n, d)) < 0.3) * rng.random((n, d))
    Y = (X @ rng.normal(size=(d, n_labels)) + 0.2 * rng.normal(size=(n, n_labels)) > 0.1).astype(int)
    return X, Y, rng.integers(0, 20, size=n)


def prior_by_hand(X, Y, test, alpha):
    """Mean over a record's codes of the smoothed frequency of each drug."""
    p = (Y.sum(axis=0) + 0.5) / (len(Y) + 1)
    rows = []
    for record in test:
        codes = np.flatnonzero(record)
        tables = [(Y[X[:, c] != 0].sum(axis=0) + alpha * p) / ((X[:, c] != 0).sum() + alpha) for c in codes]
        rows.append(np.mean(tables, axis=0) if tables else p)
    return np.log(np.array(rows) / (1 - np.array(rows)))


def test_prior_is_what_it_says():
    X, Y, groups = problem()
    X[3] = 0.0
    prior = PriorRecommender(smoothing=1.5, cv=4).fit(X, Y, groups)
    out_of_fold = np.zeros(Y.shape)
    for train, test in patient_folds(len(X), 4, groups):
        out_of_fold[test] = prior_by_hand(X[train], Y[train], X[test], 1.5)
    calibrator = PlattCalibrator().fit(out_of_fold, Y)
    np.testing.assert_allclose(prior.calibrator_.slope_, calibrator.slope_, rtol=1e-6)
    expected = calibrator.transform(prior_by_hand(X, Y, X, 1.5))
    np.testing.assert_allclose(prior.predict_proba(X), expected, rtol=1e-6)


def test_binary_relevance_calibrates_on_scores_of_held_out_records():
    X, Y, groups = problem()
    base = LinearBase(C=2.0, tol=1e-10)
    model = BinaryRelevanceRecommender(base, cv=3, random_state=5).fit(X, Y, groups)
    out_of_fold = np.zeros(Y.shape)
    for train, test in patient_folds(len(X), 3, groups, 5):
        fitted = LinearBase(C=2.0, tol=1e-10).fit_labels(X[train], Y[train])
        out_of_fold[test] = fitted.decision_function(X[test])
    calibrator = PlattCalibrator().fit(out_of_fold, Y)
    scores = LinearBase(C=2.0, tol=1e-10).fit_labels(X, Y).decision_function(X)
    np.testing.assert_allclose(model.predict_proba(X), calibrator.transform(scores), rtol=1e-6)


def test_links_of_a_chain_see_out_of_fold_predictions():
    X, Y, groups = problem()
    order = [2, 0, 3, 1]
    chain = ChainRecommender(LinearBase(C=2.0, tol=1e-12), order=order, cv=3, min_link=0.2).fit(X, Y, groups)
    train_X, test_X = X, X
    for link, label in enumerate(order):
        y = Y[:, [label]]
        out_of_fold = np.zeros(len(X))
        for train, test in patient_folds(len(X), 3, groups):
            fitted = LinearBase(C=2.0, tol=1e-12).fit_labels(train_X[train], y[train])
            out_of_fold[test] = fitted.decision_function(train_X[test])[:, 0]
        fitted = LinearBase(C=2.0, tol=1e-12).fit_labels(train_X, y)
        np.testing.assert_allclose(chain.links_[link].coef_, fitted.coef_, atol=1e-4)
        scores = fitted.decision_function(test_X)[:, 0]
        np.testing.assert_allclose(chain._scores(X)[:, label], scores, atol=1e-3)
        seen = [np.where(expit(one) < 0.2, 0.0, expit(one)) for one in (out_of_fold, scores)]
        train_X, test_X = np.column_stack([train_X, seen[0]]), np.column_stack([test_X, seen[1]])


@pytest.mark.parametrize(
    "base",
    [
        LinearBase(C=2.0, tol=1e-12),
        EstimatorBase(LogisticRegression(C=2.0, tol=1e-10)),
        LightGBMBase(n_estimators=5),
    ],
)
def test_of_a_single_patient_links_see_the_own_fit_of_those_before(base):
    X, Y, _ = problem()
    chain = ChainRecommender(base, order=range(4), min_link=0.2).fit(X, Y, np.zeros(len(X)))
    seen = X
    for label in range(4):
        scores = clone(base).fit_labels(seen, sp.csr_matrix(Y[:, [label]])).decision_function(seen)[:, 0]
        np.testing.assert_allclose(chain._scores(X)[:, label], scores, atol=1e-3)
        seen = np.column_stack([seen, np.where(expit(scores) < 0.2, 0.0, expit(scores))])


def test_orders_of_a_chain():
    X, Y, _ = problem()
    Y[:, 1] = 0
    Y[:, 3] = 1
    by_count = ChainRecommender().fit(X, Y).order_
    assert by_count[0] == 3
    assert by_count[-1] == 1
    drawn = [ChainRecommender(order="random", random_state=seed).fit(X, Y).order_.tolist() for seed in (0, 0, 1, 2)]
    assert drawn[0] == drawn[1]
    assert len({tuple(one) for one in drawn}) > 1
    assert all(sorted(one) == [0, 1, 2, 3] for one in drawn)


def test_progress_is_shown_when_asked(capsys):
    X, Y, _ = problem()
    BinaryRelevanceRecommender(verbose=True).fit(X, Y)
    ChainRecommender(verbose=True).fit(X, Y)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "binary relevance: 6 done" in shown.err
    assert "chain, links: 4 done" in shown.err
    ChainRecommender().fit(X, Y)
    assert capsys.readouterr().err == ""


# ------------------------------------------------------------------------------------------------ make_recommender

SCHEMA = {"note": "text", "codes": "codes"}


@pytest.mark.parametrize("model", MODELS)
def test_every_model_is_a_pipeline(model):
    pipeline = make_recommender(model, schema=SCHEMA)
    assert isinstance(pipeline, Pipeline)
    assert list(pipeline.named_steps) == ["features", "recommender"]
    assert type(pipeline[-1]) is MODELS[model]


def test_options_reach_their_step():
    pipeline = make_recommender("chain", schema=SCHEMA, base="svm", base__C=7.0, cv=3, features__min_df=4, min_link=0.1)
    assert pipeline[-1].base.C == 7.0
    assert pipeline[-1].base.loss == "squared_hinge"
    assert pipeline[-1].cv == 3
    assert pipeline[-1].min_link == 0.1
    assert pipeline[0].min_df == 4
    assert make_recommender(schema=SCHEMA, base="lightgbm", random_state=9)[-1].base.random_state == 9


def test_names_are_read_when_asked():
    given = {"schema": SCHEMA, "drug_names": ["甲", "乙"], "aliases": {"甲": ("A",)}}
    assert make_recommender(**given)[0].label_block_names() == ()
    features = make_recommender(**given, names=True)[0]
    assert list(features.drug_names) == ["甲", "乙"]
    assert features.aliases == {"甲": ("A",)}
    assert "named:note" in features.label_block_names()
    assert make_recommender(**given, names=True, features__aliases=None)[0].aliases is None
    with pytest.raises(ValueError, match="names=True needs drug_names"):
        make_recommender(schema=SCHEMA, names=True)
    with pytest.raises(ValueError, match="the prior reads no text, so names=True is nothing to it"):
        make_recommender("prior", **given, names=True)


def test_what_is_no_option_or_model_is_named():
    with pytest.raises(
        ValueError,
        match=r"model must be one of binary-relevance, .*stacked, stacked-binary-relevance; got 'forest'",
    ):
        make_recommender("forest", schema=SCHEMA)
    with pytest.raises(ValueError, match=r"no option 'smooth'; there are .*'smoothing'"):
        make_recommender("prior", schema=SCHEMA, smooth=1)
    with pytest.raises(ValueError, match="no option 'base__leaves'"):
        make_recommender(schema=SCHEMA, base__leaves=1)
    with pytest.raises(ValueError, match="the prior reads columns of kind 'codes'; the schema has none"):
        make_recommender("prior", schema={"note": "text"})
    with pytest.raises(ValueError, match="base must be one of"):
        make_recommender(schema=SCHEMA, base="forest")


def test_interactions_keep_to_names_whatever_their_order():
    data = load("synthetic:records=60,seed=0")
    names = data.drug_names.tolist()
    graph = DDIGraph.from_edges(names[::-1], data.ddi)
    pipelines = [
        make_recommender("prior", schema=data.schema, drug_names=names, ddi=ddi).fit(data.records, data.Y)
        for ddi in (graph, data.ddi)
    ]
    first, second = (pipeline.predict(data.records) for pipeline in pipelines)
    assert (first != second).nnz == 0
    safe = first.toarray()
    for drug, other in data.ddi[["drug", "other"]].itertuples(index=False):
        if drug in names and other in names:
            assert not (safe[:, names.index(drug)] & safe[:, names.index(other)]).any()
    assert isinstance(pipelines[0][-1].recommend(pipelines[0][0].transform(data.records)), pd.DataFrame)
