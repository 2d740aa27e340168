"""Pairs of argument values: what must have one key, and what must not.

Every value goes through `f.key(value)`, as a user's would. Equal values are built by two separate calls, so that no
test passes because both sides are one object.
"""

import array
import collections
import copy
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import ipaddress
import itertools
import operator
import pathlib
import pickle
import random
import re
import sys
import time
import types
import typing
import uuid
import zoneinfo
from unittest import mock

import numpy
import pandas
import pytest

from memostore import Store, UnkeyableArgument

STORE = Store(":memory:")


@STORE.memoize
def f(value):
    return value


key = f.key


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Paint(enum.Enum):
    RED = 1


class Marks(enum.Enum):
    ONE = object()
    OTHER = object()  # noqa: PIE796 # no duplicate: object() equals itself alone


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


class OtherPair(typing.NamedTuple):
    x: object
    y: object


class Text(str):
    __slots__ = ()


class Labelled(str):
    __slots__ = ("label",)


class Unit(list):
    __slots__ = ("unit",)


class AttributeDict(dict):
    __getattr__ = dict.__getitem__


class State:
    """Pickles as whatever it is given."""

    def __init__(self, state):
        self.state = state

    def __getstate__(self):
        return self.state

    def __setstate__(self, state):
        self.state = state


class Slots:
    __slots__ = ("a", "b")

    def __init__(self, a, b=None):
        self.a = a
        if b is not None:
            self.b = b


class ByName:
    """Pickles as the name of a global, as singletons do."""

    def __init__(self, module, name):
        self.__module__ = module
        self.name = name

    def __reduce__(self):
        return self.name


class Liar:
    """Says that it equals everything, hashes as one thing and shows nothing."""

    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return True

    def __hash__(self):
        return 1

    def __repr__(self):
        return "Liar()"


class LyingText(str):
    __slots__ = ()

    def __str__(self):
        return "the same"

    __repr__ = __str__

    def encode(self, *_):
        return b"the same"

    def __hash__(self):
        return 1

    def __eq__(self, other):
        return True


class LyingInt(int):
    def __int__(self):
        return 0

    __index__ = __int__

    def __eq__(self, other):
        return True

    def __hash__(self):
        return 1


class LyingFloat(float):
    def __float__(self):
        return 0.0


class LyingComplex(complex):
    def __complex__(self):
        return 0j


class LyingBytes(bytes):
    def __bytes__(self):
        return b""

    def __len__(self):
        return 0


class LyingByteArray(bytearray):
    def __bytes__(self):
        return b""


class LyingList(list):
    def __iter__(self):
        return iter(())

    def __len__(self):
        return 0

    def __getitem__(self, index):
        return None


class LyingTuple(tuple):
    __slots__ = ()

    def __iter__(self):
        return iter(())

    def __len__(self):
        return 0

    def __getitem__(self, index):
        return ()


class LyingDict(dict):
    def __iter__(self):
        return iter(())

    def items(self):
        return ()

    def keys(self):
        return ()

    def __len__(self):
        return 0


class LyingSet(set):
    def __iter__(self):
        return iter(())


class LyingDeque(collections.deque):
    def __iter__(self):
        return iter(())


class Keyed:
    """Says itself what it is known by."""

    def __init__(self, number, noise=0):
        self.number = number
        self.noise = noise

    def __memo_key__(self):
        return self.number


class OtherKeyed(Keyed):
    pass


class Area:
    def __init__(self, side):
        self.side = side

    @functools.cached_property
    def area(self):
        return self.side**2

    def scaled(self, by):
        return self.side * by

    @classmethod
    def named(cls):
        return cls.__name__


class Rebuilt:
    """Pickles through a factory that is a partial: its repr holds an address."""

    def __init__(self, number):
        self.number = number

    def __reduce__(self):
        return functools.partial(Rebuilt, self.number), ()


class RebuiltByLambda(Rebuilt):
    def __reduce__(self):
        return (lambda: RebuiltByLambda(self.number)), ()


class Pairs:
    """Pickles its pairs as a dictionary does, and keeps them in its own order."""

    def __init__(self, pairs=()):
        self.pairs = pairs

    def __reduce__(self):
        return Pairs, (), None, None, iter(self.pairs)


class BySetter:
    """Is given its state by a function of its own."""

    def __init__(self, number):
        self.number = number

    def __reduce__(self):
        return object.__new__, (BySetter,), {}, None, None, lambda made, _: setattr(made, "number", self.number)


# Classes whose base has a pickle of its own, which knows nothing of an instance's further attributes.
UNITS = {
    type(base.__name__, (base,), {"__module__": __name__}): args
    for base, args in {
        datetime.datetime: (2020, 1, 1),
        datetime.date: (2020, 1, 1),
        datetime.timedelta: (1,),
        decimal.Decimal: ("1.5",),
        fractions.Fraction: (1, 2),
        random.Random: (1,),
        type(pathlib.Path()): ("a",),
    }.items()
}


class Dimension(numpy.ndarray):
    """An array with a unit, as NumPy's own guide to subclassing makes one."""

    unit = None

    def __array_finalize__(self, source):
        self.unit = getattr(source, "unit", None)


class UnitFrame(pandas.DataFrame):
    _metadata = ["unit"]


def function_of(source, name="fn"):
    namespace = {"__name__": "generated"}
    exec(source, namespace)
    return namespace[name]


def adder(number):
    def add(x):
        return x + number

    return add


def with_attribute(value, **attributes):
    for name, attribute in attributes.items():
        setattr(value, name, attribute)
    return value


def looped(order=(1, 2)):
    """Return a list that holds a dict whose values, in any order, hold the list."""
    root = []
    root.append({number: [root, number] for number in order})
    return root


def up(levels):
    """Return three lists, one in the other; the innermost refers to the list so many levels above its end."""
    lists = [[0], [1], [2]]
    lists[0].append(lists[1])
    lists[1].append(lists[2])
    lists[2].append(lists[-levels])
    return lists[0]


def deeper(to):
    """Return a list with a member that refers back to it, and with that member again, or its like, one level down."""
    root = []
    member, level = [root], []
    level.append(member if to == "root" else [level])
    root += [member, level]
    return root


def beside(number):
    """Return a cycle with three members, of which the last refers to one of the others."""
    root = []
    root += [[root, "a"], [root, "b"]]
    root.append([root, root[number]])
    return root


