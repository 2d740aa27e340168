"""Rules for polars: by names, dtypes, length and values, whatever the chunks, flags, and what lies under a null.

This goes through polars alone: neither pyarrow nor NumPy need be there, and the key does not tell whether they are.
"""

from __future__ import annotations

import array
from typing import Any

from memostore.digest import digest_buffer
from memostore.keys.encoding import Rule, Unkeyable, Walk, encode_tagged
from memostore.keys.libraries import ITSELF, encode_data

__all__ = ["rule_for"]

# The letters of `array` for the dtypes whose values lie in memory as numbers that it knows.
NUMBERS = {
    "Int8": "b", "Int16": "h", "Int32": "i", "Int64": "q", "UInt8": "B", "UInt16": "H", "UInt32": "I", "UInt64": "Q",
    "Float32": "f", "Float64": "d",
}  # fmt: skip

PYTHON_FUNCTION = b"PLPYFN"  # how polars marks a pickled function among an expression's bytes


def rule_for(base: type) -> Rule | None:
    """Return the rule of one of polars's classes and of its subclasses, or None where a base may have one."""
    return BY_NAME.get(base.__qualname__)


def _frame(value: Any) -> Walk:
    columns = [(("[{!r}]", column.name), (column.name, _column(column))) for column in value.get_columns()]
    return encode_data(b"p", type(value), "polars", ((".height", ""), value.height), *columns, _added(value))


def _series(value: Any) -> Walk:
    return encode_data(
        b"p", type(value), "polars", ((".name", ""), value.name), (ITSELF, _column(value)), _added(value)
    )


def _added(value: Any) -> Any:
    """Return the step to the attributes that are not polars' own, whose names begin with an underscore."""
    attributes = {name: item for name, item in vars(value).items() if not name.startswith("_")}
    return ((".__dict__", ""), attributes or None)


def _column(series: Any) -> tuple[Any, ...]:
    """Return a series as plain parts: dtype, length, which values are there, and these."""
    dtype = (repr(series.dtype), repr(getattr(series.dtype, "categories", None)))
    if not series.null_count():
        return (dtype, len(series), None, _values(series))
    present = series.is_not_null()
    return (dtype, len(series), _numbers(_bytes_of(present)), _values(series.filter(present)))


def _bytes_of(booleans: Any) -> Any:
    import polars  # type: ignore[import-not-found, unused-ignore]

    return booleans.cast(polars.UInt8)


def _values(series: Any) -> Any:
    """Return what stands for the values of a series without nulls."""
    import polars

    name = type(series.dtype).__name__ if isinstance(series.dtype, polars.DataType) else series.dtype.__name__
    if name in COMPOUND:
        return COMPOUND[name](series)
    if series.dtype == polars.Boolean:
        return _numbers(_bytes_of(series))
    physical = series.to_physical()
    if str(physical.dtype) in NUMBERS:
        return _numbers(physical)
    return physical.to_list()


def _numbers(series: Any) -> bytes:
    """Return the digest of numbers: with NumPy in place, else by way of Python's numbers, which gives the same."""
    try:
        numbers = series.rechunk().to_numpy()
    except ModuleNotFoundError:
        numbers = array.array(NUMBERS[str(series.dtype)], series.to_list())
    return digest_buffer(memoryview(numbers).cast("B") if len(numbers) else b"")


def _texts(series: Any) -> Any:
    import polars

    texts = series.cast(polars.String)  # of categories: their numbers depend on which were met first
    return (_numbers(texts.str.len_bytes()), digest_buffer("".join(texts.to_list()).encode()))


def _binary(series: Any) -> Any:
    return (_numbers(series.bin.size()), digest_buffer(b"".join(series.to_list())))


def _lists(series: Any) -> Any:
    lengths = series.list.len()
    return (_numbers(lengths), _column(series.filter(lengths > 0).explode()))


def _arrays(series: Any) -> Any:
    return _column(series.explode()) if series.dtype.size and len(series) else None


def _structs(series: Any) -> Any:
    return [_column(series.struct.field(name)) for name in series.struct.fields]


def _expression(value: Any) -> Walk:
    serialized = value.meta.serialize()
    if PYTHON_FUNCTION in serialized:
        raise Unkeyable("a polars expression with a Python function in it can't be keyed: pass the function")
    return encode_tagged(b"p", "polars.Expr", (ITSELF, serialized))


def _plan(_: Any) -> Walk:
    raise Unkeyable("a LazyFrame, which may read files when it runs, can't be keyed: pass what its collect() gives")


COMPOUND = {
    "String": _texts, "Categorical": _texts, "Enum": _texts, "Binary": _binary,
    "List": _lists, "Array": _arrays, "Struct": _structs,
}  # fmt: skip

BY_NAME: dict[str, Rule] = {
    "DataFrame": _frame,
    "Series": _series,
    "Expr": _expression,
    "LazyFrame": _plan,
}
