"""Which rule encodes which type: the standard library's here, NumPy's and pandas' in `arrays`, others by state."""

from __future__ import annotations

import collections
import datetime
import decimal
import enum
import fractions
import functools
import io
import pathlib
import re
import threading
import types
import uuid
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from memostore.digest import digest_buffer
from memostore.keys.encoding import (
    SCALARS,
    Encoder,
    Rule,
    Unkeyable,
    Walk,
    encode_pairs,
    encode_sequence,
    encode_tagged,
    encode_unordered,
    scalar,
)
from memostore.keys.naming import module_name, type_name
from memostore.keys.state import State, described, encode_object, encode_state, state_without_derived

__all__ = ["encode", "register", "rule_for"]


def encode(value: Any) -> bytes:
    """Return the canonical bytes of any supported value; raise UnkeyableArgument for others.

    >>> encode({"a": 1, "b": 2}) == encode({"b": 2, "a": 1})
    True
    >>> encode([1, (2,)]) == encode([1, [2]])
    False
    """
    return Encoder(rule_for).encode(value)


def register(kind: type, rule: Rule) -> None:
    """Let `rule` encode values of exactly this type."""
    RULES[kind] = rule


def rule_for(kind: type) -> Rule:
    """Return the rule of a type, found once for each type by its nearest registered base."""
    rule = RULES.get(kind)
    if rule is None:
        rule = RULES[kind] = _find_rule(kind)
    return rule


def _find_rule(kind: type) -> Rule:
    if hasattr(kind, "__memo_key__"):
        return _own_key
    if issubclass(kind, enum.Enum):
        return _enum
    if issubclass(kind, type):
        return _class
    for base in kind.__mro__:
        if base in REFUSED:
            return _refuse
        if base in BY_BASE:
            return BY_BASE[base]
        module = base.__module__.partition(".")[0]
        if module in LIBRARIES:
            return LIBRARIES[module]()(base)
    return _refuse if issubclass(kind, Iterator) else encode_object


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
        encoded = yield ("[{!r}]", name), value
        parts.append(scalar(len(encoded)) + encoded)
    return b"e" + b"".join(parts)


def _set(value: set[Any]) -> Walk:
    return encode_unordered(b"s", value)


def _frozenset(value: frozenset[Any]) -> Walk:
    return encode_unordered(b"z", value)


def _bytes(value: bytes) -> bytes:
    return b"b" + digest_buffer(value)


def _bytearray(value: bytearray) -> bytes:
    return b"B" + digest_buffer(value)


def _memoryview(value: memoryview) -> Walk:
    contiguous = value if value.c_contiguous else memoryview(value.tobytes())
    described = (value.format, value.shape, digest_buffer(contiguous))
    return encode_tagged(b"V", "memoryview", (("{}", ""), described))


def _by(name: str, parts: Callable[[Any], Any]) -> Rule:
    """Make the rule of a type that a few plain parts describe."""
    return lambda value: encode_tagged(b"V", name, (("{}", ""), parts(value)))


def _datetime_parts(value: datetime.datetime) -> tuple[Any, ...]:
    return (value.date(), value.timetz(), value.fold)


def _time_parts(value: datetime.time) -> tuple[Any, ...]:
    return (value.hour, value.minute, value.second, value.microsecond, value.fold, value.tzinfo)


def _enum(value: enum.Enum) -> Walk:
    kind = type(value)
    return encode_tagged(b"E", type_name(kind), ((".name", ""), value.name), ((".value", ""), value.value))


def _class(value: type) -> bytes:
    return b"c" + type_name(value).encode()


def _builtin(value: Any) -> Walk:
    owner = getattr(value, "__self__", None)
    receiver = None if isinstance(owner, types.ModuleType) else owner
    name = f"{module_name(value.__module__ or '')}.{value.__qualname__}"
    return encode_tagged(b"f", name, ((".__self__", ""), receiver))


def _bound_method(value: types.MethodType) -> Walk:
    return encode_tagged(b"M", "method", ((".__self__", ""), value.__self__), ((".__func__", ""), value.__func__))


def _partial(value: functools.partial[Any]) -> Walk:
    return encode_tagged(
        b"P", type_name(type(value)),
        ((".func", ""), value.func), ((".args", ""), value.args), ((".keywords", ""), value.keywords),
        ((".__dict__", ""), vars(value)),
    )  # fmt: skip


def _module(value: types.ModuleType) -> bytes:
    return b"i" + value.__name__.encode()


