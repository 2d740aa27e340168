"""Rules for NumPy and pandas: by dtype, shape and content, whatever the strides, blocks, caches or index history."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from memostore.digest import digest_buffer
from memostore.keys.encoding import Rule, Unkeyable, Walk, encode_tagged
from memostore.keys.naming import type_name
from memostore.keys.state import encode_object

__all__ = ["rule_for"]

X87_MANTISSA = 63  # bits; a long double of 80 bits in 16 bytes


def rule_for(kind: type) -> Rule:
    """Return the rule of a type whose nearest library base is NumPy's or pandas'."""
    for base in kind.__mro__:
        rule = BY_NAME.get(f"{base.__module__.partition('.')[0]}.{base.__qualname__}")
        if rule is not None:
            return rule
    return encode_object


def _array(value: Any) -> Walk:
    import numpy

    # A memmap is an array that happens to lie in a file; other subclasses (masked, matrix) behave differently.
    kind = type(value)
    is_plain = kind is numpy.ndarray or kind is numpy.memmap
    plain = value.view(numpy.ndarray)
    return encode_tagged(
        b"N", "numpy.ndarray" if is_plain else type_name(kind),
        ((".dtype", ""), _dtype_parts(plain.dtype)), ((".shape", ""), plain.shape), (("{}", ""), _content(plain)),
        ((".__dict__", ""), None if is_plain else _array_attributes(value)),
    )  # fmt: skip


def _array_attributes(value: Any) -> Any:
    import numpy

    if isinstance(value, numpy.ma.MaskedArray):
        return (numpy.ma.getmaskarray(value), value.fill_value, value.hardmask)
    return getattr(value, "__dict__", None)


def _dtype_parts(dtype: Any) -> Any:
    """Return a dtype as text, or for records as the names, dtypes and shapes of its fields."""
    if dtype.subdtype is not None:
        return (_dtype_parts(dtype.base), dtype.shape)
    return dtype.str if dtype.names is None else [(name, _dtype_parts(dtype[name])) for name in dtype.names]


def _content(array: Any) -> Any:
    """Return what stands for an array's content: a digest of its bytes, or its objects as a list."""
    import numpy

    if array.dtype.names is not None:  # field by field: the padding between fields is never initialised
        return [_content(array[name]) for name in array.dtype.names]
    if array.dtype.hasobject or array.dtype.kind == "T":
        return array.ravel().tolist()
    raw = numpy.ascontiguousarray(array).reshape(-1).view(numpy.uint8)
    if array.dtype.char in "gG" and numpy.finfo(array.dtype).nmant == X87_MANTISSA:
        raw = numpy.ascontiguousarray(raw.reshape(-1, 16)[:, :10]).reshape(-1)  # the other six bytes are padding
    return digest_buffer(raw) if raw.size else b""


def _numpy_scalar(value: Any) -> Walk:
    import numpy

    content = _content(numpy.asarray(value))
    return encode_tagged(b"n", "numpy", ((".dtype", ""), _dtype_parts(value.dtype)), (("{}", ""), content))


def _ufunc(value: Any) -> bytes:
    import numpy

    name = str(value.__name__)
    if getattr(numpy, name, None) is not value:  # made of a Python function, which it does not show
        raise Unkeyable("a ufunc that is not NumPy's own can't be keyed")
    return b"u" + name.encode()


def _dtype(value: Any) -> Walk:
    layout = value.fields and [(name, field[1:]) for name, field in value.fields.items()]
    return encode_tagged(b"n", "numpy.dtype", (("{}", ""), (_dtype_parts(value), layout, value.itemsize)))


def _frame(value: Any) -> Walk:
    columns = [value.iloc[:, position] for position in range(value.shape[1])]
    labelled = ((f".iloc[:, {position}]", _column(column.array)) for position, column in enumerate(columns))
    axes = ((".columns", _index_parts(value.columns)), (".index", _index_parts(value.index)))
    return _labelled(value, (*axes, *labelled))


def _series(value: Any) -> Walk:
    parts = ((".name", value.name), (".index", _index_parts(value.index)), (".array", _column(value.array)))
    return _labelled(value, parts)


def _labelled(value: Any, parts: Iterable[tuple[str, Any]]) -> Walk:
    children = [((step, ""), part) for step, part in parts]
    own = {name: getattr(value, name, None) for name in value._metadata if name not in ("name", "_name")}
    flags = value.flags.allows_duplicate_labels
    return encode_tagged(b"F", type_name(type(value)), *children, ((".attrs", ""), (value.attrs, own, flags)))


def _index(value: Any) -> Walk:
    return encode_tagged(b"I", "pandas.Index", (("{}", ""), _index_parts(value)))


def _index_parts(index: Any) -> Any:
    """Return an index as plain parts. A RangeIndex equals the same numbers written out."""
    if index.nlevels > 1:
        return [_index_parts(index.get_level_values(level)) for level in range(index.nlevels)]
    return (index.name, getattr(index, "freqstr", None), _column(index.array))


def _column(array: Any) -> Any:
    """Return a pandas array as plain parts: its dtype's name, and what holds its content."""
    import pandas  # type: ignore[import-untyped]

    if isinstance(array, pandas.Categorical):
        return ("category", array.ordered, array.codes, _column(array.categories.array))
    if type(array) is pandas.arrays.NumpyExtensionArray:  # its subclasses hold texts, of more than one dtype
        return array.to_numpy()
    if isinstance(array, (pandas.arrays.DatetimeArray, pandas.arrays.TimedeltaArray, pandas.arrays.PeriodArray)):
        return (str(array.dtype), array.asi8)
    if isinstance(array, pandas.arrays.IntervalArray):
        return (str(array.dtype), _column(array.left.array), _column(array.right.array))
    return (str(array.dtype), _with_mask(array))


def _with_mask(array: Any) -> Any:
    """Return (values, missing) for nullable and other extension arrays: what lies under a mask does not count."""
    import numpy

    missing = numpy.asarray(array.isna())
    dtype = getattr(array.dtype, "numpy_dtype", None)
    if dtype is not None and dtype.kind in "iufb":
        return (array.to_numpy(dtype=dtype, na_value=dtype.type(0)), missing)
    values = array.to_numpy(dtype=object)
    return (numpy.where(missing, None, values) if missing.any() else values, missing)


def _extension_array(value: Any) -> Walk:
    return encode_tagged(b"I", type_name(type(value)), (("{}", ""), _column(value)))


BY_NAME: dict[str, Rule] = {
    "numpy.ndarray": _array,
    "numpy.generic": _numpy_scalar,
    "numpy.dtype": _dtype,
    "numpy.ufunc": _ufunc,
    "pandas.DataFrame": _frame,
    "pandas.Series": _series,
    "pandas.Index": _index,
    "pandas.ExtensionArray": _extension_array,
}
