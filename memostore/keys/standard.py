"""Rules for types of the standard library, and what of it is no value: files, locks, connections, running things."""

from __future__ import annotations

import collections
import contextvars
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
import typing
import uuid
import weakref
from typing import Any

from memostore.keys.builtin import by_parts, subclass_of
from memostore.keys.encoding import Rule, Unkeyable, Walk, encode_sequence, encode_tagged
from memostore.keys.naming import module_of, type_name
from memostore.keys.state import State, described, encode_instance, encode_object, own_slots

__all__ = ["BASES", "NAMED", "REFUSED_MODULES", "RULES", "encode_enum", "mock_rule_for", "refuse"]


def _datetime_parts(value: datetime.datetime) -> tuple[Any, ...]:
    return (value.date(), value.timetz(), value.fold)


def _time_parts(value: datetime.time) -> tuple[Any, ...]:
    return (value.hour, value.minute, value.second, value.microsecond, value.fold, value.tzinfo)


def encode_enum(value: enum.Enum) -> Walk:
    """Encode a member of an enum by its class, name and value: the class may define them as something else."""
    kind = type(value)
    return encode_instance(b"E", kind, ((".name", ""), value._name_), ((".value", ""), value._value_))


def _partial(value: functools.partial[Any]) -> Walk:
    return encode_instance(
        b"P", type(value),
        ((".func", ""), value.func), ((".args", ""), value.args), ((".keywords", ""), value.keywords),
        ((".__dict__", ""), vars(value)),
    )  # fmt: skip


def _path(value: pathlib.PurePath) -> Walk:
    kind, text = type(value), pathlib.PurePath.__str__(value)
    if kind in (pathlib.PosixPath, pathlib.WindowsPath):
        return encode_tagged(b"V", "Path", (("{}", ""), text))
    added = {name: item for name, item in own_slots(value).items() if not hasattr(pathlib.Path, name)}
    attributes = {**added, **getattr(value, "__dict__", {})}
    return encode_instance(b"V", kind, (("{}", ""), text), (("{}", ""), State(attributes) if attributes else None))


def _lru_cached(value: Any) -> Walk:
    parameters = value.cache_parameters()
    return encode_tagged(b"W", "lru_cache", ((".__wrapped__", ""), value.__wrapped__), (("{}", ""), parameters))


def _type_variable(value: typing.TypeVar) -> tuple[Any, ...]:
    name = (module_of(value), value.__name__)
    return (*name, value.__bound__, value.__constraints__, value.__covariant__, value.__contravariant__)


def _generic_alias(value: Any) -> tuple[Any, ...]:
    """Return the parts of `List[int]` and its like: what typing keeps beside them differs between versions."""
    return (value.__origin__, value.__args__, getattr(value, "__metadata__", None))


def _zone(value: Any) -> Walk | bytes:
    """Encode a time zone by its name: how it was loaded does not count. One that was read from a file has none."""
    if value.key is None or type(value).__module__ != "zoneinfo":
        return encode_object(value)
    return encode_tagged(b"V", "ZoneInfo", (("{}", ""), value.key))


def refuse(value: Any) -> bytes:
    """Refuse what is no value."""
    raise Unkeyable(described(value))


def mock_rule_for(base: type) -> Rule:
    """Return the rule of a class of `unittest`."""
    return _mock if base.__module__ == "unittest.mock" else encode_object


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
    return {
        name: value for name, value in told.items() if value is not None and not (type(value) is dict and not value)
    }


default_factory_of = vars(collections.defaultdict)["default_factory"].__get__

# What else stands for a computation that goes on, or for something outside of the process. None of it is a value.
REFUSED_MODULES = frozenset({"asyncio", "_asyncio", "concurrent", "multiprocessing", "selectors"})
REFUSED: tuple[type, ...] = (
    types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType, types.FrameType, types.TracebackType,
    io.IOBase, threading.Thread, type(threading.Lock()), type(threading.RLock()), threading.Condition,
    threading.Event, threading.Semaphore, threading.Barrier, threading.local, types.CodeType, contextvars.ContextVar,
    contextvars.Context, contextvars.Token, weakref.ref, weakref.ProxyType, weakref.CallableProxyType,
    weakref.finalize, weakref.WeakSet, weakref.WeakKeyDictionary, weakref.WeakValueDictionary,
)  # fmt: skip
REFUSED_NAMES = (
    "queue.Queue", "_queue.SimpleQueue", "sqlite3.Connection", "sqlite3.Cursor", "sqlite3.Blob", "subprocess.Popen",
    "socket.socket", "tempfile._TemporaryFileWrapper", "tempfile.SpooledTemporaryFile", "tempfile.TemporaryDirectory",
    "zipfile.ZipFile", "tarfile.TarFile", "mmap.mmap", "ssl.SSLContext", "logging.Handler",
)  # fmt: skip

NAMED: dict[str, Rule] = {
    "typing._GenericAlias": by_parts("typing", _generic_alias),
    "typing._SpecialForm": by_parts("typing", lambda v: v._name),
    "zoneinfo.ZoneInfo": _zone,
    "_struct.Struct": by_parts("Struct", lambda v: v.format),
    **dict.fromkeys(REFUSED_NAMES, refuse),
}

RULES: dict[type, Rule] = {
    datetime.datetime: by_parts("datetime", _datetime_parts),
    datetime.date: by_parts("date", lambda v: v.toordinal()),
    datetime.time: by_parts("time", _time_parts),
    datetime.timedelta: by_parts("timedelta", lambda v: (v.days, v.seconds, v.microseconds)),
    decimal.Decimal: by_parts("Decimal", lambda v: tuple(v.as_tuple())),
    fractions.Fraction: by_parts("Fraction", lambda v: (v.numerator, v.denominator)),
    uuid.UUID: by_parts("UUID", lambda v: v.int),
    re.Pattern: by_parts("re.Pattern", lambda v: (v.pattern, v.flags)),
    type(functools.lru_cache(len)): _lru_cached,
    functools.cached_property: by_parts("cached_property", lambda v: (v.func, v.attrname)),
    typing.TypeVar: by_parts("TypeVar", _type_variable),
    type(collections.OrderedDict().keys()): lambda v: encode_sequence(b"wk", v),
    type(collections.OrderedDict().items()): lambda v: encode_sequence(b"wi", v),
    type(collections.OrderedDict().values()): lambda v: encode_sequence(b"wv", v),
    types.SimpleNamespace: by_parts("SimpleNamespace", lambda v: State(vars(v))),
}  # fmt: skip

BASES: dict[type, Rule] = {
    io.BytesIO: lambda v: encode_instance(b"V", type(v), ((".getvalue()", ""), io.BytesIO.__getstate__(v))),
    io.StringIO: lambda v: encode_instance(b"V", type(v), ((".getvalue()", ""), io.StringIO.__getstate__(v))),
    **dict.fromkeys(REFUSED, refuse),
    pathlib.PurePath: _path,
    functools.partial: _partial,
    collections.OrderedDict: subclass_of(lambda v: list(collections.OrderedDict.items(v))),
    collections.deque: subclass_of(lambda v: (v.maxlen, list(collections.deque.__iter__(v)))),
    collections.defaultdict: subclass_of(lambda v: (dict(dict.items(v)), default_factory_of(v))),
}
