"""GAMENet's and SafeDrug's preprocessed MIMIC: visits of patients as numbers of codes and drugs."""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from medrec._checks import InputError
from medrec.datasets._json_lines import shown
from medrec.datasets._pickles import Voc, as_plain, read_pickle
from medrec.datasets._values import note_repairs
from medrec.datasets.cdrugred import sets_from_names
from medrec.datasets.dataset import Dataset, interactions_frame

RECORDS, VOCABULARY, INTERACTIONS = "records_final.pkl", "voc_final.pkl", "ddi_A_final.pkl"
"""File names, as both repositories write them."""
VOCABULARIES = {"diagnoses": "diag_voc", "procedures": "pro_voc", "drugs": "med_voc"}
"""The vocabulary of each part of a visit, in the order of its parts."""


def read_gamenet(path: str | os.PathLike[str], *, history: bool = True) -> Dataset:
    """Read ``records_final.pkl``, ``voc_final.pkl`` and ``ddi_A_final.pkl``, without running anything in them.

    Parameters
    ----------
    path : path-like
        The folder that holds the files, or its ``records_final.pkl``. Interactions are read where they are there.
    history : bool, default=True
        Whether a record also has the codes and drugs of the patient's earlier visits, as the published models see
        them: columns ``earlier_diagnoses``, ``earlier_procedures`` and ``earlier_drugs``, latest visit first, each
        code once. A first visit has empty lists.

    Returns
    -------
    Dataset
        One record a visit, patients and visits in the order of the file; ``ids`` are ``"patient-visit"`` and
        ``groups`` the patients, both numbered from 1. Labels stand in the order of ``med_voc``. ``ddi`` names its
        drugs by ``med_voc`` too, so that no later order of labels can confuse it.

    Raises
    ------
    InputError
        With the file and the place in it: a file is missing, damaged or holds anything else than it should (a pickle
        could run any program; here an unknown name is refused before it is looked up), a visit lacks a part or has a
        number that its vocabulary does not have, or the interactions do not fit ``med_voc``.

    Notes
    -----
    - The vocabularies are ``Voc`` objects of whatever module, also those that dill wrote with the code of their class.
    - The published experiments train on the first two thirds of the patients, in the order of the file, test on the
      first half of the rest and validate on the other half; ``Dataset.subset`` and ``groups`` give those splits.
    - What is repeated within a visit counts once. Parts of a visit beyond three are left out. Both are counted in
      ``Dataset.notes``.

    References
    ----------
    Shang et al. (2019), GAMENet: Graph Augmented Memory Networks for Recommending Medication Combination, AAAI.
    Yang et al. (2021), SafeDrug: Dual Molecular Graph Encoders for Recommending Effective and Safe Drug Combinations,
    IJCAI.
    """
    if not isinstance(history, bool):
        raise ValueError(f"read_gamenet: history must be True or False; got {history!r}.")
    source = Path(path)
    folder = source if source.is_dir() else source.parent
    records_path = folder / RECORDS if source.is_dir() else source
    repairs: Counter[str] = Counter()
    words = _read_vocabularies(folder / VOCABULARY, repairs)
    patients = as_plain(read_pickle(records_path), records_path)
    if not isinstance(patients, (list, tuple)):
        rule = f"must be a list of patients; got {shown(type(patients).__name__)}; take {RECORDS} of the same folder"
        raise InputError(rule, path=records_path)
    if not patients:
        raise InputError("holds no records", path=records_path)
    columns: dict[str, list[Any]] = {name: [] for name in ("diagnoses", "procedures")}
    if history:
        columns |= {f"earlier_{name}": [] for name in VOCABULARIES}
    drugs: list[list[str]] = []
    ids, groups = [], []
    for patient, visits in enumerate(patients, start=1):
        if not isinstance(visits, (list, tuple)) or not len(visits):
            raise InputError(f"patient {patient} must be a list of visits; got {shown(visits)}", path=records_path)
        earlier: dict[str, list[str]] = {name: [] for name in VOCABULARIES}
        for number, visit in enumerate(visits, start=1):
            name = f"{patient}-{number}"
            parts = _visit(visit, words, repairs, records_path, name)
            drugs.append(parts["drugs"])
            ids.append(name)
            groups.append(patient)
            for column in ("diagnoses", "procedures"):
                columns[column].append(parts[column])
            for part, found in parts.items() if history else ():
                columns[f"earlier_{part}"].append(earlier[part])
                earlier[part] = list(dict.fromkeys(found + earlier[part]))
    return Dataset(
        pd.DataFrame({column: pd.Series(values, dtype=object) for column, values in columns.items()}),
        sets_from_names(drugs, words["drugs"]),
        words["drugs"],
        dict.fromkeys(columns, "codes"),
        ids=ids,
        groups=groups,
        ddi=_read_interactions(folder / INTERACTIONS, words["drugs"]),
        notes=note_repairs(repairs),
    )


