"""memoize_batch: the elements of a batch are remembered one by one, and only what is missing is computed."""

from __future__ import annotations

import copy
import inspect
import pickle
import sqlite3
import threading

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import memostore
from memostore import File, InvalidArgument, KeyBy, MemostoreWarning, NoKey, Store, UnkeyableArgument
from memostore.batches.returned import PART, stored, taken_apart, unwrapped


@pytest.fixture
def lengths(store, runs):
    """A batch function that notes what it is given."""

    @store.memoize_batch(over="texts", name="project.lengths")
    def lengths(texts, model="small"):
        runs.append(list(texts))
        return [len(text) for text in texts]

    return lengths


def test_only_what_is_missing_is_computed_once_and_in_order(lengths, runs):
    assert lengths(["a", "abc", "a"]) == [1, 3, 1]
    assert lengths(["ab", "abc", "abcd", "ab", "a"]) == [2, 3, 4, 2, 1]
    assert lengths(["abcd", "a"]) == [4, 1]
    assert runs == [["a", "abc"], ["ab", "abcd"]]


def test_the_other_arguments_are_a_part_of_every_element_s_key(lengths, runs):
    lengths(["a"])
    lengths(["a"], model="small")
    lengths(["a", "b"], "large")
    assert runs == [["a"], ["a", "b"]]


def test_ignored_arguments_are_not(store, runs):
    @store.memoize_batch(over="texts", ignore=["device"])
    def f(texts, device):
        runs.append(device)
        return texts

    f(["a"], "cpu"), f(["a"], "gpu")
    assert runs == ["cpu"]


def test_the_batch_may_be_named_or_a_default_or_keyword_only_or_positional_only(store, runs):
    def with_default(a, texts=("x", "y"), *, b=0):
        runs.append(texts)
        return list(texts)

    def keyword_only(a, *rest, texts):
        runs.append(texts)
        return list(texts)

    def positional_only(a, texts=("x", "y"), /):
        runs.append(texts)
        return list(texts)

    f, g, h = map(store.memoize_batch(over="texts"), (with_default, keyword_only, positional_only))
    assert (f(1, ("x",)), f(1), f(texts=("y", "z"), a=1, b=0)) == (["x"], ["x", "y"], ["y", "z"])
    assert (g(1, 2, texts=["x"]), g(1, 2, texts=["x", "y"])) == (["x"], ["x", "y"])
    assert (h(1, ("y",)), h(1)) == (["y"], ["x", "y"])
    assert runs == [("x",), ("y",), ("z",), ["x"], ["y"], ("y",), ("x",)]


def test_batches_of_at_most_batch_size(store, runs):
    @store.memoize_batch(over="xs", batch_size=2)
    def f(xs):
        runs.append(xs)
        return [x * 10 for x in xs]

    assert f([1, 2, 3, 2, 4, 5]) == [10, 20, 30, 20, 40, 50]
    assert runs == [[1, 2], [3, 4], [5]]


def test_what_was_computed_before_a_batch_failed_is_stored(store, runs):
    @store.memoize_batch(over="xs", batch_size=2)
    def f(xs):
        runs.append(xs)
        return [1 // x for x in xs]

    with pytest.raises(ZeroDivisionError):
        f([1, 2, 3, 0, 4])
    assert f.missing([1, 2, 3, 0, 4]) == [3, 0, 4]
    assert runs == [[1, 2], [3, 0]]


def test_an_empty_batch_is_the_function_s_own_affair(store, runs):
    @store.memoize_batch(over="texts")
    def embed(texts):
        runs.append(texts)
        return np.zeros((len(texts), 3), "f4")

    assert embed([]).shape == (0, 3)
    assert (runs, embed.cache_info()[:2], embed.is_cached([]), embed.missing([])) == ([[]], (0, 0), True, [])


@settings(max_examples=60, deadline=None)
@given(
    calls=st.lists(
        st.tuples(st.lists(st.integers(0, 9) | st.sampled_from(["a", "b", 1.0, True, None])), st.sampled_from("xy")),
        max_size=5,
    ),
    forgotten=st.lists(st.integers(0, 9)),
    batch_size=st.none() | st.integers(1, 4),
    as_tuple=st.booleans(),
)
def test_the_law(calls, forgotten, batch_size, as_tuple):
    """The result is the plain function's, and it is asked exactly for what is missing, in order, once each."""
    kind = tuple if as_tuple else list

    def plain(xs, other):
        return kind((repr(x), other) for x in xs)

    asked = []

    def noted(xs, other):
        asked.append(list(xs))
        return plain(xs, other)

    with Store(":memory:") as store:
        f = store.memoize_batch(over="xs", batch_size=batch_size, code="version")(noted)
        known = set()
        for number, (xs, other) in enumerate(calls):
            if number == 1 and forgotten:
                f.invalidate(forgotten, other)
                known -= {(int, x, other) for x in forgotten}
            asked.clear()
            new = [(type(x), x, other) for x in xs if (type(x), x, other) not in known]
            new = list(dict.fromkeys(new))
            assert f(xs, other) == plain(xs, other)
            assert [(type(x), x, other) for group in asked for x in group] == new
            size = batch_size or len(new)
            assert not xs or [len(group) for group in asked] == [
                len(new[start : start + size]) for start in range(0, len(new), size or 1)
            ]
            known.update(new)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2, width=16) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=100, deadline=None)
