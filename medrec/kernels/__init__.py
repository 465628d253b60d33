"""Counting over index arrays: the same names whichever implementation runs.

``overlap``, ``interacting_pairs`` and ``top_k`` take canonical CSR matrices (see
``medrec._checks.check_sets``) and dense scores and check nothing; rooms above call them from here, so
that an implementation is chosen in this one place.
"""

from medrec.kernels.reference import Overlap, interacting_pairs, overlap, top_k

__all__ = ["Overlap", "interacting_pairs", "overlap", "top_k"]
