"""What the parts of the quality benchmark share: cells with the counts of their records, intervals, rows, targets."""

import json
import re
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from common import Cells, markdown, peak_memory

from medrec.datasets import Dataset
from medrec.metrics import OverlapCounts, average_precision, bootstrap_interval, compare, overlap_counts
from medrec.tuning import fit_records

DASH = "–"
COUNTS = ("h", "y", "z", "tp", "t", "p")


@dataclass(frozen=True)
class Scored:
    """Test records: what their sets have in common with the truth, their average precision, their patients."""

    counts: OverlapCounts
    precision: np.ndarray
    patients: np.ndarray

    @classmethod
    def of(cls, Y: Any, Z: Any, scores: np.ndarray | None = None, groups: Any = None) -> "Scored":
        precision = np.full(Y.shape[0], np.nan) if scores is None else average_precision(Y, scores)
        patients = np.arange(Y.shape[0]) if groups is None else groups
        return cls(overlap_counts(Y, Z), precision, np.asarray(patients, dtype=str))

    def __add__(self, other: "Scored") -> "Scored":
        both = ((self.precision, other.precision), (self.patients, other.patients))
        return Scored(self.counts + other.counts, *(np.concatenate(pair) for pair in both))

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        counts = {name: getattr(self.counts, name) for name in COUNTS}
        np.savez_compressed(path, precision=self.precision, patients=self.patients, **counts)

    @classmethod
    def read(cls, path: Path) -> "Scored":
        with np.load(path) as held:
            return cls(OverlapCounts(*(held[name] for name in COUNTS)), held["precision"], held["patients"])

    def per_record(self, figure: str) -> tuple[np.ndarray, np.ndarray | None]:
        """Values and weights whose mean the figure is."""
        counts = self.counts
        if figure == "MAP":
            return self.precision, None
        name = figure.rpartition(" ")[2].lower()
        if not figure.startswith("micro "):
            return counts.per_record(name), None
        total = counts.y + counts.z
        numerator, weight = (counts.h, total - counts.h) if name == "jaccard" else (2 * counts.h, total)
        return np.divide(numerator, weight, out=np.zeros(len(weight)), where=weight > 0), weight.astype(np.float64)

    def mean(self, figure: str) -> float:
        values, weights = self.per_record(figure)
        weights = np.where(np.isnan(values), 0.0, 1.0 if weights is None else weights)
        return float(np.average(np.nan_to_num(values), weights=weights)) if weights.any() else float("nan")

    def interval(self, figure: str) -> tuple[float, float]:
        """Of 95 %, by patient."""
        values, weights = self.per_record(figure)
        return bootstrap_interval(values, self.patients, weights=weights)

    def shown(self, figure: str) -> str:
        """The figure with its interval."""
        return f"{self.mean(figure):.3f} ({self.interval(figure)[0]:.3f} to {self.interval(figure)[1]:.3f})"

    def minus(self, other: "Scored", figure: str = "Jaccard") -> tuple[float, str]:
        """This minus another of the same records, and that with its interval, for figures that are means of records."""
        both = compare(self.per_record(figure)[0], other.per_record(figure)[0], self.patients)
        return both.difference, f"{both.difference:+.3f} ({both.interval[0]:+.3f} to {both.interval[1]:+.3f})"


@dataclass
class Outcome:
    """What a cell found: figures, and the records of each of its variants (other decisions, other test parts)."""

    figures: dict[str, Any]
    scored: dict[str, Scored]