@given(elements=st.lists(VALUES, min_size=1, max_size=5), other=VALUES, typed=st.booleans())
def test_elements_have_equal_keys_exactly_where_calls_with_one_element_would(elements, other, typed):
    with Store(":memory:") as store:
        def one(x, other):
            return x

        single = store.memoize(typed=typed)(one)
        keys = store.memoize_batch(over="x", typed=typed)(one).keys(elements, other)
        expected = [single.key(element, other) for element in elements]
        assert [keys.index(key) for key in keys] == [expected.index(key) for key in expected]
        assert not set(keys) & set(expected)


def test_a_batch_of_one_is_not_a_call_with_that_list_nor_with_its_element(store):
    def f(x, y="a"):
        return x

    keys = [*store.memoize_batch(over="x")(f).keys(["a"]), *store.memoize_batch(over="y")(f).keys("a", ["a"])]
    whole = store.memoize(f)
    assert len({*keys, whole.key("a"), whole.key(["a"])}) == 4


def test_types_of_elements_count_unless_they_are_not_to(store):
    f = store.memoize_batch(over="xs")(lambda xs: [str(type(x)) for x in xs])
    assert f([1, 1.0, True, np.int64(1), "a", np.str_("a")]) == [
        str(kind) for kind in (int, float, bool, np.int64, str, np.str_)
    ]
    g = store.memoize_batch(over="xs", typed=False)(lambda xs: [float(x) for x in xs])
    assert len(set(g.keys([1, 1.0, True, 2]))) == 2


def test_the_kind_of_the_batch_counts(store):
    """A function may return what it is given: a list for a list, an array for an array."""
    f = store.memoize_batch(over="xs")(lambda xs: xs)
    array = np.array(["a"])
    batches = [["a"], ("a",), array, array.astype(object), pd.Series(["a"]), pl.Series(["a"])]
    for _ in range(2):
        assert [type(f(batch)) for batch in batches] == [type(batch) for batch in batches]
    assert len({f.keys(batch)[0] for batch in [*batches, pd.Index(["a"])]}) == len(batches) + 1
    assert f.cache_info()[:2] == (len(batches), len(batches))


def test_key_is_a_function_of_one_element(store, runs):
    @store.memoize_batch(over="texts", key=lambda texts, model: texts.casefold())
    def f(texts, *, model):
        runs.append(texts)
        return [text.casefold() for text in texts]

    assert f(["A", "b"], model=1) == f(["a", "B"], model=2) == ["a", "b"]
    assert runs == [["A", "b"]]


# What is returned


def assert_same(one, other):
    """Compare what equality does not tell."""
    if isinstance(one, (pd.Series, pd.DataFrame)):
        kind = pd.testing.assert_series_equal if isinstance(one, pd.Series) else pd.testing.assert_frame_equal
        return kind(one, other)
    assert type(one) is type(other)
    if isinstance(one, np.ndarray):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        return np.testing.assert_array_equal(one, other)
    if isinstance(one, pl.Series):
        return pl.testing.assert_series_equal(one, other) if hasattr(pl, "testing") else None
    assert one == other
    return None


def frame(texts):
    made = pd.DataFrame({"text": texts, "n": [len(text) for text in texts], 3: [len(text) / 2 for text in texts]})
    return made.set_index(texts.index) if isinstance(texts, pd.Series) else made


RETURNING = {
    "a list": lambda texts: [len(text) for text in texts],
    "a list of dicts": lambda texts: [{"n": len(text)} for text in texts],
    "a tuple": lambda texts: tuple((text, None) for text in texts),
    "rows": lambda texts: np.array([[len(text), 0.5] for text in texts], "f4"),
    "matrices": lambda texts: np.array([[[len(text)], [2]] for text in texts], ">i2"),
    "scalars": lambda texts: np.array([len(text) for text in texts], "u1"),
    "flags": lambda texts: np.array([len(text) > 2 for text in texts]),
    "times": lambda texts: np.array([len(text) for text in texts], "M8[ns]"),
    "records": lambda texts: np.array([(len(text), 0.5) for text in texts], [("n", "i4"), ("x", "f8")]),
    "texts": lambda texts: np.array([f"<{text}>" for text in texts]),
    "bytes": lambda texts: np.array([text.encode() for text in texts]),
    "objects": lambda texts: np.array([[text, None] for text in texts], object),
    "a series": lambda texts: pd.Series([len(text) for text in texts], name="n", dtype="float32"),
    "a mapped series": lambda texts: pd.Series(texts).map(len),
    "a nullable series": lambda texts: pd.Series([None, *map(len, texts)][1:], dtype="Int64"),
    "zoned times": lambda texts: pd.Series(pd.to_datetime([len(text) for text in texts], unit="D", utc=True)),
    "a frame": frame,
    "a polars series": lambda texts: pl.Series("n", [len(text) for text in texts], dtype=pl.Int16),
}


@pytest.mark.parametrize("returning", RETURNING)
@pytest.mark.parametrize("kind", [list, pd.Series], ids=["list", "series"])
def test_results_come_in_the_type_that_the_function_returns(store, returning, kind):
    plain = RETURNING[returning]
    f = store.memoize_batch(over="texts", code="version")(plain)

    def batch(*texts):
        return list(texts) if kind is list else pd.Series(texts, index=[f"at {text}" for text in texts], name="text")

    for texts in (batch("a", "long text"), batch("abc", "a", "ab"), batch("ab", "a"), batch("long text", "abc")):
        assert_same(f(texts), plain(texts))
    assert f.cache_info()[:2] == (5, 4)


