"""CodiEsp (CLEF eHealth 2020): Spanish clinical cases, their ICD-10 codes, and the words that justify each code."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from medrec._checks import InputError, check_names, check_scores
from medrec._io import atomic_write
from medrec.datasets._json_lines import read_lines, read_objects, shown
from medrec.datasets._values import as_drugs, as_evidence, note_repairs
from medrec.datasets.cdrugred import sets_from_names
from medrec.datasets.dataset import Dataset

TASKS = {"D": "DIAGNOSTICO", "P": "PROCEDIMIENTO"}
"""Diagnoses (ICD-10-CM) and procedures (ICD-10-PCS), with the word that the published tables use."""
TEXTS = {"es": "text_files", "en": "text_files_en"}
"""The languages of the texts, with the folder that the published archive keeps them in."""
LANGUAGES = {"es": ("es",), "en": ("en",), "both": ("es", "en")}
"""What ``language`` may be, with the languages that are read."""


class _Case(NamedTuple):
    where: tuple[Path, int | None]
    id: str
    texts: list[str]
    codes: list[str]
    evidence: list[list[str]]


def read_codiesp(
    path: str | os.PathLike[str], *, task: str = "D", language: str = "es", codes: Sequence[str] | None = None
) -> Dataset:
    """Read one split of CodiEsp.

    Parameters
    ----------
    path : path-like
        JSON lines with ``id``, ``text_es``, ``text_en``, ``D``, ``P`` and ``evidence`` (``.gz`` too); or the
        folder of a split as published, with ``text_files/``, ``trainD.tsv``, ``trainP.tsv`` and ``trainX.tsv``
        (``text_files_en/`` for the English texts).
    task : {"D", "P"}, default="D"
        Diagnoses (ICD-10-CM) or procedures (ICD-10-PCS).
    language : {"es", "en", "both"}, default="es"
        The Spanish texts, their machine translation, or both: then the translation is a second column, ``text_en``.
    codes : sequence of str, optional
        The labels, in order; default: the codes of the file, sorted. Two splits share their labels with
        ``codes=sorted({*train.drug_names, *dev.drug_names})``, by which codes that only one of them has
        count as missed in the other.

    Returns
    -------
    Dataset
        Column ``text`` of kind ``text``; with Spanish texts ``evidence`` of kind ``evidence``, a list of
        ``[code, words]`` of each record. ``ids`` the cases, ``groups`` the article that a case is from. A file without
        codes gives empty sets.

    Raises
    ------
    InputError
        With file and line, for anything that cannot be read: no text, a case that comes twice, evidence or codes
        of another form, a code that is not in ``codes``.
    ValueError
        When ``task`` or ``language`` do not exist.

    Notes
    -----
    What justifies a code may be several spans of the text; their words are joined in the order given, as published.
    Evidence for a code that the case does not have is left out and counted in ``Dataset.notes``.

    References
    ----------
    Miranda-Escalada et al. (2020), Overview of automatic clinical coding: annotations, guidelines, and solutions for
    non-English clinical cases at CodiEsp track of CLEF eHealth 2020, CEUR 2696.
    """
    if task not in TASKS:
        raise ValueError(f"read_codiesp: task must be 'D' or 'P'; got {task!r}.")
    if language not in LANGUAGES:
        raise ValueError(f"read_codiesp: language must be 'es', 'en' or 'both'; got {language!r}.")
    names = None if codes is None else check_names(codes, who="read_codiesp").tolist()
    source = Path(path)
    repairs: Counter[str] = Counter()
    read = _published if source.is_dir() else _json_lines
    cases = list(read(source, task, language, None if names is None else set(names), repairs))
    if not cases:
        raise InputError("holds no records", path=source, line=None if source.is_dir() else 1)
    seen: set[str] = set()
    for case in cases:
        file, line = case.where
        if case.id in seen:
            raise InputError(f"id {shown(case.id)} stands twice; give each case its own", path=file, line=line)
        seen.add(case.id)
        if not all(text.strip() for text in case.texts):
            raise InputError("text is empty; remove the case", path=file, line=line)
        kept = [pair for pair in case.evidence if pair[0] in case.codes]
        if len(kept) < len(case.evidence):
            repairs["evidence for a code that the case does not have was left out"] += len(case.evidence) - len(kept)
        case.evidence[:] = kept
    if names is None:
        names = sorted({code for case in cases for code in case.codes})
    columns = {}
    for at, column in enumerate(("text", "text_en")[: len(LANGUAGES[language])]):
        columns[column] = pd.Series([case.texts[at] for case in cases], dtype=object)
    schema = dict.fromkeys(columns, "text")
    if language != "en":  # the words that were marked are Spanish
        columns["evidence"] = pd.Series([case.evidence for case in cases], dtype=object)
        schema["evidence"] = "evidence"
    ids = [case.id for case in cases]
    return Dataset(
        pd.DataFrame(columns),
        sets_from_names([case.codes for case in cases], names),
        names,
        schema,
        ids=ids,
        groups=[one.rpartition("-")[0] or one for one in ids],
        notes=note_repairs(repairs),
    )


def write_submission(
    scores: Any,
    drug_names: Sequence[str],
    ids: Sequence[str],
    path: str | os.PathLike[str],
    *,
    top_k: int | None = None,
) -> None:
    """Write a ranking as the task's official submission: case, tab, code, the best first, no header.

    Parameters
    ----------
    scores : array of shape (n_records, n_labels)
        Of equal scores the label of lower index comes first.
    drug_names : sequence of str, of length n_labels
        The codes.
    ids : sequence of str, of length n_records
        The cases.
    path : path-like
        The file; it is written whole or not at all.
    top_k : int, optional
        Codes of each case at most; default: all.

    Raises
    ------
    ValueError
        When the shapes do not fit, ``top_k`` is below 1, or a name holds a tab or a line end.
    """
    names = check_names(drug_names, who="write_submission")
    matrix = check_scores(scores, who="write_submission", shape=(len(ids), len(names)))
    if top_k is not None and top_k < 1:
        raise ValueError(f"write_submission: top_k must be at least 1; got {top_k}.")
    for name in (*names, *ids):
        if any(mark in str(name) for mark in "\t\n\r"):
            raise ValueError(f"write_submission: {name!r} holds a tab or a line end, which the format cannot carry.")
    order = np.argsort(-matrix, axis=1, kind="stable")[:, :top_k]
    with atomic_write(path) as file:
        for identifier, row in zip(ids, order):
            file.writelines(f"{identifier}\t{names[label]}\n" for label in row)


def _json_lines(
    source: Path, task: str, language: str, known: set[str] | None, repairs: Counter[str]
) -> Iterator[_Case]:
    for line, record in read_objects(source, repairs):
        identifier = record.get("id")
        if not isinstance(identifier, str) or not identifier.strip():
            raise InputError(f"field 'id' must be text; got {shown(identifier)}", path=source, line=line)
        texts = []
        for one in LANGUAGES[language]:
            text = record.get(field := f"text_{one}")
            if not isinstance(text, str):
                raise InputError(f"field {field!r} must be text; got {shown(text)}", path=source, line=line)
            texts.append(text)
        try:
            codes = record.get(field := task)
            if not (codes is None or isinstance(codes, list)):
                raise ValueError(f"must be a list of codes; got {shown(codes)}")
            drugs = as_drugs(codes, known)
            if len(drugs) < len(codes or []):
                repairs["blank or repeated codes were dropped"] += len(codes or []) - len(drugs)
            field = "evidence"
            evidence = as_evidence(_of_task(record.get("evidence"), task))
        except ValueError as error:
            raise InputError(f"field {field!r} {error}", path=source, line=line) from None
        yield _Case((source, line), identifier, texts, drugs, evidence)


def _of_task(items: Any, task: str) -> list[list[Any]]:
    """``[code, words]`` of the evidence of one task."""
    if items is None:
        return []
    if not isinstance(items, list):
        raise ValueError(f"must be a list; got {shown(items)}")
    pairs = []
    for item in items:
        if not isinstance(item, dict) or item.get("kind") not in list(TASKS):  # which need not be hashable
            raise ValueError(f'must hold objects such as {{"kind": "D", "code": …, "text": …}}; got {shown(item)}')
        if item["kind"] == task:
            pairs.append([item.get("code"), item.get("text")])
    return pairs


def _published(
    folder: Path, task: str, language: str, known: set[str] | None, repairs: Counter[str]
) -> Iterator[_Case]:
    """The cases of a published split: a text a case, codes and evidence in tables without a header."""
    folders = [folder / TEXTS[one] for one in LANGUAGES[language]]
    texts = sorted(folders[0].glob("*.txt"))
    if not texts:
        raise InputError(f"has no {folders[0].name}/*.txt; name the folder of one split, such as train", path=folder)
    codes: dict[str, list[str]] = {text.stem: [] for text in texts}
    evidence: dict[str, list[list[str]]] = {text.stem: [] for text in texts}
    for table, line, cells in _rows(folder, task, 2):
        _at(codes, cells[0], table, line).append(cells[1])
    for table, line, cells in _rows(folder, "X", 5):
        if cells[1] not in TASKS.values():
            raise InputError(
                f"kind must be {' or '.join(TASKS.values())}; got {shown(cells[1])}", path=table, line=line
            )
        pairs = _at(evidence, cells[0], table, line)
        if cells[1] == TASKS[task]:
            pairs.append([cells[2], cells[3]])
    for text in texts:
        try:
            drugs = as_drugs(codes[text.stem], known)
            pairs = as_evidence(evidence[text.stem])
        except ValueError as error:
            raise InputError(f"case {shown(text.stem)} {error}", path=folder) from None
        if len(drugs) < len(codes[text.stem]):
            repairs["blank or repeated codes were dropped"] += len(codes[text.stem]) - len(drugs)
        read = ["".join(part for _, part in read_lines(one / text.name)) for one in folders]
        yield _Case((text, None), text.stem, read, drugs, pairs)


def _rows(folder: Path, letter: str, width: int) -> Iterator[tuple[Path, int, list[str]]]:
    tables = sorted(folder.glob(f"*{letter}.tsv"))
    if len(tables) > 1:
        raise InputError(f"has several *{letter}.tsv; keep one split in a folder", path=folder)
    for table in tables:
        for line, text in read_lines(table):
            if text.strip():
                cells = [cell.strip() for cell in text.rstrip("\r\n").split("\t")]
                if len(cells) != width:
                    raise InputError(
                        f"has {len(cells)} cells, not {width}; separate them by tabs", path=table, line=line
                    )
                yield table, line, cells


def _at(lists: dict[str, Any], case: str, table: Path, line: int) -> Any:
    if case not in lists:
        raise InputError(f"case {shown(case)} has no text; copy its text or remove the line", path=table, line=line)
    return lists[case]
