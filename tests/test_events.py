"""Events: what the hooks are told and what is logged, with key, function, age, size and seconds saved."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from contextlib import closing
from dataclasses import FrozenInstanceError, fields

import pytest

from memostore import InvalidArgument, MemostoreWarning, Store, events

pytestmark = pytest.mark.filterwarnings("error::memostore.MemostoreWarning")


def load(path, rate=0.1):
    return f"{path} at {rate}"


@pytest.fixture
def told(store, monkeypatch):
    """Every event of the store in its order. A computation takes two seconds by the store's timer."""
    moments = iter(range(0, 10_000, 2))
    monkeypatch.setattr(store, "clock", lambda: float(next(moments)))
    records = []
    for kind in events.EVENTS.values():
        store.on(kind, records.append)
    return records


def kinds(records):
    return [type(record).__name__ for record in records]


def test_a_miss_is_told_and_then_what_was_stored(store, told):
    f = store.memoize(load)
    f("a.csv")
    (entry,) = store.find()
    assert told == [
        events.Miss(f.key("a.csv"), f"{__name__}.load", "new"),
        events.Stored(f.key("a.csv"), f"{__name__}.load", entry.size, 2.0),
    ]


def test_a_hit_is_told_with_age_size_and_seconds_saved(store, told, clock):
    f = store.memoize(load)
    f("a.csv")
    clock.advance(90)
    f("a.csv")
    (entry,) = store.find()
    assert told[-1] == events.Hit(entry.key, f"{__name__}.load", age=90.0, size=entry.size, saved=2.0)


def test_the_size_of_a_large_hit_is_told_too(store, told):
    store.put("big", os.urandom(500_000))
    store.get("big")
    assert told[-1].size == store.find()[0].size > 500_000


REASONS = ["new", "expired", "corrupt", "unloadable", "refresh"]


@pytest.mark.parametrize("reason", REASONS)
def test_a_miss_says_why(store, told, clock, path, reason):
    f = store.memoize(ttl=10)(load)
    if reason != "new":
        f("a")
    if reason == "expired":
        clock.advance(10)
    if reason in ("corrupt", "unloadable"):
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("UPDATE entry SET value = x'00'")
    if reason == "unloadable":
        self_checked(path)
    told.clear()
    (f.refresh if reason == "refresh" else f)("a")
    assert [record.reason for record in told if isinstance(record, events.Miss)] == [reason]
    assert kinds(told) == ["Miss", "Stored"]


def self_checked(path):
    """Give the damaged entry a checksum that fits, as a value written by a class that is gone would have."""
    from memostore.backends.protocol import binding_of
    from memostore.codec import checksum

    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        row = connection.execute("SELECT key, codec, created, expires, value FROM entry").fetchone()
        connection.execute("UPDATE entry SET checksum = ?", [checksum(binding_of(*row[:4]), [row[4]])])


def test_a_result_not_stored_is_told_with_the_reason(store, told):
    f = store.memoize(cache_if=lambda result: result is not None)(lambda x: x)
    f(None)
    assert kinds(told) == ["Miss", "Skipped"]
    assert "cache_if" in told[-1].reason
    with pytest.warns(MemostoreWarning):
        store.memoize(lambda: (n for n in ()))()
    assert "generator" in told[-1].reason


def test_an_eviction_is_told_with_age_size_and_policy(path, clock):
    evicted = []
    with Store(path, max_entries=1, eviction="fifo", clock=clock) as store:
        store.on("Evicted", evicted.append)
        store.put("a", 1)
        (entry,) = store.find()
        clock.advance(60)
        store.put("b", 1)
        assert evicted == [events.Evicted(entry.key, "memostore.Store.put", age=60.0, size=entry.size, policy="fifo")]
        store.evict(entries=0, dry_run=True)
        assert len(evicted) == 1
        store.evict(entries=0)
        assert len(evicted) == 2


def test_a_removal_is_told_with_its_count_and_its_filters(store, told):
    f = store.memoize(load)
    f("a"), f("b")
    told.clear()
    store.invalidate(function=f, older_than=1, dry_run=True)
    assert told == []
    store.invalidate(function=f, larger_than=0)
    store.clear()
    assert told == [events.Invalidated(2, "function, larger_than"), events.Invalidated(0, "clear")]


def test_a_fault_is_told_each_time_with_the_operation(path):
    faults = []
    blocker = sqlite3.connect(path, isolation_level=None)
    with Store(path, timeout=0.01) as store:
        store.on(events.Fault, faults.append)
        blocker.execute("BEGIN IMMEDIATE")
        f = store.memoize(load)
        with pytest.warns(MemostoreWarning, match="locked"):
            f("a"), f("b")
        blocker.execute("ROLLBACK")
    blocker.close()
    saving = [fault for fault in faults if fault.operation == "saving"]
    assert len(saving) == 2
    assert "locked" in saving[0].error


# Hooks


def test_a_hook_hears_its_own_event_only_by_class_or_name(store):
    hits, misses = [], []
    store.on("Hit", hits.append)
    store.on(events.Miss, misses.append)
    f = store.memoize(load)
    f("a"), f("a"), f("b")
    assert (kinds(hits), kinds(misses)) == (["Hit"], ["Miss", "Miss"])


def test_several_hooks_are_called_in_their_order(store):
    calls = []
    for n in range(3):
        store.on("Stored", lambda record, n=n: calls.append(n))
    store.put("a", 1)
    assert calls == [0, 1, 2]