class Incomparable:
    """What can't be compared, hashed or asked whether it is true, as arrays, frames and tensors can't."""

    def __init__(self, number):
        self.number = number

    def refuse(self, *_):
        raise ValueError("the truth value is ambiguous")

    __eq__ = __ne__ = __hash__ = __bool__ = __len__ = refuse


HOLDING = {
    "itself": lambda one: one,
    "pairs": lambda one: (one, one.number),
    "triples": lambda one: (one, one.number, one.number),
    "triples of texts": lambda one: (str(one.number), one, one),
    "likenesses of parts": lambda one: (PART, one, one),
    "lists": lambda one: [one, one, one],
    "dicts": lambda one: {"x": one},
}


def numbers_in(value):
    if isinstance(value, Incomparable):
        return [value.number]
    values = value.values() if isinstance(value, dict) else value
    return [number for each in values if not isinstance(each, str | int) for number in numbers_in(each)]


@pytest.mark.parametrize("whole", [list, tuple])
@pytest.mark.parametrize("holding", HOLDING)
def test_results_are_not_compared(store, holding, whole):
    hold = HOLDING[holding]
    f = store.memoize_batch(over="xs", cache_if=lambda value: True)(
        lambda xs: whole(hold(Incomparable(x)) for x in xs)
    )
    for xs in ([1, 2], [2, 1], [2, 3, 1, 2], [3]):
        found = f(xs)
        assert type(found) is whole
        assert [set(numbers_in(one)) for one in found] == [{x} for x in xs]
    assert f.cache_info()[:2] == (5, 3)


def test_a_series_gets_the_index_of_the_input(store):
    f = store.memoize_batch(over="texts")(lambda texts: texts.str.len())
    f(pd.Series(["a", "ab"]))
    found = f(pd.Series(["ab", "abc", "a", "ab"], index=[7, 7, 3, 0]))
    pd.testing.assert_series_equal(found, pd.Series([2, 3, 1, 2], index=[7, 7, 3, 0]))


def test_arrays_are_taken_by_their_rows(store, runs):
    @store.memoize_batch(over="rows")
    def sums(rows):
        runs.append(rows.tolist())
        return rows.sum(axis=1)

    rows = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(sums(rows[:2]), [1.0, 5.0])
    np.testing.assert_array_equal(sums(rows[::-1]), [9.0, 5.0, 1.0])
    np.testing.assert_array_equal(sums(np.asfortranarray(rows)), [1.0, 5.0, 9.0])
    assert runs == [[[0.0, 1.0], [2.0, 3.0]], [[4.0, 5.0]]]
    assert sums(rows).flags.writeable
    assert not sums.is_cached(rows.astype("f4"))


@pytest.mark.parametrize(
    "array",
    [
        np.array([1, 2, 1]), np.array([0.0, -0.0, np.nan, np.nan]), np.array(["a", "bc", "a"]), np.array([b"a", b"b"]),
        np.array([1, 2, 2], "M8[s]"), np.array([1, 2, 1], "g"), np.array([(1, 2.0), (1, 2.0)], "i4,f8"),
        np.array([1, "a", None, 1], object), np.array([[1, 2], [1, 2], [3, 4]]), np.array([["a", "b"], ["a", "b"]]),
        np.array([True, False, True]), np.zeros((2, 0)),
    ],
    ids=str,
)  # fmt: skip
def test_elements_of_an_array_are_equal_where_they_would_be_by_themselves(store, array):
    def one(x):
        return x

    single = [store.memoize(one).key(element) for element in array]
    keys = store.memoize_batch(over="x")(one).keys(array)
    assert [keys.index(key) for key in keys] == [single.index(key) for key in single]


def test_a_registered_key_holds_for_the_elements_of_an_array(store):
    store.register_key(np.float64, lambda number: round(float(number)))
    f = store.memoize_batch(over="xs")(lambda xs: xs)
    assert len(set(f.keys(np.array([1.1, 1.2, 1.9])))) == 2


def test_repeated_elements_get_objects_of_their_own(store):
    f = store.memoize_batch(over="xs")(lambda xs: [[x] for x in xs])
    for _ in range(2):
        one, other, third = f([1, 1, 2])
        one.append(5)
        assert (one, other, third) == ([1, 5], [1], [2])


def test_a_call_that_computes_all_returns_the_function_s_own_object(store):
    made = []

    def f(xs):
        made.append(np.zeros(len(xs)))
        return made[-1]

    f = store.memoize_batch(over="xs", code="version")(f)
    assert f([1, 2]) is made[0]
    assert f([1, 2]) is not made[0]


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ([1], "it returned 1 result for 2 elements"),
        ([1, 2, 3], "it returned 3 results for 2 elements"),
        (np.zeros(3), "it returned 3 results for 2 elements"),
        (None, "it returned None"),
        ("ab", "it returned a str"),
        ({1: 2, 3: 4}, "it returned a dict"),
        ((x for x in [1, 2]), "it returned a generator"),
        (np.float64(1), "it returned a float64"),
        (np.array(1), "it returned a ndarray without a length"),
        (np.ma.array([1, 2]), "it returned a MaskedArray"),
        (pd.Series([1, 2], index=["p", "q"]), "an index of its own"),
        (pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"]), "columns have levels or equal names"),
    ],
)
def test_what_is_no_batch_of_results_is_an_error_and_nothing_is_stored(store, result, said):
    f = store.memoize_batch(over="xs", name="project.f", code="version")(lambda xs: result)
    with pytest.raises(InvalidArgument, match=r"project\.f, memoized over 'xs': ") as caught:
        f([1, 2])
    assert said in str(caught.value)
    assert "return" in str(caught.value)
    assert store.find() == []


