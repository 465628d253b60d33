"""medrec: the classic-ML baseline for medication recommendation and clinical coding.

Rooms load when they are first used, so that ``import medrec`` costs next to nothing.
"""

from importlib import import_module
from typing import Any

from medrec._version import __version__

_EXPORTS = {
    "BinaryRelevanceRecommender": "medrec.recommenders",
    "ChainRecommender": "medrec.recommenders",
    "MultiLabelAdapter": "medrec.recommenders",
    "NeighborRecommender": "medrec.recommenders",
    "PriorRecommender": "medrec.recommenders",
    "StackedBinaryRelevance": "medrec.recommenders",
    "StackedRecommender": "medrec.recommenders",
    "make_recommender": "medrec.recommenders",
    "RecordVectorizer": "medrec.features",
    "Dataset": "medrec.datasets",
    "make_records": "medrec.datasets",
    "DDIFilter": "medrec.safety",
    "DDIGraph": "medrec.safety",
    "evaluate": "medrec.metrics",
    "explain_record": "medrec.explain",
    "load": "medrec._io",
    "save": "medrec._io",
}
_ROOMS = (
    "cli",
    "datasets",
    "decision",
    "explain",
    "features",
    "kernels",
    "metrics",
    "recommenders",
    "report",
    "safety",
    "tuning",
)

__all__ = [*_EXPORTS, "__version__"]


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        value = getattr(import_module(_EXPORTS[name]), name)
        globals()[name] = value
        return value
    if name in _ROOMS:
        return import_module(f"medrec.{name}")
    raise AttributeError(f"module 'medrec' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_ROOMS])
