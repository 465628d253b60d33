"""``evaluate``: each preset against a few-line restatement of what its literature computes."""

import json
import math
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from medrec.metrics import PRESETS, ddi_rate, evaluate, overlap_counts


def draw(seed, n_records=21, n_labels=18):
    rng = np.random.default_rng(seed)
    Y = rng.random((n_records, n_labels)) < 0.15
    Z = np.where(rng.random(Y.shape) < 0.8, Y, rng.random(Y.shape) < 0.2)
    return Y, Z, rng.random(Y.shape), rng.integers(0, 8, n_records)


def div(a, b, zero=0.0):
    return a / b if b else zero


def restate_sklearn(Y, Z, scores, groups):
    functions = {"jaccard": sk.jaccard_score, "f1": sk.f1_score}
    functions |= {"precision": sk.precision_score, "recall": sk.recall_score}
    averages = ("samples", "micro", "macro", "weighted")
    return {
        f"{name}_{average}": function(Y, Z, average=average, zero_division=0)
        for name, function in functions.items()
        for average in averages
    } | {"subset_accuracy": sk.accuracy_score(Y, Z), "hamming_loss": sk.hamming_loss(Y, Z)}


def restate_pyhealth(Y, Z, scores, groups):
    return {k: v for k, v in restate_sklearn(Y, Z, scores, groups).items() if k.endswith(("samples", "micro", "macro"))}


def restate_chip2025(Y, Z, scores, groups):
    jaccards, f1s = [], []
    for y, z in zip(Y, Z):
        true, predicted = set(np.flatnonzero(y)), set(np.flatnonzero(z))
        jaccards.append(div(len(true & predicted), len(true | predicted), 1.0))
        f1s.append(div(2 * len(true & predicted), len(true) + len(predicted), 1.0))
    jaccard, f1 = np.mean(jaccards), np.mean(f1s)
    return {"jaccard": jaccard, "f1": f1, "score": (jaccard + f1) / 2}


def visit_figures(y, z, s):
    both, either = (y & z).sum(), (y | z).sum()
    precision, recall = div(both, z.sum()), div(both, y.sum())
    figures = {"jaccard": div(both, either), "precision": precision, "recall": recall}
    figures["f1"] = div(2 * precision * recall, precision + recall)
    figures["prauc"] = sk.average_precision_score(y, s) if y.any() else math.nan
    return figures


def restate_gamenet_visits(Y, Z, scores, groups):
    visits = [visit_figures(*visit) for visit in zip(Y, Z, scores)]
    return {key: np.nanmean([visit[key] for visit in visits]) for key in visits[0]}


def restate_gamenet(Y, Z, scores, groups):
    patients = []
    for patient in set(groups):
        visits = [visit_figures(*visit) for visit in zip(*(m[groups == patient] for m in (Y, Z, scores)))]
        means = {}
        for key in visits[0]:
            known = [visit[key] for visit in visits if not math.isnan(visit[key])]
            means[key] = np.mean(known) if known else math.nan
        patients.append(means)
    return {key: np.nanmean([patient[key] for patient in patients]) for key in patients[0]}


def micro(Y, Z):
    tp, fp, fn = (Y & Z).sum(), (Z & ~Y).sum(), (Y & ~Z).sum()
    precision, recall = div(tp, tp + fp), div(tp, tp + fn)
    f1 = div(2 * precision * recall, precision + recall)
    return {"jaccard": div(tp, tp + fp + fn), "f1": f1, "precision": precision, "recall": recall}


def restate_dialmed(Y, Z, scores, groups):
    return micro(Y, Z)


def restate_dialmed_batch8(Y, Z, scores, groups):
    batches = [micro(Y[i : i + 8], Z[i : i + 8]) for i in range(0, len(Y), 8)]
    return {key: np.mean([batch[key] for batch in batches]) for key in ("jaccard", "f1")}


