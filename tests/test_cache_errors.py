"""`cache_errors` and `error_ttl`: errors that are stored as results are, and raised again."""

from __future__ import annotations

import asyncio

import pytest

from memostore import InvalidArgument, MemostoreWarning, Store

pytestmark = pytest.mark.filterwarnings("error::memostore.MemostoreWarning")


class NotFound(LookupError):
    """An error with a message alone."""


class Detailed(NotFound):
    """An error that takes other arguments than it hands to Exception: its pickle can't be read."""

    def __init__(self, code, *, reason):
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


class Unmakeable(NotFound):
    """An error that can't be made again."""

    def __new__(cls, *args, secret=None):
        if secret is None:
            raise TypeError("a secret is needed")
        return super().__new__(cls, *args)

    def __init__(self, *args, secret):
        super().__init__(*args)


def raising(store, runs, error, **options):
    @store.memoize(**options)
    def f(x):
        runs.append(x)
        raise error() if isinstance(error, type) else error

    return f


def raised_by(f, *args):
    with pytest.raises(Exception) as caught:  # noqa: PT011 # the tests look at it
        f(*args)
    return caught.value


def test_an_error_is_not_stored_unless_it_is_asked_for(store, runs):
    f = raising(store, runs, NotFound("x"))
    for _ in range(2):
        assert str(raised_by(f, 1)) == "x"
    assert runs == [1, 1]
    assert store.find() == []


def test_a_named_error_is_stored_and_raised_again(store, runs):
    f = raising(store, runs, NotFound, cache_errors=NotFound)
    first, again = raised_by(f, 1), raised_by(f, 1)
    assert runs == [1]
    assert first is not again
    assert (type(again), again.args) == (NotFound, ())
    assert f.cache_info()[:2] == (1, 1)


def test_a_note_says_that_it_came_from_the_store_and_when(store, runs, clock):
    f = raising(store, runs, NotFound("x"), cache_errors=(NotFound,), name="prep.load")
    assert not hasattr(raised_by(f, 1), "__notes__")
    clock.advance(60)
    (note,) = raised_by(f, 1).__notes__
    assert note == "memostore: prep.load raised this on 2026-04-01 12:00:00 UTC; it was stored and is raised again"


