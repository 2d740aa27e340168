"""Limits of one function: which of its results give way, by which limit, and that no other function's do."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

import memostore
from memostore import InvalidArgument, MemostoreWarning, Store
from memostore.config import ENTRY_OVERHEAD

pytestmark = pytest.mark.filterwarnings("error::memostore.MemostoreWarning")

POLICIES = ("lru", "fifo", "lfu", "cost")


def called(store, name="called", **options):
    """A function under a name of its own, with limits."""
    return store.memoize(name=f"m.{name}", version=1, code="version", **options)(lambda x: x)


def kept(store, name="called"):
    return sorted(entry.arguments["x"] for entry in store.find(function=f"m.{name}"))


def call(f, *arguments):
    for x in arguments:
        f(x)


# Which of a function's results give way


def test_a_function_keeps_its_own_limit_and_leaves_others_alone(store):
    f, g = called(store, max_entries=2), called(store, "other")
    call(g, 1, 2, 3)
    call(f, 1, 2, 1, 3)
    call(g, 4)
    assert kept(store) == [1, 3]
    assert kept(store, "other") == [1, 2, 3, 4]


def test_a_hit_of_a_moment_ago_counts_before_it_is_written(path):
    with Store(path) as store:
        f = called(store, max_entries=2)
        for n in range(2, 20):
            call(f, 1, n)
            assert f.is_cached(1)


def test_the_order_is_the_stores_policy(path):
    with Store(path, eviction="fifo") as store:
        f = called(store, max_entries=2)
        call(f, 1, 2, 1, 1, 3)
        assert kept(store) == [2, 3]


def test_among_those_hit_equally_often_the_oldest_gives_way(path, clock):
    with Store(path, eviction="lfu", clock=clock) as store:
        g, f = called(store, "other"), called(store, max_entries=3)
        for n in range(50):
            clock.advance(1)
            call(g, n)
        for n in (5, 3, 4, 1):
            clock.advance(1)
            call(f, n)
        assert kept(store) == [1, 3, 4]


@pytest.mark.parametrize("policy", POLICIES)
def test_what_was_just_stored_is_never_evicted_for_itself(path, policy):
    with Store(path, eviction=policy) as store:
        f = called(store, max_entries=1)
        for n in range(6):
            call(f, n, n, n)
            assert kept(store) == [n]


@pytest.mark.parametrize("others", [0, 100], ids=["alone", "behind others"])
@pytest.mark.parametrize("policy", POLICIES)
def test_both_ways_of_finding_the_first_to_go_agree(path, policy, others):
    """With many others in front, all of the function's entries are looked through; alone, only the first few."""
    with Store(path, eviction=policy) as store:
        call(called(store, "other"), *range(others))
        f = called(store, max_entries=5)
        call(f, 0, 1, 2, 3, 4, 0, 0, 1, 5, 6)
        expected = {"lru": [0, 1, 4, 5, 6], "fifo": [2, 3, 4, 5, 6], "lfu": [0, 1, 4, 5, 6]}
        assert policy == "cost" or kept(store) == expected[policy]
        assert len(kept(store)) == 5
        assert len(kept(store, "other")) == others


def test_lfu_lets_go_of_what_was_popular_long_ago(path):
    with Store(path, eviction="lfu") as store:
        f = called(store, max_entries=2)
        call(f, *["old"] * 10)
        for n in range(40):
            call(f, n, n)
        assert not f.is_cached("old")


def test_expired_results_of_the_function_give_way_first(path, clock):
    with Store(path, clock=clock) as store:
        called(store, "other", ttl=1)(1)
        called(store, ttl=5)(1)
        f = called(store, max_entries=3)
        call(f, 2, 3)
        clock.advance(10)
        call(f, 4)
        assert kept(store) == [2, 3, 4]
        assert kept(store, "other") == [1]


def test_expired_results_give_way_first_behind_many_expired_ones_of_others(path, clock):
    with Store(path, clock=clock) as store:
        f = called(store, max_entries=3)
        call(f, 2, 3)
        call(called(store, "other", ttl=1), *range(50))
        clock.advance(1)
        called(store, ttl=5)(1)
        clock.advance(10)
        call(f, 4)
        assert kept(store) == [2, 3, 4]
        assert f.explain(1).reason == "expired"
        assert len(kept(store, "other")) == 50


def test_expired_results_give_way_first_behind_many_of_either_kind(path, clock):
    with Store(path, clock=clock) as store:
        call(called(store, "other", ttl=1), *range(40))
        f = called(store, max_entries=150)
        call(f, *range(149))
        called(store, ttl=5)(200)
        clock.advance(10)
        f(300)
        assert 200 not in kept(store)
        assert f.explain(200).reason == "expired"
        assert len(kept(store)) >= 147