def test_a_hook_that_fails_breaks_neither_the_call_nor_the_other_hooks(store, caplog):
    heard = []
    store.on("Stored", lambda record: 1 / 0)
    store.on("Stored", heard.append)
    store.put("a", 1)
    assert store.get("a") == 1
    assert len(heard) == 1
    assert "ZeroDivisionError" in caplog.text


def test_a_hook_is_called_after_the_commit_and_may_use_the_store(store, path):
    seen = []

    def look(record):
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            seen.append(other.execute("SELECT count(*) FROM entry").fetchone()[0])
        seen.append(store.find(key=record.key)[0].arguments)

    store.on("Stored", look)
    store.put("a", 1)
    assert seen == [1, {"name": "a"}]


def test_a_hook_is_called_in_the_thread_of_the_call(store):
    threads = []
    store.on("Stored", lambda record: threads.append(threading.current_thread().name))
    worker = threading.Thread(target=store.put, args=("a", 1), name="worker")
    worker.start()
    worker.join()
    assert threads == ["worker"]


@pytest.mark.parametrize("event", ["Nothing", "hit", "", 3, None, int, events.Event, []], ids=repr)
def test_an_unknown_event_lists_the_known_ones(store, event):
    with pytest.raises(InvalidArgument, match=r"^event=.*Hit, Miss, Stored, Skipped, Evicted"):
        store.on(event, print)


@pytest.mark.parametrize("hook", [None, 3, "print"], ids=repr)
def test_a_hook_that_cannot_be_called_is_refused(store, hook):
    with pytest.raises(InvalidArgument, match=r"^hook="):
        store.on("Hit", hook)


def test_records_cannot_be_changed(store, told):
    store.put("a", 1)
    with pytest.raises(FrozenInstanceError):
        told[0].size = 0


def test_all_events_are_listed_by_their_names():
    subclasses = {kind.__name__: kind for kind in events.Event.__subclasses__()}
    assert subclasses == events.EVENTS
    assert set(subclasses) <= set(events.__all__)


# The log


def lines(caplog):
    return [(record.levelname, record.getMessage()) for record in caplog.records if record.name == "memostore"]


def test_everything_is_logged_with_its_fields(store, told, clock, caplog):
    caplog.set_level(logging.DEBUG, "memostore")
    f = store.memoize(load)
    f("a.csv")
    clock.advance(90)
    f("a.csv")
    key, size = f.key("a.csv"), store.find()[0].size
    name = f"{__name__}.load"
    assert lines(caplog) == [
        ("INFO", f"miss key={key} function={name} reason=new"),
        ("DEBUG", f"stored key={key} function={name} size={size} seconds=2"),
        ("DEBUG", f"hit key={key} function={name} age=90 size={size} saved=2"),
    ]


def test_a_miss_says_in_its_line_which_it_was(store, caplog):
    caplog.set_level(logging.INFO, "memostore")
    f = store.memoize(load)
    f("a.csv"), f("a.csv", rate=0.5)
    store.invalidate(function=f, larger_than=0)
    f("a.csv")
    said = [text.partition(" reason=")[2] for _, text in lines(caplog) if text.startswith("miss")]
    assert said[:2] == ["new", "arguments detail=rate: 0.1 -> 0.5"]
    assert said[2].startswith("invalidated detail=at 2026-04-01 12:00:00 UTC, by function=")


def test_evictions_removals_and_skips_are_logged(path, caplog):
    caplog.set_level(logging.INFO, "memostore")
    with Store(path, max_entries=1) as store:
        store.put("a", 1)
        store.put("b", 1)
        store.invalidate(larger_than=0)
        store.memoize(cache_if=lambda result: False)(load)("a")
    said = [(level, text.split()[0], text) for level, text in lines(caplog)]
    assert [each[:2] for each in said] == [
        ("INFO", "evicted"),
        ("INFO", "invalidated"),
        ("INFO", "miss"),
        ("INFO", "skipped"),
    ]
    assert all(f"{field}=" in said[0][2] for field in ("key", "function", "age", "size", "policy"))
    assert "count=1" in said[1][2]


def test_faults_are_logged_as_warnings(path, caplog):
    store = Store(path)
    f = store.memoize(load)
    store.close()
    with pytest.warns(MemostoreWarning, match="closed"):
        f("a")
    assert ("WARNING", "fault") in [(level, text.split()[0]) for level, text in lines(caplog)]


def test_a_log_record_carries_the_events_fields(store, caplog):
    caplog.set_level(logging.DEBUG, "memostore")
    store.put("a", 1)
    (record,) = caplog.records
    assert set(record.memostore) == {field.name for field in fields(events.Stored)}
    assert record.memostore["function"] == "memostore.Store.put"


def test_nothing_is_printed_where_logging_is_not_set_up(script):
    done = script.write("""
        from memostore import Store
        with Store("memo.db", max_entries=1) as store:
            f = store.memoize(lambda x: x)
            f(1), f(1), f(2)
            store.memoize(cache_if=lambda result: False)(lambda: 1)()
            store.clear()
        assert f(1) == 1  # a fault: given as a Python warning, and not a second time by logging
    """).run(options=("-W", "ignore"))
    assert (done.stdout, done.stderr) == ("", "")


def test_the_log_is_silent_about_hits_and_stores_at_info(store, caplog):
    caplog.set_level(logging.INFO, "memostore")
    f = store.memoize(load)
    f("a"), f("a")
    assert [text.split()[0] for _, text in lines(caplog)] == ["miss"]
