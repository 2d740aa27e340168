"""What a callable carries besides its code: closure cells, a bound receiver, a partial's arguments.

It belongs to the call, not to the code: it may be another the next time. It is looked at on every call, and encoded
again unless it is the same object as before and of a kind that can't change.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Iterator
from operator import is_
from typing import Any

from memostore.errors import UnkeyableArgument
from memostore.fingerprint.facts import facts_of
from memostore.fingerprint.live import CodeRule, RuleFor
from memostore.fingerprint.records import RECORDS
from memostore.fingerprint.units import DISPATCHING, closure_of
from memostore.keys.encoding import SCALARS, Encoder
from memostore.keys.inputs import InputState, noting
from memostore.keys.rules import rule_for

__all__ = ["Held", "innermost", "is_bound", "unfold"]

UNCHANGING = SCALARS | {bytes, types.BuiltinFunctionType, types.CodeType}
LARGE = 1 << 20  # bytes; an array or frame from here on is taken to be the same while it is the same object


class Held:
    """One thing that a callable carries. `required`: a call fails where it can't be keyed, as with an argument."""

    def __init__(self, name: str, get: Callable[[], Any], *, required: bool, written: bool = False) -> None:
        self.rule = CodeRule()
        self.name = name
        self.seen = True
        self._written = written
        self._get = get
        self.required = required
        self._last: Any = self  # nothing that `get` returns is this object
        self._encoded = b""
        self._behind: tuple[Any, ...] = ()
        self.inputs: list[InputState] = []

    def encoded(self, rules: RuleFor = rule_for) -> bytes:
        """Return the canonical bytes of what is there now. `rules` finds the rule of a type."""
        try:
            content = self._get()
        except ValueError:  # a cell whose variable has not been assigned yet
            return b"unset"
        if content is self._last and all(map(is_, self._behind, self._behind_of(content))):
            return self._encoded
        if self._written and type(content) in RECORDS:
            return b"written"
        encoded = self._encode(content, rules)
        self._last, self._encoded = (content, encoded) if _is_unchanging(content) else (self, encoded)
        self._behind = self._behind_of(content)
        return encoded

    def _behind_of(self, content: Any) -> tuple[Any, ...]:
        """Return what can change behind a function or class that stays the same object."""
        if isinstance(content, types.FunctionType):
            return self.rule.behind(content), content.__code__, content.__defaults__, content.__kwdefaults__
        return (self.rule.behind(content),) if isinstance(content, type) else ()

    def _encode(self, content: Any, rules: RuleFor) -> bytes:
        try:
            with noting() as self.inputs:
                return Encoder(self.rule.over(rules)).encode(content)
        except UnkeyableArgument as error:
            if self.required:
                raise UnkeyableArgument(f"{self.name}{error}") from error.__cause__
            self.seen = False
            return b"unkeyable"


def _is_unchanging(content: Any) -> bool:
    kind = type(content)
    if isinstance(content, type):
        return True
    if kind is types.FunctionType:
        defaults = (*(content.__defaults__ or ()), *(content.__kwdefaults__ or {}).values())
        return content.__closure__ is None and UNCHANGING.issuperset(map(type, defaults))
    return kind in UNCHANGING or (getattr(kind, "nbytes", None) is not None and content.nbytes >= LARGE)


def unfold(function: Any, rule: CodeRule) -> tuple[Any, list[Held]]:
    """Return the code that a callable runs in the end (a function, or something to be encoded as it is), and what
    it carries on the way there.
    """
    held: list[Held] = []
    while True:
        inner = _inner(function)
        if inner is None:
            break
        held += _carried(function)
        function = inner
    if isinstance(function, types.FunctionType):
        held += _cells(function)
    elif is_bound(function):  # a list's count, a generator's random: the receiver may change
        held.append(Held("__self__", functools.partial(getattr, function, "__self__"), required=True))
        function = getattr(type(function.__self__), function.__name__, function)
    for one in held:
        one.rule = rule
    return function, held


def _inner(function: Any) -> Any:
    """Return what a callable calls, or None for one that is code itself."""
    if isinstance(function, (types.FunctionType, types.BuiltinFunctionType, type)):
        return None
    if isinstance(function, types.MethodType):
        return function.__func__
    if isinstance(function, functools.partial):
        return function.func
    if hasattr(type(function), "cache_parameters"):  # functools.lru_cache, or a function memoized elsewhere
        return function.__wrapped__
    call = type(function).__call__
    return call if isinstance(call, types.FunctionType) else None


def innermost(function: Any) -> Any:
    """Return what a callable runs in the end. Nothing is parsed."""
    while (inner := _inner(function)) is not None:
        function = inner
    return function


def is_bound(function: Any) -> bool:
    """Say whether a function in C is bound to an object; those of a module or class, and of none, are not."""
    is_native = isinstance(function, (types.BuiltinFunctionType, types.MethodWrapperType))
    return is_native and not isinstance(function.__self__, (type, types.ModuleType, types.NoneType))


def _carried(function: Any) -> Iterator[Held]:
    if isinstance(function, types.MethodType):
        yield Held("__self__", lambda: function.__self__, required=True)
    elif isinstance(function, functools.partial):
        yield Held("partial", lambda: (function.args, function.keywords), required=True)
    elif not hasattr(type(function), "cache_parameters"):
        yield Held("self", lambda: function, required=True)


def _cells(function: types.FunctionType) -> Iterator[Held]:
    code = function.__code__
    if code is DISPATCHING:
        yield Held("registry", functools.partial(closure_of, function, frozenset()), required=False)
        return
    written = facts_of(code).written
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        get = functools.partial(getattr, cell, "cell_contents")
        yield Held(name, get, required=False, written=name in written)
