"""MIMIC's prescriptions as labels: names of drugs without dose and form, or ATC classes by NDC."""

import os
import re
from collections import Counter
from datetime import timedelta
from pathlib import Path

from medrec._checks import InputError
from medrec.datasets._csv_rows import read_columns, read_rows
from medrec.datasets._json_lines import first_byte, shown
from medrec.datasets._mimic_tables import Admissions, read_time

_UNIT = r"(?:mcg|mg|ug|gm|g|kg|ml|l|units?|meq|mmol|hrs?|hours?|%)"
_DOSE = re.compile(rf"(?<![\w.])\d[\d.,]*\s*{_UNIT}(?:\s*[/-]\s*(?:\d[\d.,]*\s*)?{_UNIT})*(?!\w)")
_NUMBERS = re.compile(r"[\d.,/\s-]*")
_BRACKETS = re.compile(r"\(([^()]*)\)")
_SPACES = re.compile(r"[\s_]+")
FORMS = frozenset(
    [
        "tab",
        "tabs",
        "tablet",
        "tablets",
        "cap",
        "caps",
        "capsule",
        "capsules",
        "oral",
        "po",
        "iv",
        "im",
        "sc",
        "sq",
        "sl",
        "pr",
        "inj",
        "injection",
        "soln",
        "solution",
        "susp",
        "suspension",
        "syrup",
        "elixir",
        "neb",
        "nebs",
        "nebulizer",
        "inh",
        "inhaler",
        "inhalation",
        "mdi",
        "diskus",
        "cream",
        "ointment",
        "oint",
        "gel",
        "jelly",
        "lotion",
        "patch",
        "powder",
        "liquid",
        "drops",
        "spray",
        "supp",
        "suppository",
        "lozenge",
        "nasal",
        "ophth",
        "ophthalmic",
        "topical",
        "sr",
        "xl",
        "xr",
        "er",
        "la",
        "cr",
        "dr",
        "ec",
        "odt",
        "immediate",
        "extended",
        "delayed",
        "sustained",
        "release",
    ]
)
"""Words for how a drug is made or given, which are taken off the end of its name."""

_ATC = re.compile(r"[A-Z]\d\d[A-Z][A-Z0-9]{0,3}")


def normal_drug(name: str) -> str:
    """The name of a drug in lower case, without doses, and without words for its form at the end or in brackets.

    What may tell drugs apart stays: salts, brand names in brackets, words within the name. A name of nothing else
    stays as it is.

    Examples
    --------
    >>> [normal_drug(name) for name in ("Acetaminophen IV", "Albuterol 0.083% Neb Soln", "HYDROmorphone (Dilaudid)")]
    ['acetaminophen', 'albuterol', 'hydromorphone (dilaudid)']
    """
    text = _SPACES.sub(" ", name.lower()).strip()
    while (shorter := _taken_off(text)) != text:
        text = shorter
    return text


def _taken_off(text: str) -> str:
    """The text without doses and without forms at its end or in brackets; as it is where nothing else would stay."""
    plain = _BRACKETS.sub(lambda match: " " if _is_form(match[1]) else match[0], text)
    words = _DOSE.sub(" ", plain).split()
    while words and (words[-1].strip(".,") in FORMS or not any(letter.isalnum() for letter in words[-1])):
        words.pop()
    return " ".join(words).strip(" -,;*/") or text


def _is_form(text: str) -> bool:
    """Whether what stands in brackets is only doses and forms."""
    words = _DOSE.sub(" ", text).split()
    return all(word.strip(".,") in FORMS or _NUMBERS.fullmatch(word) for word in words)


