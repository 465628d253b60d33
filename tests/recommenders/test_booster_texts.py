"""Texts of boosters: what the libraries write is taken, and what they could not read safely is refused."""

import json
import random
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from medrec import ChainRecommender
from medrec.recommenders import LightGBMBase, PairBooster, XGBoostBase
from medrec.recommenders.lightgbm_text import check_lightgbm_text
from medrec.recommenders.xgboost_json import check_xgboost_json

N_FEATURES = 6


def features(sparse: bool = False) -> tuple[Any, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, N_FEATURES)) * (rng.random((120, N_FEATURES)) < 0.7)
    Y = (X[:, :3] + 0.3 * rng.normal(size=(120, 3)) > 0).astype(np.uint8)
    if sparse:
        return sp.csr_matrix(X), Y
    X[rng.random(X.shape) < 0.1] = np.nan
    return X, Y


def text_of(kind: type, **options: Any) -> str:
    X, Y = features()
    return kind(n_estimators=4, **options).fit_labels(X, Y[:, :1]).models_[0]


OPTIONS: list[dict[str, Any]] = [
    {},
    {"early_stopping_rounds": 2},
    {"scale_pos_weight": "balanced"},
    {"max_columns": 3},
    {"n_estimators": 1},
]


@pytest.mark.parametrize("kind", [LightGBMBase, XGBoostBase])
@pytest.mark.parametrize("sparse", [False, True])
def test_what_the_libraries_write_is_taken(kind: type, sparse: bool) -> None:
    X, Y = features(sparse)
    for options in OPTIONS:
        base = kind(**{"n_estimators": 5, **options}).fit_labels(X, Y)
        base.check_loaded()
    chain = ChainRecommender(kind(n_estimators=3), cv=None).fit(X if sparse else np.nan_to_num(X), Y)
    for links in chain.chains_:
        for link in links:
            link.check_loaded()


def test_the_pair_booster_is_taken() -> None:
    X, Y = features()
    booster = PairBooster(n_estimators=3, min_child_samples=2)
    booster.fit_folds(X, Y[:, 0], np.zeros(len(X)), fold=np.arange(len(X)) % 2, n_folds=2)
    assert isinstance(booster.model_, str)
    booster.check_loaded()
    booster.model_ = booster.model_.replace("split_feature=", "split_feature=9", 1)
    with pytest.raises(ValueError, match="LightGBM's text"):
        booster.check_loaded()


def test_a_tree_of_one_leaf_is_taken() -> None:
    import lightgbm

    X, y = np.arange(40.0).reshape(20, 2), np.r_[np.zeros(19), 1]
    params = {"objective": "binary", "verbosity": -1, "min_data_in_leaf": 15}
    text = lightgbm.train(params, lightgbm.Dataset(X, y), 2).model_to_string()
    assert "num_leaves=1\n" in text
    check_lightgbm_text(text, 2)