def _read_vocabularies(path: Path, repairs: Counter[str]) -> dict[str, list[str]]:
    """The words of each vocabulary, by their numbers."""
    stored = read_pickle(path)
    if not isinstance(stored, dict):
        raise InputError(f"must map diag_voc, pro_voc and med_voc to vocabularies; got {shown(stored)}", path=path)
    words = {}
    for part, name in VOCABULARIES.items():
        vocabulary = stored.get(name)
        numbered = vocabulary.words.get("idx2word") if isinstance(vocabulary, Voc) else None
        if not isinstance(numbered, dict) or not numbered:
            raise InputError(f"{name!r} must be a Voc with words in idx2word; got {shown(vocabulary)}", path=path)
        if any(type(number) is not int for number in numbered) or sorted(numbered) != list(range(len(numbered))):
            raise InputError(f"{name!r} must number its words 0, 1, 2 … in idx2word", path=path)
        found = []
        for number in range(len(numbered)):
            word = numbered[number]
            if type(word) is int:
                repairs[f"words of {name} that are numbers were read as text"] += 1
                word = str(word)
            if not isinstance(word, str) or not word.strip():
                raise InputError(f"{name!r}: word {number} must be a code; got {shown(word)}", path=path)
            found.append(word)
        if len(set(found)) < len(found):
            twice = next(word for word in found if found.count(word) > 1)
            raise InputError(f"{name!r} has the word {shown(twice)} twice; keep one", path=path)
        words[part] = found
    return words


def _visit(
    visit: Any, words: dict[str, list[str]], repairs: Counter[str], path: Path, name: str
) -> dict[str, list[str]]:
    """The codes of each part of a visit, each once, in the order given."""
    if not isinstance(visit, (list, tuple)) or len(visit) < len(words):
        rule = f"visit {name} must be [diagnoses, procedures, drugs]; got {shown(visit)}"
        raise InputError(rule, path=path)
    if len(visit) > len(words):
        repairs["parts of a visit beyond diagnoses, procedures and drugs were left out"] += len(visit) - len(words)
    parts = {}
    for part, numbers in zip(words, visit):
        numbers = as_plain(numbers, path)
        if isinstance(numbers, np.ndarray):
            numbers = numbers.ravel().tolist()
        if not isinstance(numbers, (list, tuple, set, frozenset)):
            raise InputError(f"visit {name}: {part} must be a list of numbers; got {shown(numbers)}", path=path)
        known = words[part]
        for number in numbers:
            if type(number) is not int or not 0 <= number < len(known):
                rule = (
                    f"visit {name}: {part} has {shown(number)}, which is no number of {VOCABULARIES[part]} "
                    f"(0 to {len(known) - 1}); take both files of one folder"
                )
                raise InputError(rule, path=path)
        ordered = sorted(numbers) if isinstance(numbers, (set, frozenset)) else numbers
        parts[part] = list(dict.fromkeys(known[number] for number in ordered))
        if len(parts[part]) < len(numbers):
            repairs[f"repeated {part} within a visit were dropped"] += len(numbers) - len(parts[part])
    return parts


def _read_interactions(path: Path, names: list[str]) -> pd.DataFrame | None:
    """The pairs of drugs that interact, by name; None where the file is not there."""
    if not path.exists():
        return None
    table = as_plain(read_pickle(path), path)
    if not isinstance(table, np.ndarray) or table.dtype.kind not in "biuf":
        raise InputError(f"must be a square matrix of numbers; got {shown(type(table).__name__)}", path=path)
    if table.shape != (len(names), len(names)):
        rule = f"is a matrix {table.shape} for {len(names)} drugs of med_voc; take both files of one folder"
        raise InputError(rule, path=path)
    if not ((table == 0) | (table == 1)).all():
        raise InputError("must hold only 0 and 1", path=path)
    if not np.array_equal(table, table.T):
        one, other = np.argwhere(table != table.T)[0]
        rule = f"must be symmetric; {names[one]} with {names[other]} differs from the reverse"
        raise InputError(rule, path=path)
    loops = np.flatnonzero(np.diag(table))
    if len(loops):
        raise InputError(f"says that {names[loops[0]]} interacts with itself; set the diagonal to 0", path=path)
    return interactions_frame((names[one], names[other]) for one, other in np.argwhere(np.triu(table)))
