"""NameMatcher and fold: against brute force over all names and positions, on texts of several scripts."""

import itertools
import pickle
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medrec.features.folding import fold
from medrec.features.matcher import Match, NameMatcher

ALPHABET = "二甲双胍ab1Ａ１　 é-。㎎½ßカ"
texts = st.text(ALPHABET, max_size=24)
names = st.dictionaries(
    st.text(ALPHABET, min_size=1, max_size=4).filter(str.strip),
    st.lists(st.integers(0, 5), min_size=1, max_size=3),
    min_size=1,
    max_size=8,
)


def plain(text):
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def is_word(character):
    return character.isalnum() and character not in "二甲双胍カ"


def brute_force(table, text):
    """Every stretch of the written text that equals a name when both are folded, longest first."""
    hits = []
    for start in range(len(text)):
        for end in range(start + 1, len(text) + 1):
            piece = text[start:end]
            if piece[0].isspace() or piece[-1].isspace():
                continue
            alike = [name for name in table if plain(name) == plain(piece)]
            before, after = plain(text[:start][-1:]), plain(text[end:][:1])
            inner = plain(piece)
            if not alike or (before and is_word(before[-1]) and is_word(inner[0])):
                continue
            if after and is_word(after[0]) and is_word(inner[-1]):
                continue
            length = len(inner)
            labels = tuple(sorted({label for name in alike for label in table[name]}))
            hits.append((-length, start, Match(start, end, alike[0], labels)))
    kept = []
    for *_, hit in sorted(hits):
        if all(hit.end <= other.start or other.end <= hit.start for other in kept):
            kept.append(hit)
    return sorted(kept)


@settings(max_examples=600)
@given(names, texts)
def test_matches_are_those_of_brute_force(table, text):
    assert NameMatcher(table).find(text) == brute_force(table, text)


@settings(max_examples=1000)
@given(st.text(max_size=40))
def test_folding_is_normalization_with_the_way_back(text):
    folded, offsets = fold(text)
    assert folded.strip() == plain(text)
    if offsets is None:
        assert len(folded) == len(text)
        offsets = range(len(text) + 1)
    assert len(offsets) == len(folded) + 1
    assert offsets[-1] == len(text)
    whole = [at for at, place in enumerate(offsets) if place >= 0]
    for start, end in itertools.pairwise(whole):
        assert plain(text[offsets[start] : offsets[end]]) == folded[start:end].strip()


@given(st.text("áéñü̈ガ가각ａＢ \n", max_size=20))
def test_accents_are_stripped_from_latin_letters_only(text):
    folded = fold(text, strip_accents=True)[0]
    expected = "".join(c for c in unicodedata.normalize("NFKD", text) if not 0x300 <= ord(c) <= 0x36F)
    assert folded.strip() == plain(expected)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("予盐酸二甲双胍片口服", ["盐酸二甲双胍片"]),
        ("二甲双胍、阿司匹林", ["二甲双胍", "阿司匹林"]),
        ("vitamin B1 and B12, b1.", ["B1", "b1"]),
        ("ＡＳＡ 100㎎", ["ＡＳＡ"]),
        ("asas ASA_asa", ["ASA", "asa"]),
        ("folic\n acid", ["folic\n acid"]),
        ("阿司匹林asa片", ["阿司匹林", "asa"]),
        ("", []),
    ],
)
def test_names_in_a_text(text, found):
    matcher = NameMatcher({name: [0] for name in ("二甲双胍", "盐酸二甲双胍片", "阿司匹林", "b1", "asa", "folic acid")})
    assert [text[match.start : match.end] for match in matcher.find(text)] == found


def test_names_compared_alike_share_their_labels():
    matcher = NameMatcher({"Ａ片": [3], "a片": [1, 3]})
    assert matcher.find("服a片") == [Match(1, 3, "Ａ片", (1, 3))]


def test_accents_are_an_option():
    assert NameMatcher({"fiebre tifoídea": [0]}).find("FIEBRE TIFOIDEA") == []
    (match,) = NameMatcher({"fiebre tifoídea": [0]}, strip_accents=True).find("con FIEBRE TIFOI\u0301DEA.")
    assert (match.start, match.end) == (4, 20)


def test_a_copy_finds_the_same():
    matcher = NameMatcher({"二甲双胍": [0], "胍片": [1]})
    copy = pickle.loads(pickle.dumps(matcher))
    assert copy.find("二甲双胍片") == matcher.find("二甲双胍片") == [Match(0, 4, "二甲双胍", (0,))]


@pytest.mark.parametrize(("names", "message"), [({" 　": [0]}, "is blank"), ({"a": []}, "'a' has no label")])
def test_names_that_cannot_be_matched_are_refused(names, message):
    with pytest.raises(ValueError, match=message):
        NameMatcher(names)


def test_no_names_match_nothing():
    assert NameMatcher({}).find("二甲双胍") == []
