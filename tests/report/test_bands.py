"""Bands: thirds of prescriptions, or training records by fold; micro averages against scikit-learn."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.metrics import f1_score, precision_score, recall_score

from medrec.metrics import bootstrap_interval
from medrec.report.bands import band_table, prescription_bands, training_bands


def random_sets(seed=0, shape=(50, 30)):
    rng = np.random.default_rng(seed)
    Y, Z = (rng.random(shape) < share for share in (0.2, 0.3))
    return Y, Z, rng


def test_bands_split_prescriptions_in_thirds():
    frequencies = np.r_[np.full(30, 10), 0, np.full(30, 10)]
    bands = prescription_bands(frequencies, 4)
    [band] = bands.of_label
    assert np.bincount(band, weights=frequencies).tolist() == [200, 200, 200]
    assert bands.names[band[30]] == "tail"
    assert prescription_bands([90, 5, 5], 1).of_label[0, 0] == 2
    assert prescription_bands([0, 0], 1).of_label.tolist() == [[0, 0]]
    assert prescription_bands([], 1).of_label.shape == (1, 0)


def test_training_bands_have_their_edges_inside():
    counts = [0, 1, 5, 6, 20, 21, 1000]
    bands = training_bands(counts, None, (2, 7))
    names = [bands.names[band] for band in bands.of_label[0]]
    assert names == ["never seen", "1–5", "1–5", "6–20", "6–20", "over 20", "over 20"]
    assert bands.drugs().tolist() == [1, 2, 2, 2]


def test_averages_are_those_of_the_cells_of_a_band():
    Y, Z, rng = random_sets()
    folds = rng.integers(0, 3, len(Y))
    counts = rng.integers(0, 30, (3, Y.shape[1]))
    bands = training_bands(counts, folds, Y.shape)
    table = band_table(sp.csr_matrix(Y), sp.csr_matrix(Z), bands, groups=None, n_resamples=20, seed=0)
    of_cell = np.searchsorted([0, 5, 20], counts, side="left")[folds]
    for place, name in enumerate(bands.names):
        y, z = Y[of_cell == place], Z[of_cell == place]
        row = table.loc[name]
        assert (row["prescribed"], row["recommended"]) == (y.sum(), z.sum())
        for metric, score in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
            assert row[metric] == pytest.approx(score(y, z, zero_division=np.nan), nan_ok=True)
    assert table["drugs"].sum() == pytest.approx(Y.shape[1])


def test_intervals_are_those_of_the_weighted_bootstrap():
    Y, Z, rng = random_sets(1)
    groups = rng.integers(0, 12, len(Y))
    bands = training_bands(np.full(Y.shape[1], 3), None, Y.shape)
    table = band_table(sp.csr_matrix(Y), sp.csr_matrix(Z), bands, groups=groups, n_resamples=200, seed=3)
    weights = (Y.sum(axis=1) + Z.sum(axis=1)).astype(float)
    values = np.divide(2 * (Y & Z).sum(axis=1), weights, out=np.full(len(Y), np.nan), where=weights > 0)
    expected = bootstrap_interval(values, groups, weights=weights, n_resamples=200, seed=3)
    assert tuple(table.loc["1–5", ["f1_low", "f1_high"]]) == pytest.approx(expected)
    assert table.loc["never seen", ["f1", "f1_low"]].isna().all()


@pytest.mark.parametrize(
    ("counts", "folds", "words"),
    [
        ([1, 2], None, "30 numbers from 0"),
        (np.full(30, -1), None, "30 numbers from 0"),
        (np.zeros((2, 30)), None, "say in folds"),
        (np.zeros((2, 30)), np.full(50, 2), "from 0 to 1"),
        (np.zeros((2, 30)), [0], "50 numbers"),
    ],
)
def test_refusals(counts, folds, words):
    with pytest.raises(ValueError, match=words):
        training_bands(counts, folds, (50, 30))
