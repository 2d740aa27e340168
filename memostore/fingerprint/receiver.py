"""A method's receiver without the records that the method keeps on it.

`self.calls += 1` changes the receiver at each call. Where a method only writes an attribute, and the rest of it uses
other attributes only, what the attribute holds can't reach the result, so it is left out of the key.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

from memostore.fingerprint.facts import facts_of
from memostore.fingerprint.records import RECORDS
from memostore.keys.state import Recorder

__all__ = ["receiver_view"]


def receiver_view(function: Any) -> Callable[[tuple[Any, ...]], tuple[Any, ...]] | None:
    """Return what takes the records off the first of a call's values, or None for a function that keeps none there."""
    if not isinstance(function, types.FunctionType) or not function.__code__.co_argcount:
        return None
    written, read = facts_of(function.__code__).receiver
    if not written:
        return None

    def view(values: tuple[Any, ...]) -> tuple[Any, ...]:
        left_out = _records_of(values[0], written, read)
        return (Recorder(values[0], left_out), *values[1:]) if left_out else values

    return view


def _reads_its_own_way(kind: type) -> bool:
    looks_up: Any = kind.__getattribute__
    return hasattr(kind, "__memo_key__") or hasattr(kind, "__getattr__") or looks_up is not object.__getattribute__


def _records_of(receiver: Any, written: frozenset[str], read: frozenset[str]) -> frozenset[str]:
    """Return the names of the receiver's records; none where a name that is read is a method or property of its class,
    which could read any attribute.
    """
    kind, attributes = type(receiver), getattr(receiver, "__dict__", None)
    if type(attributes) is not dict or any(hasattr(kind, name) for name in read) or _reads_its_own_way(kind):
        return frozenset()
    return frozenset(name for name in written if type(attributes.get(name)) in RECORDS)