def ring(length):
    first = node = Point(0)
    for number in range(1, length):
        node.y = Point(number)
        node = node.y
    node.y = first
    return first


class Node:
    def __init__(self, number):
        self.number = number
        self.neighbours = set()


def graph_of_sets(order, kind=set, mark=None):
    """Return a node of a graph; its sets hold nodes by their identity, in an order that no process repeats."""
    order = [*order, *set(range(6)).difference(order)]
    nodes = {number: Node("marked" if number == mark else number) for number in order}
    for number in order:
        for other in (nodes[(number + 1) % 6], nodes[(number + 2) % 6]):
            nodes[number].neighbours.add(other)
            other.neighbours.add(nodes[number])
    for node in nodes.values():
        node.neighbours = kind(node.neighbours)
    return nodes[0]


def twice(make):
    """Return a substructure that appears twice, as one object."""
    inner = make()
    return [inner, inner, {"again": inner}]


def frame(**changes):
    columns = {
        "n": [1, 2, 3],
        "x": [1.0, float("nan"), 2.0],
        "t": ["a", None, "c"],
        "c": pandas.Categorical(["u", "v", "u"]),
        "d": pandas.date_range("2020", periods=3, tz="Europe/Berlin"),
        "i": pandas.array([1, None, 3], dtype="Int64"),
        "o": [{1: 2}, [3], (4,)],
    }
    return pandas.DataFrame({**columns, **changes})


def used_frame():
    """Return the same frame after a life of its own: columns added and dropped, caches filled."""
    used = frame()
    used["more"] = 1
    del used["more"]
    used["n"], used.index.is_unique, used.columns.get_loc("n"), repr(used)
    return used


def read_only(values):
    values.flags.writeable = False
    return values


def filled(side):
    area = Area(side)
    assert area.area == side**2
    return area


def rotated(value):
    value.rotate(1)
    return value


def used_cache(function):
    used = functools.lru_cache(function)
    used(1)
    return used


def looked_at_error():
    error = KeyError("k")
    assert vars(error) == {}  # from now on it has a dictionary
    return error


def array_in_itself():
    holder = numpy.empty(1, object)
    holder[0] = holder
    return holder


TWELVE = numpy.arange(12).reshape(3, 4)
STRUCTURED = numpy.dtype([("a", "i4"), ("b", "O")])
PADDED = numpy.dtype({"names": ["a", "b"], "formats": ["u1", "<u4"], "offsets": [0, 4]})


def padded(filler):
    return numpy.frombuffer(bytes([1, *[filler] * 3, 2, 0, 0, 0]), PADDED)


def long_double(filler):
    raw = bytearray(numpy.array([1.5], numpy.longdouble).tobytes())
    if len(raw) == 16 and sys.byteorder == "little" and numpy.finfo(numpy.longdouble).nmant == 63:
        raw[10:] = bytes([filler] * 6)
    return numpy.frombuffer(bytes(raw), numpy.longdouble)


def objects_in(value):
    holder = numpy.zeros(1, STRUCTURED)
    holder["b"][0] = [value]
    return holder


def masked_integers(hidden):
    return pandas.arrays.IntegerArray(numpy.array([1, hidden]), numpy.array([False, True]))


