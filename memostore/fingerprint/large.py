"""Large arrays and frames among a function's globals: encoded once in a process, for as long as they live."""

from __future__ import annotations

import math
import weakref
from contextlib import suppress
from typing import Any

from memostore.fingerprint.watch import BYTES_AT_MOST

__all__ = ["known", "remember"]

CELL = 8  # bytes; a frame tells its shape only

_KNOWN: dict[int, tuple[weakref.ref[Any], bytes]] = {}


def known(value: Any) -> bytes | None:
    """Return the bytes of a large value that has been encoded before. One that was changed in place is not noticed."""
    found = _KNOWN.get(id(value))
    return found[1] if found is not None and found[0]() is value else None


def remember(value: Any, encoded: bytes) -> None:
    """Remember the bytes of a value, if it is too large to be compared at every call."""
    if _size_of(value) <= BYTES_AT_MOST:
        return
    number = id(value)
    with suppress(TypeError):  # of a kind that has no weak references
        _KNOWN[number] = weakref.ref(value, lambda _: _KNOWN.pop(number, None)), encoded


def _size_of(value: Any) -> int:
    if not hasattr(type(value), "__array__"):
        return 0
    size = getattr(value, "nbytes", None)
    return size if isinstance(size, int) else CELL * math.prod(getattr(value, "shape", (0,)))
