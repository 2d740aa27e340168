"""From a name in the source to the object that it leads to, without running anything of the user's.

Attributes are followed through the user's own modules, through classes, and through plain objects, as far as nothing
computes them: `helpers.scale`, `Config.lr`, `settings.model.name`. The rest of the path is left with the object where
the way ends.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import sys
import types
from abc import ABCMeta
from collections.abc import Mapping
from typing import Any, NamedTuple

from memostore.fingerprint.origins import Origin, origin_of, origin_of_module
from memostore.fingerprint.reads import OWN_MODULE, Read
from memostore.fingerprint.scopes import Imported
from memostore.fingerprint.watch import Watch
from memostore.keys.naming import module_name

__all__ = ["Foreign", "Found", "Nothing", "resolve"]

PLAIN_METACLASSES = frozenset({type, ABCMeta})


class Nothing:
    """What a name leads to where there is no object: a built-in, or nothing (yet). The text tells which."""

    def __init__(self, text: str) -> None:
        self.text = text


class Foreign(NamedTuple):
    """A module of a package or of the standard library, which need not be imported for what counts of it."""

    origin: Origin
    module: str


class Found(NamedTuple):
    """What a path leads to, what it is called there, and the attributes that were not followed."""

    value: Any
    name: str
    rest: tuple[str, ...] = ()


def resolve(read: Read, namespace: Mapping[str, Any], initial: str | None, watch: Watch) -> list[Found]:
    """Return what a read leads to now: one object, or one for each place that an import may take it from.

    `initial`: what the global that it starts from was at first, if the functions themselves fill it in.
    """
    if read.origins:
        starts = [_imported(origin, str(namespace.get("__package__") or "")) for origin in read.origins]
    elif read.root == OWN_MODULE:
        starts = [Found(sys.modules.get(str(namespace.get("__name__")), Nothing("module")), str(read))]
    else:
        starts = [_global(read.root, namespace, initial, watch)]
    return [_follow(start, read.path, watch) for start in starts]


def _global(name: str, namespace: Mapping[str, Any], initial: str | None, watch: Watch) -> Found:
    full = f"{module_name(str(namespace.get('__name__')))}.{name}"
    if name in namespace:
        if initial is not None:
            return Found(Nothing(f"lazily {initial}"), full)
        watch.name(namespace, name, namespace[name])
        return Found(namespace[name], full)
    watch.absent(namespace, name)
    return Found(Nothing(f"builtin {name}" if hasattr(builtins, name) else f"unset {name}"), full)


def _imported(origin: Imported, package: str) -> Found:
    """Return what an import statement inside a function would bind. The user's own modules are imported for it."""
    try:
        name = importlib.util.resolve_name("." * origin.level + origin.module, package)
    except ImportError:  # a relative import outside of a package
        return Found(Nothing(f"unset {origin}"), str(origin))
    owner = origin_of_module(name)
    if not owner.is_own:
        return Found(Foreign(owner, name), name, (origin.name,) if origin.name else ())
    try:
        module = importlib.import_module(name)
    except Exception as error:  # noqa: BLE001 # whatever a module raises, the function itself will raise, or catch
        return Found(Nothing(f"not imported: {name}, {type(error).__name__}"), name)
    if origin.is_top:
        module = sys.modules[name.partition(".")[0]]
    return Found(module, module_name(module.__name__)) if origin.name is None else _of_module(module, origin.name)


def _of_module(module: types.ModuleType, name: str) -> Found:
    try:
        return Found(getattr(module, name), f"{module_name(module.__name__)}.{name}")
    except AttributeError:
        return Found(Nothing(f"unset {name}"), f"{module_name(module.__name__)}.{name}")


def _follow(start: Found, path: tuple[str, ...], watch: Watch) -> Found:
    value, name = start.value, start.name
    for place, attribute in enumerate(path):
        namespace = _namespace_with(value, attribute)
        if namespace is None and _computes_names(value):
            return Found(vars(value)["__getattr__"], f"{name}.__getattr__", path[place:])
        if namespace is None or start.rest:
            return Found(value, name, (*start.rest, *path[place:]))
        watch.name(namespace, attribute, namespace[attribute])
        value, name = namespace[attribute], f"{name}.{attribute}"
        if isinstance(value, staticmethod):
            value = value.__func__
    return Found(value, name, start.rest)


def _computes_names(owner: Any) -> bool:
    return isinstance(owner, types.ModuleType) and "__getattr__" in vars(owner) and _is_own(owner)


def _namespace_with(owner: Any, attribute: str) -> Mapping[str, Any] | None:
    """Return the namespace that an attribute is plainly looked up in, or None where it may be computed."""
    if isinstance(owner, (types.FunctionType, types.BuiltinFunctionType, Nothing, Foreign)) or not _is_own(owner):
        return None
    if isinstance(owner, types.ModuleType):
        return vars(owner) if attribute in vars(owner) else None
    if isinstance(owner, type):
        return _class_with(owner, attribute) if type(owner) in PLAIN_METACLASSES else None
    return _instance_with(owner, attribute)


def _is_own(owner: Any) -> bool:
    if isinstance(owner, types.ModuleType) and getattr(owner, "__file__", None) is None and hasattr(owner, "__path__"):
        return True  # a namespace, in which several owners have their packages
    named = owner if isinstance(owner, (types.ModuleType, type)) else type(owner)
    return named is types.SimpleNamespace or origin_of(named).is_own


def _class_with(owner: type, attribute: str) -> Mapping[str, Any] | None:
    for base in owner.__mro__:
        if attribute in vars(base):
            member = vars(base)[attribute]
            plain = isinstance(member, (types.FunctionType, staticmethod)) or not hasattr(type(member), "__get__")
            return vars(base) if plain and origin_of(base).is_own else None
    return None


def _instance_with(owner: Any, attribute: str) -> Mapping[str, Any] | None:
    kind: Any = type(owner)
    if kind.__getattribute__ is not object.__getattribute__ and kind is not types.SimpleNamespace:
        return None
    own = getattr(owner, "__dict__", None)
    if type(own) is not dict or attribute not in own:
        return None
    members = (vars(base)[attribute] for base in kind.__mro__ if attribute in vars(base))
    return None if any(hasattr(type(member), "__get__") for member in members) else own
