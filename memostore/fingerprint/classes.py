"""What a class of the user's own is made of, without what Python or a decorator adds to it by itself."""

from __future__ import annotations

import _abc  # type: ignore[import-not-found,unused-ignore]
import dataclasses
import enum
import types
from abc import ABCMeta
from collections.abc import Iterator
from typing import Any

from memostore.fingerprint.origins import Owner, origin_of, origin_of_file
from memostore.keys.naming import type_name

__all__ = ["annotations_of", "members_of", "shape_of"]

# Names, places, caches, and what follows from other members.
LEFT_OUT = frozenset({
    "__module__", "__qualname__", "__dict__", "__weakref__", "__doc__", "__firstlineno__", "__static_attributes__",
    "__annotations__", "__annotate__", "__annotate_func__", "__annotations_cache__", "__classcell__",
    "__abstractmethods__", "_abc_impl", "__parameters__", "__dataclass_fields__",
    "__dataclass_params__", "__protocol_attrs__", "__non_callable_proto_members__", "_is_protocol",
    "_is_runtime_protocol", "__callable_proto_members_only__",
    "__signature__", "__attrs_own_setattr__", "__attrs_attrs__", "__attrs_props__",
    "__orig_bases__", "__slotnames__", "__readonly_keys__", "__mutable_keys__", "__closed__", "__extra_items__",
})  # fmt: skip
DESCRIPTORS_OF_SLOTS = (types.MemberDescriptorType, types.GetSetDescriptorType)
PLAIN_METACLASSES = frozenset({type, ABCMeta, enum.EnumMeta})
CODE = (types.FunctionType, property, staticmethod, classmethod)
GENERATED = "<string>"  # the file that dataclasses and named tuples compile their methods from


def members_of(kind: type) -> dict[str, Any]:
    """Return the members of a class that determine what it does, by name."""
    if issubclass(kind, enum.Enum):
        return {name: member for name, member in _written(kind) if name[0] != "_" or isinstance(member, CODE)}
    return dict(_written(kind))


def _written(kind: type) -> Iterator[tuple[str, Any]]:
    for name, member in sorted(vars(kind).items()):
        if name in LEFT_OUT or name.startswith("__pydantic_") or isinstance(member, DESCRIPTORS_OF_SLOTS):
            continue
        if isinstance(kind, enum.EnumMeta) and name in kind._member_map_:
            continue
        if name == "__match_args__" and (dataclasses.is_dataclass(kind) or issubclass(kind, tuple)):
            continue
        if not _is_generated(kind, member):
            yield name, member


def _is_generated(kind: type, member: Any) -> bool:
    function = getattr(member, "__func__", member)
    if type(function).__name__ == "_tuplegetter":  # of a named tuple
        return True
    if not isinstance(function, types.FunctionType):
        return member is None and dataclasses.is_dataclass(kind)  # the `__hash__` that follows from its parameters
    file = function.__code__.co_filename
    if file == GENERATED or file.startswith("<attrs generated"):
        return True
    return origin_of_file(file, "").owner is Owner.STANDARD


def shape_of(kind: type) -> list[Any]:
    """Return what else there is to a class, as values: the fields of a dataclass, an enum's members, ..."""
    parts: list[Any] = [kind.__qualname__]
    if dataclasses.is_dataclass(kind) and "__dataclass_fields__" in vars(kind):
        parts += ["dataclass", _dataclass_parameters(kind), *map(_field, vars(kind)["__dataclass_fields__"].values())]
    if isinstance(kind, enum.EnumMeta):
        parts += ["enum", [(name, member._value_) for name, member in kind._member_map_.items()]]
    if issubclass(kind, tuple) and "_fields" in vars(kind):
        parts += ["named tuple", vars(kind)["_fields"], vars(kind).get("_field_defaults")]
    if "__attrs_attrs__" in vars(kind):
        parts += ["attrs", [_attribute(attribute) for attribute in vars(kind)["__attrs_attrs__"]]]
    if isinstance(kind, ABCMeta):
        parts += ["registered", *_registered(kind)]
    if _reads_annotations(kind):
        parts += ["annotations", annotations_of(kind)]
    return parts


def _registered(kind: ABCMeta) -> list[str]:
    """Return the names of the classes that `kind.register()` was given: isinstance() goes by them."""
    dump = getattr(_abc, "_get_dump", None)  # there is no public way to ask
    found = (reference() for reference in dump(kind)[0]) if dump is not None else ()
    return sorted(type_name(one) for one in found if one is not None)


def _dataclass_parameters(kind: type) -> tuple[bool, ...]:
    parameters = vars(kind)["__dataclass_params__"]
    return tuple(getattr(parameters, name) for name in ("init", "repr", "eq", "order", "unsafe_hash", "frozen"))


def _field(field: Any) -> tuple[Any, ...]:
    given = [None if value is dataclasses.MISSING else (value,) for value in (field.default, field.default_factory)]
    return (
        field.name, *given, field.init, field.repr, field.hash, field.compare, field.kw_only is True,
        field._field_type.name, dict(field.metadata),
    )  # fmt: skip


def _attribute(attribute: Any) -> tuple[Any, ...]:
    """Return what attrs was told of one attribute."""
    names = ("name", "default", "validator", "repr", "eq", "order", "hash", "init", "converter", "kw_only", "alias")
    return tuple(getattr(attribute, name, None) for name in names)


def _reads_annotations(kind: type) -> bool:
    """Whether something of a package made the class, as pydantic does: it may go by the types that are written."""
    makers = [type(kind), *kind.__mro__[1:]]
    return any(origin_of(maker).owner is Owner.PACKAGE for maker in makers) or type(kind) not in PLAIN_METACLASSES


def annotations_of(owner: Any) -> list[tuple[str, Any]]:
    """Return the annotations of a function or class, each a class or a text."""
    try:
        found = getattr(owner, "__annotations__", None)
    except NameError:  # a name in it is not defined, or not yet
        return []
    return [(name, _annotation(item)) for name, item in found.items()] if isinstance(found, dict) else []


def _annotation(item: Any) -> Any:
    return item if isinstance(item, (str, type)) else str(item)