@pytest.mark.parametrize(
    "batch",
    [
        "text", b"bytes", None, 3, {"a": 1}, {1, 2}, range(3), iter([1]), (x for x in "ab"), np.array(1),
        pd.DataFrame({"a": [1]}),
    ],
    ids=lambda batch: type(batch).__name__,
)  # fmt: skip
def test_what_is_no_batch_is_refused_with_a_remedy(lengths, batch):
    said = r"project\.lengths: texts=.* must be a list.*: give (a list that holds|list\(...\))"
    with pytest.raises(InvalidArgument, match=said):
        lengths(batch)


def test_rows_whose_shape_depends_on_their_batch_are_computed_together(store):
    def padded(texts):
        longest = max(map(len, texts))
        return np.array([[*map(ord, text), *[0] * (longest - len(text))] for text in texts])

    f = store.memoize_batch(over="texts")(padded)
    f(["a"])
    with pytest.warns(MemostoreWarning, match="must not depend on the others"):
        np.testing.assert_array_equal(f(["a", "abc"]), padded(["a", "abc"]))


def test_values_that_look_like_parts_are_told_from_them():
    form = pickle.dumps(("array", "<f8", ()))
    for values in ([(PART, pickle.dumps(("list",)), 1)], [(PART, form, b"12345678")] * 2, [1, (PART, 2, 3)]):
        form, elements = taken_apart(values, None, len(values))
        assert unwrapped(stored(form, elements)) == (("list",), values)


class Unpicklable:
    def __reduce__(self):
        raise TypeError("never")


def test_a_series_whose_name_can_not_be_pickled_is_returned(store):
    name = Unpicklable()
    f = store.memoize_batch(over="xs", code="version", batch_size=1)(lambda xs: pd.Series(xs, name=name))
    with pytest.warns(MemostoreWarning, match="not stored"):
        assert f([1, 2]).name is name
    assert store.find() == []


def test_stored_values_need_no_memostore_to_be_read(store, path):
    store.memoize_batch(over="xs", code="version")(lambda xs: np.array(xs, "<i4"))([7])
    ((value,),) = sqlite3.connect(path).execute("SELECT value FROM entry")
    mark, form, element = pickle.loads(value)
    assert (mark, pickle.loads(form), element) == (PART, ("array", "<i4", ()), b"\x07\0\0\0")


# Arguments


def test_the_function_may_change_the_batch_that_it_is_given(store):
    @store.memoize_batch(over="xs", code="version")
    def f(xs):
        results = [x * 10 for x in xs]
        if isinstance(xs, list):
            xs.clear()
        else:
            xs[:] = 0
        return results

    assert f([1, 2, 1]) == [10, 20, 10]
    assert f([3, 4]) == [30, 40]
    assert f(np.array([5, 6])) == [50, 60]
    assert f(np.array([6, 7, 5])) == [60, 70, 50]
    assert [f.is_cached([n]) for n in (1, 2, 3, 4)] == [True] * 4
    assert sorted(entry.arguments["xs"] for entry in store.find()) == [1, 2, 3, 4, 5, 6, 7]


def test_an_element_that_can_not_be_keyed_is_named(lengths, runs):
    with pytest.raises(UnkeyableArgument, match=r"project\.lengths: texts\[3\]\['x'\]: a generator"):
        lengths(["a", "b", "c", {"x": (c for c in "d")}])
    with pytest.raises(UnkeyableArgument, match=r"project\.lengths: model: "):
        lengths(["a"], (c for c in "d"))
    assert runs == []


def test_arguments_that_do_not_fit_raise_what_the_function_raises(lengths):
    with pytest.raises(TypeError, match="unexpected keyword argument 'tests'"):
        lengths(tests=["a"])
    with pytest.raises(TypeError, match="missing a required argument: 'texts'"):
        lengths.is_cached()


def test_an_element_whose_key_changes_is_returned_and_not_stored(store, runs):
    class Restless:
        def __init__(self):
            self.asked = 0

        def __memo_key__(self):
            self.asked += 1
            return self.asked

    f = store.memoize_batch(over="xs", code="version")(lambda xs: [1 for _ in xs])
    with pytest.warns(MemostoreWarning, match=r"xs\.__memo_key__\(\) has another key each time it is taken"):
        assert f([1, Restless()]) == [1, 1]
    assert [entry.arguments["xs"] for entry in store.find()] == [1]


def test_files_among_the_elements_count_by_content(store, runs, tmp_path):
    one, other = File(tmp_path / "one"), File(tmp_path / "other")
    (tmp_path / "one").write_text("1")
    (tmp_path / "other").write_text("22")

    @store.memoize_batch(over="paths", code="version")
    def sizes(paths):
        runs.append(len(paths))
        return [len(open(path).read()) for path in paths]

    assert sizes([one, other]) == [1, 2]
    (tmp_path / "other").write_text("333")
    assert sizes([one, other]) == [1, 3]
    assert runs == [2, 1]