# Each line: two ways to one value.
EQUAL = {
    "dicts in any order": (lambda: {"a": 1, "b": 2}, lambda: {"b": 2, "a": 1}),
    "dicts of lists in any order": (lambda: {"a": [1], "b": [2]}, lambda: {"b": [2], "a": [1]}),
    "dicts with keys of many types": (
        lambda: {1: "i", "1": "s", (1,): "t", None: "n", 1.5: "f"},
        lambda: {1.5: "f", None: "n", (1,): "t", "1": "s", 1: "i"},
    ),
    "nested dicts in any order": (lambda: {"p": {"a": 1, 2: 3}}, lambda: {"p": {2: 3, "a": 1}}),
    "a dict that shrank": (lambda: {"a": 1}, lambda: (d := {str(n): n for n in range(99)}, d.clear(), {"a": 1})[2]),
    "sets in any order": (lambda: {0, 8, 16, 24}, lambda: {24, 16, 8, 0}),
    "sets of tuples": (lambda: {("a", 1), ("b", 2)}, lambda: {("b", 2), ("a", 1)}),
    "frozensets of frozensets": (
        lambda: frozenset({frozenset({1, 2}), frozenset("ab")}),
        lambda: frozenset({frozenset("ba"), frozenset({2, 1})}),
    ),
    "shared and copied lists": (lambda: twice(lambda: [1, [2]]), lambda: [[1, [2]], [1, [2]], {"again": [1, [2]]}]),
    "shared and copied objects": (
        lambda: twice(lambda: Point([1], {})),
        lambda: [Point([1], {}), Point([1], {}), {"again": Point([1], {})}],
    ),
    "shared and copied arrays": (
        lambda: twice(lambda: numpy.arange(3)),
        lambda: [numpy.arange(3), numpy.arange(3), {"again": numpy.arange(3)}],
    ),
    "self-reference": (looped, looped),
    "self-reference, dict order": (lambda: looped((1, 2)), lambda: looped((2, 1))),
    "self-reference, copied": (lambda: ring(5), lambda: copy.deepcopy(ring(5))),
    "interned and built text": (lambda: "abc", lambda: "".join(["a", "b", "c"])),
    "interned and built text within": (lambda: ["abc", "abc"], lambda: ["".join("abc"), "abc"]),
    "small and big integers": (lambda: 10**40, lambda: int("1" + "0" * 40)),
    "nan": (lambda: float("nan"), lambda: float("nan")),
    "bytes": (lambda: b"x" * 1000, lambda: bytes([120] * 1000)),
    "memoryviews, strided": (lambda: memoryview(b"abc"), lambda: memoryview(b"aXbXc")[::2]),
    "dataclass": (lambda: Point(1, [2]), lambda: Point(1, [2])),
    "dataclass, attributes set in another order": (
        lambda: Point(1, 2),
        lambda: with_attribute(Point.__new__(Point), y=2, x=1),
    ),
    "dataclass with slots": (lambda: Slotted([1]), lambda: Slotted([1])),
    "slots": (lambda: Slots(1, 2), lambda: Slots(1, 2)),
    "named tuple": (lambda: Pair(1, [2]), lambda: Pair(y=[2], x=1)),
    "enum": (lambda: Colour.RED, lambda: pickle.loads(pickle.dumps(Colour.RED))),
    "flags": (lambda: Bits.A | Bits.B, lambda: Bits(3)),
    "paths": (lambda: pathlib.Path("a") / "b", lambda: pathlib.Path("a/b")),
    "dates": (lambda: datetime.date(2020, 1, 2), lambda: datetime.date.fromisoformat("2020-01-02")),
    "zoned times": (
        lambda: datetime.datetime(2020, 1, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
        lambda: pickle.loads(pickle.dumps(datetime.datetime(2020, 1, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")))),
    ),
    "Decimal": (lambda: decimal.Decimal("1.10"), lambda: decimal.Decimal(110).scaleb(-2)),
    "Fraction": (lambda: fractions.Fraction(2, 4), lambda: fractions.Fraction(1, 2)),
    "UUID": (lambda: uuid.UUID(int=5), lambda: uuid.UUID(str(uuid.UUID(int=5)))),
    "regex": (lambda: re.compile("a+", re.I), lambda: pickle.loads(pickle.dumps(re.compile("a+", re.I)))),
    "ranges": (lambda: range(0, 10, 2), lambda: range(0, 10, 2)),
    "deque, rotated": (lambda: collections.deque([1, 2], 5), lambda: rotated(collections.deque([2, 1], 5))),
    "Counter": (lambda: collections.Counter("aab"), lambda: collections.Counter({"b": 1, "a": 2})),
    "defaultdict": (
        lambda: collections.defaultdict(list, {"a": [1], "b": []}),
        lambda: (d := collections.defaultdict(list), d["b"], d["a"].append(1), d)[3],
    ),
    "mapping proxy": (lambda: types.MappingProxyType({"a": 1}), lambda: types.MappingProxyType({"a": 1})),
    "array.array": (lambda: array.array("d", [1, 2]), lambda: array.array("d", [1, 2])),
    "function": (lambda: adder(1), lambda: adder(1)),
    "lambda, formatted otherwise": (
        lambda: function_of("fn = lambda x: x + 1"),
        lambda: function_of("\n\nfn = lambda x: (x + 1)  # more"),
    ),
    "partial": (lambda: functools.partial(int, base=3), lambda: functools.partial(int, base=3)),
    "bound method": (lambda: Area(2).scaled, lambda: Area(2).scaled),
    "bound method of a class": (lambda: Area.named, lambda: Area.named),
    "built-in method": (lambda: [1, 2].append, lambda: [1, 2].append),
    "itemgetter": (lambda: operator.itemgetter(1), lambda: operator.itemgetter(1)),
    "lru_cache, empty or used": (lambda: functools.lru_cache(adder(1)), lambda: used_cache(adder(1))),
    "generic aliases": (lambda: dict[str, list[int]], lambda: dict[str, list[int]]),
    "union types": (lambda: int | None, lambda: int | None),
    "random state": (lambda: random.Random(5), lambda: random.Random(5)),
    "state under a partial factory": (lambda: Rebuilt(1), lambda: Rebuilt(1)),
    "__memo_key__": (lambda: Keyed(1, noise=2), lambda: Keyed(1, noise=3)),
    "cached_property computed or not": (lambda: Area(3), lambda: filled(3)),
    "lying objects, told by their state": (lambda: Liar(1), lambda: Liar(1)),
    "dict with attribute access": (lambda: AttributeDict(a=1), lambda: AttributeDict(a=1)),
    "array, strides": (lambda: TWELVE[:, ::2], lambda: TWELVE[:, ::2].copy()),
    "array, backwards": (lambda: TWELVE[::-1], lambda: TWELVE[::-1].copy()),
    "array, Fortran order": (lambda: TWELVE, lambda: numpy.asfortranarray(TWELVE)),
    "array, flags": (lambda: TWELVE, lambda: read_only(TWELVE.copy())),
    "array, broadcast": (lambda: numpy.broadcast_to(1, (2, 3)), lambda: numpy.ones((2, 3), int)),
    "array of texts": (lambda: numpy.array(["a", "bc"]), lambda: numpy.array(["a", "bc"])),
    "array of objects": (
        lambda: numpy.array([1, "a", None], object),
        lambda: numpy.array([1, "".join("a"), None], object),
    ),
    "error whose attributes were looked at": (lambda: KeyError("k"), looked_at_error),
    "array that holds itself": (array_in_itself, array_in_itself),
    "array, structured, padding": (lambda: padded(1), lambda: padded(2)),
    "scalar, structured, padding": (lambda: padded(1)[0], lambda: padded(2)[0]),
    "scalar, structured, of objects": (lambda: objects_in(1)[0], lambda: objects_in(1)[0]),
    "array of long doubles, padding": (lambda: long_double(1), lambda: long_double(2)),
    "scalar, long double, padding": (lambda: long_double(1)[0], lambda: long_double(2)[0]),
    "ufunc": (lambda: numpy.add, lambda: pickle.loads(pickle.dumps(numpy.add))),
    "NumPy generator": (lambda: numpy.random.default_rng(1), lambda: numpy.random.default_rng(1)),
    "frame": (frame, frame),
    "frame with a history": (frame, used_frame),
    "frame, blocks": (
        lambda: pandas.concat([frame()[["n"]], frame()[["x"]]], axis=1),
        lambda: frame()[["n", "x"]],
    ),
    "frame, sliced": (lambda: frame().iloc[1:].reset_index(drop=True), lambda: frame().iloc[[1, 2]].set_axis([0, 1])),
    "frame, index written out": (frame, lambda: frame().set_axis([0, 1, 2])),
    "series, what is under the mask": (
        lambda: pandas.Series(masked_integers(5)),
        lambda: pandas.Series(masked_integers(6)),
    ),
    "pandas array, what is under the mask": (lambda: masked_integers(5), lambda: masked_integers(6)),
    "index": (lambda: pandas.Index([1, 2], name="i"), lambda: pandas.Index([1, 2], name="i")),
    "multi-index": (
        lambda: pandas.MultiIndex.from_product([[1, 2], ["a"]], names=["x", "y"]),
        lambda: pandas.MultiIndex.from_tuples([(1, "a"), (2, "a")], names=["x", "y"]),
    ),
}


@pytest.mark.parametrize(("one", "other"), EQUAL.values(), ids=EQUAL)
def test_equal_values_have_one_key(one, other):
    assert key(one()) == key(other())


# Each line: values of which no two may share a key.
DIFFERENT = {
    "numbers of other types": [1, 1.0, True, "1", 1 + 0j, b"1", fractions.Fraction(1), decimal.Decimal(1), None, ...],
    "zeros": [0, 0.0, -0.0, False, "", b"", None, (), [], {}, set(), frozenset(), complex(0, -0.0), complex(-0.0, 0)],
    "large numbers": [2**53, 2**53 + 1, float(2**53), 2**64, -(2**64), 10**40, 10**40 + 1],
    "texts": ["a", "A", "a ", "á", "a\u0301", "a\0", "\ud800", "\udcff", "", "None", "1.0"],
    "text and its subclasses": ["a", Text("a"), LyingText("a")],
    "not numbers": [float("nan"), float("inf"), -float("inf"), decimal.Decimal("nan"), decimal.Decimal("sNaN")],
    "bytes": [b"a", bytearray(b"a"), memoryview(b"a"), "a", array.array("b", b"a"), b"a\0"],
    "containers of one item": [1, (1,), [1], {1}, frozenset({1}), {1: None}, {1: 1}, collections.deque([1]), "1"],
    "where brackets stand": [
        (("a",), "b"), ("a", ("b",)), ("a", "b"), ("ab",), ("ab", ""), ("", "ab"), (("a", "b"),), [("a", "b")],
        ("a", ["b"]), (["a"], "b"), (("a", "b"), ()), ((), ("a", "b")), ("a", "b", ()), ((("a",),), "b"),
    ],
    "where dicts stand": [
        {"a": 1}, {"b": 1}, {"a": [1]}, {"b": [1]}, {1: [1]}, {2: [1]}, {"ab": 1, "c": 2}, {"a": 1, "bc": 2},
        [("a", 1)], {("a", 1)}, {"a": {}}, {"a": []}, {"a": None}, {"a": 1, "b": 1}, {"a": {"b": 1}},
        {"a": "b", "c": "d"}, {"a": "d", "c": "b"}, {"a": [1], "b": [2]}, {"a": [2], "b": [1]}, {"a": [1, 2], "b": []},
        {1: "a"}, {True: "a"}, {1.0: "a"}, {"1": "a"}, {(1,): "a"}, {1: 2, 3: 4}, {1: 4, 3: 2}, {1: (2, 3)},
    ],
    "sets": [{1, 2}, {1, 2, 3}, {(1, 2)}, frozenset({1, 2}), {1: 1, 2: 2}, {"1", "2"}, {1.0, 2.0}, {1, "2"}],
    "shapes of a graph": [[[1], [1]], [[1, [1]]], [[[1]], 1], looped(), [looped()], ring(2), ring(3)],
    "where a reference leads": [up(1), up(2), up(3), beside(0), beside(1), deeper("root"), deeper("itself")],
    "memoryviews": [
        memoryview(b"abcd"), memoryview(b"abcd").cast("B", (2, 2)), memoryview(b"abcd").cast("b"),
        memoryview(array.array("i", [1])), memoryview(array.array("I", [1])),
    ],
    "types that are equal to others": [
        collections.OrderedDict(a=1), collections.Counter(a=1), {"a": 1}, collections.defaultdict(None, a=1),
        collections.defaultdict(int, a=1), types.MappingProxyType({"a": 1}), collections.UserDict(a=1),
        AttributeDict(a=1), collections.ChainMap({"a": 1}), types.SimpleNamespace(a=1), LyingDict(a=1),
    ],
    "order where it counts": [
        collections.OrderedDict([("a", 1), ("b", 2)]), collections.OrderedDict([("b", 2), ("a", 1)]),
        collections.deque([1, 2]), collections.deque([2, 1]), collections.deque([1, 2], 2),
        collections.deque([1, 2], 3),
    ],
    "lists and queues": [[1, 2], (1, 2), Pair(1, 2), OtherPair(1, 2), collections.deque([1, 2]), range(1, 3)],
    "dataclasses": [
        Point(1), Point(1, 1), Point(1.0), Point("1"), Slotted(1), Pair(1, 0), {"x": 1, "y": 0}, Point,
        with_attribute(Point(1), z=0),
    ],
    "slots": [Slots(1), Slots(1, 2), Slots(2), Slots(None, 1)],
    "enums": [
        Colour.RED, Colour.BLUE, Paint.RED, Colour, 1, "RED", Bits.A, Bits.B, Bits.A | Bits.B, Bits(0), Marks.ONE,
        Marks.OTHER,
    ],
    "state by __getstate__": [
        State({1: "x"}), State({"1": "x"}), State({1: "x", "1": "y"}), State({"1": "x", 1: "y"}),
        State(({"a": 1}, {"b": 2})), State(({"b": 2}, {"a": 1})), State({"a": 1, "b": 2}),
        State(({"a": 1, "b": 2}, {})),
        State((None, {"a": 1})), State({"a": 1}), State([("a", 1)]), State((({"a": 1},),)), State("a"), State(["a"]),
    ],
    "attributes of subclasses of built-ins": [
        ["a"], Unit(["a"]), with_attribute(Unit(["a"]), unit="m"), with_attribute(Unit(["a"]), unit="s"),
        with_attribute(Unit(["b"]), unit="s"),
        "a", Labelled("a"), with_attribute(Labelled("a"), label=1), with_attribute(Labelled("a"), label=2),
    ],
    "liars": [Liar(1), Liar(2), Liar("1"), Liar(Liar(1)), 1],
    "lying texts": [LyingText("a"), LyingText("b"), "a", "the same"],
    "lying numbers": [
        LyingInt(1), LyingInt(2), LyingFloat(1), LyingFloat(2), LyingComplex(1), LyingComplex(2), 0, 0.0, 0j,
    ],
    "lying bytes": [LyingBytes(b"a"), LyingBytes(b"b"), LyingByteArray(b"a"), LyingByteArray(b"b"), b""],
    "lying containers": [
        LyingList([1]), LyingList([2]), LyingTuple((1,)), LyingTuple((2,)), LyingSet({1}), LyingSet({2}),
        LyingDict({1: 1}), LyingDict({2: 2}), LyingDict({1: 2}), LyingDeque([1]), LyingDeque([2]), [], (), {},
    ],
    "paths": [
        "a/b", pathlib.Path("a/b"), pathlib.PurePosixPath("a/b"), pathlib.PureWindowsPath("a/b"), pathlib.Path("a"),
        pathlib.Path("/a/b"), b"a/b", pathlib.Path("a/b\udcff"),
    ],
    "times": [
        datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1), datetime.datetime(2020, 1, 1, fold=1),
        datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC),
        datetime.datetime(2020, 1, 1, tzinfo=zoneinfo.ZoneInfo("UTC")),
        datetime.datetime(2020, 1, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=1))),
        datetime.datetime(2020, 1, 1, tzinfo=zoneinfo.ZoneInfo("Europe/London")),
        datetime.datetime(2020, 1, 1, 0, 0, 0, 1),
        datetime.time(0), datetime.time(0, fold=1), datetime.time(0, tzinfo=datetime.UTC), datetime.timedelta(0),
        pandas.Timestamp("2020-01-01"), numpy.datetime64("2020-01-01"), "2020-01-01",
        datetime.timedelta(microseconds=1),
    ],
    "time.struct_time's hidden fields": [
        time.struct_time((2020, 1, 1, 0, 0, 0, 2, 1, 0, "UTC", 0)),
        time.struct_time((2020, 1, 1, 0, 0, 0, 2, 1, 0, "CET", 3600)),
        time.struct_time((2020, 1, 1, 0, 0, 0, 2, 1, 0)),
    ],
    "exact numbers": [
        decimal.Decimal("1"), decimal.Decimal("1.0"), decimal.Decimal("1.00"), decimal.Decimal("-0"),
        decimal.Decimal("0"), fractions.Fraction(1, 3), fractions.Fraction(1, 2), decimal.Decimal("Infinity"),
    ],
    "regexes": [re.compile("a"), re.compile("a", re.I), re.compile(b"a"), re.compile("b"), "a"],
    "ranges and slices": [range(3), range(0, 3, 2), range(1, 3), slice(3), slice(0, 3), slice(0, 3, 1), [0, 1, 2]],
    "addresses": [ipaddress.ip_address("1.2.3.4"), ipaddress.ip_address("1.2.3.5"), ipaddress.ip_address("::1")],
    "array.array": [array.array("i", [1]), array.array("l", [1]), array.array("i", [1, 0]), array.array("d", [1])],
    "classes": [
        int, float, bool, Colour, Point, type, object, type(None), collections.OrderedDict, list[int],
        list[str],
    ],
    "type expressions": [
        int | None, int | str, list[int], list[str], dict[str, int], typing.Any, int, typing.List[int],  # noqa: UP006
    ],
    "built-ins": [len, max, [].append, [1].append, "a".upper, "b".upper, str.upper, str.lower, dict.fromkeys, print],
    "modules": [re, collections, "re"],
    "names that run on": [
        [types.ModuleType("a"), types.ModuleType("bib")], [types.ModuleType("aib"), types.ModuleType("b")],
        {"x": types.ModuleType("a"), "y": types.ModuleType("bib")},
        {"x": types.ModuleType("aib"), "y": types.ModuleType("b")},
    ],
    "attributes that pickle leaves out": [
        kind(*args) if unit is None else with_attribute(kind(*args), unit=unit)
        for kind, args in UNITS.items() for unit in (None, "m", "s")
    ],
    "order of a mapping of one's own": [Pairs([(1, 2), (3, 4)]), Pairs([(3, 4), (1, 2)])],
    "order behind a proxy": [
        types.MappingProxyType(collections.OrderedDict(pairs)) for pairs in ([(1, 2), (3, 4)], [(3, 4), (1, 2)])
    ],
    "fields of named tuples": [collections.namedtuple("A", names)(1, 2) for names in ("x y", "y x")],
    "attributes of functions": [adder(1), with_attribute(adder(1), unit="m"), with_attribute(adder(1), unit="s")],
    "objects known by a name": [ByName("one", "A"), ByName("one", "B"), ByName("other", "A")],
    "functions": [
        adder(1), adder(2), adder(1.0), adder("1"), adder([1]), adder,
        function_of("def fn(x): return x + 1"), function_of("def fn(x): return x + 2"),
        function_of("def fn(x, y=1): return x + 1"), function_of("def fn(x, y=2): return x + 1"),
        function_of("def fn(x, *, y=1): return x + 1"), function_of("def other(x): return x + 1", "other"),
    ],
    "two lambdas on one line": [lambda x: x + 1, lambda x: x - 1],
    "names of parameters, by which a function may be called": [
        function_of("def fn(a=1, b=2): return a * 10 + b"), function_of("def fn(b=1, a=2): return b * 10 + a"),
        function_of("def fn(*, a=1, b=2): return a * 10 + b"), function_of("def fn(*, b=1, a=2): return b * 10 + a"),
    ],
    "partials": [
        functools.partial(int), functools.partial(int, base=2), functools.partial(int, base=3),
        functools.partial(int, 2),
        functools.partial(float), int, functools.partial(functools.partial(max, 1), 2), functools.partial(min, 1, 2),
        with_attribute(functools.partial(int), note=1),
    ],
    "bound methods": [Area(1).scaled, Area(2).scaled, Area.scaled, Area(1), Area(1).named],
    "wrapped functions": [
        functools.lru_cache(lambda x: x + 1), functools.lru_cache(lambda x: x + 2), functools.lru_cache(adder(1)),
        functools.lru_cache(adder(2)), functools.lru_cache(typed=True)(adder(1)), adder(1), adder(2),
    ],
    "operators": [
        operator.itemgetter(1), operator.itemgetter(2), operator.itemgetter(1, 2), operator.attrgetter("a"),
        operator.methodcaller("a"), operator.methodcaller("a", 1), operator.methodcaller("a", x=1),
    ],
    "factories": [Rebuilt(1), Rebuilt(2), RebuiltByLambda(1), RebuiltByLambda(2)],
    "random states": [
        random.Random(1), random.Random(2), numpy.random.default_rng(1), numpy.random.default_rng(2),
        numpy.random.RandomState(1), numpy.random.RandomState(2),
    ],
    "exceptions": [ValueError("a"), ValueError("b"), ValueError("a", 1), TypeError("a"), ValueError, KeyError("a")],
    "__memo_key__": [Keyed(1), Keyed(2), Keyed("1"), OtherKeyed(1), 1],
    "two names of one function": [max, min, sum],
    "ufuncs": [numpy.add, numpy.subtract, numpy.sin],
    "array, shape": [
        TWELVE, TWELVE.T, TWELVE.reshape(4, 3), TWELVE.reshape(12), TWELVE.reshape(1, 12), TWELVE.tolist(), TWELVE + 1,
        numpy.zeros((0, 3)), numpy.zeros((3, 0)), numpy.zeros(0), numpy.array(1), 1, numpy.int64(1),
    ],
    "array, dtype": [
        numpy.zeros(2, dtype) for dtype in (
            "i1", "i2", "i4", "i8", "u1", "u8", ">i4", "f2", "f4", "f8", "g", "c8", "c16", "?", "O", "U1", "U2", "S1",
            "M8[s]", "M8[ms]", "m8[s]", "V1", "T",
        )
    ],
    "array, content": [
        numpy.array([0.0]), numpy.array([-0.0]), numpy.array([1.0]), numpy.array([float("nan")]), numpy.array([1]),
        numpy.array([1], object), numpy.array([1.0], object), numpy.array([True], object), numpy.array(["1"]),
        numpy.array(["1"], "T"), numpy.array([[1]]), numpy.array([None]), objects_in(1), objects_in(2),
    ],
    "array of texts, where they end": [
        numpy.array(["a", "b"], "T"), numpy.array(["ab", ""], "T"), numpy.array(["ab"], "T"),
    ],
    "array, names of fields": [
        numpy.zeros(2, [("a", "i4"), ("b", "i4")]), numpy.zeros(2, [("b", "i4"), ("a", "i4")]),
        numpy.zeros(2, [("a", "i4", (1,)), ("b", "i4")]), numpy.rec.array(numpy.zeros(2, [("a", "i4"), ("b", "i4")])),
        numpy.zeros(2, [("p", [("x", "i4"), ("y", "i4")])]), numpy.zeros(2, [("p", [("y", "i4"), ("x", "i4")])]),
        numpy.zeros(2, [("p", [("x", "i4"), ("y", "f4")])]),
    ],
    "dtypes": [
        numpy.dtype("i4"), numpy.dtype(">i4"), numpy.dtype("f4"), numpy.dtype([("a", "i4")]),
        numpy.dtype([("b", "i4")]),
        numpy.dtype([("p", [("x", "i4")])]), numpy.dtype([("p", [("y", "i4")])]), numpy.int32, "i4",
    ],
    "scalars": [
        numpy.int32(1), numpy.int64(1), numpy.uint8(1), numpy.float32(1), numpy.float64(1), numpy.bool_(1),
        numpy.str_("1"),
        numpy.bytes_(b"1"), numpy.float64(2), 1, 1.0, True, "1", objects_in(1)[0], objects_in(2)[0], padded(1)[0],
    ],
    "kinds of array": [
        numpy.array([[1]]), numpy.matrix([[1]]), numpy.ma.array([[1]]), numpy.array([[1]]).view(Dimension),
        pandas.Series([1]), pandas.Index([1]), pandas.DataFrame([[1]]), [[1]],
    ],
    "masked arrays": [
        numpy.ma.array([1, 2], mask=[0, 1]), numpy.ma.array([1, 2], mask=[1, 0]),
        numpy.ma.array([1, 2], mask=[0, 1], fill_value=7), numpy.ma.array([1, 2], mask=[0, 1], fill_value=8),
    ],
    "arrays with attributes": [
        with_attribute(numpy.arange(3).view(Dimension), unit="m"),
        with_attribute(numpy.arange(3).view(Dimension), unit="s"),
        numpy.arange(3).view(Dimension),
    ],
    "frame": [
        frame(), frame(n=[1, 2, 4]), frame(n=[1.0, 2.0, 3.0]), frame(x=[1.0, 0.0, 2.0]), frame(t=["a", "b", "c"]),
        frame(o=[{1: 2}, [3], [4]]), frame(c=pandas.Categorical(["u", "v", "u"], ordered=True)),
        frame(c=pandas.Categorical(["u", "v", "u"], categories=["v", "u"])),
        frame(c=pandas.Categorical(["u", "v", "u"], categories=["u", "v", "w"])), frame(c=["u", "v", "u"]),
        frame(d=pandas.date_range("2020", periods=3, tz="UTC")), frame(i=pandas.array([1, 0, 3], dtype="Int64")),
        frame(i=pandas.array([1, None, 3], dtype="Int32")), frame().rename_axis("i"), frame().rename_axis("i", axis=1),
        frame().set_axis([0, 1, 3]), frame().set_axis([0.0, 1.0, 2.0]), frame()[["x", "n"]], frame()[["n", "x"]],
        frame().iloc[::-1], frame().rename(columns={"n": "m"}), frame().iloc[:2], frame().to_dict(),
    ],
    "frame, attributes": [
        frame(), with_attribute(frame(), attrs={"unit": "m"}), with_attribute(frame(), attrs={"unit": "s"}),
        UnitFrame(frame()), with_attribute(UnitFrame(frame()), unit="m"), with_attribute(UnitFrame(frame()), unit="s"),
    ],
    "frame, small": [
        pandas.DataFrame(), pandas.DataFrame(index=[1]), pandas.DataFrame(index=[2]), pandas.DataFrame(columns=["a"]),
        pandas.DataFrame([[1, 2]], columns=["a", "a"]), pandas.DataFrame([[2, 1]], columns=["a", "a"]),
    ],
    "series": [
        pandas.Series([1, 2]), pandas.Series([1, 2], name="a"), pandas.Series([1, 2], index=[1, 2]),
        pandas.DataFrame([1, 2]),
        pandas.Series([1, 2], dtype="Int64"), pandas.Series([1, 2], dtype="int32"), pandas.Series([1, 2], dtype=object),
        pandas.Series(["1", "2"]), pandas.Series(["1", "2"], dtype="string"), pandas.Series(["1", "2"], dtype=object),
        pandas.Series(["1", "2"], dtype="category"), numpy.array([1, 2]), pandas.Index([1, 2]), pandas.array([1, 2]),
    ],
    "series, what is missing": [
        pandas.Series([None], dtype=object), pandas.Series([float("nan")], dtype=object), pandas.Series([float("nan")]),
        pandas.Series([pandas.NA], dtype=object), pandas.Series([pandas.NaT]),
        pandas.Series([pandas.NA], dtype="Int64"),
        pandas.Series(pandas.arrays.FloatingArray(numpy.array([float("nan")]), numpy.array([False]))),
        pandas.Series(pandas.arrays.FloatingArray(numpy.array([float("nan")]), numpy.array([True]))),
    ],
    "series, units, zones and intervals": [
        pandas.Series(pandas.to_datetime(["2020"]).as_unit("s")),
        pandas.Series(pandas.to_datetime(["2020"]).as_unit("ns")),
        pandas.Series(pandas.to_datetime(["2020"]).tz_localize("UTC")),
        pandas.Series(pandas.to_datetime(["2020"]).tz_localize("Europe/London")),
        pandas.Series(pandas.period_range("2020", periods=1, freq="M")),
        pandas.Series(pandas.timedelta_range("1D", periods=1)),
        pandas.Series(pandas.interval_range(0, 1)), pandas.Series(pandas.interval_range(0, 1, closed="left")),
        pandas.Series(pandas.arrays.SparseArray([0, 1])), pandas.Series(pandas.arrays.SparseArray([0, 2])),
        pandas.Series(pandas.arrays.SparseArray([0, 1], fill_value=1)),
    ],
    "index": [
        pandas.Index([1, 2]), pandas.Index([1, 2], name="a"), pandas.Index([1.0, 2.0]), pandas.Index(["1", "2"]),
        pandas.MultiIndex.from_tuples([(1, 2)]), pandas.MultiIndex.from_tuples([(1, 2)], names=["a", "b"]),
        pandas.MultiIndex.from_tuples([(1, 2)], names=["b", "a"]), pandas.Index([(1, 2)], tupleize_cols=False),
        pandas.date_range("2020", periods=4), pandas.DatetimeIndex(list(pandas.date_range("2020", periods=4))),
    ],
    "pandas scalars": [
        pandas.NaT, pandas.NA, None, float("nan"), pandas.Timestamp("2020"), pandas.Timestamp("2020", tz="UTC"),
        pandas.Timedelta("1D"), pandas.Period("2020", "M"), pandas.Period("2020", "Y"), pandas.Interval(0, 1),
        pandas.Interval(0, 1, closed="left"), pandas.CategoricalDtype(["a"]),
        pandas.CategoricalDtype(["a"], ordered=True),
    ],
}  # fmt: skip


