"""Digests that stay: the same on every Python version and platform, and from one release to the next.

A change here makes every stored result a miss. `python tests/test_keys_golden.py` prints the table anew.
"""

import array
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import io
import ipaddress
import math
import operator
import pathlib
import random
import re
import string
import struct
import types
import typing
import uuid
import zoneinfo

import pytest

from memostore.digest import digest
from memostore.keys.rules import encode


class Colour(enum.Enum):
    RED = 1


class Bits(enum.Flag):
    A = 1
    B = 2


@dataclasses.dataclass
class Point:
    x: object
    y: object = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    x: object


class Pair(typing.NamedTuple):
    x: object
    y: object


class Plain:
    """An object with any attributes."""


class Words(list):
    """A list with attributes."""


def looped():
    loop = [1]
    loop.append({"again": loop})
    return loop


def plain(**attributes):
    value = Plain()
    vars(value).update(attributes)
    return value


def failed():
    error = ValueError("a", 1)
    error.add_note("n")
    error.__cause__ = KeyError("b")
    return error


BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
# The module's name is in the key of a class, and depends on how a test is run.
for kind in (Colour, Bits, Point, Slotted, Pair, Plain, Words):
    kind.__module__ = "golden"
VARIABLE = typing.TypeVar("T", bound=int)
VARIABLE.__module__ = "golden"

VALUES = {
    "None": None, "True": True, "int": 1, "negative": -(2**31), "large": 10**40, "float": 1.0, "minus zero": -0.0,
    "nan": math.nan, "inf": math.inf, "complex": 1 - 0j, "text": "abc", "unicode": "größe\u0301\ud800", "empty": "",
    "bytes": b"abc", "long bytes": bytes(range(256)) * 99, "bytearray": bytearray(b"abc"), "view": memoryview(b"abc"),
    "ellipsis": ..., "NotImplemented": NotImplemented, "list": [1, "a", None], "nested": [[1, [2.0]], (3, ())],
    "tuple": (1, (2,)), "set": {1, "a", None}, "frozenset": frozenset({(1, 2), "b"}), "sets": {frozenset({1}), (2,)},
    "dict": {"b": 1, "a": 2}, "mixed dict": {1: "a", "1": [2], (1,): None, None: 0},
    "deep dict": {"a": {"b": {"c": [1]}}},
    "range": range(1, 9, 2), "slice": slice(None, 5), "looped": looped(), "keys": {"a": 1, (1,): 2}.keys(),
    "items": {1: (2,)}.items(), "values": {1: (2,)}.values(), "proxy": types.MappingProxyType({"a": [1]}),
    "Decimal": decimal.Decimal("-1.10"), "Fraction": fractions.Fraction(1, 3), "UUID": uuid.UUID(int=5),
    "date": datetime.date(2020, 2, 29), "time": datetime.time(1, 2, 3, 4, fold=1),
    "datetime": datetime.datetime(2020, 10, 25, 2, 30, tzinfo=BERLIN, fold=1),
    "UTC": datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC), "timedelta": datetime.timedelta(-1, 5, 7),
    "zone": BERLIN, "fixed zone": datetime.timezone(datetime.timedelta(hours=1), "CET"),
    "pattern": re.compile("a+", re.I),
    "path": pathlib.Path("a/b"), "pure path": pathlib.PurePosixPath("a"), "windows": pathlib.PureWindowsPath("a/b"),
    "address": ipaddress.ip_address("10.0.0.1"), "network": ipaddress.ip_network("10.0.0.0/24"),
    "array": array.array("d", [1.5]), "BytesIO": io.BytesIO(b"a"), "StringIO": io.StringIO("a"),
    "deque": collections.deque([1, 2], 5), "Counter": collections.Counter("aab"),
    "OrderedDict": collections.OrderedDict([("b", 1), ("a", 2)]), "defaultdict": collections.defaultdict(list, a=[1]),
    "ChainMap": collections.ChainMap({"a": 1}), "UserDict": collections.UserDict(a=1), "random": random.Random(5),
    "namespace": types.SimpleNamespace(a=1), "template": string.Template("$a"), "struct": struct.Struct("<i"),
    "itemgetter": operator.itemgetter(1, "a"), "partial": functools.partial(int, base=3), "built-in": len,
    "method": "a".join, "method of a class": dict.fromkeys, "method descriptor": str.lower,
    "class": collections.Counter,
    "built-in class": int, "module": re, "exception": failed(), "group": ExceptionGroup("g", [ValueError(1)]),
    "OSError": FileNotFoundError(2, "no", "f"), "alias": list[int], "union": int | None,
    "Literal": typing.Literal[1, "a"],
    "Annotated": typing.Annotated[int, 1], "Callable": typing.Callable[[int], str], "Any": typing.Any,
    "TypeVar": VARIABLE, "enum": Colour.RED, "flags": Bits.A | Bits.B, "enum class": Colour,
    "dataclass": Point(1, [2]), "slotted": Slotted("a"), "named tuple": Pair(1, 2), "object": plain(a=1, b=[2]),
    "list with attributes": Words([1]),
}  # fmt: skip


