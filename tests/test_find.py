"""find(): every filter alone and together, what an entry tells, and what can't be a filter."""

from __future__ import annotations

import enum
import math
import os
import time
from dataclasses import FrozenInstanceError
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func

from memostore import Entry, InvalidArgument, Store

pytestmark = pytest.mark.filterwarnings("error::memostore.MemostoreWarning")

HOUR = 3600


def load(path, rate=0.1):
    return f"{path} at {rate}"


def lead(x):
    return x


class Model:
    def __init__(self, depth):
        self.depth = depth

    def fit(self, epochs):
        return self.depth * epochs


@pytest.fixture
def library(store, clock):
    """Five entries, an hour apart: two of load, one of lead, two names; "big" is large, and "a" was hit just now."""
    store.memoize(tags=["io", "nightly"])(load)("a.csv")
    clock.advance(HOUR)
    store.memoize(tags=["io"])(load)("b.csv", rate=0.5)
    clock.advance(HOUR)
    store.memoize(lead)(3)
    clock.advance(HOUR)
    store.put("big", os.urandom(50_000), tags=["nightly"])
    clock.advance(HOUR)
    store.put("small", 1, ttl="10m")
    clock.advance(HOUR)
    store.memoize(load)("a.csv")
    return store


def names(entries):
    """Each entry by its first argument, in the order given."""
    return [next(iter(entry.arguments.values())) for entry in entries]


def test_without_a_filter_everything_is_found_the_newest_first(library):
    assert names(library.find()) == ["small", "big", 3, "b.csv", "a.csv"]


def test_entries_stored_at_one_moment_come_in_the_order_of_storing(store):
    for name in "abcdef":
        store.put(name, 1)
    assert names(store.find()) == list("fedcba")


def test_limit_keeps_the_newest(library):
    assert names(library.find(limit=2)) == ["small", "big"]
    assert len(library.find(limit=100)) == 5


FILTERS = {
    "function object": ({"function": load}, ["b.csv", "a.csv"]),
    "full name": ({"function": f"{__name__}.load"}, ["b.csv", "a.csv"]),
    "qualified name": ({"function": "load"}, ["b.csv", "a.csv"]),
    "pattern": ({"function": "*.l*"}, [3, "b.csv", "a.csv"]),
    "pattern of one letter": ({"function": "*.lea?"}, [3]),
    "pattern from the start": ({"function": "memostore.*"}, ["small", "big"]),
    "names are case-sensitive": ({"function": "Load"}, []),
    "a name's part is no name": ({"function": "loa"}, []),
    "tag": ({"tag": "nightly"}, ["big", "a.csv"]),
    "unknown tag": ({"tag": "night"}, []),
    "tag is no pattern": ({"tag": "night*"}, []),
    "older than text": ({"older_than": "4h"}, ["a.csv"]),
    "older than seconds": ({"older_than": 3 * HOUR}, ["b.csv", "a.csv"]),
    "older than a timedelta": ({"older_than": timedelta(hours=2.5)}, [3, "b.csv", "a.csv"]),
    "older than nothing": ({"older_than": 0}, ["small", "big", 3, "b.csv", "a.csv"]),
    "unused": ({"unused_for": "150m"}, [3, "b.csv"]),
    "larger": ({"larger_than": "1kB"}, ["big"]),
    "larger in bytes": ({"larger_than": 50_000}, ["big"]),
    "larger than any": ({"larger_than": "1GB"}, []),
    "argument": ({"args": {"path": "a.csv"}}, ["a.csv"]),
    "defaulted argument": ({"args": {"rate": 0.1}}, ["a.csv"]),
    "two arguments": ({"args": {"path": "b.csv", "rate": 0.5}}, ["b.csv"]),
    "arguments that do not go together": ({"args": {"path": "b.csv", "rate": 0.1}}, []),
    "name": ({"args": {"name": "big"}}, ["big"]),
    "together": ({"function": load, "tag": "nightly"}, ["a.csv"]),
    "together, nothing": ({"function": lead, "tag": "nightly"}, []),
    "three": ({"function": "load", "tag": "io", "older_than": "4h"}, ["a.csv"]),
    "none is no filter": ({"function": None, "tag": None, "older_than": None, "limit": 1}, ["small"]),
}  # fmt: skip


