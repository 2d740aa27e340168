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
    Attempt,
    CodeOf,
    Encoder,
    Rule,
    Unkeyable,
    Walk,
    encode_attempt,
    encode_pairs,
    encode_sequence,
    encode_tagged,
    encode_unordered,
    scalar,
    shown,
)
from memostore.keys.naming import module_name, type_name
from memostore.keys.state import (
    Recorder,
    State,
    described,
    encode_instance,
    encode_object,
    encode_recorder,
    encode_state,
    own_state,
)

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
        encoded = yield ("[{!r}]", shown(name)), value
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
    described = (value.format, value.shape, digest_buffer(value.tobytes()))
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
    return encode_instance(b"E", kind, ((".name", ""), value.name), ((".value", ""), value.value))


def _class(value: type) -> Walk:
    return encode_instance(b"c", value)


def _unseen_code(_: CodeOf) -> bytes:
    return b""


def _builtin(value: Any) -> Walk:
    owner = getattr(value, "__self__", None)
    receiver = None if isinstance(owner, types.ModuleType) else owner
    name = f"{module_name(value.__module__ or '')}.{value.__qualname__}"
    return encode_tagged(b"f", name, ((".__self__", ""), receiver))


def _bound_method(value: types.MethodType) -> Walk:
    return encode_tagged(b"M", "method", ((".__self__", ""), value.__self__), ((".__func__", ""), value.__func__))


def _partial(value: functools.partial[Any]) -> Walk:
    return encode_instance(
        b"P", type(value),
        ((".func", ""), value.func), ((".args", ""), value.args), ((".keywords", ""), value.keywords),
        ((".__dict__", ""), vars(value)),
    )  # fmt: skip


def _module(value: types.ModuleType) -> bytes:
    return b"i" + value.__name__.encode()


def _own_key(value: Any) -> Walk:
    """Take the word of the class, by `__memo_key__(self)`."""
    return encode_tagged(b"K", type_name(type(value)), ((".__memo_key__()", ""), type(value).__memo_key__(value)))


def _subclass(value: Any, plain: Any) -> Walk:
    """Encode an instance of a subclass of a built-in: which class, the built-in value, and its attributes."""
    return encode_instance(b"U", type(value), (("{}", ""), plain), (("{}", ""), own_state(value)))


def _subclass_of(plain: Callable[[Any], Any]) -> Rule:
    """Make the rule of a built-in's subclasses. `plain` asks the built-in's own method: a subclass may lie in its."""
    return lambda value: _subclass(value, plain(value))


def _tuple_subclass(value: tuple[Any, ...]) -> Walk:
    if hasattr(type(value), "n_fields"):  # time.struct_time, os.stat_result: some fields are no items of the tuple
        return encode_object(value)
    return _subclass(value, (tuple.__getitem__(value, slice(None)), getattr(type(value), "_fields", None)))


def _path(value: pathlib.PurePath) -> Walk:
    kind = type(value)
    if kind in (pathlib.PosixPath, pathlib.WindowsPath):
        return encode_tagged(b"V", "Path", (("{}", ""), str(value)))
    return encode_instance(b"V", kind, (("{}", ""), str(value)), ((".__dict__", ""), getattr(value, "__dict__", None)))


def _lru_cached(value: Any) -> Walk:
    parameters = value.cache_parameters()
    return encode_tagged(b"W", "lru_cache", ((".__wrapped__", ""), value.__wrapped__), (("{}", ""), parameters))


def _refuse(value: Any) -> bytes:
    raise Unkeyable(described(value))


def _arrays() -> Callable[[type], Rule]:
    from memostore.keys import arrays  # slow: needs NumPy, and is needed only by those who have it loaded

    return arrays.rule_for


def _mocks() -> Callable[[type], Rule]:
    return lambda base: _mock if base.__module__ == "unittest.mock" else encode_object


def _mock(value: Any) -> Walk:
    """Encode a stand-in by what it was told to be and to answer: its record of calls is no part of that."""
    return encode_tagged(b"V", type_name(type(value)), (("{}", ""), _told(value)))


def _told(mock: Any) -> dict[str, Any]:
    """Return what a mock and its children were configured with; what appears by being called is left out."""
    own = vars(mock)
    told = {name: value for name, value in own.items() if not name.startswith("_") and name != "method_calls"}
    told.update({name: own.get(name) for name in ("_mock_side_effect", "_mock_wraps", "_spec_class")})
    for name, answer in {**own.get("_mock_children", {}), "()": own.get("_mock_return_value")}.items():
        if type(answer).__name__ != "_SentinelObject":
            told[f"answer {name}"] = _told(answer) if hasattr(type(answer), "assert_called") else answer
    return {name: value for name, value in told.items() if value is not None and value != {}}


LIBRARIES: dict[str, Callable[[], Callable[[type], Rule]]] = {"numpy": _arrays, "pandas": _arrays, "unittest": _mocks}

REFUSED: frozenset[type] = frozenset({
    types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType, types.FrameType, types.TracebackType,
    io.IOBase, threading.Thread, type(threading.Lock()), type(threading.RLock()), threading.Condition,
    threading.Event, threading.local, weakref.ref, types.CodeType,
})  # fmt: skip

default_factory_of = vars(collections.defaultdict)["default_factory"].__get__

RULES: dict[type, Rule] = {
    list: _list, tuple: _tuple, dict: _dict, set: _set, frozenset: _frozenset,
    bytes: _bytes, bytearray: _bytearray, memoryview: _memoryview,
    type: _class, types.ModuleType: _module, State: encode_state, Recorder: encode_recorder,
    CodeOf: _unseen_code, Attempt: encode_attempt,
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
    types.MappingProxyType: _by("mappingproxy", lambda v: v.copy()),
    type(functools.lru_cache(len)): _lru_cached,
    types.SimpleNamespace: _by("SimpleNamespace", lambda v: State(vars(v))),
}  # fmt: skip

# Subclasses of built-ins, and families whose concrete class depends on the platform.
BY_BASE: dict[type, Rule] = {
    pathlib.PurePath: _path,
    functools.partial: _partial,
    collections.OrderedDict: _subclass_of(lambda v: list(collections.OrderedDict.items(v))),
    collections.deque: _subclass_of(lambda v: (v.maxlen, list(collections.deque.__iter__(v)))),
    collections.defaultdict: _subclass_of(lambda v: (dict(dict.items(v)), default_factory_of(v))),
    str: _subclass_of(str.__str__),
    int: _subclass_of(int.__index__),
    float: _subclass_of(float.__float__),
    complex: _subclass_of(complex.__complex__),
    bytes: _subclass_of(lambda v: bytes.__getitem__(v, slice(None))),
    bytearray: _subclass_of(lambda v: bytearray.__getitem__(v, slice(None))),
    tuple: _tuple_subclass,
    list: _subclass_of(lambda v: list.__getitem__(v, slice(None))),
    dict: _subclass_of(lambda v: dict(dict.items(v))),
    set: _subclass_of(lambda v: set(set.__iter__(v))),
    frozenset: _subclass_of(lambda v: frozenset(frozenset.__iter__(v))),
}  # fmt: skip
