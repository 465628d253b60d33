"""Search spaces: every option exists, every range holds the default, every draw makes a model."""

import itertools

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from medrec.datasets import load
from medrec.recommenders import BASES, MODELS, make_recommender
from medrec.tuning import search_space
from medrec.tuning.configuration import configuration_key, read_options
from medrec.tuning.facts import default_options
from medrec.tuning.spaces import default_draw, list_configurations

DATA = load("synthetic:records=20,seed=0")
WITH_BASE = ("binary-relevance", "chain", "stacked-binary-relevance")
PAIRS = [(model, base) for model in WITH_BASE for base in BASES]
PAIRS += [(model, "logistic") for model in MODELS if model not in WITH_BASE]


def make(model, base, **options):
    return make_recommender(model, schema=DATA.schema, drug_names=DATA.drug_names, base=base, **options)


@pytest.mark.parametrize(("model", "base"), PAIRS)
def test_every_range_holds_the_default(model, base):
    space = search_space(model, base, schema=DATA.schema)
    defaults = default_options(make(model, base), space)
    drawn = default_draw(space, defaults)
    assert set(drawn) == set(defaults) == set(space)
    assert configuration_key(read_options(drawn), defaults) == configuration_key({}, defaults)
    make(model, base, **read_options(drawn))


@pytest.mark.parametrize(("model", "base"), PAIRS)
def test_the_ends_of_every_range_make_a_model(model, base):
    for name, one in search_space(model, base, schema=DATA.schema).items():
        for value in getattr(one, "choices", None) or (one.low, one.high):
            options = read_options({name: value})
            assert default_options(make(model, base, **options), [name]) == options


def test_hashed_features_have_options_of_their_own():
    space = search_space("binary-relevance", "online", schema=DATA.schema, hashed=True)
    defaults = default_options(make("binary-relevance", "online", hashed=True), space)
    assert set(default_draw(space, defaults)) == set(defaults) == set(space)
    assert {"features__char_ngrams", "features__word_ngrams", "base__rate", "base__n_passes"} < set(space)


def test_options_of_features_follow_the_schema():
    def features(schema):
        return {name for name in search_space("chain", schema=schema) if name.startswith("features__")}

    assert features({"a": "number", "b": "category"}) == set()
    assert features({"a": "codes"}) == {"features__min_df", "features__char_ngrams", "features__max_features"}
    assert features({"a": "dialogue"}) == features({"a": "text", "b": "codes"}) == features(None)


@pytest.mark.parametrize(
    ("words", "says"), [({"model": "forest"}, "model must be one of"), ({"base": "forest"}, "base must be one of")]
)
def test_unknown_names_are_refused(words, says):
    with pytest.raises(ValueError, match=says):
        search_space(**words)


def test_default_draw_keeps_what_a_space_holds():
    space = {
        "a": FloatDistribution(1.0, 2.0),
        "b": IntDistribution(0, 10, step=5),
        "c": CategoricalDistribution(("(1, 2)", "word", True)),
        "d": FloatDistribution(0.0, 1.0, step=0.25),
    }
    inside = {"a": 1.5, "b": 5, "c": (1, 2), "d": 0.75}
    assert default_draw(space, inside) == inside | {"c": "(1, 2)"}
    assert default_draw(space, {"a": 3.0, "b": 4, "c": 1, "d": 0.3, "e": 0}) == {}
    assert default_draw(space, {"a": None, "b": True, "c": True}) == {"c": True}


def test_finite_spaces_are_listed():
    space = {
        "a": IntDistribution(1, 7, step=3),
        "b": CategoricalDistribution(("x", "y")),
        "c": FloatDistribution(0.0, 0.3, step=0.1),
        "d": IntDistribution(5, 5),
    }
    listed = [tuple(one.values()) for one in list_configurations(space)]
    expected = list(itertools.product([1, 4, 7], ["x", "y"], [0.0, 0.1, 0.2, 0.3], [5]))
    assert [one[:2] + one[3:] for one in listed] == [one[:2] + one[3:] for one in expected]
    np.testing.assert_allclose([one[2] for one in listed], [one[2] for one in expected])


@pytest.mark.parametrize(
    "one", [FloatDistribution(0.0, 1.0), IntDistribution(1, 200), FloatDistribution(1e-9, 1.0, log=True)]
)
def test_other_spaces_are_not(one):
    assert list_configurations({"a": one, "b": IntDistribution(1, 100)}) is None
