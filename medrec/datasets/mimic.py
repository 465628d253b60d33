"""MIMIC-III and MIMIC-IV: hospital admissions, their codes, and the drugs prescribed in them."""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from medrec.datasets._mimic_drugs import read_ndc_classes, read_prescriptions
from medrec.datasets._mimic_tables import find_table, need_table, read_admissions, read_codes, read_notes
from medrec.datasets._values import note_repairs
from medrec.datasets.cdrugred import sets_from_names
from medrec.datasets.dataset import Dataset

LABELS = ("drug", "atc3")
"""What a label can be."""
SCHEMA = {
    "gender": "category",
    "age": "number",
    "admission_type": "category",
    "admission_location": "category",
    "insurance": "category",
    "language": "category",
    "marital_status": "category",
    "race": "category",
    "diagnoses": "codes",
    "procedures": "codes",
}
"""Kind of each feature column; with notes there is also ``text``."""


def read_mimic(
    path: str | os.PathLike[str],
    *,
    labels: str = "drug",
    mapping: str | os.PathLike[str] | None = None,
    hours: float | None = None,
    min_count: int = 1,
    notes: bool | str | os.PathLike[str] = False,
) -> Dataset:
    """Read the tables of MIMIC-III or of MIMIC-IV's hosp module, ``.csv`` or ``.csv.gz``.

    Parameters
    ----------
    path : path-like
        The folder that holds ``admissions``, ``patients``, ``diagnoses_icd``, ``procedures_icd`` and
        ``prescriptions``, or whose ``hosp`` does. Names of files and columns may be in upper or lower case. Without
        ``prescriptions`` every set is empty: records to recommend for.
    labels : {"drug", "atc3"}, default="drug"
        ``"drug"``: the names of the drugs, in lower case, without doses and without words for the form at the end
        or in brackets (``Acetaminophen IV`` is ``acetaminophen``; salts and brand names stay). ``"atc3"``: their
        classes on the third level of the ATC (4 characters, ``N02B``), by NDC.
    mapping : path-like, optional
        For ``labels="atc3"``: a CSV from NDC to ATC, such as ``ndc11,atc4char`` or GAMENet's
        ``YEAR,MONTH,NDC,RXCUI,ATC4``.
    hours : float, optional
        Only drugs started within so many hours of the admission; default: all of the stay. MIMIC-III knows the day
        of the start only, which counts from its midnight.
    min_count : int, default=1
        Drugs of fewer admissions than this are no labels.
    notes : bool or path-like, default=False
        Whether to join the discharge summaries as the column ``text``: those of ``discharge`` (MIMIC-IV-Note) or of
        ``NOTEEVENTS``, in the folder, in ``hosp`` or in ``note``; or the file.

    Returns
    -------
    Dataset
        One record an admission, in the order of ``admissions``; ``ids`` are ``hadm_id``, ``groups`` the patients
        (``subject_id``); labels in sorted order. ``notes`` say for every table how many rows were read, and how
        many were left out at each filter.

    Raises
    ------
    InputError
        With file and line: a table or column is missing; an admission or patient stands twice; an admission's patient
        is not there, or another table gives it another one; a code, version, time or count cannot be read; none of
        a table's rows belongs to an admission.

    Notes
    -----
    - Codes are texts with their version, ``ICD9:4139`` or ``ICD10:E119``, in the order of ``seq_num``; leading zeros
      stay. They were assigned after the stay, as everywhere in the literature on MIMIC.
    - An NDC of 0 or nothing is missing, and the row then has no class. Nothing is carried forward from the row before.
    - ``drug_type`` BASE, the fluid or vehicle that carries a drug, is no drug.
    - Ages above 89 are 91, as MIMIC-IV has them. Columns known only later (discharge, death) are no features.
    - A discharge summary names the drugs given and those taken home.
    - The tables are read a row at a time, so that memory is bounded by what is kept.

    References
    ----------
    Johnson et al. (2016), MIMIC-III, a freely accessible critical care database, Scientific Data.
    Johnson et al. (2023), MIMIC-IV, a freely accessible electronic health record dataset, Scientific Data.
    """
    _check_options(labels, mapping, hours, min_count)
    folder = Path(path)
    counts: Counter[str] = Counter()
    classes = None if mapping is None else read_ndc_classes(mapping, counts)
    admissions = read_admissions(need_table(folder, "admissions"), need_table(folder, "patients"), counts)
    columns: dict[str, list[Any]] = dict(admissions.columns)
    for name in ("diagnoses", "procedures"):
        columns[name] = read_codes(need_table(folder, f"{name}_icd"), admissions, counts)
    schema = dict(SCHEMA)
    if notes is not False:
        file = need_table(folder, "discharge", "noteevents") if notes is True else Path(notes)
        columns["text"] = read_notes(file, admissions, counts)
        schema["text"] = "text"
    drugs: list[list[str]] = [[] for _ in admissions.patients]
    prescriptions = find_table(folder, "prescriptions")
    if prescriptions is not None:
        drugs = read_prescriptions(prescriptions, admissions, counts, classes=classes, hours=hours, min_count=min_count)
    without = sum(not row for row in drugs)
    if without:
        counts["admissions without drugs, which have empty sets"] = without
    names = sorted({drug for row in drugs for drug in row})
    identifiers = {"subject_id": admissions.patients, "hadm_id": list(admissions.rows)}
    return Dataset(
        pd.DataFrame(
            {
                name: pd.Series(values, dtype=float if schema.get(name) == "number" else object)
                for name, values in (identifiers | {column: columns[column] for column in schema}).items()
            }
        ),
        sets_from_names(drugs, names),
        names,
        schema,
        ids=list(admissions.rows),
        groups=admissions.patients,
        notes=note_repairs(counts),
    )


def _check_options(labels: Any, mapping: Any, hours: Any, min_count: Any) -> None:
    if labels not in LABELS:
        raise ValueError(f"read_mimic: labels must be one of {', '.join(LABELS)}; got {labels!r}.")
    if (labels == "atc3") != (mapping is not None):
        raise ValueError(
            "read_mimic: labels='atc3' needs mapping=FILE, a CSV from NDC to ATC, and mapping is for 'atc3' only."
        )
    if hours is not None and (isinstance(hours, bool) or not isinstance(hours, (int, float)) or not 0 < hours < 1e6):
        raise ValueError(f"read_mimic: hours must be a number above 0; got {hours!r}.")
    if isinstance(min_count, bool) or not isinstance(min_count, int) or min_count < 1:
        raise ValueError(f"read_mimic: min_count must be a whole number of at least 1; got {min_count!r}.")