def test_state_setters_that_hold_the_object_count():
    assert key(BySetter(1)) != key(BySetter(2))


def test_a_ufunc_made_of_a_function_is_refused():
    with pytest.raises(UnkeyableArgument, match="ufunc"):
        key(numpy.frompyfunc(adder(1), 1, 1))


@pytest.mark.parametrize("kind", [set, frozenset, dict.fromkeys], ids=["sets", "frozensets", "keys of dicts"])
def test_a_graph_whose_neighbours_have_no_order_has_one_key(kind):
    keys = {key(graph_of_sets(order, kind)) for order in itertools.permutations(range(5))}
    assert len(keys) == 1
    assert keys == {key(copy.deepcopy(graph_of_sets(range(6), kind)))}
    assert keys.isdisjoint({key(graph_of_sets(range(6), kind, mark)) for mark in range(6)})


def test_sets_of_objects_that_refer_to_each_other_and_not_to_the_set():
    def couple(names):
        one, other = map(Node, names)
        one.neighbours, other.neighbours = [other], [one]
        return {one, other}

    keys = {key(couple(names)) for names in ("ab", "ba") * 5}
    assert len(keys) == 1
    assert key(couple("ac")) not in keys


def test_graphs_of_sets_that_colours_do_not_tell_apart():
    def triangles(targets):
        nodes = [Node(0) for _ in range(6)]
        for node, (one, other) in zip(nodes, targets, strict=True):
            node.neighbours = {nodes[one], nodes[other]}
        return frozenset(nodes)

    two_triangles = [(1, 2), (0, 2), (0, 1), (4, 5), (3, 5), (3, 4)]
    hexagon = [(1, 5), (0, 2), (1, 3), (2, 4), (3, 5), (0, 4)]
    assert key(triangles(two_triangles)) != key(triangles(hexagon))


