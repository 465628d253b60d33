"""Contributions add up to the probability, for every model, and each is what the model's own parts say it is."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from sklearn.ensemble import RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from medrec.decision import Threshold, TopK
from medrec.explain import RecordExplainer, explain_record
from medrec.features import RecordVectorizer
from medrec.recommenders import LightGBMBase, LinearBase, MultiLabelAdapter, PairBooster, XGBoostBase, make_recommender
from medrec.safety import DDIFilter, DDIGraph
from tests.explain.examples import DRUGS, fit, make_data

TREES = LightGBMBase(n_estimators=8, min_child_samples=3)
MODELS = {
    "logistic": ("binary-relevance", {}),
    "svm, no folds": ("binary-relevance", {"base": "svm", "cv": None}),
    "rows as they are": ("binary-relevance", {"base": LinearBase(C=2.0)}),
    "with names": ("binary-relevance", {"names": True}),
    "lightgbm": ("binary-relevance", {"base": TREES}),
    "xgboost": ("binary-relevance", {"base": XGBoostBase(n_estimators=8)}),
    "forest": ("binary-relevance", {"base": RandomForestClassifier(5, random_state=0), "cv": None}),
    "chain": ("chain", {"order": [2, 0, 1, 3]}),
    "chain of trees": ("chain", {"base": TREES}),
    "chain of a forest": ("chain", {"base": RandomForestClassifier(5, random_state=0), "cv": None}),
    "chain on labels": ("chain", {"cv": None}),
    "chain, sampling": ("chain", {"cv": None, "inference": "sampling"}),
    "chain of trees, beam": ("chain", {"cv": None, "base": TREES, "inference": "beam"}),
    "ensemble of chains": ("chain", {"n_chains": 3}),
    "neighbours": ("neighbors", {"n_neighbors": 5}),
    "neighbours alike": ("neighbors", {"n_neighbors": 5, "weights": "uniform"}),
    "prior": ("prior", {}),
    "two levels": ("stacked-binary-relevance", {}),
    "two levels of trees": ("stacked-binary-relevance", {"base": TREES, "meta": TREES}),
    "two levels, scores only": ("stacked-binary-relevance", {"passthrough": False}),
    "stacked": ("stacked", {"bases": ["logistic", "neighbors", "prior"], "pairs": PairBooster(n_estimators=20)}),
    "stacked, few candidates": ("stacked", {"bases": ["logistic", "svm"], "n_candidates": 1}),
    "stacked, no names": ("stacked", {"bases": ["logistic"], "names": False}),
}


@pytest.fixture(scope="module", params=list(MODELS))
def fitted(request):
    if request.param == "xgboost":
        pytest.importorskip("xgboost", reason="xgboost is not installed: pip install 'medrec[xgboost]'")
    model, options = MODELS[request.param]
    return fit(model, **options)


@pytest.mark.parametrize("row", [0, 1, 3])
def test_contributions_sum_to_the_probability(fitted, row):
    pipeline, data = fitted
    probability = pipeline.predict_proba(data.records)[row]
    explainer = RecordExplainer(pipeline, data.subset([row]))
    for label, drug in enumerate(DRUGS):
        found = explainer.explain(drug)
        total = found.table["contribution"].sum()
        assert found.probability == pytest.approx(probability[label], abs=1e-9)
        assert expit(total) == pytest.approx(probability[label], abs=1e-6)
        assert total == pytest.approx(found.score, abs=1e-5)
        for name, table in found.details.items():
            top = found.table[(found.table["source"] == "base") & (found.table["feature"] == name)]
            assert table["contribution"].sum() == pytest.approx(top["contribution"].item(), abs=1e-6)


def test_decision_is_that_of_recommend(fitted):
    pipeline, data = fitted
    table = pipeline[-1].recommend(pipeline[:-1].transform(data.records.iloc[[1]]), top_k=len(DRUGS)).set_index("drug")
    explainer = RecordExplainer(pipeline, data.subset([1]))
    assert explainer.recommended == [drug for drug in table.index if table["kept"][drug]]
    for drug in DRUGS:
        found = explainer.explain(drug)
        assert (found.rank, found.kept) == (table["rank"][drug], table["kept"][drug])
        assert found.why.startswith("recommended: " if found.kept else "not recommended: ")


def test_linear_terms_are_coefficients_times_unit_rows():
    pipeline, data = fit("binary-relevance")
    X = pipeline[:-1].transform(data.records).toarray()[1].astype(float)
    recommender = pipeline[-1]
    expected = recommender.labels_.coef_[1] * X / np.linalg.norm(X) * recommender.calibrator_.slope_[1]
    table = explain_record(pipeline, data.subset([1]), DRUGS[1]).table.set_index("feature")
    names = pipeline[0].get_feature_names_out()
    of_features = table[table["source"] == "feature"]
    assert set(of_features.index) == {names[at] for at in np.flatnonzero(expected)}
    for at in np.flatnonzero(expected):
        assert of_features["contribution"][names[at]] == pytest.approx(expected[at], rel=1e-4, abs=1e-7)
        assert of_features["value"][names[at]] == pytest.approx(X[at])


def test_links_of_a_chain_are_named_by_their_drug():
    pipeline, data = fit("chain", order=[2, 0, 1, 3])
    chain = pipeline[-1]
    table = explain_record(pipeline, data.subset([0]), DRUGS[1]).table
    drugs = table[table["source"] == "drug"].set_index("feature")
    X = pipeline[:-1].transform(data.records.iloc[[0]]).astype(float)
    X = X / np.sqrt(X.multiply(X).sum())
    n = X.shape[1]
    first = (X @ chain.links_[0].coef_[0] + chain.links_[0].intercept_)[0]
    seen = expit(first) if expit(first) >= chain.min_link else 0.0
    assert drugs["value"][DRUGS[2]] == pytest.approx(seen, rel=1e-4)
    expected = chain.links_[2].coef_[0, n] * seen * chain.calibrator_.slope_[1]
    assert drugs["contribution"][DRUGS[2]] == pytest.approx(expected, rel=1e-3)


def test_neighbours_are_the_nearest_records_and_say_who_has_the_drug():
    pipeline, data = fit("neighbors", n_neighbors=4)
    found = explain_record(pipeline, data.subset([2]), DRUGS[2]).neighbours
    X = pipeline[:-1].transform(data.records).toarray().astype(float)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    cosine = X @ X[2]
    nearest = np.lexsort((np.arange(len(X)), -cosine.round(9)))[:4]
    assert found["record"].tolist() == (nearest + 1).tolist()
    np.testing.assert_allclose(found["cosine"], cosine[nearest], rtol=1e-6)
    assert found["has_drug"].tolist() == (data.Y[nearest, 2].toarray().ravel() > 0).tolist()
    np.testing.assert_allclose(found["weight"], 4 * cosine[nearest] / cosine[nearest].sum(), rtol=1e-6)
    votes = (found["weight"] * found["has_drug"]).sum()
    table = explain_record(pipeline, data.subset([2]), DRUGS[2]).table.set_index("source")
    assert table["value"]["neighbours"] == pytest.approx(votes)


def test_codes_of_the_prior_share_the_way_from_the_drugs_frequency():
    pipeline, data = fit("prior")
    prior = pipeline[-1]
    table = explain_record(pipeline, data.subset([2]), DRUGS[2]).table.set_index("feature")
    codes = pipeline[:-1].transform(data.records.iloc[[2]]).indices
    shares = prior.code_drug_[codes, 2]
    slope = (logit(shares.mean()) - logit(prior.prior_[2])) / (shares.mean() - prior.prior_[2])
    names = pipeline[0].get_feature_names_out()
    for code, share in zip(codes, shares):
        expected = (share - prior.prior_[2]) / len(codes) * slope * prior.calibrator_.slope_[2]
        assert table["contribution"][names[code]] == pytest.approx(expected)
        assert table["value"][names[code]] == pytest.approx(share)


def test_bases_of_a_stack_count_their_weight():
    pipeline, data = fit("stacked", bases=["logistic", "prior"], pairs=PairBooster(n_estimators=20))
    stack = pipeline[-1]
    found = explain_record(pipeline, data.subset([0]), DRUGS[0])
    described = stack.describe_pairs(pipeline[:-1].transform(data.records.iloc[[0]]))
    table = found.table.set_index(["source", "feature"])
    for at, name in enumerate(["logistic", "prior"]):
        expected = stack.weights_[1 + at] * described.log_odds[at, 0, 0] * stack.calibrator_.slope_[0]
        assert table["contribution"]["base", name] == pytest.approx(expected)
    pair = np.flatnonzero(described.labels == 0)
    names = {*stack.pair_features().names, *pipeline[0].get_feature_names_out()}
    pairs = found.table[found.table["source"] == "pair feature"]
    assert set(pairs["feature"]) <= names
    assert not any(name.startswith("record: ") for name in pairs["feature"]), "columns have their own names"
    correction = stack.pairs_.predict(described.pairs[pair])[0] * stack.calibrator_.slope_[0]
    rest = found.table[found.table["feature"] == "pair model"]["contribution"].sum()
    assert pairs["contribution"].sum() + rest == pytest.approx(correction)


def test_what_cannot_be_divided_says_so():
    pipeline, data = fit("binary-relevance", base=RandomForestClassifier(5, random_state=0), cv=None)
    found = explain_record(pipeline, data.subset([0]), DRUGS[0])
    assert found.notes == ("RandomForestClassifier does not say what moves its score, which stands undivided.",)
    assert found.located == 0.0
    adapted = make_pipeline(
        RecordVectorizer(data.schema, min_df=1), MultiLabelAdapter(KNeighborsClassifier(3), drug_names=DRUGS)
    ).fit(data.records, data.Y)
    found = explain_record(adapted, data.subset([0]), DRUGS[0])
    assert found.table["feature"][0] == "KNeighborsClassifier"
    assert "KNeighborsClassifier" in found.notes[0]


def test_a_drug_removed_by_the_filter_says_against_which():
    interactions = pd.DataFrame({"drug": [DRUGS[0]], "other": [DRUGS[2]], "severity": ["major"]})
    pipeline, data = fit("binary-relevance", ddi=interactions, decision=TopK(3))
    row = next(at for at in range(len(data)) if data.Y[at, 0] and data.Y[at, 2])
    explainer = RecordExplainer(pipeline, data.subset([row]))
    lost = DRUGS[0] if DRUGS[0] not in explainer.recommended else DRUGS[2]
    kept = DRUGS[2] if lost == DRUGS[0] else DRUGS[0]
    assert f"removed by the interaction filter: it interacts with {kept} (major)" in explainer.explain(lost).why


def test_a_drug_put_in_the_place_of_another_says_whose():
    graph = DDIGraph.from_edges(DRUGS, [(DRUGS[0], DRUGS[2], "major")])
    pipeline, data = fit("binary-relevance", decision=TopK(3))
    recommender = pipeline[-1]
    recommender.decision_ = Threshold(0.2).fit(None, data.Y)
    recommender.filter_ = DDIFilter(graph, replace=dict.fromkeys(DRUGS, "one class"))
    row = next(at for at in range(len(data)) if data.Y[at, 0] and data.Y[at, 2])
    explainer = RecordExplainer(pipeline, data.subset([row]))
    audit = recommender.decide(pipeline.predict_proba(data.records.iloc[[row]]))[2].to_dict("records")[0]
    assert audit["replacement"] in DRUGS, "the test needs a replacement"
    found = explainer.explain(audit["replacement"])
    assert found.kept
    assert found.why.startswith(f"recommended in the place of {audit['removed']}, which interacts: rank ")


def test_refusals():
    pipeline, data = fit("prior")
    with pytest.raises(ValueError, match=r"explain_record: 'aspirin tablet' is none of the 4 drugs.*Aspirin tablets"):
        explain_record(pipeline, data.subset([0]), "aspirin tablet")
    with pytest.raises(ValueError, match="Give a name as the model has it"):
        explain_record(pipeline, data.subset([0]), "0")
    with pytest.raises(ValueError, match="one record is explained at a time; got 2 rows"):
        explain_record(pipeline, data.subset([0, 1]), DRUGS[0])
    with pytest.raises(ValueError, match="got dict"):
        explain_record(pipeline, {}, DRUGS[0])
    with pytest.raises(ValueError, match="Pipeline of RecordVectorizer and a recommender; got PriorRecommender"):
        explain_record(pipeline[-1], data.subset([0]), DRUGS[0])


def test_an_unfitted_pipeline_is_refused():
    data = make_data(8)
    pipeline = make_recommender("prior", schema=data.schema, drug_names=data.drug_names)
    with pytest.raises(ValueError, match="must be a fitted Pipeline"):
        explain_record(pipeline, data.subset([0]), DRUGS[0])
