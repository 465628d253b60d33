"""Features: records in, one sparse matrix with named columns out."""

from medrec.features.vectorizer import RecordVectorizer

__all__ = ["RecordVectorizer"]
