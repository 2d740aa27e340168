"""stats() and functions(): the numbers a store gives of itself."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import pytest

from memostore import FunctionStats, Stats, Store

pytestmark = pytest.mark.filterwarnings("error::memostore.MemostoreWarning")


def lead(x):
    return x


@pytest.fixture
def timed(store, monkeypatch):
    """A memoized function whose every run takes two seconds by the store's own timer."""
    moments = iter(range(0, 10_000, 2))
    monkeypatch.setattr(store, "clock", lambda: float(next(moments)))
    return store.memoize(lead)


def test_an_empty_store_has_nothing(store, path):
    size = store.stats().file_size
    assert store.stats() == Stats(
        entries=0, size=0, functions=0, hits=0, misses=0, saved_seconds=0.0, compute_seconds=0.0, file_size=size
    )
    assert size >= path.stat().st_size > 0
    assert store.functions() == []


def test_totals_count_entries_bytes_hits_and_misses(store):
    f, g = store.memoize(lead), store.memoize(name="m.other")(lead)
    for x in (1, 2, 1, 1, 2):
        f(x)
    g(1)
    store.put("a", 1)
    stats = store.stats()
    assert (stats.entries, stats.functions, stats.hits, stats.misses) == (4, 3, 3, 3)
    assert stats.size == sum(entry.size for entry in store.find())


def test_saved_seconds_are_what_the_hits_did_not_have_to_compute(store, timed):
    timed(1), timed(2)
    for _ in range(3):
        timed(1)
    stats = store.stats()
    assert (stats.saved_seconds, stats.compute_seconds) == (6.0, 4.0)
    assert timed.cache_info().saved_seconds == 6.0


def test_a_lookup_counts_as_a_hit_and_a_test_does_not(store):
    f = store.memoize(lead)
    f(1)
    f.is_cached(1)
    f.entry(1)
    f.lookup(2)
    assert (store.stats().hits, store.stats().misses) == (0, 1)
    assert f.lookup(1) == 1
    assert store.stats().hits == 1


def test_names_count_hits_too(store):
    store.put("a", 1)
    store.get("a"), store.get("a"), store.get("absent")
    assert "a" in store
    assert store.stats().hits == 2
    assert store.find()[0].hit_count == 2


def test_an_expired_or_damaged_entry_is_a_miss(store, clock):
    f = store.memoize(ttl=1)(lead)
    f(1)
    clock.advance(1)
    f(1)
    assert (store.stats().hits, store.stats().misses) == (0, 2)


def test_the_history_outlives_the_entries(store):
    f = store.memoize(lead)
    f(1), f(1)
    store.clear()
    stats = store.stats()
    assert (stats.entries, stats.size, stats.compute_seconds, stats.hits, stats.misses) == (0, 0, 0.0, 1, 1)


def test_file_size_is_what_the_file_and_its_wal_take(store, path):
    store.put("big", os.urandom(3_000_000))
    wal = path.with_name(path.name + "-wal")
    assert store.stats().file_size == path.stat().st_size + wal.stat().st_size
    assert store.stats().file_size > 3_000_000


def test_a_store_in_memory_has_a_size():
    with Store(":memory:") as store:
        before = store.stats().file_size
        store.put("big", os.urandom(1_000_000))
        assert store.stats().file_size - before > 900_000


def test_each_function_has_its_share_the_largest_first(store, timed, clock):
    timed("x" * 100)
    clock.advance(60)
    timed("x" * 100)
    store.memoize(name="m.small")(lead)(1)
    size = {entry.qualname: entry.size for entry in store.find()}
    assert store.functions() == [
        FunctionStats(
            function=f"{__name__}.lead", module=__name__, qualname="lead", entries=1, size=size["lead"], hits=1,
            misses=1, saved_seconds=2.0,
            compute_seconds=2.0, first_seen=datetime(2026, 4, 1, 12, tzinfo=UTC),
            last_hit=datetime(2026, 4, 1, 12, 1, tzinfo=UTC), versions=1,
        ),
        FunctionStats(
            function="m.small", module="m", qualname="small", entries=1, size=size["small"], hits=0, misses=1,
            saved_seconds=0.0, compute_seconds=2.0,
            first_seen=datetime(2026, 4, 1, 12, 1, tzinfo=UTC), last_hit=None, versions=1,
        ),
    ]  # fmt: skip


def test_versions_count_the_codes_a_function_has_had(store):
    store.memoize(name="m.f")(lambda x: x + 1)(1)
    store.memoize(name="m.f")(lambda x: x + 2)(1)
    store.memoize(name="m.f")(lambda x: x + 2)(1)
    (function,) = store.functions()
    assert (function.versions, function.entries, function.hits) == (2, 2, 1)


def test_a_function_that_only_missed_is_known(store):
    f = store.memoize(cache_if=lambda result: False)(lead)
    f(1), f(1)
    (function,) = store.functions()
    assert (function.entries, function.misses, function.hits) == (0, 2, 0)


def test_a_function_used_through_two_stores_is_summed(store, path, clock):
    with Store(path, clock=clock) as other:
        f, g = store.memoize(lead), other.memoize(lead)
        f(1), g(1), g(1), f(2)
        other.flush()
        assert (store.stats().hits, store.stats().misses) == (2, 2)


def test_cache_info_is_functools_four_numbers(store):
    f = store.memoize(lead)
    f(1), f(1), f(2)
    hits, misses, maxsize, currsize = f.cache_info()
    assert (hits, misses, maxsize, currsize) == (1, 2, None, 2)
    assert f.cache_info().size == sum(entry.size for entry in store.find())