def test_a_file_that_changes_while_the_function_runs_is_not_stored(store, tmp_path):
    (tmp_path / "one").write_text("1")

    @store.memoize_batch(over="paths", code="version")
    def sizes(paths):
        (tmp_path / "one").write_text("22")
        return [1 for _ in paths]

    with pytest.warns(MemostoreWarning, match="changed while the function ran"):
        sizes([File(tmp_path / "one")])
    assert store.find() == []


# Options


def test_ttl_tags_and_cache_if_hold_for_each_element(store, clock, runs):
    @store.memoize_batch(over="xs", ttl="1h", tags=["t"], cache_if=lambda x: x[0] > 1)
    def f(xs):
        runs.append(xs)
        return np.array([[x, 0] for x in xs])

    f([1, 2, 3])
    assert {(entry.arguments["xs"], entry.tags) for entry in store.find()} == {(2, ("t",)), (3, ("t",))}
    clock.advance(1800)
    f([2, 4])
    clock.advance(1801)
    f([2, 3, 4])
    assert runs == [[1, 2, 3], [4], [2, 3]]


def test_a_changed_function_is_computed_anew(store, runs):
    def made(factor):
        @store.memoize_batch(over="xs", name="project.f", version=factor)
        def f(xs):
            runs.append((factor, xs))
            return [x * factor for x in xs]

        return f

    assert (made(2)([1]), made(3)([1]), made(2)([1])) == ([2], [3], [2])
    assert runs == [(2, [1]), (3, [1])]


@pytest.mark.parametrize(
    ("over", "options", "said"),
    [
        ("tests", {}, "over='tests': .* has no such parameter; its parameters are 'texts', 'rest', 'more'"),
        ("rest", {}, r"over='rest': \*rest of .* takes many arguments"),
        ("more", {}, r"over='more': \*\*more of .* takes many arguments"),
        (lambda texts: texts, {}, r"write @store\.memoize_batch\(over=\"texts\"\)"),
        ("texts", {"ignore": ["texts"]}, "over='texts' is also in ignore"),
        ("texts", {"ignore": "x"}, "ignore='x' must be a list"),
        ("texts", {"batch_size": 0}, "batch_size=0 must be above 0"),
        ("texts", {"batch_size": 1.5}, "batch_size=1.5 is not a count"),
        ("texts", {"batch_size": True}, "batch_size=True is not a count"),
        ("texts", {"formerly": ["a.b"]}, r"memoize_batch\(\) has no option 'formerly': .*keep them with name="),
        ("texts", {"new_defaults": True}, r"memoize_batch\(\) has no option 'new_defaults': "),
        ("texts", {"tll": 3}, r"memoize_batch\(\) has no option 'tll': its options are over, batch_size, ttl, "),
        ("texts", {"ttl": -1}, "ttl=-1"),
    ],
)
def test_what_can_not_work_is_refused_at_decoration(store, over, options, said):
    def f(texts, *rest, **more):
        return texts

    with pytest.raises(InvalidArgument, match=said):
        store.memoize_batch(over=over, **options)(f)


def test_generator_functions_and_classes_are_refused(store):
    def stream(xs):
        yield from xs

    for function, said in ((stream, "generator function: return a list"), (dict, "takes a function"), (3, "not 3")):
        with pytest.raises(InvalidArgument, match=said):
            store.memoize_batch(over="xs")(function)


def test_the_batch_may_not_be_annotated_away(store):
    def unkeyed(xs: NoKey[list]):
        return xs

    def keyed(xs: KeyBy[list, len]):
        return xs

    for function in (unkeyed, keyed):
        with pytest.raises(InvalidArgument, match="over='xs': each element of it is a part of a key"):
            store.memoize_batch(over="xs")(function)([1])


def test_other_parameters_may_be(store, runs):
    @store.memoize_batch(over="xs")
    def f(xs, log: NoKey[list], scale: KeyBy[list, len]):
        runs.append(xs)
        return [x * len(scale) for x in xs]

    assert f([1], [], [0, 0]) == f([1], [5], [9, 9]) == [2]
    assert f([1, 2], [], [0]) == [1, 2]
    assert runs == [[1], [1, 2]]


# Faces


def test_the_faces_of_a_batch_function(store, lengths, runs):
    lengths(["a", "ab"])
    assert lengths.is_cached(["ab", "a", "a"])
    assert not lengths.is_cached(["a", "abc"])
    assert lengths.missing(["c", "a", "b", "c"]) == ["c", "b"]
    assert lengths.missing(("c", "a")) == ("c", "a")
    assert lengths.keys(["a", "b", "a"])[0::2] == [store.find(args={"texts": "a"})[0].key] * 2
    assert lengths.refresh(["a", "c"]) == [1, 1]
    assert lengths.invalidate(["a", "c", "zzz", "a"]) == 2
    assert lengths.missing(["a", "ab", "c"]) == ["a", "c"]
    assert runs == [["a", "ab"], ["a", "c"]]


def test_missing_is_a_batch_like_the_call_s_own(store):
    f = store.memoize_batch(over="xs", code="version")(lambda xs: list(xs))
    f(np.array([1, 2])), f(pd.Series([1, 2])), f(pl.Series([1, 2]))
    np.testing.assert_array_equal(f.missing(np.array([3, 2, 4, 3])), [3, 4])
    assert f.missing(pd.Series([3, 2, 4, 3], index=list("pqrs"))).to_dict() == {"p": 3, "r": 4}
    assert f.missing(pl.Series([3, 2, 4, 3])).to_list() == [3, 4]


