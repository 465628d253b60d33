"""XGBoost's JSON of a model, checked before XGBoost reads it.

XGBoost believes what it reads: a child or a feature that is not there is memory that is not its own. So a text is
handed over only when it is a gradient-boosted binary model of numeric splits, as medrec fits them, whose lists have
their lengths and whose nodes are a tree.
"""

import json
from typing import Any

import numpy as np

MAX_DEPTH = 1000
"""Of a tree; XGBoost walks trees by recursion, so a deeper one could exhaust the stack."""
PER_NODE = ("left_children", "right_children", "parents", "split_indices", "default_left", "split_conditions")
"""Lists that have a value a node, and are read when scores are made."""
ALSO_PER_NODE = ("base_weights", "loss_changes", "sum_hessian", "split_type")
"""Lists that have a value a node, where they are there."""
NO_CATEGORIES = ("categories", "categories_nodes", "categories_segments", "categories_sizes")


def check_xgboost_json(text: str, n_features: int) -> None:
    """Refuse a text that XGBoost could not read safely.

    Parameters
    ----------
    text : str
        The JSON that ``Booster.save_raw`` gave.
    n_features : int
        Columns that the model is given to predict from.

    Raises
    ------
    ValueError
        When it is no JSON, another kind of model, a list has another length, or the nodes are no tree.
    """
    try:
        _check_model(json.loads(text, object_pairs_hook=_unique), n_features)
    except RecursionError:
        raise ValueError("XGBoost's JSON of a model is nested too deeply") from None
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"XGBoost's JSON of a model lacks what it must hold ({error})") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys stand once: of two, XGBoost might take the one that was not checked."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("XGBoost's JSON of a model has a key twice")
    return found


def _check_model(whole: dict[str, Any], n_features: int) -> None:
    learner = whole["learner"]
    booster, options = learner["gradient_booster"], learner["learner_model_param"]
    model = booster["model"]
    kind = (
        booster["name"],
        learner["objective"]["name"],
        _count(options["num_class"]),
        _count(options.get("num_target", "1")),
        _count(model["gbtree_model_param"].get("num_parallel_tree", "1")),
    )
    if kind != ("gbtree", "binary:logistic", 0, 1, 1):
        raise ValueError(f"XGBoost's JSON of a model is of another kind: {kind}")
    if _count(options["num_feature"]) != n_features:
        raise ValueError(f"XGBoost's JSON of a model has other features than the {n_features} columns")
    float(options["base_score"].strip("[]"))
    if any(model.get("cats", {}).values()):
        raise ValueError("XGBoost's JSON of a model has categories")
    for names in ("feature_names", "feature_types"):
        if learner.get(names):
            raise ValueError(f"XGBoost's JSON of a model has {names}, which medrec does not give")
    trees = model["trees"]
    n_trees = _count(model["gbtree_model_param"]["num_trees"])
    starts = model.get("iteration_indptr", list(range(n_trees + 1)))
    if not len(trees) == len(model["tree_info"]) == n_trees or any(model["tree_info"]):
        raise ValueError("XGBoost's JSON of a model has another number of trees")
    if starts != list(range(n_trees + 1)) or any(isinstance(one, bool) for one in (*starts, *model["tree_info"])):
        raise ValueError("XGBoost's JSON of a model has other rounds than trees")
    for number, tree in enumerate(trees):
        if not _is_tree(tree, number, n_features):
            raise ValueError(f"XGBoost's JSON of a model has nodes or features that are not there in tree {number}")


def _count(text: Any) -> int:
    """XGBoost writes numbers of things as text."""
    if not isinstance(text, str) or not text.isascii() or not text.isdigit() or len(text) > 9:
        raise ValueError(f"XGBoost's JSON of a model has {text!r:.40} where a number of things belongs")
    return int(text)


def _is_tree(tree: dict[str, Any], number: int, n_features: int) -> bool:
    """Whether lists have a value a node, and each node that the first leads to is led to once, from one before it."""
    options = tree["tree_param"]
    n_nodes = _count(options["num_nodes"])
    if tree["id"] != number or _count(options["num_feature"]) != n_features or _count(options["num_deleted"]):
        return False
    if _count(options.get("size_leaf_vector", "1")) > 1 or any(tree.get(name) for name in NO_CATEGORIES):
        return False
    lists = [_numbers(tree[name], n_nodes) for name in PER_NODE]
    for name in ALSO_PER_NODE:
        _numbers(tree.get(name, [0] * n_nodes), n_nodes)
    left, right, parents, features, default = lists[:5]
    if any(one.dtype.kind != "i" for one in lists[:5]):
        return False
    inner = left != -1
    if any(tree.get("split_type", ())) or not np.isin(default, (0, 1)).all() or (inner != (right != -1)).any():
        return False
    if features.min() < 0 or features.max() >= n_features:
        return False
    above = np.flatnonzero(inner)
    children = np.concatenate([left[inner], right[inner]])
    if not np.array_equal(np.sort(children), np.arange(1, n_nodes)) or (children <= np.tile(above, 2)).any():
        return False
    if (parents[children] != np.tile(above, 2)).any() or parents[0] not in (-1, 2**31 - 1):
        return False
    depth = np.zeros(n_nodes, dtype=np.int64)
    if n_nodes > MAX_DEPTH:
        for node in above:
            depth[[left[node], right[node]]] = depth[node] + 1
    return bool(depth.max() < MAX_DEPTH)


def _numbers(values: Any, length: int) -> np.ndarray:
    """A list of so many numbers that fit into an int or a float, as an array."""
    if not isinstance(values, list) or len(values) != length or not length:
        raise ValueError("XGBoost's JSON of a model has a list of another length than its tree")
    if all(type(one) is int for one in values) and max(map(abs, values)) < 2**31:
        return np.array(values, dtype=np.int64)
    if not all(type(one) in (int, float) for one in values):
        raise ValueError("XGBoost's JSON of a model has something else where numbers belong")
    return np.array(values, dtype=np.float64)
