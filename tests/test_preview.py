"""The arguments of a call as people read them: always JSON, always small, and no code of the user's is run."""

import datetime
import enum
import json
import math
import pathlib
from collections import OrderedDict, UserDict, defaultdict, namedtuple
from dataclasses import dataclass

import numpy
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memostore import Store
from memostore.keys.preview import preview_json


class Colour(enum.Enum):
    RED = 1


class Word(str):
    __slots__ = ()


class Loud:
    """Fails the test where anything of it is asked."""

    def _fail(self, *_):
        raise AssertionError("a method of the user's was called")

    __repr__ = __str__ = __len__ = __iter__ = __eq__ = __hash__ = __bool__ = __format__ = _fail


class LoudDict(dict):
    __len__ = __iter__ = items = keys = values = __repr__ = Loud._fail


class LoudMapping(UserDict):
    __len__ = __iter__ = __repr__ = Loud._fail


class LoudList(list):
    __len__ = __iter__ = __getitem__ = __repr__ = Loud._fail


class Asked:
    """Callable, and raises KeyError for attributes that it has not, as dictionaries with attribute access do."""

    def __call__(self):
        return 1

    def __getattr__(self, name):
        raise KeyError(name)


class Named:
    """An object whose __class__ is not to be trusted."""

    @property
    def __class__(self):
        raise RuntimeError("no class")


@dataclass
class Point:
    x: object


class Couple:
    def __init__(self, x):
        self.x = x


Pair = namedtuple("Pair", "x y")


def shown(value):
    return json.loads(preview_json(["x"], [value]))["x"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (3, 3),
        (-(2**62), -(2**62)),
        (1.5, 1.5),
        (-0.0, -0.0),
        (math.inf, "inf"),
        (math.nan, "nan"),
        ("text", "text"),
        ('"quoted" \\ and\nlines', '"quoted" \\ and\nlines'),
        ("größe \U0001f40d", "größe \U0001f40d"),
        (Colour.RED, "Colour.RED"),
        (datetime.date(2020, 1, 2), "2020-01-02"),
        (datetime.datetime(2020, 1, 2, 3, tzinfo=datetime.UTC), "2020-01-02T03:00:00+00:00"),
        (pathlib.PurePosixPath("a/b"), "a/b"),
        ([1, ["a", None]], [1, ["a", None]]),
        ((1, 2), [1, 2]),
        ({"lr": 0.1, "layers": [1, 2]}, {"lr": 0.1, "layers": [1, 2]}),
        ({}, {}),
        ([], []),
        (Point(1), {"x": 1}),
        ([Point([1])], [{"x": [1]}]),
    ],
    ids=repr,
)
def test_what_json_has_is_shown_as_it_is(value, expected):
    assert shown(value) == expected
    assert type(shown(value)) is type(expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"abc", "<bytes, 3 bytes>"),
        (bytearray(2), "<bytearray, 2 bytes>"),
        ({1, 2}, "<set, 2 items>"),
        (frozenset({1}), "<frozenset, 1 items>"),
        (list(range(100)), "<list, 100 items>"),
        ({str(n): n for n in range(100)}, "<dict, 100 items>"),
        ({1: 2}, "<dict, 1 items>"),
        (len, "<len>"),
        (Point, "<Point>"),
        (Couple(1), "<Couple>"),
        (object(), "<object>"),
    ],
    ids=[
        "bytes",
        "bytearray",
        "set",
        "frozenset",
        "long list",
        "long dict",
        "dict",
        "function",
        "class",
        "object",
        "plain",
    ],
)
def test_what_json_has_not_is_named(value, expected):
    assert shown(value) == expected


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (numpy.zeros((3, 4), "f4"), ["ndarray", "float32", "3x4"]),
        (pandas.DataFrame({"a": [1, 2]}), ["DataFrame", "2x1"]),
        (pandas.Series([1.0]), ["Series", "float64"]),
        (numpy.float64(1.5), ["float64"]),
    ],
    ids=["array", "frame", "series", "scalar"],
)
def test_arrays_and_frames_are_described(value, words):
    assert all(word in str(shown(value)) for word in words)