def test_what_gave_way_in_another_function_makes_no_result_older(path):
    """New results begin where those that gave way stood: at 11, also after one that stood at 1."""
    with Store(path, eviction="lfu") as store:
        low, high = called(store, "low", max_entries=2), called(store, "high", max_entries=1)
        f = called(store, max_entries=2)
        call(low, 1, 2)
        call(f, *[1] * 6)
        call(high, *[1] * 11, 2)
        call(low, 3)
        call(f, 2, 3)
        assert kept(store) == [2, 3]


def test_all_versions_of_the_code_count_together(store):
    old = store.memoize(name="m.called", version=1, max_entries=3)(lambda x: x)
    new = store.memoize(name="m.called", version=2, max_entries=3)(lambda x: x)
    call(old, 1, 2)
    call(new, 1, 2)
    assert not old.is_cached(1)
    assert old.is_cached(2)
    assert new.is_cached(1)
    assert new.is_cached(2)


def test_functions_of_one_name_share_the_limit_of_the_one_that_saves(store):
    small, large = called(store, max_entries=1), called(store, max_entries=3)
    call(large, 1, 2, 3)
    assert kept(store) == [1, 2, 3]
    call(small, 4)
    assert kept(store) == [4]
    call(large, 5, 6)
    assert kept(store) == [4, 5, 6]


def test_a_smaller_limit_takes_hold_at_the_next_save(path):
    with Store(path) as store:
        call(called(store), *range(300))
    with Store(path) as store:
        f = called(store, max_entries=2)
        f(7)
        assert len(kept(store)) == 300
        call(f, "new")
        assert {entry.arguments["x"] for entry in store.find()} == {7, "new"}


def test_refreshing_a_result_evicts_nothing(store):
    f = called(store, max_entries=2)
    call(f, 1, 2)
    f.refresh(1)
    f.refresh(2)
    assert kept(store) == [1, 2]


def test_a_method_and_a_default_store_take_limits(path, monkeypatch):
    monkeypatch.setenv("MEMOSTORE_URL", str(path))

    class Shape:
        @memostore.memoize(max_entries=2)
        def area(self, x):
            return x

    shape = Shape()
    call(shape.area, 1, 2, 3)
    assert shape.area.cache_info() == (0, 3, 2, 2)


# How much it holds


@pytest.mark.parametrize("policy", POLICIES)
def test_max_size_holds_after_every_save(path, policy):
    limit = 60_000
    with Store(path, eviction=policy, compress="never") as store, closing(sqlite3.connect(path)) as reader:
        g = store.memoize(name="m.other")(os.urandom)
        f = store.memoize(name="m.called", max_size=limit)(os.urandom)
        for n in range(60):
            g(n)
            f(n * 937 % 20_000)
            entries, size = reader.execute("SELECT entries, bytes FROM function WHERE qualname = 'called'").fetchone()
            assert size + entries * ENTRY_OVERHEAD <= limit
        assert entries >= 3
        assert reader.execute("SELECT entries FROM function WHERE qualname = 'other'").fetchone() == (60,)


def test_both_limits_of_a_function_hold_together(path):
    with Store(path, compress="never") as store:
        f = store.memoize(name="m.called", max_size=10_000, max_entries=3)(lambda n: bytes(n))
        call(f, 1, 2, 3, 4)
        assert f.cache_info().currsize == 3
        f(9_600)
        assert f.cache_info().currsize == 1


def test_the_limits_of_store_and_function_hold_together(path):
    with Store(path, max_entries=4) as store:
        f, g = called(store, max_entries=2), called(store, "other")
        call(g, 1, 2)
        call(f, 1, 2, 3)
        assert (kept(store), kept(store, "other")) == ([2, 3], [1, 2])
        call(g, 3, 4)
        assert (kept(store), kept(store, "other")) == ([2, 3], [3, 4])


def test_a_result_larger_than_the_functions_limit_is_returned_and_evicts_nothing(path):
    with Store(path, compress="never") as store:
        f = store.memoize(max_size=10_000)(os.urandom)
        f(10), f(20)
        with pytest.warns(MemostoreWarning, match=r"\d+ bytes.*the function's max_size=10000"):
            assert len(f(20_000)) == 20_000
        assert f.cache_info().currsize == 2
        assert f.explain(20_000).reason == "skipped"
        assert "the function's max_size=10000" in str(f.explain(20_000))


