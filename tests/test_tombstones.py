"""Tombstones: what is noted when an entry goes, that there are never too many, and what they cost."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing

import pytest

import memostore.tombstones as tombstones
from memostore import Store
from memostore.config import ENTRY_OVERHEAD

pytestmark = pytest.mark.filterwarnings("error::memostore.MemostoreWarning")


def load(path):
    return path * 2


def graves(path):
    """Every tombstone, in the order of the removals."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute("SELECT * FROM tombstone ORDER BY number")]


def told(path):
    return [(grave["arguments"], grave["reason"], grave["detail"]) for grave in graves(path)]


def fill(store, *names):
    for name in names:
        store.put(name, name)


# What is noted


def test_an_eviction_names_its_policy(path, clock):
    with Store(path, max_entries=2, eviction="fifo", clock=clock) as store:
        fill(store, "a")
        clock.advance(60)
        fill(store, "b", "c")
    (grave,) = graves(path)
    assert (grave["reason"], grave["detail"], grave["arguments"]) == ("evicted", "fifo", '{"name": "a"}')
    assert grave["gone"] - grave["created"] == 60


def test_what_had_expired_when_room_was_made_is_said_to_have_expired(path, clock):
    with Store(path, max_entries=1, clock=clock) as store:
        store.put("a", 1, ttl=10)
        clock.advance(11)
        store.put("b", 1)
    assert told(path) == [('{"name": "a"}', "expired", "")]


def test_every_way_of_removing_says_which_it_was(store, path, clock):
    f = store.memoize(load)
    fill(store, "evicted")
    store.evict(entries=0)
    store.put("expired", 1, ttl=1)
    clock.advance(2)
    store.expire()
    fill(store, "deleted")
    store.delete("deleted")
    f("one"), f("all")
    f.invalidate("one")
    f.cache_clear()
    fill(store, "old")
    clock.advance(10)
    store.invalidate(older_than="5s", function="memostore.*")
    fill(store, "cleared")
    store.clear()
    key = graves(path)[2]["key"].hex()
    assert [(reason, detail) for _, reason, detail in told(path)] == [
        ("evicted", "lru"),
        ("expired", ""),
        ("invalidated", f"key='{key[:63]}…"),
        ("invalidated", told(path)[3][2]),
        ("invalidated", f"function='{__name__}.load'"),
        ("invalidated", "function='memostore.*', older_than='5s'"),
        ("cleared", ""),
    ]


def test_a_filter_that_is_an_expression_is_noted_as_sql(store, path):
    fill(store, "a")
    store.invalidate(where=store.entries.c.size < 100)
    assert told(path)[0][2].startswith("where=entries.size <")


