"""``medrec fit``."""

from typing import Any

import medrec
from medrec._dask import connected
from medrec._io import check_writable
from medrec.cli.messages import note
from medrec.cli.options import fit, make_pipeline, read_graph, read_labelled


def run(parsed: Any) -> None:
    """Learn a model from records and write it."""
    check_writable(parsed.out)
    data = read_labelled(parsed.data, parsed.masks, parsed.read)
    with connected(parsed.dask):
        pipeline = fit(make_pipeline(parsed, data, read_graph(parsed.ddi, data, parsed.data)), data)
    medrec.save(
        pipeline,
        parsed.out,
        source=parsed.data,
        fingerprint=data.fingerprint(),
        records=len(data),
        model=parsed.model,
        base=parsed.base,
    )
    note(f"{parsed.out}: {parsed.model} over {data.Y.shape[1]} drugs, learned from {len(data)} records")
