"""``medrec fit``."""

from typing import Any

import medrec
from medrec._checks import InputError
from medrec._dask import connected
from medrec._io import check_writable
from medrec._parallel import cluster
from medrec.cli import UsageError
from medrec.cli.messages import note
from medrec.cli.options import fit, make_pipeline, read_graph, read_labelled, set_options
from medrec.datasets import ParquetRecords
from medrec.recommenders import fit_parquet


def run(parsed: Any) -> None:
    """Learn a model from records and write it."""
    check_writable(parsed.out)
    if is_by_block(parsed):
        fit_by_block(parsed)
        return
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


def is_by_block(parsed: Any) -> bool:
    """Whether the records are to be read block by block: partitioned ones, for a model that is learned so."""
    return parsed.data.startswith("parquet:") and parsed.base == "online" and set_options(parsed).get("hashed") is True


def fit_by_block(parsed: Any) -> None:
    """Learn from records of any number, and write the model."""
    if parsed.masks or parsed.read:
        raise UsageError(f"parquet:DIR is read block by block here, without --masks and --read; got {parsed.data}")
    records = ParquetRecords(parsed.data.partition(":")[2])
    pipeline = make_pipeline(parsed, records, read_graph(parsed.ddi, records, parsed.data))
    with connected(parsed.dask):
        try:
            pipeline = fit_parquet(pipeline, records.source, client=cluster(None), verbose=True)
        except InputError:
            raise
        except ValueError as error:
            raise UsageError(str(error)) from error
    medrec.save(
        pipeline,
        parsed.out,
        source=parsed.data,
        fingerprint=records.fingerprint(),
        records=records.n_records,
        model=parsed.model,
        base=parsed.base,
    )
    note(f"{parsed.out}: {parsed.model} over {len(records.drug_names)} drugs, learned from {records.n_records} records")
