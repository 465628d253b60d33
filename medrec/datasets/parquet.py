"""Records as partitioned Parquet: a folder of files with medrec's header in their metadata, read block by block."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from medrec._checks import InputError
from medrec._io import atomic_write, make_folder, parquet_files
from medrec._optional import import_optional
from medrec.datasets._json_lines import shown
from medrec.datasets._values import CLEANERS, as_drugs
from medrec.datasets.cdrugred import sets_from_names
from medrec.datasets.dataset import Dataset
from medrec.datasets.jsonl import RESERVED, header_of, is_blank, read_header

FEATURE = "Records in Parquet files"
ROWS = 16_384
"""Records of a block, and of a row group, at most."""
_KEY = b"medrec"


class ParquetRecords:
    """Records in partitioned Parquet, read a block at a time.

    Every file has the columns ``id``, ``patient`` and ``drugs`` (a list of names) and one for each column of the
    schema: texts, categories and dates as strings, numbers as float64, codes and dialogues as lists of strings,
    evidence as lists of pairs. The first line of ``read_jsonl``'s format, JSON with ``schema`` and ``drugs``, stands in
    the file's metadata under the key ``medrec``, the same in all files. A column may be left out (missing in
    all records), ``id`` (then its place, ``FOLDER/FILE:ROW`` as seen from the source), ``patient`` (then a patient of
    its own) and ``drugs`` (then none), too.

    Parameters
    ----------
    source : path-like
        A file, or a folder: all ``*.parquet`` in it and below, in the order of their paths.

    Attributes
    ----------
    files : list of Path
    schema : dict
        Kind of each column, as ``Dataset.schema``.
    drug_names : list of str
    ddi, aliases
        As in ``Dataset``.
    n_records : int
        Records of all files, from their footers.

    Raises
    ------
    InputError
        When there is no such file, or one is no Parquet or not as above.
    ImportError
        Without pyarrow.

    Examples
    --------
    >>> import tempfile
    >>> from medrec.datasets import load
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = write_parquet([load("synthetic:records=50,seed=0")], folder + "/records")
    ...     records = ParquetRecords(folder + "/records")
    ...     records.n_records, [len(block) for block in records.blocks(rows=20)]
    (50, [20, 20, 10])
    """

    def __init__(self, source: str | os.PathLike[str]) -> None:
        self.source = Path(source)
        self.files = _files(self.source)
        self.n_records = 0
        first: dict[str, Any] | None = None
        for path in self.files:
            header, n_records = _read_footer(path)
            if first is not None and header != first:
                raise InputError(
                    f"has another header than {self.files[0]}; keep one kind of records a folder", path=path
                )
            first = header
            self.n_records += n_records
        schema, names, self.ddi, self.aliases = read_header(first or {}, self.files[0], None)
        if names is None:
            raise InputError('header must give "drugs", so that every block has the same labels', path=self.files[0])
        self.schema, self.drug_names = schema, list(names)
        self._known = set(self.drug_names)

    def blocks(self, rows: int = ROWS, files: Iterable[Path] | None = None) -> Iterator[Dataset]:
        """Datasets of at most ``rows`` records each, file by file; of some of the files where they are named."""
        pq = import_optional("pyarrow.parquet", feature=FEATURE, extra="parquet")
        pa = import_optional("pyarrow", feature=FEATURE, extra="parquet")
        for path in self.files if files is None else files:
            at = 0
            try:
                with pq.ParquetFile(path) as file:
                    wanted = [name for name in file.schema_arrow.names if name in self.schema or name in RESERVED]
                    for batch in file.iter_batches(rows, columns=wanted):
                        if batch.num_rows:
                            yield self._dataset(batch, path, at)
                        at += batch.num_rows
            except (pa.ArrowException, OSError) as error:
                raise InputError(f"cannot be read as Parquet ({error}); copy it again", path=path) from error

    def read(self) -> Dataset:
        """All records as one Dataset, in memory."""
        blocks = list(self.blocks())
        if not blocks:
            raise InputError("holds no records", path=self.source)
        if len(blocks) == 1:
            return blocks[0]
        import scipy.sparse as sp

        ids = np.concatenate([block.ids for block in blocks])
        _refuse_repeats(ids, self.source)
        return Dataset(
            pd.concat([block.records for block in blocks], ignore_index=True),
            sp.vstack([block.Y for block in blocks], format="csr"),
            self.drug_names,
            self.schema,
            ids=ids,
            groups=np.concatenate([block.groups for block in blocks]),
            ddi=self.ddi,
            aliases=self.aliases,
        )

    def fingerprint(self) -> str:
        """SHA-256 over the files: equal files, equal fingerprint."""
        digest = hashlib.sha256()
        for path in self.files:
            with path.open("rb") as file:
                while piece := file.read(2**20):
                    digest.update(piece)
        return digest.hexdigest()

    def _dataset(self, batch: Any, path: Path, at: int) -> Dataset:
        n_records = batch.num_rows
        held = {name: batch.column(name).to_pylist() for name in batch.schema.names}

        def cleaned(name: str, clean: Any) -> list[Any]:
            values = held.get(name, [None] * n_records)
            for place, value in enumerate(values):
                try:
                    values[place] = clean(value)
                except ValueError as error:
                    raise InputError(f"column {name!r} {error}", path=path, line=at + place + 1) from None
            return values

        columns = {}
        for column, kind in self.schema.items():
            clean = CLEANERS[kind]
            values = cleaned(column, _or_empty(clean) if kind == "dialogue" else clean)
            columns[column] = pd.Series(values, dtype=float if kind == "number" else object)
        for place in range(n_records):
            if all(is_blank(values.iat[place]) for values in columns.values()):
                raise InputError("record is empty: no column of the schema has a value", path=path, line=at + place + 1)
        drugs = cleaned("drugs", lambda value: as_drugs(value, self._known))
        ids = cleaned("id", _identifier)
        inside = path != self.source and path.is_relative_to(self.source)
        name = path.relative_to(self.source).as_posix() if inside else path.name
        ids = [f"{name}:{at + place + 1}" if one is None else one for place, one in enumerate(ids)]
        _refuse_repeats(ids, path)
        patients = cleaned("patient", _identifier)
        return Dataset(
            pd.DataFrame(columns),
            sets_from_names(drugs, self.drug_names),
            self.drug_names,
            self.schema,
            ids=ids,
            groups=np.asarray(
                [f"record {own}" if one is None else one for one, own in zip(patients, ids)], dtype=object
            ),
            ddi=self.ddi,
            aliases=self.aliases,
        )


def read_parquet(path: str | os.PathLike[str]) -> Dataset:
    """Read partitioned Parquet as one Dataset, in memory; ``ParquetRecords`` reads it block by block.

    Parameters
    ----------
    path : path-like
        A file or a folder, see ``ParquetRecords``.

    Raises
    ------
    InputError
        With file and row, for anything that is not as ``ParquetRecords`` says.
    """
    return ParquetRecords(path).read()


def write_parquet(
    datasets: Iterable[Dataset], folder: str | os.PathLike[str], *, rows: int = ROWS, first: int = 0
) -> list[Path]:
    """Write Datasets of the same labels as partitioned Parquet, a file each; ``ParquetRecords`` reads them.

    Parameters
    ----------
    datasets : iterable of Dataset
        One is in memory at a time. Columns without a kind are left out.
    folder : path-like
        Made where it is not there.
    rows : int, default=16,384
        Records of a row group.
    first : int, default=0
        Number of the first file, ``part-00000.parquet``.

    Returns
    -------
    list of Path
        The files, each written whole or not at all.

    Raises
    ------
    InputError
        When the folder or a file cannot be written.
    ImportError
        Without pyarrow.
    """
    target = make_folder(folder)
    pq = import_optional("pyarrow.parquet", feature=FEATURE, extra="parquet")
    written = []
    for number, dataset in enumerate(datasets, start=first):
        path = target / part_name(number)
        with atomic_write(path, "wb") as file:
            pq.write_table(table_of(dataset), file, row_group_size=rows, compression="zstd")
        written.append(path)
    return written


def part_name(number: int) -> str:
    """The name of a file of ``write_parquet``."""
    return f"part-{number:05d}.parquet"


def table_of(dataset: Dataset) -> Any:
    """A Dataset as an Arrow table, its header in the metadata."""
    pa = import_optional("pyarrow", feature=FEATURE, extra="parquet")
    strings = pa.list_(pa.string())
    types = {"number": pa.float64(), "codes": strings, "dialogue": strings, "evidence": pa.list_(strings)}
    Y, names = dataset.Y, dataset.drug_names
    drugs = [names[Y.indices[start:end]].tolist() for start, end in zip(Y.indptr[:-1], Y.indptr[1:])]
    fields, columns = [("id", pa.string())], [dataset.ids.tolist()]
    if dataset.groups is not None:
        fields.append(("patient", pa.string()))
        columns.append([str(one) for one in dataset.groups.tolist()])
    for column, kind in dataset.schema.items():
        values = dataset.records[column].tolist()
        fields.append((column, types.get(kind, pa.string())))
        columns.append(values if kind in types and kind != "number" else [None if is_blank(v) else v for v in values])
    fields.append(("drugs", strings))
    columns.append(drugs)
    schema = pa.schema(fields, metadata={_KEY: json.dumps(header_of(dataset), ensure_ascii=False).encode()})
    return pa.Table.from_arrays([pa.array(c, type=kind) for c, (_, kind) in zip(columns, fields)], schema=schema)


def _files(source: Path) -> list[Path]:
    if not source.exists():
        raise InputError("is not there; check the path", path=source)
    if not source.is_dir():
        return [source]
    files = parquet_files(source)
    if not files:
        raise InputError("holds no *.parquet; name a folder of Parquet files", path=source)
    return files


def _read_footer(path: Path) -> tuple[dict[str, Any], int]:
    """The header and the number of records of a file."""
    pq = import_optional("pyarrow.parquet", feature=FEATURE, extra="parquet")
    pa = import_optional("pyarrow", feature=FEATURE, extra="parquet")
    try:
        with pq.ParquetFile(path) as file:
            metadata, n_records = file.schema_arrow.metadata or {}, file.metadata.num_rows
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"cannot be read as Parquet ({error}); copy it again", path=path) from error
    try:
        header = json.loads(metadata[_KEY])
        if not isinstance(header, dict):
            raise ValueError
    except (KeyError, ValueError):
        raise InputError(
            'has no header: JSON with "medrec": 1, "schema" and "drugs" under the key "medrec" of its metadata. '
            "Write it with medrec.datasets.write_parquet",
            path=path,
        ) from None
    return header, n_records


def _identifier(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int)) or not str(value).strip():
        raise ValueError(f"must be a number or text; got {shown(value)}")
    return str(value)


def _or_empty(clean: Any) -> Any:
    return lambda value: [] if value is None else clean(value)


def _refuse_repeats(ids: Any, path: Path) -> None:
    repeats = pd.Series(ids).duplicated().to_numpy()
    if repeats.any():
        one = ids[int(np.flatnonzero(repeats)[0])]
        raise InputError(f"id {shown(one)} stands twice; give each record its own", path=path)
