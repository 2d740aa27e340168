"""Limits and eviction: what a full store keeps, in which order it gives way, and that it never holds too much."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

import pytest

from memostore import InvalidArgument, MemostoreWarning, Store, Unstorable
from memostore.config import ENTRY_OVERHEAD

pytestmark = pytest.mark.filterwarnings("error::memostore.MemostoreWarning")


def kept(store):
    return sorted(entry.arguments["name"] for entry in store.find())


def occupied(store):
    """The bytes that count against max_size: those of the values, and a fixed number for each entry."""
    stats = store.stats()
    return stats.size + stats.entries * ENTRY_OVERHEAD


def fill(store, *names):
    for name in names:
        store.put(name, name)


# Which entries give way


def test_lru_evicts_what_was_used_longest_ago(path, clock):
    with Store(path, max_entries=3, clock=clock) as store:
        fill(store, "a", "b", "c")
        store.get("a")
        fill(store, "d")
        assert kept(store) == ["a", "c", "d"]
        store.get("c")
        fill(store, "e", "f")
        assert kept(store) == ["c", "e", "f"]


def test_storing_again_is_a_use(path, clock):
    with Store(path, max_entries=2, clock=clock) as store:
        fill(store, "a", "b", "a", "c")
        assert kept(store) == ["a", "c"]


def test_lru_does_not_depend_on_the_clock(path, clock):
    with Store(path, max_entries=2, clock=clock) as store:
        fill(store, "a")
        clock.advance(-100_000)
        fill(store, "b")
        store.get("a")
        clock.advance(50_000)
        fill(store, "c")
        assert kept(store) == ["a", "c"]


def test_a_question_that_loads_nothing_is_no_use(path):
    with Store(path, max_entries=2) as store:
        fill(store, "a", "b")
        assert "a" in store
        store.find(args={"name": "a"})
        store.sql("SELECT * FROM entries")
        fill(store, "c")
        assert kept(store) == ["b", "c"]


def test_fifo_evicts_what_was_stored_first_however_often_it_is_used(path):
    with Store(path, max_entries=3, eviction="fifo") as store:
        fill(store, "a", "b", "c")
        for _ in range(5):
            store.get("a")
        fill(store, "d")
        assert kept(store) == ["b", "c", "d"]


def test_lfu_evicts_what_was_used_least_often(path):
    with Store(path, max_entries=3, eviction="lfu") as store:
        fill(store, "a", "b", "c")
        for name in "aaaaabb":
            store.get(name)
        fill(store, "d")
        assert kept(store) == ["a", "b", "d"]


def test_lfu_prefers_an_old_entry_that_was_used_to_a_new_one_that_was_not(path):
    with Store(path, max_entries=2, eviction="lfu") as store:
        fill(store, "used")
        store.get("used")
        fill(store, "unused", "new")
        assert kept(store) == ["new", "used"]


def test_lfu_lets_go_of_what_was_popular_long_ago(path):
    with Store(path, max_entries=2, eviction="lfu") as store:
        fill(store, "old")
        for _ in range(10):
            store.get("old")
        for n in range(40):
            store.put(f"new {n}", n)
            store.get(f"new {n}")
        assert "old" not in store


def test_cost_keeps_what_takes_longest_to_compute_for_each_byte(path, monkeypatch):
    with Store(path, max_entries=2, eviction="cost", compress="never") as store:

        def compute(name, seconds, size):
            moments = iter([0.0, seconds])
            monkeypatch.setattr(store, "clock", lambda: next(moments))
            store.memoize(name="m.compute")(lambda name: name[0] * size)(name)

        compute("slow", 100.0, 10)
        compute("quick", 0.001, 10)
        compute("third", 1.0, 10)
        assert kept(store) == ["slow", "third"]
        compute("slow but huge", 100.0, 100_000)
        assert kept(store) == ["slow", "slow but huge"]
        compute("fifth", 50.0, 10)
        assert kept(store) == ["fifth", "slow"]


def test_hits_of_an_earlier_process_or_store_count(path):
    with Store(path) as store:
        fill(store, "a", "b", "c")
        store.get("a")
    with Store(path, max_entries=3) as store:
        fill(store, "d")
        assert kept(store) == ["a", "c", "d"]


def test_a_store_filled_under_another_policy_is_ranked_anew(path, clock):
    with Store(path, eviction="fifo", clock=clock) as store:
        for name in "abc":
            clock.advance(1)
            store.put(name, name)
        clock.advance(1)
        store.get("a")
    with Store(path, eviction="lru", max_entries=3, clock=clock) as store:
        fill(store, "d")
        assert kept(store) == ["a", "c", "d"]
    with Store(path, eviction="fifo", max_entries=3, clock=clock) as store:
        clock.advance(1)
        fill(store, "e")
        assert kept(store) == ["c", "d", "e"]


@pytest.mark.parametrize("policy", ["lru", "fifo", "lfu", "cost"])
def test_what_was_just_stored_is_never_evicted_for_itself(path, policy):
    with Store(path, max_entries=1, eviction=policy) as store:
        for name in "abcdef":
            store.put(name, name)
            assert kept(store) == [name]
            for _ in range(3):
                assert store.get(name) == name


# How much a store holds


@pytest.mark.parametrize("policy", ["lru", "fifo", "lfu", "cost"])
def test_no_reader_ever_sees_more_than_max_entries(path, policy):
    with (
        Store(path, max_entries=5, eviction=policy) as store,
        closing(sqlite3.connect(path, isolation_level=None)) as reader,
    ):
        for n in range(40):
            store.put(n, n)
            store.get(n // 2)
            (count,) = reader.execute("SELECT count(*) FROM entry").fetchone()
            assert count == min(n + 1, 5)


@pytest.mark.parametrize("policy", ["lru", "fifo", "lfu", "cost"])
def test_max_size_holds_after_every_save(path, policy):
    limit = 60_000
    with (
        Store(path, max_size=limit, eviction=policy, compress="never") as store,
        closing(sqlite3.connect(path, isolation_level=None)) as reader,
    ):
        for n in range(60):
            store.put(n, os.urandom(n * 937 % 20_000))
            entries, size = reader.execute("SELECT count(*), sum(size) FROM entry").fetchone()
            assert size + entries * ENTRY_OVERHEAD <= limit
        assert entries >= 3


def test_both_limits_hold_together(path):
    with Store(path, max_size=10_000, max_entries=3, compress="never") as store:
        fill(store, "a", "b", "c", "d")
        assert kept(store) == ["b", "c", "d"]
        store.put("big", bytes(9_600))
        assert kept(store) == ["big"]


def test_a_large_entry_replaced_by_a_small_one_frees_its_place(path):
    with Store(path, max_size=10_000, compress="never") as store:
        store.put("a", bytes(8_000))
        store.put("a", 1)
        fill(store, *"bcde")
        assert kept(store) == list("abcde")


def test_the_file_stays_near_max_size_however_much_passes_through(path):
    with Store(path, max_size="1MB", compress="never") as store:
        for n in range(60):
            store.put(n, os.urandom(200_000))
    assert path.stat().st_size < 3_000_000


def test_a_result_larger_than_the_store_is_returned_and_evicts_nothing(path):
    with Store(path, max_size=10_000, compress="never") as store:
        fill(store, "a", "b")
        f = store.memoize(os.urandom)
        with pytest.warns(MemostoreWarning, match=r"\d+ bytes.*max_size=10000"):
            assert len(f(20_000)) == 20_000
        assert kept(store) == ["a", "b"]
        assert not f.is_cached(20_000)


def test_a_value_larger_than_the_store_is_not_put_and_evicts_nothing(path):
    with Store(path, max_size=10_000, compress="never") as store:
        fill(store, "a", "b")
        with pytest.raises(Unstorable, match="max_size=10000"):
            store.put("big", bytes(20_000))
        assert kept(store) == ["a", "b"]
        assert occupied(store) <= 10_000


def test_a_result_exactly_as_large_as_the_store_is_kept(path):
    with Store(path, compress="never") as store:
        store.put("name", bytes(1000))
        size = occupied(store)
        store.clear()
    with Store(path, compress="never", max_size=size) as store:
        store.put("name", bytes(1000))
        assert "name" in store
    with Store(path, compress="never", max_size=size - 1) as store:
        f = store.memoize(lambda: bytes(1000))
        with pytest.warns(MemostoreWarning, match="max_size"):
            f()


def test_a_smaller_limit_takes_hold_at_the_next_save(path):
    with Store(path) as store:
        fill(store, *"abcdef")
    with Store(path, max_entries=2) as store:
        assert store.get("a") == "a"
        fill(store, "g")
        assert kept(store) == ["a", "g"]


def test_two_stores_on_one_file_keep_the_limit_together(path):
    with Store(path, max_entries=4) as one, Store(path, max_entries=4) as two:
        for n in range(20):
            (one if n % 2 else two).put(n, n)
        assert one.stats().entries == two.stats().entries == 4
        assert sorted(entry.arguments["name"] for entry in one.find()) == [16, 17, 18, 19]


def test_expired_entries_give_way_before_any_other(path, clock):
    with Store(path, max_entries=3, clock=clock) as store:
        fill(store, "a", "b")
        store.put("dead", 0, ttl=5)
        store.get("dead")
        clock.advance(10)
        fill(store, "c")
        assert kept(store) == ["a", "b", "c"]


@pytest.mark.parametrize("policy", ["lru", "fifo", "lfu", "cost"])
def test_totals_stay_true_whatever_comes_and_goes(path, clock, policy):
    limits = {"max_entries": 7, "max_size": 20_000, "eviction": policy}
    with Store(path, **limits, clock=clock) as store, closing(sqlite3.connect(path, isolation_level=None)) as reader:
        for n in range(50):
            store.put(n % 11, os.urandom(n * 331 % 5_000), ttl=1 + n % 4, tags=[str(n % 3)])
            clock.advance(0.5)
            if n % 10 == 9:
                store.invalidate(tag="1")
                store.expire()
        counted = reader.execute("SELECT count(*), coalesce(sum(size), 0) FROM entry").fetchone()
        assert (store.stats().entries, store.stats().size) == counted
        assert reader.execute("SELECT count(*) FROM tag WHERE entry_id NOT IN (SELECT id FROM entry)").fetchone() == (
            0,
        )


# Asked for


def test_evict_leaves_so_many_entries(store):
    fill(store, *"abcdef")
    store.get("a")
    assert store.evict(entries=2) == 4
    assert kept(store) == ["a", "f"]
    assert store.evict(entries=2) == 0


def test_evict_leaves_so_many_bytes(path):
    with Store(path, compress="never") as store:
        for name in "abcd":
            store.put(name, bytes(1000))
        store.get("a")
        assert store.evict(to="3kB") == 2
        assert kept(store) == ["a", "d"]
        assert occupied(store) <= 3000


def test_evict_takes_both_limits(store):
    fill(store, *"abcdef")
    assert store.evict(to="1GB", entries=4) == 2
    assert store.evict(to=0, entries=4) == 4


def test_evict_follows_the_stores_policy(path):
    with Store(path, eviction="fifo") as store:
        fill(store, "a", "b", "c")
        store.get("a")
        store.evict(entries=1)
        assert kept(store) == ["c"]


def test_evict_takes_expired_entries_first(store, clock):
    store.put("dead", 1, ttl=5)
    fill(store, "a", "b")
    store.get("dead")
    clock.advance(10)
    store.evict(entries=2)
    assert kept(store) == ["a", "b"]


def test_a_dry_run_counts_and_removes_nothing(store):
    fill(store, *"abcdef")
    before = store.find()
    assert store.evict(entries=2, dry_run=True) == 4
    assert store.find() == before
    assert store.evict(entries=2) == 4


def test_a_large_eviction_comes_to_its_end(store, path):
    fill(store, "seed")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("""
            INSERT INTO entry (id, key, function_id, code_id, created, size, compute_seconds, priority,
                               codec, checksum, value)
            WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
            SELECT i, CAST(printf('%032d', i) AS BLOB), function_id, code_id, created, 10, 0, -i, codec, checksum,
            value FROM n, entry
        """)
    assert store.stats().entries == 2001
    assert store.evict(entries=7) == 1994
    assert store.stats().entries == 7
    assert "seed" in store


BAD_LIMITS = [
    {}, {"to": None}, {"to": "2 bananas"}, {"to": -1}, {"to": 1.5}, {"to": True}, {"entries": -1}, {"entries": "5"},
    {"entries": 2.0},
    {"entries": True}, {"to": "1GB", "entries": "x"},
]  # fmt: skip


@pytest.mark.parametrize("limits", BAD_LIMITS, ids=str)
def test_a_limit_that_cannot_be_used_names_itself_and_evicts_nothing(store, limits):
    fill(store, *"abc")
    with pytest.raises(InvalidArgument, match=r"^(to|entries)=|evict\(\) needs a limit.*to=.*entries="):
        store.evict(**limits)
    assert kept(store) == ["a", "b", "c"]


def test_evicted_entries_are_computed_again(path, runs):
    with Store(path, max_entries=2) as store:

        @store.memoize
        def f(x):
            runs.append(x)
            return x

        for x in (1, 2, 3, 3, 1):
            assert f(x) == x
    assert runs == [1, 2, 3, 1]
