"""Variants of drug names: brackets, strengths, dosage forms and salts, and names that several drugs share."""

import json

import pytest

from medrec.features.drug_words import ORDINARY
from medrec.features.names import name_table, variants
from tests._data import data_path


@pytest.mark.parametrize(
    ("name", "shorter"),
    [
        ("盐酸二甲双胍缓释片（Ⅱ）", ["盐酸二甲双胍缓释片", "盐酸二甲双胍", "二甲双胍"]),
        ("阿托伐他汀钙片(20mg)", ["阿托伐他汀钙片", "阿托伐他汀钙", "阿托伐他汀"]),
        ("硫酸氢氯吡格雷片", ["硫酸氢氯吡格雷", "氯吡格雷"]),
        ("左甲状腺素钠片（优甲乐）", ["左甲状腺素钠片", "左甲状腺素钠", "左甲状腺素", "优甲乐"]),
        ("注射用头孢曲松钠", ["头孢曲松钠", "头孢曲松"]),
        ("氯化钾缓释片", ["氯化钾"]),
        ("碳酸氢钠片", ["碳酸氢钠"]),
        ("维生素B1片", ["维生素b1"]),
        ("甲状腺片", []),  # what is left is an ordinary word
        ("钙片", []),  # or too short
        ("甘精胰岛素注射液(预填充)", ["甘精胰岛素注射液", "甘精胰岛素"]),
        ("Ｍｅｔｆｏｒｍｉｎ Hydrochloride 500 mg Tablets", ["metformin hydrochloride", "metformin"]),
        ("Atorvastatin Calcium", ["atorvastatin"]),
        ("Iron tablets", []),
        ("Losartán potásico", []),
    ],
)
def test_variants(name, shorter):
    found = variants(name)
    assert found[1:] == shorter
    assert found == list(dict.fromkeys(found))


@pytest.mark.parametrize("name", ["", "片", "()", "（Ⅱ）", "20mg", "注射用", "盐酸", "-", "tablet", "盐酸片", "  "])
def test_a_name_of_nothing_but_such_words_stays_itself(name):
    assert variants(name)[1:] == []


def test_drugs_that_share_a_name():
    table = name_table(
        ["盐酸二甲双胍片", "二甲双胍缓释片", "钙", "格列美脲片"], {"盐酸二甲双胍片": ("格华止片", "钙", "Ｇ")}
    )
    assert table["二甲双胍"] == [0, 1]
    assert table["盐酸二甲双胍"] == table["格华止"] == [0]
    assert table["钙"] == [2]  # a full name is taken, an alias of that kind is not
    assert "g" not in table
    assert all(name not in ORDINARY for name in table if name != "钙")


@pytest.mark.data
def test_products_of_the_published_table_lose_their_forms_and_salts():
    products = json.loads(data_path("dialmed", "medication_normalization.json").read_text(encoding="utf-8"))
    generic = {product: drug for product, drug in products.items() if drug in product}
    found = sum(drug in variants(product) for product, drug in generic.items())
    assert found >= 0.6 * len(generic) > 100
