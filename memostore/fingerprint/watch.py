"""Whether what a fingerprint was made of is still what it was: checked at every call, so by identities alone.

A name that leads to another object, a function with other code, a class with another attribute, a small mutable value
with other content: each makes the fingerprint be taken anew. What is large is looked at once.
"""

from __future__ import annotations

import collections
import re
import types
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from contextvars import ContextVar
from itertools import chain, islice
from operator import attrgetter, is_, itemgetter
from typing import Any

from memostore.keys.encoding import SCALARS
from memostore.keys.inputs import InputState

__all__ = ["BYTES_AT_MOST", "UNSET", "Watch", "held_by"]

PARTS_AT_MOST = 250  # of a mutable value that are compared at every call: 0.1 µs each
BYTES_AT_MOST = 1 << 16  # of an array that is compared at every call

code_of = attrgetter("__code__")
defaults_of = attrgetter("__defaults__")
UNSET = object()  # what a context variable that nobody has set holds

Namespace = Mapping[str, Any]


class Watch:
    """Everything that one fingerprint was made of."""

    def __init__(self) -> None:
        self._names: dict[int, tuple[Namespace, dict[str, Any]]] = {}
        self._absent: dict[int, tuple[Namespace, set[str]]] = {}
        self._sizes: list[tuple[Namespace, int]] = []
        self._functions: list[types.FunctionType] = []
        self._variables: list[tuple[ContextVar[Any], Any]] = []
        self._values: dict[int, tuple[Any, list[Any]]] = {}
        self._checks: list[tuple[Any, Namespace, tuple[Any, ...]]] | None = None
        self._codes: list[types.CodeType] = []
        self._with_defaults: list[types.FunctionType] = []
        self._defaults: list[tuple[Any, ...]] = []
        self._cells: list[tuple[types.CellType, Any]] = []
        self.inputs: list[InputState] = []

    def name(self, namespace: Namespace, name: str, value: Any) -> None:
        """Watch what a name in a namespace leads to."""
        self._names.setdefault(id(namespace), (namespace, {}))[1][name] = value

    def absent(self, namespace: Namespace, name: str) -> None:
        """Watch that a namespace does not have a name, such as one that a built-in stands behind."""
        self._absent.setdefault(id(namespace), (namespace, set()))[1].add(name)

    def attributes(self, owner: type, names: Iterable[str]) -> None:
        """Watch the attributes of a class."""
        namespace = vars(owner)
        for name in names:
            self.name(namespace, name, namespace[name])
        self._sizes.append((namespace, len(namespace)))

    def function(self, function: types.FunctionType) -> None:
        """Watch the parts of a function: reloaders put in another code, and cells get another content."""
        self._functions.append(function)
        self._codes.append(function.__code__)
        if function.__defaults__:
            self._with_defaults.append(function)
            self._defaults.append(function.__defaults__)
        if function.__kwdefaults__:
            self.value(function.__kwdefaults__)
        for cell in function.__closure__ or ():
            with suppress(ValueError):  # not assigned yet
                self._cells.append((cell, cell.cell_contents))

    def variable(self, variable: ContextVar[Any]) -> None:
        """Watch what a context variable holds for the code that runs."""
        self._variables.append((variable, held_by(variable)))

    def input(self, state: InputState) -> None:
        """Watch a file or an environment variable."""
        self.inputs.append(state)

    def value(self, value: Any) -> None:
        """Watch the content of a mutable value."""
        if id(value) not in self._values:
            with suppress(Exception):  # its attributes can't be read
                self._values[id(value)] = (value, atoms(value))

    def changed(self) -> bool:
        """Say whether any of it is not what it was."""
        checks = self._compiled() if self._checks is None else self._checks
        return not (
            all(map(self._holds, checks))
            and (not self._absent or all(ns.keys().isdisjoint(names) for ns, names in self._absent.values()))
            and (not self._sizes or all(len(namespace) == size for namespace, size in self._sizes))
            and (not self._functions or all(map(is_, map(code_of, self._functions), self._codes)))
            and (not self._defaults or all(map(is_, map(defaults_of, self._with_defaults), self._defaults)))
            and (not self._cells or all(_holds_still(*pair) for pair in self._cells))
            and (not self._variables or all(held_by(variable) is value for variable, value in self._variables))
            and (not self._values or all(_is_still(value, parts) for value, parts in self._values.values()))
            and (not self.inputs or all(state.holds() for state in self.inputs))
        )

    @staticmethod
    def _holds(check: tuple[Any, Namespace, tuple[Any, ...]]) -> bool:
        get, namespace, expected = check
        try:
            return all(map(is_, get(namespace), expected))
        except KeyError:
            return False

    def _compiled(self) -> list[tuple[Any, Namespace, tuple[Any, ...]]]:
        checks = []
        for namespace, names in self._names.values():
            first = next(iter(names))  # given twice: itemgetter returns a tuple only for two names or more
            checks.append((itemgetter(first, *names), namespace, (names[first], *names.values())))
        self._checks = checks
        return checks


