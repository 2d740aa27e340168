"""A store switched off, or to computing anew: by a block, in which contexts, and by the environment."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from memostore import Store, config, events
from memostore.errors import InvalidArgument


@pytest.fixture
def counted(store, runs):
    """A memoized function that notes each computation, and returns how many there were."""

    @store.memoize(name="project.counted")
    def f(x, default=None):
        runs.append(x)
        return len(runs)

    return f


def test_a_disabled_store_computes_and_neither_reads_stores_nor_counts(store, counted):
    told = []
    for event in events.EVENTS:
        store.on(event, told.append)
    assert counted(1) == 1
    told.clear()
    with store.disabled():
        assert [counted(1), counted(1), counted(2), counted.refresh(2)] == [2, 3, 4, 5]
        assert counted.lookup(1) is None
    assert told == []
    assert counted.cache_info()[:2] == (0, 1)
    assert [entry.arguments["x"] for entry in store.find()] == [1]
    assert counted(1) == 1


def test_a_disabled_store_takes_no_key(store, counted):
    with pytest.raises(TypeError):
        counted(threading.Lock())
    with store.disabled():
        assert counted(threading.Lock()) == 1


def test_lookup_in_a_disabled_store_returns_the_default(store):
    f = store.memoize(lambda x: x)
    f(1)
    with store.disabled():
        assert f.lookup(1, default="none") == "none"
    assert f.lookup(1, default="none") == 1


def test_questions_and_values_under_names_are_not_switched(store, counted):
    counted(1)
    with store.disabled():
        store.put("a", 1)
        assert (store.get("a"), counted.is_cached(1), counted.entry(1).arguments["x"]) == (1, True, 1)
        assert counted.invalidate(1) == 1


def test_explain_says_that_the_store_is_off(store, counted):
    counted(1)
    with store.disabled():
        said = counted.explain(1)
        assert (said.reason, said.is_hit, said.entry) == ("off", False, None)
        assert "store.disabled()" in str(said)
    assert counted.explain(1).is_hit


def test_a_refreshing_store_computes_each_call_and_stores_it(store, counted):
    reasons = []
    store.on("Miss", lambda event: reasons.append(event.reason))
    assert counted(1) == 1
    with store.refreshing():
        assert [counted(1), counted(1), counted(2)] == [2, 3, 4]
    assert [counted(1), counted(2)] == [3, 4]
    assert counted.cache_info()[:2] == (2, 4)
    assert reasons == ["new", "refresh", "refresh", "refresh"]


def test_refreshing_goes_through_to_the_functions_that_are_called(store, runs):
    @store.memoize
    def inner():
        runs.append("inner")

    @store.memoize
    def outer():
        inner()

    outer()
    with store.refreshing():
        outer()
    assert runs == ["inner", "inner"]


def test_arguments_that_do_not_fit_raise_what_the_function_raises(store, counted):
    for switch in (store.disabled, store.refreshing):
        with switch(), pytest.raises(TypeError, match="unexpected keyword argument 'y'"):
            counted(1, y=2)


def test_the_innermost_block_counts(store, counted):
    assert counted(1) == 1
    with store.disabled():
        with store.refreshing():
            assert counted(1) == 2
            with store.disabled():
                assert counted(1) == 3
            assert counted(1) == 4
        assert counted(1) == 5
    assert counted(1) == 4


def test_one_store_s_switch_is_not_another_s(store, runs):
    with Store(":memory:") as other, other.disabled():
        f, g = (one.memoize(name="f")(lambda x: runs.append(x)) for one in (store, other))
        f(1), f(1), g(2), g(2)
    assert runs == [1, 2, 2]


def test_an_error_ends_a_block(store, counted):
    for switch in (store.disabled, store.refreshing):
        with pytest.raises(ZeroDivisionError), switch():
            1 / 0  # noqa: B018
    assert counted(1) == counted(1)


def test_a_block_serves_as_a_decorator(store, counted):
    @store.disabled()
    def test():
        return counted(1)

    assert [test(), test(), counted(1), counted(1)] == [1, 2, 3, 3]


def test_methods_are_switched_too(store, runs):
    class Model:
        @store.memoize
        def predict(self, x):
            runs.append(x)

        @classmethod
        @store.memoize
        def load(cls, x):
            runs.append(x)

    model = Model()
    with store.disabled():
        model.predict(1), model.predict(1), Model.load(2), Model.load(2)
    assert runs == [1, 1, 2, 2]


# Contexts


def test_another_thread_is_not_in_the_block(store, counted):
    """As with any context variable; the same on a Python whose threads inherit the context only if it is copied."""
    counted(1)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()  # the thread is there before the block
        with store.disabled():
            assert pool.submit(counted, 1).result() == 1
            assert pool.submit(contextvars.copy_context().run, counted, 1).result() == 2
        assert pool.submit(counted, 1).result() == 1


def test_threads_switch_each_for_itself(store, counted):
    counted(1)
    inside, checked = threading.Event(), threading.Event()

    def disabled():
        with store.disabled():
            inside.set()
            assert checked.wait(10)
            return counted(1)

    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(disabled)
        assert inside.wait(10)
        assert counted(1) == 1
        checked.set()
        assert result.result() == 2


def test_a_task_keeps_what_was_switched_where_it_was_made(store, counted):
    counted(1)

    async def call():
        return counted(1)

    async def main():
        outside = asyncio.create_task(call())
        with store.disabled():
            inside = asyncio.create_task(call())
            thread = await asyncio.to_thread(counted, 1)
        return await outside, await inside, thread, counted(1)

    outside, inside, thread, after = asyncio.run(main())
    assert (outside, after) == (1, 1)
    assert {inside, thread} == {2, 3}


def test_a_block_in_one_task_is_not_seen_by_its_neighbour(store, counted):
    counted(1)

    async def main():
        inside, checked = asyncio.Event(), asyncio.Event()

        async def disabled():
            with store.disabled():
                inside.set()
                await checked.wait()
                return counted(1)

        task = asyncio.create_task(disabled())
        await inside.wait()
        here = counted(1)
        checked.set()
        return here, await task

    assert asyncio.run(main()) == (1, 2)


def test_a_block_may_be_left_in_another_context_than_it_was_entered_in(store, counted):
    """As fixtures of asynchronous test runners are."""
    block = store.disabled()
    contextvars.copy_context().run(block.__enter__)
    block.__exit__(None, None, None)
    assert counted(1) == counted(1)


# The environment

COUNTS = """
    import sys
    from memostore import Store, default_store, memoize
    store = Store("memo.db")
    @store.memoize
    def f(x):
        print("computing", x)
        return x
    @memoize
    def g(x):
        print("computing", x)
        return x
    try:
        f(1), f(1), g(2), g(2)
        with store.refreshing():
            f(1)
        print(f.explain(1).reason, f.cache_info()[:2], len(store.find()))
    except ValueError as error:
        print(type(error).__name__, error)
