import csv
import hashlib
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medrec._checks import InputError
from medrec.datasets._conditions import REASONS, SHORT_COURSE, conditions, findings
from medrec.datasets._formulary import formulary
from medrec.datasets.synthetic import (
    LABELS,
    SHARES,
    GeneratedRecords,
    iter_records,
    make_records,
    split_records,
    write_records,
)

FIELDS = [
    "患者序号",
    "就诊标识",
    "性别",
    "出生日期",
    "民族",
    "BMI",
    "就诊时间",
    "诊疗过程描述",
    "入院情况",
    "现病史",
    "既往史",
    "主诉",
    "出院诊断",
    "出院带药列表",
]


@pytest.fixture(scope="module")
def made() -> GeneratedRecords:
    return make_records(5894)


def drugs_of(record: dict) -> list[str]:
    drugs = record[LABELS]
    return [drugs] if isinstance(drugs, str) else drugs


def test_schema_and_types(made):
    seen = set()
    for record in made.records:
        assert list(record) == FIELDS
        assert re.fullmatch(r"\d+-\d+", record["就诊标识"])
        assert record["就诊标识"] not in seen
        seen.add(record["就诊标识"])
        assert record["就诊标识"].startswith(f"{int(record['患者序号'])}-")
        assert record["性别"] in ("男", "女")
        for key in ("出生日期", "就诊时间"):
            assert not record[key] or re.fullmatch(r"(19|20)\d\d-(0[1-9]|1[0-2])", record[key])
        for key in ("诊疗过程描述", "入院情况", "现病史"):
            assert isinstance(record[key], str)
            assert record[key].strip()
        assert record["BMI"] is None or 12 < float(record["BMI"]) < 50
        assert record["出院诊断"] is None or isinstance(record["出院诊断"], (str, list))
    json.dumps(made.records[:100])


def test_candidates(made):
    assert len(made.candidates) == len(set(made.candidates)) == 651
    assert set(made.drug_class) == set(made.aliases) == set(made.candidates)
    assert all(name == name.strip() and name for name in made.candidates)
    assert any(set("、 ") & set(name) for name in made.candidates)  # names that no delimiter may split
    assert any("(" in name for name in made.candidates)
    assert any("（" in name for name in made.candidates)
    nicknames = {drug.nickname: drug.ingredient for g in formulary().values() for drug in g.drugs if drug.nickname}
    assert not set(nicknames) & {alias for g in formulary().values() for d in g.drugs for alias in (d.short, d.name)}


def test_every_label_is_a_candidate(made):
    candidates = set(made.candidates)
    for record in made.records:
        drugs = drugs_of(record)
        assert drugs
        assert len(drugs) == len(set(drugs))
        assert candidates.issuperset(drugs)


def test_drugs_a_record_and_visits_a_patient(made):
    sizes = np.array([len(drugs_of(record)) for record in made.records])
    assert 5.5 < sizes.mean() < 6.7
    assert sizes.min() == 1
    assert 16 <= sizes.max() <= 21
    patients = {int(record["患者序号"]) for record in made.records}
    assert 1.75 < len(made.records) / len(patients) < 2.0


def test_long_tail(made):
    train = {drug for record in split_records(made)["train"] for drug in drugs_of(record)}
    assert 560 <= len(train) <= 612  # in the real train file 586 occur


def test_never_seen_drugs_are_asked_for(made):
    parts = split_records(made)
    train, test = ({drug for record in parts[part] for drug in drugs_of(record)} for part in ("train", "test-B"))
    assert test - train


@given(st.integers(1, 120), st.integers(0, 2**40))
@settings(max_examples=12, deadline=None)
def test_equal_seeds_give_equal_records_and_fewer_are_a_prefix(n_records, seed):
    short = make_records(n_records, seed=seed)
    assert short == make_records(n_records, seed=seed)
    assert list(iter_records(n_records + 7, seed=seed))[:n_records] == short.records


def test_seeds_differ():
    one, two = make_records(20, seed=0), make_records(20, seed=1)
    assert one.records != two.records
    assert one.candidates != two.candidates
    assert sorted(one.candidates) == sorted(two.candidates)


