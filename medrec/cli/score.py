"""``medrec score``."""

import json
import sys
from typing import Any

from medrec.cli import UsageError
from medrec.cli.messages import note
from medrec.cli.options import read_graph, read_labelled
from medrec.cli.tables import print_figures
from medrec.datasets import read_predictions
from medrec.metrics import PRESETS, evaluate


def run(parsed: Any) -> None:
    """Score predictions of a file against the drugs of a source."""
    presets = parsed.preset or ["chip2025"]
    for name in presets:
        if name not in PRESETS:
            raise UsageError(f"--preset must be one of {', '.join(PRESETS)}; got {name!r}")
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
    if parsed.json:
        json.dump(results, sys.stdout, ensure_ascii=False, indent=1)
        print()
    else:
        for name, figures in results.items():
            print_figures(name, figures)
