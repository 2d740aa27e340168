"""The walk from a function or class through all of the user's own code that it reaches.

It is the encoding of `keys.encoding` with other rules: a function is encoded by what it does and by what each name in
it leads to, a class by its bases and members, wherever they are defined and whatever they are called there.
"""

from __future__ import annotations

import functools
import logging
import types
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any

import memostore.fingerprint.large as large
import memostore.fingerprint.units as units
from memostore.digest import frame
from memostore.errors import UnkeyableArgument
from memostore.fingerprint.classes import annotations_of, members_of, shape_of
from memostore.fingerprint.facts import Facts, facts_of
from memostore.fingerprint.lazy import initial_of
from memostore.fingerprint.manifest import Definition
from memostore.fingerprint.origins import Origin, Owner, origin_of
from memostore.fingerprint.reads import Read
from memostore.fingerprint.records import RECORDS
from memostore.fingerprint.resolve import Foreign, Found, Nothing, resolve
from memostore.fingerprint.source import module_of
from memostore.fingerprint.units import ASKS, NO_HINTS, Callee, Hints, Unit
from memostore.fingerprint.watch import UNSET, Watch, held_by
from memostore.keys.encoding import SCALARS, Attempt, CodeOf, Encoder, Rule, Step, Walk, scalar
from memostore.keys.inputs import Env, File
from memostore.keys.naming import lasting_name, module_name, type_name
from memostore.keys.rules import rule_for
from memostore.keys.state import Recorder

__all__ = ["Reach", "reach_of"]

NOT_CONTENT = (types.FunctionType, types.BuiltinFunctionType, types.ModuleType, type, Nothing, Foreign, File, Env)
UNSEEN, LOGGER, MEMOSTORE = b"unseen", b"logger", b"memostore"
OPAQUE = frozenset({UNSEEN, LOGGER, MEMOSTORE})  # nothing of these counts
LEAVES = SCALARS | {Nothing, Foreign}
N_WITHOUT_CLOSURE = 3  # defaults, defaults of keyword parameters, attributes
ANYWHERE: Step = ("{}", "")