def restate_caml(Y, Z, scores, groups):
    precision = np.mean([div((y & z).sum(), z.sum()) for y, z in zip(Y.T, Z.T)])
    recall = np.mean([div((y & z).sum(), y.sum()) for y, z in zip(Y.T, Z.T)])
    figures = {"precision_macro": precision, "recall_macro": recall}
    figures["f1_macro"] = div(2 * precision * recall, precision + recall)
    figures |= {f"{key}_micro": value for key, value in micro(Y, Z).items()}
    for k in (5, 8, 15):
        top = np.argsort(scores)[:, ::-1][:, :k]
        figures[f"precision_at_{k}"] = np.mean([y[t].sum() / len(t) for y, t in zip(Y, top)])
    return figures


def restate_codiesp(Y, Z, scores, groups):
    precisions = []
    for y, s in zip(Y, scores):
        gold, hits, total = set(np.flatnonzero(y)), 0, 0.0
        for rank, code in enumerate(sorted(range(len(s)), key=lambda code: -s[code]), start=1):
            if code in gold:
                hits += 1
                total += hits / rank
        precisions += [total / len(gold)] if gold else []
    figures = micro(Y, Z)
    return {"map": np.mean(precisions), **{key: figures[key] for key in ("precision", "recall", "f1")}}


RESTATED = {name.removeprefix("restate_"): value for name, value in dict(globals()).items() if "restate_" in name}


def test_every_preset_is_restated_here():
    assert set(RESTATED) == set(PRESETS)


@pytest.mark.parametrize("preset", RESTATED)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_preset_equals_its_restatement(preset, seed):
    Y, Z, scores, groups = draw(seed)
    got = evaluate(Y, Z, scores, preset=preset, groups=groups, n_resamples=0)
    expected = RESTATED[preset](Y, Z, scores, groups)
    for key, value in expected.items():
        assert got[key] == pytest.approx(value, abs=1e-12), key
    always = {"preset", "records", "patients", "labels", "empty_true", "empty_predicted", "prauc"}
    always |= {"mean_set_size_true", "mean_set_size_predicted", "prauc_left_out"}
    assert set(got) == set(expected) | always


@pytest.mark.parametrize("preset", [name for name, rules in PRESETS.items() if rules.threshold is not None])
def test_sets_come_from_scores_at_the_threshold_of_the_preset(preset):
    Y, _, scores, groups = draw(1)
    cut = {"pyhealth": 0.3}.get(preset, 0.5)
    scores[0, 0] = cut  # a score on the threshold belongs to the set
    expected = evaluate(Y, scores >= cut, scores, preset=preset, groups=groups)
    assert evaluate(Y, None, scores, preset=preset, groups=groups) == expected


def test_dialmed_f1_follows_from_jaccard():
    figures = evaluate(*draw(2)[:2], preset="dialmed")
    assert figures["f1"] == pytest.approx(2 * figures["jaccard"] / (1 + figures["jaccard"]), abs=1e-12)


@pytest.mark.parametrize("preset", [name for name in PRESETS if name != "dialmed_batch8"])
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_permuting_records_or_labels_changes_no_figure(preset, seed):
    Y, Z, scores, groups = draw(seed)
    graph = interactions(seed, Y.shape[1])
    rng = np.random.default_rng(seed)
    rows, columns = rng.permutation(Y.shape[0]), rng.permutation(Y.shape[1])
    options = {"preset": preset, "n_resamples": 0}
    before = evaluate(Y, Z, scores, groups=groups, ddi=graph, **options)
    moved = [matrix[rows][:, columns] for matrix in (Y, Z, scores)]
    after = evaluate(*moved, groups=groups[rows], ddi=graph[columns][:, columns], **options)
    assert before.keys() == after.keys()
    for key, value in before.items():
        assert after[key] == (pytest.approx(value, abs=1e-12) if isinstance(value, float) else value), key