def found():
    return {name: digest(encode(value)).hex()[:16] for name, value in VALUES.items()}


GOLDEN = {
    "None": "2461c96cd59fa1d4",
    "True": "83ba5902fd6bb4f8",
    "int": "25f89be13343b14f",
    "negative": "0c74c122196611ac",
    "large": "1586b9cfaa9cfe0b",
    "float": "220fd7a59c40c118",
    "minus zero": "3bcf3f331cf76922",
    "nan": "3e612da0a938f7e0",
    "inf": "2dbd3e9598e53641",
    "complex": "0f016d204cf1d499",
    "text": "2ea91061fd03deac",
    "unicode": "b06abc138d8bb7a6",
    "empty": "02b11e1c91346c24",
    "bytes": "28f71917d929e859",
    "long bytes": "183936056e493cbd",
    "bytearray": "dbbaf543714a15e5",
    "view": "1f967d5dd14660f9",
    "ellipsis": "e6614b6e27fc7a48",
    "NotImplemented": "121b7ba724e9fda9",
    "list": "3e8d696c0afc5213",
    "nested": "34d1778457a7ec24",
    "tuple": "79f2d1adedbe472f",
    "set": "2c65fad5c53dca11",
    "frozenset": "0014e05367302997",
    "sets": "50cf207e319e7c83",
    "dict": "aad5e36b4046a358",
    "mixed dict": "8e90ad2699f9894f",
    "deep dict": "885ee18c88fcddb5",
    "range": "317adfebf2c9c213",
    "slice": "64eb8a1f4b34ee6d",
    "looped": "00b235e4768e6fbb",
    "keys": "083ddb762d667165",
    "items": "c04fb2cbf5902cec",
    "values": "ee7bfcc0f62a16ea",
    "proxy": "4c8daadb8320f6f2",
    "Decimal": "5561f02ca0e37caa",
    "Fraction": "f21406fac6355997",
    "UUID": "42dfa4b8bc042077",
    "date": "3f38454e31f6b13d",
    "time": "da62122c934b39b5",
    "datetime": "331548eb5eb9a1b9",
    "UTC": "c4cd6b035e7ef6e5",
    "timedelta": "1de14a9b47b986a3",
    "zone": "b97c570089175242",
    "fixed zone": "bb74fe7829d1d178",
    "pattern": "7108919077ad47b8",
    "path": "cad62a572e8363fd",
    "pure path": "e82a09d4c1553217",
    "windows": "c7a2ecea0c56661f",
    "address": "e0e7cef102a92dde",
    "network": "18e3c630c5350919",
    "array": "03c839d03a5e2a13",
    "BytesIO": "3409124a7271d5f0",
    "StringIO": "243b7d069a38a68b",
    "deque": "8290341ac7717da9",
    "Counter": "c7e02d0c6289c72f",
    "OrderedDict": "9e33f7273d25ae0d",
    "defaultdict": "1bc6f749a572b7fd",
    "ChainMap": "f3b7fa5d02b2ba2d",
    "UserDict": "535240b196fbcd4a",
    "random": "79a07a4f11b347ec",
    "namespace": "6a5284ef321ccf18",
    "template": "b17dbca2eb7a9ac3",
    "struct": "c0f05b9fe8d366d3",
    "itemgetter": "142a9f6eb11d5c1f",
    "partial": "50cc9d9fa0f540c3",
    "built-in": "cd8932852103ea2a",
    "method": "5fcd00dae97b3c52",
    "method of a class": "c352f554e686489b",
    "method descriptor": "43bdcd90a5f4a7e3",
    "class": "7c11109e92740d42",
    "built-in class": "8fc949d05fd6ddf3",
    "module": "4f374e0c66ba6a21",
    "exception": "fcdf23dd0dd733f3",
    "group": "0a9722ad29eda504",
    "OSError": "44f94c74c76cf940",
    "alias": "8db55e7d7fd58c6f",
    "union": "d80876897af571ff",
    "Literal": "b5bd1bdaea4004f5",
    "Annotated": "0e10023070eb54ae",
    "Callable": "71bbc4964bbaf7f0",
    "Any": "a101a54ebd59b7c3",
    "TypeVar": "31eb04cb716a0350",
    "enum": "c5e21c574f74f29d",
    "flags": "d7fa835c93012e2f",
    "enum class": "3ac04b5c510ccb9b",
    "dataclass": "b1cc95dbab0c8452",
    "slotted": "620d4f3a29b8f570",
    "named tuple": "85f403c9e1b53f39",
    "object": "75dd31c334c3ffd7",
    "list with attributes": "6f92702ea97b5afa",
}


@pytest.mark.parametrize("name", VALUES)
def test_digests_are_those_of_every_version(name):
    assert digest(encode(VALUES[name])).hex()[:16] == GOLDEN[name]


def test_all_of_them_differ():
    assert len(set(GOLDEN.values())) == len(GOLDEN) == len(VALUES)


if __name__ == "__main__":
    print("\n".join(f'    "{name}": "{text}",' for name, text in found().items()))
