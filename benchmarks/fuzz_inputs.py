"""Valid inputs that ``bench_fuzz.py`` mutates: a folder of small files for every reader, the model loader and commands.

Each input is a folder of files, those of them that are mutated, and what is done with the folder: a call of a reader,
which may raise ``InputError`` and nothing else, or the words of a command.
"""

import gzip
import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

MODELS = Path(__file__).resolve().parents[1] / "tests" / "data" / "models"
"""Small models of this and of earlier versions, and the records that they were fitted on."""

DRUGS = ["阿司匹林肠溶片", "华法林钠片", "盐酸二甲双胍片", "钙片（A、B）", "替格瑞洛片"]
DISEASES = {"冠心病": [0, 4], "房颤": [1], "2型糖尿病": [2], "骨质疏松": [3]}


@dataclass(frozen=True)
class Input:
    """One valid input.

    Parameters
    ----------
    name : str
    files : dict of str to bytes
        The folder.
    targets : tuple of str
        The files that are mutated.
    read : callable, optional
        What reads the folder, which is the current one.
    command : str, default=""
        The words of a command instead; ``out`` is the file that it writes.
    weight : float, default=1.0
        How often it is drawn.
    """

    name: str
    files: dict[str, bytes]
    targets: tuple[str, ...]
    read: Callable[[], Any] | None = None
    command: str = ""
    weight: float = 1.0
    words: tuple[str, ...] = field(default=())


def lines(*objects: Any) -> bytes:
    """JSON lines."""
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in objects).encode()


def table(*rows: str) -> bytes:
    """CSV, rows of which are texts with bars for commas."""
    return "".join(row.replace("|", ",") + "\n" for row in rows).encode()


class Voc:
    """GAMENet's class of a vocabulary."""

    def __init__(self, words: list[str]) -> None:
        self.idx2word = dict(enumerate(words))
        self.word2idx = {word: at for at, word in enumerate(words)}


