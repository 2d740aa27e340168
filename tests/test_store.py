"""Values under names, the two ways to decorate, and what a store does with what it can't keep."""

from __future__ import annotations

import os
import sqlite3
import warnings
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

import memostore
from memostore import (
    InvalidArgument,
    MemostoreWarning,
    Store,
    StoreClosed,
    StoreUnavailable,
    UnkeyableArgument,
    Unstorable,
)

pytestmark = pytest.mark.filterwarnings("error::memostore.MemostoreWarning")


def test_a_value_is_found_under_its_name(store):
    store.put("weights", [0.1, 0.2])
    assert store.get("weights") == [0.1, 0.2]
    assert "weights" in store


def test_an_unknown_name_gives_the_default(store):
    assert store.get("nothing") is None
    assert store.get("nothing", default=7) == 7
    assert "nothing" not in store


def test_none_is_a_value(store):
    store.put("empty", None)
    assert store.get("empty", default="absent") is None
    assert "empty" in store


@pytest.mark.parametrize("value", [False, 0, "", (), [], {}, float("nan"), b"", NotImplemented, ..., int])
def test_values_that_are_easily_taken_for_nothing_are_kept(store, value):
    store.put("value", value)
    found = store.get("value", default="absent")
    assert type(found) is type(value)
    assert found == value or found != found


def test_a_value_put_again_replaces_the_first(store):
    store.put("a", 1, tags=["old"])
    store.put("a", 2)
    assert store.get("a") == 2
    assert [entry.tags for entry in store.find()] == [()]
    assert store.stats().entries == 1


def test_what_is_got_is_a_copy_each_time(store):
    original = [1]
    store.put("list", original)
    original.append(2)
    store.get("list").append(3)
    assert store.get("list") == [1]


@pytest.mark.parametrize(
    "names", [(1, 1.0, True, "1", b"1", None), ((1,), [1], {1}, frozenset({1})), ("a", ("a",)), (0.0, -0.0)]
)
def test_names_that_differ_in_type_are_different_names(store, names):
    for position, name in enumerate(names):
        store.put(name, position)
    assert [store.get(name) for name in names] == list(range(len(names)))


def test_delete_removes_one_name_and_says_whether_it_was_there(store):
    store.put("a", 1)
    store.put("b", 2)
    assert store.delete("a") is True
    assert store.delete("a") is False
    assert "a" not in store
    assert store.get("b") == 2


def test_a_name_that_cannot_be_keyed_is_an_error_that_says_where(store):
    with pytest.raises(UnkeyableArgument, match=r"Store\.put.*name\[1\]\['callbacks'\].*generator"):
        store.put(("run", {"callbacks": (n for n in ())}), 1)
    assert store.find() == []


def test_a_value_that_cannot_be_stored_is_an_error_that_says_why(store):
    with pytest.raises(Unstorable, match="generator"):
        store.put("gen", (n for n in ()))
    assert "gen" not in store


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 4 << 20, (4 << 20) + 1, 9_000_000])
def test_values_of_every_size_come_back_byte_for_byte(store, size):
    value = os.urandom(size)
    store.put("blob", value)
    assert store.get("blob") == value


def test_a_large_value_replaced_by_a_small_one_leaves_nothing_behind(store, path):
    store.put("a", os.urandom(5_000_000))
    store.put("a", 1)
    assert store.get("a") == 1
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        assert connection.execute("SELECT count(*) FROM chunk").fetchone() == (0,)


def test_names_and_calls_do_not_meet(store):
    @store.memoize
    def put(name):
        return "call"

    store.put("a", "name")
    assert put("a") == "call"
    assert store.get("a") == "name"


# Decorating


def test_memoize_works_bare_called_and_under_the_name_that_joblib_has(store, runs):
    def make(number):
        def work(x):
            runs.append(number)
            return x + number

        return work

    functions = [store.memoize(make(1)), store.memoize()(make(2)), store.cache(make(3)), store.cache(ttl="1h")(make(4))]
    assert [f(10) for f in functions] == [f(10) for f in functions] == [11, 12, 13, 14]
    assert runs == [1, 2, 3, 4]


def count_by_append():
    calls = []

    def f(x):
        calls.append(x)
        return x

    return f, lambda: len(calls)


def count_by_nonlocal():
    count = 0

    def f(x):
        nonlocal count
        count += 1
        return x

    return f, lambda: count