class Reach:
    """What one function or class reaches: found once, and watched from then on."""

    def __init__(self, ignored: Iterable[Any] = (), hints: Hints = NO_HINTS) -> None:
        self.watch = Watch()
        self._hints = hints
        self._callees: dict[int, Callee] = {}
        self._leaves: dict[tuple[int, Read], bytes] = {}
        self._initials = {(number, name): initial for number, name, initial in hints.lazily}
        self._lazily: set[tuple[int, str, str]] = set()
        self._names: set[str] = set()
        self._sets: set[str] = set()
        self.definitions: list[Definition] = []
        self.packages: dict[str, str] = {}
        self.unseen: dict[str, None] = {}
        named = (getattr(one, "__name__", None) if isinstance(one, types.ModuleType) else one for one in ignored)
        self._ignored_names = {name for name in named if isinstance(name, str)}
        self._ignored = {id(value) for value in ignored}
        self._rules: dict[type, Rule] = {
            Unit: self._unit, Callee: self._callee, types.FunctionType: self._function, types.ModuleType: self._module,
            CodeOf: lambda marker: _tagged(b"o", [marker.owner]), Foreign: self._foreign,
            ContextVar: self._variable, Nothing: lambda nothing: b"0" + nothing.text.encode(),
            staticmethod: lambda member: _tagged(b"s", [member.__func__]),
            classmethod: lambda member: _tagged(b"c", [member.__func__]),
            property: lambda member: _tagged(b"p", [member.fget, member.fset, member.fdel]),
            functools.cached_property: lambda member: _tagged(b"q", [member.func]),
            functools.partialmethod: lambda member: _tagged(b"m", [member.func, member.args, member.keywords]),
            functools.singledispatchmethod: lambda member: _tagged(b"d", [member.func, member.dispatcher]),
        }  # fmt: skip

    def encode(self, value: Any) -> bytes:
        """Return the canonical bytes of a value with all the code behind it."""
        return Encoder(self.rule_for).encode(value)

    def encode_all(self, value: Any) -> bytes:
        """Encode as `encode` does; what can't even be looked at is named as unseen. A call never fails by it."""
        try:
            return self.encode(value)
        except UnkeyableArgument as error:
            self.unseen[f"what {getattr(value, 'name', value)!s} reaches{error}"] = None
            return UNSEEN + scalar(str(error)) + (facts_of(value.code).form if isinstance(value, Unit) else b"")

    @property
    def hints(self) -> Hints:
        """What this walk has found out."""
        asks = frozenset(what for what, names in ASKS.items() if not names.isdisjoint(self._names))
        return Hints(frozenset(self._lazily), asks, frozenset(self._sets - self._names))

    def rule_for(self, kind: type) -> Rule:
        """Return the rule of a type in this walk."""
        rule = self._rules.get(kind)
        if rule is None:
            rule = self._rules[kind] = self._choose(kind)
        return rule

    def _choose(self, kind: type) -> Rule:
        if issubclass(kind, type):
            return self._class
        if issubclass(kind, (File, Env)):
            return self._input
        if issubclass(kind, logging.Logger):
            return lambda _: LOGGER
        if origin_of(kind).owner is Owner.MEMOSTORE and not kind.__module__.startswith("memostore.keys."):
            return rule_for(kind) if hasattr(kind, "__memo_key__") else lambda _: MEMOSTORE
        return rule_for(kind)

    # Functions

    def _function(self, function: types.FunctionType) -> bytes | Walk:
        if self._is_ignored(function):
            return b"ignored"
        origin = origin_of(function)
        if origin.is_own:
            return self._own_function(function)
        if hasattr(function, "registry") and hasattr(function, "dispatch"):  # functools.singledispatch
            self.watch.value(function.registry)
            return _tagged(b"S", [dict(function.registry)])
        self._note_package(origin)
        name = f"{_named(origin)} {' '.join(lasting_name(function))}"
        return _tagged(b"y", [name, *map(_tolerated, units.closure_of(function, frozenset()))])

    def _own_function(self, function: types.FunctionType) -> Walk:
        """Encode a function that is used as a value: it may be asked for its name."""
        return b"N" + scalar(function.__qualname__) + (yield ANYWHERE, self._callee_of(function))

    def _callee_of(self, function: types.FunctionType) -> Callee:
        """Return the one marker of a function in this walk, so that recursion is seen."""
        return self._callees.setdefault(id(function), Callee(function))

    def _callee(self, callee: Callee) -> Walk:
        function = callee.function
        self.watch.function(function)
        facts = facts_of(function.__code__)
        own = scalar((*units.parameters_of_code(function.__code__), *self._asked_of(function)))
        attributes = {name: item for name, item in vars(function).items() if not name.startswith("_")}
        carried = [
            function.__defaults__,
            function.__kwdefaults__,
            attributes,
            *units.closure_of(function, facts.written),
        ]
        for part in carried if len(carried) > N_WITHOUT_CLOSURE or any(carried) else ():  # an array has no truth value
            own += frame(b"c", (yield ANYWHERE, self._attempt(part, f"{function.__qualname__}'s closure")))
        self.definitions.append(Definition("function", facts.form + own, function))
        return b"F" + frame(b"o", own) + (yield from self._unit(Unit(function)))

    def _unit(self, unit: Unit) -> Walk:
        facts = facts_of(unit.code)
        parts = [facts.form]
        self._learn(unit, facts)
        for read in facts.reads:
            place = id(unit.namespace), read
            part = self._leaves.get(place)
            if part is None:
                part = yield from self._read(unit, read)
            parts.append(part)
        return b"u" + b"".join(frame(b"u", part) for part in parts)

    def _read(self, unit: Unit, read: Read) -> Walk:
        """Encode what one name leads to. Constants, built-in names and packages are noted: many functions read them."""
        initial = self._initials.get((id(unit.namespace), read.root))
        encoded = b""
        try:
            found = resolve(read, unit.namespace, initial, self.watch)
            for one in found:
                encoded += frame(b"r", (yield from self._target(read, one)))
        except Exception as error:  # noqa: BLE001 # looking at an object's attributes may run the user's code
            self.unseen[f"{unit.name}: {read}: {type(error).__name__}"] = None
            return UNSEEN + scalar(str(read))
        if all(type(one.value) in LEAVES or units.is_foreign_module(one.value) for one in found):
            self._leaves[id(unit.namespace), read] = encoded
        return encoded

    def _learn(self, unit: Unit, facts: Facts) -> None:
        self._names |= facts.names
        self._sets |= facts.sets
        if facts.unseen:
            self.unseen.update((f"{unit.name}: {text}", None) for text in facts.unseen)
        for name in facts.lazily:
            module = module_of(unit.code)
            initial = None if module is None else initial_of(module, name)
            if initial is not None:
                self._lazily.add((id(unit.namespace), name, initial))

    def _asked_of(self, owner: Any) -> list[str]:
        """Return what only counts of a function or class if some code on the way asks for it."""
        asks = self._hints.asks
        told: list[str] = []
        if not asks:
            return told
        if "docs" in asks:
            told += ["doc", str(owner.__doc__)]
        if "module" in asks:
            told += ["module", module_name(owner.__module__ or "")]
        if "annotations" in asks:
            told += [
                f"{name}: {type_name(item) if isinstance(item, type) else item}" for name, item in annotations_of(owner)
            ]
        if "subclasses" in asks and isinstance(owner, type):
            told += ["subclasses", *map(type_name, type.__subclasses__(owner))]
        return told

    def _target(self, read: Read, found: Found) -> Walk:
        """Encode what a name leads to, and what of its attributes could not be followed."""
        value = found.value
        if type(value) is Nothing:  # most are built-in names
            return scalar((*found.rest, value.text))
        if self._is_ignored(value) or found.name in self._ignored_names:
            return b"ignored"
        if read.written and type(value) in RECORDS:
            return b"record"
        if read.called and isinstance(value, types.FunctionType) and not found.rest and origin_of(value).is_own:
            return b"F" + (yield ANYWHERE, self._callee_of(value))
        encoded = large.known(value)
        if encoded is None:
            encoded = yield ANYWHERE, self._attempt(self._without_records(value), found.name)
            large.remember(value, encoded)
        if encoded == UNSEEN and origin_of(type(value)).is_own:
            encoded = yield from self._apart(value, found.name)
        if encoded not in OPAQUE and not isinstance(value, NOT_CONTENT) and type(value) not in SCALARS:
            self.watch.value(value)
        if not isinstance(value, (*NOT_CONTENT, logging.Logger)):
            self.definitions.append(Definition("constant", encoded, value, found.name))
        return scalar(found.rest) + encoded

    def _apart(self, value: Any, name: str) -> Walk:
        """Encode an object that can't be keyed as a whole, as one that holds a lock: its class, and what can be."""
        encoded = UNSEEN + (yield ANYWHERE, type(value))
        for attribute, item in sorted(getattr(value, "__dict__", {}).items()):
            encoded += frame(b"a", scalar(attribute) + (yield ANYWHERE, self._attempt(item, f"{name}.{attribute}")))
        return encoded

    def _without_records(self, value: Any) -> Any:
        left_out = self._hints.records & getattr(value, "__dict__", {}).keys()
        if not left_out or isinstance(value, NOT_CONTENT):
            return value
        return Recorder(value, frozenset(name for name in left_out if type(vars(value)[name]) in RECORDS))

    # Classes and modules

    def _class(self, kind: type) -> bytes | Walk:
        if self._is_ignored(kind):
            return b"ignored"
        origin = origin_of(kind)
        self._note_package(origin)
        return self._own_class(kind) if origin.is_own else f"c{_named(origin)} {type_name(kind)}".encode()

    def _own_class(self, kind: type) -> Walk:
        records = self._hints.records
        members = {name: m for name, m in members_of(kind).items() if name not in records or type(m) not in RECORDS}
        self.watch.attributes(kind, members)
        around = [type(kind), *kind.__bases__]
        own, code = scalar(self._asked_of(kind)), b""
        for part in (*shape_of(kind), *around):
            encoded = frame(b"p", (yield ANYWHERE, self._attempt(part, type_name(kind))))
            own, code = (own, code + encoded) if isinstance(part, type) else (own + encoded, code)
        for name, member in members.items():
            encoded = frame(b"m", scalar(name) + (yield ANYWHERE, self._attempt(member, f"{type_name(kind)}.{name}")))
            own, code = (own, code + encoded) if callable(member) else (own + encoded, code)
        if "subclasses" in self._hints.asks:
            code += frame(b"s", (yield ANYWHERE, type.__subclasses__(kind)))
        bases = " ".join(type_name(base) for base in around)
        self.definitions.append(Definition("class", own + scalar((bases, *members)), kind))
        return b"C" + frame(b"o", own) + code

    def _module(self, module: types.ModuleType) -> bytes | Walk:
        """Encode a module that is used as a whole: its functions, classes and scalars. Of a package, the version."""
        if self._is_ignored(module):
            return b"ignored"
        origin = origin_of(module)
        self._note_package(origin)
        if not origin.is_own:
            return f"i{_named(origin)} {module.__name__}".encode()
        members = {name: value for name, value in sorted(vars(module).items()) if units.belongs_to(value, name, module)}
        for name, value in members.items():
            self.watch.name(vars(module), name, value)
        return _tagged(b"I", [*members, *(self._attempt(value, module.__name__) for value in members.values())])

    def _variable(self, variable: ContextVar[Any]) -> Walk:
        """Encode a context variable by what code that asks for it now gets."""
        self.watch.variable(variable)
        value = held_by(variable)
        return _tagged(b"v", [Nothing("unset") if value is UNSET else value])

    def _foreign(self, foreign: Foreign) -> bytes:
        self._note_package(foreign.origin)
        return f"i{_named(foreign.origin)} {foreign.module}".encode()

    def _input(self, source: File | Env) -> bytes:
        state = source.state()
        self.watch.input(state)
        return b"G" + state.content

    # What is noted on the way

    def _attempt(self, value: Any, name: str) -> Attempt:
        def instead(error: UnkeyableArgument) -> bytes:
            self.unseen[f"{name}{error}"] = None
            return UNSEEN

        return Attempt(value, instead)

    def _note_package(self, origin: Origin) -> None:
        if origin.owner is Owner.PACKAGE:
            self.packages[origin.package] = origin.version

    def _is_ignored(self, value: Any) -> bool:
        if id(value) in self._ignored:
            return True
        if not self._ignored_names or not isinstance(value, (types.FunctionType, type, types.ModuleType)):
            return False
        module = value.__name__ if isinstance(value, types.ModuleType) else value.__module__
        return module in self._ignored_names or units.full_name(value) in self._ignored_names


def reach_of(value: Any, ignored: Iterable[Any] = ()) -> tuple[Reach, bytes]:
    """Return the walk from a function's Unit, a class or a module, and the bytes that came of it.

    It is walked again where something turns out on the way that may have counted before: hardly ever.
    """
    hints = NO_HINTS
    while True:
        reach = Reach(ignored, hints)
        encoded = reach.encode_all(value)
        known = hints.joined(reach.hints)
        if known == hints:
            return reach, encoded
        hints = known


def _tagged(tag: bytes, values: Iterable[Any]) -> Walk:
    encoded = b""
    for value in values:
        encoded += frame(tag, (yield ANYWHERE, value))
    return tag + encoded


def _tolerated(value: Any) -> Attempt:
    return Attempt(value, lambda _: UNSEEN)


def _named(origin: Origin) -> str:
    return f"{origin.package} {origin.version}"
