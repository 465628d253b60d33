"""Parts quality and fast: every model on every data set, a process for each cell, resumed where it was stopped."""

import re
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from common import Cells, peak_memory, run_cell, show
from recommenders_models import SETS, Split, models, splits

from medrec.metrics import OverlapCounts, compare, overlap_counts, resampled_means

SCRIPT = Path(__file__).with_name("bench_recommenders.py")
CELLS = "recommenders_quality.json"
FAST_SETS = ("medical", "enron", "yeast", "dialmed")
LOSS, GAIN = 0.005, 2.0
"""How much micro-F1 a fast preset may lose, and how many times as fast it should be."""


def measure(make: Any, parts: list[Split]) -> tuple[dict[str, Any], np.ndarray]:
    """Figures over all parts, their test records pooled, and intersection and sizes of each record's sets."""
    fit_seconds = fit_cpu = predict_seconds = 0.0
    true, found = [], []
    for X, Y, groups, X_test, Y_test in parts:
        model = make()
        start, busy = time.perf_counter(), time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(X, Y, **({} if groups is None else {"groups": groups}))
            middle = time.perf_counter()
            fit_cpu += time.process_time() - busy
            found.append(sp.csr_matrix(model.predict(X_test)))
        fit_seconds += middle - start
        predict_seconds += time.perf_counter() - middle
        true.append(Y_test)
    counts = overlap_counts(sp.vstack(true, format="csr"), sp.vstack(found, format="csr"))
    figures = {
        "jaccard": counts.jaccard(),
        "micro_f1": counts.f1("micro"),
        "macro_f1": counts.f1("macro"),
        "empty_sets": int(counts.empty_sets()),
        "fit_seconds": fit_seconds,
        "fit_cpu_seconds": fit_cpu,
        "predict_seconds": predict_seconds,
        "fits": len(parts),
        "peak_gib": peak_memory(),
    }
    return figures, np.stack([counts.h, counts.y, counts.z])


def cell(name: str, model: str, jobs: int, records: Path | None) -> dict[str, Any]:
    """One cell of the table, in this process."""
    figures, per_record = measure(models(jobs=jobs)[model], splits(name, model))
    if records is not None:
        records.mkdir(parents=True, exist_ok=True)
        np.save(records / f"{slug(name, model)}.npy", per_record)
    return figures