def test_hits_and_misses_count_elements_each_once_in_a_call(store, lengths):
    lengths(["a", "b", "a"])
    lengths(["a", "c", "a", "b"])
    assert lengths.cache_info() == (2, 3, None, 3)
    (function,) = store.functions()
    assert (function.hits, function.misses) == (2, 3)
    assert {entry.arguments["texts"]: entry.hit_count for entry in store.find()} == {"a": 1, "b": 1, "c": 0}
    lengths.cache_clear()
    assert lengths.cache_info() == (0, 0, None, 0)


def test_the_seconds_of_a_call_are_shared_by_its_elements(store, monkeypatch):
    ticks = iter([0.0, 8.0, 100.0, 101.0])
    monkeypatch.setattr(store, "clock", lambda: next(ticks))
    f = store.memoize_batch(over="xs", code="version")(lambda xs: xs)
    f([1, 2, 3, 4])
    f([1, 2, 5])
    seconds = {entry.arguments["xs"]: entry.compute_seconds for entry in store.find()}
    assert seconds == {1: 2.0, 2: 2.0, 3: 2.0, 4: 2.0, 5: 1.0}
    assert f.cache_info().saved_seconds == 4.0


def test_cache_parameters_are_the_options_in_force(store):
    f = store.memoize_batch(over="xs", batch_size=8, ttl="1h", tags=["t"])(lambda xs: xs)
    expected = {"over": "xs", "batch_size": 8, "ttl": 3600.0, "tags": ("t",), "typed": True}
    assert f.cache_parameters().items() >= expected.items()


def test_entries_show_the_element_and_are_found_by_the_function(store, lengths):
    lengths(["hello", "you"], "large")
    assert [entry.arguments for entry in store.find(function=lengths, args={"texts": "hello"})] == [
        {"texts": "hello", "model": "large"}
    ]
    assert {entry.function for entry in store.find()} == {"project.lengths"}
    assert store.invalidate(function=lengths) == 2


@memostore.memoize_batch(over="texts")
def at_module_level(texts: list[str], model: str = "small") -> list[int]:
    """Count."""
    return [len(text) for text in texts]


def test_it_looks_like_the_function_and_pickles_by_name():
    assert pickle.loads(pickle.dumps(at_module_level)) is at_module_level
    assert copy.copy(at_module_level) is copy.deepcopy(at_module_level) is at_module_level
    assert (at_module_level.__name__, at_module_level.__doc__) == ("at_module_level", "Count.")
    assert str(inspect.signature(at_module_level)) == "(texts: 'list[str]', model: 'str' = 'small') -> 'list[int]'"
    assert at_module_level.__wrapped__(["a"]) == [1]
    assert "at_module_level" in repr(at_module_level)


def test_the_default_store_serves_too(tmp_path):
    from memostore.testing import fresh_default

    with fresh_default() as store:
        assert at_module_level(["a", "ab"]) == [1, 2]
        assert [entry.qualname for entry in store.find()] == ["at_module_level"] * 2
        with fresh_default():
            assert at_module_level.missing(["a"]) == ["a"]
        assert at_module_level.is_cached(["a"])


def test_methods_count_their_receiver(store, runs):
    class Model:
        def __init__(self, factor):
            self.factor = factor
            self.calls = 0

        @store.memoize_batch(over="xs")
        def predict(self, xs):
            self.calls += 1
            runs.append(xs)
            return [x * self.factor for x in xs]

        @store.memoize_batch(over="xs")  # below @classmethod, Python 3.13 would not tell the faces the class
        @classmethod
        def load(cls, xs):
            return xs

        @store.memoize_batch(over="xs")
        @staticmethod
        def plain(xs):
            return xs

    model = Model(2)
    assert model.predict([1, 2]) == Model(2).predict([1, 2]) == model.predict(xs=[1, 2]) == [2, 4]
    assert Model(3).predict([1]) == [3]
    assert runs == [[1, 2], [1]]
    assert (model.predict.is_cached([1]), model.predict.missing([1, 5]), len(model.predict.keys([1]))) == (True, [5], 1)
    assert model.predict.invalidate([1]) == 1
    assert (Model.load([1]), Model.load.missing([1, 2])) == ([1], [2])
    assert (Model.plain([1]), Model.plain.missing([1, 2])) == ([1], [2])


def test_a_memoized_batch_function_stands_as_an_argument_for_its_function(store):
    one, other = (store.memoize_batch(over="xs", version=n)(lambda xs: xs) for n in (1, 2))
    g = store.memoize(lambda f: 1)
    assert g.key(one) == g.key(one) != g.key(other)


# Switches and faults


def test_a_disabled_store_computes_and_a_refreshing_one_computes_and_stores(store, lengths, runs):
    lengths(["a"])
    with store.disabled():
        assert lengths(["a", "a"]) == [1, 1]
        assert lengths.refresh(["b"]) == [1]
    with store.refreshing():
        assert lengths(["a", "c", "a"]) == [1, 1, 1]
    assert lengths.missing(["a", "b", "c"]) == ["b"]
    assert runs == [["a"], ["a", "a"], ["b"], ["a", "c"]]
    assert lengths.cache_info()[:2] == (0, 3)


def test_a_store_of_none_calls_the_function():
    f = Store(None).memoize_batch(over="xs")(lambda xs: sum(xs))
    assert (f(iter([1, 2])), f.refresh([1]), f.missing([1]), f.cache_info()[:2]) == (3, 1, [1], (0, 0))


