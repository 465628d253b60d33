"""Phrases and their overlap against slow searches over every place of every word."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medrec.features.overlap import WINDOW, PhraseOverlap, word_weights
from medrec.features.phrases import NEAR, PhraseFinder, Word, key_of, sentences_of, stem

WORDS = st.sampled_from(["masa", "renal", "dolor", "quiste", "fiebre"])
KEYS = st.lists(st.lists(WORDS, min_size=1, max_size=3).map(lambda words: tuple(sorted(set(words)))), unique=True)
SENTENCES = st.lists(st.lists(WORDS, min_size=1, max_size=7), max_size=3)


def as_words(sentences: list[list[str]]) -> list[list[Word]]:
    return [[Word(word, at, at + 1) for at, word in enumerate(sentence)] for sentence in sentences]


@given(KEYS, SENTENCES)
def test_a_phrase_is_found_where_all_its_words_stand_in_one_sentence(keys, sentences):
    found = {(match.phrase, match.sentence) for match in PhraseFinder(keys).find(as_words(sentences))}
    assert found == {
        (phrase, number)
        for phrase, key in enumerate(keys)
        for number, sentence in enumerate(sentences)
        if set(key) <= set(sentence)
    }


@given(KEYS, SENTENCES)
def test_places_hold_the_words_and_spread_is_what_stands_between(keys, sentences):
    matches = PhraseFinder(keys).find(as_words(sentences))
    assert len(set(matches)) == len(matches)
    for match in matches:
        sentence = sentences[match.sentence]
        assert tuple(sorted(sentence[place] for place in match.places)) == keys[match.phrase]
        between = match.places[-1] - match.places[0] + 1 - len(match.places)
        assert match.spread == (0 if between == 0 else 1 if between <= NEAR else 2)


@given(KEYS, SENTENCES)
def test_words_that_stand_together_somewhere_are_found_together(keys, sentences):
    found = PhraseFinder(keys).find(as_words(sentences))
    for phrase, key in enumerate(keys):
        for number, sentence in enumerate(sentences):
            places = [[at for at, word in enumerate(sentence) if word == one] for one in key]
            if len(key) == 2 and any(abs(a - b) == 1 for a, b in product(*places)):
                assert any((m.phrase, m.sentence, m.spread) == (phrase, number, 0) for m in found)


@pytest.mark.parametrize(
    ("phrase", "same"),
    [
        ("Úlcera duodenal", "ulceras duodenales"),
        ("masa en el testículo", "TESTÍCULO: masa"),
        ("abscesos hepáticos", "absceso hepatico"),
        ("renal fracture", "renal fractures"),
        ("ＶＨＣ", "vhc"),
        ("高血压", "高血压"),
    ],
)
def test_what_counts_as_the_same_phrase(phrase, same):
    assert key_of(phrase) == key_of(same) != ()


@pytest.mark.parametrize(
    ("phrase", "other"), [("hepatitis b", "hepatitis c"), ("hígado", "hepático"), ("10 mg", "20 mg")]
)
def test_what_does_not(phrase, other):
    assert key_of(phrase) != key_of(other)


@pytest.mark.parametrize("nothing", ["", " ", "de la", "...", "\n"])
def test_a_phrase_of_no_words_has_an_empty_key_and_is_found_nowhere(nothing):
    assert key_of(nothing) == ()
    assert PhraseFinder([key_of(nothing)]).find(sentences_of("de la masa")) == []


@given(st.text(st.sampled_from("aÁéñ ①ﬁ㎎e\u0301.\n;,12病 "), max_size=30))
def test_words_lead_back_to_the_text(text):
    last = 0
    for sentence in sentences_of(text):
        for word in sentence:
            assert last <= word.start < word.end <= len(text)
            last = word.start
            assert text[word.start : word.end].strip()


def test_words_are_the_written_ones_whatever_was_folded():
    text = "Ménière, ﬁebre 5㎎; ÚLCERA"
    written = [text[word.start : word.end] for sentence in sentences_of(text) for word in sentence]
    assert written == ["Ménière", "ﬁebre", "5㎎", "ÚLCERA"]


@pytest.mark.parametrize("word", ["gas", "mes", "b12", "120", "as"])
def test_short_words_and_numbers_keep_their_ending(word):
    assert stem(word) == word


@given(KEYS, SENTENCES, st.booleans())
def test_overlap_is_the_best_share_by_weight(keys, sentences, letters):
    texts = [as_words([sentence]) for sentence in sentences] + [[]]
    weights = word_weights(texts)
    best = PhraseOverlap(keys, weights, letters=letters).best(as_words(sentences))

    def units(word):
        framed = f"^{word}$"
        return [framed[at : at + 4] for at in range(len(framed) - 3)] if letters else [word]

    for phrase, key in enumerate(keys):
        weight = {word: weights.get(word, weights[""]) for word in key}
        shares = [0.0]
        for sentence in sentences:  # shorter than a window
            there = {unit for word in sentence for unit in units(word)}
            kept = sum(weight[word] * np.mean([unit in there for unit in units(word)]) for word in key)
            shares.append(kept / sum(weight.values()))
        assert best[phrase] == pytest.approx(max(shares), abs=1e-5)


def test_words_far_apart_do_not_add_up():
    overlap = PhraseOverlap([("masa", "renal")], {"": 1.0})
    for between in range(25):
        share = overlap.best(as_words([["x", "masa", *["y"] * between, "renal", "z"]]))[0]
        assert share == (1.0 if between < WINDOW // 2 else pytest.approx(share))
        assert share == (0.5 if between > WINDOW - 2 else pytest.approx(share))


def test_rarer_words_weigh_more():
    weights = word_weights([sentences_of("fiebre y tos"), sentences_of("fiebre"), sentences_of("")])
    assert weights["fiebr"] == pytest.approx(np.log(4 / 2.5))
    assert weights["tos"] == pytest.approx(np.log(4 / 1.5))
    assert weights[""] == pytest.approx(np.log(4 / 0.5))


def test_nothing_to_compare_gives_no_share():
    assert PhraseOverlap([], {"": 1.0}).best(as_words([["a"]])).shape == (0,)
    assert PhraseOverlap([("a",)], {"": 1.0}).best([]).tolist() == [0.0]