def interactions(seed, n_labels):
    upper = np.triu(np.random.default_rng(seed).random((n_labels, n_labels)) < 0.2, k=1)
    return upper | upper.T


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_ddi_rates_equal_counting_pairs(seed):
    _, Z, _, _ = draw(seed)
    graph = interactions(seed, Z.shape[1])
    shares, hit, total = [], 0, 0
    for row in Z:
        pairs = list(combinations(np.flatnonzero(row), 2))
        bad = sum(graph[pair] for pair in pairs)
        hit, total = hit + bad, total + len(pairs)
        if pairs:
            shares.append(bad / len(pairs))
    assert ddi_rate(Z, graph) == pytest.approx(div(hit, total), abs=1e-12)
    assert ddi_rate(Z, graph, average="samples") == pytest.approx(np.mean(shares) if shares else 0.0, abs=1e-12)
    assert ddi_rate(Z, SimpleNamespace(drug_drug=sp.csr_matrix(graph))) == ddi_rate(Z, graph)


def test_ddi_rate_of_single_drugs_is_zero():
    assert ddi_rate([[1, 0], [0, 0]], [[0, 1], [1, 0]]) == ddi_rate([[1, 0]], [[0, 1], [1, 0]], "samples") == 0.0


def test_figures_are_strict_json_with_intervals_around_the_estimate():
    Y, Z, scores, groups = draw(3)
    figures = evaluate(Y, Z, scores, groups=groups, ddi=interactions(3, Y.shape[1]), n_resamples=500)
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures
    for name in ("jaccard", "f1", "score"):
        low, high = figures[f"{name}_interval"]
        assert low < figures[name] < high
    assert figures["patients"] == len(set(groups))
    assert figures["empty_predicted"] == (~Z.any(axis=1)).sum()
    assert {"ddi_rate_pooled", "ddi_rate_samples", "ddi_pairs"} <= set(figures)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (2, 1), (1, 5)])
def test_small_shapes_stay_strict_json(preset, shape):
    zeros = np.zeros(shape)
    figures = evaluate(zeros, zeros, zeros, preset=preset, groups=np.arange(shape[0]), n_resamples=10)
    json.dumps(figures, allow_nan=False)
    assert figures["records"] == figures["empty_predicted"] == shape[0]


def test_scores_alone_give_ranking_figures_only():
    Y, _, scores, _ = draw(4)
    figures = evaluate(Y, scores=scores)
    assert "jaccard" not in figures
    assert figures["prauc_left_out"] == (~Y.any(axis=1)).sum()


def test_zero_division_can_be_chosen():
    Y, Z = np.array([[1, 0], [0, 0]]), np.array([[1, 1], [0, 0]])
    by_choice = {zero: evaluate(Y, Z, zero_division=zero)["jaccard"] for zero in (0, 1)}
    assert by_choice == {0: 0.25, 1: 0.75}
    assert evaluate(Y, Z, zero_division=math.nan)["jaccard"] == 0.5
    assert evaluate(Y, Z)["jaccard"] == overlap_counts(Y, Z).jaccard() == 0.75


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: evaluate([[1]]), "got neither"),
        (lambda: evaluate([[1]], [[1]], preset="kaggle"), "sklearn, chip2025"),
        (lambda: evaluate([[1]], [[1]], preset="gamenet"), "pass groups"),
        (lambda: evaluate([[1]], [[1], [1]]), "records"),
        (lambda: evaluate([[1]], [[1]], [[0.5, 0.5]]), "scores must be"),
        (lambda: evaluate([[1]], [[1]], groups=["a", "b"]), "patient of each"),
        (lambda: ddi_rate([[1, 1]], np.zeros((3, 3))), "label order"),
        (lambda: ddi_rate([[1, 1]], [[0, 1], [0, 0]]), "symmetric"),
        (lambda: ddi_rate([[1, 1]], np.eye(2)), "itself"),
        (lambda: ddi_rate([[1, 1]], np.zeros((2, 2)), average="mean"), "average"),
    ],
)
def test_refusals_name_the_rule(call, words):
    with pytest.raises(ValueError, match=words):
        call()