def _own_key(value: Any) -> Walk:
    """Take the word of the class, by `__memo_key__(self)`."""
    return encode_tagged(b"K", type_name(type(value)), ((".__memo_key__()", ""), type(value).__memo_key__(value)))


def _text_subclass(value: str) -> Walk:
    return _subclass(value, str.__str__(value))


def _number_subclass(value: Any) -> Walk:
    plain = next(base for base in (int, float, complex, bytes, bytearray) if isinstance(value, base))
    return _subclass(value, plain(value) if plain is not int else int.__index__(value))


def _subclass(value: Any, plain: Any) -> Walk:
    """Encode an instance of a subclass of a built-in: which class, the built-in value, and its attributes."""
    attributes = state_without_derived(value, getattr(value, "__dict__", {}))
    return encode_tagged(b"U", type_name(type(value)), (("{}", ""), plain), ((".__dict__", ""), attributes))


def _tuple_subclass(value: tuple[Any, ...]) -> Walk:
    return _subclass(value, tuple.__getitem__(value, slice(None)))


def _list_subclass(value: list[Any]) -> Walk:
    return _subclass(value, list.__getitem__(value, slice(None)))


def _set_subclass(value: Any) -> Walk:
    plain = set if isinstance(value, set) else frozenset
    return _subclass(value, plain(plain.__iter__(value)))


def _dict_subclass(value: dict[Any, Any]) -> Walk:
    default = getattr(value, "default_factory", None)
    return _subclass(value, (dict(dict.items(value)), default))


def _ordered_dict(value: collections.OrderedDict[Any, Any]) -> Walk:
    return _subclass(value, list(collections.OrderedDict.items(value)))


def _deque(value: collections.deque[Any]) -> Walk:
    return _subclass(value, (value.maxlen, list(value)))


def _refuse(value: Any) -> bytes:
    raise Unkeyable(described(value))


def _arrays() -> Callable[[type], Rule]:
    from memostore.keys import arrays  # slow: needs NumPy, and is needed only by those who have it loaded

    return arrays.rule_for


LIBRARIES: dict[str, Callable[[], Callable[[type], Rule]]] = {"numpy": _arrays, "pandas": _arrays}

REFUSED: frozenset[type] = frozenset({
    types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType, types.FrameType, types.TracebackType,
    io.IOBase, threading.Thread, type(threading.Lock()), type(threading.RLock()), threading.Condition,
    threading.Event, threading.local, weakref.ref, types.CodeType,
})  # fmt: skip

RULES: dict[type, Rule] = {
    list: _list, tuple: _tuple, dict: _dict, set: _set, frozenset: _frozenset,
    bytes: _bytes, bytearray: _bytearray, memoryview: _memoryview,
    type: _class, types.ModuleType: _module, State: encode_state,
    types.BuiltinFunctionType: _builtin, types.MethodType: _bound_method,
    range: _by("range", lambda v: (v.start, v.stop, v.step)),
    slice: _by("slice", lambda v: (v.start, v.stop, v.step)),
    datetime.datetime: _by("datetime", _datetime_parts),
    datetime.date: _by("date", lambda v: v.toordinal()),
    datetime.time: _by("time", _time_parts),
    datetime.timedelta: _by("timedelta", lambda v: (v.days, v.seconds, v.microseconds)),
    decimal.Decimal: _by("Decimal", lambda v: tuple(v.as_tuple())),
    fractions.Fraction: _by("Fraction", lambda v: (v.numerator, v.denominator)),
    uuid.UUID: _by("UUID", lambda v: v.int),
    re.Pattern: _by("re.Pattern", lambda v: (v.pattern, v.flags)),
    types.MappingProxyType: _by("mappingproxy", dict),
    types.SimpleNamespace: _by("SimpleNamespace", vars),
}  # fmt: skip

# Subclasses of built-ins, and families whose concrete class depends on the platform.
BY_BASE: dict[type, Rule] = {
    pathlib.PurePath: _by("Path", str),
    functools.partial: _partial,
    collections.OrderedDict: _ordered_dict,
    collections.deque: _deque,
    str: _text_subclass, int: _number_subclass, float: _number_subclass, complex: _number_subclass,
    bytes: _number_subclass, bytearray: _number_subclass,
    tuple: _tuple_subclass, list: _list_subclass, dict: _dict_subclass,
    set: _set_subclass, frozenset: _set_subclass,
}  # fmt: skip
