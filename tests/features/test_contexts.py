"""What is said of a drug: by the words around its name, in three languages."""

import pytest

from medrec.features.contexts import contexts
from medrec.features.cues import CUES, KINDS
from medrec.features.matcher import NameMatcher

MATCHER = NameMatcher({name: [0] for name in ("甲片", "乙片", "丙片", "druga", "drugb", "drugc")})

CASES = [
    ("继续甲片降糖", "continued"),
    ("甲片维持原剂量", "continued"),
    ("加用甲片口服", "started"),
    ("予甲片、乙片20mg及丙片治疗", "started started started"),
    ("平素规律服用甲片0.5g tid、乙片", "home home"),
    ("停用甲片（皮疹）", "stopped"),
    ("因皮疹将甲片调整为乙片", "stopped started"),
    ("甲片换为乙片", "stopped started"),
    ("头晕，停甲片改用乙片", "stopped started"),
    ("以乙片替代甲片", "started stopped"),
    ("考虑皮疹与甲片有关，予停药；继续乙片", "stopped continued"),
    ("继续甲片改善循环", "continued"),
    ("否认服用甲片史", "denied"),
    ("未使用过甲片、乙片", "denied denied"),
    ("对甲片过敏，继续乙片", "allergic continued"),
    ("加用甲片抗过敏", "started"),
    ("患者5年前无明显诱因出现心悸，平素口服甲片", "home"),
    ("先予甲片降糖，出院前停药", "in_hospital"),
    ("住院期间予甲片，好转后停用", "in_hospital"),
    ("建议门诊评估后加用甲片", "considered"),
    ("拟予甲片，患者拒绝", "considered"),
    ("曾用甲片，因低血糖换为乙片", "past started"),
    ("间断口服甲片，未规律服药", "irregular"),
    ("平素口服甲片治疗，不规律服用乙片", "home irregular"),
    ("甲片", "other"),
    ("出院带药：甲片 1片；乙片 2片", "continued continued"),
    ("过敏史：甲片。出院带药：乙片", "allergic continued"),
    ("She denies DrugA use. Continue DrugB 5 mg daily, DrugC.", "denied continued continued"),
    ("DrugA was discontinued; started DrugB", "stopped started"),
    ("switched from DrugA to DrugB", "stopped started"),
    ("Allergies: DrugA\nDischarge medications:\nDrugB 5 mg\nDrugC", "allergic continued continued"),
    ("allergic to DrugA. Takes DrugB at home", "allergic home"),
    ("previously on DrugA, declined DrugB", "past other"),
    ("Niega alergia a DrugA", "denied"),
    ("alérgico a DrugA y DrugB", "allergic allergic"),
    ("se suspendió DrugA, se inició DrugB", "stopped started"),
    ("en tratamiento con DrugA", "home"),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_contexts(text, expected):
    assert contexts(text, MATCHER.find(text)) == expected.split()


def test_every_context_is_shown():
    assert {kind for _, expected in CASES for kind in expected.split()} == set(KINDS)
    assert len({cue.kind for cue in CUES}) == len(CUES)


def test_case_and_width_of_the_text_count_for_nothing():
    text = "停用甲片，ＣＯＮＴＩＮＵＥ ＤｒｕｇＡ"
    assert contexts(text, MATCHER.find(text)) == ["stopped", "continued"]


def test_words_of_other_sentences_say_nothing():
    text = "继续治疗。甲片。停用其他"
    assert contexts(text, MATCHER.find(text)) == ["other"]
    assert contexts("无", []) == []
