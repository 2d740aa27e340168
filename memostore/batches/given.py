"""A batch as a function is given it: a list, tuple, array, series, index or tensor, and its elements."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from memostore.errors import InvalidArgument
from memostore.keys.naming import type_name

__all__ = ["Given", "contents_of", "given"]

# Where an array's element is its bytes: equal elements have equal bytes, and there is no padding between them.
PLAIN = frozenset("biufc")
LONG = frozenset("gG")  # a long double has padding


class Given:
    """A batch with its elements. `kind` is what counts of the container itself, for every element alike.

    `contents` are the elements' bytes, where these stand for the elements; `index` is a pandas series' index.
    """

    __slots__ = ("contents", "elements", "index", "kind", "length", "pick", "value")

    def __init__(
        self, value: Any, kind: tuple[Any, ...], elements: Sequence[Any], pick: Callable[[list[int]], Any],
        contents: list[bytes] | None = None, index: Any = None,
    ) -> None:  # fmt: skip
        self.value = value
        self.kind = kind
        self.elements = elements
        self.length = len(elements)
        self.pick = pick
        self.contents = contents
        self.index = index


def given(value: Any, parameter: str, function: str) -> Given:
    """Return the batch that a parameter was given; raise InvalidArgument for what is none."""
    kind = type(value)
    if kind is list or kind is tuple:
        elements = list(value)  # the function may change the one that it is given
        return Given(value, (kind.__name__,), elements, lambda places: kind([elements[place] for place in places]))
    read = _reader_of(kind)
    found: Given | None = read(value) if read is not None else None
    if found is None:
        raise InvalidArgument(
            f"{function}: {parameter}={_shown(value)} must be a list, a tuple, a NumPy array, a Series or Index, or a "
            f"tensor, whose elements are remembered one by one: {_remedy(value, parameter)}"
        )
    return found


def _reader_of(kind: type) -> Callable[[Any], Given | None] | None:
    for base in kind.__mro__:
        reader = READERS.get((base.__module__.partition(".")[0], base.__qualname__))
        if reader is not None:
            return reader
    return None


def _shown(value: Any) -> str:
    return repr(value) if type(value) in (str, int, float, bool, type(None)) else f"<{type(value).__qualname__}>"


def _remedy(value: Any, parameter: str) -> str:
    if isinstance(value, (str, bytes)):
        return f"give a list that holds the one text, [{parameter}]"
    if hasattr(type(value), "__iter__"):
        return "give list(...) of it"
    return f"give a list that holds the one element, [{parameter}]"


def _array(value: Any) -> Given | None:
    numpy = sys.modules["numpy"]
    if type(value) is not numpy.ndarray or not value.ndim:
        return None  # of subclasses, parts need not be what the whole is

    def pick(places: list[int]) -> Any:
        return value[places]

    dtype, shape = value.dtype, value.shape[1:]
    if dtype.kind == "U" and not shape:  # how long the longest of them is does not count for the others
        return Given(value, ("ndarray", "U"), value.tolist(), pick)
    kind = ("ndarray", dtype, shape)
    if dtype.kind in PLAIN and dtype.char not in LONG and dtype.isbuiltin == 1 and not dtype.metadata:
        return Given(value, kind, value if shape else value.tolist(), pick, contents_of(value))
    return Given(value, kind, value.tolist() if dtype.hasobject and not shape else list(value), pick)


def contents_of(array: Any) -> list[bytes]:
    """Return the bytes of each row of an array."""
    whole = memoryview(array.tobytes())
    size = len(whole) // max(1, len(array))
    if not size:
        return [b""] * len(array)
    return [bytes(whole[start : start + size]) for start in range(0, len(whole), size)]


def _series(value: Any) -> Given:
    kind = (type_name(type(value)), value.dtype, value.name, value.attrs)
    return Given(value, kind, list(value), lambda places: value.iloc[places], index=value.index)


def _index(value: Any) -> Given:
    return Given(value, (type_name(type(value)), value.dtype, list(value.names)), list(value), value.take)


def _polars_series(value: Any) -> Given:
    return Given(value, ("polars:Series", str(value.dtype), value.name), value.to_list(), value.gather)


def _tensor(value: Any) -> Given | None:
    if not value.dim():
        return None
    kind = ("torch:Tensor", str(value.dtype), tuple(value.shape[1:]), str(value.device), value.requires_grad)
    return Given(value, kind, list(value), lambda places: value[places])


READERS: dict[tuple[str, str], Callable[[Any], Given | None]] = {
    ("numpy", "ndarray"): _array,
    ("pandas", "Series"): _series,
    ("pandas", "Index"): _index,
    ("polars", "Series"): _polars_series,
    ("torch", "Tensor"): _tensor,
}
