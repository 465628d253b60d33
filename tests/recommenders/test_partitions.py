"""Fit, predict and score over partitioned records: one process, a cluster, a cluster that loses a worker."""

import json
import os
import signal
import threading
import time

import numpy as np
import pandas as pd
import pytest

import medrec
from medrec._checks import InputError
from medrec.datasets import ParquetRecords, load, write_generated, write_parquet
from medrec.features import HashingRecordVectorizer
from medrec.metrics import evaluate, evaluate_dask, evaluate_parquet
from medrec.metrics.tables import parquet_chunks, parquet_files
from medrec.recommenders import OnlineLinearBase, fit_parquet, make_recommender, predict_parquet
from medrec.recommenders.feature_blocks import Block, FeatureBlocks, write_block
from medrec.recommenders.partitions import _predict_file

pytest.importorskip("pyarrow", reason="needs pyarrow: pip install 'medrec[parquet]'")
COLUMNS = ("性别", "BMI", "主诉", "出院诊断")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parquet") / "records"
    write_generated(folder, 700, seed=3, file_records=120, rows=50, columns=COLUMNS)
    return folder


def make_pipeline(source, **options):
    records = ParquetRecords(source)
    return make_recommender(
        base="online",
        hashed=True,
        schema=records.schema,
        drug_names=records.drug_names,
        ddi=records.ddi,
        features__n_features=2**11,
        base__n_passes=2,
        **options,
    )


@pytest.fixture(scope="module")
def fitted(source):
    return fit_parquet(make_pipeline(source), source, rows=50)


def assert_same_model(one, other):
    for name in ("coef_", "intercept_"):
        np.testing.assert_array_equal(getattr(one[-1].labels_, name), getattr(other[-1].labels_, name))
    for name in ("slope_", "intercept_"):
        np.testing.assert_array_equal(getattr(one[-1].calibrator_, name), getattr(other[-1].calibrator_, name))


def written(folder):
    return {path.name: path.read_bytes() for path in parquet_files(folder)}


def test_fit_is_the_base_on_the_learned_blocks_then_on_those_held_out(source, fitted):
    records = ParquetRecords(source)
    blocks = list(records.blocks(50))
    vectorizer = HashingRecordVectorizer(records.schema, n_features=2**11)
    learned = fitted[-1].labels_
    assert learned.n_seen_ == pytest.approx(1 + 2 * learned.label_total_[0] - _held(learned), abs=1e-9)
    assert learned.label_total_[0] == sum(map(len, blocks)) == 700
    expected = np.asarray(sum(block.Y.sum(axis=0, dtype=float) for block in blocks)).ravel()
    np.testing.assert_array_equal(learned.label_counts_, expected)
    scores = learned.decision_function(learned.prepare(vectorizer.transform(blocks[0].records)))
    np.testing.assert_array_equal(fitted[-1].calibrator_.transform(scores), fitted.predict_proba(blocks[0].records))


def _held(base):
    """Records visited once instead of twice."""
    return 2 * base.label_total_[0] + 1 - base.n_seen_


def test_held_out_records_are_whole_patients_and_about_a_tenth(source, fitted):
    held = _held(fitted[-1].labels_)
    assert 0.03 * 700 < held < 0.2 * 700


def test_the_model_beats_the_most_frequent_drugs(source, fitted):
    test = load("synthetic:records=400,seed=9")
    sets = fitted.predict(test.records)
    jaccard = evaluate(test.Y, sets, n_resamples=0)["jaccard"]
    assert jaccard > 0.1
    assert (fitted[-1].filter_.graph is None) or evaluate(test.Y, sets, ddi=fitted[-1].filter_.graph)["ddi_pairs"] == 0


