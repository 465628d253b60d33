"""DialMed: Chinese doctor–patient dialogues and the drugs recommended in them."""

import os
import re
from pathlib import Path
from typing import Any

import pandas as pd

from medrec._checks import InputError
from medrec.datasets._json_lines import read_json, read_objects
from medrec.datasets._values import as_codes, as_dialogue, as_drugs
from medrec.datasets.cdrugred import sets_from_names
from medrec.datasets.dataset import Dataset, interactions_frame

MASK = "[MASK]"
MASKS = re.compile(rf"(?:[\s,，、;；+/和及与]*{re.escape(MASK)})+[\s,，、;；+/和及与]*")
"""A run of masks with what joins them, which would give their number away."""
AROUND = re.compile(rf".{{0,10}}(?:{re.escape(MASK)}.{{0,10}})+", re.DOTALL)
"""Masks with the characters around them."""
NO_DISEASE = ("无", "其他疾病或无确诊")


def read_dialmed(path: str | os.PathLike[str], *, masks: str = "drop") -> Dataset:
    """Read a DialMed split (``train.txt``, ``dev.txt`` or ``test.txt``), its ``label.json`` beside it.

    Parameters
    ----------
    path : path-like
        JSON lines with ``label``, ``disease`` and ``dialog``; or the folder that holds ``dev.txt``.
    masks : {"drop", "keep"}, default="drop"
        In ``dialog`` each recommended drug was replaced by one ``[MASK]``, so the masks give the number of
        drugs away. ``"drop"`` removes them, which is what a real user has; ``"keep"`` leaves them in the
        text and adds their count as the column ``mask_count``, which is what the published models saw.

    Returns
    -------
    Dataset
        Labels in the order of ``label.json``; ``ddi`` from ``ddi.json`` and ``aliases`` from
        ``medication_normalization.json`` where they are there; no groups.

    Raises
    ------
    InputError
        With file and line, for anything that cannot be read.

    References
    ----------
    He et al. (2022), DialMed: A Dataset for Dialogue-based Medication Recommendation, COLING.
    """
    if masks not in ("drop", "keep"):
        raise ValueError(f"read_dialmed: masks must be 'drop' or 'keep'; got {masks!r}.")
    source = Path(path)
    if source.is_dir():
        source = source / "dev.txt"
    names = _read_labels(source.parent / "label.json")
    known = set(names)
    dialogues, diseases, counts, drugs = [], [], [], []
    for line, record in read_objects(source):
        try:
            field = "dialog"
            dialogue = as_dialogue(record.get("dialog"))
            field = "disease"
            disease = [name for name in as_codes(record.get("disease")) if name not in NO_DISEASE]
            field = "label"
            drugs.append(as_drugs(record.get("label"), known))
        except ValueError as error:
            raise InputError(f"field {field!r} {error}", path=source, line=line) from None
        if not any(utterance.strip() for utterance in dialogue):
            raise InputError("field 'dialog' is empty; remove the record", path=source, line=line)
        counts.append(float(sum(utterance.count(MASK) for utterance in dialogue)))
        dialogues.append([MASKS.sub("", u) for u in dialogue] if masks == "drop" else dialogue)
        diseases.append(disease)
    if not drugs:
        raise InputError("holds no records", path=source, line=1)
    records = pd.DataFrame({"disease": pd.Series(diseases, dtype=object), "dialog": pd.Series(dialogues, dtype=object)})
    schema = {"disease": "codes", "dialog": "dialogue"}
    if masks == "keep":
        records["mask_count"] = counts
        records["mask_context"] = ["\n".join(AROUND.findall("\n".join(dialogue))) for dialogue in dialogues]
        schema |= {"mask_count": "number", "mask_context": "text"}
    table = source.parent / "ddi.json"
    ddi = interactions_frame(_read_ddi(table)) if table.exists() else None
    table = source.parent / "medication_normalization.json"
    aliases = _read_aliases(table, names) if table.exists() else None
    return Dataset(records, sets_from_names(drugs, names), names, schema, ddi=ddi, aliases=aliases)


def _read_labels(path: Path) -> list[str]:
    labels = read_json(path)
    numbers: list[Any] = list(labels.values()) if isinstance(labels, dict) else [None]
    if any(type(number) is not int for number in numbers) or sorted(numbers) != list(range(len(numbers))):
        raise InputError("must map each drug to its number, 0, 1, 2 …", path=path, line=1)
    if not labels or not all(name.strip() for name in labels):
        raise InputError("must name at least one drug, and none by blanks", path=path, line=1)
    return sorted(labels, key=labels.__getitem__)


def _read_aliases(path: Path, names: list[str]) -> dict[str, tuple[str, ...]]:
    """Products and brands of each label; those of drugs that are no labels are left out."""
    table = read_json(path)
    if not isinstance(table, dict) or not all(isinstance(drug, str) for drug in table.values()):
        raise InputError("must map each product to its drug", path=path, line=1)
    of: dict[str, list[str]] = {name: [] for name in names}
    for product, drug in table.items():
        if drug in of and product.strip() and product != drug:
            of[drug].append(product)
    return {name: tuple(products) for name, products in of.items() if products}


def _read_ddi(path: Path) -> list[tuple[str, str]]:
    table = read_json(path)
    if not isinstance(table, dict) or not all(
        isinstance(others, list) and all(isinstance(other, str) for other in others) for others in table.values()
    ):
        raise InputError("must map each drug to the list of drugs it interacts with", path=path, line=1)
    return [(drug, other) for drug, others in table.items() for other in others]
