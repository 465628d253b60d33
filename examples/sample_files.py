"""Small invented files in the layouts that the user guide reads, so that every command there runs without any data.

    python examples/sample_files.py [FOLDER]

writes ``mimiciv/`` (tables of MIMIC-IV), ``gamenet/`` (pickles of GAMENet and SafeDrug), ``codiesp/`` (clinical cases
with codes), ``hospital.csv`` and ``interactions.csv``. Patients, notes, prescriptions and interactions are made by a
few rules from one seed: nothing can be learned about medicine or about models from them.
"""

import csv
import json
import pickle
import random
import sys
from pathlib import Path

import numpy as np

CONDITIONS = {
    # code: (title, in Spanish, procedure, drugs with the chance that they are given)
    "I10": ("hypertension", "hipertensión arterial", "", {"amlodipine": 0.7, "lisinopril": 0.5}),
    "E119": ("type 2 diabetes", "diabetes mellitus tipo 2", "", {"metformin": 0.8, "insulin": 0.4}),
    "I4891": ("atrial fibrillation", "fibrilación auricular", "5A2204Z", {"warfarin": 0.7, "metoprolol": 0.7}),
    "I2510": ("coronary artery disease", "cardiopatía isquémica", "B2111ZZ", {"aspirin": 0.9, "atorvastatin": 0.8}),
    "J189": ("pneumonia", "neumonía", "", {"ceftriaxone": 0.8, "azithromycin": 0.5}),
    "N179": ("acute kidney failure", "insuficiencia renal aguda", "5A1D70Z", {"furosemide": 0.6}),
    "K219": ("gastric reflux", "reflujo gastroesofágico", "0DJ08ZZ", {"omeprazole": 0.9}),
    "F329": ("depression", "depresión", "", {"sertraline": 0.8}),
}
ATC = {
    "amlodipine": "C08C",
    "aspirin": "B01A",
    "atorvastatin": "C10A",
    "azithromycin": "J01F",
    "ceftriaxone": "J01D",
    "furosemide": "C03C",
    "insulin": "A10A",
    "lisinopril": "C09A",
    "metformin": "A10B",
    "metoprolol": "C07A",
    "omeprazole": "A02B",
    "sertraline": "N06A",
    "warfarin": "B01A",
}
INTERACTIONS = [
    ("aspirin", "warfarin", "major"),
    ("sertraline", "warfarin", "moderate"),
    ("azithromycin", "warfarin", "moderate"),
    ("lisinopril", "furosemide", "minor"),
]
SURE = [("{} on admission", "{} al ingreso"), ("known {}", "{} conocida"), ("treated for {}", "tratado por {}")]
DENIED = [("no {}", "niega {}"), ("family history of {}", "antecedentes familiares de {}")]


class Voc:
    """A vocabulary as GAMENet's scripts define it."""

    def __init__(self, words):
        self.idx2word = dict(enumerate(words))
        self.word2idx = {word: number for number, word in enumerate(words)}


def visits(n_patients=150, seed=0):
    """Admissions of invented patients, in order: each a dict."""
    draw = random.Random(seed)
    codes = list(CONDITIONS)
    admission = 0
    for patient in range(1, n_patients + 1):
        chronic = draw.sample(codes, draw.choice([1, 2, 2, 3]))
        age, sex = draw.randint(40, 85), draw.choice("FM")
        for number in range(draw.choice([1, 1, 2, 3])):
            admission += 1
            found = list(dict.fromkeys([*chronic, *draw.sample(codes, draw.choice([0, 0, 1]))]))
            denied = draw.choice([code for code in codes if code not in found])
            drugs = [drug for code in found for drug, chance in CONDITIONS[code][3].items() if draw.random() < chance]
            sentences = [(draw.choice(SURE), code) for code in found] + [(draw.choice(DENIED), denied)]
            draw.shuffle(sentences)
            yield {
                "patient": patient,
                "admission": admission,
                "age": age + number,
                "sex": sex,
                "year": 2150 + number,
                "codes": found,
                "procedures": [CONDITIONS[code][2] for code in found if CONDITIONS[code][2]],
                "drugs": drugs or ["omeprazole"],
                "english": ". ".join(words[0].format(CONDITIONS[code][0]) for words, code in sentences) + ".",
                "spanish": ". ".join(words[1].format(CONDITIONS[code][1]) for words, code in sentences) + ".",
            }


