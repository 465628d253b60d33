"""Configurations: what is drawn becomes what a command line says, and equal models have equal keys."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medrec._literals import read_literal, write_literal
from medrec.recommenders import LinearBase
from medrec.tuning.configuration import configuration_key, read_options

SAID = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=6,
)


@given(SAID)
def test_what_is_written_is_read_again(value):
    again = read_literal(write_literal(value))
    assert again == value
    assert type(again) is type(value)


@pytest.mark.parametrize("value", [LinearBase(), float("inf"), np.zeros(2), {1: LinearBase()}])
def test_what_no_text_can_say_is_refused(value):
    with pytest.raises(ValueError, match="must be None, a number, a text or a tuple"):
        write_literal(value)


def test_numbers_are_rounded_and_texts_are_read():
    drawn = {"C": 31.62277, "small": 1.23456e-7, "k": np.int64(123456), "pair": "(1, 3)", "word": "frequency", "f": 7.0}
    assert read_options(drawn) == {
        "C": 31.62,
        "small": 1.235e-7,
        "k": 123456,
        "pair": (1, 3),
        "word": "frequency",
        "f": 7.0,
    }
    assert read_options({"a": None, "b": True, "c": "None"}) == {"a": None, "b": True, "c": None}


def test_an_estimator_is_no_option():
    with pytest.raises(ValueError, match=r"tune: base: an option must be .*make\(\*\*options\) of your own"):
        read_options({"base": LinearBase()})


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"k": 3}, {"k": 3.0}, True),
        ({"k": 3}, {}, True),  # the default
        ({"k": 4}, {}, False),
        ({"pair": (1, 3)}, {"pair": [1, 3]}, True),
        ({"pair": (1, 3)}, {"pair": (1, 2)}, False),
        ({"flag": True}, {"flag": 1}, False),
        ({"flag": False}, {}, False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": 1}, {"b": 1}, False),
        ({"none": None}, {}, True),
        ({"unknown": None}, {}, False),
        ({"base": "svm"}, {}, False),
    ],
)
def test_keys_are_equal_where_models_are(one, other, same):
    defaults = {"k": 3, "pair": (1, 4), "flag": True, "none": None, "base": LinearBase()}
    assert (configuration_key(one, defaults) == configuration_key(other, defaults)) is same


def test_keys_of_drawn_numbers_differ_from_the_fourth_digit_on():
    def key(number):
        return configuration_key(read_options({"C": number}), {})

    assert key(1.00001) == key(1.00002) == key(1)
    assert key(1.001) != key(1)