@pytest.mark.parametrize("error", [
    NotFound(), NotFound("a", 2), KeyError("k"), FileNotFoundError(2, "No such file", "a.csv"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"), Detailed(404, reason="gone"), StopIteration(3),
    ExceptionGroup("several", [KeyError(1), ValueError(2)]),
], ids=lambda error: type(error).__name__)  # fmt: skip
def test_type_message_arguments_and_attributes_are_the_same(store, runs, error):
    f = raising(store, runs, error, cache_errors=Exception)
    raised_by(f, 1)
    again = raised_by(f, 1)
    assert runs == [1]
    assert (type(again), str(again), repr(again.args)) == (type(error), str(error), repr(error.args))
    attributes = {name: value for name, value in vars(again).items() if name != "__notes__"}
    assert attributes == {name: value for name, value in vars(error).items() if name != "__notes__"}
    for name in ("errno", "filename", "strerror", "start", "reason", "value", "message"):
        assert getattr(again, name, None) == getattr(error, name, None)


def test_notes_of_the_function_stay_before_ours(store, runs):
    error = NotFound("x")
    error.add_note("while loading")
    f = raising(store, runs, error, cache_errors=NotFound)
    raised_by(f, 1)
    first, second = raised_by(f, 1).__notes__
    assert first == "while loading"
    assert second.startswith("memostore: ")
    assert len(raised_by(f, 1).__notes__) == 2


def test_subclasses_of_a_named_class_are_stored_and_others_are_not(store, runs):
    assert type(raised_by(raising(store, runs, Detailed(1, reason="r"), cache_errors=LookupError), 1)) is Detailed
    assert [entry.codec for entry in store.find()] == ["error:pickle"]
    f = raising(store, runs, ValueError("v"), cache_errors=(LookupError, OSError), name="g")
    raised_by(f, 1)
    assert not f.is_cached(1)


def test_error_ttl_is_how_long_it_is_good_for(store, runs, clock):
    f = raising(store, runs, NotFound("x"), cache_errors=NotFound, ttl="1d", error_ttl="5m")
    raised_by(f, 1)
    assert f.entry(1).expires.timestamp() == clock() + 300
    clock.advance(301)
    raised_by(f, 1)
    assert runs == [1, 1]


@pytest.mark.parametrize(("ttl", "seconds"), [("1d", 86400), (None, None), (lambda result: 5, None)])
def test_without_error_ttl_it_is_good_for_the_ttl(store, runs, clock, ttl, seconds):
    f = raising(store, runs, NotFound("x"), cache_errors=NotFound, ttl=ttl)
    raised_by(f, 1)
    expires = f.entry(1).expires
    assert (None if expires is None else expires.timestamp() - clock()) == seconds


def test_results_of_the_same_function_are_stored_as_ever(store, runs):
    @store.memoize(cache_errors=ZeroDivisionError)
    def inverse(x):
        runs.append(x)
        return 1 / x

    for _ in range(2):
        assert inverse(2) == 0.5
        assert type(raised_by(inverse, 0)) is ZeroDivisionError
    assert runs == [2, 0]


def test_the_faces(store, runs):
    f = raising(store, runs, NotFound("x"), cache_errors=NotFound)
    assert f.lookup(1) is None
    raised_by(f, 1)
    assert f.is_cached(1)
    assert f.explain(1).is_hit
    assert str(raised_by(f.lookup, 1)) == "x"
    assert str(raised_by(f.refresh, 1)) == "x"
    assert runs == [1, 1]
    assert f.invalidate(1) == 1
    assert not f.is_cached(1)


def test_a_cache_if_is_not_asked_about_errors(store, runs):
    f = raising(store, runs, NotFound("x"), cache_errors=NotFound, cache_if=lambda result: 1 / 0)
    raised_by(f, 1)
    assert f.is_cached(1)


def test_an_error_that_can_not_be_made_again_is_raised_and_not_stored(store, runs):
    f = raising(store, runs, Unmakeable("u", secret=1), cache_errors=NotFound)
    with pytest.warns(MemostoreWarning, match="can't be made again"):
        assert type(raised_by(f, 1)) is Unmakeable
    assert type(raised_by(f, 1)) is Unmakeable
    assert runs == [1, 1]


def test_an_error_whose_class_is_gone_is_computed_again(path, runs, monkeypatch):
    with Store(path) as store:
        f = raising(store, runs, NotFound("x"), cache_errors=NotFound, code="version")
        raised_by(f, 1)
        monkeypatch.delitem(globals(), "NotFound")
        assert str(raised_by(f, 1)) == "x"
    assert runs == [1, 1]


def test_an_interrupt_is_never_stored(store, runs):
    f = raising(store, runs, KeyboardInterrupt(), cache_errors=Exception)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            f(1)
    assert runs == [1, 1]


def test_coroutines_store_errors_too(store, runs):
    @store.memoize(cache_errors=NotFound)
    async def f(x):
        runs.append(x)
        raise NotFound(x)

    async def main():
        found = await asyncio.gather(*(f(1) for _ in range(3)), return_exceptions=True)
        return [(type(error), error.args) for error in found]

    assert asyncio.run(main()) == [(NotFound, (1,))] * 3
    assert runs == [1]


def test_a_plain_function_of_the_same_name_does_not_raise_what_is_no_error(store, runs):
    """Only what was stored as an error is raised: a function may return errors."""

    @store.memoize(cache_errors=NotFound)
    def f(x):
        runs.append(x)
        return NotFound(x)

    assert f(1).args == f(1).args == (1,)
    assert runs == [1]


@pytest.mark.parametrize(
    "value", ["NotFound", NotFound("x"), (NotFound, "x"), int, KeyboardInterrupt, BaseException, [KeyError]]
)
def test_what_cache_errors_takes(store, value):
    with pytest.raises(InvalidArgument, match="cache_errors="):
        store.memoize(cache_errors=value)


def test_error_ttl_needs_cache_errors(store):
    with pytest.raises(InvalidArgument, match="cache_errors"):
        store.memoize(error_ttl="5m")
