"""Rules for pandas: frames, series, indexes and their arrays by what they show, whatever their blocks and history.

Equal are a frame in one block and in many; a RangeIndex and the same numbers written out; a MultiIndex with and without
levels that nothing uses any more; a sparse array whose positions are kept one by one or in runs. All of these come and
go with the way a frame was made. What a user sets counts: names, dtypes with their units, zones and storage, a
category's order, an index's frequency, `attrs`, flags, and attributes that a subclass names in `_metadata`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from memostore.keys import pyarrow as arrow
from memostore.keys.encoding import Rule, Walk
from memostore.keys.libraries import ITSELF, encode_data, is_of
from memostore.keys.naming import type_name
from memostore.keys.state import State

__all__ = ["rule_for"]


def rule_for(base: type) -> Rule | None:
    """Return the rule of one of pandas's classes and of its subclasses, or None where a base may have one."""
    return BY_NAME.get(base.__qualname__)


def _frame(value: Any) -> Walk:
    columns = [value.iloc[:, position] for position in range(value.shape[1])]  # `items` would fill the frame's cache
    labelled = ((f".iloc[:, {position}]", _column(column.array)) for position, column in enumerate(columns))
    axes = ((".columns", _index_parts(value.columns)), (".index", _index_parts(value.index)))
    return _labelled(value, (*axes, *labelled))


def _series(value: Any) -> Walk:
    parts = ((".name", value.name), (".index", _index_parts(value.index)), (".array", _column(value.array)))
    return _labelled(value, parts)


def _labelled(value: Any, parts: Iterable[tuple[str, Any]]) -> Walk:
    children = [((step, ""), part) for step, part in parts]
    own = {name: getattr(value, name, None) for name in value._metadata if name not in ("name", "_name")}
    # What pandas itself keeps in an object's dictionary begins with an underscore.
    own.update((name, item) for name, item in vars(value).items() if not name.startswith("_"))
    attributes = (value.attrs, own, value.flags.allows_duplicate_labels)
    return encode_data(b"F", type(value), "pandas", *children, ((".attrs", ""), attributes))


def _index(value: Any) -> Walk:
    import pandas  # type: ignore[import-untyped]

    kind = type(value)
    return encode_data(b"I", pandas.Index if is_of(kind, "pandas") else kind, "pandas", (ITSELF, _index_parts(value)))


def _index_parts(index: Any) -> Any:
    """Return an index as plain parts."""
    if index.nlevels > 1:
        return [_index_parts(index.get_level_values(level)) for level in range(index.nlevels)]
    return (index.name, getattr(index, "freq", None), _column(index.array))


def _column(array: Any) -> Any:
    """Return a pandas array as plain parts: its dtype, and what holds its content."""
    import pandas

    kinds = pandas.arrays
    if isinstance(array, pandas.Categorical):
        return ("category", array.ordered, array.codes, _column(array.categories.array))
    if type(array) is kinds.NumpyExtensionArray:  # its subclasses hold texts, of more than one dtype
        return array.to_numpy()
    if isinstance(array, (kinds.DatetimeArray, kinds.TimedeltaArray, kinds.PeriodArray)):
        # The zone by itself: two zones may have one name.
        return (str(array.dtype), getattr(array.dtype, "tz", None), array.asi8)
    if isinstance(array, kinds.IntervalArray):
        return (str(array.dtype), _column(array.left.array), _column(array.right.array))
    if isinstance(array, kinds.SparseArray):
        return (str(array.dtype), array.fill_value, len(array), array.sp_index.indices, _plain(array.sp_values))
    return (*_dtype_parts(array.dtype), _extension_content(array))


def _plain(values: Any) -> Any:
    return values if hasattr(values, "strides") else _column(values)


def _dtype_parts(dtype: Any) -> tuple[Any, ...]:
    """Return a nullable or other extension dtype's name and, of texts, how they are held: methods differ by that."""
    return (str(dtype), type_name(type(dtype)), getattr(dtype, "storage", None), getattr(dtype, "na_value", None))


def _extension_content(array: Any) -> Any:
    """Return (values, missing) for nullable and other extension arrays: what lies under a mask does not count."""
    import numpy

    # Apache Arrow's arrays are those of pandas' own dtypes that are held so, and no others that could be converted.
    if hasattr(array.dtype, "pyarrow_dtype") or getattr(array.dtype, "storage", None) == "pyarrow":
        return arrow.column_parts(array.__arrow_array__())
    missing = numpy.asarray(array.isna())
    if hasattr(type(array.dtype), "numpy_dtype"):  # of the masked ones; asking the dtype itself would fill its cache
        plain = array.dtype.type
        return (array.to_numpy(dtype=plain, na_value=plain(0)), missing)
    values = array.to_numpy(dtype=object)
    return (numpy.where(missing, None, values) if missing.any() else values, missing)


def _extension_array(value: Any) -> Walk:
    return encode_data(b"I", type(value), "pandas", (ITSELF, _column(value)))


def _dtype(value: Any) -> Walk:
    attributes = {name: item for name, item in vars(value).items() if name != "_cache"}
    return encode_data(b"I", type(value), "pandas", (ITSELF, str(value)), (ITSELF, State(attributes)))


BY_NAME: dict[str, Rule] = {
    "DataFrame": _frame,
    "Series": _series,
    "Index": _index,
    "ExtensionArray": _extension_array,
    "ExtensionDtype": _dtype,
}
