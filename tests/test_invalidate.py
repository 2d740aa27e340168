"""invalidate(), clear() and their kin: they remove what find() finds, with all that hangs on it, and nothing else."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

import pytest

from memostore import InvalidArgument, Store

pytestmark = pytest.mark.filterwarnings("error::memostore.MemostoreWarning")

PARTS = ("chunk", "tag", "edge")


def load(path, rate=0.1):
    return f"{path} at {rate}"


def lead(x):
    return x


@pytest.fixture
def library(store, clock):
    """Six entries: old, tagged, large, expiring, hit, and of three functions."""
    store.memoize(tags=["io"])(load)("a.csv")
    store.memoize(tags=["io"])(load)("b.csv", rate=0.5)
    clock.advance(3600)
    store.memoize(lead)(3)
    store.memoize(name="m.lead")(lead)(3)
    store.put("big", os.urandom(5_000_000), tags=["nightly", "io"])
    store.put("small", 1, ttl="10m")
    clock.advance(3600)
    store.memoize(load)("a.csv")
    return store


def rows_of(path, *tables):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}


FILTERS = [
    {"function": load}, {"function": "lead"}, {"function": "m.*"}, {"function": "no.such"}, {"tag": "io"},
    {"older_than": "90m"},
    {"older_than": 0}, {"unused_for": "90m"}, {"larger_than": "1MB"}, {"args": {"x": 3}}, {"args": {"rate": 0.5}},
    {"function": load, "args": {"path": "a.csv"}}, {"tag": "io", "larger_than": 1000}, {"function": "*"}, {"code": "0"},
    {"key": "f"},
]  # fmt: skip


def named(filters):
    """Return a test's name without an address in it: workers of pytest-xdist compare names."""
    return ",".join(f"{name}={getattr(value, '__name__', value)}" for name, value in filters.items())


@pytest.mark.parametrize("filters", FILTERS, ids=named)
def test_it_removes_what_find_finds_and_leaves_the_rest(library, filters):
    every, chosen = library.find(), library.find(**filters)
    assert library.invalidate(**filters) == len(chosen)
    assert library.find() == [entry for entry in every if entry not in chosen]
    assert library.invalidate(**filters) == 0


@pytest.mark.parametrize("filters", FILTERS, ids=named)
def test_a_dry_run_counts_the_same_and_removes_nothing(library, filters):
    every = library.find()
    assert library.invalidate(**filters, dry_run=True) == len(library.find(**filters))
    assert library.find() == every


def test_an_expression_chooses_too(library):
    assert library.invalidate(where=library.entries.c.size > 1_000_000) == 1
    assert "big" not in library
    assert "small" not in library  # expired, but stored
    assert library.stats().entries == 5


@pytest.mark.parametrize(
    "filters", [{}, {"function": None}, {"tag": None, "older_than": None}, {"dry_run": True}], ids=named
)
def test_without_a_filter_it_is_an_error_that_lists_them_and_removes_nothing(library, filters):
    every = library.find()
    with pytest.raises(InvalidArgument, match=r"needs a filter.*function.*older_than.*clear\(\)"):
        library.invalidate(**filters)
    assert library.find() == every


BAD_FILTERS = [
    {"older_than": -1}, {"older_than": "2 bananas"}, {"larger_than": "2 bananas"}, {"function": 3}, {"args": {}},
    {"args": 3}, {"tag": ""},
    {"code": "xyz"}, {"key": "xyz"}, {"where": "1 = 1"}, {"olderthan": "7d"}, {"limit": 1},
    {"tag": "io", "larger_than": "2 bananas"},
]  # fmt: skip


@pytest.mark.parametrize("filters", BAD_FILTERS, ids=named)
def test_a_filter_that_cannot_be_used_removes_nothing(library, filters):
    every = library.find()
    with pytest.raises(InvalidArgument) as caught:
        library.invalidate(**filters)
    assert any(name in str(caught.value) for name in filters)
    assert library.find() == every


def test_filters_go_by_name_alone(library):
    with pytest.raises(TypeError):
        library.invalidate(load)
    assert library.stats().entries == 6


def test_what_was_removed_is_computed_again(store, runs):
    @store.memoize
    def f(x):
        runs.append(x)
        return x

    f(1), f(2)
    store.invalidate(function=f, args={"x": 1})
    assert [f(1), f(2)] == [1, 2]
    assert runs == [1, 2, 1]