@pytest.mark.parametrize(("filters", "expected"), FILTERS.values(), ids=FILTERS)
def test_a_filter_finds_what_it_says_and_nothing_else(library, filters, expected):
    assert names(library.find(**filters)) == expected


def test_an_age_that_is_reached_exactly_is_not_older(store, clock):
    store.put("a", 1)
    clock.advance(HOUR)
    assert store.find(older_than=HOUR) == []
    clock.advance(0.001)
    assert names(store.find(older_than=HOUR)) == ["a"]


def test_a_size_that_is_reached_exactly_is_not_larger(store):
    store.put("a", b"x" * 500)
    (entry,) = store.find()
    assert store.find(larger_than=entry.size) == []
    assert store.find(larger_than=entry.size - 1) == [entry]


def test_where_takes_any_expression_over_the_view(library):
    columns = library.entries.c
    assert names(library.find(where=columns.size > 1000)) == ["big"]
    assert names(library.find(where=(columns.hit_count > 0) & columns.qualname.like("lo%"))) == ["a.csv"]
    assert names(library.find(where=columns.expires.is_not(None))) == ["small"]
    assert names(library.find(where=columns.created < "2026-04-01T12:30", tag="io")) == ["a.csv"]
    assert names(library.find(where=func.json_extract(columns.arguments, "$.rate") > 0.2)) == ["b.csv"]
    assert names(library.find(where=columns.tags.contains("nightly"), limit=1)) == ["big"]


def test_functions_with_one_name_in_different_places_are_told_apart(store):
    store.memoize(name="project.one.load")(load)("a")
    store.memoize(name="project.two.load")(load)("b")
    store.memoize(name="projectXone.load")(load)("c")
    assert names(store.find(function="project.one.load")) == ["a"]
    assert names(store.find(function="project.*")) == ["b", "a"]
    assert names(store.find(function="load")) == ["c", "b", "a"]
    assert store.find(function="two.load") == []


@pytest.mark.parametrize("name", ["m.a_b", "m.a%b", "m.a\\b", "m.[ab]"])
def test_signs_that_sql_reads_as_patterns_are_plain_in_a_name(store, name):
    store.memoize(name=name)(load)("exact")
    store.memoize(name="m.axb")(load)("other")
    assert names(store.find(function=name)) == ["exact"]
    assert names(store.find(function=name + "*")) == ["exact"]


def test_a_memoized_function_stands_for_itself(store):
    f, g = store.memoize(name="m.f")(load), store.memoize(lead)
    f("a"), g(1)
    assert names(store.find(function=f)) == ["a"]
    assert names(store.find(function=g)) == [1]


def test_a_method_is_found_by_function_bound_method_and_name(store):
    class Trained(Model):
        fit = store.memoize(Model.fit)

    Trained(2).fit(3)
    for function in (Trained.fit, Trained(2).fit, Model.fit, "Model.fit", "*.fit"):
        assert [entry.arguments["epochs"] for entry in store.find(function=function)] == [3]


def test_the_first_digits_of_code_and_key_are_enough(library):
    entry = library.find(function=lead)[0]
    for length in (8, 15, 16, 17, 40, 64):
        assert library.find(key=entry.key[:length]) == [entry]
        assert library.find(key=entry.key[:length].upper()) == [entry]
        assert library.find(code=entry.code[:length]) == [entry]
    assert library.find(key=entry.key[0]) == [each for each in library.find() if each.key[0] == entry.key[0]]
    wrong = format(15 - int(entry.key[-1], 16), "x")
    assert library.find(key=entry.key[:-1] + wrong) == []


class Colour(enum.Enum):
    RED = 1


