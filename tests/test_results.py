"""`f.results`: what is stored of a function, with the results, as records and as a table."""

from __future__ import annotations

import sqlite3
import sys
import types
import warnings
from contextlib import closing
from datetime import UTC, datetime

import numpy
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import memostore.results
from memostore import InvalidArgument, MemostoreWarning, MissingExtra, Store, StoredCall, StoreError

pytestmark = pytest.mark.filterwarnings("error::memostore.MemostoreWarning")


@pytest.fixture
def area(store):
    @store.memoize(tags=["b", "a"])
    def area(width, height=10):
        return {"area": width * height}

    return area


def test_each_stored_call_is_a_record_with_its_result(store, clock, area):
    area(3)
    clock.advance(60)
    area(4, 5)
    area(3)
    first, second = area.results()
    assert (first.arguments, first.result) == ({"width": 3, "height": 10}, {"area": 30})
    assert (second.arguments, second.result) == ({"width": 4, "height": 5}, {"area": 20})
    entry = area.entry(3)
    assert first == StoredCall(
        arguments=entry.arguments, result={"area": 30}, error=None, created=entry.created,
        compute_seconds=entry.compute_seconds, size=entry.size, hit_count=1, tags=("a", "b"), key=entry.key,
        code=entry.code,
    )  # fmt: skip
    assert first.created == datetime(2026, 4, 1, 12, tzinfo=UTC)


def test_the_oldest_comes_first_whatever_page_it_is_on(store, clock, area, monkeypatch):
    monkeypatch.setattr(memostore.results, "PAGE", 3)
    widths = [5, 3, 9, 1, 7, 2, 8]
    for width in widths:
        area(width)
        clock.advance(1)
    assert [call.arguments["width"] for call in area.results()] == widths


def test_other_functions_are_not_among_them(store, area):
    store.memoize(lambda width, height: 0)(1, 2)
    store.put("a", 1)
    area(1)
    assert [call.result for call in area.results()] == [{"area": 10}]


def test_reading_results_counts_no_hit(store, area):
    area(1)
    list(area.results())
    area.results(frame=True)
    assert (area.cache_info()[:2], store.stats().hits, area.entry(1).hit_count) == ((0, 1), 0, 0)


def test_a_result_is_a_copy_of_its_own(area):
    area(1)
    next(area.results()).result["area"] = "changed"
    assert next(area.results()).result == area(1) == {"area": 10}


def test_what_has_expired_is_not_among_them(store, clock):
    double = store.memoize(ttl=60)(lambda x: 2 * x)
    double(1)
    clock.advance(30)
    double(2)
    clock.advance(30)
    assert [call.arguments for call in double.results()] == [{"x": 2}]


def test_large_results_are_loaded_too(store):
    zeros = store.memoize(lambda count: numpy.arange(count))
    zeros(200_000)
    zeros(3)
    assert [len(call.result) for call in zeros.results()] == [200_000, 3]


def test_without_values_no_result_is_loaded(store, clock):
    made = []

    class Noted:
        def __reduce__(self):
            return made.append, ("loaded",)

    note = store.memoize(lambda x: Noted())
    note(1)
    assert [(call.arguments, call.result) for call in note.results(values=False)] == [({"x": 1}, None)]
    assert made == []
    assert [call.result for call in note.results()] == [None]


def test_a_result_is_loaded_when_its_turn_comes(store, area):
    area.map([1, 2, 3])
    calls = area.results()
    assert next(calls).result == {"area": 10}
    area.invalidate(2)
    assert [call.result for call in calls] == [{"area": 30}]


def test_what_is_stored_meanwhile_is_not_among_them(area):
    area(1)
    assert [area(call.arguments["width"] + 1) for call in area.results()] == [{"area": 20}]
    assert len(list(area.results())) == 2


def test_no_transaction_is_open_while_the_caller_works_with_a_result(store, area, path):
    area.map(range(3))
    calls = area.results()
    next(calls)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        ((busy, *_),) = other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert busy == 0
    assert len(list(calls)) == 2


def test_arguments_are_as_they_are_shown(store):
    size = store.memoize(lambda text, array: len(text))
    size("x" * 300, numpy.zeros((2, 3)))
    (call,) = size.results()
    assert call.arguments["text"].startswith("x" * 200 + "… (300 characters")
    assert call.arguments["array"] == "<ndarray float64 2x3>"


def test_options_that_are_no_flags_are_refused_at_once(area):
    for wrong in ({"frame": 1}, {"all_versions": "yes"}, {"values": None}):
        with pytest.raises(InvalidArgument, match="must be True or False"):
            area.results(**wrong)