def write_table(path, header, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def write_mimic(folder, made):
    first = {visit["patient"]: visit for visit in reversed(made)}
    write_table(
        folder / "patients.csv",
        ["subject_id", "gender", "anchor_age", "anchor_year"],
        [(patient, visit["sex"], visit["age"], visit["year"]) for patient, visit in sorted(first.items())],
    )
    write_table(
        folder / "admissions.csv",
        ["subject_id", "hadm_id", "admittime", "admission_type", "insurance"],
        [(v["patient"], v["admission"], f"{v['year']}-03-01 10:00:00", "URGENT", "Medicare") for v in made],
    )
    for table, column in (("diagnoses_icd", "codes"), ("procedures_icd", "procedures")):
        write_table(
            folder / f"{table}.csv",
            ["subject_id", "hadm_id", "seq_num", "icd_code", "icd_version"],
            [(v["patient"], v["admission"], at, code, 10) for v in made for at, code in enumerate(v[column], start=1)],
        )
    ndc = {drug: f"{number:011d}" for number, drug in enumerate(ATC, start=1)}
    write_table(
        folder / "prescriptions.csv",
        ["subject_id", "hadm_id", "starttime", "drug_type", "drug", "ndc"],
        [
            (v["patient"], v["admission"], f"{v['year']}-03-01 12:00:00", "MAIN", f"{drug.title()} 10mg Tab", ndc[drug])
            for v in made
            for drug in v["drugs"]
        ],
    )
    write_table(folder.parent / "ndc2atc.csv", ["ndc11", "atc4char"], [(ndc[drug], atc) for drug, atc in ATC.items()])
    write_table(
        folder / "d_icd_diagnoses.csv",
        ["icd_code", "icd_version", "long_title"],
        [(code, 10, title) for code, (title, *_) in CONDITIONS.items()],
    )


def write_gamenet(folder, made):
    folder.mkdir(parents=True, exist_ok=True)
    words = {
        "diag_voc": list(CONDITIONS),
        "pro_voc": [procedure for _, _, procedure, _ in CONDITIONS.values() if procedure],
        "med_voc": list(ATC),
    }
    patients = {}
    for visit in made:
        parts = zip(words.values(), (visit["codes"], visit["procedures"], visit["drugs"]))
        patients.setdefault(visit["patient"], []).append([[known.index(one) for one in part] for known, part in parts])
    pairs = {frozenset(pair[:2]) for pair in INTERACTIONS}
    stored = {
        "records": list(patients.values()),
        "voc": {name: Voc(known) for name, known in words.items()},
        "ddi_A": np.array([[float(frozenset((one, other)) in pairs) for other in ATC] for one in ATC]),
    }
    for name, value in stored.items():
        (folder / f"{name}_final.pkl").write_bytes(pickle.dumps(value))


def write_codiesp(folder, made):
    folder.mkdir(parents=True, exist_ok=True)
    for part, rows in (("train", made[: len(made) * 3 // 4]), ("dev", made[len(made) * 3 // 4 :])):
        with (folder / f"{part}.jsonl").open("w", encoding="utf-8") as file:
            for visit in rows:
                codes = [f"{code[:3]}.{code[3:]}".rstrip(".").lower() for code in visit["codes"]]
                spans = [CONDITIONS[code][1] for code in visit["codes"]]
                case = {
                    "id": f"case{visit['patient']}-{visit['admission']}",
                    "text_es": visit["spanish"],
                    "text_en": visit["english"],
                    "D": codes,
                    "P": [procedure.lower() for procedure in visit["procedures"]],
                    "evidence": [{"kind": "D", "code": c, "text": words} for c, words in zip(codes, spans)],
                }
                file.write(json.dumps(case, ensure_ascii=False) + "\n")


def main(folder="."):
    folder = Path(folder)
    made = list(visits())
    write_mimic(folder / "mimiciv" / "hosp", made)
    write_gamenet(folder / "gamenet", made)
    write_codiesp(folder / "codiesp", made)
    write_table(
        folder / "hospital.csv",
        ["visit", "patient", "date", "sex", "age", "note", "diagnoses", "drugs"],
        [
            (
                f"v{v['admission']}",
                f"p{v['patient']}",
                f"{v['year'] - 130}-03-01",
                v["sex"],
                v["age"],
                v["english"],
                ";".join(v["codes"]),
                ";".join(v["drugs"]),
            )
            for v in made
        ],
    )
    write_table(folder / "interactions.csv", ["drug", "other", "severity"], INTERACTIONS)


if __name__ == "__main__":
    main(*sys.argv[1:])
