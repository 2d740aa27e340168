"""Rules for SciPy's sparse matrices and arrays: by format, dtype, shape and the entries that are stored.

Explicit zeros and duplicates count: `nnz` shows them. The order in which a row's entries lie does not, since SciPy
sorts them in place as it goes, nor do the width of the indices and the flags that remember the sorting.
"""

from __future__ import annotations

from typing import Any

from memostore.keys.encoding import Rule, Walk
from memostore.keys.libraries import ITSELF, added_attributes, encode_data

__all__ = ["rule_for"]

OWN = frozenset({
    "_shape", "_dict", "_has_sorted_indices", "_has_canonical_format", "has_canonical_format", "has_sorted_indices",
    "data", "indices", "indptr", "offsets", "coords", "row", "col", "rows", "dtype",
})  # fmt: skip


def rule_for(base: type) -> Rule | None:
    """Return the rule of one of SciPy's classes and of its subclasses, or None where a base may have one."""
    return BY_NAME.get(base.__qualname__)


def _sparse(value: Any) -> Walk:
    return encode_data(
        b"S", type(value), "scipy",
        ((".dtype", ""), value.dtype), ((".shape", ""), tuple(value.shape)), (ITSELF, ENTRIES[value.format](value)),
        ((".__dict__", ""), added_attributes(value, OWN)),
    )  # fmt: skip


def _compressed(value: Any) -> Any:
    import numpy

    indptr = numpy.asarray(value.indptr, numpy.int64)
    n_stored = int(indptr[-1])
    indices, data = numpy.asarray(value.indices[:n_stored], numpy.int64), value.data[:n_stored]
    rows = numpy.repeat(numpy.arange(len(indptr) - 1), numpy.diff(indptr))
    return (indptr, *_sorted((rows, indices), data)[1:])


def _coordinates(value: Any) -> Any:
    import numpy

    coordinates = value.coords if hasattr(value, "coords") else (value.row, value.col)
    return _sorted(tuple(numpy.asarray(numbers, numpy.int64) for numbers in coordinates), value.data)


def _sorted(coordinates: tuple[Any, ...], data: Any) -> tuple[Any, ...]:
    """Return coordinates and data in the order of the coordinates; duplicates keep theirs."""
    import numpy

    order = numpy.lexsort(coordinates[::-1])
    if (numpy.diff(order) == 1).all():  # as most are: no copies
        return (*coordinates, data)
    return (*(numbers[order] for numbers in coordinates), data[order])


def _diagonals(value: Any) -> Any:
    """Return the diagonals by their offsets, with nothing in the corners of `data` that lie outside of the matrix."""
    import numpy

    order = numpy.argsort(value.offsets, kind="stable")
    offsets = numpy.asarray(value.offsets, numpy.int64)[order]
    rows = numpy.arange(value.data.shape[1]) - offsets[:, None]
    inside = (rows >= 0) & (rows < value.shape[0]) & (numpy.arange(value.data.shape[1]) < value.shape[1])
    return (offsets, numpy.where(inside, value.data[order], numpy.zeros((), value.dtype)))


ENTRIES = {
    "csr": _compressed,
    "csc": _compressed,
    "bsr": _compressed,
    "coo": _coordinates,
    "dok": lambda value: _coordinates(value.tocoo()),
    "lil": lambda value: _compressed(value.tocsr()),
    "dia": _diagonals,
}

# By the base of all of them: a dok_array is a dict, too, and would be taken for one first.
BY_NAME: dict[str, Rule] = {"_spbase": _sparse, "spmatrix": _sparse, "sparray": _sparse}
