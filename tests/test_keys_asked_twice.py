"""An argument whose key is another one each time it is taken: the result is returned, not stored, and that is said."""

import dataclasses
import itertools
import warnings

import numpy
import pytest

from memostore import KeyBy, MemostoreWarning, Store
from memostore.calls import Caller


class Stamped:
    """Pickles with a number that no two pickles share."""

    numbers = itertools.count()

    def __init__(self, name):
        self.name = name

    def __getstate__(self):
        return {"name": self.name, "stamp": next(self.numbers)}


class Keyed:
    numbers = itertools.count()

    def __memo_key__(self):
        return {"stamp": next(self.numbers)}


class Asked:
    """Counts how often it is asked for its state."""

    def __init__(self):
        self.__dict__["asked"] = []

    def __getstate__(self):
        self.asked.append(1)
        return {"state": 1}


class Plain:
    def __init__(self, x):
        self.x = x


@dataclasses.dataclass
class Config:
    inner: object


@pytest.fixture
def store():
    return Store(":memory:")


def calls_of(memo, *args):
    """Return what two calls warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        memo(*args), memo(*args)
    return [str(warning.message) for warning in caught if warning.category is MemostoreWarning]


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (Stamped("a"), "value.stamp"),
        ([1, Stamped("a")], "value[1].stamp"),
        ({"a": Config(Stamped("a"))}, "value['a'].inner.stamp"),
        ({Stamped("a")}, "value{...}.stamp"),
        (Keyed(), "value.__memo_key__()"),
    ],
    ids=["state", "in a list", "deep", "in a set", "__memo_key__"],
)
def test_it_is_computed_each_time_with_one_warning_that_names_the_place(store, value, path):
    skipped = []
    store.on("Skipped", skipped.append)
    memo = store.memoize(name="prep.f")(lambda value: 1)
    (message,) = calls_of(memo, value)
    assert message == (f"prep.f: the result is returned but not stored: {path} has another key each time it is taken")
    assert [event.reason for event in skipped] == [f"{path} has another key each time it is taken"] * 2
    assert memo.cache_info()[:2] == (0, 2)
    assert store.find() == []


def test_by_a_registered_function(store):
    numbers = itertools.count()
    store.register_key(Plain, lambda plain: next(numbers))
    (message,) = calls_of(store.memoize(lambda value: 1), Plain(1))
    assert "value by its registered key has another key" in message


def test_by_a_function_in_an_annotation(store):
    numbers = itertools.count()

    @store.memoize
    def f(x, value: KeyBy[int, lambda value: next(numbers)]):
        return 1

    (message,) = calls_of(f, 1, 2)
    assert ": value has another key" in message


def test_by_a_key_function(store):
    memo = store.memoize(key=lambda value: Stamped(value))(lambda value: 1)
    (message,) = calls_of(memo, 1)
    assert "key(...) has another key" in message


def test_refresh_does_not_store_it_either(store):
    memo = store.memoize(lambda value: 1)
    with pytest.warns(MemostoreWarning, match=r"value\.stamp"):
        assert memo.refresh(Stamped("a")) == 1
    assert store.find() == []


def test_a_steady_state_is_asked_twice_at_a_miss_and_once_at_a_hit(store):
    memo, value = store.memoize(lambda value: 1), Asked()
    memo(value)
    assert len(value.asked) == 2
    memo(value)
    assert len(value.asked) == 3
    assert memo.cache_info()[:2] == (1, 1)


def test_a_steady_function_in_an_annotation_is_stored(store):
    asked = []

    @store.memoize
    def f(value: KeyBy[int, lambda value: asked.append(1) or value]):
        return 1

    assert calls_of(f, 1) == []
    assert f.cache_info()[:2] == (1, 1)
    assert len(asked) == 3


@pytest.mark.parametrize(
    "value", [1, [1, {"a": (2,)}], b"a" * 100, numpy.arange(3), [numpy.arange(3)], Plain([1]), Config({1: 2}), {1, 2}],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_built_in_values_arrays_and_plain_objects_are_taken_once(store, value, monkeypatch):
    taken = []
    memo = store.memoize(lambda value: 1)
    key_of = Caller.key_of
    monkeypatch.setattr(Caller, "key_of", lambda *args: taken.append(1) or key_of(*args))
    assert calls_of(memo, value) == []
    assert len(taken) == 2  # one for each of two calls
    assert memo.cache_info()[:2] == (1, 1)
