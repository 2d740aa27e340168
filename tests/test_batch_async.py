"""memoize_batch of coroutine functions: the same steps, awaited."""

from __future__ import annotations

import asyncio
import inspect
import sys

import numpy as np
import pytest

from memostore import InvalidArgument, MemostoreWarning, Store


@pytest.fixture
def embed(store, runs):
    @store.memoize_batch(over="texts", batch_size=2, name="project.embed")
    async def embed(texts, *, model="small"):
        runs.append(texts)
        await asyncio.sleep(0)
        return np.array([[len(text), 0.5] for text in texts])

    return embed


def test_an_awaited_batch_computes_what_is_missing(embed, runs):
    async def main():
        one = await embed(["a", "ab", "abc", "a"])
        return one, await embed(["abcd", "abc"]), await embed(["a"])

    one, other, third = asyncio.run(main())
    assert (one[:, 0].tolist(), other[:, 0].tolist(), third.tolist()) == ([1, 2, 3, 1], [4, 3], [[1, 0.5]])
    assert runs == [["a", "ab"], ["abc"], ["abcd"]]
    assert embed.cache_info()[:2] == (2, 4)


def test_a_call_is_a_coroutine_and_its_faces_answer_at_once(embed):
    calling = embed(["a"])
    assert inspect.iscoroutine(calling)
    asyncio.run(calling)
    assert (embed.is_cached(["a"]), embed.missing(["a", "b"]), len(embed.keys(["a"]))) == (True, ["b"], 1)
    assert asyncio.run(embed.refresh(["a", "b"])).shape == (2, 2)
    assert embed.invalidate(["a", "b"]) == 2
    assert inspect.iscoroutinefunction(embed) == (sys.version_info >= (3, 12))
    if sys.version_info < (3, 14):  # deprecated there
        assert asyncio.iscoroutinefunction(embed)


def test_the_batch_is_what_it_was_when_the_call_began(embed, runs):
    async def main():
        texts = ["a", "ab", "abc"]
        task = asyncio.create_task(embed(texts))
        await asyncio.sleep(0)
        texts[:] = ["?"] * 3
        return await task

    assert asyncio.run(main())[:, 0].tolist() == [1, 2, 3]
    assert embed.missing(["a", "ab", "abc"]) == []


def test_tasks_run_side_by_side(store, runs):
    all_run = asyncio.Barrier(10)

    @store.memoize_batch(over="xs")
    async def f(xs):
        runs.append(xs)
        await all_run.wait()
        return [x * 10 for x in xs]

    async def main():
        async with asyncio.timeout(60):
            return await asyncio.gather(*(f(list(range(n, n + 5))) for n in range(10)))

    assert asyncio.run(main()) == [[x * 10 for x in range(n, n + 5)] for n in range(10)]
    assert asyncio.run(f(list(range(14)))) == [x * 10 for x in range(14)]
    assert len(runs) == 10


def test_errors_of_the_function_and_of_what_it_returns_are_raised(store):
    @store.memoize_batch(over="xs", batch_size=1)
    async def f(xs):
        return [1 // x for x in xs] if xs != [7] else None

    with pytest.raises(ZeroDivisionError):
        asyncio.run(f([1, 0]))
    assert f.missing([1, 0]) == [0]
    with pytest.raises(InvalidArgument, match="it returned None"):
        asyncio.run(f([7, 8]))
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        asyncio.run(f(ys=[1]))
    with pytest.raises(InvalidArgument, match="must be a list"):
        asyncio.run(f("text"))


def test_a_cancelled_call_keeps_what_was_computed(store, runs):
    @store.memoize_batch(over="xs", batch_size=1)
    async def f(xs):
        runs.append(xs)
        await asyncio.sleep(3600 if xs == [2] else 0)
        return xs

    async def main():
        task = asyncio.create_task(f([1, 2, 3]))
        while [2] not in runs:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert f.missing([1, 2, 3]) == [2, 3]


def test_an_empty_batch_is_awaited(embed, runs):
    assert asyncio.run(embed([])).shape == (0,)
    assert runs == [[]]


def test_switches_and_a_closed_store(store, embed, runs):
    asyncio.run(embed(["a"]))

    async def disabled():
        with store.disabled():
            return await embed(["a"])

    async def refreshing():
        with store.refreshing():
            return await embed(["a"])

    asyncio.run(disabled()), asyncio.run(refreshing())
    assert runs == [["a"]] * 3
    store.close()
    with pytest.warns(MemostoreWarning, match="has been closed"):
        asyncio.run(embed(["a"]))
    assert runs == [["a"]] * 4


def test_a_store_of_none_awaits_the_function():
    @Store(None).memoize_batch(over="xs")
    async def f(xs):
        return sum(xs)

    assert asyncio.run(f(iter([1, 2]))) == 3


def test_methods_are_awaited_too(store):
    class Model:
        def __init__(self, factor):
            self.factor = factor

        @store.memoize_batch(over="xs")
        async def predict(self, xs):
            return [x * self.factor for x in xs]

    assert asyncio.run(Model(3).predict([1, 2])) == [3, 6]
    assert Model(3).predict.missing([2, 4]) == [4]
    assert Model(2).predict.missing([2]) == [2]


def test_an_asynchronous_generator_function_is_refused(store):
    async def stream(xs):
        yield xs

    with pytest.raises(InvalidArgument, match="generator function"):
        store.memoize_batch(over="xs")(stream)
