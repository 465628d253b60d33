"""Records that outgrow memory: generate, fit, predict and score 10,000 to 1,000,000 of them.

Every step is a process of its own; its seconds and the most memory that it held are printed. Equality comes first: the
model and the predicted sets of one process, of a Dask cluster of three processes, and of that cluster while a worker
dies by SIGKILL in the middle of each must agree to the last bit. Then: growth from size to size (1.0 is linear), the
same peak at every size for one block size and another for another, and the quality beside logistic regression in memory
on the same records, tested on other patients of the same clinic.

The records have the diagnoses, the chief complaint and the structured columns of the generated discharge records,
because segmenting the long texts would take most of the time; ``--columns all`` takes all.

Run: python benchmarks/bench_scale.py --records 10000 100000 --out benchmarks/results
"""

import argparse
import hashlib
import json
import math
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
from common import Cells, peak_memory, show

import medrec
from medrec.datasets import ParquetRecords, write_generated
from medrec.datasets.generated_parquet import generated_block
from medrec.metrics import evaluate, evaluate_parquet, overlap_counts
from medrec.metrics.tables import parquet_files
from medrec.recommenders import LinearBase, fit_parquet, make_recommender, predict_parquet

LIGHT = ("性别", "出生日期", "民族", "BMI", "就诊时间", "主诉", "出院诊断")
COLUMNS = {"light": LIGHT, "all": None}
BLOCKS = (16_384, 65_536)
TEST_BLOCK, TEST_RECORDS = 900, 3_000
STEPS = ("generate", "fit", "predict", "score")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, nargs="+", default=[10_000, 100_000], metavar="N")
    parser.add_argument("--columns", choices=COLUMNS, default="light")
    parser.add_argument(
        "--work", type=Path, metavar="DIR", help="folder for records and models, kept [a temporary one]"
    )
    parser.add_argument("--timeout", type=float, default=7200.0, metavar="S", help="seconds of a step [%(default)s]")
    parser.add_argument("--again", action="store_true", help="measure anew what is in the file already")
    parser.add_argument("--smoke", action="store_true", help="a few records, to see that it runs")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for scale.json")
    parser.add_argument("--jobs", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--cell", nargs="+", help=argparse.SUPPRESS)
    parsed = parser.parse_args()
    if parsed.cell:
        print(json.dumps(measure(json.loads(parsed.cell[0]))))
        return 0
    if parsed.smoke:
        parsed.records = [200, 500]
    with nullcontext(parsed.work) if parsed.work else tempfile.TemporaryDirectory() as work:
        return run(parsed, Path(work))


def run(parsed, work):
    path = None if parsed.out is None else parsed.out / "scale.json"
    cells = Cells(
        Path(__file__),
        path,
        jobs=1,
        timeout=parsed.timeout,
        again=parsed.again,
        says=lambda one: f"{one['cpu_s']:.1f} s of CPU, {one['seconds']:.1f} s, peak {one['peak_gb']:.2f} GiB",
        inside=(lambda words: measure(json.loads(words[0]))) if parsed.smoke else None,
    )

    def cell(key, *needs, **what):
        what = {"columns": parsed.columns, "smoke": parsed.smoke, "work": str(work.resolve()), **what}
        return cells.get(f"{parsed.columns}, {key}", [json.dumps(what)], needs)

    work.mkdir(parents=True, exist_ok=True)
    small, large = BLOCKS if not parsed.smoke else (64, 256)
    rows, wrong = [], []
    cell("warm-up", step="warm", n=300, rows=64)
    for n in parsed.records:
        data = work / f"{parsed.columns}-{n}"
        found = {"generate": cell(f"{n:,}: generate", data, step="generate", n=n)}
        for step in STEPS[1:]:
            made = {"fit": f"{data}.medrec", "predict": f"{data}-sets"}.get(step)
            found[step] = cell(f"{n:,}: {step}", *([Path(made)] if made else []), step=step, n=n, rows=small)
        rows += [{"records": f"{n:,}", "step": step, **_figures(one)} for step, one in found.items()]
        if any("error" in one for one in found.values()):
            wrong.append(f"{n:,} records: a step failed")
    show(f"One process a step, blocks of {small:,} records", rows)
    growth = _growth(cells.found, parsed)
    show("Growth of CPU seconds, as a power of the records", growth)
    wrong += [
        f"{row['step']} grows faster than linear: {row['exponent']:.2f}"
        for row in growth
        if not parsed.smoke and row["exponent"] > 1.05
    ]

    peaks = []
    n = parsed.records[min(1, len(parsed.records) - 1)]
    for step, usual, more in (("fit", small, large), ("predict", small // 2, 2 * small)):
        for size in parsed.records:
            one = cells.found.get(f"{parsed.columns}, {size:,}: {step}", {})
            peaks.append(
                {"step": step, "records": f"{size:,}", "rows a block": f"{usual:,}", "peak GiB": one.get("peak_gb")}
            )
        one = cell(
            f"{n:,}: {step}, blocks of {more:,}",
            step=step,
            n=n,
            rows=2 * more if step == "predict" else more,
            name="large",
        )
        peaks.append({"step": step, "records": f"{n:,}", "rows a block": f"{more:,}", "peak GiB": one.get("peak_gb")})
    show(
        "Peak by records and rows a block; no block is larger than a file, and fit's peak is the saving of the model",
        peaks,
    )

    equal = []
    for n in parsed.records[:1]:
        alone = [cells.found[f"{parsed.columns}, {n:,}: {step}"] for step in ("fit", "predict")]
        one = cell(f"{n:,}: cluster", step="cluster", n=n, rows=small)
        for how in ("all live", "one killed in fit, another in predict"):
            same = one.get(how, {}).get("digests") == [step.get("digest") for step in alone]
            equal.append(
                {
                    "records": f"{n:,}",
                    "three processes": how,
                    "same model and sets": same,
                    "killed": one.get(how, {}).get("killed"),
                    "seconds": one.get(how, {}).get("seconds"),
                    "one process, seconds": sum(step.get("seconds", 0.0) for step in alone),
                }
            )
            dead = one.get(how, {}).get("killed")
            if not same or (dead != (0 if how == "all live" else 2) and not parsed.smoke):
                wrong.append(
                    f"{n:,} records, {how}: {one.get('error', 'other numbers than one process, or none killed')}"
                )
    show("One process and a Dask cluster", equal)

    quality = []
    n = parsed.records[0]
    for name in ("online, block by block", "logistic, hashed", "logistic, vocabulary"):
        one = cell(f"{n:,}: quality, {name}", step="quality", n=n, rows=small, model=name)
        quality.append(
            {"model": name, "fitted on": f"{n:,}", **{k: one.get(k) for k in ("jaccard", "f1", "prauc", "cpu_s")}}
        )
    for n in parsed.records[1:]:
        one = cell(f"{n:,}: quality, online", step="quality", n=n, rows=small, model="online, block by block")
        quality.append(
            {
                "model": "online, block by block",
                "fitted on": f"{n:,}",
                **{k: one.get(k) for k in ("jaccard", "f1", "prauc", "cpu_s")},
            }
        )
    show(
        f"Quality on {TEST_RECORDS:,} records of other patients (CPU: predict; of those in memory: fit and predict)",
        quality,
    )
    print(*(f"not as it should be: {line}" for line in wrong), sep="\n")
    return 1 if wrong else 0


def _figures(one):
    if "error" in one:
        return {"cpu_s": None, "seconds": None, "peak_gb": None, "note": one["error"]}
    return {
        "cpu_s": one["cpu_s"],
        "seconds": round(one["seconds"], 1),
        "peak_gb": one["peak_gb"],
        "note": one.get("note", ""),
    }


def _growth(found, parsed):
    rows = []
    for small, large in zip(parsed.records, parsed.records[1:]):
        for step in STEPS:
            one, two = (found.get(f"{parsed.columns}, {n:,}: {step}", {}) for n in (small, large))
            if "cpu_s" in one and "cpu_s" in two:
                ratio = two["cpu_s"] / max(one["cpu_s"], 1e-9)
                exponent = math.log(max(ratio, 1e-9)) / math.log(large / small)
                rows.append(
                    {"from": f"{small:,}", "to": f"{large:,}", "step": step, "CPU ratio": ratio, "exponent": exponent}
                )
    return rows


def measure(what):
    """One step's figures."""
    start, busy = time.perf_counter(), time.process_time()
    figures = STEP[what["step"]](what)
    return {
        "cpu_s": round(time.process_time() - busy, 2),
        "seconds": round(time.perf_counter() - start, 2),
        "peak_gb": round(peak_memory(), 3),
        **figures,
    }


def place(what):
    """Where the records of a size lie."""
    return Path(what["work"]) / f"{what['columns']}-{what['n']}"


def generate(what):
    """Records in files."""
    files = 100 if what["smoke"] else 50_000
    size = min(files, max(1, what["n"] // 4))  # a few files at least, so that a cluster has something to share
    paths = write_generated(place(what), what["n"], file_records=size, columns=COLUMNS[what["columns"]])
    return {"note": f"{sum(path.stat().st_size for path in paths) / 2**20:.0f} MiB in {len(paths)} files"}


def warm(what):
    """Every step on a few records, so that what is compiled is compiled before anything is measured."""
    few = {**what, "smoke": True, "work": tempfile.mkdtemp(prefix="warm-", dir=what["work"])}
    for step in (generate, fit, predict, score):
        step(few)
    sets = np.random.default_rng(0).random((2**17, 64)) < 0.1
    overlap_counts(sets, sets)
    shutil.rmtree(few["work"])
    return {}


def make_pipeline(what, base="online", hashed=True, **options):
    """The unfitted model."""
    records = ParquetRecords(place(what))
    known = {"schema": records.schema, "drug_names": records.drug_names, "ddi": records.ddi}
    if hashed and what["smoke"]:
        options["features__n_features"] = 2**12
    return make_recommender(base=base, hashed=hashed, **known, **options)


def fit(what, client=None, scratch=None):
    """Fit block by block, and save."""
    pipeline = fit_parquet(make_pipeline(what), place(what), rows=what["rows"], client=client, scratch=scratch)
    digest = digest_of(pipeline)
    path = Path(f"{place(what)}{'-' + what['name'] if 'name' in what else ''}.medrec")
    if client is None:
        medrec.save(pipeline, path)
    return {"digest": digest, "note": f"{pipeline[0].n_features:,} columns, {len(pipeline[-1].drug_names_)} drugs"}


def digest_of(pipeline):
    """A digest of everything that was learned."""
    model = pipeline[-1]
    arrays = (model.labels_.coef_, model.labels_.intercept_, model.calibrator_.slope_, model.calibrator_.intercept_)
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(memoryview(np.ascontiguousarray(array)).cast("B"))
    return digest.hexdigest()


def digest_of_files(folder):
    """A digest of the files of a folder."""
    digest = hashlib.sha256()
    for path in parquet_files(folder):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def predict(what):
    """Sets of every record, in files; half as many records at a time as are learned from."""
    out = Path(f"{place(what)}-sets{'-' + what['name'] if 'name' in what else ''}")
    predict_parquet(f"{place(what)}.medrec", place(what), out, rows=what["rows"] // 2)
    return {"digest": digest_of_files(out)}


def score(what):
    """The metrics of the sets in the files."""
    names = ParquetRecords(place(what)).drug_names
    figures = evaluate_parquet(f"{place(what)}-sets", labels=names, truth="drugs", groups="patient")
    return {"jaccard": figures["jaccard"], "note": f"records fitted on: Jaccard {figures['jaccard']:.3f}"}


def cluster(what):
    """Fit and predict on three processes, twice; the second time each step loses one of them."""
    from distributed import Client, LocalCluster

    options = {"n_workers": 3, "threads_per_worker": 1, "processes": True, "dashboard_address": None, "memory_limit": 0}
    figures = {}
    with LocalCluster(**options) as local, Client(local) as client:
        client.wait_for_workers(3, timeout=300)
        for how in ("all live", "one killed in fit, another in predict"):
            work = Path(tempfile.mkdtemp(prefix="cluster-", dir=what["work"]))
            start = time.perf_counter()
            with killer(client, work, "medrec-features-*/*.learn", how != "all live") as first:
                model = fit(what, client=client, scratch=work)["digest"]
            with killer(client, work, ".sets.part/*.parquet", how != "all live", spared=first) as second:
                predict_parquet(
                    f"{place(what)}.medrec", place(what), work / "sets", rows=what["rows"] // 2, client=client
                )
            figures[how] = {
                "digests": [model, digest_of_files(work / "sets")],
                "killed": len(first) + len(second),
                "seconds": round(time.perf_counter() - start, 1),
            }
            shutil.rmtree(work)
    return figures


@contextmanager
def killer(client, folder, pattern, kill, spared=()):
    """Kill a worker as soon as the work has written a file; the list that is given holds its process."""
    killed, stop = [], threading.Event()
    process = next(one for one in client.run(os.getpid).values() if one not in spared)

    def wait():
        while not stop.is_set():
            if any(folder.glob(pattern)):
                os.kill(process, signal.SIGKILL)
                killed.append(process)
                return
            time.sleep(0.005)

    thread = threading.Thread(target=wait)
    if kill:
        thread.start()
    yield killed
    stop.set()
    if kill:
        thread.join()


def quality(what):
    """Figures on other patients of the same clinic."""
    test = generated_block(200 if what["smoke"] else TEST_RECORDS, block=TEST_BLOCK, columns=COLUMNS[what["columns"]])
    if what["model"].startswith("online"):
        model = medrec.load(f"{place(what)}.medrec")
    else:
        hashed = "hashed" in what["model"]
        base = LinearBase(C=30.0, tol=1e-2 if what["smoke"] else 1e-3, normalize=True, dtype="float32")
        model = make_pipeline(what, base=base, hashed=hashed, cv=2)
        data = ParquetRecords(place(what)).read()
        model.fit(data.records, data.Y, recommender__groups=data.groups)
    figures = evaluate(
        test.Y, model.predict(test.records), model.predict_proba(test.records), groups=test.groups, n_resamples=200
    )
    return {key: figures[key] for key in ("jaccard", "jaccard_interval", "f1", "prauc", "empty_predicted")}


STEP = {
    "warm": warm,
    "generate": generate,
    "fit": fit,
    "predict": predict,
    "score": score,
    "cluster": cluster,
    "quality": quality,
}


if __name__ == "__main__":
    sys.exit(main())
