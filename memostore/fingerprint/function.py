"""A function as the store knows it: its name, the digest of its code, and what people read about it."""

from __future__ import annotations

import functools
import importlib
import inspect
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from memostore.digest import digest_parts
from memostore.errors import InvalidArgument, UnkeyableArgument
from memostore.fingerprint.code import encode_body
from memostore.fingerprint.held import Held, innermost, is_bound, unfold
from memostore.fingerprint.live import CodeRule
from memostore.fingerprint.manifest import Definition, manifest_json, text_of
from memostore.fingerprint.origins import Origin, Owner, origin_of_module, version_of
from memostore.fingerprint.reach import Reach, reach_of
from memostore.fingerprint.resolve import Foreign
from memostore.fingerprint.units import Unit
from memostore.keys.call import function_prefix
from memostore.keys.inputs import InputState
from memostore.keys.naming import function_name
from memostore.keys.rules import encode

__all__ = ["CodeVersion", "FunctionCode", "Scope", "check_seen", "code_version", "stored_name"]


@dataclass(frozen=True)
class Scope:
    """How much of a function's code counts: the options `code`, `version`, `depends_on` and `ignore_code`.

    `track` is here since results with the files that were read, and those without, must not stand for each other.
    """

    level: str = "deep"
    version: str | int | None = None
    depends_on: tuple[Any, ...] = ()
    ignored: tuple[Any, ...] = ()
    track: str | None = None


@dataclass(frozen=True, eq=False)
class CodeVersion:
    """One version of a function's code. `source` and `manifest` are read when an entry is saved, not on a hit."""

    module: str
    qualname: str
    fingerprint: bytes
    function: Callable[..., Any] | None
    held: list[Held] = field(default_factory=list)
    scope: Scope = Scope()
    reach: Reach | None = None

    @property
    def name(self) -> str:
        """The function's full name."""
        return f"{self.module}.{self.qualname}"

    @functools.cached_property
    def prefix(self) -> bytes:
        """What stands for the function and its code in the keys of all its calls."""
        return function_prefix(self.module, self.qualname, self.fingerprint, repr(self.scope.version))

    @functools.cached_property
    def source(self) -> str | None:
        """The source text of the code that runs, or None where there is none."""
        return None if self.function is None else text_of(inspect.unwrap(self.function))

    @functools.cached_property
    def manifest(self) -> str:
        """What is covered, as JSON: definitions, packages, and by name what could not be followed, `unseen`."""
        reach = self.reach or Reach()
        unseen = [*reach.unseen, *(f"{self.name}: {held.name}" for held in self.held if not held.seen)]
        definitions = {one.name: one for one in (*self._own_definition(), *reach.definitions)}
        return manifest_json(
            self.scope.level, self.scope.version, self.parameters, list(definitions.values()), reach.packages,
            self.inputs, unseen, self.scope.track,
        )  # fmt: skip

    @functools.cached_property
    def inputs(self) -> dict[str, Any]:
        """What is shown of the files and variables that count."""
        return {state.source.label: state.shown for state in (self.reach.watch.inputs if self.reach else ())}

    def inputs_now(self) -> list[InputState]:
        """Return the states of these as they are now, for one whose content is no longer what counted the older one."""
        known = [*(self.reach.watch.inputs if self.reach else ()), *(one for held in self.held for one in held.inputs)]
        return [now if (now := state.source.state()).content == state.content else state for state in known]

    def _own_definition(self) -> list[Definition]:
        function = None if self.function is None else inspect.unwrap(self.function)
        if not isinstance(function, types.FunctionType):
            return []
        return [Definition("function", encode_body(function.__code__), function, self.name)]

    @functools.cached_property
    def parameters(self) -> list[str]:
        """The names of the function's parameters."""
        try:
            return [] if self.function is None else list(inspect.signature(self.function).parameters)
        except (TypeError, ValueError):
            return []


