"""What is remembered of the users' code from one process to the next, so that it is not parsed again."""

import json
import sqlite3

import pytest

from memostore import Store
from memostore.fingerprint import facts, shelf
from memostore.fingerprint.facts import facts_of

LIMIT = 3


def helper(x):
    return x + LIMIT


class Counted:
    def __init__(self):
        self.calls = 0

    def work(self, x):
        import json as j

        self.calls += 1
        return j.dumps(helper(x))


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch):
    """Begin as a new process does."""
    monkeypatch.setattr(facts, "KNOWN", facts._Known())


def parsed(monkeypatch) -> list:
    """Note what is parsed from now on."""
    seen = []
    parse = facts._facts
    monkeypatch.setattr(facts, "_facts", lambda code: seen.append(code.co_name) or parse(code))
    return seen


def test_what_a_process_has_parsed_the_next_need_not(store, monkeypatch):
    store.memoize(Counted.work)(Counted(), 1)
    store.flush()
    monkeypatch.setattr(facts, "KNOWN", facts._Known())
    seen = parsed(monkeypatch)
    assert store.memoize(Counted.work).is_cached(Counted(), 1)
    assert seen == []


@pytest.mark.parametrize("function", [helper, Counted.work, Counted.__init__, lambda: [n + 1 for n in range(LIMIT)]])
def test_facts_come_back_as_they_were(store, function):
    shelf.offer(store)
    found = facts_of(function.__code__)
    store._write_facts()
    assert shelf.from_shelf(function.__code__) == found


def test_damaged_facts_are_not_believed(store, path, monkeypatch):
    f = store.memoize(helper)
    key = f.key(1)
    f(1)
    store.flush()
    with sqlite3.connect(path) as connection:
        for number, kept in connection.execute("SELECT id, facts FROM facts").fetchall():
            assert json.loads(kept[16:])
            connection.execute("UPDATE facts SET facts = ? WHERE id = ?", (kept.replace(b"LIMIT", b"LIMIS"), number))
    connection.close()
    monkeypatch.setattr(facts, "KNOWN", facts._Known())
    seen = parsed(monkeypatch)
    assert store.memoize(helper).key(1) == key
    assert seen == ["helper"]


def test_code_that_reads_annotations_is_not_remembered(store, path):
    def f(x: int):
        return f.__annotations__

    store.memoize(f)(1)
    store.flush()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM facts").fetchone() == (0,)
    connection.close()


def test_a_store_that_is_gone_is_no_shelf():
    closed = Store(":memory:")
    shelf.offer(closed)
    closed.close()
    assert facts_of(helper.__code__).reads
    del closed
    assert facts_of(Counted.work.__code__).reads


def test_the_oldest_are_dropped(store, path):
    store._backend.keep_facts([(b"%032d" % n, b"x") for n in range(20_010)])
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*), min(id) FROM facts").fetchone() == (20_000, 11)
    connection.close()