ARGUMENTS = [
    1, -1, 0, 2**63 - 1, -(2**63), 2**70, 0.1, -0.0, 1e300, 1 / 3, math.inf, True, False, None, "", "text", "qu\"o'te",
    "é\u2028", "%_*?",
    "a\0b", "\ud800", [1, 2.0, "x", None], (1, (2, 3)), {"a": 1, "b": [True]}, {}, [], Path("data/a.csv"),
    date(2026, 1, 31), Colour.RED, b"bytes",
    "x" * 1000, list(range(100)), {"k" * 300: 1},
]  # fmt: skip


@pytest.mark.parametrize("value", ARGUMENTS, ids=lambda value: repr(value)[:30])
def test_a_call_is_found_by_the_argument_it_was_given(store, value):
    f = store.memoize(lead)
    f(value)
    f("something else")
    found = store.find(args={"x": value})
    assert [entry.key for entry in found] == [f.key(value)]


UNLIKE = [
    (1, 1.0), (1, True), (1, "1"), (0, False), (0, None), (None, "None"), ("x" * 999 + "y", "x" * 999 + "z"),
    ([1], [1.0]), ([1], [True]),
]  # fmt: skip


@pytest.mark.parametrize(("stored", "asked"), UNLIKE)
def test_arguments_that_make_different_keys_are_not_found_for_each_other(store, stored, asked):
    store.memoize(lead)(stored)
    assert store.find(args={"x": asked}) == []
    assert len(store.find(args={"x": stored})) == 1


@pytest.mark.parametrize("name", ['we"ird', "back\\slash", "dot.ted", "$[0]", "spa ce", "é"])
def test_a_keyword_of_any_spelling_can_be_asked_for(store, name):
    def options(**given):
        return len(given)

    store.memoize(options)(**{name: 1})
    assert len(store.find(args={"given": {name: 1}})) == 1
    assert store.find(args={name: 1}) == []


# What an entry tells


def test_an_entry_tells_all_that_is_known_of_a_result(store, clock):
    f = store.memoize(ttl="1d", tags=["b", "a"])(load)
    f("a.csv", rate=0.5)
    clock.advance(90)
    f("a.csv", 0.5)
    (entry,) = store.find()
    assert entry == Entry(
        key=f.key("a.csv", rate=0.5), function=f"{__name__}.load", module=__name__, qualname="load", code=entry.code,
        arguments={"path": "a.csv", "rate": 0.5}, tags=("a", "b"), created=datetime(2026, 4, 1, 12, tzinfo=UTC),
        expires=datetime(2026, 4, 2, 12, tzinfo=UTC), last_hit=datetime(2026, 4, 1, 12, 1, 30, tzinfo=UTC), hit_count=1,
        size=entry.size, compute_seconds=entry.compute_seconds, codec="pickle", host=entry.host,
    )  # fmt: skip
    assert len(entry.code) == len(entry.key) == 64
    assert 0 < entry.size < 100
    assert 0 <= entry.compute_seconds < 1


def test_an_entry_never_hit_without_ttl_or_tags_says_so(store):
    store.put("a", 1)
    (entry,) = store.find()
    assert (entry.expires, entry.last_hit, entry.hit_count, entry.tags) == (None, None, 0, ())
    assert entry.compute_seconds == 0


def test_an_entry_is_a_record_that_cannot_be_changed(store):
    store.put("a", 1)
    (entry,) = store.find()
    with pytest.raises(FrozenInstanceError):
        entry.size = 0
    assert store.find() == [entry]


def test_compute_seconds_is_what_the_function_took(store, monkeypatch):
    seconds = iter([100.0, 112.5])
    monkeypatch.setattr(store, "clock", lambda: next(seconds))
    f = store.memoize(lead)
    f(1)
    assert f.entry(1).compute_seconds == 12.5


def test_compute_seconds_are_real_seconds(store):
    @store.memoize
    def nap(seconds):
        time.sleep(seconds)

    nap(0.03)
    assert 0.03 <= nap.entry(0.03).compute_seconds < 3