def count_by_item():
    counts = {"f": 0}

    def f(x):
        counts["f"] += 1
        return x

    return f, lambda: counts["f"]


@pytest.mark.parametrize("make", [count_by_append, count_by_nonlocal, count_by_item])
def test_a_counter_in_a_closure_is_no_input(store, make):
    f, count = make()
    memoized = store.memoize(f)
    assert [memoized(1), memoized(1), memoized(2)] == [1, 1, 2]
    assert count() == 2


def test_two_stores_on_one_file_share_what_they_know(store, path, clock):
    def double(x):
        return 2 * x

    with Store(path, clock=clock) as other:
        store.memoize(double)(4)
        assert other.memoize(double).is_cached(4)
        other.put("a", 1)
        assert store.get("a") == 1
        assert other.delete("a")
        assert "a" not in store


def test_stores_in_memory_share_nothing():
    with Store(":memory:") as first, Store(":memory:") as second:
        first.put("a", 1)
        assert "a" not in second
        assert first.get("a") == 1


def test_a_store_in_memory_is_gone_when_it_is_closed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Store(":memory:") as first:
        first.put("a", 1)
        assert first.path is None
    assert list(tmp_path.iterdir()) == []


# Store(None)


def test_a_store_of_none_remembers_nothing(tmp_path, monkeypatch, runs):
    monkeypatch.chdir(tmp_path)
    with Store(None) as nothing:

        @nothing.memoize(ttl="7d", tags=["x"])
        def f(x):
            runs.append(x)
            return x

        assert f(1) == f(1) == 1
        nothing.put("a", 1)
        assert nothing.get("a", 5) == 5
        assert f.is_cached(1) is False
        assert f.lookup(1, default="no") == "no"
        assert f.refresh(1) == 1
        assert f.entry(1) is None
    assert runs == [1, 1, 1]
    assert list(tmp_path.iterdir()) == []


def test_a_store_of_none_answers_every_question():
    with Store(None) as nothing:
        assert nothing.find() == nothing.functions() == nothing.sql("SELECT * FROM entries") == []
        assert nothing.stats().entries == nothing.stats().file_size == 0
        assert nothing.clear() == nothing.expire() == nothing.evict(entries=0) == nothing.vacuum() == 0
        assert nothing.invalidate(older_than="1s") == 0
        assert (nothing.path, nothing.url, nothing.closed) == (None, "", False)
    assert nothing.closed


def test_a_store_of_none_calls_the_function_even_where_arguments_cannot_be_keyed():
    @Store(None).memoize
    def total(numbers):
        return sum(numbers)

    assert total(n for n in (1, 2, 3)) == 6


def test_a_store_of_none_passes_the_functions_own_errors():
    @Store(None).memoize
    def fail():
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        fail()


# Closing


def test_the_context_manager_closes(path):
    with Store(path) as store:
        assert not store.closed
    assert store.closed
    store.close()  # twice is once


def test_a_closed_store_computes_and_warns_once(path):
    store = Store(path)

    @store.memoize
    def double(x):
        return 2 * x

    assert double(2) == 4
    store.close()
    with pytest.warns(MemostoreWarning, match="closed") as caught:
        assert [double(2), double(2), double(3)] == [4, 4, 6]
    assert len(caught) == 1
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    "question",
    [
        lambda store: store.find(), lambda store: store.stats(), lambda store: store.functions(),
        lambda store: store.clear(),
        lambda store: store.sql("SELECT 1"), lambda store: store.expire(), lambda store: store.evict(entries=1),
        lambda store: store.vacuum(), lambda store: store.invalidate(tag="x"), lambda store: store.delete("a"),
    ],
)  # fmt: skip
def test_a_question_to_a_closed_store_is_an_error(path, question):
    store = Store(path)
    store.close()
    with pytest.raises(StoreClosed, match="closed"):
        question(store)


def test_with_on_error_raise_a_closed_store_raises(path):
    store = Store(path, on_error="raise")
    f = store.memoize(lambda x: x)
    store.close()
    with pytest.raises(StoreClosed):
        f(1)
    with pytest.raises(StoreClosed):
        store.put("a", 1)


# Faults