def test_a_closed_store_computes(store, lengths, runs):
    lengths(["a"])
    store.close()
    with pytest.warns(MemostoreWarning, match="has been closed"):
        assert lengths(["a"]) == [1]
    assert runs == [["a"], ["a"]]


def test_a_locked_database_costs_a_computation(path, runs):
    with Store(path, timeout=0.01) as store:
        f = store.memoize_batch(over="xs", code="version")(lambda xs: [runs.append(x) for x in xs])
        with sqlite3.connect(path, isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.warns(MemostoreWarning, match="locked"):
                f([1, 2])
            other.execute("ROLLBACK")
        f([1, 2]), f([1, 2])
    assert runs == [1, 2, 1, 2]


def test_a_read_only_store_reads(path, runs):
    def f(xs):
        runs.append(xs)
        return xs

    with Store(path) as store:
        store.memoize_batch(over="xs", code="version")(f)([1])
    with Store(path, read_only=True) as store:
        assert store.memoize_batch(over="xs", code="version")(f)([1, 2]) == [1, 2]
    assert runs == [[1], [2]]


@pytest.mark.parametrize(
    "damage",
    [
        "value = zeroblob(length(value))", "checksum = zeroblob(8)", "codec = 'pickl'", "created = created + 1",
        "codec = CAST(x'ff' AS TEXT)", "compute_seconds = 'x'", "expires = 'soon'", "value = 'text'",
    ],
)  # fmt: skip
def test_a_damaged_element_is_computed_again_and_the_others_are_not(store, path, lengths, runs, damage):
    lengths(["a", "b", "c"])
    store.flush()
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute(f"UPDATE entry SET {damage} WHERE arguments LIKE '%\"b\"%'")
    assert lengths(["a", "b", "c"]) == [1, 1, 1]
    assert lengths(["a", "b", "c"]) == [1, 1, 1]
    assert runs == [["a", "b", "c"], ["b"]]


def test_another_key_of_the_same_row_number_is_not_the_element(store, path, lengths, runs):
    lengths(["a", "b"])
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("UPDATE entry SET key = CAST(substr(key, 1, 31) || x'00' AS BLOB) WHERE arguments LIKE '%\"b\"%'")
    assert lengths.missing(["a", "b"]) == ["b"]
    lengths(["a", "b"])
    assert runs == [["a", "b"], ["b"]]


class Moved:
    """A class that can't be found at loading."""


def test_an_element_that_can_not_be_loaded_is_computed_again(store, runs, monkeypatch):
    @store.memoize_batch(over="xs", code="version")
    def f(xs):
        runs.append(xs)
        return [Moved() if x else x for x in xs]

    f([0, 1])
    monkeypatch.setattr(f"{__name__}.Moved", type("Moved", (), {"__module__": __name__, "__qualname__": "Other"}))
    monkeypatch.delattr(f"{__name__}.Moved")
    reasons = []
    store.on("Miss", lambda event: reasons.append(event.reason))
    with pytest.raises(NameError):
        f([0, 1])
    assert (runs[1], reasons) == ([1], ["unloadable"])


def test_large_elements_lie_in_chunks(store, runs):
    @store.memoize_batch(over="xs", code="version")
    def f(xs):
        runs.append(xs)
        return [np.full(50_000, x) for x in xs]

    f([1, 2])
    for x, found in zip([2, 1, 3], f([2, 1, 3]), strict=True):
        np.testing.assert_array_equal(found, np.full(50_000, x))
    assert runs == [[1, 2], [3]]
    assert {entry.arguments["xs"]: entry.hit_count for entry in store.find()} == {1: 1, 2: 1, 3: 0}


def test_an_element_that_can_not_be_stored_is_returned_and_warned_of_once(store):
    f = store.memoize_batch(over="xs", code="version")(lambda xs: [threading.Lock() if x else x for x in xs])
    with pytest.warns(MemostoreWarning, match="is returned but not stored") as warned:
        f([0, 1, 2, 3])
    f([0, 1, 2, 3])
    assert [one.category for one in warned if one.category is not ResourceWarning] == [MemostoreWarning]
    assert [entry.arguments["xs"] for entry in store.find()] == [0]


def test_events_are_told_for_each_element(store, lengths):
    told = []
    for event in ("Hit", "Miss", "Stored"):
        store.on(event, told.append)
    lengths(["a", "b"])
    lengths(["b", "c"])
    assert [(type(event).__name__, getattr(event, "reason", "")) for event in told] == [
        ("Miss", "new"), ("Miss", "new"), ("Stored", ""), ("Stored", ""),
        ("Hit", ""), ("Miss", "arguments"), ("Stored", ""),
    ]  # fmt: skip
    assert told[4].key == told[3].key
    assert "texts" in told[5].detail
    assert lengths.cache_info()[:2] == (1, 3)


# Limits


def test_the_elements_of_one_call_do_not_evict_each_other(path, clock, runs):
    with Store(path, max_entries=5, clock=clock) as store:
        f = store.memoize_batch(over="xs", code="version")(lambda xs: xs)
        f([1, 2, 3])
        f([1])
        f([4, 5, 6])
        assert f.missing([1, 2, 3, 4, 5, 6]) == [2]
        assert len(store.find()) == 5
        with pytest.warns(MemostoreWarning, match="more than the store may hold"):
            assert f([*range(10, 17)]) == [*range(10, 17)]
        assert f.missing([*range(10, 17)]) == [15, 16]
        assert len(store.find()) == 5


@pytest.mark.parametrize("eviction", ["lru", "lfu", "fifo", "cost"])
def test_what_was_just_saved_is_not_evicted_under_any_policy(path, eviction):
    with Store(path, max_entries=4, eviction=eviction) as store:
        f = store.memoize_batch(over="xs", code="version")(lambda xs: xs)
        f([1, 2, 3, 4])
        for _ in range(3):
            f([1, 2, 3, 4])
        f([5, 6, 7])
        assert f.missing([5, 6, 7]) == []
        assert len(store.find()) == 4


def test_an_element_larger_than_the_store_is_returned(path):
    with Store(path, max_size="10kB", compress="never") as store:
        f = store.memoize_batch(over="xs", code="version")(lambda xs: ["x" * x for x in xs])
        with pytest.warns(MemostoreWarning, match="more than max_size=10000"):
            assert list(map(len, f([10, 20_000, 30]))) == [10, 20_000, 30]
        assert f.missing([10, 20_000, 30]) == [20_000]


def test_refreshed_elements_take_the_place_of_the_old_ones(path):
    with Store(path, max_entries=3) as store:
        f = store.memoize_batch(over="xs", code="version")(lambda xs: xs)
        f([1, 2, 3])
        f.refresh([1, 2, 3])
        assert f.is_cached([1, 2, 3])
        assert store.stats().entries == 3


def test_more_elements_than_one_question_takes(store, runs):
    f = store.memoize_batch(over="xs", code="version")(lambda xs: [runs.append(x) or x for x in xs])
    numbers = list(range(2500))
    assert f(numbers[:2100]) == numbers[:2100]
    assert f(numbers[::-1]) == numbers[::-1]
    assert sorted(runs) == numbers
    assert f.invalidate(numbers) == 2500


def test_threads_with_overlapping_batches_get_what_is_theirs(store):
    f = store.memoize_batch(over="xs", code="version")(lambda xs: [x * 10 for x in xs])
    wrong = []

    def work(start):
        for first in range(start, start + 40):
            xs = list(range(first, first + 20))
            if f(xs) != [x * 10 for x in xs]:
                wrong.append(xs)

    threads = [threading.Thread(target=work, args=(start,)) for start in (0, 5, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert {entry.arguments["xs"] for entry in store.find()} == set(range(69))


def test_an_element_that_can_not_be_read_is_missing(store, path, lengths):
    lengths(["a", "b"])
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("UPDATE entry SET codec = CAST(x'ff' AS TEXT) WHERE arguments LIKE '%\"b\"%'")
    assert lengths.missing(["a", "b"]) == ["b"]


def test_refreshed_elements_make_room_for_themselves(path):
    with Store(path, max_entries=5) as store:
        f = store.memoize_batch(over="xs", code="version")(lambda xs: xs)
        f([1, 2, 3, 4, 5])
        f.refresh([1, 2])
        assert f.is_cached([1, 2, 3, 4, 5])


def test_a_series_that_is_numbered_by_the_function_stays_so(store):
    f = store.memoize_batch(over="xs", code="version")(lambda xs: pd.Series([x * 2 for x in xs]))
    f(pd.Series([1, 2]))
    found = f(pd.Series([3, 1], index=[7, 8]))
    pd.testing.assert_series_equal(found, pd.Series([6, 2]))


# Options of a function that depend on the element


def test_a_ttl_that_is_a_function_is_given_the_result_of_one_element(store, clock):
    @store.memoize_batch(over="texts", ttl=lambda length: None if length > 2 else length)
    def lengths(texts):
        return [len(text) for text in texts]

    lengths(["", "a", "abc"])
    left = {entry.arguments["texts"]: entry.expires and entry.expires.timestamp() - clock() for entry in store.find()}
    assert left == {"a": 1, "abc": None}


def test_tags_that_are_a_function_are_asked_with_one_element_in_the_batch_s_place(store):
    @store.memoize_batch(over="texts", tags=lambda texts, lang="en": (lang, texts[0]))
    def lengths(texts, lang="en"):
        return [len(text) for text in texts]

    lengths(["ab", "cd"])
    lengths(["ab"], lang="de")
    assert [entry.tags for entry in store.find(tag="de")] == [("a", "de")]
    assert {entry.tags for entry in store.find(tag="en")} == {("a", "en"), ("c", "en")}


def test_limits_of_the_function(store, runs):
    @store.memoize_batch(over="numbers", max_entries=3)
    def same(numbers):
        runs.append(list(numbers))
        return list(numbers)

    other = store.memoize(lambda x: x)
    other(1)
    same([1, 2, 3])
    same([1, 4])
    assert other.is_cached(1)
    assert (same.missing([1, 2, 3, 4]), same.cache_info().currsize, same.cache_info().maxsize) == ([2], 3, 3)
    with pytest.warns(MemostoreWarning, match="more than the function may hold"):
        assert same([5, 6, 7, 8]) == [5, 6, 7, 8]
    assert same.missing([5, 6, 7, 8]) == [8]


@pytest.mark.parametrize("option", ["stale_for", "cache_errors", "single_flight", "track"])
def test_an_option_that_batches_can_not_have_is_refused_with_the_reason(store, option):
    with pytest.raises(InvalidArgument, match=rf"no option '{option}': \w+ \w+"):
        store.memoize_batch(over="texts", **{option: "x"})