def _holds_still(cell: types.CellType, content: Any) -> bool:
    try:
        return cell.cell_contents is content
    except ValueError:  # emptied since
        return False


def held_by(variable: ContextVar[Any]) -> Any:
    """Return what a context variable holds here and now, its default where nobody has set it, UNSET for neither."""
    try:
        return variable.get()
    except LookupError:
        return UNSET


def _is_still(value: Any, parts: list[Any]) -> bool:
    try:
        return _same(atoms(value), parts)
    except Exception:  # noqa: BLE001 # another thread changes it at this moment, or its attributes can't be read
        return False


def _same(now: list[Any], before: list[Any]) -> bool:
    if len(now) != len(before):
        return False
    return all(map(is_, now, before)) or all(map(_alike, now, before))


def _alike(part: Any, other: Any) -> bool:
    return part is other or (type(part) in COMPARED and type(part) is type(other) and part == other)


def atoms(value: Any) -> list[Any]:
    """Return the parts of a value that identity tells apart: what containers and objects hold, the nearest first.

    Of a small array its bytes, of each container its length; of what has more parts than are looked at, the first.
    """
    found: list[Any] = [value]
    seen: set[int] = set()
    for part in found:
        kind = type(part)
        if kind in NOT_ENTERED or id(part) in seen:
            continue
        seen.add(id(part))
        room = PARTS_AT_MOST - len(found)
        if room <= 0:
            break
        found += islice(_parts_of(part, kind), room)
    return found


def _parts_of(value: Any, kind: type) -> Iterator[Any]:
    if kind in CONTAINERS:
        return chain((len(value),), value)
    if isinstance(value, (dict, types.MappingProxyType)):
        return chain((len(value),), value.keys(), value.values(), getattr(value, "__dict__", {}).values())
    if isinstance(value, type):
        return iter(())
    if hasattr(kind, "__array_interface__") or kind is bytearray:
        return iter((_bytes_of(value),))
    return chain(getattr(value, "__dict__", {}).values(), *(_slots_of(value, base) for base in kind.__mro__))


def _bytes_of(value: Any) -> Any:
    size = len(value) if type(value) is bytearray else value.nbytes
    return bytes(value) if size <= BYTES_AT_MOST else None


def _slots_of(value: Any, base: type) -> Iterator[Any]:
    if "__slots__" in vars(base) and base.__module__ not in UNCHANGING_SLOTS:
        for member in vars(base).values():
            if type(member) is types.MemberDescriptorType:
                yield getattr(value, member.__name__, None)


CONTAINERS = frozenset({list, tuple, set, frozenset, collections.deque})
COMPARED = frozenset({bytes, int})
NOT_ENTERED: frozenset[type] = SCALARS | {
    types.FunctionType, types.BuiltinFunctionType, types.ModuleType, types.MethodType, bytes, range, re.Pattern, type,
}  # fmt: skip
UNCHANGING_SLOTS = frozenset({"builtins", "datetime", "decimal", "fractions", "functools", "pathlib", "uuid"})
