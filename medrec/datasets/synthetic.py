"""``make_records``: discharge records in the schema of CDrugRed, generated from one seed."""

import csv
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from medrec._io import atomic_write, make_folder
from medrec.datasets._draws import Draws
from medrec.datasets._formulary import formulary, interactions
from medrec.datasets._patients import BLOCK_PATIENTS, Clinic

LABELS = "出院带药列表"
SHARES = {"train": 3602, "test-A": 570, "test-B": 1722}
"""Records in the parts of the official split; parts of any generated data are in this proportion."""


@dataclass(frozen=True)
class GeneratedRecords:
    """Records with what is known about their drugs.

    Parameters
    ----------
    records : list of dict
        One dict a visit, keys as in CDrugRed; a patient's visits stand together, in order.
    candidates : list of str
        The 651 drugs that may be prescribed, in an arbitrary order that the seed fixes.
    ddi : list of (str, str, str)
        Pairs of candidates that interact, each pair once, with ``"minor"``, ``"moderate"`` or ``"major"``.
    drug_class : dict
        Therapeutic class of each candidate.
    aliases : dict
        Other names of each candidate in the texts: the ingredient, the ingredient without its salt, and
        an invented nickname where it has one. Forms of one ingredient share them.
    """

    records: list[dict[str, Any]]
    candidates: list[str]
    ddi: list[tuple[str, str, str]]
    drug_class: dict[str, str]
    aliases: dict[str, tuple[str, ...]]


def iter_records(n_records: int, *, seed: int = 0, block: int = 0) -> Iterator[dict[str, Any]]:
    """The records of ``make_records`` one by one, in constant memory.

    Fewer records are a prefix of more, for the same seed.

    Parameters
    ----------
    n_records : int
        How many records (visits), at least 1.
    seed : int, default=0
        Not negative. Equal seeds give equal records on every machine.
    block : int, default=0
        Not negative. Blocks are records of other patients in the same wards, for those who make many at once; 0 is
        that of ``make_records``.

    Yields
    ------
    dict

    Examples
    --------
    >>> next(iter_records(1))["就诊标识"]
    '1-1'
    """
    for name, value, least in (("n_records", n_records, 1), ("seed", seed, 0), ("block", block, 0)):
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ValueError(f"make_records: {name} must be a whole number of at least {least}; got {value!r}.")
    if block and n_records > BLOCK_PATIENTS:
        raise ValueError(f"make_records: a block has {BLOCK_PATIENTS} records at most; got {n_records}.")
    dirt = Draws(seed, 652, block) if block else Draws(seed, 652)
    return (_soil(record, dirt) for record in islice(Clinic(seed, block).records(), n_records))


def make_records(n_records: int = 2000, *, seed: int = 0) -> GeneratedRecords:
    """Generate Chinese discharge records with their drugs, from one seed.

    Patients have conditions that go together (diabetes, hypertension, coronary disease, kidney disease,
    infections …). Conditions and laboratory values decide which *classes* of drugs are given; the ward's
    habit, kidney function, allergy and what was taken before decide which drug of the class. The texts
    name a part of the drugs, by full name, ingredient or nickname: as taken before admission, kept,
    started, and also as stopped, replaced, given in hospital only, considered, refused, denied, allergic.
    So a name in the text counts only with the words around it. A few fields are missing or dirty.

    **What it can tell.** That readers, features, models, decisions, filters and reports work together; how
    fast they are and how much memory they take at a given size; that the order of models is sane (a
    prior by diagnosis below a linear model on structured fields, that below one that reads the texts, that
    below one that reads names in their context); that a change broke something.

    **What it cannot tell.** Anything about real records. The texts come from a small grammar, conditions
    and drugs from invented rates, interactions from an invented table. Which of two good models is better
    on real records, how well any of them will do there, and which drugs interact in life do not follow
    from it, and nothing here is medical advice.

    Parameters
    ----------
    n_records : int, default=2000
        How many records (visits); time and memory grow linearly.
    seed : int, default=0
        Not negative. Equal seeds give equal records on every machine.

    Returns
    -------
    GeneratedRecords

    Raises
    ------
    ValueError
        When ``n_records`` or ``seed`` is not a whole number in range.

    Examples
    --------
    >>> made = make_records(50, seed=1)
    >>> len(made.records), len(made.candidates)
    (50, 651)
    >>> set(made.ddi[0]) & {"minor", "moderate", "major"} != set()
    True
    """
    records = list(iter_records(n_records, seed=seed))
    drugs = [drug for group in formulary().values() for drug in group.drugs]
    candidates = [drug.name for drug in drugs]
    Draws(seed, 653).shuffle(candidates)
    classes = {drug.name: formulary()[drug.group].title for drug in drugs}
    aliases = {
        drug.name: tuple(dict.fromkeys(filter(None, (drug.ingredient, drug.short, drug.nickname)))) for drug in drugs
    }
    return GeneratedRecords(
        records=records,
        candidates=candidates,
        ddi=interactions(),
        drug_class={name: classes[name] for name in candidates},
        aliases={name: aliases[name] for name in candidates},
    )


