# mypy: allow-untyped-defs
"""The nearest rows of a matrix by inner product, over postings or over blocks of dense products.

Rows are in parts, and the ``k`` nearest of each part are kept, best first: whoever leaves parts out, fold by fold,
merges the lists of the others and never looks at the products again. Only products above 0 count. They are
rounded to a grid, so that equal rows stay equal whatever the order of summation, and of equals the lower row comes
first.
"""

import numpy as np
from numba import njit

GRID = 2.0**30
"""Products are multiples of 1 / GRID."""


@njit(nogil=True, cache=True)
def _keep(products, part, owner, own, near, value):
    """Put the rows of positive products (n_rows,) whose owner is not ``own`` into the lists of their parts."""
    k = near.shape[1]
    for row in range(len(products)):
        product = products[row]
        if product <= 0.0 or owner[row] == own:
            continue
        at = part[row]
        product = np.rint(product * GRID) / GRID
        if product <= value[at, k - 1]:
            continue
        place = k - 1
        while place > 0 and value[at, place - 1] < product:
            value[at, place] = value[at, place - 1]
            near[at, place] = near[at, place - 1]
            place -= 1
        value[at, place] = product
        near[at, place] = row


@njit(nogil=True, cache=True)
def nearest_of_products(products, part, owner, own, near, value):
    """The nearest rows for a block of dense products.

    Parameters
    ----------
    products : array of shape (n_queries, n_rows)
    part, owner : int array of shape (n_rows,)
        The part of each row, and whose it is.
    own : int array of shape (n_queries,)
        Whose each query is; rows of the same owner do not count.
    near : int array of shape (n_queries, n_parts, k)
        Filled with row numbers; places left over are not touched.
    value : float array of shape (n_queries, n_parts, k)
        Filled with products; it must come with zeros.
    """
    for query in range(len(products)):
        _keep(products[query], part, owner, own[query], near[query], value[query])


@njit(nogil=True, cache=True)
def nearest_of_postings(indptr, indices, data, starts, rows, values, part, owner, own, near, value):
    """The same for CSR queries (``indptr``, ``indices``, ``data``) and CSC rows (``starts``, ``rows``, ``values``).

    Every query adds up the postings of its features, so the cost is the entries that are shared, not the product
    of sizes, and the memory one number a row.
    """
    products = np.zeros(len(part))
    for query in range(len(indptr) - 1):
        products[:] = 0.0
        for at in range(indptr[query], indptr[query + 1]):
            feature, weight = indices[at], data[at]
            for entry in range(starts[feature], starts[feature + 1]):
                products[rows[entry]] += weight * values[entry]
        _keep(products, part, owner, own[query], near[query], value[query])
