"""LightGBM's text of a model, checked before LightGBM reads it.

LightGBM believes what it reads: a child or a feature that is not there is memory that is not its own. So a text is
handed over only when every line is one that LightGBM writes for the models that medrec fits (binary, numeric splits,
constant leaves), every list has its length, and the nodes of every tree are a tree.
"""

import re

import numpy as np

NUMBER = r"-?(?:\d{1,30}(?:\.\d{0,30})?(?:e[-+]?\d{1,4})?|inf|nan)"
NUMBERS = rf"(?:{NUMBER}(?: {NUMBER})*)?"
HEAD = re.compile(
    r"tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx=(\d{1,9})\n"
    rf"objective=binary sigmoid:{NUMBER}\nfeature_names=(\S+(?: \S+)*)\n"
    rf"feature_infos=((?:none|\[{NUMBER}:{NUMBER}\])(?: (?:none|\[{NUMBER}:{NUMBER}\]))*)\n"
    r"tree_sizes=((?:\d{1,9}(?: \d{1,9})*)?)\n\n"
)
LISTS = (
    *("split_feature", "split_gain", "threshold", "decision_type", "left_child", "right_child"),
    *("leaf_value", "leaf_weight", "leaf_count", "internal_value", "internal_weight", "internal_count"),
)
TREE = re.compile(
    r"Tree=(\d{1,9})\nnum_leaves=(\d{1,9})\nnum_cat=0\n"
    + "".join(rf"{name}=({NUMBERS})\n" for name in LISTS)
    + rf"is_linear=0\nshrinkage={NUMBER}\n\n\n"
)
TAIL = re.compile(
    r"end of trees\n\nfeature_importances:\n(?:\S+=\d+\n)*"
    r"(?:\nparameters:\n(?:\[\w+: [^\n]*\]\n)*\nend of parameters\n)?(?:\npandas_categorical:(?:null|\[\])\n)?"
)
MAX_DEPTH = 1000
"""Of a tree; LightGBM walks trees by recursion, so a deeper one could exhaust the stack."""
NO_CATEGORY = frozenset({"0", "2", "4", "6", "8", "10"})
"""Kinds of split: a numeric one, with any way of treating missing values."""


def check_lightgbm_text(text: str, n_features: int) -> None:
    """Refuse a text that LightGBM could not read safely.

    Parameters
    ----------
    text : str
        What ``Booster.model_to_string`` gave.
    n_features : int
        Columns that the model is given to predict from.

    Raises
    ------
    ValueError
        When a line is not one of those that LightGBM writes for such a model, a list has another length, or the
        nodes are no tree.
    """
    head = HEAD.match(text) if text.isascii() else None
    if head is None:
        raise ValueError("LightGBM's text of a model does not begin as a binary model of version 4 does")
    last, names, infos = int(head[1]), len(head[2].split(" ")), len(head[3].split(" "))
    if not last + 1 == names == infos == n_features:
        raise ValueError(f"LightGBM's text of a model has {last + 1} features where the columns are {n_features}")
    at = head.end()
    for number, size in enumerate(map(int, head[4].split())):
        tree = TREE.fullmatch(text, at, at + size)
        if tree is None or int(tree[1]) != number:
            raise ValueError(f"LightGBM's text of a model is broken in tree {number}")
        _check_tree(tree, number, n_features)
        at += size
    if TAIL.fullmatch(text, at) is None:
        raise ValueError("LightGBM's text of a model is broken behind its trees")


def _check_tree(tree: re.Match[str], number: int, n_features: int) -> None:
    n_leaves = int(tree[2])
    lists = {name: tree[at].split() for at, name in enumerate(LISTS, start=3)}
    n_splits = n_leaves - 1
    wanted = {name: n_leaves if name.startswith("leaf") else n_splits for name in LISTS}
    if n_leaves == 1:  # a single leaf may go without weight and count
        wanted |= {name: len(lists[name]) for name in ("leaf_weight", "leaf_count") if len(lists[name]) <= 1}
    if n_leaves < 1 or any(len(lists[name]) != length for name, length in wanted.items()):
        raise ValueError(f"LightGBM's text of a model has lists of other lengths in tree {number}")
    if not n_splits:
        return
    if not NO_CATEGORY.issuperset(lists["decision_type"]):
        raise ValueError(f"LightGBM's text of a model has splits of another kind in tree {number}")
    features = _whole(lists["split_feature"])
    children = np.stack([_whole(lists["left_child"]), _whole(lists["right_child"])])
    if features.min() < 0 or features.max() >= n_features or not _is_tree(children, n_leaves):
        raise ValueError(f"LightGBM's text of a model has nodes or features that are not there in tree {number}")


def _whole(words: list[str]) -> np.ndarray:
    """Whole numbers, those that are none or too long as one that no list allows."""
    return np.array([int(word) if len(word) < 11 and word.lstrip("-").isdigit() else -(2**40) for word in words])


def _is_tree(children: np.ndarray, n_leaves: int) -> bool:
    """Whether every node but the first, and every leaf (-1, -2 …), is the child of one node, which comes before it."""
    n_splits = n_leaves - 1
    there = np.concatenate([np.arange(-n_leaves, 0), np.arange(1, n_splits)])
    if not np.array_equal(np.sort(children, axis=None), there):
        return False
    if (np.where(children > 0, children, n_splits) <= np.arange(n_splits)).any():
        return False
    if n_splits <= MAX_DEPTH:
        return True
    depth = np.zeros(n_splits, dtype=np.int64)
    for node in range(n_splits):
        for child in children[:, node]:
            if child > 0:
                depth[child] = depth[node] + 1
    return bool(depth.max() < MAX_DEPTH)