def test_who_removed_it_is_noted(store, path):
    fill(store, "a")
    store.clear()
    (grave,) = graves(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        (row,) = connection.execute("SELECT host, user_name, script FROM origin WHERE id = ?", [grave["origin_id"]])
    assert row == tuple(tombstones.here().as_dict().values())
    assert all(row[:2])


def test_a_dry_run_leaves_none(store, path):
    fill(store, "a")
    store.invalidate(larger_than=0, dry_run=True)
    store.evict(entries=0, dry_run=True)
    store.expire(dry_run=True)
    assert graves(path) == []


def test_a_removal_that_fails_leaves_none(store, path, monkeypatch):
    from memostore import query

    def fails(*_):
        raise OSError("no")

    fill(store, "a")
    monkeypatch.setattr(query, "remove_entries", fails)
    with pytest.raises(Exception, match="no"):
        store.clear()
    assert graves(path) == []
    assert "a" in store


# What takes it away


def test_an_entry_that_is_saved_anew_takes_its_tombstone_away(store, path):
    f = store.memoize(load)
    f("a"), f("b")
    store.clear()
    f("a")
    assert [arguments for arguments, *_ in told(path)] == ['{"path": "b"}']


def test_it_does_so_whoever_writes(store, path):
    f = store.memoize(load)
    f("a")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE kept AS SELECT * FROM entry")
        f.invalidate("a")
        assert len(graves(path)) == 1
        connection.execute("INSERT INTO entry SELECT * FROM kept")
    assert graves(path) == []


def test_recomputing_what_is_there_leaves_none(store, path, clock):
    f = store.memoize(ttl=1)(load)
    f("a")
    f.refresh("a")
    clock.advance(2)
    f("a")
    assert graves(path) == []


def test_a_damaged_entry_is_replaced_and_leaves_none(store, path):
    f = store.memoize(load)
    f("a")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE entry SET value = x'00'")
    assert f("a") == "aa"
    assert graves(path) == []


# How many there are


@pytest.fixture
def many(path, monkeypatch):
    """A store of 60 entries, whose tombstones are at most 25: those that are too many go by fives."""
    monkeypatch.setattr(tombstones, "EACH", 5)
    monkeypatch.setattr(tombstones, "KEPT", 20)
    monkeypatch.setattr("memostore.query.KEPT", 20)
    now = iter(range(10_000))
    with Store(path, clock=lambda: float(next(now))) as store:
        for n in range(60):
            store.put(n, n)
        yield store


def names(path):
    return [int(grave["arguments"].removeprefix('{"name": ').removesuffix("}")) for grave in graves(path)]


def test_of_many_that_go_at_once_only_the_newest_are_noted(many, path):
    assert many.clear() == 60
    assert names(path) == list(range(40, 60))
    assert graves(path)[-1]["number"] == 20  # the others were not written in the first place


def test_of_many_that_are_evicted_only_the_last_are_noted(many, path):
    assert many.evict(entries=0) == 60
    assert names(path) == list(range(40, 60))


def test_the_oldest_give_way(many, path):
    for n in range(40):
        many.evict(entries=59 - n)
        assert len(graves(path)) <= 25
        assert names(path)[-20:] == list(range(max(0, n - 19), n + 1))
    many.delete(45), many.delete(46)
    assert names(path) == [*range(22, 40), 45, 46]


def test_numbers_go_on_where_tombstones_are_taken_away(many, path):
    many.delete(1), many.delete(2)
    many.put(2, 2), many.put(1, 1)
    many.delete(3), many.delete(1)
    assert names(path) == [3, 1]


def test_there_are_at_most_ten_thousand():
    assert tombstones.KEPT + tombstones.EACH == tombstones.MOST == 10_000


@pytest.mark.parametrize("remove", [lambda store: store.clear(), lambda store: store.evict(entries=0)])
def test_long_arguments_are_not_kept(store, path, remove):
    f = store.memoize(lambda *words: len(words))
    f(*["w" * 150] * 12)
    f("short")
    remove(store)
    assert [arguments for arguments, *_ in told(path)].count(None) == 1


# What they cost


def test_saving_writes_none_and_asks_for_none(path, empty_store, monkeypatch):
    """The save path runs the statements that it ran before there were tombstones."""
    shutil.copy(empty_store, path)
    with Store(path) as store:
        store.put("first", 1)
        monkeypatch.setattr(tombstones, "Burials", None)
        monkeypatch.setattr(tombstones, "trim", None)
        store.put("second", 2)
    assert graves(path) == []


def test_tombstones_do_not_count_against_the_limits(path):
    with Store(path, max_size=3 * (ENTRY_OVERHEAD + 50)) as store:
        for n in range(30):
            store.put(n, n)
        assert len(graves(path)) >= 25
        assert store.stats().entries >= 3


def test_a_store_for_reading_only_needs_none(store, path):
    fill(store, "a")
    store.clear()
    store.close()
    with Store(path, read_only=True) as reader:
        assert reader.find() == []
    assert len(graves(path)) == 1


def test_an_unknown_user_or_host_is_no_obstacle(monkeypatch):
    import memostore.origin as origin

    monkeypatch.setattr("sys.argv", [b"\xff".decode("utf-8", "surrogateescape") + "\0.py"])
    origin.here.cache_clear()
    try:
        assert origin.here().script.endswith("\\udcff\\0.py")
    finally:
        monkeypatch.undo()
        origin.here.cache_clear()