def test_a_whole_function_goes_with_all_versions_of_its_code(store):
    store.memoize(name="m.f")(lambda x: x + 1)(1)
    new = store.memoize(name="m.f")(lambda x: x + 2)
    new(1)
    assert store.invalidate(function=new) == 2


def test_one_version_of_a_functions_code_can_go(store):
    old, new = store.memoize(name="m.f")(lambda x: x + 1), store.memoize(name="m.f")(lambda x: x + 2)
    old(1), new(1)
    assert store.invalidate(code=store.find(function="m.f")[1].code) == 1
    assert (old.is_cached(1), new.is_cached(1)) == (False, True)


def test_everything_that_hangs_on_an_entry_goes_with_it(library, path):
    assert rows_of(path, "chunk", "tag") == {"chunk": 2, "tag": 4}
    assert library.invalidate(args={"name": "big"}) == 1
    assert rows_of(path, "chunk", "tag") == {"chunk": 0, "tag": 2}


@pytest.mark.parametrize(
    "remove",
    [
        lambda store: store.invalidate(function="*"), lambda store: store.clear(), lambda store: store.evict(entries=0),
        lambda store: store.evict(to=0), lambda store: [store.delete("big"), store.clear()],
    ],
)  # fmt: skip
def test_totals_and_parts_are_empty_when_everything_is_removed(library, path, remove):
    remove(library)
    assert library.find() == []
    assert (library.stats().entries, library.stats().size) == (0, 0)
    assert {(function.entries, function.size) for function in library.functions()} == {(0, 0)}
    assert rows_of(path, "entry", *PARTS) == {"entry": 0, "chunk": 0, "tag": 0, "edge": 0}


def test_the_totals_of_a_function_follow_what_is_removed(library):
    def totals():
        return {each.function: (each.entries, each.size) for each in library.functions()}

    before = totals()
    (entry,) = library.find(args={"rate": 0.5})
    library.invalidate(args={"rate": 0.5})
    name = f"{__name__}.load"
    assert totals() == {**before, name: (before[name][0] - 1, before[name][1] - entry.size)}


def test_what_is_known_of_a_function_outlives_its_entries(library):
    before = {each.function: (each.hits, each.misses, each.saved_seconds) for each in library.functions()}
    library.clear()
    assert {each.function: (each.hits, each.misses, each.saved_seconds) for each in library.functions()} == before
    assert before[f"{__name__}.load"][:2] == (1, 2)


def test_clear_removes_everything_and_says_how_much(library):
    assert library.clear() == 6
    assert library.clear() == 0


def test_after_clear_the_store_works_on(library):
    library.clear()
    library.put("again", 1, tags=["io"])
    assert library.get("again") == 1
    assert len(library.find(tag="io")) == 1


def test_the_file_shrinks_by_what_vacuum_gives_back(library, path):
    library.vacuum()
    before = path.stat().st_size
    assert library.invalidate(larger_than="1MB") == 1
    freed = library.vacuum()
    assert freed >= 5_000_000
    assert path.stat().st_size == before - freed
    assert library.vacuum() == 0
    assert library.get("small", "gone") == "gone"
    assert library.find(tag="io")


def test_another_store_on_the_same_file_sees_it_at_once(store, path, clock):
    with Store(path, clock=clock) as other:
        f, g = store.memoize(lead), other.memoize(lead)
        f(1)
        assert g.is_cached(1)
        store.invalidate(function=f)
        assert not g.is_cached(1)
        assert g(1) == 1
        assert f.is_cached(1)


# From the function's side


def test_a_function_invalidates_one_call(store):
    f = store.memoize(load)
    f("a"), f("b")
    assert f.invalidate("a", rate=0.1) == 1
    assert f.invalidate("a") == 0
    assert (f.is_cached("a"), f.is_cached("b")) == (False, True)


def test_cache_clear_removes_all_of_one_function_and_counts_anew(store):
    f, g = store.memoize(load), store.memoize(lead)
    f("a"), f("a"), f("b"), g(1)
    f.cache_clear()
    assert tuple(f.cache_info()) == (0, 0, None, 0)
    assert g.is_cached(1)
