"""Pairs of values of the standard library: what must have one key, and what must not."""

import array
import ast
import collections
import copy
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import inspect
import io
import ipaddress
import logging
import pathlib
import pickle
import random
import re
import string
import struct
import typing
import zoneinfo

import pytest

from memostore import Store

STORE = Store(":memory:")


@STORE.memoize
def f(value):
    return value


key = f.key


class Bits(enum.Flag):
    A = 1
    B = 2


class Area:
    def __init__(self, side):
        self.side = side

    @classmethod
    def named(cls):
        return cls.__name__


class SlottedPath(type(pathlib.Path())):
    __slots__ = ("unit",)


class LyingPath(pathlib.PurePosixPath):
    __slots__ = ()

    def __str__(self):
        return "the same"

    __fspath__ = as_posix = __str__


class SlottedError(ValueError):
    __slots__ = ("code",)


class NamedBytes(io.BytesIO):
    name = None


class Zone(zoneinfo.ZoneInfo):
    pass


class Shade(enum.Enum):
    BLACK = 1
    DARK = 1  # noqa: PIE796 # an alias is what is wanted


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Tone(enum.StrEnum):
    LOW = "low"


class Meta(type):
    pass


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Strict:
    x: object


class LyingObject:
    """Says of itself that it is an empty tuple."""

    def __init__(self, value):
        self.__dict__["value"] = value

    @property
    def __class__(self):
        return tuple

    def __iter__(self):
        return iter(())

    def __len__(self):
        return 0

    def __bool__(self):
        return False

    def __eq__(self, other):
        return True

    def __hash__(self):
        return 0

    def __repr__(self):
        return "()"

    def __dir__(self):
        return []

    def __getattr__(self, name):
        return None


def adder(number):
    def add(x):
        return x + number

    return add


def with_attribute(value, **attributes):
    for name, attribute in attributes.items():
        setattr(value, name, attribute)
    return value


def raised(cause=None, context=None, **attributes):
    """Return an exception as it is after it was raised and caught."""
    try:
        raise with_attribute(ValueError("a"), __context__=context) from cause
    except ValueError as error:
        return with_attribute(error, **attributes)


def noted(error, *notes):
    for note in notes:
        error.add_note(note)
    return error


def read_to(stream, position):
    stream.seek(position)
    return stream


# Each line: two ways to one value.
EQUAL = {
    "keys of a dict": (lambda: {"a": 1, (2,): 2}.keys(), lambda: {(2,): 3, "a": 4}.keys()),
    "items of a dict": (lambda: {"a": 1, (2,): 2}.items(), lambda: {(2,): 2, "a": 1}.items()),
    "bytes as a file": (lambda: io.BytesIO(b"abc"), lambda: read_to(io.BytesIO(b"abc"), 0)),
    "text as a file": (
        lambda: read_to(io.StringIO("abc"), 1),
        lambda: pickle.loads(pickle.dumps(read_to(io.StringIO("abc"), 1))),
    ),
    "time zones, loaded anew": (
        lambda: zoneinfo.ZoneInfo("Asia/Tokyo"),
        lambda: zoneinfo.ZoneInfo.no_cache("Asia/Tokyo"),
    ),
    "paths with slots": (
        lambda: with_attribute(SlottedPath("a"), unit=[1]),
        lambda: with_attribute(SlottedPath("a"), unit=[1]),
    ),
    "paths, used": (
        lambda: pathlib.PurePosixPath("a/b"),
        lambda: (p := pathlib.PurePosixPath("a/b"), str(p), hash(p), p.parts)[0],
    ),
    "networks, used": (
        lambda: ipaddress.ip_network("10.0.0.0/24"),
        lambda: (n := ipaddress.ip_network("10.0.0.0/24"), n.broadcast_address, n.hostmask, hash(n))[0],
    ),
    "exceptions, raised or not": (lambda: ValueError("a"), lambda: raised()),
    "exceptions, while another was handled": (lambda: raised(), lambda: raised(context=KeyError(1))),
    "exceptions with causes and notes": (
        lambda: noted(raised(cause=KeyError(1)), "n"),
        lambda: noted(raised(cause=KeyError(1)), "n"),
    ),
    "groups of exceptions": (
        lambda: ExceptionGroup("g", [ValueError(1), noted(KeyError(2), "n")]),
        lambda: pickle.loads(pickle.dumps(ExceptionGroup("g", [ValueError(1), noted(KeyError(2), "n")]))),
    ),
    "aliases of enums": (lambda: Shade.DARK, lambda: Shade.BLACK),
    "chained maps": (lambda: collections.ChainMap({"a": 1, "b": 2}), lambda: collections.ChainMap({"b": 2, "a": 1})),
    "weights of a Struct": (lambda: struct.Struct("<i"), lambda: struct.Struct("<i")),
    "type variables": (lambda: typing.TypeVar("T", bound=int), lambda: typing.TypeVar("T", bound=int)),
    "signatures": (lambda: inspect.signature(adder), lambda: inspect.signature(adder)),
    "partial methods": (lambda: functools.partialmethod(adder(1), 2), lambda: functools.partialmethod(adder(1), 2)),
    "properties": (lambda: property(adder(1)), lambda: property(adder(1))),
    "dataclass, frozen, slotted, by keyword": (
        lambda: Strict(x=[1]),
        lambda: pickle.loads(pickle.dumps(Strict(x=[1]))),
    ),
    "template": (lambda: string.Template("$a"), lambda: copy.copy(string.Template("$a"))),
    "loggers": (lambda: logging.getLogger("a.b"), lambda: pickle.loads(pickle.dumps(logging.getLogger("a.b")))),
    "parsed text": (lambda: ast.parse("a + 1"), lambda: ast.parse("a + 1")),
}