def slug(name: str, model: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", f"{name} {model}".lower())


def fill(
    names: list[str], wanted: list[str], out: Path | None, *, jobs: int, timeout: float, again: bool = False
) -> dict[str, dict[str, Any]]:
    """Cells by ``"data | model"``: those in ``out`` already are kept, the others measured and written one by one."""
    cells = Cells(
        SCRIPT,
        None if out is None else out / CELLS,
        jobs=jobs,
        timeout=timeout,
        again=again,
        says=lambda one: f"Jaccard {one['jaccard']:.3f}, {one['fit_seconds']:.1f} s",
    )
    records = [] if out is None else [str((out / "records").resolve())]
    for name in names:
        for model in wanted:
            cells.get(f"{name} | {model}", [name, model, *records])
    return cells.found


def table(found: dict[str, dict[str, Any]], name: str, wanted: list[str]) -> list[dict[str, Any]]:
    """The rows of one data set."""
    rows = []
    for model in wanted:
        one = found.get(f"{name} | {model}")
        if one is None or "error" in one:
            reason = "not run" if one is None else one["error"][:60]
            rows.append({"model": model, **dict.fromkeys(("Jaccard", "micro F1", "macro F1"), "–"), "empty": reason})
            continue
        rows.append(
            {
                "model": model,
                "Jaccard": one["jaccard"],
                "micro F1": one["micro_f1"],
                "macro F1": one["macro_f1"],
                "empty": one["empty_sets"],
                "fit s": f"{one['fit_seconds']:.2f}",
                "predict s": f"{one['predict_seconds']:.3f}",
                "peak GiB": f"{one['peak_gib']:.2f}",
            }
        )
    return [{key: row.get(key, "–") for key in max(rows, key=len)} for row in rows]


def jaccard(records: np.ndarray) -> np.ndarray:
    """Of each record; ``records`` are rows of intersection and sizes."""
    none = np.zeros(0, dtype=np.int64)
    return OverlapCounts(*records, none, none, none).per_record("jaccard")


def chains(names: list[str], out: Path) -> list[dict[str, Any]]:
    """Samples Jaccard of chains with ``cv`` minus that of others, with the 95 % interval over paired records."""
    rows = []
    for name in names:
        for base in ("logistic", "lightgbm"):
            ours = _records(out, name, f"chain, {base}")
            for other in ("chain on true labels", "chain on true labels with outer Platt", "binary relevance"):
                theirs = _records(out, name, f"{other}, {base}")
                if ours is None or theirs is None:
                    continue
                both = compare(*(jaccard(one) for one in (ours, theirs)))
                rows.append(
                    {
                        "data": name,
                        "base": base,
                        "chain with cv minus": other,
                        "Jaccard": both.difference,
                        "95 %": f"{both.interval[0]:+.3f} to {both.interval[1]:+.3f}",
                        "loses": bool(both.interval[1] < 0),
                    }
                )
    return rows


def _records(out: Path | None, name: str, model: str) -> np.ndarray | None:
    """Intersection and sizes of each record's sets, as a row each; None where the cell was measured elsewhere."""
    path = None if out is None else out / "records" / f"{slug(name, model)}.npy"
    held = np.load(path) if path is not None and path.exists() else np.zeros(0)
    return held if held.ndim == 2 and len(held) == 3 else None


def micro_f1_interval(ours: np.ndarray, theirs: np.ndarray) -> str:
    """95 % of the difference of micro-F1, over records drawn with replacement, the same for both."""
    means = [
        resampled_means(2 * h / np.maximum(y + z, 1), weights=(y + z).astype(np.float64)) for h, y, z in (ours, theirs)
    ]
    low, high = np.nanquantile(means[0] - means[1], (0.025, 0.975))
    return f"{low:+.3f} to {high:+.3f}"


def run(
    smoke: bool,
    out: Path | None,
    jobs: int,
    *,
    only: list[str] | None,
    wanted: list[str] | None,
    timeout: float,
    again: bool = False,
) -> None:
    """Part quality."""
    if smoke:
        quick()
        return
    names, wanted = list(only or SETS), list(wanted or [m for m in models() if not m.endswith("-fast")])
    found = fill(names, wanted, out, jobs=jobs, timeout=timeout, again=again)
    for name in names:
        show(f"{name}, default decision, {jobs} core(s); times are sums over folds", table(found, name, wanted))
    show("Samples Jaccard, default decision", across(found, names, wanted))
    if out is not None:
        show("Chains with cv against the same base otherwise", chains(names, out))


def across(found: dict[str, Any], names: list[str], wanted: list[str]) -> list[dict[str, Any]]:
    """Jaccard of every model on every set; a dash where a cell is missing."""
    rows = []
    for model in wanted:
        cells = {name: found.get(f"{name} | {model}", {}) for name in names}
        rows.append({"model": model, **{name: cells[name].get("jaccard", "–") for name in names}})
    return rows


def quick() -> None:
    """Every model on a few generated records, in this process, and one cell in its own."""
    rng = np.random.default_rng(0)
    X = sp.csr_matrix(rng.random((80, 30)) * (rng.random((80, 30)) < 0.3))
    Y = sp.csr_matrix((X[:, :5].toarray() + 0.3 * rng.random((80, 5)) > 0.35).astype(np.uint8))
    rows = []
    for model, make in models(smoke=True).items():
        try:
            figures, _ = measure(make, [(X[:60], Y[:60], None, X[60:], Y[60:])])
        except ImportError as error:  # an optional package
            print(f"{model}: left out ({error})")
            continue
        rows.append({"model": model, "Jaccard": figures["jaccard"], "fit s": figures["fit_seconds"]})
    show("Quality, 80 generated records", rows)
    one = run_cell(SCRIPT, ["emotions", "prior"], cores=1, timeout=120)
    print(f"\nemotions | prior, in a process of its own: {one}")
    assert "error" not in one or "MEDREC_DATA" in one["error"], one


def run_fast(
    smoke: bool, out: Path | None, jobs: int, *, only: list[str] | None, timeout: float, again: bool = False
) -> None:
    """Part fast: binary relevance on the presets against their bases."""
    if smoke:
        print("\npart fast: the presets run in part quality's smoke test")
        return
    names = [name for name in FAST_SETS if only is None or name in only]
    pairs = [(f"binary relevance, {base}", f"binary relevance, {base}-fast") for base in ("lightgbm", "xgboost")]
    found = fill(names, [model for pair in pairs for model in pair], out, jobs=jobs, timeout=timeout, again=again)
    rows = []
    for name in names:
        for full, fast in pairs:
            one, other = (found.get(f"{name} | {model}", {"error": "not run"}) for model in (full, fast))
            if "error" in one or "error" in other:
                print(f"{name} | {fast}: left out ({one.get('error') or other.get('error')})")
                continue
            # CPU seconds, which a busy machine disturbs least.
            ratio, change = one["fit_cpu_seconds"] / other["fit_cpu_seconds"], other["micro_f1"] - one["micro_f1"]
            per_record = [_records(out, name, model) for model in (fast, full)]
            rows.append(
                {
                    "data": name,
                    "preset": fast.partition(", ")[2],
                    "micro F1": one["micro_f1"],
                    "fast": other["micro_f1"],
                    "change": change,
                    "95 %": "–" if any(one is None for one in per_record) else micro_f1_interval(*per_record),
                    "fit CPU s": one["fit_cpu_seconds"],
                    "fast CPU s": other["fit_cpu_seconds"],
                    "ratio": ratio,
                    "met": bool(ratio >= GAIN and change >= -LOSS),
                }
            )
    show(f"Fast presets: at least {GAIN} times as fast, micro-F1 down by at most {LOSS}", rows)