def test_a_long_ring_of_sets():
    def ring_of_sets(length):
        nodes = [Node(number) for number in range(length)]
        for number, node in enumerate(nodes):
            node.neighbours = {nodes[number - 1], nodes[(number + 1) % length]}
        return nodes[0]

    assert key(ring_of_sets(300)) == key(ring_of_sets(300)) != key(ring_of_sets(301))


@pytest.mark.parametrize("values", DIFFERENT.values(), ids=DIFFERENT)
def test_different_values_have_different_keys(values):
    by_key = collections.defaultdict(list)
    for place, value in enumerate(values):
        by_key[key(value)].append(place)
    together = [places for places in by_key.values() if len(places) > 1]
    assert not together, f"values at these places share a key: {together}"


def test_a_cell_of_a_million_counts():
    one = pandas.DataFrame({"a": numpy.zeros(500_000), "b": numpy.zeros(500_000)})
    other = one.copy()
    other.loc[345_678, "b"] = 1e-300
    assert key(one) != key(other)
    assert key(one) == key(one.copy())


def test_one_byte_of_a_large_buffer_counts():
    one = bytes(3 << 20)
    other = bytearray(one)
    other[2_000_000] = 1
    assert key(one) != key(bytes(other))
    assert key(numpy.frombuffer(one, "u1")) != key(numpy.frombuffer(bytes(other), "u1"))