def replace(pattern: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        changed = re.sub(pattern, new, text, count=1, flags=re.M)
        assert changed != text, pattern
        # The sizes of the trees are what they were, so that only the change can be what is refused.
        sizes = [len(tree) for tree in re.findall(r"^Tree=.*?\n\n\n", changed, flags=re.M | re.S)]
        if "tree_sizes" in pattern:
            return changed
        return re.sub(r"^tree_sizes=.*$", "tree_sizes=" + " ".join(map(str, sizes)), changed, flags=re.M)

    return change


LIGHTGBM = {
    "a child that is not there": replace(r"^left_child=\S+", "left_child=99999"),
    "a leaf that is not there": replace(r"^right_child=\S+", "right_child=-99999"),
    "a child that is its own parent": replace(r"^left_child=\S+", "left_child=0"),
    "a feature that is not there": replace(r"^split_feature=\S+", "split_feature=6"),
    "a feature below 0": replace(r"^split_feature=\S+", "split_feature=-1"),
    "more leaves than values": replace(r"^num_leaves=\d+", "num_leaves=7000"),
    "no leaves": replace(r"^num_leaves=\d+", "num_leaves=0"),
    "a short list": replace(r"^threshold=\S+ ?", "threshold="),
    "a categorical split": replace(r"^decision_type=\d+", "decision_type=1"),
    "categories": replace(r"^num_cat=0", "num_cat=3"),
    "linear leaves": replace(r"^is_linear=0", "is_linear=1"),
    "sizes beyond the text": replace(r"^tree_sizes=\d+", "tree_sizes=900000"),
    "more trees than text": replace(r"^tree_sizes=(.*)$", r"tree_sizes=\1 300"),
    "another number of features": replace(r"^max_feature_idx=\d+", "max_feature_idx=900000000"),
    "several classes": replace(r"^num_class=1", "num_class=5"),
    "trees of several classes": replace(r"^num_tree_per_iteration=1", "num_tree_per_iteration=5"),
    "another objective": replace(r"^objective=binary", "objective=multiclass num_class:5"),
    "a word for a number": replace(r"^leaf_value=\S+", "leaf_value=abc"),
    "a number of a thousand digits": replace(r"^leaf_value=\S+", "leaf_value=" + "1" * 1000),
    "a line of another kind": replace(r"^shrinkage=", "cat_boundaries=0 5\nshrinkage="),
    "cut off": lambda text: text[: len(text) // 3],
    "nothing": lambda text: "",
    "more behind it": lambda text: text + "Tree=9\n",
    "another character": lambda text: text.replace("Column_0", "Column_甲"),
}


@pytest.mark.parametrize("name", LIGHTGBM)
def test_lightgbm_texts_that_are_refused(name: str) -> None:
    text = text_of(LightGBMBase)
    check_lightgbm_text(text, N_FEATURES)
    with pytest.raises(ValueError, match="LightGBM's text of a model"):
        check_lightgbm_text(LIGHTGBM[name](text), N_FEATURES)


def test_columns_of_another_number() -> None:
    for kind, check in ((LightGBMBase, check_lightgbm_text), (XGBoostBase, check_xgboost_json)):
        with pytest.raises(ValueError, match="features"):
            check(text_of(kind), N_FEATURES - 1)


def in_tree(change: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    return lambda whole: change(whole["learner"]["gradient_booster"]["model"]["trees"][0])


def in_model(change: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    return lambda whole: change(whole["learner"]["gradient_booster"]["model"])


def put(name: str, value: Any, at: int = 0) -> Callable[[dict[str, Any]], Any]:
    return lambda tree: tree[name].__setitem__(at, value)


XGBOOST: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a child that is not there": in_tree(put("left_children", 99999)),
    "a child below 0": in_tree(put("right_children", -7)),
    "a child that is its own parent": in_tree(put("left_children", 0)),
    "one child": in_tree(put("left_children", -1)),
    "a feature that is not there": in_tree(put("split_indices", N_FEATURES)),
    "a feature below 0": in_tree(put("split_indices", -1)),
    "a feature beyond integers": in_tree(put("split_indices", 2**40)),
    "a feature as text": in_tree(put("split_indices", "1")),
    "another parent": in_tree(put("parents", 5, at=1)),
    "a categorical split": in_tree(put("split_type", 1)),
    "categories": in_tree(lambda tree: tree.update(categories=[1], categories_nodes=[0])),
    "a short list": in_tree(lambda tree: tree["split_conditions"].pop()),
    "a list that is none": in_tree(lambda tree: tree.update(default_left="1")),
    "a list that is not there": in_tree(lambda tree: tree.pop("right_children")),
    "more nodes than lists": in_tree(lambda tree: tree["tree_param"].update(num_nodes="900")),
    "nodes as a number": in_tree(lambda tree: tree["tree_param"].update(num_nodes=3)),
    "vectors as leaves": in_tree(lambda tree: tree["tree_param"].update(size_leaf_vector="3")),
    "deleted nodes": in_tree(lambda tree: tree["tree_param"].update(num_deleted="1")),
    "more trees": in_model(lambda model: model["gbtree_model_param"].update(num_trees="900")),
    "parallel trees": in_model(lambda model: model["gbtree_model_param"].update(num_parallel_tree="4")),
    "a tree of another class": in_model(lambda model: model["tree_info"].__setitem__(0, 7)),
    "rounds beyond the trees": in_model(lambda model: model["iteration_indptr"].__setitem__(1, 50)),
    "trees that are a number": in_model(lambda model: model.update(trees=4)),
    "another booster": lambda whole: whole["learner"]["gradient_booster"].update(name="gblinear"),
    "another objective": lambda whole: whole["learner"]["objective"].update(name="multi:softmax"),
    "classes": lambda whole: whole["learner"]["learner_model_param"].update(num_class="3"),
    "features that are not there": lambda whole: whole["learner"]["learner_model_param"].update(num_feature="99"),
    "names of features": lambda whole: whole["learner"].update(feature_names=["a"]),
    "no learner": lambda whole: whole.pop("learner"),
}


@pytest.mark.parametrize("name", XGBOOST)
def test_xgboost_texts_that_are_refused(name: str) -> None:
    text = text_of(XGBoostBase)
    whole = json.loads(text)
    assert len(whole["learner"]["gradient_booster"]["model"]["trees"][0]["parents"]) > 5
    XGBOOST[name](whole)
    with pytest.raises(ValueError, match="XGBoost's JSON of a model"):
        check_xgboost_json(json.dumps(whole), N_FEATURES)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "[" * 100_000, '{"learner": 1, "learner": 2}', "binf\0\0"])
def test_what_is_no_model_of_xgboost(text: str) -> None:
    with pytest.raises(ValueError, match=r"XGBoost's JSON|Expecting"):
        check_xgboost_json(text, N_FEATURES)


def chain_of_nodes(n_leaves: int) -> str:
    """A LightGBM text whose one tree is a chain."""
    inner = n_leaves - 1
    left = [*range(1, inner), -1]
    right = [-at for at in range(2, n_leaves + 1)]
    lists = {
        "split_feature": [0] * inner,
        "split_gain": [1] * inner,
        "threshold": [0.5] * inner,
        "decision_type": [2] * inner,
        "left_child": left,
        "right_child": right,
        "leaf_value": [0.1] * n_leaves,
        "leaf_weight": [1] * n_leaves,
        "leaf_count": [1] * n_leaves,
        "internal_value": [0] * inner,
        "internal_weight": [1] * inner,
        "internal_count": [1] * inner,
    }
    body = "".join(f"{name}={' '.join(map(str, values))}\n" for name, values in lists.items())
    tree = f"Tree=0\nnum_leaves={n_leaves}\nnum_cat=0\n{body}is_linear=0\nshrinkage=1\n\n\n"
    return (
        "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx=0\n"
        f"objective=binary sigmoid:1\nfeature_names=Column_0\nfeature_infos=[0:1]\ntree_sizes={len(tree)}\n\n{tree}"
        "end of trees\n\nfeature_importances:\n\npandas_categorical:null\n"
    )


def test_a_tree_too_deep_for_recursion_is_refused() -> None:
    import lightgbm

    good = chain_of_nodes(900)
    check_lightgbm_text(good, 1)
    assert np.isfinite(lightgbm.Booster(model_str=good).predict(np.zeros((1, 1)), raw_score=True)).all()
    with pytest.raises(ValueError, match="not there in tree 0"):
        check_lightgbm_text(chain_of_nodes(2000), 1)


FUZZ = """
import json, random, sys
import lightgbm
import numpy as np
sys.path[:0] = {path!r}
from medrec.recommenders.{module} import {check} as check
text, rng = json.loads(sys.stdin.read()), random.Random(0)
rows, taken, pieces = np.random.default_rng(0).normal(size=(5, {n})), 0, {pieces}
def score(text):
    {score}
for number in range(500):
    at = [rng.randrange(len(pieces)) for _ in range(rng.choice((1, 1, 2)))]
    new = list(pieces)
    for one in at:
        new[one] = rng.choice(("0", "1", "-1", "2", "5", "-6", "99", "2147483648", "-2147483648", "1e9", "nan", ""))
    try:
        check("".join(new), {n})
    except ValueError:
        continue
    taken += 1
    try:
        score("".join(new))
    except (ValueError, lightgbm.basic.LightGBMError):
        pass  # an exception of the library's own is as good as a score
print(taken)
"""


@pytest.mark.parametrize(
    ("kind", "module", "check", "score"),
    [
        (
            *(LightGBMBase, "lightgbm_text", "check_lightgbm_text"),
            "lightgbm.Booster(model_str=text).predict(rows, raw_score=True, pred_contrib=True)",
        ),
        (
            *(XGBoostBase, "xgboost_json", "check_xgboost_json"),
            "import xgboost; xgboost.Booster({}, model_file=bytearray(text.encode())).predict(xgboost.DMatrix(rows))",
        ),
    ],
)
def test_what_is_taken_can_be_read(kind: type, module: str, check: str, score: str) -> None:
    """Numbers changed at random: the library must survive every text that the check lets through."""
    code = FUZZ.format(
        path=sys.path,
        module=module,
        check=check,
        score=score,
        n=N_FEATURES,
        pieces=r"__import__('re').split(r'(-?[\d.]+)', text)",
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(text_of(kind)), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout.split()[-1]) > 20


def test_random_cuts_never_pass() -> None:
    rng = random.Random(0)
    for kind, checks in ((LightGBMBase, check_lightgbm_text), (XGBoostBase, check_xgboost_json)):
        text = text_of(kind)
        for at in sorted({rng.randrange(len(text) - 60) for _ in range(60)}):
            if kind is LightGBMBase and at > text.index("end of trees"):
                continue  # what stands behind the trees may go
            with pytest.raises(ValueError):
                checks(text[:at], N_FEATURES)
