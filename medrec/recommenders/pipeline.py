"""``make_recommender``: records in, sets out, as one scikit-learn Pipeline."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from sklearn.pipeline import Pipeline

from medrec._checks import check_names
from medrec.features import HashingRecordVectorizer, RecordVectorizer
from medrec.recommenders.base import make_filter
from medrec.recommenders.bases import make_base
from medrec.recommenders.binary_relevance import BinaryRelevanceRecommender
from medrec.recommenders.chain import ChainRecommender
from medrec.recommenders.neighbors import NeighborRecommender
from medrec.recommenders.prior import PriorRecommender
from medrec.recommenders.stacked import StackedRecommender
from medrec.recommenders.stacked_binary_relevance import StackedBinaryRelevance

MODELS = {
    "binary-relevance": BinaryRelevanceRecommender,
    "chain": ChainRecommender,
    "neighbors": NeighborRecommender,
    "prior": PriorRecommender,
    "stacked": StackedRecommender,
    "stacked-binary-relevance": StackedBinaryRelevance,
}
"""Recommenders by the names that ``make_recommender`` and the command line take."""


def make_recommender(
    model: str = "binary-relevance",
    *,
    schema: Mapping[str, str],
    drug_names: Sequence[str] | None = None,
    aliases: Mapping[str, Sequence[str]] | None = None,
    names: bool | None = None,
    ddi: Any = None,
    base: Any = "logistic",
    device: str = "cpu",
    hashed: bool = False,
    **options: Any,
) -> Pipeline:
    """A Pipeline of ``RecordVectorizer`` and a recommender, ready for records and ``cross_validate``.

    scikit-learn's ``cross_validate`` and ``cross_val_predict`` refuse sparse targets: give them ``data.Y.toarray()``.
    Patients stay together in inner folds with ``params={"recommender__groups": data.groups}``.

    Parameters
    ----------
    model : str, default="binary-relevance"
        The recommender, a key of ``MODELS``: ``"binary-relevance"``, ``"chain"``, ``"neighbors"``, ``"prior"``,
        ``"stacked"`` or ``"stacked-binary-relevance"``. The prior sees only the columns of kind ``codes``.
    schema : dict
        Kind of each column, as ``Dataset.schema``.
    drug_names : sequence of str, optional
        Names of the labels.
    aliases : dict of str to sequence of str, optional
        Other names of the drugs, as ``Dataset.aliases``; read where ``names`` are.
    names : bool, optional
        Whether the features say where and how a record names each drug (label blocks, see ``RecordVectorizer``).
        Default: for ``"stacked"`` with ``drug_names``.
    ddi : DDIFilter, DDIGraph or DataFrame, optional
        What ``predict`` filters by; of a graph or a table of pairs, no interacting pair is kept.
    base : str, classifier or base, default="logistic"
        What the recommender fits for every drug; ``"stacked"`` has ``bases`` of its own.
    device : {"cpu", "cuda", "opencl"}, default="cpu"
        Device of a booster that is given by name.
    hashed : bool, default=False
        Whether features are hashed (``HashingRecordVectorizer``) instead of learned: for records that outgrow memory,
        see ``fit_parquet``.
    **options
        Options of the recommender (``cv=3``), of its base (``base__C=10``) or of the vectorizer
        (``features__min_df=3``).

    Raises
    ------
    ValueError
        When there is no model or no option of that name, or names are to be read and there are none.

    Examples
    --------
    >>> from medrec.datasets import load
    >>> data = load("synthetic:records=60,seed=0")
    >>> pipeline = make_recommender("prior", schema=data.schema, drug_names=data.drug_names)
    >>> pipeline.fit(data.records, data.Y).predict(data.records).shape
    (60, 651)
    """
    if model not in MODELS:
        raise ValueError(f"make_recommender: model must be one of {', '.join(MODELS)}; got {model!r}.")
    kind = MODELS[model]
    drugs = None if drug_names is None else check_names(drug_names, who="make_recommender")
    arguments: dict[str, Any] = {
        "drug_names": drugs,
        "ddi": ddi if drugs is None else make_filter(ddi, drugs),
    }
    taken, seed = inspect.signature(kind).parameters, options.get("random_state", 0)
    if "base" in taken:
        arguments["base"] = make_base(base, random_state=seed, device=device)
    if "meta" in taken:  # made here, so that its options have names, too
        arguments["meta"] = make_base(options.pop("meta", "logistic"), random_state=seed)
    if names and drugs is None:
        raise ValueError("make_recommender: names=True needs drug_names. Pass drug_names=data.drug_names.")
    if names and model == "prior":
        raise ValueError("make_recommender: the prior reads no text, so names=True is nothing to it. Leave it out.")
    if hashed and (names or model in ("prior", "stacked")):
        raise ValueError(
            f"make_recommender: hashed features have no names, which model {model!r} or names=True would read. "
            f"Take binary-relevance, or hashed=False."
        )
    features: Any = HashingRecordVectorizer(schema) if hashed else RecordVectorizer(schema)
    if names or (names is None and model == "stacked" and drugs is not None):
        features.set_params(drug_names=drugs, aliases=aliases)
    if model == "stacked":
        arguments["label_blocks"] = features.label_block_names()
    if model == "prior":
        if "codes" not in schema.values():
            raise ValueError(
                "make_recommender: the prior reads columns of kind 'codes'; the schema has none. Take another model."
            )
        codes = {column: kind for column, kind in schema.items() if kind == "codes"}
        features = RecordVectorizer(codes, char_ngrams=(0, 0), min_df=1)
    pipeline = Pipeline([("features", features), ("recommender", kind(**arguments))])
    known = pipeline.get_params(deep=True)
    named = {key if key.startswith("features__") else f"recommender__{key}": value for key, value in options.items()}
    for key in named:
        if key not in known:
            there = sorted(k.removeprefix("recommender__") for k in known if "__" in k)
            raise ValueError(f"make_recommender: no option {key.removeprefix('recommender__')!r}; there are {there}.")
    return pipeline.set_params(**named)