@dataclass
class Run:
    """A run of the benchmark: where cells lie, and how many folds are wanted."""

    cells: Cells
    records: Path
    folds: int
    smoke: bool = False
    lines: list[str] = field(default_factory=list)
    """What has been shown, as Markdown."""
    checked: list[dict[str, Any]] = field(default_factory=list)

    def get(self, *words: str, variants: Sequence[str] = ("",)) -> dict[str, Any]:
        """The figures of one cell."""
        needs = [record_file(self.records, words, variant) for variant in variants]
        return self.cells.get(" | ".join(words), [*words, str(self.records)], needs)

    def all_of(self, *words: str, parts: Sequence[str], variants: Sequence[str] = ("",)) -> dict[str, Any]:
        """The cells of several folds as one: times are sums, memory is the most; or the first error."""
        found = [self.get(*words, part, variants=variants) for part in parts]
        failed = [one for one in found if "error" in one]
        if failed:
            return {"error": failed[0]["error"]}
        total = {key: sum(one[key] for one in found) for key in ("fit_seconds", "fit_cpu_seconds", "predict_seconds")}
        return {**found[0], **total, "peak_gib": max(one["peak_gib"] for one in found), "fits": len(parts)}

    def scored(self, *words: str, parts: Sequence[str] = (), variant: str = "") -> Scored | None:
        """The records of a cell, or of all folds of it; None where one is missing."""
        total: Scored | None = None
        for key in [(*words, part) for part in parts] or [words]:
            path = record_file(self.records, key, variant)
            if "error" in self.cells.found.get(" | ".join(key), {"error": ""}) or not path.exists():
                return None
            one = Scored.read(path)
            total = one if total is None else total + one
        return total

    def show(self, title: str, rows: list[dict[str, Any]]) -> None:
        self.say(markdown(title, rows))

    def say(self, line: str) -> None:
        print(line, flush=True)
        self.lines.append(line)

    def target(self, what: str, value: float | None, least: float) -> None:
        """Note whether a figure reaches what is wanted of it; None where it was not measured."""
        self._check(what, f"at least {least:g}", value, lambda found: found >= least)

    def limit(self, what: str, value: float | None, most: float) -> None:
        """Note whether a cost stays below what is allowed."""
        self._check(what, f"at most {most:g}", value, lambda found: found <= most)

    def _check(self, what: str, wanted: str, value: float | None, met: Callable[[float], bool]) -> None:
        measured = DASH if value is None else f"{value:.3f}"
        answer = "not run" if value is None else "yes" if met(value) else "NO"
        self.checked.append({"target": what, "wanted": wanted, "measured": measured, "met": answer})

    def show_targets(self) -> None:
        self.show("Targets", self.checked)


def record_file(folder: Path, words: Sequence[str], variant: str) -> Path:
    name = re.sub(r"[^a-z0-9%]+", "-", " ".join([*words, variant]).lower()).strip("-")
    return folder / f"{name}.npz"


def run_inside(cell: Callable[[Sequence[str]], Outcome], words: Sequence[str]) -> dict[str, Any]:
    """Measure a cell in this process and save its records in the folder that the last word names."""
    *key, folder = words
    outcome = cell(key)
    for variant, scored in outcome.scored.items():
        scored.save(record_file(Path(folder), key, variant))
    one = next(iter(outcome.scored.values()))
    figures = {"jaccard": one.mean("Jaccard"), "micro_f1": one.mean("micro F1"), "peak_gib": peak_memory()}
    return json.loads(json.dumps({**figures, **outcome.figures}, default=float))


class Timer:
    """Seconds of the clock and of the processor, by step."""

    def __init__(self) -> None:
        self.figures: dict[str, float] = {}
        self.mark()

    def mark(self) -> None:
        self.clock, self.busy = time.perf_counter(), time.process_time()

    def stop(self, step: str) -> None:
        """The step ends here, and the next begins."""
        self.figures[f"{step}_seconds"] = time.perf_counter() - self.clock
        self.figures[f"{step}_cpu_seconds"] = time.process_time() - self.busy
        self.mark()


def fit_and_score(pipeline: Any, train: Dataset, test: Dataset) -> tuple[np.ndarray, Any, dict[str, float]]:
    """Probabilities and sets of test records, and what they cost; features are part of it."""
    timer = Timer()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit_records(pipeline, train)
        timer.stop("fit")
        scores = pipeline.predict_proba(test.records)
        sets = pipeline[-1].decide(scores)[0]
        timer.stop("predict")
    return scores, sets, timer.figures


def row(model: str, scored: Scored | None, cell: dict[str, Any], figures: Sequence[str]) -> dict[str, Any]:
    """A row of a table of models; dashes where the cell did not run."""
    if scored is None:
        reason = str(cell.get("error", "not run"))[:70]
        empty = dict.fromkeys([*figures, "drugs a record", "fit s", "fit CPU s", "predict s", "peak GiB"], DASH)
        return {"model": model, **empty, "note": reason}
    return {
        "model": model,
        **{figure: scored.shown(figure) for figure in figures},
        "drugs a record": f"{scored.counts.z.mean():.2f}",
        "fit s": f"{cell['fit_seconds']:.1f}",
        "fit CPU s": f"{cell['fit_cpu_seconds']:.1f}",
        "predict s": f"{cell['predict_seconds']:.2f}",
        "peak GiB": f"{cell['peak_gib']:.2f}",
        "note": "",
    }
