"""Recommenders: features in, calibrated probabilities and safe sets out."""

from medrec.recommenders.adapter import MultiLabelAdapter
from medrec.recommenders.bases import BASES, make_base
from medrec.recommenders.binary_relevance import BinaryRelevanceRecommender
from medrec.recommenders.chain import ChainRecommender
from medrec.recommenders.dask_boosters import fit_dask
from medrec.recommenders.estimator_base import EstimatorBase
from medrec.recommenders.lightgbm_base import LightGBMBase
from medrec.recommenders.linear import LinearBase
from medrec.recommenders.neighbors import NeighborRecommender
from medrec.recommenders.online_linear import OnlineLinearBase
from medrec.recommenders.pair_booster import PairBooster
from medrec.recommenders.partition_fit import fit_parquet
from medrec.recommenders.partition_predict import predict_parquet
from medrec.recommenders.pipeline import MODELS, make_recommender
from medrec.recommenders.prior import PriorRecommender
from medrec.recommenders.stacked import StackedRecommender
from medrec.recommenders.stacked_binary_relevance import StackedBinaryRelevance
from medrec.recommenders.xgboost_base import XGBoostBase

__all__ = [
    "BASES",
    "MODELS",
    "BinaryRelevanceRecommender",
    "ChainRecommender",
    "EstimatorBase",
    "LightGBMBase",
    "LinearBase",
    "MultiLabelAdapter",
    "NeighborRecommender",
    "OnlineLinearBase",
    "PairBooster",
    "PriorRecommender",
    "StackedBinaryRelevance",
    "StackedRecommender",
    "XGBoostBase",
    "fit_dask",
    "fit_parquet",
    "make_base",
    "make_recommender",
    "predict_parquet",
]