def test_classes_of_one_name_in_two_modules_differ():
    one, other = (type("Twin", (), {"__module__": module}) for module in ("package.one", "package.other"))
    assert key(one) != key(other)
    assert key(one()) != key(other())


def test_arguments_do_not_run_together():
    both = STORE.memoize(lambda one, other: None)
    pairs = [("a", "bib"), ("aib", "b")]
    assert len({both.key(*map(types.ModuleType, pair)) for pair in pairs}) == 2
    assert (
        len({both.key(*pair) for pair in [("a", ""), ("", "a"), ("a", None), (None, "a"), (["a"], []), ([], ["a"])]})
        == 6
    )


def test_local_classes_of_one_name_differ_by_their_code_and_closures():
    def made(number):
        class Local:
            def method(self):
                return number

        return Local

    assert key(made(1)) == key(made(1)) != key(made(2))
    assert key(made(1)()) == key(made(1)()) != key(made(2)())
    assert len({key(type("A", (), {"x": x})()) for x in (1, 1, 2, [1], [2])}) == 4
    assert len({key(type("A", bases, {})()) for bases in ((), (made(1),), (made(2),))}) == 3


def test_a_module_and_a_class_can_not_be_taken_for_each_other():
    nested = type("C", (), {"__module__": "package", "__qualname__": "part.C"})
    plain = type("C", (), {"__module__": "package.part", "__qualname__": "C"})
    assert key(nested) != key(plain)


