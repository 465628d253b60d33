"""Proof of quality: the recommenders on real data, peers fitted in the same run, intervals by patient bootstrap.

    python benchmarks/bench_quality.py [--part dialmed mulan codiesp uci cdrugred] [--smoke] [--out DIR] [--jobs N]
        [--folds N] [--timeout S] [--again] [--only REGEX]

dialmed   five folds of the development split, masks dropped and kept; learning curve
mulan     official splits of medical, enron, yeast, scene, emotions; scikit-learn, scikit-multilearn-ng, LibMultiLabel
codiesp   train to dev, diagnoses and procedures; ablations; F1 by training frequency
uci       23 drugs of 81,412 encounters, folds by patient
cdrugred  GENERATED records at the official sizes: cost, every feature group, drugs never seen

A process fits a cell on --jobs cores. With --out, cells that are there already are kept, so a run goes on where it was
stopped, and quality.json (with machine, versions and commit) and quality.md are written after every part; the counts
by record that intervals and differences need lie in the folder records. --only measures no other cells than those
whose names match. A cell that was not run, or a peer that is not installed, is a dash.

Real data is looked for in MEDREC_DATA (default: ../shared/data).
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import quality_cdrugred
import quality_codiesp
import quality_dialmed
import quality_mulan
import quality_uci
from common import PACKAGES, Cells, machine
from quality_run import Outcome, Run, run_inside

from medrec._io import atomic_write

PARTS: dict[str, ModuleType] = {
    "dialmed": quality_dialmed,
    "mulan": quality_mulan,
    "codiesp": quality_codiesp,
    "uci": quality_uci,
    "cdrugred": quality_cdrugred,
}
PEERS = ("libmultilabel", "liblinear-multicore")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--smoke", action="store_true", help="a few generated records, to see that it runs")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for JSON, Markdown and the counts by record")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="cores of a cell [%(default)s]")
    parser.add_argument("--folds", type=int, default=5, metavar="N", help="folds that are run of five [%(default)s]")
    parser.add_argument("--timeout", type=float, default=3600.0, metavar="S", help="seconds a cell [%(default)s]")
    parser.add_argument("--again", action="store_true", help="measure cells anew that are there")
    parser.add_argument("--only", default="", metavar="REGEX", help="measure only cells whose printed name matches")
    parser.add_argument("--cell", nargs="+", metavar="WORD", help=argparse.SUPPRESS)
    parsed = parser.parse_args()
    if parsed.cell is not None:
        print(json.dumps(run_inside(lambda words: measure(words, parsed.jobs, smoke=False), parsed.cell)))
        return
    if not 1 <= parsed.folds <= 5:
        parser.error(f"--folds must be between 1 and 5; got {parsed.folds}")
    with tempfile.TemporaryDirectory() as scratch:
        run_parts(parsed, Path(scratch))


def run_parts(parsed: argparse.Namespace, scratch: Path) -> None:
    out = None if parsed.smoke else parsed.out
    folder = scratch if out is None else out
    cells = Cells(
        Path(__file__),
        None if out is None else out / "quality.json",
        jobs=parsed.jobs,
        timeout=parsed.timeout,
        again=parsed.again,
        says=lambda one: f"Jaccard {one['jaccard']:.3f}, micro F1 {one['micro_f1']:.3f}, {one['fit_seconds']:.1f} s",
        inside=inside(parsed),
        only=parsed.only,
    )
    cells.facts = machine([*PACKAGES, *PEERS])
    for part in parsed.part:
        print(f"\n## {part}{' (smoke test, generated records)' if parsed.smoke else ''}", flush=True)
        run = Run(cells, (folder / "records").resolve(), 1 if parsed.smoke else parsed.folds, smoke=parsed.smoke)
        PARTS[part].run(run, parsed.jobs)
        run.show_targets()
        cells.also.setdefault("parts", {})[part] = {
            **cells.facts,
            "folds": run.folds,
            "targets": run.checked,
            "markdown": run.lines,
        }
        cells.write()
        if out is not None:
            write_markdown(out / "quality.md", cells)


def inside(parsed: argparse.Namespace) -> Any:
    """In a smoke test cells are measured in this process."""
    if not parsed.smoke:
        return None

    def run(words: Sequence[str]) -> dict[str, Any]:
        try:
            return run_inside(lambda key: measure(key, parsed.jobs, smoke=True), words)
        except ImportError as error:  # a peer that is not installed
            return {"error": str(error)}

    return run


def measure(words: Sequence[str], jobs: int, *, smoke: bool) -> Outcome:
    part, *rest = words
    return PARTS[part].cell(rest, jobs, smoke)


def write_markdown(path: Path, cells: Cells) -> None:
    """All parts that were ever run into this file, in order."""
    lines = [
        "# Quality\n",
        "Printed by `python benchmarks/bench_quality.py --out benchmarks/results`; intervals are 95 %, by bootstrap "
        "over patients (over records where patients are not known). A dash stands for what was not run; how many cores "
        "a row had, one or two, and its commit stand in quality.json.",
    ]
    for part in PARTS:
        if part in cells.also.get("parts", {}):
            held = cells.also["parts"][part]
            versions = ", ".join(f"{name} {number}" for name, number in held["versions"].items())
            lines += [
                f"\n## {part}",
                f"\n{held['machine']}, {held['cores']} cores; commit {held['commit'][:12]}; {versions}.",
                *held["markdown"],
            ]
    with atomic_write(path) as file:
        file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