def test_predictions_in_files_are_those_in_memory(source, fitted, tmp_path):
    records = ParquetRecords(source)
    paths = predict_parquet(fitted, source, tmp_path / "sets", rows=33)
    assert [path.name for path in paths] == [path.name for path in records.files]
    assert not [
        path
        for path in tmp_path.rglob("*")
        if path.name.startswith(".") or path.suffix != ".parquet" and path.is_file()
    ]
    data = records.read()
    scores = fitted.predict_proba(data.records)
    sets = fitted[-1].decide(scores)[0]
    frame = pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True)
    assert frame["id"].tolist() == data.ids.tolist()
    assert frame["patient"].tolist() == data.groups.tolist()
    position = {name: at for at, name in enumerate(fitted[-1].drug_names_)}
    for row, (predicted, probability) in enumerate(zip(frame["predicted"], frame["probability"])):
        labels = [position[name] for name in predicted]
        assert sorted(labels) == sets.indices[sets.indptr[row] : sets.indptr[row + 1]].tolist()
        np.testing.assert_array_equal(probability, scores[row, labels].astype(np.float32))
        assert (np.diff(scores[row, labels]) <= 0).all()
    in_memory = evaluate(data.Y, sets, groups=data.groups, n_resamples=0)
    options = {"labels": records.drug_names, "truth": "drugs", "groups": "patient"}
    assert evaluate_parquet(tmp_path / "sets", **options) == in_memory


def test_a_model_in_a_file_gives_the_same_and_goes_on_where_it_was_stopped(source, fitted, tmp_path, monkeypatch):
    medrec.save(fitted, tmp_path / "model.medrec")
    predict_parquet(fitted, source, tmp_path / "whole")
    calls = []

    def stopping(number, *arguments):
        calls.append(number)
        if number == 2 and len(calls) == 3:
            raise KeyboardInterrupt
        return _predict_file(number, *arguments)

    monkeypatch.setattr("medrec.recommenders.partitions._predict_file", stopping)
    with pytest.raises(KeyboardInterrupt):
        predict_parquet(tmp_path / "model.medrec", source, tmp_path / "sets")
    assert not (tmp_path / "sets").exists()
    kept = tmp_path / ".sets.part" / "part-00000.parquet"
    made = kept.stat().st_mtime_ns
    predict_parquet(tmp_path / "model.medrec", source, tmp_path / "sets")
    assert (tmp_path / "sets" / "part-00000.parquet").stat().st_mtime_ns == made
    assert not (tmp_path / ".sets.part").exists()
    assert written(tmp_path / "sets") == written(tmp_path / "whole")


def test_what_is_left_of_another_job_is_made_anew(source, fitted, tmp_path):
    medrec.save(fitted, tmp_path / "model.medrec")
    left = tmp_path / ".sets.part"
    left.mkdir()
    (left / "part-00000.parquet").write_bytes(b"something else")
    (left / "job.json").write_text(json.dumps({"model": "another"}))
    predict_parquet(tmp_path / "model.medrec", source, tmp_path / "sets")
    predict_parquet(fitted, source, tmp_path / "whole")
    assert written(tmp_path / "sets") == written(tmp_path / "whole")


def test_inverse_document_frequencies_are_counted_over_all_files(source):
    pipeline = fit_parquet(make_pipeline(source, features__idf=True), source, rows=50)
    records = ParquetRecords(source).read().records
    whole = HashingRecordVectorizer(ParquetRecords(source).schema, n_features=2**11, idf=True).fit(records)
    np.testing.assert_array_equal(pipeline[0].record_counts_, whole.record_counts_)
    assert pipeline[0].n_records_ == 700


def test_blocks_come_back_from_their_files(tmp_path):
    data = load("synthetic:records=30,seed=0")
    X = HashingRecordVectorizer(data.schema, n_features=256).transform(data.records)
    write_block(tmp_path / "one.learn", Block(X, data.Y, np.arange(30, dtype=np.uint32)))
    [block] = FeatureBlocks([tmp_path / "one.learn"])
    assert (block.X != X).nnz == 0 and block.X.dtype == np.float32
    assert (block.Y != data.Y).nnz == 0
    assert block.patients.tolist() == list(range(30))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda pipeline: pipeline.set_params(recommender__base="logistic"), "online base"),
        (lambda pipeline: make_recommender(schema={"主诉": "text"}, base="online"), "only hashed features"),
    ],
)
def test_other_pipelines_are_refused(source, change, message):
    with pytest.raises(ValueError, match=message):
        fit_parquet(change(make_pipeline(source)), source)