@pytest.mark.parametrize("value", [float("nan"), [float("nan")], {"a": (float("nan"),)}, numpy.array([numpy.nan])])
def test_nan_hits_though_it_does_not_equal_itself(value):
    seen = Store(":memory:").memoize(lambda value: 1)
    seen(value), seen(pickle.loads(pickle.dumps(value)))
    assert seen.cache_info()[:2] == (1, 1)


NESTINGS = [
    lambda v: [v], lambda v: (v,), lambda v: {"a": v}, lambda v: {1: v}, lambda v: collections.deque([v]),
    lambda v: collections.OrderedDict(a=v), lambda v: collections.defaultdict(int, a=v), lambda v: Unit([v]), Point,
    Slots, Slotted, lambda v: Pair(v, 1), Liar, State, lambda v: functools.partial(max, v), ValueError, Rebuilt,
    lambda v: types.SimpleNamespace(a=v), lambda v: types.MappingProxyType({"a": v}), lambda v: lambda: v,
    lambda v: collections.UserDict(a=v), lambda v: types.MethodType(len, v), lambda v: slice(v), lambda v: property(v),
]  # fmt: skip


@pytest.mark.parametrize(
    "kinds", [[list], [tuple], [dict], [Point], NESTINGS], ids=["list", "tuple", "dict", "", "all"]
)
def test_nesting_is_bounded_by_memory_alone(kinds):
    depth = 10_500
    if kinds in ([list], [tuple]):
        kinds = [lambda v, kind=kinds[0]: kind((v,))]

    def nested(depth, value):
        for number in range(depth):
            kind = kinds[number % len(kinds)]
            value = {"a": value} if kind is dict else kind(value)
        return value

    assert key(nested(depth, 1)) == key(nested(depth, 1))
    assert len({key(nested(depth, 1)), key(nested(depth + 1, 1)), key(nested(depth, 2))}) == 3


