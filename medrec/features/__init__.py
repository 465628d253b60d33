"""Features: records in, one sparse matrix with named columns out."""

from medrec.features.hashing import HashingRecordVectorizer
from medrec.features.matcher import NameMatcher
from medrec.features.vectorizer import RecordVectorizer

__all__ = ["HashingRecordVectorizer", "NameMatcher", "RecordVectorizer"]