def test_a_result_exactly_as_large_as_the_functions_limit_is_kept(path):
    with Store(path, compress="never") as store:
        f = store.memoize(lambda: bytes(1000))
        f()
        size = f.cache_info().size + ENTRY_OVERHEAD
        f = store.memoize(max_size=size)(lambda: bytes(1000))
        f()
        assert f.is_cached()
        f = store.memoize(max_size=size - 1, version=2)(lambda: bytes(1000))
        with pytest.warns(MemostoreWarning, match="max_size"):
            f()
        assert not f.is_cached()


@pytest.mark.parametrize("policy", POLICIES)
def test_a_large_function_behind_others_loses_a_fiftieth_at_most(path, policy):
    with Store(path, eviction=policy) as store:
        call(called(store, "other"), *range(40))
        f = called(store, max_entries=200)
        call(f, *range(198))
        seen = []
        for n in range(198, 220):
            f(n)
            seen.append(f.cache_info().currsize)
        assert 196 <= min(seen) <= max(seen) == 200
        assert len(kept(store, "other")) == 40
        if policy != "cost":  # whose order depends on how long each call took
            assert min(seen) == 196
            assert kept(store) == list(range(220 - seen[-1], 220))


@pytest.mark.parametrize("policy", ["lru", "fifo"])
def test_a_large_function_whose_results_are_the_first_to_go_loses_no_more_than_it_has_to(path, policy):
    with Store(path, eviction=policy) as store:
        f = called(store, max_entries=100)
        call(f, *range(100))
        call(called(store, "other"), *range(40))
        for n in range(100, 120):
            f(n)
            assert kept(store) == list(range(n - 99, n + 1))


@pytest.mark.parametrize("others", [0, 100], ids=["alone", "behind others"])
def test_no_more_give_way_to_max_size_than_have_to(path, others):
    with Store(path, compress="never") as store:
        call(called(store, "other"), *range(others))
        f = store.memoize(name="m.f", max_size=10_000)(lambda n: bytes(2_000))
        for n in range(10):
            f(n)
            assert f.cache_info().currsize == min(n + 1, 4)


def test_what_was_evicted_is_computed_again(store, runs):
    @store.memoize(max_entries=2)
    def f(x):
        runs.append(x)
        return x

    for x in (1, 2, 3, 3, 1):
        assert f(x) == x
    assert runs == [1, 2, 3, 1]


# What is told


def test_explain_says_that_it_was_the_functions_limit(path):
    with Store(path, eviction="fifo", compress="never") as store:
        f = called(store, max_entries=1)
        call(f, 1, 2)
        said = f.explain(1)
        assert said.reason == "evicted"
        assert said.tombstone.detail == "fifo, for the function's max_entries"
        assert "by the policy fifo, for the function's max_entries, on " in str(said)
        g = store.memoize(name="m.g", max_size=5_000, max_entries=50)(lambda n: bytes(n))
        call(g, 4_000, 3_000)
        assert g.explain(4_000).tombstone.detail == "fifo, for the function's max_size"


def test_explain_says_that_it_was_the_stores_limit(path):
    with Store(path, max_entries=1) as store:
        f = called(store, max_entries=5)
        call(f, 1, 2)
        assert f.explain(1).tombstone.detail == "lru"


def test_an_expired_result_that_gave_way_has_expired(path, clock):
    with Store(path, clock=clock) as store:
        f = called(store, max_entries=1, ttl=5)
        f(1)
        clock.advance(10)
        f(2)
        assert f.explain(1).tombstone.reason == "expired"


def test_each_eviction_is_told_after_the_commit(path, clock):
    seen = []
    with Store(path, clock=clock) as store, closing(sqlite3.connect(path)) as reader:

        def note(event):
            seen.append((event, reader.execute("SELECT count(*) FROM entry").fetchone()[0]))

        store.on("Evicted", note)
        f = called(store, max_entries=1)
        f(1)
        key = f.key(1)
        clock.advance(7)
        f(2)
    ((event, count),) = seen
    assert (event.key, event.function, event.age, event.policy, count) == (key, "m.called", 7.0, "lru", 1)


def test_maxsize_is_max_entries_as_in_functools(store):
    f, g = called(store, max_entries=2, max_size="1MB"), called(store, "other", max_size=1000)
    call(f, 1, 2, 3)
    assert f.cache_info() == (0, 3, 2, 2)
    assert g.cache_info().maxsize is None
    assert (f.cache_parameters()["maxsize"], f.cache_parameters()["max_size"]) == (2, 1_000_000)
    assert (g.cache_parameters()["maxsize"], g.cache_parameters()["max_size"]) == (None, 1000)


BAD = [
    {"max_entries": 0}, {"max_entries": -1}, {"max_entries": 1.5}, {"max_entries": "5"}, {"max_entries": True},
    {"max_size": 0}, {"max_size": "2 bananas"}, {"max_size": -1}, {"max_size": 1.5}, {"max_size": True},
]  # fmt: skip


