"""The keys of a batch's elements: that of a call with one element, taken for all of them at once."""

from __future__ import annotations

import itertools
import marshal
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from memostore.digest import digest_each, digest_parts
from memostore.keys.call import call_key
from memostore.keys.encoding import SCALARS, Rule

__all__ = ["content_keys", "element_keys", "element_prefix"]


def element_prefix(prefix: bytes, place: int) -> bytes:
    """Return what stands for a function, remembered by the elements of one of its parameters, in all their keys.

    It is never the prefix of whole calls: those of the same function, with one element, have other results.
    """
    return digest_parts(b"e", [prefix, place.to_bytes(4, "little")])


def element_keys(
    base: bytes, elements: Sequence[Any], parameter: str, function: str, rules: Callable[[type], Rule]
) -> list[bytes]:
    """Return the key of each element. `base` is the 32-byte key of all that they have in common.

    The rest is for the message of the UnkeyableArgument that is raised where an element can't be keyed. The keys are
    those that `call_key` takes of each element by itself; where all are plain scalars, this takes a third of the time.
    """
    if SCALARS.issuperset(map(type, elements)):
        return digest_each(base, map(marshal.dumps, zip(elements, strict=True), itertools.repeat(2)))
    keys = []
    for place, element in enumerate(elements):
        keys.append(call_key(base, (element,), (f"{parameter}[{place}]",), function, rules))
    return keys


def content_keys(base: bytes, contents: Iterable[bytes]) -> list[bytes]:
    """Return the key of each element of an array, by its bytes."""
    return digest_each(base + b"=", contents)