def test_a_shared_structure_is_walked_once():
    deep = [0]
    for _ in range(200):  # 2 ** 200 paths lead to the one list inside
        deep = [deep, deep]
    assert key(deep) == key(copy.deepcopy(deep))


def test_a_key_does_not_change_its_value():
    value = {"frame": frame(), "list": [3, 1, 2], "dict": collections.defaultdict(list), "area": Area(2)}
    before = pickle.dumps(value)
    key(value)
    assert pickle.dumps(value) == before


def test_a_key_tells_when_a_value_has_changed():
    value = [1, {"a": [2]}]
    before = key(value)
    value[1]["a"].append(3)
    assert key(value) != before
    value[1]["a"].pop()
    assert key(value) == before


def test_repr_and_str_are_not_asked():
    class Silent:
        def __init__(self, value):
            self.value = value

        def __repr__(self):
            raise AssertionError("repr was called")

        __str__ = __format__ = __repr__

    assert key(Silent(1)) == key(Silent(1)) != key(Silent(2))
    assert key({"a": [Silent(1)]}) != key({"a": [Silent(2)]})


class ReducesTo:
    """Answers pickle with whatever it was given."""

    def __init__(self, answer):
        self.answer = answer

    def __reduce_ex__(self, protocol):
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


class RaisingDescriptor:
    def __get__(self, instance, owner):
        raise ValueError("not to be asked")


class WithDescriptor:
    attribute = RaisingDescriptor()

    def __init__(self):
        self.__dict__["attribute"] = 1


BROKEN = {
    "a number": ReducesTo(5),
    "None": ReducesTo(None),
    "an empty tuple": ReducesTo(()),
    "a tuple that is too short": ReducesTo((list,)),
    "arguments that are none": ReducesTo((list, 5)),
    "items that are none": ReducesTo((list, (), None, 5)),
    "pairs that are none": ReducesTo((dict, (), None, None, 5)),
    "RuntimeError": ReducesTo(RuntimeError("no")),
    "KeyError": ReducesTo(KeyError("no")),
    "RecursionError": ReducesTo(RecursionError()),
}


@pytest.mark.parametrize("value", BROKEN.values(), ids=BROKEN)
def test_a_broken_pickle_protocol_is_refused_by_its_own_error(value):
    with pytest.raises(UnkeyableArgument, match=r"test_keys\.f: value\['x'\]\[1\]"):
        key({"x": [0, value]})


def test_a_released_memoryview_is_refused():
    view = memoryview(b"abc")
    view.release()
    with pytest.raises(UnkeyableArgument, match=r"value\[1\]: ."):
        key([0, view])


def test_descriptors_of_the_class_are_not_asked():
    assert key(WithDescriptor()) == key(WithDescriptor())


def test_mocks_are_what_they_were_told_to_answer():
    def told(**answers):
        client = mock.Mock()
        client.configure_mock(**answers)
        return client

    clients = [
        told(),
        told(**{"get.return_value": 1}),
        told(**{"get.return_value": 2}),
        told(**{"put.return_value": 1}),
        told(**{"get.side_effect": KeyError}),
        told(return_value=1),
        told(**{"return_value.value": 1}),
        told(limit=1),
        told(limit=2),
    ]
    assert len(set(map(key, clients))) == len(clients)
    used = told(**{"get.return_value": 1})
    used.get(5), used.other(6)
    assert key(used) == key(clients[1])


def test_a_memo_key_that_raises_is_refused():
    class Raises:
        def __memo_key__(self):
            raise ZeroDivisionError

    with pytest.raises(UnkeyableArgument, match=r"test_keys\.f: value: ."):
        key(Raises())