def test_a_method_has_those_of_all_receivers(store):
    class Model:
        def __init__(self, weight):
            self.weight = weight

        @store.memoize
        def predict(self, x):
            return self.weight * x

    Model(2).predict.map([1, 2])
    Model(3).predict(1)
    assert [call.result for call in Model(2).predict.results()] == [2, 4, 3]


def test_a_store_of_none_has_none():
    assert list(Store(None).memoize(abs).results()) == []


def test_a_store_that_can_t_be_read_raises(area, store):
    area(1)
    store.close()
    with pytest.raises(StoreError):
        area.results()


def test_a_stored_error_stands_beside_the_results(store, clock):
    @store.memoize(cache_errors=ZeroDivisionError)
    def inverse(x):
        return 1 / x

    inverse.map([2, 0, 4], errors="collect")
    found = {call.arguments["x"]: (call.result, type(call.error)) for call in inverse.results()}
    assert found == {2: (0.5, type(None)), 0: (None, ZeroDivisionError), 4: (0.25, type(None))}
    frame = inverse.results(frame=True)
    assert list(frame)[:3] == ["x", "result", "error"]
    assert (str(frame["result"].dtype), frame["result"].mean()) == ("float64", 0.375)
    inverse.invalidate(0)
    assert "error" not in inverse.results(frame=True)


def test_of_a_generator_function_the_result_is_the_list_of_its_items(store, monkeypatch):
    @store.memoize
    def blocks(count):
        for number in range(count):
            yield bytes([number]) * (1 << 20)

    assert [len(list(blocks(count))) for count in (2, 9)] == [2, 9]
    assert [len(call.result) for call in blocks.results()] == [2, 9]
    monkeypatch.setattr("memostore.recording._piece", lambda *_: b"")
    with pytest.warns(MemostoreWarning, match="1 of 2 results can't be loaded"):
        assert [len(call.result) for call in blocks.results()] == [2]


# Versions of the code


def versions(store, *, name="prep.f", **options):
    """Two functions of one name that do not do the same."""
    return (
        store.memoize(name=name, **options)(lambda x: x + 1),
        store.memoize(name=name, **options)(lambda x: x + 2),
    )


def test_results_of_other_code_are_not_mixed_in(store):
    old, new = versions(store)
    old(1), new(1), new(5)
    assert [call.result for call in old.results()] == [2]
    assert [call.result for call in new.results()] == [3, 7]


def test_all_versions_are_told_apart_by_their_code(store):
    old, new = versions(store)
    old(1), new(1)
    found = {call.code: call.result for call in new.results(all_versions=True)}
    assert found == {old.entry(1).code: 2, new.entry(1).code: 3}


def test_another_version_option_is_another_version(store):
    one, two = (store.memoize(name="prep.f", version=version)(lambda x: [x]) for version in (1, 2))
    one(1), two(2)
    assert [call.result for call in one.results()] == [[1]]
    assert len(list(one.results(all_versions=True))) == 2


def test_results_under_a_former_name_are_among_them(store):
    def body(x):
        return x + 1

    store.memoize(name="prep.old")(body)(1)
    new = store.memoize(name="prep.new", formerly=["prep.old"])(body)
    new(2)
    assert [call.result for call in new.results()] == [2, 3]
    other = store.memoize(name="prep.new", formerly=["prep.old"])(lambda x: x + 5)
    assert list(other.results()) == []
    assert len(list(other.results(all_versions=True))) == 2


def module(text, name):
    """A module made of text, with source that can be read."""
    import linecache

    made = types.ModuleType(name)
    filename = f"<{name} of test_results>"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    exec(compile(text, filename, "exec"), vars(made))
    return made


def test_a_parameter_that_was_not_there_yet_has_its_default(store, clock):
    store.memoize(module("def f(x):\n    return x * 2\n", "place").f)(3)
    new = store.memoize(module("def f(x, scale=2):\n    return x * scale\n", "place").f, new_defaults=True)
    assert new(3) == 6
    clock.advance(1)
    new(3, 5)
    assert [(call.arguments, call.result) for call in new.results()] == [
        ({"x": 3, "scale": 2}, 6), ({"x": 3, "scale": 5}, 15),
    ]  # fmt: skip
    plain = store.memoize(module("def f(x, scale=2):\n    return x * scale\n", "place").f)
    assert [call.arguments for call in plain.results()] == [{"x": 3, "scale": 5}]


# What can't be loaded


def damage(path, key):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        statement = "UPDATE entry SET value = CAST(x'00' || value AS BLOB) WHERE key = ?"
        changed = connection.execute(statement, [bytes.fromhex(key)])
        assert changed.rowcount == 1


