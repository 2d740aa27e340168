"""Time to live: until when a result is returned, what expire() removes, and clocks that jump."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest

from memostore import InvalidArgument, Store

pytestmark = pytest.mark.filterwarnings("error::memostore.MemostoreWarning")

SPANS = [
    (90, 90), (0.5, 0.5), (timedelta(minutes=2), 120), (timedelta(milliseconds=1500), 1.5), ("90s", 90), ("15m", 900),
    ("15min", 900), ("12h", 43_200),
    ("7d", 604_800), ("2w", 1_209_600), ("1.5h", 5400), ("250ms", 0.25), (" 7 D ", 604_800),
]  # fmt: skip


@pytest.mark.parametrize(("ttl", "seconds"), SPANS, ids=lambda value: str(value))
def test_a_result_is_returned_until_its_ttl_has_passed_and_not_after(store, clock, runs, ttl, seconds):
    @store.memoize(ttl=ttl)
    def f(x):
        runs.append(x)
        return x

    f(1)
    clock.now += seconds * 0.999
    assert f.is_cached(1)
    assert f(1) == 1
    clock.now += seconds * 0.001 + 1e-3
    assert not f.is_cached(1)
    assert f.lookup(1) is None
    assert runs == [1]
    assert f(1) == 1
    assert runs == [1, 1]


def test_at_the_very_moment_it_has_passed(store, clock):
    store.put("a", 1, ttl=64)
    clock.advance(64)
    assert "a" not in store
    assert store.get("a") is None
    assert store.expire(dry_run=True) == 1


def test_without_a_ttl_a_result_is_good_for_ever(store, clock):
    store.put("a", 1)
    clock.advance(1e9)
    assert store.get("a") == 1
    assert store.expire() == 0


def test_a_hit_does_not_lengthen_a_life(store, clock):
    store.put("a", 1, ttl=10)
    clock.advance(9)
    assert store.get("a") == 1
    clock.advance(1)
    assert store.get("a") is None


def test_storing_again_begins_a_new_life(store, clock):
    f = store.memoize(ttl=10)(lambda x: x)
    f(1)
    clock.advance(9)
    f.refresh(1)
    clock.advance(9)
    assert f.is_cached(1)
    clock.advance(1)
    assert not f.is_cached(1)


def test_a_value_put_again_without_a_ttl_stays(store, clock):
    store.put("a", 1, ttl=10)
    store.put("a", 2)
    clock.advance(1000)
    assert store.get("a") == 2
    assert store.find()[0].expires is None


def test_each_value_has_its_own_ttl(store, clock):
    store.put("short", 1, ttl=1)
    store.put("long", 1, ttl=100)
    clock.advance(50)
    assert ("short" in store, "long" in store) == (False, True)


def test_the_life_of_an_entry_is_told(store):
    f = store.memoize(ttl="1d")(lambda x: x)
    f(1)
    assert f.entry(1).expires == datetime(2026, 4, 2, 12, tzinfo=UTC)
    assert f.cache_parameters()["ttl"] == 86_400


def test_another_function_on_the_same_store_lives_by_its_own_ttl(store, clock):
    short, long = store.memoize(ttl=1, name="m.short")(abs), store.memoize(ttl=100, name="m.long")(abs)
    short(-1), long(-1)
    clock.advance(2)
    assert (short.is_cached(-1), long.is_cached(-1)) == (False, True)


def test_expire_removes_what_has_passed_and_nothing_else(store, clock):
    store.put("dead", os.urandom(100_000), ttl=5, tags=["x"])
    store.put("alive", 1, ttl=50)
    store.put("for ever", 1)
    clock.advance(5)
    assert store.stats().entries == 3
    assert store.expire(dry_run=True) == 1
    assert store.stats().entries == 3
    assert store.expire() == 1
    assert store.expire() == 0
    assert sorted(entry.arguments["name"] for entry in store.find()) == ["alive", "for ever"]


def test_a_clock_set_back_brings_nothing_to_life_that_was_removed_and_kills_nothing(store, clock):
    store.put("a", 1, ttl=10)
    store.put("b", 1, ttl=1000)
    clock.advance(20)
    store.expire()
    clock.advance(-100_000)
    assert store.get("a") is None
    assert store.get("b") == 1


def test_each_store_goes_by_its_own_clock(path, clock):
    with Store(path, clock=clock) as store:
        store.put("a", 1, ttl=10)
    with Store(path, clock=lambda: clock.now + 11) as later:
        assert later.get("a") is None
    with Store(path, clock=clock) as store:
        assert store.get("a") == 1


def test_the_clock_may_return_whole_seconds(path):
    moment = [1_775_000_000]
    with Store(path, clock=lambda: moment[0]) as store:
        store.put("a", 1, ttl=2)
        moment[0] += 1
        assert store.get("a") == 1
        moment[0] += 1
        assert store.get("a") is None


def test_an_expired_none_is_not_taken_for_a_value(store, clock):
    store.put("a", None, ttl=1)
    assert store.get("a", "absent") is None
    clock.advance(1)
    assert store.get("a", "absent") == "absent"


def test_large_values_expire_too(store, clock):
    store.put("big", os.urandom(3_000_000), ttl=1)
    clock.advance(1)
    assert store.get("big") is None
    assert store.expire() == 1
    assert store.vacuum() > 2_900_000


# A TTL that depends on the result


def test_a_ttl_may_be_a_function_of_the_result(store, clock):
    f = store.memoize(ttl=lambda result: result["max_age"])(lambda name, max_age: {"name": name, "max_age": max_age})
    f("a", "1h"), f("b", 60), f("c", timedelta(days=1)), f("d", None)
    left = {entry.arguments["name"]: entry.expires and entry.expires.timestamp() - clock() for entry in store.find()}
    assert left == {"a": 3600, "b": 60, "c": 86_400, "d": None}


def test_a_result_whose_ttl_is_zero_is_not_stored(store, runs):
    @store.memoize(ttl=lambda result: 0)
    def f(x):
        runs.append(x)
        return x

    assert f(1) == f(1) == 1
    assert runs == [1, 1]
    assert f.explain(1).reason == "skipped"
    assert "ttl" in f.explain(1).error


@pytest.mark.parametrize("nonsense", ["soon", -1, [1], float("nan"), True])
def test_a_ttl_function_that_returns_nonsense_is_an_error_that_says_so(store, nonsense):
    f = store.memoize(ttl=lambda result: nonsense)(lambda x: x)
    with pytest.raises(InvalidArgument, match=r"ttl\(\.\.\.\)=.* is not a span of time"):
        f(1)
    assert not f.is_cached(1)


def test_an_error_of_the_ttl_function_is_the_callers(store):
    f = store.memoize(ttl=lambda result: result["max_age"])(lambda x: {})
    with pytest.raises(KeyError, match="max_age"):
        f(1)


def test_a_ttl_function_with_stale_for(store, clock):
    f = store.memoize(ttl=lambda result: "1h", stale_for="30m")(lambda x: x)
    f(1)
    entry = f.entry(1)
    assert (entry.refresh_at.timestamp() - clock(), entry.expires.timestamp() - clock()) == (3600, 5400)
