"""Rules for Python's built-in types and their subclasses.

A subclass may lie in whatever it overrides, so the built-in's own method is asked.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

from memostore.digest import digest_buffer
from memostore.keys.encoding import (
    SCALARS,
    Rule,
    Walk,
    encode_pairs,
    encode_sequence,
    encode_tagged,
    encode_unordered,
    scalar,
    shown,
)
from memostore.keys.naming import module_of
from memostore.keys.state import encode_instance, encode_object, own_state

__all__ = ["BASES", "RULES", "by_parts", "encode_class", "subclass_of"]


def _list(value: list[Any]) -> bytes | Walk:
    if SCALARS.issuperset(map(type, value)):
        return b"l" + scalar(value)
    return encode_sequence(b"L", value)


def _tuple(value: tuple[Any, ...]) -> bytes | Walk:
    if SCALARS.issuperset(map(type, value)):
        return b"t" + scalar(value)
    return encode_sequence(b"T", value)


def _dict(value: dict[Any, Any]) -> bytes | Walk:
    if {str}.issuperset(map(type, value)):
        return _text_dict(value)
    return encode_pairs(b"D", value.items())


def _text_dict(value: dict[str, Any]) -> bytes | Walk:
    names = sorted(value)
    values = [value[name] for name in names]
    if SCALARS.issuperset(map(type, values)):
        return b"d" + scalar((*names, *values))
    return _nested_text_dict(names, values)


def _nested_text_dict(names: list[str], values: list[Any]) -> Walk:
    parts = [scalar(names)]
    for name, value in zip(names, values, strict=True):
        encoded = yield ("[{!r}]", shown(name)), value
        parts.append(scalar(len(encoded)) + encoded)
    return b"e" + b"".join(parts)


def _set(value: set[Any]) -> bytes | Walk:
    return encode_unordered(b"s", value)


def _frozenset(value: frozenset[Any]) -> bytes | Walk:
    return encode_unordered(b"z", value)


def _bytes(value: bytes) -> bytes:
    return b"b" + digest_buffer(value)


def _bytearray(value: bytearray) -> bytes:
    return b"B" + digest_buffer(value)


def _memoryview(value: memoryview) -> Walk:
    described = (value.format, value.shape, digest_buffer(value.tobytes()))
    return encode_tagged(b"V", "memoryview", (("{}", ""), described))


def by_parts(name: str, parts: Callable[[Any], Any]) -> Rule:
    """Make the rule of a type that a few plain parts describe."""
    return lambda value: encode_tagged(b"V", name, (("{}", ""), parts(value)))


def encode_class(value: type) -> Walk:
    """Encode a class by its name and its code."""
    return encode_instance(b"c", value)


def _builtin(value: Any) -> Walk:
    owner = getattr(value, "__self__", None)
    receiver = None if isinstance(owner, types.ModuleType) else owner
    name = f"{module_of(value)}.{value.__qualname__}"
    return encode_tagged(b"f", name, ((".__self__", ""), receiver))


def _bound_method(value: types.MethodType) -> Walk:
    return encode_tagged(b"M", "method", ((".__self__", ""), value.__self__), ((".__func__", ""), value.__func__))


def _module(value: types.ModuleType) -> bytes:
    return b"i" + value.__name__.encode()


def _subclass(value: Any, plain: Any) -> Walk:
    """Encode an instance of a subclass of a built-in: which class, the built-in value, and its attributes."""
    return encode_instance(b"U", type(value), (("{}", ""), plain), (("{}", ""), own_state(value)))


def subclass_of(plain: Callable[[Any], Any]) -> Rule:
    """Make the rule of a built-in's subclasses. `plain` asks the built-in's own method: a subclass may lie in its."""
    return lambda value: _subclass(value, plain(value))


def _tuple_subclass(value: tuple[Any, ...]) -> Walk:
    if hasattr(type(value), "n_fields"):  # time.struct_time, os.stat_result: some fields are no items of the tuple
        return encode_object(value)
    return _subclass(value, (tuple.__getitem__(value, slice(None)), getattr(type(value), "_fields", None)))


RULES: dict[type, Rule] = {
    list: _list, tuple: _tuple, dict: _dict, set: _set, frozenset: _frozenset,
    bytes: _bytes, bytearray: _bytearray, memoryview: _memoryview,
    type: encode_class, types.ModuleType: _module,
    types.BuiltinFunctionType: _builtin, types.MethodType: _bound_method,
    range: by_parts("range", lambda v: (v.start, v.stop, v.step)),
    slice: by_parts("slice", lambda v: (v.start, v.stop, v.step)),
    types.MappingProxyType: by_parts("mappingproxy", lambda v: v.copy()),
    type({}.keys()): lambda v: encode_unordered(b"vk", v),
    type({}.items()): lambda v: encode_pairs(b"vi", v),
    type({}.values()): lambda v: encode_sequence(b"vv", v),
    property: by_parts("property", lambda v: (v.fget, v.fset, v.fdel, v.__doc__)),
    staticmethod: by_parts("staticmethod", lambda v: v.__func__),
    classmethod: by_parts("classmethod", lambda v: v.__func__),
}  # fmt: skip

BASES: dict[type, Rule] = {
    types.BuiltinFunctionType: _builtin,
    str: subclass_of(str.__str__),
    int: subclass_of(int.__index__),
    float: subclass_of(float.__float__),
    complex: subclass_of(complex.__complex__),
    bytes: subclass_of(lambda v: bytes.__getitem__(v, slice(None))),
    bytearray: subclass_of(lambda v: bytearray.__getitem__(v, slice(None))),
    tuple: _tuple_subclass,
    list: subclass_of(lambda v: list.__getitem__(v, slice(None))),
    dict: subclass_of(lambda v: dict(dict.items(v))),
    set: subclass_of(lambda v: set(set.__iter__(v))),
    frozenset: subclass_of(lambda v: frozenset(frozenset.__iter__(v))),
}