def test_a_damaged_result_is_left_out_with_a_warning(store, path, area):
    area.map([1, 2, 3])
    damage(path, area.key(2))
    calls = area.results()
    assert [next(calls).result, next(calls).result] == [{"area": 10}, {"area": 30}]
    with pytest.warns(MemostoreWarning) as caught:
        assert list(calls) == []
    message = str(caught[0].message)
    assert message.startswith("1 of 3 results can't be loaded and are left out, the first of them key ")
    assert area.key(2)[:12] in message
    assert '{"width": 2, "height": 10}: the stored bytes do not match their checksum' in message
    assert caught[0].filename == __file__


def test_a_result_whose_class_is_gone_is_left_out_with_a_warning(store, monkeypatch):
    place = types.ModuleType("place_that_goes")
    exec("class Gone:\n    pass\n", vars(place))
    monkeypatch.setitem(sys.modules, "place_that_goes", place)
    make = store.memoize(name="prep.make", code="version")(lambda x: place.Gone())
    make.map([1, 2])
    assert len(list(make.results())) == 2
    monkeypatch.delitem(sys.modules, "place_that_goes")
    with pytest.warns(MemostoreWarning, match="2 of 2 results.*ModuleNotFoundError"):
        assert make.results(frame=True).empty
    assert len(list(make.results(values=False))) == 2


def test_damaged_arguments_are_none(store, path, area):
    area(1)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE entry SET arguments = '{\"width\": '")
    assert [(call.arguments, call.result) for call in area.results()] == [({}, {"area": 10})]


# As a table


def test_a_frame_has_a_column_for_each_argument_beside_the_result(store, clock):
    score = store.memoize(lambda lr, layers, name="base": lr * layers)
    for lr, layers in [(0.1, 1), (0.2, 2), (0.3, 3), (0.1, 1)]:
        score(lr, layers)
        clock.advance(1)
    frame = score.results(frame=True)
    assert list(frame) == [
        "lr", "layers", "name", "result", "compute_seconds", "size", "hit_count", "created",
    ]  # fmt: skip
    assert frame["lr"].tolist() == [0.1, 0.2, 0.3]
    assert frame["result"].tolist() == pytest.approx([0.1, 0.4, 0.9])
    assert frame["hit_count"].tolist() == [1, 0, 0]
    assert (str(frame["result"].dtype), str(frame["layers"].dtype)) == ("float64", "int64")
    assert frame["created"].iloc[2] == pandas.Timestamp("2026-04-01T12:00:02Z")


def test_an_argument_named_like_a_column_has_an_underscore_behind_it(store):
    f = store.memoize(lambda size, size_, code, result: size)
    f(1, 2, 3, 4)
    frame = f.results(frame=True)
    assert list(frame)[:5] == ["size_", "size__", "code_", "result_", "result"]
    assert frame.loc[0, ["size_", "size__", "code_", "result_"]].tolist() == [1, 2, 3, 4]


def test_a_frame_of_all_versions_has_a_column_that_tells_them_apart(store):
    old, new = versions(store)
    old(1), new(1)
    assert "code" not in new.results(frame=True)
    assert new.results(frame=True, all_versions=True)["code"].nunique() == 2


def test_a_frame_without_values_has_no_column_of_results(area):
    area(1)
    assert "result" not in area.results(frame=True, values=False)


def test_a_frame_of_nothing_has_columns_and_no_rows(area):
    frame = area.results(frame=True)
    assert (next(iter(frame)), len(frame)) == ("result", 0)


@pytest.mark.parametrize(
    "results",
    [
        [[1, 2], [3, 4]], [(1, 2), (3, 4)], [{"a": 1}, {"a": 2}], [{1, 2}, {3}], ["a", 1], [None, None],
        [numpy.zeros((2, 2)), numpy.ones((2, 2))], [numpy.zeros(2), numpy.ones(3)],
        [pandas.DataFrame({"a": [1, 2]}), pandas.DataFrame({"a": [3]})],
        [pandas.Series([1, 2]), pandas.Series([3, 4])],
    ],
    ids=repr,
)  # fmt: skip
def test_any_results_stand_in_a_frame_as_they_are(store, results):
    pick = store.memoize(lambda place: results[place])
    pick.map([0, 1])
    found = pick.results(frame=True)["result"].tolist()
    assert [(type(item), repr(item)) for item in found] == [(type(item), repr(item)) for item in results]


def test_without_pandas_the_error_names_what_to_install(area, monkeypatch):
    area(1)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtra, match=r"needs pandas: pip install pandas"):
        area.results(frame=True)
    assert len(list(area.results())) == 1


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(), st.text(max_size=20)), unique=True), st.integers(1, 5))
def test_the_results_are_those_that_the_calls_would_return(calls, page):
    with Store(":memory:") as store, pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.setattr(memostore.results, "PAGE", page)
        pair = store.memoize(lambda number, text: (number, text))
        for call in calls:
            pair(*call)
        found = [(call.result, call.key) for call in pair.results()]
        assert sorted(found) == sorted((call, pair.key(*call)) for call in calls)