def test_no_trace_of_the_hash_seed():
    program = (
        "import hashlib, json; from medrec.datasets.synthetic import make_records, split_records;"
        "m = make_records(150, seed=3);"
        "print(hashlib.sha256(json.dumps([m.records, m.candidates, m.ddi, m.drug_class, m.aliases, split_records(m)])"
        ".encode()).hexdigest())"
    )
    seen = set()
    for hash_seed in ("1", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, env=environment, check=True)
        seen.add(done.stdout.decode().strip())
    m = make_records(150, seed=3)
    here = json.dumps([m.records, m.candidates, m.ddi, m.drug_class, m.aliases, split_records(m)])
    seen.add(hashlib.sha256(here.encode()).hexdigest())
    assert len(seen) == 1


def test_split_is_by_patient_and_in_proportion(made):
    parts = split_records(made)
    assert list(parts) == list(SHARES)
    patients = {part: {int(record["患者序号"]) for record in records} for part, records in parts.items()}
    assert not patients["train"] & patients["test-A"]
    assert not patients["train"] & patients["test-B"]
    assert not patients["test-A"] & patients["test-B"]
    assert sum(map(len, parts.values())) == len(made.records)
    for part, share in SHARES.items():
        assert len(parts[part]) == pytest.approx(share, abs=25)
    assert split_records(made, seed=1) != parts


@given(st.integers(30, 90), st.integers(0, 50))
@settings(max_examples=20, deadline=None)
def test_no_part_is_empty(n_records, seed):
    parts = split_records(make_records(n_records, seed=seed), seed=seed)
    assert all(parts.values())
    ids = sorted(record["就诊标识"] for records in parts.values() for record in records)
    assert ids == sorted(record["就诊标识"] for record in make_records(n_records, seed=seed).records)


def test_too_few_patients_to_split():
    with pytest.raises(ValueError, match="at least 3 patients"):
        split_records(make_records(1))


def test_dirt_is_there_and_rare(made):
    records = made.records
    share = {
        "no diagnoses": np.mean([not record["出院诊断"] for record in records]),
        "diagnoses as text": np.mean([isinstance(record["出院诊断"], str) for record in records]),
        "blank diagnosis": np.mean(
            ["" in record["出院诊断"] for record in records if isinstance(record["出院诊断"], list)]
        ),
        "patient as text": np.mean([isinstance(record["患者序号"], str) for record in records]),
        "no BMI": np.mean([record["BMI"] is None for record in records]),
        "BMI as text": np.mean([isinstance(record["BMI"], str) for record in records]),
        "no birth date": np.mean([not record["出生日期"] for record in records]),
        "no visit date": np.mean([not record["就诊时间"] for record in records]),
        "text as list": np.mean([isinstance(record["主诉"], list) for record in records]),
        "drug as text": np.mean([isinstance(record[LABELS], str) for record in records]),
    }
    assert all(0 < value < 0.1 for value in share.values()), share


def test_interactions(made):
    candidates = set(made.candidates)
    pairs = [frozenset(pair[:2]) for pair in made.ddi]
    assert all(len(pair) == 2 and pair <= candidates for pair in pairs)
    assert len(set(pairs)) == len(pairs)  # no pair twice, in either direction
    assert {severity for _, _, severity in made.ddi} == {"minor", "moderate", "major"}


def test_truth_has_some_interactions_and_few_major(made):
    severity = {frozenset(pair[:2]): pair[2] for pair in made.ddi}
    pairs = 0
    count = {"minor": 0, "moderate": 0, "major": 0}
    for record in made.records:
        drugs = drugs_of(record)
        pairs += len(drugs) * (len(drugs) - 1) // 2
        for place, one in enumerate(drugs):
            for two in drugs[:place]:
                if (found := severity.get(frozenset((one, two)))) is not None:
                    count[found] += 1
    assert 0.01 < sum(count.values()) / pairs < 0.03
    assert 0 < count["major"] < 0.1 * sum(count.values())