@pytest.mark.parametrize(
    "value",
    [Loud(), [Loud()], {"a": Loud()}, LoudDict(a=1), LoudMapping(a=1), LoudList([1]), Asked(), [Asked()]],
    ids=["object", "in a list", "in a dict", "dict", "mapping", "list", "callable", "callable in a list"],
)
def test_classes_whose_methods_raise_are_named(value):
    assert "<" in json.dumps(shown(value))


def test_a_class_that_can_not_be_asked_for_its_class():
    assert shown(Named()) == "<Named>"


@pytest.mark.parametrize(
    "value",
    [
        "\ud800",
        pathlib.PurePosixPath("a\udcff"),
        {"\ud800": 1},
        {"a": {"\udcff": "\udcff"}},
        ["\ud800"],
        Word("\ud800"),
    ],
    ids=["text", "path", "key", "nested key", "item", "subclass"],
)
def test_what_utf_8_has_not_can_be_stored(value):
    preview_json(["x"], [value]).encode()
    store = Store(":memory:")

    @store.memoize
    def f(value):
        return 1

    assert f(value) == f(value) == 1
    assert f.cache_info()[:2] == (1, 1)
    assert list(f.entry(value).arguments) == ["value"]


def test_keyword_arguments_of_any_name_can_be_stored():
    store = Store(":memory:")

    @store.memoize
    def f(**more):
        return 1

    assert f(**{"\ud800": 1, "not a name": 2}) == 1
    assert f.entry(**{"not a name": 2, "\ud800": 1}).arguments["more"]["not a name"] == 2


everything = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.datetimes(),
        st.sampled_from(Colour),
        st.integers(5000, 5001).map(lambda n: 10**n), st.text(min_size=1).map(lambda t: t * 500), st.builds(Asked),
        st.builds(Pair, st.integers(), st.none()),
        st.builds(numpy.zeros, st.integers(0, 5)), st.characters(categories=["Cs"]),
    ),
    lambda inner: st.lists(inner, max_size=30)
    | st.dictionaries(st.text(), inner, max_size=30)
    | st.lists(inner, max_size=3).map(tuple)
    | st.dictionaries(st.integers(), inner, max_size=3)
    | st.dictionaries(st.text(), inner, max_size=3).map(OrderedDict)
    | st.dictionaries(st.text(), inner, max_size=3).map(lambda d: defaultdict(list, d)),
    max_leaves=40,
)  # fmt: skip


@settings(max_examples=150, deadline=None, derandomize=True)
@given(everything)
def test_always_json_and_always_utf_8(value):
    text = preview_json(["value"], [value])
    text.encode()
    assert list(json.loads(text, parse_constant=pytest.fail)) == ["value"]


def test_a_preview_is_small_whatever_the_value():
    wide, deep = ["x" * 10_000] * 20, []
    for _ in range(3):
        wide = [wide] * 20  # 160,000 texts
    for _ in range(100_000):
        deep = [deep]
    looped = {}
    looped["itself"] = looped
    for value in ("x" * 10**7, b"x" * 10**7, deep, looped, list(range(10**6)), 10**10_000):
        assert len(preview_json(["x"], [value])) < 1000
    assert len(preview_json(["x"], [wide])) < 50_000


def test_deep_values_are_cut_where_they_get_deep():
    assert shown([[[[[[1]]]]]]) == [[[["<list, 1 items>"]]]]


def test_what_is_ignored_is_not_shown():
    store = Store(":memory:")

    @store.memoize(ignore=["verbose"])
    def f(x, verbose=False, **more):
        return x

    f(1, verbose=True, a=2)
    assert f.entry(1, a=2).arguments == {"x": 1, "more": {"a": 2}}


def test_arguments_are_shown_as_they_were_before_the_call():
    store = Store(":memory:")

    @store.memoize
    def drain(items):
        return [items.pop() for _ in range(len(items))]

    assert drain([1, 2]) == [2, 1]
    assert drain.entry([1, 2]).arguments == {"items": [1, 2]}
