"""Fit, predict and score over partitioned records: one process, a cluster, a cluster that loses workers."""

import json
import os
import signal
import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import murmurhash3_32

import medrec
from medrec._checks import InputError
from medrec._io import parquet_files
from medrec._tasks import run_tasks
from medrec.datasets import Dataset, ParquetRecords, write_parquet
from medrec.features import HashingRecordVectorizer
from medrec.metrics import evaluate, evaluate_dask, evaluate_parquet
from medrec.metrics.tables import parquet_chunks
from medrec.recommenders import OnlineLinearBase, fit_parquet, make_recommender, predict_parquet
from medrec.recommenders.feature_blocks import Block, FeatureBlocks, write_block
from medrec.recommenders.partition_predict import _predict_file

pytest.importorskip("pyarrow", reason="needs pyarrow: pip install 'medrec[parquet]'")
DRUGS = [f"drug {number}" for number in range(12)]


def make_data(n_records=500, seed=0):
    """Records whose words say the drugs, of patients with one to three of them."""
    rng = np.random.default_rng(seed)
    Y = rng.random((n_records, len(DRUGS))) < 0.2
    Y[np.arange(n_records), rng.integers(0, len(DRUGS), n_records)] = True
    notes = [" ".join(f"word{at}" for at in np.flatnonzero(row) if rng.random() < 0.8) + " and so on" for row in Y]
    records = pd.DataFrame({"note": notes, "codes": [["I10"] if row[0] else ["E11.9"] for row in Y]})
    records["age"] = rng.integers(20, 90, n_records).astype(float)
    patients = np.sort(rng.integers(0, n_records // 2, n_records)).astype(str)
    ids = [f"{seed}-{number}" for number in range(n_records)]
    schema = {"note": "text", "codes": "codes", "age": "number"}
    return Dataset(records, Y.astype(np.uint8), DRUGS, schema, ids=ids, groups=patients)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parquet") / "records"
    data = make_data()
    write_parquet([data.subset(range(at, min(at + 90, 500))) for at in range(0, 500, 90)], folder, rows=40)
    return folder


def make_pipeline(source, **options):
    records = ParquetRecords(source)
    return make_recommender(
        base="online",
        hashed=True,
        schema=records.schema,
        drug_names=records.drug_names,
        features__n_features=2**10,
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


def test_every_record_is_learned_those_of_patients_held_out_once(source, fitted):
    data = ParquetRecords(source).read()
    learned = fitted[-1].labels_
    np.testing.assert_array_equal(learned.label_counts_, np.asarray(data.Y.sum(axis=0, dtype=float)).ravel())
    apart = [murmurhash3_32(str(patient), positive=True) < 0.1 * 2**32 for patient in data.groups]
    assert 10 < sum(apart) < 100
    assert learned.n_seen_ == 1 + 2 * (500 - sum(apart)) + sum(apart)


def test_fit_is_the_online_base_over_the_same_blocks(source, fitted):
    vectorizer = fitted[0]
    base = OnlineLinearBase(n_passes=2)
    learn, held = [], []
    for data in (block for path in ParquetRecords(source).files for block in ParquetRecords(path).blocks(50)):
        patients = np.asarray([murmurhash3_32(str(one), positive=True) for one in data.groups])
        X = base.prepare(vectorizer.transform(data.records))
        for mask, blocks in ((patients >= 0.1 * 2**32, learn), (patients < 0.1 * 2**32, held)):
            if mask.any():
                blocks.append(Block(X[mask], data.Y[mask], patients[mask]))
    counts = np.asarray(sum(block.Y.sum(axis=0, dtype=float) for block in learn)).ravel()
    total = np.full(12, float(sum(block.Y.shape[0] for block in learn)))
    span = slice(0, 12)
    base.take_spans([span], [base.learn_span(learn, span, counts, total)], 2**10, counts, total)
    for block in [Block(*(sp.vstack(part, format="csr") for part in list(zip(*held))[:2]), None)]:
        base.partial_fit(block.X, block.Y)
    np.testing.assert_array_equal(base.coef_, fitted[-1].labels_.coef_)
    np.testing.assert_array_equal(base.intercept_, fitted[-1].labels_.intercept_)


def test_the_model_learns_what_the_words_say(fitted):
    test = make_data(300, seed=1)
    assert evaluate(test.Y, fitted.predict(test.records), n_resamples=0)["jaccard"] > 0.6


def test_predictions_in_files_are_those_in_memory(source, fitted, tmp_path):
    records = ParquetRecords(source)
    paths = predict_parquet(fitted, source, tmp_path / "sets", rows=33)
    assert [path.name for path in paths] == [path.name for path in records.files]
    assert not [
        path
        for path in tmp_path.rglob("*")
        if path.name.startswith(".") or (path.suffix != ".parquet" and path.is_file())
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

    monkeypatch.setattr("medrec.recommenders.partition_predict._predict_file", stopping)
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
    whole = HashingRecordVectorizer(ParquetRecords(source).schema, n_features=2**10, idf=True).fit(records)
    np.testing.assert_array_equal(pipeline[0].record_counts_, whole.record_counts_)
    assert pipeline[0].n_records_ == 500


def test_a_file_without_records_changes_nothing(source, tmp_path):
    data = ParquetRecords(source).read()
    write_parquet(
        [data.subset(range(250)), data.subset(np.zeros(500, dtype=bool)), data.subset(range(250, 500))],
        tmp_path / "records",
    )
    pipeline = fit_parquet(make_pipeline(source, features__idf=True), tmp_path / "records")
    assert pipeline[0].n_records_ == 500
    paths = predict_parquet(pipeline, tmp_path / "records", tmp_path / "sets")
    assert [path.name for path in paths] == ["part-00000.parquet", "part-00002.parquet"]
    assert all(path.exists() for path in paths)


def test_blocks_come_back_from_their_files(tmp_path):
    data = make_data(30)
    X = HashingRecordVectorizer(data.schema, n_features=256).transform(data.records)
    write_block(tmp_path / "one.learn", Block(X, data.Y, np.arange(30, dtype=np.uint32)))
    [block] = FeatureBlocks([tmp_path / "one.learn"])
    assert (block.X != X).nnz == 0
    assert block.X.dtype == np.float32
    assert (block.Y != data.Y).nnz == 0
    assert block.patients.tolist() == list(range(30))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda pipeline: pipeline.set_params(recommender__base="logistic"), "online base"),
        (lambda pipeline: make_recommender(schema={"note": "text"}, base="online"), "only hashed features"),
    ],
)
def test_other_pipelines_are_refused(source, change, message):
    with pytest.raises(ValueError, match=message):
        fit_parquet(change(make_pipeline(source)), source)


def test_refusals_of_records_and_folders(source, fitted, tmp_path):
    data = make_data(20)
    other = tmp_path / "other"
    write_parquet([data.subset(range(10))], other)
    with pytest.raises(ValueError, match="held_out between 0 and 1"):
        fit_parquet(make_pipeline(source), source, held_out=1.0)
    with pytest.raises(InputError, match="has other drugs, or in another order"):
        fit_parquet(make_pipeline(source).set_params(recommender__drug_names=DRUGS[::-1]), source)
    with pytest.raises(InputError, match="0 of patients held out"):
        fit_parquet(make_pipeline(other), other, held_out=1e-9)
    (tmp_path / "there").mkdir()
    with pytest.raises(InputError, match="is there already"):
        predict_parquet(fitted, source, tmp_path / "there")
    short = tmp_path / "short"
    write_parquet([replace(data, schema={"note": "text"})], short)
    with pytest.raises(InputError, match=r"'codes' \(codes\), which its records do not have"):
        predict_parquet(fitted, short, tmp_path / "sets")
    with pytest.raises(InputError, match="does not read records"):
        predict_parquet(OnlineLinearBase(), source, tmp_path / "sets")
    with pytest.raises(InputError, match="does not read records"):
        predict_parquet(Pipeline([("scale", StandardScaler()), ("last", fitted[-1])]), source, tmp_path / "sets")
    assert not (tmp_path / "sets").exists()


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed", reason="needs Dask: pip install 'medrec[dask]'")
    options = {"n_workers": 3, "threads_per_worker": 1, "processes": True, "dashboard_address": None, "memory_limit": 0}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        client.wait_for_workers(3, timeout=120)
        yield client


@pytest.mark.filterwarnings("ignore")  # Dask's own: ports that are taken, workers that are slow to end
def test_a_cluster_gives_the_same_numbers_while_its_workers_die(source, fitted, cluster, tmp_path):
    predict_parquet(fitted, source, tmp_path / "alone")
    options = {"labels": DRUGS, "truth": "drugs", "groups": "patient"}
    figures = evaluate_parquet(tmp_path / "alone", **options)
    import dask.bag

    dead = []
    with killer(cluster, tmp_path, "*/*.learn", dead):
        model = fit_parquet(make_pipeline(source), source, rows=50, scratch=tmp_path, client=cluster)
    assert_same_model(model, fitted)
    with killer(cluster, tmp_path, ".sets.part/*.parquet", dead):
        predict_parquet(fitted, source, tmp_path / "sets", client=cluster)
    assert written(tmp_path / "sets") == written(tmp_path / "alone")
    parts = dask.bag.from_sequence(parquet_files(tmp_path / "sets"), partition_size=1)
    assert evaluate_dask(parts.map_partitions(chunks_of, **options)) == figures
    assert len(set(dead)) == 2


def chunks_of(paths, **options):
    return [chunk for path in paths for chunk in parquet_chunks(path, **options)]


@contextmanager
def killer(client, folder, pattern, dead):
    """Kill a worker by SIGKILL as soon as the work has written a file."""
    stop = threading.Event()
    process = next(one for one in client.run(os.getpid).values() if one not in dead)

    def wait():
        while not stop.is_set():
            if any(folder.glob(pattern)):
                os.kill(process, signal.SIGKILL)
                dead.append(process)
                return
            time.sleep(0.001)

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_pieces_of_work_come_in_order_and_their_errors_too(cluster):
    assert list(run_tasks(pow, range(20), 2, client=cluster)) == [number**2 for number in range(20)]
    with pytest.raises(InputError, match="is not there"):
        list(run_tasks(ParquetRecords, ["/nowhere"], client=cluster))
