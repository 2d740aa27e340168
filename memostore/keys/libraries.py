"""What the rules of all libraries share: how a library's class is named, and what a user has added to its objects.

A library's own class of data (a frame, an array) stands in a key by a name that does not change when the library is
upgraded or moves the class: the data counts. A user's subclass stands by its name and its code, as any user's class.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from memostore.keys.encoding import Step, Walk, encode_tagged
from memostore.keys.state import encode_instance

__all__ = ["ITSELF", "added_attributes", "encode_data", "is_of", "library_name"]

ITSELF: Step = ("{}", "")  # a child that messages need not name


def encode_data(tag: bytes, kind: type, library: str, *children: tuple[Step, Any]) -> Walk:
    """Encode a value of a library's type, or of a user's subclass of it."""
    if is_of(kind, library):
        return encode_tagged(tag, library_name(kind), *children)
    return encode_instance(tag, kind, *children)


def is_of(kind: type, library: str) -> bool:
    """Return whether a class is a library's own.

    >>> import fractions
    >>> is_of(fractions.Fraction, "fractions")
    True
    """
    return kind.__module__.partition(".")[0] == library


def library_name(kind: type) -> str:
    """Return a library's class by the library's name and its own: which module holds it is the library's affair.

    >>> import concurrent.futures
    >>> library_name(concurrent.futures.Future)
    'concurrent.Future'
    """
    return f"{kind.__module__.partition('.')[0]}.{kind.__qualname__}"


def added_attributes(value: Any, own: Collection[str]) -> dict[str, Any] | None:
    """Return the attributes that are not among the library's own names, or None where there are none."""
    attributes = getattr(value, "__dict__", None) or {}
    added = {name: item for name, item in attributes.items() if name not in own}
    return added or None
