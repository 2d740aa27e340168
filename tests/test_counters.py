"""Counting: hits wait in memory, are written within a second, at exit and before every question, and none twice."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import threading
import time
import warnings
from contextlib import closing

import pytest

from memostore import MemostoreWarning, Store
from memostore.config import FLUSH_INTERVAL
from memostore.counters import Counters

pytestmark = pytest.mark.filterwarnings("error::memostore.MemostoreWarning")


@pytest.fixture
def reader(store, path):
    """Another connection, which sees what is written and nothing else."""
    store.put("a", 1)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    yield connection
    connection.close()


def written(reader):
    """Hits in the file: summed over the entries, and summed over the days."""
    return reader.execute(
        "SELECT (SELECT sum(hit_count) FROM entry), (SELECT coalesce(sum(hits), 0) FROM daily)"
    ).fetchone()


def wait_until(condition, patience=5.0):
    deadline = time.monotonic() + patience
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def test_a_hit_writes_nothing(store, reader):
    before = reader.execute("PRAGMA data_version").fetchone()
    for _ in range(100):
        store.get("a")
    assert reader.execute("PRAGMA data_version").fetchone() == before
    store.flush()
    assert reader.execute("PRAGMA data_version").fetchone() != before
    assert written(reader) == (100, 100)


def test_hits_are_written_within_a_second_without_being_asked_for(store, reader):
    assert FLUSH_INTERVAL <= 0.8
    started = time.monotonic()
    for _ in range(5):
        store.get("a")
    assert wait_until(lambda: written(reader) == (5, 5))
    assert time.monotonic() - started < 1.0


def test_a_second_batch_is_written_too(store, reader):
    store.get("a")
    assert wait_until(lambda: written(reader) == (1, 1))
    store.get("a")
    assert wait_until(lambda: written(reader) == (2, 2))


def test_an_idle_store_keeps_no_thread(store, reader):
    def counting():
        return [thread for thread in threading.enumerate() if thread.name.startswith("memostore")]

    store.get("a")
    assert wait_until(lambda: not counting())
    assert all(thread.daemon for thread in counting())


QUESTIONS = {
    "find": lambda store: store.find()[0].hit_count,
    "stats": lambda store: store.stats().hits,
    "functions": lambda store: store.functions()[0].hits,
    "sql": lambda store: store.sql("SELECT hit_count FROM entries")[0]["hit_count"],
    "entry": lambda store: store.find(where=store.entries.c.hit_count > 0)[0].hit_count,
    "unused": lambda store: len(store.find()) - len(store.find(unused_for=0.001)),
}  # fmt: skip


@pytest.mark.parametrize("ask", QUESTIONS.values(), ids=QUESTIONS)
def test_every_question_counts_the_hits_before_it(store, clock, ask):
    store.put("a", 1)
    clock.advance(60)
    assert store.get("a") == 1
    assert ask(store) == 1


def test_an_entry_just_hit_is_not_removed_as_unused(store, clock):
    store.put("a", 1)
    clock.advance(3600)
    store.get("a")
    assert store.invalidate(unused_for="1m") == 0
    assert store.evict(entries=1) == 0


@pytest.mark.parametrize("leave", [Store.close, Store.flush, lambda store: store.__exit__(None, None, None)])
def test_leaving_counts_what_was_hit(path, leave):
    store = Store(path)
    store.put("a", 1)
    store.get("a")
    leave(store)
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        assert written(reader) == (1, 1)
    store.close()


def test_hits_are_counted_when_the_program_ends(script, path):
    script.write("""
        import sys
        from memostore import Store
        store = Store("memo.db")
        @store.memoize
        def f(x): return x
        for _ in range(7): f(1)
        if sys.argv[1] == "error": raise SystemExit("failed")
        if sys.argv[1] == "exit": sys.exit(0)
    """)
    for n, how in enumerate(("end", "exit"), start=1):
        script.run(how)
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            assert written(reader) == (7 * n - 1, 7 * n - 1)
    with script.start("error") as process:
        process.communicate()
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        assert written(reader) == (20, 20)


def test_a_store_that_nobody_holds_any_more_loses_nothing(path):
    def use():
        store = Store(path)
        store.put("a", 1)
        store.get("a")

    use()
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        assert wait_until(lambda: written(reader) == (1, 1))


def test_threads_lose_no_hit_and_count_none_twice(store, reader):
    def hit():
        for _ in range(500):
            store.get("a")

    threads = [threading.Thread(target=hit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        store.flush()
    for thread in threads:
        thread.join()
    assert store.stats().hits == 4000
    assert written(reader) == (4000, 4000)


def test_the_last_hit_is_the_latest(store, clock):
    store.put("a", 1)
    clock.advance(100)
    store.get("a")
    store.flush()
    clock.advance(-50)
    store.get("a")
    (entry,) = store.find()
    assert (entry.last_hit - entry.created).total_seconds() == 100
    assert entry.hit_count == 2


def test_a_hit_of_an_entry_that_was_removed_meanwhile_counts_for_the_day(store, reader):
    store.get("a")
    reader.execute("DELETE FROM entry")
    assert store.stats().hits == 1
    assert store.find() == []


def test_counting_starts_anew_when_a_value_is_stored_again(store):
    f = store.memoize(lambda x: x)
    f(1), f(1), f(1)
    assert f.entry(1).hit_count == 2
    f.refresh(1)
    assert (f.entry(1).hit_count, f.entry(1).last_hit) == (0, None)
    assert store.stats().hits == 2


# A file that can't be written for a while


@pytest.mark.parametrize("on_error", ["compute", "raise"])
def test_a_locked_file_delays_the_counting_and_loses_nothing(path, on_error):
    failures = []
    before, threading.excepthook = threading.excepthook, failures.append
    blocker = sqlite3.connect(path, isolation_level=None)
    try:
        with Store(path, timeout=0.01, on_error=on_error) as store, warnings.catch_warnings():
            warnings.simplefilter("ignore", MemostoreWarning)  # one is due with "compute"
            store.put("a", 1)
            blocker.execute("BEGIN IMMEDIATE")
            for _ in range(3):
                assert store.get("a") == 1
            time.sleep(FLUSH_INTERVAL + 0.3)
            blocker.execute("ROLLBACK")
            assert store.get("a") == 1
            assert store.stats().hits == 4
    finally:
        threading.excepthook = before
        blocker.close()
    assert failures == []


def test_a_save_that_fails_does_not_lose_the_hits_before_it(path):
    blocker = sqlite3.connect(path, isolation_level=None)
    with Store(path, timeout=0.01, max_entries=10) as store:
        f = store.memoize(lambda x: x)
        f(1), f(1)
        blocker.execute("BEGIN IMMEDIATE")
        with pytest.warns(MemostoreWarning, match="locked"):
            f(2)
        blocker.execute("ROLLBACK")
        assert store.stats().hits == 1
    blocker.close()


# Children


def hit_often(store):
    for _ in range(10):
        assert store.get("a") == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_counts_its_own_hits_and_not_its_parents(store, reader):
    hit_often(store)
    child = os.fork()
    if child == 0:
        store.get("a")
        store.flush()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert written(reader) == (11, 11)  # the parent's ten are written before it forks, so that the child can't
    store.flush()
    assert written(reader) == (11, 11)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
def test_workers_of_multiprocessing_count_their_hits_when_they_end(store, reader):
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=hit_often, args=(store,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert written(reader) == (20, 20)


def test_a_question_waits_for_the_counts_that_are_being_written():
    began, go_on, written = threading.Event(), threading.Event(), []

    def write(uses):
        began.set()
        assert go_on.wait(20)
        written.extend(uses)

    counters = Counters(write, lambda _: None, lambda: None)
    counters._uses.append("a hit")
    writer = threading.Thread(target=counters.flush)
    writer.start()
    assert began.wait(20)
    threading.Timer(0.05, go_on.set).start()
    counters.flush()
    assert written == ["a hit"]
    writer.join()