def read_ndc_classes(path: str | os.PathLike[str], counts: Counter[str]) -> dict[str, tuple[str, ...]]:
    """The ATC classes (4 characters) of each NDC (11 digits).

    Parameters
    ----------
    path : path-like
        A CSV with a column whose name begins with ``ndc`` and one whose name holds ``atc``: ``ndc11,atc4char`` or
        GAMENet's ``YEAR,MONTH,NDC,RXCUI,ATC4``. Longer codes are cut to 4 characters.
    counts : Counter
        Takes the rows that were left out.

    Raises
    ------
    InputError
        With file and line.
    """
    source = Path(path)
    if first_byte(source) == b"{":
        rule = "maps NDC to RxCUI, which says nothing of ATC; give a CSV with an NDC and an ATC column"
        raise InputError(rule, path=source, line=1)
    header = [name.strip().lower() for name in next(read_rows(source), (1, []))[1]]
    ndc = next((name for name in header if name.startswith("ndc")), None)
    atc = next((name for name in header if "atc" in name), None)
    if ndc is None or atc is None:
        raise InputError("must have a column for the NDC and one for the ATC code", path=source, line=1)
    found: dict[str, dict[str, None]] = {}
    for line, (number, code) in read_columns(source, [ndc, atc]):
        padded = padded_ndc(number)
        if padded is None or not code:
            counts[f"{source.name}: rows left out, without NDC or ATC code"] += 1
            continue
        if not _ATC.fullmatch(code):
            raise InputError(
                f"must have an ATC code such as A10B or A10BA02; got {shown(code)}", path=source, line=line
            )
        found.setdefault(padded, {})[code[:4]] = None
    if not found:
        raise InputError("holds no NDC", path=source, line=1)
    return {number: tuple(codes) for number, codes in found.items()}


def padded_ndc(text: str) -> str | None:
    """An NDC as 11 digits, leading zeros put back; None where it is missing (empty or 0) or no number."""
    text = text.replace("-", "")
    return text.zfill(11) if text.isdecimal() and len(text) <= 11 and text.strip("0") else None


def read_prescriptions(
    path: Path,
    admissions: Admissions,
    counts: Counter[str],
    *,
    classes: dict[str, tuple[str, ...]] | None,
    hours: float | None,
    min_count: int,
) -> list[list[str]]:
    """The labels of each admission: ATC classes where ``classes`` are given, else names; see ``read_mimic``."""
    found: list[dict[str, None]] = [{} for _ in admissions.patients]
    names: dict[str, str] = {}
    left = f"{path.name}: rows left out, "
    wanted = ["drug", "starttime|startdate"] + ([] if classes is None else ["ndc"])
    for line, row, values in admissions.read(path, wanted, ["drug_type"], counts):
        drug, start, kind = values[0], values[1], values[-1]
        if kind.upper() == "BASE":
            counts[f"{left}the fluid or vehicle that carries a drug (drug_type BASE)"] += 1
            continue
        if hours is not None:
            if not start:
                counts[f"{left}without a start"] += 1
                continue
            begun = read_time(start, "starttime", path, line)
            if begun >= admissions.starts[row] + timedelta(hours=hours):
                counts[f"{left}started later than {hours:g} hours after admission"] += 1
                continue
        if classes is None:
            if not drug:
                counts[f"{left}without a drug"] += 1
                continue
            if drug not in names:
                names[drug] = normal_drug(drug)
            labels: tuple[str, ...] = (names[drug],)
        else:
            number = padded_ndc(values[2])
            if number is None:
                counts[f"{left}without an NDC"] += 1
                continue
            labels = classes.get(number, ())
            if not labels:
                counts[f"{left}NDC not in the mapping"] += 1
                continue
        for label in labels:
            found[row][label] = None
        counts[f"{path.name}: rows kept"] += 1
    return _frequent(found, min_count, counts)


def _frequent(found: list[dict[str, None]], min_count: int, counts: Counter[str]) -> list[list[str]]:
    """The labels that enough admissions have."""
    admissions_of = Counter(label for labels in found for label in labels)
    rare = {label for label, count in admissions_of.items() if count < min_count}
    if rare:
        counts[f"drugs left out, of fewer than {min_count} admissions"] = len(rare)
        counts[f"admissions' drugs left out, of fewer than {min_count} admissions"] = sum(
            admissions_of[label] for label in rare
        )
    return [[label for label in labels if label not in rare] for labels in found]