class FunctionCode:
    """The code of one function while the process runs: taken anew when anything that it reaches has changed."""

    def __init__(self, function: Callable[..., Any], name: str | None = None, scope: Scope = Scope()) -> None:
        self._function = function
        self._scope = scope
        self.rule = CodeRule(scope.level, scope.ignored)
        self._named = name
        bare = innermost(function)
        self._parts = _parts_of(bare) if isinstance(bare, types.FunctionType) else None
        self._version = self._judged()

    @property
    def version(self) -> CodeVersion:
        """The version that was found last."""
        return self._version

    def is_replaced(self) -> bool:
        """Say whether a reloader has put other code or other defaults into the function since this was made."""
        if self._parts is None:
            return False
        function, code, defaults, by_name = self._parts
        return (
            function.__code__ is not code
            or function.__defaults__ is not defaults
            or function.__kwdefaults__ is not by_name
        )

    def current(self) -> CodeVersion:
        """Return the version that runs now."""
        reach = self._version.reach
        if reach is not None and reach.watch.changed():
            self._version = self._judged()
        return self._version

    def _judged(self) -> CodeVersion:
        module, qualname = stored_name(self._function, self._named)
        code, held = unfold(self._function, self.rule)
        scope, reach = self._scope, None
        parts = [scope.level.encode()]
        if scope.level == "deep":
            reach, encoded = reach_of(Unit(code) if isinstance(code, types.FunctionType) else code, scope.ignored)
            parts.append(encoded)
        elif scope.level == "body":
            parts.append(_body(code))
        if scope.depends_on:
            reach = reach or Reach(scope.ignored)
            parts += [_dependency(reach, value) for value in scope.depends_on]
        held = held if scope.level != "version" else [one for one in held if one.required]
        fingerprint = digest_parts(b"v" if scope.track is None else b"t", parts)
        return CodeVersion(module, qualname, fingerprint, self._function, held, scope, reach)


def _parts_of(function: types.FunctionType) -> tuple[types.FunctionType, Any, Any, Any]:
    return function, function.__code__, function.__defaults__, function.__kwdefaults__


def check_seen(function: Callable[..., Any]) -> None:
    """Raise UnkeyableArgument for a callable that shows neither its code nor a name that stands for it."""
    code = innermost(function)
    if not isinstance(code, types.FunctionType) and not is_bound(code):  # what one is bound to is keyed at each call
        encode(code)


def stored_name(function: Callable[..., Any], name: str | None) -> tuple[str, str]:
    """Return the module and name that a function's results are stored under. `name` stands in for its own.

    A partial goes by the function in it: `functools.partial` would be the name of all partials there are.
    """
    named: Any = function
    while isinstance(named, functools.partial) and not hasattr(named, "__qualname__"):
        named = named.func
    module, qualname = function_name(named)
    if name is None:
        return module, qualname
    given, _, last = name.rpartition(".")
    return (given or module), last


def code_version(function: Callable[..., Any], name: str | None = None) -> CodeVersion:
    """Return the version of the code that a callable runs now. `name` stands in for its own name.

    >>> code_version(lambda x: x + 1).fingerprint == code_version(lambda y: y + 1).fingerprint
    True
    """
    return FunctionCode(function, name).version


def _body(code: Any) -> bytes:
    return encode_body(code.__code__) if isinstance(code, types.FunctionType) else encode(code)


def _dependency(reach: Reach, value: Any) -> bytes:
    """Encode one of `depends_on`; a text counts by what it says, and by the module or package that it names."""
    try:
        if isinstance(value, str):
            return encode(value) + reach.encode(_named(value))
        return reach.encode(value)
    except UnkeyableArgument as error:
        raise InvalidArgument(f"depends_on holds {type(value).__qualname__}{error}") from error


def _named(name: str) -> Any:
    """Return the package or module of a name, None for a text that is no name of one."""
    if not name.replace(".", "").replace("-", "").isidentifier():
        return None
    version = version_of(name)
    if version is not None:
        return Foreign(Origin(Owner.PACKAGE, name, version), name)
    if not origin_of_module(name).is_own:
        return None
    try:
        return importlib.import_module(name)
    except ImportError:
        return None
