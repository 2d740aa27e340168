"""Defaults of parameters that change: `def f(x, seen=[])`, where each call that appends makes the next another call.

A default is a part of the key by what it holds at the call. But a function that changes its own default would do it
again at the next call, and a stored result does not: such a result is not stored. One that has changed between two
calls makes a miss of what looks like a hit. Both are told once, with the remedy.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from typing import Any, NamedTuple

from memostore.digest import digest
from memostore.errors import UnkeyableArgument
from memostore.keys.encoding import SCALARS, Encoder, Rule
from memostore.keys.inputs import Env, File, InputState

__all__ = ["Default", "Defaults"]

# A file that is a default is meant to change.
UNCHANGING = SCALARS | {bytes, range, types.FunctionType, types.BuiltinFunctionType, types.ModuleType, File, Env}


class Default(NamedTuple):
    """A default that can change, as something that a call reads, beside files and variables."""

    name: str
    value: Any
    rules: Callable[[type], Rule]

    @property
    def label(self) -> str:
        """What messages call it."""
        return (
            f"the default of {self.name!r} (write {self.name}=None and make it inside the function, or leave it out of "
            f"the key with ignore=[{self.name!r}])"
        )

    def state(self) -> InputState:
        """Return what it holds now."""
        try:
            content = digest(Encoder(self.rules).encode(self.value))
        except UnkeyableArgument:  # a call that uses it is refused, and says why
            content = b""
        source: Any = self
        return InputState(source, content, None, {})


class Defaults:
    """The defaults of one function that can change, and what they held when they were looked at last.

    >>> def f(x, seen=[], n=0): pass
    >>> list(Defaults(inspect.signature(f), ("x", "seen", "n")).watched)
    ['seen']
    """

    def __init__(self, signature: inspect.Signature, names: tuple[str, ...]) -> None:
        """`names` are the parameters that have a part in the key, by their content."""
        given = {name: p.default for name, p in signature.parameters.items() if p.default is not p.empty}
        self.watched = {name: value for name, value in given.items() if name in names and _can_change(value)}
        self._last: list[InputState] = []

    def now(self, store: Any, version: Any) -> list[InputState]:
        """Return what they hold now; have the store advise, once, who changes one between calls."""
        if not self.watched:
            return []
        now = [Default(name, value, store.rule_for).state() for name, value in self.watched.items()]
        for before, state in zip(self._last, now, strict=False):  # nothing was before the first call
            if before.content != state.content:
                advice = f"{state.source.label} is not what it was at an earlier call, so that no call is as before"
                store.advise(version, "changed", advice)
        self._last = now
        return now


def _can_change(value: Any) -> bool:
    if type(value) in (tuple, frozenset):
        return any(map(_can_change, value))
    return type(value) not in UNCHANGING and not isinstance(value, type)