def test_refusals_of_records_and_folders(source, fitted, tmp_path):
    data = load("synthetic:records=20,seed=0")
    other = tmp_path / "other"
    write_parquet([data.subset(range(10))], other)
    with pytest.raises(ValueError, match="held_out between 0 and 1"):
        fit_parquet(make_pipeline(source), source, held_out=1.0)
    with pytest.raises(InputError, match="0 of patients held out"):
        fit_parquet(make_pipeline(other), other, held_out=1e-9)
    (tmp_path / "there").mkdir()
    with pytest.raises(InputError, match="is there already"):
        predict_parquet(fitted, source, tmp_path / "there")
    short = tmp_path / "short"
    write_generated(short, 10, columns=("性别", "主诉"))
    with pytest.raises(InputError, match="'BMI' \\(number\\), which its records do not have"):
        predict_parquet(fitted, short, tmp_path / "sets")
    with pytest.raises(InputError, match="does not read records"):
        predict_parquet(OnlineLinearBase(), source, tmp_path / "sets")
    assert not (tmp_path / "sets").exists()


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed", reason="needs Dask: pip install 'medrec[dask]'")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, memory_limit=0
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        client.wait_for_workers(2, timeout=60)
        yield client


@pytest.mark.filterwarnings("ignore")
def test_a_cluster_gives_the_same_numbers(source, fitted, cluster, tmp_path):
    assert_same_model(fit_parquet(make_pipeline(source), source, rows=50, scratch=tmp_path, client=cluster), fitted)
    predict_parquet(fitted, source, tmp_path / "sets", client=cluster)
    predict_parquet(fitted, source, tmp_path / "alone")
    assert written(tmp_path / "sets") == written(tmp_path / "alone")
    assert written(write_folder(tmp_path / "made", cluster)) == written(source)
    assert score_on(cluster, tmp_path / "sets") == score(tmp_path / "alone")


def write_folder(folder, client):
    write_generated(folder, 700, seed=3, file_records=120, rows=50, columns=COLUMNS, client=client)
    return folder


def score(folder):
    names = make_pipeline_names(folder)
    return evaluate_parquet(folder, labels=names, truth="drugs", groups="patient")


def score_on(client, folder):
    import dask.bag

    names = make_pipeline_names(folder)
    bag = dask.bag.from_sequence(parquet_files(folder), partition_size=1)
    return evaluate_dask(bag.map_partitions(_chunks, names))


def make_pipeline_names(folder):
    return ParquetRecords(folder.parent / "names").drug_names if (folder.parent / "names").exists() else _NAMES()


def _NAMES():
    return load("synthetic:records=1,seed=3").drug_names.tolist()


def _chunks(paths, names):
    return [chunk for path in paths for chunk in parquet_chunks(path, labels=names, truth="drugs", groups="patient")]


@pytest.mark.filterwarnings("ignore")
def test_a_worker_killed_in_the_middle_changes_no_number(source, fitted, cluster, tmp_path):
    killer = Killer(cluster, tmp_path)
    with killer.when("*.learn"):
        model = fit_parquet(make_pipeline(source), source, rows=50, scratch=tmp_path, client=cluster)
    assert killer.killed
    assert_same_model(model, fitted)
    predict_parquet(fitted, source, tmp_path / "alone")
    cluster.wait_for_workers(2, timeout=60)
    killer = Killer(cluster, tmp_path)
    with killer.when(".sets.part/*.parquet"):
        predict_parquet(fitted, source, tmp_path / "sets", client=cluster)
    assert killer.killed
    assert written(tmp_path / "sets") == written(tmp_path / "alone")
    assert score_on(cluster, tmp_path / "sets") == score(tmp_path / "alone")


class Killer:
    """Kills a worker of a cluster by SIGKILL as soon as the work has written a file of a kind."""

    def __init__(self, client, folder):
        self.processes = client.run(os.getpid)
        self.folder = folder
        self.killed = None

    def when(self, pattern):
        self.pattern = pattern
        return self

    def __enter__(self):
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._wait)
        self.thread.start()

    def __exit__(self, *error):
        self.stop.set()
        self.thread.join()

    def _wait(self):
        while not self.stop.is_set():
            if any(self.folder.glob(self.pattern)) or any(self.folder.glob(f"medrec-features-*/{self.pattern}")):
                self.killed = next(iter(self.processes.values()))
                os.kill(self.killed, signal.SIGKILL)
                return
            time.sleep(0.001)