def test_arguments_as_they_were_before_the_function_changed_them(store):
    @store.memoize
    def consume(items):
        total = sum(items)
        items.clear()
        return total

    consume([1, 2])
    assert store.find()[0].arguments == {"items": [1, 2]}


def test_large_arguments_are_told_in_short(store):
    store.memoize(lead)(["x" * 10_000] * 1000)
    store.memoize(lead)("x" * 100_000)
    store.memoize(lead)([["x" * 100] * 20] * 20)
    with_frame = store.memoize(name="m.frame")(lead)
    with_frame({"a": list(range(10_000)), "b": bytes(10**6)})
    assert all(len(str(entry.arguments)) < 25_000 for entry in store.find())


def test_code_differs_between_versions_of_a_function(store):
    store.memoize(name="m.f")(lambda x: x + 1)(1)
    store.memoize(name="m.f")(lambda x: x + 2)(1)
    new, old = store.find(function="m.f")
    assert new.code != old.code
    assert store.find(code=old.code) == [old]


@pytest.mark.parametrize("now", [-1e10, 0.0, 4e9, 1e15, -1e15])
def test_a_clock_gone_wild_breaks_no_question(path, now):
    with Store(path, clock=lambda: now) as store:
        store.put("a", 1, ttl=5)
        assert store.get("a") == 1
        assert len(store.find()) == store.stats().entries == len(store.functions()) == 1
        assert store.find()[0].created.tzinfo is UTC


# Bad filters


BAD_FILTERS = [
    ({"older_than": -1}, "older_than=-1"), ({"older_than": "2 bananas"}, "older_than='2 bananas'"),
    ({"older_than": True}, "older_than=True"),
    ({"older_than": []}, r"older_than=\[\]"), ({"unused_for": "soon"}, "unused_for='soon'"),
    ({"unused_for": float("nan")}, "unused_for=nan"),
    ({"larger_than": "2 bananas"}, "larger_than='2 bananas'"), ({"larger_than": -1}, "larger_than=-1"),
    ({"larger_than": 1.5}, "larger_than=1.5"),
    ({"function": 3}, "function=3"), ({"function": ""}, "function=''"), ({"function": ["load"]}, "function="),
    ({"code": ""}, "code=''"),
    ({"code": 3}, "code=3"), ({"code": "zz"}, "code='zz'"), ({"key": "xyz"}, "key='xyz'"), ({"key": ""}, "key=''"),
    ({"key": b"ab"}, "key=b'ab'"),
    ({"tag": 3}, "tag=3"), ({"tag": ""}, "tag=''"), ({"tag": ["io"]}, "tag="), ({"tag": "\ud800"}, "tag="),
    ({"args": {}}, "args={}"),
    ({"args": [1]}, r"args=\[1\]"), ({"args": "x=1"}, "args='x=1'"), ({"args": {1: 2}}, "args={1: 2}"),
    ({"where": "size > 1"}, "where='size > 1'"),
    ({"where": 3}, "where=3"), ({"limit": 0}, "limit=0"), ({"limit": -1}, "limit=-1"), ({"limit": "5"}, "limit='5'"),
    ({"limit": 2.0}, "limit=2.0"),
    ({"functoin": "x"}, "functoin.*function, code, key, tag, older_than, unused_for, larger_than, args, where"),
]  # fmt: skip


@pytest.mark.parametrize(("filters", "said"), BAD_FILTERS, ids=lambda value: str(value)[:40])
def test_a_filter_that_cannot_be_used_names_itself(store, filters, said):
    with pytest.raises(InvalidArgument, match=said):
        store.find(**filters)


def test_where_over_what_is_not_there_is_an_error_that_names_it(store):
    from sqlalchemy import column

    with pytest.raises(InvalidArgument, match=r"where=.*nope"):
        store.find(where=column("nope") == 1)
    with pytest.raises(InvalidArgument, match="where="):
        store.find(where=store.entries.c.size > 2**70)
