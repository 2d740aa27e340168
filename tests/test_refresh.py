"""`stale_for` and `refresh_ahead`: results are computed anew in the background, while the older ones are returned."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing

import pytest

import memostore.background as background
import memostore.flight as flight
from memostore import InvalidArgument, MemostoreWarning, Store
from memostore.driving import drive
from memostore.landing import take_off

pytestmark = pytest.mark.filterwarnings("error::memostore.MemostoreWarning")

HOUR = 3600


@pytest.fixture
def later(monkeypatch):
    """The steps that were to be taken in the background: a test takes them when it wants to."""
    waiting = []
    monkeypatch.setattr(background, "in_thread", waiting.append)
    return waiting


def take_all(waiting):
    while waiting:
        drive(waiting.pop(0))


def versioned(store, runs, **options):
    """A function whose result says how often it was computed."""

    @store.memoize(key=lambda x: x, **options)
    def f(x):
        runs.append(x)
        return f"{x} v{len(runs)}"

    return f


def test_a_stale_result_is_returned_at_once_and_computed_anew_behind(store, clock, runs, later):
    f = versioned(store, runs, ttl="1h", stale_for="1h")
    assert f("a") == f("a") == "a v1"
    clock.advance(HOUR + 1)
    assert f("a") == "a v1"
    assert runs == ["a"]
    take_all(later)
    assert runs == ["a", "a"]
    assert f("a") == "a v2"
    assert later == []
    assert f.cache_info()[:2] == (3, 1)


def test_while_one_computes_the_others_return_the_stale_result(store, clock, runs, later):
    f = versioned(store, runs, ttl="1h", stale_for="1h")
    f("a")
    clock.advance(HOUR + 1)
    assert [f("a") for _ in range(5)] == ["a v1"] * 5
    assert len(later) == 1


def test_who_comes_late_finds_that_it_has_been_done(store, clock, runs):
    """Between the look at a stale result and the claim, another process may have computed it anew."""
    f = versioned(store, runs, ttl="1h", stale_for="1h")
    f("a")
    key = bytes.fromhex(f.key("a"))
    assert take_off(store, key) is None
    clock.advance(HOUR + 1)
    landing = take_off(store, key)
    assert landing is not None
    assert take_off(store, key) is None
    landing.now()
    f.refresh("a")
    assert take_off(store, key) is None
    assert store.flights._flying == {}


def test_what_runs_in_the_background_runs_on_nobodys_behalf(store, clock, runs):
    """Else a call that waits for it might seem to wait for itself."""
    done = threading.Event()
    aboard = []

    @store.memoize(key=lambda x: x, ttl="1h", stale_for="1h")
    def inner(x):
        runs.append(x)
        aboard.append(len(flight._aboard.get()))
        if len(runs) > 1:
            done.set()
        return x

    @store.memoize(key=lambda x: x)
    def outer(x):
        return inner("a")

    outer(1)
    clock.advance(HOUR + 1)
    outer(2)
    assert done.wait(20)
    assert aboard == [2, 1]


def test_after_stale_for_it_is_a_miss(store, clock, runs, later):
    f = versioned(store, runs, ttl="1h", stale_for="1h")
    f("a")
    clock.advance(2 * HOUR)
    assert f.explain("a").reason == "expired"
    assert f("a") == "a v2"
    assert later == []


def test_a_refresh_that_fails_leaves_the_older_result_until_the_end(store, clock, runs, later):
    @store.memoize(key=lambda x: x, ttl="1h", stale_for="1h")
    def f(x):
        runs.append(x)
        if len(runs) > 1:
            raise ValueError("no answer")
        return x

    f("a")
    clock.advance(HOUR + 1)
    assert f("a") == "a"
    with pytest.warns(MemostoreWarning, match=r"computing it anew failed: ValueError\('no answer'\)"):
        take_all(later)
    assert f("a") == "a"  # which tries again, and warns no second time
    take_all(later)
    assert len(runs) == 3
    clock.advance(HOUR)
    with pytest.raises(ValueError, match="no answer"):
        f("a")


def test_refresh_ahead_computes_anew_before_the_end(store, clock, runs, later):
    f = versioned(store, runs, ttl="1h", refresh_ahead="10m")
    f("a")
    clock.advance(50 * 60 - 1)
    f("a")
    assert later == []
    clock.advance(1)
    assert f("a") == "a v1"
    take_all(later)
    clock.advance(50 * 60 - 1)
    assert f("a") == "a v2"
    clock.advance(HOUR)
    assert f("a") == "a v3"  # nobody called in time
    assert later == []


def test_the_entry_says_when_it_is_due_and_when_it_ends(store, clock, runs):
    f = versioned(store, runs, ttl="1h", stale_for="2h", refresh_ahead="10m")
    f("a")
    entry = f.entry("a")
    assert entry.refresh_at.timestamp() == clock() + 50 * 60
    assert entry.expires.timestamp() == clock() + 3 * HOUR
    assert store.sql("SELECT refresh_at FROM entries")[0]["refresh_at"] == "2026-04-01T12:50:00.000Z"
    g = versioned(store, runs, ttl="1h", name="g")
    g("a")
    assert g.entry("a").refresh_at is None


def test_a_function_without_the_option_takes_a_stale_result_for_expired(store, clock, runs, later):
    versioned(store, runs, ttl="1h", stale_for="1h")("a")
    clock.advance(HOUR + 1)
    assert versioned(store, runs, ttl="1h")("a") == "a v2"
    assert later == []


def test_lookup_and_is_cached_find_a_stale_result_and_compute_nothing(store, clock, runs, later):
    f = versioned(store, runs, ttl="1h", stale_for="1h")
    f("a")
    clock.advance(HOUR + 1)
    assert (f.lookup("a"), f.is_cached("a"), f.explain("a").is_hit) == ("a v1", True, True)
    assert later == []


def test_eviction_and_expire_leave_stale_results_that_are_still_good(store, clock, runs):
    f = versioned(store, runs, ttl="1h", stale_for="1h")
    f("a")
    clock.advance(HOUR + 1)
    assert store.expire() == 0
    clock.advance(HOUR)
    assert store.expire() == 1


def test_a_generator_is_run_to_its_end_in_the_background(store, clock, runs, later):
    @store.memoize(key=lambda n: n, ttl="1h", stale_for="1h")
    def f(n):
        for number in range(n):
            runs.append(number)
            yield len(runs)

    assert list(f(2)) == [1, 2]
    clock.advance(HOUR + 1)
    assert list(f(2)) == [1, 2]
    assert len(later) == 1
    take_all(later)
    assert list(f(2)) == [3, 4]
    assert later == []


def test_a_generator_that_fails_in_the_background_leaves_the_older_items(store, clock, runs, later):
    @store.memoize(key=lambda n: n, ttl="1h", stale_for="1h")
    def f(n):
        runs.append(n)
        yield n
        if len(runs) > 1:
            raise ValueError("no more")

    list(f(1))
    clock.advance(HOUR + 1)
    assert list(f(1)) == [1]
    with pytest.warns(MemostoreWarning, match="no more"):
        take_all(later)
    assert list(f(1)) == [1]


def test_a_coroutine_is_computed_anew_by_a_task(store, clock, runs):
    async def main():
        computed = asyncio.Event()

        @store.memoize(key=lambda x: x, ttl="1h", stale_for="1h")
        async def f(x):
            runs.append(x)
            await asyncio.sleep(0)
            computed.set()
            return len(runs)

        await f("a")
        clock.advance(HOUR + 1)
        computed.clear()
        assert [await f("a"), await f("a")] == [1, 1]
        await asyncio.wait_for(computed.wait(), 20)
        for task in list(background._tasks):
            await task
        assert await f("a") == 2

    asyncio.run(main())
    assert runs == ["a", "a"]


def test_a_loop_that_ends_cancels_the_task_and_the_next_call_begins_anew(store, clock, runs):
    @store.memoize(key=lambda x: x, ttl="1h", stale_for="1h")
    async def f(x):
        runs.append(x)
        if len(runs) == 2:
            await asyncio.sleep(60)
        return len(runs)

    async def main():
        result = await f("a")
        await asyncio.sleep(0.01)
        return result

    asyncio.run(main())
    clock.advance(HOUR + 1)
    assert asyncio.run(main()) == 1
    assert store.flights._flying == {}

    async def wait_for_it():
        await f("a")
        await asyncio.gather(*background._tasks)
        return await f("a")

    assert asyncio.run(wait_for_it()) == 3


# Threads and processes


def test_a_thread_does_it_and_the_process_waits_for_it(path, script):
    script.write("""
        import threading
        from memostore import Store

        now = [0.0]
        store = Store("memo.db", clock=lambda: now[0])
        started = threading.Event()

        @store.memoize(key=lambda x: x, ttl="1h", stale_for="1h", name="shared.f", code="version")
        def f(x):
            if now[0]:
                started.set()
                assert threading.current_thread() is not threading.main_thread()
            return now[0]

        f(1)
        now[0] = 3601.0
        assert f(1) == 0.0
        assert started.wait(20)
    """).run()
    with Store(path, clock=lambda: 3601.0) as store:
        (entry,) = store.find()
        assert entry.created.timestamp() == 3601.0


@pytest.mark.skipif(sys.platform != "linux", reason="between processes only Linux has these locks")
def test_only_one_process_computes_anew(path, script, runs, clock, later):
    script.write("""
        import sys
        import memostore.background as background
        from memostore import Store

        store = Store("memo.db", clock=lambda: float(sys.argv[1]))

        @store.memoize(key=lambda x: x, ttl="1h", stale_for="1h", name="shared.f", code="version")
        def f(x):
            raise AssertionError("not here")

        background.in_thread = lambda steps: print("to be computed here", flush=True)
        print(f(1), flush=True)
        sys.stdin.readline()
    """)
    with Store(path, clock=clock) as store:
        f = versioned(store, runs, ttl="1h", stale_for="1h", name="shared.f", code="version")
        f(1)
        clock.advance(HOUR + 1)
        f(1)
        assert len(later) == 1
        other = subprocess.Popen(
            [sys.executable, str(script.path), str(clock())], cwd=script.directory, env=script.environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert other.stdout.readline() == "1 v1\n"
        assert other.communicate("\n", timeout=20)[0] == ""
        take_all(later)
        assert f(1) == "1 v2"


def test_a_background_of_many_calls_takes_few_threads(store, clock, runs):
    names = set()

    @store.memoize(key=lambda x: x, ttl="1h", stale_for="1h")
    def f(x):
        names.add(threading.current_thread().name)
        runs.append(x)
        return x

    for x in range(40):
        f(x)
    clock.advance(HOUR + 1)
    names.clear()
    for x in range(40):
        f(x)
    for _ in range(2000):
        if len(runs) == 80:
            break
        threading.Event().wait(0.01)
    assert len(runs) == 80
    assert 1 <= len(names) <= background.THREADS


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_the_threads_of_the_background_hold_no_file_open(path, clock, runs):
    with Store(path, clock=clock) as store:
        f = versioned(store, runs, ttl="1h", stale_for="1h")
        f("a")
        clock.advance(HOUR + 1)
        f("a")
        for _ in range(2000):
            if len(runs) == 2 and not store.flights._flying:
                break
            threading.Event().wait(0.01)
        background._pool.submit(int).result(20)  # by the thread that has done it, or one that has done nothing
    for _ in range(2000):
        if open_files(path) == 0:
            break
        threading.Event().wait(0.01)
    assert open_files(path) == 0


def open_files(path):
    """Return how many descriptors of this process lead to a database."""
    links = (os.readlink(entry.path) for entry in os.scandir("/proc/self/fd") if os.path.lexists(entry.path))
    return sum(link.startswith(str(path)) for link in links)


def test_a_store_that_was_closed_meanwhile_is_told_of_nothing(path, clock, runs, later):
    store = Store(path, clock=clock)
    f = versioned(store, runs, ttl="1h", stale_for="1h")
    f("a")
    clock.advance(HOUR + 1)
    f("a")
    store.close()
    take_all(later)
    assert runs == ["a", "a"]


# Options


@pytest.mark.parametrize(("options", "words"), [
    ({"stale_for": "1h"}, "give ttl="),
    ({"refresh_ahead": "1h"}, "give ttl="),
    ({"ttl": "1h", "refresh_ahead": "1h"}, "must be shorter than ttl"),
    ({"ttl": "1h", "stale_for": 0}, "stale_for=0"),
    ({"ttl": "1h", "stale_for": "soon"}, "stale_for='soon'"),
    ({"ttl": "1h", "refresh_ahead": -1}, "refresh_ahead=-1"),
])  # fmt: skip
def test_options_that_can_not_be_used(store, options, words):
    with pytest.raises(InvalidArgument, match=words):
        store.memoize(**options)


@pytest.mark.parametrize("damage", ["refresh_at = 'soon'", "expires = x'00'", "codec = CAST(x'ff' AS TEXT)"])
@pytest.mark.parametrize("is_stream", [False, True], ids=["value", "stream"])
def test_an_entry_with_a_damaged_column_is_computed_again(store, path, clock, runs, later, damage, is_stream):
    def value(x):
        runs.append(x)
        return [x]

    def stream(x):
        runs.append(x)
        yield x

    f = store.memoize(ttl="1h", stale_for="1h")(stream if is_stream else value)
    assert list(f(1)) == [1]
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"UPDATE entry SET {damage}")
    f.is_cached(1)
    assert list(f(1)) == [1]
    assert len(runs) == 2
    assert f.is_cached(1)
