"""Words of texts, and names that stay whole."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medrec.features.tokens import WordAnalyzer, normalize, segment

LEXICON = ("二甲双胍缓释片", "维生素B12片", "VitB1", "门冬胰岛素30注射液", "阿司匹林(肠溶)片", "c反应蛋白")


def test_full_width_is_half_width_and_lower_case():
    assert normalize("ＨｂＡ１ｃ　７．５％") == "hba1c 7.5%"
    assert segment("ＨｂＡ１ｃ：７．５％") == ["hba1c", "7.5"]


def test_doses_codes_and_hyphens_stay_whole():
    assert segment("Metformin 0.5g, E11.9; beta-blocker's (b.i.d.)") == [
        "metformin", "0.5g", "e11.9", "beta-blocker's", "b.i.d",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("口服二甲双胍缓释片治疗", ["口服", "二甲双胍缓释片", "治疗"]),
        ("予维生素Ｂ１２片及胰岛素", ["予", "维生素b12片", "及", "胰岛素"]),
        ("VitB1与vitb12", ["vitb1", "与", "vitb12"]),
        ("注射门冬胰岛素30注射液", ["注射", "门冬胰岛素30注射液"]),
        ("阿司匹林（肠溶）片100mg", ["阿司匹林(肠溶)片", "100mg"]),
        ("查C反应蛋白", ["查", "c反应蛋白"]),
        ("", []),
        ("，。！ \n", []),
    ],
)
def test_names_of_the_lexicon_stay_whole(text, words):
    assert segment(text, LEXICON) == words


def test_without_a_lexicon_names_are_cut():
    assert "二甲双胍缓释片" not in segment("口服二甲双胍缓释片治疗")
    assert "维生素b12片" not in segment("予维生素B12片")


def test_lexicons_do_not_leak_into_each_other():
    name = "甲乙丙丁戊己片"
    assert name in segment(f"口服{name}", (name,))
    assert name not in segment(f"口服{name}", LEXICON)
    assert name not in segment(f"口服{name}")


def test_ngrams():
    assert WordAnalyzer(ngrams=3)("a b c") == ["a", "b", "c", "a b", "b c", "a b c"]
    assert WordAnalyzer(ngrams=1)("a b c") == ["a", "b", "c"]
    assert WordAnalyzer(ngrams=2)("a") == ["a"]
    assert WordAnalyzer()("") == []


@given(st.text(alphabet="糖尿病高血压ab1 .-'，。\nＡ", max_size=30))
@settings(max_examples=60, deadline=None)
def test_no_letter_is_lost_or_made_up(text):
    for lexicon in ((), LEXICON):
        words = "".join(segment(text, lexicon))
        kept = [character for character in normalize(text) if character.isalnum()]
        assert [character for character in words if character.isalnum()] == kept
    assert len(WordAnalyzer()(text)) == max(0, 2 * len(segment(text)) - 1)


def test_words_do_not_depend_on_what_was_cut_before():
    texts = ["口服二甲双胍缓释片", "予维生素B12片", "高血压病史十年余"]
    alone = [segment(text, LEXICON) for text in texts]
    for order in np.random.default_rng(0).permutation(3):
        assert segment(texts[order], LEXICON) == alone[order]
