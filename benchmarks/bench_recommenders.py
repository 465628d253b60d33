"""What the recommenders do and cost, peers in the same run, equality or quality beside every time.

    python benchmarks/bench_recommenders.py [--part shared-bins fast linear quality size gpu checks] [--smoke]
        [--out DIR] [--jobs N] [--data NAME ...] [--models NAME ...] [--timeout S] [--again]

shared-bins  one binned data set for all labels against scikit-learn's MultiOutputClassifier and ClassifierChain
fast         the fast presets of the boosters against the boosters
linear       the linear trainer against scikit-learn, LibMultiLabel and PECOS, see bench_linear.py
quality      all models on all data sets; with --out, cells that are there already are kept, so a run goes on where it
             was stopped (--again measures anew)
size         651 labels and 3,600 generated records within limits of time and memory
gpu          boosters on CPU and GPU; without a GPU it says so
checks       the command that runs every model through scikit-learn's checks and our contract

Real data is looked for in MEDREC_DATA (default: ../shared/data). Tables are Markdown; --out writes them as JSON with
machine, versions and commit, a file each part.
"""

import argparse
import json
import sys
from pathlib import Path

import recommenders_bins
import recommenders_gpu
import recommenders_quality
import recommenders_size
from bench_linear import compare as compare_linear
from bench_linear import generated, mulan
from common import DATA, write_result
from recommenders_models import SETS, models

PARTS = ("shared-bins", "fast", "linear", "quality", "size", "gpu", "checks")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--smoke", action="store_true", help="small sets, to see that it runs")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for JSON")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="cores of quality, fast and gpu [%(default)s]")
    parser.add_argument("--data", nargs="+", choices=SETS, metavar="NAME", help=f"of {', '.join(SETS)}")
    parser.add_argument("--models", nargs="+", choices=list(models()), metavar="NAME", help="as the tables name them")
    parser.add_argument("--timeout", type=float, default=3600.0, metavar="S", help="seconds a cell [%(default)s]")
    parser.add_argument("--again", action="store_true", help="measure cells anew that are there")
    parser.add_argument("--cell", nargs="+", metavar="WORD", help=argparse.SUPPRESS)
    parsed = parser.parse_args()
    if parsed.cell is not None:
        name, model, *records = parsed.cell
        if name == "size":
            figures = recommenders_size.cell(model, parsed.jobs)
        else:
            figures = recommenders_quality.cell(name, model, parsed.jobs, Path(records[0]) if records else None)
        print(json.dumps(figures))
        return
    options = {"only": parsed.data, "timeout": parsed.timeout, "again": parsed.again}
    for part in parsed.part:
        print(f"\n## {part}", flush=True)
        if part == "shared-bins":
            recommenders_bins.run(parsed.smoke, parsed.out)
        elif part == "fast":
            recommenders_quality.run_fast(parsed.smoke, parsed.out, parsed.jobs, **options)
        elif part == "linear":
            linear(parsed.smoke, parsed.out)
        elif part == "quality":
            recommenders_quality.run(parsed.smoke, parsed.out, parsed.jobs, wanted=parsed.models, **options)
        elif part == "size":
            recommenders_size.run(
                parsed.smoke, parsed.out, wanted=parsed.models, timeout=parsed.timeout, again=parsed.again
            )
        elif part == "gpu":
            recommenders_gpu.run(parsed.smoke, parsed.out, parsed.jobs)
        else:
            print(f"\n    {sys.executable} -m pytest tests/test_estimators.py tests/recommenders")


def linear(smoke: bool, out: Path | None) -> None:
    """Part linear: logistic, C=10, one thread."""
    sets = {"generated": generated(*((300, 1000, 20) if smoke else (5000, 20000, 300)))}
    for name in () if smoke else ("medical", "enron"):
        if (DATA / "mulan" / name).exists():
            sets[name] = (*mulan(DATA / "mulan", name, "train"), *mulan(DATA / "mulan", name, "test"))
        else:
            print(f"{name} left out: {DATA / 'mulan' / name} is absent")
    rows = []
    for name, parts in sets.items():
        repeats = 1 if smoke or name == "generated" else 3
        rows += compare_linear(name, parts, loss="logistic", C=10.0, threads=1, repeats=repeats)
    write_result(out, "recommenders_linear", smoke=smoke, threads=1, rows=rows)


if __name__ == "__main__":
    main()
