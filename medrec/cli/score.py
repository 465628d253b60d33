"""``medrec score``."""

import json
import sys
from pathlib import Path
from typing import Any

from medrec._checks import InputError
from medrec.cli import UsageError
from medrec.cli.messages import note
from medrec.cli.options import read_graph, read_labelled
from medrec.cli.tables import print_figures
from medrec.datasets import ParquetRecords, read_predictions
from medrec.metrics import PRESETS, evaluate, evaluate_parquet


def run(parsed: Any) -> None:
    """Score predictions of a file against the drugs of a source."""
    presets = parsed.preset or ["chip2025"]
    for name in presets:
        if name not in PRESETS:
            raise UsageError(f"--preset must be one of {', '.join(PRESETS)}; got {name!r}")
    scored = score_by_block if Path(parsed.pred).is_dir() else score_file
    results = scored(parsed, presets)
    if parsed.json:
        json.dump(results, sys.stdout, ensure_ascii=False, indent=1)
        print()
    else:
        for name, figures in results.items():
            print_figures(name, figures)


def score_file(parsed: Any, presets: list[str]) -> dict[str, dict[str, Any]]:
    """The figures of predictions in one file, by preset."""
    data = read_labelled(parsed.truth, read=parsed.read)
    sets, missing = read_predictions(parsed.pred, data)
    if missing:
        note(f"{parsed.pred}: {missing} of {len(data)} records have no prediction and count as empty sets")
    graph = read_graph(parsed.ddi, data, parsed.truth)
    results = {}
    for name in presets:
        try:
            results[name] = evaluate(data.Y, sets, preset=name, groups=data.groups, ddi=graph)
        except ValueError as error:
            raise UsageError(str(error)) from None
        results[name]["missing_predictions"] = missing
    return results


def score_by_block(parsed: Any, presets: list[str]) -> dict[str, dict[str, Any]]:
    """The figures of a folder that ``medrec predict --format parquet`` wrote; it holds the true drugs, too."""
    if not parsed.truth.startswith("parquet:"):
        raise InputError(f"is a folder, which --truth parquet:DIR goes with; got {parsed.truth}", path=parsed.pred)
    if parsed.read:
        raise UsageError(f"--pred {parsed.pred} is a folder, which is scored block by block, without --read")
    records = ParquetRecords(parsed.truth.partition(":")[2])
    graph = read_graph(parsed.ddi, records, parsed.truth)
    options: dict[str, Any] = {"labels": records.drug_names, "truth": "drugs", "groups": "patient", "ddi": graph}
    try:
        results = {name: evaluate_parquet(parsed.pred, preset=name, **options) for name in presets}
    except ValueError as error:
        raise InputError(str(error), path=parsed.pred) from error
    for figures in results.values():
        if figures["records"] != records.n_records:
            raise InputError(
                f"has {figures['records']} records, the truth {records.n_records}; give the folder that was predicted "
                f"from {parsed.truth}",
                path=parsed.pred,
            )
    return results
