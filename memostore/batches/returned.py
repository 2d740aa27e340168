"""What a batch function returned, taken apart into one result for each element, and put together again.

An element of a list is stored as it is. An element of anything else is stored as a part: a plain tuple of PART, the
form of the whole, and the element. So the store's values can be read with `pickle.loads` alone.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from typing import Any

from memostore.batches.given import contents_of

__all__ = [
    "LIST", "Form", "Unfit", "Unlike", "element_of", "put_together", "stored", "taken_apart",
    "unwrapped",
]  # fmt: skip

PART = "memostore:part"

# What the whole was: a word, and what else has to be the same for all elements of one.
Form = tuple[Any, ...]

LIST: Form = ("list",)


class Unfit(Exception):
    """A result that is no sequence of results; the message says what to return instead."""


class Unlike(Exception):
    """Elements that can't be parts of one whole: their function's result for one depends on the others."""


def taken_apart(result: Any, index: Any, count: int) -> tuple[Form, list[Any]]:
    """Return the form of a result, and its elements; raise Unfit for what is no sequence of `count` elements.

    `index` is that of the pandas series that the function was given, or None.
    """
    kind = type(result)
    if kind is list or kind is tuple:
        return _counted((kind.__name__,), list(result), count)
    for base in kind.__mro__:
        take = TAKERS.get((base.__module__.partition(".")[0], base.__qualname__))
        if take is not None:
            return _counted(*take(result, index), count)
    raise Unfit(f"it returned {_named(result)}; {REMEDY}")


REMEDY = "return a list, a tuple, a NumPy array, a Series, a DataFrame or a tensor, with a result for each element"


def _named(result: Any) -> str:
    return "None" if result is None else f"a {type(result).__qualname__}"


def _counted(form: Form, values: list[Any], count: int) -> tuple[Form, list[Any]]:
    if len(values) != count:
        results = "1 result" if len(values) == 1 else f"{len(values)} results"
        raise Unfit(f"it returned {results} for {count} element{'s' * (count != 1)}; {REMEDY}, in their order")
    return form, values


def stored(form: Form, values: list[Any]) -> list[Any]:
    """Return what is stored of each element."""
    packed = _packed(form)
    return [value if form == LIST and not _is_part(value) else (PART, packed, value) for value in values]


def _packed(form: Form) -> Any:
    """Return the pickle of a form: one object to load for each element, instead of all that are in it."""
    try:
        return pickle.dumps(form, 5)
    except Exception:  # noqa: BLE001 # the name of a series may be anything; the store will say that it can't store it
        return form


def _unpacked(packed: Any) -> Form:
    form: Form = pickle.loads(packed) if type(packed) is bytes else packed
    return form


def _is_part(value: Any) -> bool:
    return type(value) is tuple and len(value) == 3 and type(value[0]) is str and value[0] == PART


def element_of(value: Any) -> Any:
    """Return the element that is stored as a value: of an array its row, of a DataFrame a tuple."""
    if not _is_part(value):
        return value
    form = _unpacked(value[1])
    return _restored(form, value[2])[()] if form[0] == "array" else value[2]


def unwrapped(values: list[Any]) -> tuple[Form, list[Any]]:
    """Return the form that stored elements have in common, and the elements; raise Unlike where there is none."""
    if tuple not in set(map(type, values)):
        return LIST, values
    if _is_part(values[0]) and (elements := _alike(values, values[0][1])) is not None:
        return _unpacked(values[0][1]), elements
    packed = [value[1] if _is_part(value) else None for value in values]
    known: dict[Any, Form] = {one: LIST if one is None else _unpacked(one) for one in set(packed)}
    form, *others = known.values()
    if any(other != form for other in others):
        return _merged([known[one] for one in packed], values)
    return form, [value[2] if _is_part(value) else value for value in values]


def _alike(values: list[Any], packed: Any) -> list[Any] | None:
    """Return the elements of values that are all parts of one form, as a rule they are, or None.

    `_is_part` stands here in full: 100,000 calls of it would be a tenth of what it takes to read as many values.
    """
    elements = [
        value[2]
        for value in values
        if type(value) is tuple and len(value) == 3
        and type(value[0]) is str and value[0] == PART and value[1] == packed
    ]  # fmt: skip
    return elements if len(elements) == len(values) else None


def _merged(forms: list[Form], values: list[Any]) -> tuple[Form, list[Any]]:
    """Return what forms that differ have in common: texts in arrays differ in length, an index may be either."""
    different = set(forms)
    words = {form[0] for form in different}
    if words == {"array"} and len({form[2] for form in different}) == 1:
        kinds = {form[1].lstrip("<>=|")[0] for form in different if isinstance(form[1], str)}
        if len(kinds) == 1 and kinds <= {"U", "S"} and all(isinstance(form[1], str) for form in different):
            return ("arrays", forms[0][2]), [element_of(value) for value in values]
    if words <= {"series", "frame"} and len({form[:-1] for form in different}) == 1:
        known = {form[-1] for form in different} - {EITHER}
        if len(known) == 1:
            return (*forms[0][:-1], known.pop()), [value[2] for value in values]
    raise Unlike(" and ".join(sorted(map(_told, different))[:2]))


def _told(form: Form) -> str:
    if form[0] == "array":
        return f"an array of {form[1]} of shape {form[2]} each"
    return f"a {form[0]}" + (f" of {form[1]}" if len(form) > 1 else "")


def put_together(form: Form, values: list[Any], index: Any) -> Any:
    """Return the whole that elements make, of a form; `index` is that of the series given to this call."""
    return MAKERS[form[0]](form, values, index)


# NumPy


def _take_array(result: Any, _: Any) -> tuple[Form, list[Any]]:
    numpy = sys.modules["numpy"]
    if type(result) is not numpy.ndarray or not result.ndim:
        raise Unfit(f"it returned {_array_named(result)}; {REMEDY}")
    shape = result.shape[1:]
    if result.dtype.hasobject:
        return ("objects", shape), (result.tolist() if not shape else list(result))
    dtype = result.dtype
    is_plain = (dtype.isbuiltin == 1 and not dtype.metadata) or dtype.kind in "US"
    return ("array", dtype.str if is_plain else dtype, shape), contents_of(result)


def _array_named(result: Any) -> str:
    return f"a {type(result).__qualname__}" + " without a length" * (not result.ndim)


def _restored(form: Form, content: bytes) -> Any:
    import numpy

    return numpy.frombuffer(content, form[1]).reshape(form[2])


def _make_array(form: Form, values: list[Any], _: Any) -> Any:
    import numpy

    return numpy.frombuffer(bytearray().join(values), form[1]).reshape(len(values), *form[2])


def _make_arrays(_: Form, values: list[Any], __: Any) -> Any:
    import numpy

    return numpy.stack(values)


def _make_objects(form: Form, values: list[Any], _: Any) -> Any:
    import numpy

    made = numpy.empty((len(values), *form[1]), object)
    for place, value in enumerate(values):
        made[place] = value
    return made


# pandas. Whose index a result has: that of the series given to the call, a plain range, or it can't be told.

GIVEN, RANGE, EITHER = "given", "range", "either"


def _index_of(result: Any, index: Any) -> str:
    pandas = sys.modules["pandas"]
    plain = result.index.equals(pandas.RangeIndex(len(result))) and result.index.name is None
    same = index is not None and result.index.equals(index) and result.index.names == index.names
    if not (plain or same):
        raise Unfit("it returned an index of its own; return one that is indexed as what it was given, or not at all")
    if index is None:
        return RANGE
    return EITHER if plain and same else GIVEN if same else RANGE


def _make_index(whose: str, index: Any) -> Any:
    return None if whose == RANGE else index


def _take_series(result: Any, index: Any) -> tuple[Form, list[Any]]:
    return ("series", result.dtype, result.name, _index_of(result, index)), list(result)


def _make_series(form: Form, values: list[Any], index: Any) -> Any:
    import pandas  # type: ignore[import-untyped]

    return pandas.Series(values, dtype=form[1], name=form[2], index=_make_index(form[-1], index))


def _take_frame(result: Any, index: Any) -> tuple[Form, list[Any]]:
    columns = result.columns
    if columns.nlevels > 1 or not columns.is_unique:
        raise Unfit("it returned a DataFrame whose columns have levels or equal names; return one with plain columns")
    form = ("frame", tuple(columns), columns.name, tuple(result.dtypes), _index_of(result, index))
    return form, list(zip(*(list(result[name]) for name in columns), strict=True)) or [()] * len(result)


def _make_frame(form: Form, values: list[Any], index: Any) -> Any:
    import pandas

    _, names, name, dtypes, whose = form
    index = pandas.RangeIndex(len(values)) if whose == RANGE or index is None else index
    columns = zip(*values, strict=True) if names else ()
    series = [
        pandas.Series(column, dtype=dtype, index=index) for column, dtype in zip(columns, dtypes, strict=bool(values))
    ]
    frame = pandas.concat(series, axis=1) if series else pandas.DataFrame(index=index)
    frame.columns = pandas.Index(names, name=name)
    return frame


# polars and PyTorch


def _take_polars(result: Any, _: Any) -> tuple[Form, list[Any]]:
    return ("polars series", str(result.dtype), result.dtype, result.name), result.to_list()


def _make_polars(form: Form, values: list[Any], _: Any) -> Any:
    import polars

    return polars.Series(form[3], values, dtype=form[2])


def _take_tensor(result: Any, _: Any) -> tuple[Form, list[Any]]:
    if not result.dim():
        raise Unfit(f"it returned a tensor without a length; {REMEDY}")
    if result.requires_grad:
        raise Unfit("it returned a tensor that is part of a graph; return result.detach()")
    return ("tensor", str(result.dtype), tuple(result.shape[1:]), str(result.device)), [
        row.cpu().clone() for row in result
    ]


def _make_tensor(form: Form, values: list[Any], _: Any) -> Any:
    import torch  # type: ignore[import-not-found, unused-ignore]

    return torch.stack(values).to(form[3])


TAKERS: dict[tuple[str, str], Callable[[Any, Any], tuple[Form, list[Any]]]] = {
    ("numpy", "ndarray"): _take_array,
    ("pandas", "Series"): _take_series,
    ("pandas", "DataFrame"): _take_frame,
    ("polars", "Series"): _take_polars,
    ("torch", "Tensor"): _take_tensor,
}

MAKERS: dict[str, Callable[[Form, list[Any], Any], Any]] = {
    "list": lambda _, values, __: values,
    "tuple": lambda _, values, __: tuple(values),
    "array": _make_array,
    "arrays": _make_arrays,
    "objects": _make_objects,
    "series": _make_series,
    "frame": _make_frame,
    "polars series": _make_polars,
    "tensor": _make_tensor,
}