def _discharges() -> dict[str, bytes]:
    records = []
    for number in range(12):
        disease = list(DISEASES)[number % len(DISEASES)]
        records.append(
            {
                **{"患者序号": number // 2, "就诊标识": f"{number // 2}-{number % 2}", "性别": "男"},
                **{"出生日期": "1950-01", "民族": "汉族", "BMI": 23.5, "就诊时间": "2015-03"},
                **{"诊疗过程描述": "入院后完善检查", "入院情况": "神志清", "现病史": f"因{disease}入院"},
                **{"既往史": "否认过敏", "主诉": "胸闷三天", "出院诊断": [disease]},
                "出院带药列表": [DRUGS[at] for at in DISEASES[disease]],
            }
        )
    submission = [{"ID": one["就诊标识"], "prediction": one["出院带药列表"]} for one in records]
    return {
        "train.jsonl": lines(*records),
        "候选药物列表.json": json.dumps(DRUGS, ensure_ascii=False).encode(),
        "ddi.csv": f"drug,other,severity\n{DRUGS[0]},{DRUGS[1]},major\n{DRUGS[2]},{DRUGS[3]},\n".encode(),
        "ddi.json": json.dumps([[DRUGS[0], DRUGS[1], "minor"], [DRUGS[2], DRUGS[4]]], ensure_ascii=False).encode(),
        "pred.json": json.dumps(submission, ensure_ascii=False).encode(),
        "pred.jsonl": lines(*({"id": one["ID"], "drugs": one["prediction"]} for one in submission)),
        "pred.csv": "".join(
            [
                "id,drug,score,rank\n",
                *(f"{one['ID']},{drug},0.5,1\n" for one in submission for drug in one["prediction"]),
            ]
        ).encode(),
    }


def _own() -> bytes:
    header = {"medrec": 1, "schema": {"note": "text", "age": "number", "sex": "category", "code": "codes"}}
    header |= {"drugs": ["a", "b"], "ddi": [["a", "b", "major"]], "aliases": {"a": ["alpha"]}}
    rows = [
        {"id": str(n), "patient": n // 2, "note": f"word {n % 3} alpha", "age": 40 + n, "sex": "mf"[n % 2]}
        | {"code": ["I10", "E11"][: n % 3], "drugs": ["ab"[n % 2]]}
        for n in range(8)
    ]
    return lines(header, *rows)


def _talk() -> dict[str, bytes]:
    return {
        "talk/dev.txt": lines(
            *(
                {"label": [drug], "disease": [ill], "dialog": [f"患者：{ill}三天", "医生：用[MASK]，[MASK]"]}
                for drug, ill in (("甲", "感冒"), ("乙", "头痛"), ("甲", "发热"), ("乙", "无"))
            )
        ),
        "talk/label.json": '{"甲": 0, "乙": 1}'.encode(),
        "talk/ddi.json": '{"甲": ["乙"]}'.encode(),
    }


ARFF = (
    b"@relation 'r: -C 2'\n@attribute f numeric\n@attribute g {no,yes}\n@attribute 'h i' real\n@attribute l {0,1}\n"
    b"@attribute m {0,1}\n\n@data\n1,no,2.5,0,1\n?,yes,-1e3,1,0\n{0 3, 2 7, 3 1}\n4,no,0,1,1\n5,yes,1,0,1\n6,no,1,1,0\n"
)
XML = b'<labels xmlns="http://mulan.sourceforge.net/labels"><label name="l"/><label name="m"/></labels>'

CODIESP = lines(
    *(
        {
            **{"id": f"S0004-0{n}-1", "split": "train", "text_es": "Mujer con úlcera duodenal y estreñimiento."},
            **{"text_en": "Woman with duodenal ulcer.", "D": ["k59.00", "k26.9"], "P": ["bt41zzz"]},
            "evidence": [{"kind": "D", "code": "k26.9", "text": "úlcera duodenal", "span": "10 25"}],
        }
        for n in range(3)
    )
)
PUBLISHED = {
    "train/text_files/S0004-00-1.txt": "Mujer con úlcera\nduodenal.\n".encode(),
    "train/text_files_en/S0004-00-1.txt": b"Woman with ulcer.\n",
    "train/trainD.tsv": b"S0004-00-1\tk26.9\nS0004-00-1\tk59.00\n",
    "train/trainP.tsv": b"S0004-00-1\tbt41zzz\n",
    "train/trainX.tsv": "S0004-00-1\tDIAGNOSTICO\tk26.9\túlcera duodenal\t10 26\n".encode(),
}
TITLES = table("icd_code|icd_version|long_title", "K269|10|Duodenal ulcer", "4019|9|Hypertension")

MIMIC_IV = {
    "patients.csv": table("subject_id|gender|anchor_age|anchor_year", "1|F|60|2150", "2|M|91|2160"),
    "admissions.csv": table(
        "subject_id|hadm_id|admittime|insurance|race",
        "1|10|2150-03-01 10:00:00|Other|",
        "1|11|2152-03-01 23:00:00||WHITE",
        "2|20|2160-01-01 00:00:00||?",
    ),
    "diagnoses_icd.csv": table(
        "subject_id|hadm_id|seq_num|icd_code|icd_version", "1|10|2|4139|9", "1|10|1|E119|10", "2|20|1|E8497|9"
    ),
    "procedures_icd.csv": table("subject_id|hadm_id|seq_num|icd_code|icd_version", "1|11|1|0DJ08ZZ|10"),
    "prescriptions.csv": table(
        "subject_id|hadm_id|starttime|drug_type|drug|ndc",
        "1|10|2150-03-01 11:00:00|MAIN|Senna|00000000001",
        "1|10|2150-03-02 10:00:00|MAIN|Acetaminophen IV|2",
        "2|20||ADDITIVE|Senna|",
        "2|20|2160-01-01 00:00:00|MAIN|Insulin|00000000003",
    ),
    "discharge.csv": table(
        "note_id|subject_id|hadm_id|note_seq|text", 'a|1|11|12|"later, ""x""\nmore"', "b|1|11|2|sooner"
    ),
    "mapping.csv": table("ndc11|atc4char", "00000000001|A06A", "2|N02BE01", "3|A10A"),
}
MIMIC_III = {
    "PATIENTS.csv": table("ROW_ID|SUBJECT_ID|GENDER|DOB", "1|1|F|2090-06-15 00:00:00", "2|2|M|1860-01-01 00:00:00"),
    "ADMISSIONS.csv": table(
        "SUBJECT_ID|HADM_ID|ADMITTIME|ETHNICITY|INSURANCE",
        "1|10|2150-06-14 10:00:00|ASIAN|Private",
        "2|20|2160-01-01 09:00:00||",
    ),
    "DIAGNOSES_ICD.csv": table("SUBJECT_ID|HADM_ID|SEQ_NUM|ICD9_CODE", "1|10|1|0090", "1|10||", "9|99|1|4139"),
    "PROCEDURES_ICD.csv": table("SUBJECT_ID|HADM_ID|SEQ_NUM|ICD9_CODE", "1|10|1|3893"),
    "PRESCRIPTIONS.csv": table(
        "SUBJECT_ID|HADM_ID|STARTDATE|DRUG_TYPE|DRUG|NDC",
        "1|10|2150-06-14 00:00:00|MAIN|Senna|00000000001",
        "1|10|2150-06-16 00:00:00|MAIN|Insulin|00000000003",
        "2|20|2160-01-01 00:00:00|MAIN||0",
    ),
}


def _uci() -> bytes:
    from medrec.datasets.uci_diabetes import DRUGS as COLUMNS
    from medrec.datasets.uci_diabetes import ENCOUNTER, LEAKS, PATIENT, SCHEMA

    header = [ENCOUNTER, PATIENT, *SCHEMA, *COLUMNS, *LEAKS]
    plain = {"race": "Asian", "gender": "Female", "age": "[70-80)", "diag_1": "250.83", "diag_2": "V57"}
    plain |= {"max_glu_serum": "None", "A1Cresult": ">8"} | dict.fromkeys(COLUMNS, "No")
    plain |= {column: "2" for column, kind in SCHEMA.items() if kind == "number"}
    rows = []
    for number in range(4):
        cells = plain | {ENCOUNTER: str(100 + number), PATIENT: str(number // 2), COLUMNS[number]: "Up"}
        rows.append("|".join(cells.get(name, "?") for name in header))
    return table("|".join(header), *rows)


def _gamenet() -> dict[str, bytes]:
    words = {"diag_voc": ["4019", "25000", "V3000"], "pro_voc": ["9604", "3893"], "med_voc": ["A12C", "N02B", "B01A"]}
    visits = [[[[0, 1], [0], [0, 1]], [[1], [1], [2]], [[2, 0], [0, 1], [1, 2]]], [[[2], [], []]]]
    edges = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 0]], dtype=float)
    stored = {"records": visits, "voc": {name: Voc(one) for name, one in words.items()}, "ddi_A": edges}
    return {
        f"{name}_final.pkl": pickle.dumps(value, protocol=2 + 2 * (name == "voc")) for name, value in stored.items()
    }


def all_inputs() -> list[Input]:
    """Every valid input, with the share of the mutations that it gets."""
    from medrec.datasets import load, read_mimic, read_predictions
    from medrec.datasets.code_titles import read_code_titles
    from medrec.safety.tables import read_interactions

    discharges, talk, own = _discharges(), _talk(), _own()
    fit_own = "fit --data jsonl:own.jsonl --out out --model prior"

    def predictions(name: str) -> Callable[[], Any]:
        return lambda: read_predictions(name, load("cdrugred:train.jsonl"))

    readers = [
        Input("cdrugred", discharges, ("train.jsonl", "候选药物列表.json"), lambda: load("cdrugred:train.jsonl")),
        Input("dialmed", talk, tuple(talk), lambda: load("dialmed:talk")),
        Input("dialmed masks", talk, tuple(talk), lambda: load("dialmed:talk", masks="keep")),
        Input("jsonl", {"own.jsonl": own}, ("own.jsonl",), lambda: load("jsonl:own.jsonl")),
        Input(
            "jsonl gz",
            {"own.jsonl.gz": gzip.compress(own, mtime=0)},
            ("own.jsonl.gz",),
            lambda: load("jsonl:own.jsonl.gz"),
        ),
        Input("arff", {"d.arff": ARFF, "d.xml": XML}, ("d.arff", "d.arff", "d.xml"), lambda: load("arff:d.arff")),
        Input("codiesp", {"c.jsonl": CODIESP}, ("c.jsonl",), lambda: load("codiesp:c.jsonl", language="both")),
        Input("codiesp folder", PUBLISHED, tuple(PUBLISHED), lambda: load("codiesp:train")),
        Input(
            "code titles", {"t.csv": TITLES}, ("t.csv",), lambda: read_code_titles("t.csv", version="10"), weight=0.5
        ),
        Input("uci-diabetes", {"u.csv": _uci()}, ("u.csv",), lambda: load("uci-diabetes:u.csv")),
        Input("mimic-iv", MIMIC_IV, tuple(MIMIC_IV)[:5], lambda: read_mimic(".", hours=24)),
        Input("mimic-iv notes", MIMIC_IV, ("discharge.csv",), lambda: read_mimic(".", notes=True), weight=0.5),
        Input(
            "mimic-iv classes",
            MIMIC_IV,
            ("mapping.csv", "prescriptions.csv"),
            lambda: read_mimic(".", labels="atc3", mapping="mapping.csv"),
            weight=0.5,
        ),
        Input("mimic-iii", MIMIC_III, tuple(MIMIC_III), lambda: read_mimic(".")),
        Input("gamenet", _gamenet(), tuple(_gamenet()), lambda: load("gamenet:."), weight=2.0),
        *(
            Input(f"predictions {kind}", discharges, (f"pred.{kind}",), predictions(f"pred.{kind}"))
            for kind in ("json", "jsonl", "csv")
        ),
        Input("ddi csv", discharges, ("ddi.csv",), lambda: read_interactions("ddi.csv")),
        Input("ddi json", discharges, ("ddi.json",), lambda: read_interactions("ddi.json")),
    ]
    records = (MODELS / "records.jsonl").read_bytes()
    few = b"\n".join(records.split(b"\n")[:6]) + b"\n"
    models = []
    for path in sorted(MODELS.glob("format*/*.medrec")):
        files = {"own.jsonl": few, "m": path.read_bytes()}
        name = f"{path.parent.name} {path.stem}"
        models.append(
            Input(name, files, ("m",), command="predict --model m --data jsonl:own.jsonl --out out", weight=0.4)
        )
    explained = MODELS / "format2"
    commands = [
        Input("fit", discharges, ("train.jsonl",), command="fit --data cdrugred:train.jsonl --out out --model prior"),
        Input(
            "fit ddi",
            discharges,
            ("ddi.csv",),
            command="fit --data cdrugred:train.jsonl --ddi ddi.csv --out out --model prior",
        ),
        Input("fit own", {"own.jsonl": own}, ("own.jsonl",), command=fit_own),
        Input(
            "fit own logistic",
            {"own.jsonl": own},
            ("own.jsonl",),
            command="fit --data jsonl:own.jsonl --out out --set cv=2 --jobs 1",
            weight=0.5,
        ),
        Input(
            "fit arff",
            {"d.arff": ARFF, "d.xml": XML},
            ("d.arff",),
            command="fit --data arff:d.arff --out out --set cv=2 --jobs 1",
            weight=0.5,
        ),
        Input("fit dialmed", talk, tuple(talk), command="fit --data dialmed:talk --out out --model prior"),
        Input("describe", discharges, ("train.jsonl",), command="data describe cdrugred:train.jsonl"),
        Input("describe own", {"own.jsonl": own}, ("own.jsonl",), command="data describe jsonl:own.jsonl"),
        *(
            Input(
                f"score {kind}",
                discharges,
                (f"pred.{kind}", f"pred.{kind}", "train.jsonl"),
                command=f"score --truth cdrugred:train.jsonl --pred pred.{kind} --json",
            )
            for kind in ("json", "jsonl", "csv")
        ),
        Input(
            "score ddi",
            discharges,
            ("ddi.json",),
            command="score --truth cdrugred:train.jsonl --pred pred.csv --ddi ddi.json",
        ),
        Input(
            "evaluate",
            {"own.jsonl": own, "test.jsonl": own},
            ("own.jsonl", "test.jsonl"),
            command="evaluate --data jsonl:own.jsonl --test jsonl:test.jsonl --model prior --out out",
            weight=0.5,
        ),
        Input(
            "predict",
            {"own.jsonl": few, "m": (explained / "logistic.medrec").read_bytes()},
            ("own.jsonl",),
            command="predict --model m --data jsonl:own.jsonl --out out --format csv",
        ),
        Input(
            "explain",
            {"own.jsonl": few, "m": (explained / "stacked.medrec").read_bytes()},
            ("own.jsonl", "m"),
            command="explain --model m --data jsonl:own.jsonl --id r1 --drug 艾塞那肽注射液 --html out",
            weight=0.5,
        ),
    ]
    options = [
        Input(
            "words of fit",
            discharges,
            (),
            command=f"{fit} --ddi ddi.csv --set smoothing=3 --seed 1 --max-ddi 0.1 --decision threshold",
        )
        for fit in ("fit --data cdrugred:train.jsonl --out out --model prior",)
    ]
    options += [
        Input(
            "words of score",
            discharges,
            (),
            command="score --truth cdrugred:train.jsonl --pred pred.csv --preset chip2025 --ddi ddi.csv",
        ),
        Input(
            "words of describe",
            MIMIC_IV,
            (),
            command="data describe mimic:. --read labels=drug --read hours=24 --read min_count=1",
        ),
        Input(
            "words of predict",
            {"own.jsonl": few, "m": (explained / "prior.medrec").read_bytes()},
            (),
            command="predict --model m --data jsonl:own.jsonl --out out --format jsonl --top-k 3",
        ),
    ]
    return [*readers, *models, *commands, *options]
