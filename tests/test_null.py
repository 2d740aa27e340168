"""`Store(None)` remembers nothing, costs nothing, and has every face of a store that does."""

import dataclasses
import functools
import gc
import threading
import timeit
import warnings

import pytest

from memostore import InvalidArgument, Store, events


@pytest.fixture
def store():
    with Store(None) as opened:
        yield opened


def test_every_call_computes(store):
    calls = []

    @store.memoize
    def f(x):
        calls.append(x)
        return [x]

    assert [f(1), f(1), f(x=1)] == [[1]] * 3
    assert calls == [1, 1, 1]


def test_results_and_errors_pass_untouched(store):
    marker = object()
    assert store.memoize(lambda x: x)(marker) is marker
    with pytest.raises(ZeroDivisionError):
        store.memoize(lambda: 1 / 0)()
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        store.memoize(lambda x: x)(x=1, z=2)


def test_what_can_be_neither_keyed_nor_stored_passes(store):
    generator = (n for n in range(3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert store.memoize(lambda x: x)(generator) is generator
        assert store.memoize(lambda x: x).refresh(generator) is generator
        assert list(generator) == [0, 1, 2]


def test_the_faces_answer(store):
    f = store.memoize(ttl="1h", tags=("a",))(lambda x, y=0: x)
    f(1)
    assert not f.is_cached(1)
    assert not f.check_call_in_cache(1)
    assert f.lookup(1) is None
    assert f.lookup(1, default=5) == 5
    assert f.entry(1) is None
    assert f.refresh(1) == 1
    assert f.invalidate(1) == 0
    assert len(f.key(1)) == 64
    assert f.cache_info()[2:] == (None, 0)
    assert f.cache_info().size == 0
    assert f.cache_clear() is None
    assert f.cache_parameters()["ttl"] == 3600.0
    assert f.__wrapped__(1) == 1


def test_methods_of_all_kinds(store):
    class Shape:
        def __init__(self, side):
            self.side = side

        @store.memoize
        def area(self):
            return self.side**2

        @store.memoize
        @staticmethod
        def static(x):
            return x

        @store.memoize
        @classmethod
        def kind(cls):
            return cls.__name__

        @property
        @store.memoize
        def doubled(self):
            return self.side * 2

    assert (Shape(2).area(), Shape.static(1), Shape.kind(), Shape(2).doubled) == (4, 1, "Shape", 4)
    assert not Shape(2).area.is_cached()


def test_options_are_checked_as_in_any_store(store):
    for options in ({"ttl": -1}, {"ignore": ["nothing"]}, {"unknown": 1}):
        with pytest.raises(InvalidArgument):
            store.memoize(**options)(lambda x: x)
    with pytest.raises(InvalidArgument):
        Store(None, max_size="2 bananas")
    with pytest.raises(InvalidArgument, match="generator function"):
        store.memoize(cache_if=bool)(lambda: (yield))


def test_names_of_ones_own(store):
    store.put("a", 1, ttl="1h", tags=["t"])
    assert store.get("a") is None
    assert store.get("a", 5) == 5
    assert "a" not in store
    assert store.delete("a") is False


def test_questions_have_empty_answers(store):
    store.memoize(lambda: 1)()
    assert store.find() == []
    assert store.find(tag="a") == []
    assert store.functions() == []
    assert set(dataclasses.astuple(store.stats())) == {0}
    assert store.sql("SELECT count(*) AS n FROM entries") == [{"n": 0}]
    assert (store.clear(), store.expire(), store.evict(to=0), store.vacuum()) == (0, 0, 0, 0)
    assert store.invalidate(tag="a") == 0
    with pytest.raises(InvalidArgument):
        store.invalidate()
    assert (store.path, store.url, store.closed) == (None, "", False)
    assert repr(store) == "Store(None)"


def test_nothing_is_written_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Store(None) as store:
        store.memoize(lambda: 1)()
        store.put("a", 1)
        store.stats(), store.flush()
    assert list(tmp_path.iterdir()) == []
    assert store.closed


def test_no_event_is_emitted_for_a_call(store):
    seen = []
    for kind in events.EVENTS.values():
        store.on(kind, seen.append)
    f = store.memoize(lambda x: x)
    f(1), f(1)
    assert seen == []


def test_no_thread_is_started_and_no_connection_opened(store):
    before = threading.active_count()
    f = store.memoize(lambda x: x)
    for n in range(100):
        f(n)
    assert threading.active_count() == before
    assert store._backend._empty is None


def test_a_call_costs_little_more_than_a_python_function_around_it(store):
    def f(x):
        return x

    @functools.wraps(f)
    def around(*args, **kwargs):
        return f(*args, **kwargs)

    memo = store.memoize(f)
    gc.collect()
    plain, wrapped = (min(timeit.repeat(lambda g=g: g(1), number=2000, repeat=15)) for g in (around, memo))
    assert wrapped < 5 * plain


def test_it_still_works_after_close(store):
    f = store.memoize(lambda x: x)
    store.close()
    store.close()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert f(1) == 1
