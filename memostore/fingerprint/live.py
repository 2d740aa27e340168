"""The code behind functions and classes that are given as arguments, remembered for as long as it stays what it is."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any, NamedTuple

from memostore.digest import digest
from memostore.fingerprint.reach import reach_of
from memostore.fingerprint.units import Unit
from memostore.fingerprint.watch import Watch
from memostore.keys.encoding import CodeOf, Rule

__all__ = ["CodeRule", "RuleFor", "code_behind"]

KEPT = 2048  # functions and classes; those that a program makes as it goes would pile up


RuleFor = Callable[[type], Rule]


class CodeRule:
    """How much of the code behind a function's arguments counts, which is as much as of its own."""

    def __init__(self, level: str = "deep", ignored: tuple[Any, ...] = ()) -> None:
        self._level = level
        self._ignored = ignored

    def behind(self, owner: Any) -> bytes:
        """Return what counts of the code of a function, class or module."""
        return code_behind(owner, self._ignored) if self._level == "deep" else b""

    def over(self, rules: RuleFor) -> RuleFor:
        """Return the rules by which arguments are keyed, of which `rules` are all but the one for code."""
        if self._level == "deep" and not self._ignored:
            return rules
        return lambda kind: self._rule if kind is CodeOf else rules(kind)

    def _rule(self, marker: CodeOf) -> bytes:
        return self.behind(marker.owner)


class _Behind(NamedTuple):
    owner: tuple[Any, ...]  # kept, so that no other object takes its id
    encoded: bytes
    watch: Watch


_KNOWN: dict[tuple[int, ...], _Behind] = {}


def code_behind(owner: Any, ignored: tuple[Any, ...] = ()) -> bytes:
    """Return the digest of all of the user's own code that a function's code, a class or a module reaches now."""
    is_function = isinstance(owner, types.FunctionType)
    parts = (owner.__code__, owner.__globals__, *ignored) if is_function else (owner, None, *ignored)
    number = tuple(map(id, parts))
    known = _KNOWN.get(number)
    if known is None or known.watch.changed():
        reach, encoded = reach_of(Unit(owner) if is_function else owner, ignored)
        if len(_KNOWN) >= KEPT:
            _KNOWN.clear()
        _KNOWN[number] = known = _Behind(parts, digest(encoded), reach.watch)
    return known.encoded