def rate_of(made: GeneratedRecords, field: str, sentence: str) -> float:
    """Share of the drugs that a sentence names, by any name, of which a form is prescribed."""
    forms: dict[str, set[str]] = {}
    for name in made.candidates:
        for alias in (name, *made.aliases[name]):
            forms.setdefault(alias, set()).add(name)
    names = "|".join(re.escape(alias) for alias in sorted(forms, key=len, reverse=True))
    rule = re.compile(sentence.replace("<drug>", f"({names})"))
    hits = [
        bool(forms[match.group(1)] & set(drugs_of(record)))
        for record in made.records
        for match in rule.finditer(record[field] or "")
    ]
    assert len(hits) > 50, "too few sentences of this kind to tell anything"
    return float(np.mean(hits))


def test_what_became_of_a_named_drug_is_in_the_words_around_it(made):
    course, past = "诊疗过程描述", "既往史"
    kept = rate_of(made, course, "继续<drug>")
    started = rate_of(made, course, "(?<!后)加用<drug>")
    assert kept > 0.9
    assert started > 0.7
    assert rate_of(made, past, "长期服用<drug>") > 0.6
    assert rate_of(made, course, "[；，]停用<drug>（") < 0.2
    assert rate_of(made, course, "停<drug>改用") < 0.35
    assert rate_of(made, course, "临时予<drug>") < 0.3
    assert rate_of(made, course, "后加用<drug>") < 0.3
    assert rate_of(made, past, "否认服用<drug>") < 0.2
    assert rate_of(made, past, "对<drug>过敏") < 0.1


def test_chronic_drugs_go_on_from_visit_to_visit(made):
    shared = []
    for one, two in zip(made.records, made.records[1:]):
        if int(one["患者序号"]) == int(two["患者序号"]):
            now, then = set(drugs_of(two)), set(drugs_of(one))
            shared.append(len(now & then) / len(now | then))
    by_chance = np.mean(
        [
            len(set(drugs_of(a)) & set(drugs_of(b))) / len(set(drugs_of(a)) | set(drugs_of(b)))
            for a, b in zip(made.records, made.records[1000:])
        ]
    )
    assert np.mean(shared) > 0.35
    assert by_chance < 0.2


def test_word_banks_know_each_other():
    groups, keys = formulary(), {condition.key for condition in conditions()}
    for condition in conditions():
        assert {key for key, _ in condition.classes} <= set(groups)
        assert {key for key, _ in condition.flags} <= set(findings())
        assert {key for key, _ in condition.boosts} <= keys
    assert {key for finding in findings().values() for key, _ in finding.effects} <= set(groups)
    assert set(groups) >= SHORT_COURSE
    assert {target for reasons in REASONS.values() for _, target in reasons} <= set(groups) | {"-", "="}


def test_write_records_round_trip(tmp_path):
    made = make_records(1300, seed=5)
    written = write_records(made, tmp_path / "new" / "folder", seed=2)
    folder = tmp_path / "new" / "folder"
    assert sorted(written) == sorted(folder.iterdir())
    parts = split_records(made, seed=2)

    def read(name: str) -> list[dict]:
        lines = (folder / name).read_text(encoding="utf-8").split("\n")
        return [json.loads(line) for line in lines if line.strip()]

    assert read("CDrugRed_train.jsonl") == parts["train"]
    for part in ("test-A", "test-B"):
        assert read(f"CDrugRed_{part}_truth.jsonl") == parts[part]
        for blind, full in zip(read(f"CDrugRed_{part}.jsonl"), parts[part], strict=True):
            assert not blind.pop(LABELS, None)
            assert blind == {key: value for key, value in full.items() if key != LABELS}
    assert json.loads((folder / "候选药物列表.json").read_text(encoding="utf-8")) == made.candidates
    with open(folder / "ddi.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["drug", "other", "severity"]
    assert [tuple(row) for row in rows[1:]] == made.ddi


def test_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="folder that can be written"):
        write_records(make_records(30), tmp_path / "file")


@pytest.mark.parametrize(("n_records", "seed"), [(0, 0), (-1, 0), (2.0, 0), ("9", 0), (True, 0), (5, -1), (5, 0.5)])
def test_wrong_numbers_are_refused(n_records, seed):
    with pytest.raises(ValueError, match="must be a whole number"):
        make_records(n_records, seed=seed)