@pytest.mark.parametrize("options", BAD, ids=str)
def test_a_limit_that_cannot_be_used_names_itself(store, options):
    ((name, _),) = options.items()
    with pytest.raises(InvalidArgument, match=f"^{name}="):
        store.memoize(**options)


def test_a_store_that_remembers_nothing_takes_limits():
    f = Store(None).memoize(max_entries=1, max_size=1)(lambda x: x)
    assert [f(1), f(2)] == [1, 2]


# Held to a model


class Model(RuleBasedStateMachine):
    """A function with limits, one without, and a dictionary for each that knows the policy."""

    template: Path

    def __init__(self):
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="memostore-limits-"))
        shutil.copy(self.template, self.directory / "memo.db")
        self.now = 1_000_000.0
        self.held: dict[object, dict] = {"f": {}, "g": {}}
        self.uses = self.age = 0

    @initialize(
        policy=st.sampled_from(["lru", "fifo", "lfu"]), most=st.integers(1, 4), others=st.sampled_from([0, 3, 40])
    )
    def open(self, policy, most, others):
        self.policy, self.most = policy, most
        self.store = Store(
            self.directory / "memo.db", eviction=policy, compress="never", clock=lambda: self.now, on_error="raise"
        )
        self.f = called(self.store, "f", max_entries=most, ttl=8)
        self.g = called(self.store, "g", ttl=8)
        for n in range(others):
            self.call("g", n)

    def teardown(self):
        if hasattr(self, "store"):
            self.store.close()
        shutil.rmtree(self.directory)

    @rule(which=st.sampled_from("ffg"), x=st.integers(0, 7))
    def call(self, which, x):
        getattr(self, which)(x)
        held = self.held[which]
        self.uses += 1
        if x in held and held[x]["expires"] > self.now:
            held[x]["priority"] = {
                "lru": self.uses, "fifo": held[x]["priority"], "lfu": held[x]["priority"] + 1,
            }[self.policy]  # fmt: skip
            return
        self.save(which, x)

    @rule(which=st.sampled_from("ffg"), x=st.integers(0, 7))
    def refresh(self, which, x):
        getattr(self, which).refresh(x)
        self.uses += 1
        self.save(which, x)

    @rule(seconds=st.sampled_from([0.5, 3, 9]))
    def wait(self, seconds):
        self.now += seconds

    def save(self, which, x):
        held = self.held[which]
        priority = self.age + 1 if self.policy == "lfu" else self.uses
        self.now += 1 / 64  # no two are of one age
        held[x] = {"priority": priority, "created": self.now - 1 / 64, "expires": self.now - 1 / 64 + 8}
        if which == "f" and len(held) > self.most:
            for other in [other for other in held if other != x and held[other]["expires"] <= self.now - 1 / 64]:
                del held[other]
            while len(held) > self.most:
                first = min(
                    (o for o in held if o != x), key=lambda other: (held[other]["priority"], held[other]["created"])
                )
                self.age = max(self.age, held.pop(first)["priority"])

    @invariant()
    def the_same_are_stored(self):
        if hasattr(self, "store"):
            assert kept(self.store, "f") == sorted(self.held["f"])
            assert kept(self.store, "g") == sorted(self.held["g"])
            assert len(self.held["f"]) <= self.most


def test_the_survivors_are_those_that_the_policy_says(empty_store):
    Model.template = empty_store
    run_state_machine_as_test(
        Model,
        settings=settings(
            max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


# Across processes


def test_two_processes_that_write_at_once_keep_the_limit_together(script, path):
    script.write("""
        import sqlite3, sys
        from memostore import Store

        store = Store("memo.db", timeout=60, on_error="raise")

        @store.memoize(name="m.f", max_entries=20)
        def f(x):
            return x

        @store.memoize(name="m.g")
        def g(x):
            return x

        reader = sqlite3.connect("memo.db", isolation_level=None)
        for n in range(150):
            f((sys.argv[1], n)), g((sys.argv[1], n)), f((sys.argv[1], n // 2))
            (count,) = reader.execute("SELECT count(*) FROM entry JOIN function f ON f.id = function_id "
                                      "WHERE f.qualname = 'f'").fetchone()
            assert count <= 20, count
        store.close()
    """)
    with script.start("one") as one, script.start("two") as two:
        ends = [process.communicate(timeout=120) for process in (one, two)]
    assert [one.returncode, two.returncode] == [0, 0], ends
    with Store(path) as store:
        figures = {stats.qualname: stats.entries for stats in store.functions()}
        assert figures == {"f": 20, "g": 300}
        assert store.sql("SELECT count(*) AS n FROM entry") == [{"n": 320}]