@pytest.fixture
def locked(path):
    """A store whose file another connection holds locked."""
    with Store(path, timeout=0.05) as store:
        store.put("before", 1)
        blocker = sqlite3.connect(path, isolation_level=None)
        blocker.execute("BEGIN EXCLUSIVE")
        yield store
        blocker.execute("ROLLBACK")
        blocker.close()


def test_a_locked_file_costs_a_computation_and_one_warning(locked, runs):
    @locked.memoize
    def f(x):
        runs.append(x)
        return x

    with pytest.warns(MemostoreWarning, match="locked") as caught:
        assert [f(1), f(1), f(2)] == [1, 1, 2]
    assert runs == [1, 1, 2]
    assert len(caught) == 1


def test_a_locked_file_can_be_read(locked):
    assert locked.get("before") == 1  # the WAL lets readers read while somebody writes


def test_with_on_error_raise_a_locked_file_raises(path):
    with Store(path, timeout=0.05, on_error="raise") as store:
        blocker = sqlite3.connect(path, isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            store.memoize(lambda x: x)(1)
        blocker.close()


def test_stored_bytes_that_are_damaged_are_never_returned(store, path):
    @store.memoize
    def name(x):
        return f"value {x}"

    name(1)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE entry SET value = CAST(replace(value, 'value', 'VALUE') AS BLOB)")
    assert name.lookup(1) is None
    assert name(1) == "value 1"
    assert name.lookup(1) == "value 1"


def test_a_value_moved_into_another_row_is_not_returned(store, path):
    store.put("a", "of a")
    store.put("b", "of b")
    source, target = (bytes.fromhex(entry.key) for entry in store.find())
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        row = connection.execute("SELECT value, checksum FROM entry WHERE key = ?", [source]).fetchone()
        connection.execute("UPDATE entry SET value = ?, checksum = ? WHERE key = ?", [*row, target])
    assert {store.get("a", "absent"), store.get("b", "absent")} in ({"of a", "absent"}, {"of b", "absent"})


def test_a_result_that_cannot_be_stored_is_returned_with_one_warning_that_says_why(store):
    @store.memoize
    def numbers(n):
        return (i for i in range(n))

    with pytest.warns(MemostoreWarning, match=r"numbers.*returned but not stored.*generator") as caught:
        assert [list(numbers(n)) for n in (2, 3)] == [[0, 1], [0, 1, 2]]
    caught = [warning for warning in caught if warning.category is MemostoreWarning]  # others' garbage may warn too
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert not numbers.is_cached(2)


# Options


BAD_OPTIONS = [
    ({"max_size": "2 bananas"}, "bytes|GB"), ({"max_size": -1}, "bytes|GB"), ({"max_size": 0}, "above 0"),
    ({"max_size": True}, "bytes"), ({"max_size": 1.5}, "whole"), ({"max_size": "1e3"}, "bytes"),
    ({"max_size": "GB"}, "bytes"),
    ({"max_size": b"1GB"}, "bytes"), ({"max_size": float("inf")}, "bytes"), ({"max_size": float("nan")}, "bytes"),
    ({"max_entries": 0}, "above 0"), ({"max_entries": -5}, "above 0"), ({"max_entries": "many"}, "whole number"),
    ({"max_entries": 2.0}, "whole number"), ({"max_entries": True}, "whole number"),
    ({"eviction": "random"}, "lru.*fifo.*lfu.*cost"), ({"eviction": None}, "lru"), ({"eviction": "LRU"}, "lru"),
    ({"eviction": ["lru"]}, "lru"),
    ({"on_error": "ignore"}, "compute.*raise"), ({"on_error": True}, "compute"), ({"compress": "gzip"}, "auto.*never"),
    ({"compress": False}, "auto"), ({"timeout": -1}, "seconds"), ({"timeout": "2 bananas"}, "seconds"),
    ({"timeout": None}, "seconds"),
    ({"clock": 12}, "function"), ({"read_only": "no"}, "True or False"), ({"read_only": 1}, "True or False"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "allowed"), BAD_OPTIONS, ids=lambda value: str(value))
def test_an_option_that_cannot_be_used_names_itself_and_what_is_allowed(path, options, allowed):
    (name,) = options
    with pytest.raises(InvalidArgument, match=rf"(?s)^{name}=.*({allowed})"):
        Store(path, **options)
    assert not path.exists()


@pytest.mark.parametrize("size", [1_000_000, "1MB", "1mb", " 1 MB ", "1000kB", "1000000b", 1_000_000.0])
def test_a_size_can_be_written_in_many_ways(size):
    with Store(":memory:", max_size=size) as store:
        with pytest.warns(MemostoreWarning, match="max_size=1000000"):
            store.memoize(os.urandom)(1_000_001)
        assert store.find() == []


BAD_PUT_OPTIONS = [
    {"ttl": -1},
    {"ttl": "2 bananas"},
    {"ttl": 0},
    {"ttl": True},
    {"tags": "nightly"},
    {"tags": 3},
    {"tags": [3]},
    {"tags": [""]},
]


@pytest.mark.parametrize("options", BAD_PUT_OPTIONS, ids=str)
def test_put_refuses_what_it_cannot_use_and_stores_nothing(store, options):
    (name,) = options
    store.put("a", "old")
    with pytest.raises(InvalidArgument, match=f"^{name}="):
        store.put("a", "new", **options)
    assert store.get("a") == "old"
    assert store.stats().entries == 1


BAD_MEMOIZE_OPTIONS = [
    {"ttl": -1}, {"ttl": 0}, {"ttl": "2 bananas"}, {"ttl": True}, {"ttl": float("nan")}, {"ttl": timedelta(seconds=-1)},
    {"ttl": []}, {"tags": "nightly"}, {"tags": 3}, {"ignore": "verbose"}, {"ignore": [1]}, {"ignore": ["zz"]},
    {"key": "x"},
    {"typed": 1}, {"version": 1.5}, {"version": True}, {"name": ""}, {"name": 3}, {"cache_if": 1},
]  # fmt: skip


@pytest.mark.parametrize("options", BAD_MEMOIZE_OPTIONS, ids=str)
def test_memoize_refuses_what_it_cannot_use_when_it_decorates(store, options):
    (name,) = options
    with pytest.raises(InvalidArgument, match=f"^{name}="):
        store.memoize(**options)(lambda x: x)


def test_an_unknown_option_of_memoize_lists_the_known_ones(store):
    with pytest.raises(InvalidArgument, match=r"maxsize.*ttl.*ignore.*key.*typed.*version.*name.*tags.*cache_if"):
        store.memoize(maxsize=128)


def test_unused_compression_stores_values_as_they_are(tmp_path):
    text = "the same words again " * 10_000
    sizes = {}
    for compress in ("auto", "never"):
        with Store(tmp_path / f"{compress}.db", compress=compress) as store:
            store.put("text", text)
            assert store.get("text") == text
            sizes[compress] = store.find()[0].size
    assert sizes["auto"] < len(text) / 10
    assert sizes["never"] >= len(text)


# What it says of itself


def test_a_store_tells_its_path_and_url(path):
    with Store(path) as store:
        assert store.path == path
        assert store.url == f"sqlite:///{path}"
        assert str(path) in repr(store)


def test_the_url_opens_the_same_store(store):
    store.put("a", 1)
    with Store(store.url) as again:
        assert again.get("a") == 1


def test_it_opens_without_a_warning_of_any_kind(path):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with Store(path) as store:
            store.put("a", 1)
            store.find()
    assert [str(warning.message) for warning in caught] == []


# The default store


def test_the_default_store_is_where_the_variable_says(tmp_path, monkeypatch):
    monkeypatch.setenv("MEMOSTORE_URL", f"sqlite:///{tmp_path}/there.db")
    opened = memostore.default_store()
    assert opened.path == tmp_path / "there.db"
    assert memostore.default_store() is opened
    opened.close()


def test_the_default_store_is_in_the_users_cache_directory(tmp_path, monkeypatch):
    monkeypatch.delenv("MEMOSTORE_URL", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    opened = memostore.default_store()
    assert opened.path == Path(tmp_path / "memostore" / "memostore.db")
    opened.close()


def test_memoize_without_a_store_opens_the_default_one_at_the_first_call(tmp_path, monkeypatch):
    monkeypatch.setenv("MEMOSTORE_URL", str(tmp_path / "late.db"))

    @memostore.memoize(ttl="1h")
    def f(x):
        return x

    assert not (tmp_path / "late.db").exists()
    assert f(1) == 1
    assert memostore.default_store().find(function=f)[0].arguments == {"x": 1}
    memostore.default_store().close()