def _soil(record: dict[str, Any], draws: Draws) -> dict[str, Any]:
    """Make a few fields missing or dirty, the way real files are; drugs are never touched but for one form:
    a single drug as a bare string."""
    u = draws.uniform()
    diagnoses = record["出院诊断"]
    if u < 0.005:
        record["出院诊断"] = None
    elif u < 0.01:
        record["出院诊断"] = []
    elif u < 0.03:
        record["出院诊断"] = "；".join(diagnoses)
    elif u < 0.045:
        record["出院诊断"] = diagnoses + [""]
    elif u < 0.065:
        record["出院诊断"] = [f" {name}" if place % 2 else f"{name} " for place, name in enumerate(diagnoses)]
    u = draws.uniform()
    if u < 0.08:
        record["BMI"] = None
    elif u < 0.09:
        record["BMI"] = str(record["BMI"])
    for key, rate in (
        ("出生日期", 0.02),
        ("就诊时间", 0.01),
        ("民族", 0.02),
        ("主诉", 0.005),
        ("既往史", 0.01),
    ):
        if draws.chance(rate):
            record[key] = None if draws.chance(0.5) else ""
    if draws.chance(0.01):
        record["患者序号"] = str(record["患者序号"])
    if draws.chance(0.003):
        record["主诉"] = [record["主诉"] or ""]
    if draws.chance(0.02):
        record["现病史"] = "  " + record["现病史"].replace("，", " ，", 2) + " \n"
    if len(record[LABELS]) == 1 and draws.chance(0.05):
        record[LABELS] = record[LABELS][0]
    return record


def split_records(generated: GeneratedRecords, *, seed: int = 0) -> dict[str, list[dict[str, Any]]]:
    """Split by patient into ``train``, ``test-A`` and ``test-B`` in the official proportions.

    Parameters
    ----------
    generated : GeneratedRecords
        With at least three patients.
    seed : int, default=0
        Which patients go where.

    Returns
    -------
    dict of list
        Records, labels included, in their original order. The official split has 3,602, 570 and 1,722.

    Examples
    --------
    >>> parts = split_records(make_records(200))
    >>> sum(map(len, parts.values()))
    200
    """
    of_patient: dict[int, int] = {}
    for record in generated.records:
        patient = int(record["患者序号"])
        of_patient[patient] = of_patient.get(patient, 0) + 1
    if len(of_patient) < len(SHARES):
        raise ValueError(f"split_records: needs at least 3 patients; got {len(of_patient)}. Make more records.")
    patients = list(of_patient)
    Draws(seed, 654).shuffle(patients)
    part_of = dict(zip(patients, SHARES))  # none is empty
    bounds = [sum(list(SHARES.values())[: i + 1]) / sum(SHARES.values()) for i in range(len(SHARES))]
    total, done = len(generated.records), 0
    for place, patient in enumerate(patients):
        middle = (done + of_patient[patient] / 2) / total
        if place >= len(SHARES):
            part_of[patient] = next(
                part for part, bound in zip(SHARES, bounds) if middle < bound or bound == bounds[-1]
            )
        done += of_patient[patient]
    parts: dict[str, list[dict[str, Any]]] = {part: [] for part in SHARES}
    for record in generated.records:
        parts[part_of[int(record["患者序号"])]].append(record)
    return parts


def write_records(generated: GeneratedRecords, folder: str | os.PathLike[str], *, seed: int = 0) -> list[Path]:
    """Write the official folder: three parts, the candidates, and beside them truth and interactions.

    ``CDrugRed_train.jsonl`` has the drugs; ``CDrugRed_test-A.jsonl`` lacks the field and
    ``CDrugRed_test-B.jsonl`` has it empty, their ``…_truth.jsonl`` have them; ``候选药物列表.json`` is a flat
    array; ``ddi.csv`` has the columns drug, other, severity. Blank lines stand here and there, as in real
    files.

    Parameters
    ----------
    generated : GeneratedRecords
        What to write.
    folder : path-like
        Made when it is not there.
    seed : int, default=0
        Which patients go where, see ``split_records``.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    InputError
        When the folder cannot be made or written.
    """
    target = make_folder(folder)
    parts = split_records(generated, seed=seed)
    written = []

    def write_lines(name: str, records: Sequence[dict[str, Any]], *, blank_every: int = 0) -> None:
        with atomic_write(target / name) as file:
            for number, record in enumerate(records, start=1):
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
                if blank_every and number % blank_every == 0:
                    file.write("\n")
        written.append(target / name)

    write_lines("CDrugRed_train.jsonl", parts["train"], blank_every=500)
    without = [{key: value for key, value in record.items() if key != LABELS} for record in parts["test-A"]]
    write_lines("CDrugRed_test-A.jsonl", without, blank_every=200)
    write_lines("CDrugRed_test-B.jsonl", [{**record, LABELS: []} for record in parts["test-B"]])
    for part in ("test-A", "test-B"):
        write_lines(f"CDrugRed_{part}_truth.jsonl", parts[part])
    with atomic_write(target / "候选药物列表.json") as file:
        json.dump(generated.candidates, file, ensure_ascii=False, indent=0)
    with atomic_write(target / "ddi.csv") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("drug", "other", "severity"))
        table.writerows(generated.ddi)
    return [*written, target / "候选药物列表.json", target / "ddi.csv"]
