"""Values of records: cleaned, cut into names, or refused with the rule."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medrec.datasets._values import as_codes, as_date, as_drugs, as_written_list, cut_names


class TestValues:
    def test_cut_names_prefers_the_longest_and_takes_back_a_wrong_choice(self) -> None:
        known = {"甲", "甲、乙", "乙", "乙、丙", "甲 片"}
        assert cut_names("甲、乙、丙", known) == ["甲", "乙、丙"]  # 甲、乙 would leave 丙, which is no name
        assert cut_names("甲、乙", known) == ["甲、乙"]
        assert cut_names(" 甲 片；乙\n", known) == ["甲 片", "乙"]
        assert cut_names("什么、都行", None) == ["什么、都行"]

    @pytest.mark.parametrize("text", ["甲乙", "甲、丁", "丁、甲", "乙、丁、丙"])
    def test_cut_names_refuses_what_does_not_divide(self, text: str) -> None:
        with pytest.raises(ValueError, match="does not divide"):
            cut_names(text, {"甲", "乙", "丙"})

    @given(
        st.lists(st.sampled_from(["甲", "甲甲", "乙、丙", "丙", "丁 戊"]), min_size=1, max_size=8),
        st.sampled_from("、，,;；\n|"),
    )
    def test_cut_names_finds_names_that_give_the_text(self, names: list[str], delimiter: str) -> None:
        text = delimiter.join(names)
        cut = cut_names(text, {"甲", "甲甲", "乙、丙", "丙", "丁 戊"})
        assert set(cut) <= {"甲", "甲甲", "乙、丙", "丙", "丁 戊"}
        assert re.sub(r"[、，,;；\n|]", "", text) == re.sub("、", "", "".join(cut))

    def test_cut_names_is_linear(self) -> None:
        known = {"甲", "甲、甲", "甲、甲、甲"}
        assert len(cut_names("、".join(["甲"] * 100_000), known)) == 33_334
        with pytest.raises(ValueError, match="does not divide"):
            cut_names("、".join(["甲"] * 100_000 + ["乙"]), known)

    @given(st.lists(st.one_of(st.none(), st.text(st.characters(codec="utf-8"), max_size=8)), max_size=5))
    def test_written_lists_come_back(self, items: list[str | None]) -> None:
        assert as_written_list(repr(items)) == items
        assert as_written_list(json.dumps(items)) == items
        assert as_written_list(json.dumps(items, ensure_ascii=False)) == items

    @pytest.mark.parametrize(
        "text", ["甲", "[甲]", "['甲'", "['甲' '乙']", "[,]", "['甲',,]", "[['甲']]", r'["\ud800"]', "[" * 9**6 + "]"]
    )
    def test_what_writes_no_list(self, text: str) -> None:
        assert as_written_list(text) is None

    @given(
        st.one_of(
            st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9), st.lists(st.text(max_size=3))
        )
    )
    def test_any_value_is_cleaned_or_refused_by_value_error(self, value: Any) -> None:
        for clean in (as_codes, as_date, lambda one: as_drugs(one, {"甲"})):
            said = ""
            try:
                clean(value)
            except ValueError as error:
                said = str(error)
            assert len(said) < 300
