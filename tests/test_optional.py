"""What the cache can't do costs a computation and one warning that says why; `on_error="raise"` asks for more."""

import os
import pathlib
import sqlite3
import threading
import warnings

import numpy
import pytest

from memostore import MemostoreWarning, Store, StoreClosed, StoreError, StoreUnavailable, Unstorable, events


@pytest.fixture
def store():
    with Store(":memory:") as opened:
        yield opened


def warned(action):
    """Return an action's result and the warnings that it gave."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = action()
    return result, caught


class Refuses:
    def __reduce__(self):
        raise RuntimeError("I do not travel")


RESULTS = {
    "generator": (lambda: (n for n in range(3)), "generator"),
    "lock": (lambda: threading.Lock(), "lock"),
    "lambda with a lock": (lambda: (lambda lock: lambda: lock)(threading.Lock()), "lock"),
    "in a list": (lambda: [1, {"deep": threading.Lock()}], "lock"),
    "own error": (Refuses, "I do not travel"),
}


@pytest.mark.parametrize(("make", "reason"), RESULTS.values(), ids=RESULTS)
def test_a_result_that_can_not_be_stored_is_returned_with_one_warning(store, make, reason):
    made = []

    @store.memoize(name="project.make")
    def f(x):
        made.append(make())
        return made[-1]

    (first, second, other), caught = warned(lambda: (f(1), f(1), f(2)))
    assert [first, second, other] == made
    assert all(got is was for got, was in zip([first, second, other], made, strict=True))
    assert [w.category for w in caught] == [MemostoreWarning]
    message = str(caught[0].message)
    assert message.startswith("project.make: ")
    assert "returned but not stored" in message
    assert reason in message
    assert store.find() == []
    assert f.cache_info()[:2] == (0, 3)


def test_the_warning_points_to_the_call(store):
    f = store.memoize(lambda: (n for n in ()))
    _, caught = warned(lambda: f())
    assert caught[0].filename == __file__


def test_each_function_warns_once_of_its_own(store):
    f, g = (store.memoize(name=name)(lambda: threading.Lock()) for name in "fg")
    _, caught = warned(lambda: [f(), g(), f(), g()])
    assert len(caught) == 2


def test_each_store_warns_once_of_its_own():
    with Store(":memory:") as one, Store(":memory:") as other:
        f, g = (store.memoize(name="f")(lambda: threading.Lock()) for store in (one, other))
        _, caught = warned(lambda: [f(), g(), f(), g()])
    assert len(caught) == 2


def test_a_warning_turned_into_an_error_is_what_the_user_asked_for(store):
    f = store.memoize(lambda: (n for n in ()))
    with warnings.catch_warnings():
        warnings.simplefilter("error", MemostoreWarning)
        with pytest.raises(MemostoreWarning, match="not stored"):
            f()


def test_an_event_says_each_time_why(store):
    seen = []
    store.on(events.Skipped, seen.append)
    f = store.memoize(name="m.f")(lambda x: threading.Lock())
    warned(lambda: [f(1), f(1)])
    assert [(event.function, event.key) for event in seen] == [("m.f", f.key(1))] * 2
    assert "lock" in seen[0].reason


def test_a_stored_result_stays_where_the_next_one_can_not_be_stored(store):
    results = iter([1, threading.Lock(), 2])
    f = store.memoize(lambda: next(results))
    assert f() == 1
    _, caught = warned(f.refresh)
    assert len(caught) == 1
    assert f() == 1


def test_a_result_larger_than_the_store_is_returned_with_a_warning():
    with Store(":memory:", max_size="100kB") as store:
        f = store.memoize(lambda n: numpy.random.default_rng(1).bytes(n))
        small, caught = warned(lambda: f(1000))
        assert (len(small), caught) == (1000, [])
        large, caught = warned(lambda: f(200_000))
        assert len(large) == 200_000
        assert len(caught) == 1
        assert "max_size=100000" in str(caught[0].message)
        assert [entry.arguments for entry in store.find()] == [{"n": 1000}]


def test_unstorable_is_raised_where_storing_is_what_was_asked(store):
    with pytest.raises(Unstorable, match="lock"):
        store.put("a", threading.Lock())
    assert "a" not in store


class Fickle:
    """Can be stored; can be loaded only while the environment says so."""

    def __reduce__(self):
        return _fickle, ()


def _fickle():
    if "FICKLE" in os.environ:
        raise ImportError("the library has changed")
    return Fickle()


def test_a_result_that_can_no_longer_be_loaded_is_computed_again(store, monkeypatch):
    seen = []
    store.on("Miss", seen.append)
    f = store.memoize(lambda: Fickle())
    f(), f()
    monkeypatch.setenv("FICKLE", "1")
    assert isinstance(f(), Fickle)
    assert [event.reason for event in seen] == ["new", "unloadable"]
    monkeypatch.delenv("FICKLE")
    f()
    assert len(seen) == 2


class Broken:
    """A disk that fails when it is told to."""

    def __init__(self, store, monkeypatch, *operations):
        for name in operations:
            monkeypatch.setattr(store._backend, name, self.fail)
        self.failures = 0

    def fail(self, *_args, **_kwargs):
        self.failures += 1
        raise StoreUnavailable("the disk is full")


OPERATIONS = ["fetch", "save"]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_fault_costs_a_computation_and_one_warning(operation, store, monkeypatch):
    faults = []
    store.on(events.Fault, faults.append)
    f = store.memoize(lambda x: [x])
    broken = Broken(store, monkeypatch, operation)
    results, caught = warned(lambda: [f(1), f(1), f(2)])
    assert results == [[1], [1], [2]]
    assert broken.failures == 3
    assert [w.category for w in caught] == [MemostoreWarning]
    assert "memostore goes on without its store: the disk is full" in str(caught[0].message)
    assert len(faults) == 3
    assert {fault.error for fault in faults} == {"the disk is full"}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_fault_is_raised_where_that_is_asked_for(operation, monkeypatch):
    with Store(":memory:", on_error="raise") as store:
        f = store.memoize(lambda x: [x])
        Broken(store, monkeypatch, operation)
        with pytest.raises(StoreUnavailable, match="the disk is full"):
            f(1)


@pytest.mark.parametrize("on_error", ["compute", "raise"])
def test_errors_of_the_function_are_never_taken_for_faults(on_error):
    with Store(":memory:", on_error=on_error) as store, warnings.catch_warnings():
        warnings.simplefilter("error")

        @store.memoize
        def f():
            raise StoreUnavailable("of another store")

        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="of another store"):
                f()


def test_a_store_that_can_not_be_read_is_not_written_to(store, monkeypatch):
    """Where the disk hangs, a call waits for it once and not twice."""
    f = store.memoize(lambda x: x)
    reading = Broken(store, monkeypatch, "fetch")
    writing = Broken(store, monkeypatch, "save")
    warned(lambda: f(1))
    assert (reading.failures, writing.failures) == (1, 0)


def test_it_works_again_when_the_fault_is_over(store, monkeypatch):
    f = store.memoize(lambda x: x)
    with monkeypatch.context() as patch:
        Broken(store, patch, "fetch", "save")
        warned(lambda: f(1))
    assert f(1) == f(1) == 1
    assert f.is_cached(1)


def test_faults_of_names_of_ones_own(store, monkeypatch):
    store.put("a", 1)
    Broken(store, monkeypatch, "fetch", "save")
    (got, there, _), caught = warned(lambda: (store.get("a", "absent"), "a" in store, store.put("b", 2)))
    assert got == "absent"
    assert not there
    assert {w.category for w in caught} == {MemostoreWarning}
    assert len(caught) <= 2  # one for reading, one for saving


def test_a_closed_store_computes(store):
    f = store.memoize(lambda x: x)
    f(1)
    store.close()
    results, caught = warned(lambda: [f(1), f(1), f(2)])
    assert results == [1, 1, 2]
    assert len(caught) == 1
    with Store(":memory:", on_error="raise") as other:
        g = other.memoize(lambda x: x)
        other.close()
        with pytest.raises(StoreClosed):
            g(1)


def test_hooks_that_fail_break_nothing(store, caplog):
    for kind in events.EVENTS.values():
        store.on(kind, lambda event: 1 / 0)
    f = store.memoize(lambda x: x)
    assert f(1) == f(1) == 1
    assert f.cache_info()[:2] == (1, 1)
    assert "a hook for Stored failed" in caplog.text


def test_a_database_that_is_damaged_while_it_is_open_returns_no_wrong_value(tmp_path):
    path = tmp_path / "memo.db"
    with Store(path) as store:
        f = store.memoize(lambda x: "right" + x * 3000)
        for letter in "abcdefgh":
            f(letter)
    data = bytearray(path.read_bytes())
    for place in range(20_000, len(data), 4099):
        data[place] ^= 0xFF
    path.write_bytes(data)
    results, caught = warned(lambda: _ask_again(path))
    assert all(result in ("right" + letter * 3000, "refused") for letter, result in results.items())
    assert all(issubclass(w.category, MemostoreWarning) for w in caught)


def _ask_again(path):
    """Open the store and call the function anew; a store that says that it is damaged is no wrong value."""
    try:
        with Store(path) as store:
            f = store.memoize(lambda x: "right" + x * 3000)
            return {letter: f(letter) for letter in "abcdefgh"}
    except StoreError:
        return dict.fromkeys("abcdefgh", "refused")


def test_a_file_that_is_deleted_while_it_is_open_breaks_no_call(tmp_path):
    path = tmp_path / "memo.db"
    with Store(path) as store:
        f = store.memoize(lambda x: x)
        f(1)
        for part in pathlib.Path(tmp_path).iterdir():
            part.unlink()
        results, caught = warned(lambda: [f(1), f(2), f(1)])
    assert results == [1, 2, 1]
    assert all(issubclass(w.category, MemostoreWarning) for w in caught)


def test_an_entry_that_another_program_removed_is_computed_again(tmp_path):
    path = tmp_path / "memo.db"
    with Store(path) as store:
        f = store.memoize(lambda x: x)
        f(1)
        with sqlite3.connect(path) as connection:
            connection.execute("DELETE FROM entry")
        connection.close()
        assert f(1) == 1
        assert f.cache_info()[:2] == (0, 2)
