"""Small records that the explanations are tested on: two drugs named in the text, one that goes with a code."""

import pandas as pd

from medrec.datasets import Dataset
from medrec.recommenders import make_recommender
from medrec.tuning import fit_records

DRUGS = ["盐酸二甲双胍片", "Aspirin tablets", "降压片", "从不给的药"]
NOTES = [
    "空腹血糖升高，续用二甲双胍治疗",
    "胸痛，予ＡＳＰＩＲＩＮ口服 <b>每日</b>",
    "头晕 血压 高，复查",
    "咳嗽３天，无特殊",
]
TALKS = [
    ["患者：血糖高", "医生：继续吃二甲双胍"],
    ["患者：胸口疼", "医生：可以用aspirin"],
    ["患者：头晕", "医生：量血压"],
    ["患者：咳嗽", "医生：多喝水", "医生：再观察"],
]
CODES = [["E11.9"], ["I25.1", "冠心病"], ["I10", "高血压"], []]
TAKEN = [[0], [1], [2], []]


def make_data(n_records: int = 60) -> Dataset:
    """Records in turn of four kinds, two a patient; some have the drug of the kind before as well."""
    rows, sets = [], []
    for at in range(n_records):
        kind = at % 4
        rows.append(
            {
                "note": NOTES[kind] + f"，第{at % 7}次",
                "talk": TALKS[kind],
                "codes": CODES[kind],
                "sex": "男女"[at % 2],
                "age": 40 + at % 11,
                "visit": f"20{10 + at % 9}-03",
            }
        )
        taken = {*TAKEN[kind], *([2] if at % 5 == 0 else [])}
        sets.append([int(label in taken) for label in range(len(DRUGS))])
    schema = {"note": "text", "talk": "dialogue", "codes": "codes", "sex": "category", "age": "number", "visit": "date"}
    return Dataset(pd.DataFrame(rows), sets, DRUGS, schema, groups=[at // 2 for at in range(n_records)])


def fit(model: str, **options):
    """A fitted pipeline of the records, and the records."""
    data = make_data()
    pipeline = make_recommender(
        model, schema=data.schema, drug_names=data.drug_names, features__min_df=1, random_state=0, **options
    )
    return fit_records(pipeline, data), data