@pytest.mark.parametrize(("one", "other"), EQUAL.values(), ids=EQUAL)
def test_equal_values_have_one_key(one, other):
    assert key(one()) == key(other())


# Each line: values of which no two may share a key.
DIFFERENT = {
    "notes, causes and attributes of exceptions": [
        ValueError("a"), noted(ValueError("a"), "n"), noted(ValueError("a"), "n", "m"),
        noted(ValueError("a"), "m", "n"),
        raised(cause=KeyError(1)), raised(cause=KeyError(2)), raised(cause=ValueError("a")), raised(code=1),
        raised(code=2),
        noted(raised(cause=KeyError(1)), "n"), ExceptionGroup("a", [ValueError("a")]),
        ExceptionGroup("a", [KeyError("a")]),
        OSError(2, "no", "f"), OSError(2, "no", "g"), FileNotFoundError(2, "no"), OSError(3, "no", "f"),
        StopIteration(1),
        ImportError("a", name="b"), ImportError("a", name="c"), SlottedError("a"),
        with_attribute(SlottedError("a"), code=1), with_attribute(SlottedError("a"), code=2),
    ],
    "views of a dict": [
        {1: 2}.keys(), {1: 2}.values(), {1: 2}.items(), {2: 2}.keys(), {1: 3}.items(), {1}, [1], [2], {1: 2},
        {1: 2, 3: 4}.values(), {3: 4, 1: 2}.values(), collections.OrderedDict({1: 2}).keys(),
        collections.OrderedDict({1: 2, 3: 4}).keys(), collections.OrderedDict({3: 4, 1: 2}).keys(),
    ],
    "text and bytes as files": [
        io.BytesIO(b"ab"), io.BytesIO(b"ac"), read_to(io.BytesIO(b"ab"), 1), io.StringIO("ab"),
        read_to(io.StringIO("ab"), 1),
        io.StringIO("ab", newline="\r"), NamedBytes(b"ab"), with_attribute(NamedBytes(b"ab"), name="f"), b"ab", "ab",
    ],
    "counters": [
        collections.Counter(), collections.Counter(a=0), collections.Counter(a=1), collections.Counter(a=-1),
        collections.Counter(b=0), {"a": 0},
    ],
    "ranges and slices, empty or not": [
        range(0), range(2, 2), range(0, 0, 2), range(1, 4, 2), range(1, 5, 2), slice(None), slice(0, None),
        slice(0, None, 1),
        slice(0), slice("a"), (0, 0, 1), range(3), [0, 1, 2],
    ],
    "patterns": [
        re.compile("a"), re.compile(b"a"), re.compile("a", re.I), re.compile("a", re.ASCII), re.compile("a", re.X), "a",
    ],
    "dates with zones": [
        datetime.datetime(2020, 10, 25, 2, 30, tzinfo=zone, fold=fold)
        for zone in (
            None, datetime.UTC, datetime.timezone(datetime.timedelta(0), "Z"),
            datetime.timezone(datetime.timedelta(hours=1)),
            datetime.timezone(datetime.timedelta(hours=1), "CET"), zoneinfo.ZoneInfo("Europe/Berlin"),
            zoneinfo.ZoneInfo("Europe/Paris"), zoneinfo.ZoneInfo("UTC"),
        )
        for fold in (0, 1)
    ],
    "zones": [zoneinfo.ZoneInfo("UTC"), zoneinfo.ZoneInfo("Etc/UTC"), datetime.UTC, Zone("UTC"), "UTC", ("UTC",)],
    "numbers of every precision": [
        *map(decimal.Decimal, ["1.0", "1.00", "1", "0", "-0", "0e1", "nan", "nan1", "-nan", "snan", "inf"]),
        1, 1.0,
        fractions.Fraction(1), fractions.Fraction(-1), fractions.Fraction(1, 2),
    ],
    "arrays of the standard library": [
        array.array(code, [1]) for code in "bBhHiIlLqQfd"
    ] + [array.array("b", b"\1\1"), array.array("b"), bytearray(b"\1"), b"\1", [1]],
    "constructs of typing": [
        list[int], list[str], tuple[int], tuple[int, ...], dict[str, int], int | None, int | str,
        typing.Union, typing.Any, typing.Literal[1], typing.Literal[True], typing.Literal["1"],
        typing.Annotated[int, 1],
        typing.Annotated[int, 2], typing.Callable[[int], int], typing.Callable[[int], str], typing.Callable[..., int],
        collections.abc.Callable[[int], int], typing.TypeVar("T"), typing.TypeVar("U"), typing.TypeVar("T", bound=int),
        typing.TypeVar("T", int, str), typing.TypeVar("T", covariant=True), typing.ClassVar[int], typing.Final[int],
        int,
    ],
    "enums of other kinds": [
        Level.LOW, Level.HIGH, 1, 2, Bits.A, Bits.B, Bits.A | Bits.B, Bits(0), Tone.LOW, "low", Shade.BLACK,
        Shade, Level,
    ],
    "descriptors": [
        property(adder(1)), property(adder(2)), property(None, adder(1)), property(adder(1), doc="d"),
        staticmethod(adder(1)),
        classmethod(adder(1)), functools.cached_property(adder(1)), functools.partialmethod(adder(1)),
        functools.partialmethod(adder(1), 2), str.lower, str.upper, bytes.lower, Area.__dict__["named"], "a".lower,
        "b".lower,
        dict.fromkeys, collections.OrderedDict.fromkeys,
    ],
    "collections in Python": [
        collections.ChainMap({"a": 1}, {}), collections.ChainMap({}, {"a": 1}), collections.ChainMap({"a": 1}),
        collections.UserList([1]), collections.UserString("a"), collections.UserDict(a=2), string.Template("$a"),
        string.Template("$b"), struct.Struct("<i"), struct.Struct(">i"), "<i", random.Random(1), random.Random("1"),
    ],
    "signatures": [
        inspect.signature(lambda x: x), inspect.signature(lambda y: y), inspect.signature(lambda x=1: x),
        inspect.signature(lambda *x: x), inspect.Parameter("x", inspect.Parameter.KEYWORD_ONLY),
    ],
    "paths with attributes": [
        SlottedPath("a"), with_attribute(SlottedPath("a"), unit="m"), with_attribute(SlottedPath("a"), unit="s"),
        pathlib.PurePosixPath("a"), pathlib.PureWindowsPath("a"), pathlib.Path("a"), LyingPath("a"), LyingPath("b"),
    ],
    "classes of a metaclass": [Meta("A", (), {}), Meta("B", (), {}), type("A", (), {}), Meta, Meta("A", (), {})()],
    "objects that lie about all that they are": [LyingObject(1), LyingObject(2), LyingObject(None), 0, ()],
    "addresses and networks": [
        *map(ipaddress.ip_address, ["10.0.0.1", "10.0.0.2", "::1"]), ipaddress.ip_interface("10.0.0.1/24"),
        ipaddress.ip_interface("10.0.0.1/25"), ipaddress.ip_network("10.0.0.0/24"), ipaddress.ip_network("10.0.0.0/25"),
        "10.0.0.1", ipaddress.ip_address("fe80::1%a"), ipaddress.ip_address("fe80::1%b"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("values", DIFFERENT.values(), ids=DIFFERENT)
def test_different_values_have_different_keys(values):
    by_key = collections.defaultdict(list)
    for place, value in enumerate(values):
        by_key[key(value)].append(place)
    together = [places for places in by_key.values() if len(places) > 1]
    assert not together, f"values at these places share a key: {together}"
