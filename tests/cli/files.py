"""Small good files that the tests of the command line break one at a time."""

import json
from pathlib import Path
from typing import Any

CANDIDATES = ["阿司匹林肠溶片", "华法林钠片", "盐酸二甲双胍片", "钙片（A、B）", "替格瑞洛片"]
DISEASES = {"冠心病": [0, 4], "房颤": [1], "2型糖尿病": [2], "骨质疏松": [3]}


def record(number: int, **changes: Any) -> dict[str, Any]:
    """A clean CDrugRed record; visit ``number`` of its patient, two visits a patient."""
    disease = list(DISEASES)[number % len(DISEASES)]
    return {
        "患者序号": number // 2,
        "就诊标识": f"{number // 2}-{number % 2}",
        "性别": "男",
        "出生日期": "1950-01",
        "民族": "汉族",
        "BMI": 23.5,
        "就诊时间": "2015-03",
        "诊疗过程描述": "入院后完善检查",
        "入院情况": "神志清",
        "现病史": f"因{disease}入院",
        "既往史": "否认过敏",
        "主诉": "胸闷三天",
        "出院诊断": [disease],
        "出院带药列表": [CANDIDATES[at] for at in DISEASES[disease]],
    } | changes


def as_lines(*objects: Any) -> bytes:
    """JSON lines in UTF-8."""
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in objects).encode()


RECORDS = [record(number) for number in range(12)]
HEADER = {"medrec": 1, "schema": {"note": "text", "age": "number"}, "drugs": ["a", "b"]}
ROWS = [
    {"id": str(number), "note": f"word {number % 3}", "age": 40 + number, "drugs": ["ab"[number % 2]]}
    for number in range(6)
]
ARFF = "@relation r\n@attribute f numeric\n@attribute g {no,yes}\n@attribute l {0,1}\n@attribute m {0,1}\n@data\n"
XML = '<labels xmlns="http://mulan.sourceforge.net/labels"><label name="l"/><label name="m"/></labels>'
GOOD: dict[str, bytes] = {
    "train.jsonl": as_lines(*RECORDS),
    "候选药物列表.json": json.dumps(CANDIDATES, ensure_ascii=False).encode(),
    "pred.json": json.dumps([{"ID": one["就诊标识"], "prediction": one["出院带药列表"]} for one in RECORDS]).encode(),
    "ddi.csv": f"drug,other,severity\n{CANDIDATES[0]},{CANDIDATES[1]},major\n".encode(),
    "own.jsonl": as_lines(HEADER, *ROWS),
    "d.arff": f"{ARFF}1,no,0,1\n?,yes,1,0\n3,no,1,1\n".encode(),
    "d.xml": XML.encode(),
    "talk/dev.txt": as_lines(
        {"label": ["甲"], "disease": ["感冒"], "dialog": ["患者：发热", "医生：用[MASK]"]},
        {"label": ["乙"], "disease": ["无"], "dialog": ["患者：头痛", "医生：用[MASK]"]},
    ),
    "talk/label.json": '{"甲": 0, "乙": 1}'.encode(),
    "talk/ddi.json": '{"甲": ["乙"]}'.encode(),
}
"""Each source that the table of broken inputs starts from, by the name of its file."""


def write_good(folder: Path) -> None:
    """Write every good file to a folder."""
    for name, content in GOOD.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def snapshot(folder: Path) -> dict[str, bytes | None]:
    """Every path below a folder with its bytes; None for a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}