"""


def test_the_environment_disables_all_stores(script):
    script.environment["MEMOSTORE_DISABLE"] = "1"
    out = script.write(COUNTS).run().stdout.splitlines()
    assert out == [*["computing 1"] * 2, *["computing 2"] * 2, "computing 1", "off (0, 0) 0"]
    assert not (script.directory / "default.db").exists()


@pytest.mark.parametrize("value", ["0", "", None])
def test_the_environment_disables_nothing(script, value):
    script.environment.pop("MEMOSTORE_DISABLE", None)
    script.environment |= {} if value is None else {"MEMOSTORE_DISABLE": value}
    out = script.write(COUNTS).run().stdout.splitlines()
    assert out == ["computing 1", "computing 2", "computing 1", "hit (1, 2) 1"]


def test_what_the_environment_can_not_mean_is_an_error_at_the_first_call(script):
    script.environment["MEMOSTORE_DISABLE"] = "maybe"
    out = script.write(COUNTS).run().stdout
    assert out == "InvalidArgument MEMOSTORE_DISABLE='maybe' in the environment must be 1 or 0\n"


def test_the_environment_is_read_once(monkeypatch):
    config.is_disabled.cache_clear()
    try:
        monkeypatch.setenv("MEMOSTORE_DISABLE", "yes")
        with pytest.raises(InvalidArgument, match="MEMOSTORE_DISABLE='yes'"):
            config.is_disabled()
        monkeypatch.setenv("MEMOSTORE_DISABLE", "0")
        assert config.is_disabled() is False
        monkeypatch.setenv("MEMOSTORE_DISABLE", "1")
        assert config.is_disabled() is False
    finally:
        config.is_disabled.cache_clear()
