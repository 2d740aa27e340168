"""Memoized coroutine functions: the same options and faces as of plain ones, on an event loop."""

from __future__ import annotations

import asyncio
import functools
import inspect
import random
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from memostore import MemostoreWarning, Store

pytestmark = pytest.mark.filterwarnings("error::memostore.MemostoreWarning")


@pytest.fixture
def doubled(store, runs):
    """A memoized coroutine function that takes its turn on the loop."""

    @store.memoize
    async def doubled(x):
        runs.append(x)
        await asyncio.sleep(0)
        return 2 * x

    return doubled


def test_a_result_is_awaited_and_stored(doubled, runs):
    async def main():
        return await doubled(3), await doubled(3), await doubled(x=3)

    assert asyncio.run(main()) == (6, 6, 6)
    assert runs == [3]
    assert doubled.cache_info()[:2] == (2, 1)


def test_it_outlives_the_loop_and_the_store(doubled, path, runs):
    asyncio.run(doubled(3))
    with Store(path) as again:
        found = again.find(function="*doubled", args={"x": 3})
    assert [entry.hit_count for entry in found] == [0]
    assert asyncio.run(doubled(3)) == 6
    assert runs == [3]


def test_only_the_call_and_refresh_are_awaited(doubled, runs):
    asyncio.run(doubled(3))
    assert (doubled.is_cached(3), doubled.is_cached(4), doubled.lookup(3), doubled.lookup(4, default=0)) == (
        True, False, 6, 0,
    )  # fmt: skip
    assert doubled.entry(3).arguments == {"x": 3}
    assert doubled.explain(3).is_hit
    assert asyncio.run(doubled.refresh(3)) == 6
    assert runs == [3, 3]
    assert doubled.invalidate(3) == 1
    assert not doubled.is_cached(3)


def test_python_and_frameworks_take_it_for_a_coroutine_function(doubled):
    assert asyncio.iscoroutinefunction(doubled)
    assert inspect.iscoroutinefunction(doubled.__call__)
    if hasattr(inspect, "markcoroutinefunction"):
        assert inspect.iscoroutinefunction(doubled)
    calling = doubled(1)
    assert inspect.iscoroutine(calling)
    calling.close()


def test_methods_partials_and_callable_objects(store):
    class Model:
        def __init__(self, factor):
            self.factor = factor

        @store.memoize
        async def times(self, x):
            return self.factor * x

        @store.memoize
        @staticmethod
        async def plus(x):
            return x + 1

        @classmethod
        @store.memoize
        async def name(cls, x):
            return f"{cls.__name__}{x}"

        async def __call__(self, x):
            return -self.factor * x

    async def plain(a, b):
        return a - b

    async def main():
        called = store.memoize(Model(4))
        partial = store.memoize(functools.partial(plain, 10))
        for _ in range(2):
            assert (await Model(2).times(5), await Model(3).times(5)) == (10, 15)
            assert (await Model.plus(1), await Model(1).name(7)) == (2, "Model7")
            assert (await called(5), await partial(3)) == (-20, 7)
        assert called.cache_info()[:2] == partial.cache_info()[:2] == (1, 1)
        assert Model(2).times.is_cached(5)

    asyncio.run(main())


def test_arguments_that_do_not_fit_are_the_functions_own_error(doubled):
    with pytest.raises(TypeError, match="doubled"):
        asyncio.run(doubled(1, 2, 3))


def test_an_error_is_raised_and_not_stored(store, runs):
    @store.memoize
    async def failing(x):
        runs.append(x)
        raise ValueError(x)

    async def main():
        for _ in range(2):
            with pytest.raises(ValueError, match="1"):
                await failing(1)

    asyncio.run(main())
    assert runs == [1, 1]


def test_a_switched_off_store_computes(store, doubled, runs):
    async def main():
        with store.disabled():
            await doubled(1)
            await doubled.refresh(1)
        with store.refreshing():
            await doubled(1)
        await doubled(1)

    asyncio.run(main())
    assert runs == [1, 1, 1]


def test_a_store_that_remembers_nothing_computes(runs):
    @Store(None).memoize
    async def f(x):
        runs.append(x)
        return x

    assert asyncio.run(f(1)) == asyncio.run(f(1)) == 1
    assert runs == [1, 1]


# Together


def test_tasks_that_miss_the_same_call_at_once_share_one_computation(store, runs):
    @store.memoize
    async def slow(x):
        runs.append(x)
        await asyncio.sleep(0.01)
        return x

    async def main():
        return await asyncio.gather(*(slow(x % 3) for x in range(60)))

    assert asyncio.run(main()) == [x % 3 for x in range(60)]
    assert sorted(runs) == [0, 1, 2]
    assert slow.cache_info()[:2] == (57, 3)


async def begun(store, runs):
    """Return a function that waits until it may go on, the event that lets it, and the task that has called it."""
    started, go_on = asyncio.Event(), asyncio.Event()

    @store.memoize(key=lambda x: x)
    async def slow(x):
        runs.append(x)
        started.set()
        await go_on.wait()
        return x

    holder = asyncio.create_task(slow(1))
    await started.wait()
    return slow, go_on, holder


def test_a_cancelled_waiter_does_not_cancel_the_one_who_computes(store, runs):
    async def main():
        slow, go_on, holder = await begun(store, runs)
        waiter, other = asyncio.create_task(slow(1)), asyncio.create_task(slow(1))
        await asyncio.sleep(0)
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
        go_on.set()
        assert await asyncio.gather(holder, other) == [1, 1]

    asyncio.run(main())
    assert runs == [1]


def test_when_the_one_who_computes_is_cancelled_a_waiter_takes_over(store, runs):
    async def main():
        slow, go_on, holder = await begun(store, runs)
        waiters = [asyncio.create_task(slow(1)) for _ in range(5)]
        await asyncio.sleep(0)
        holder.cancel()
        with pytest.raises(asyncio.CancelledError):
            await holder
        go_on.set()
        assert await asyncio.gather(*waiters) == [1] * 5

    asyncio.run(main())
    assert runs == [1, 1]


def test_a_cancelled_task_that_was_storing_leaves_the_result_stored(store, runs, monkeypatch):
    """The work of a thread goes on when the task that awaits it is cancelled, and wakes those who wait when it ends."""
    is_saving, may_save = threading.Event(), threading.Event()
    save = store._backend.save

    def slow_save(*args):
        is_saving.set()
        assert may_save.wait(10)
        return save(*args)

    monkeypatch.setattr(store._backend, "save", slow_save)

    @store.memoize
    async def f(x):
        runs.append(x)
        return x

    async def main():
        holder = asyncio.create_task(f(1))
        await asyncio.to_thread(is_saving.wait, 10)
        waiter = asyncio.create_task(f(1))
        await asyncio.sleep(0)
        holder.cancel()
        with pytest.raises(asyncio.CancelledError):
            await holder
        may_save.set()
        assert await waiter == 1

    asyncio.run(main())
    assert runs == [1]


def test_work_that_had_to_queue_for_a_thread_is_done_after_a_cancellation_too(store, runs):
    @store.memoize
    async def f(x):
        runs.append(x)
        return x

    async def main():
        loop, busy = asyncio.get_running_loop(), threading.Event()
        loop.set_default_executor(ThreadPoolExecutor(1))
        blocker = loop.run_in_executor(None, busy.wait, 20)
        holder = asyncio.create_task(f(1))
        await asyncio.sleep(0.01)
        holder.cancel()
        with pytest.raises(asyncio.CancelledError):
            await holder
        busy.set()
        await blocker
        await loop.run_in_executor(None, int)  # what was queued before has been done now
        return f.is_cached(1), await f(1)

    assert asyncio.run(main()) == (True, 1)
    assert runs == [1]


def test_a_task_waits_for_a_thread_and_a_thread_for_a_task(store, runs):
    entered, leave = threading.Event(), threading.Event()

    def body(x):
        runs.append(x)
        entered.set()
        assert leave.wait(10)
        return x

    @store.memoize(key=lambda x: x, name="shared.f", code="version")
    def in_thread(x):
        return body(x)

    @store.memoize(key=lambda x: x, name="shared.f", code="version")
    async def in_task(x):
        return await asyncio.to_thread(body, x)

    async def main():
        first = asyncio.create_task(asyncio.to_thread(in_thread, 1))
        await asyncio.to_thread(entered.wait, 10)
        second = asyncio.create_task(in_task(1))
        await asyncio.sleep(0.01)
        leave.set()
        assert await asyncio.gather(first, second) == [1, 1]
        entered.clear()
        leave.clear()
        first = asyncio.create_task(in_task(2))
        await asyncio.to_thread(entered.wait, 10)
        second = asyncio.create_task(asyncio.to_thread(in_thread, 2))
        await asyncio.sleep(0.01)
        leave.set()
        assert await asyncio.gather(first, second) == [2, 2]

    with pytest.warns(MemostoreWarning, match="two functions"):
        asyncio.run(main())
    assert runs == [1, 2]


def test_coroutines_that_call_each_other_with_the_same_arguments_come_to_an_end(store):
    @store.memoize
    async def even(x, depth):
        return x if depth == 0 else await odd(x, depth - 1)

    @store.memoize
    async def odd(x, depth):
        return x if depth == 0 else await even(x, depth - 1)

    async def main():
        return await asyncio.wait_for(asyncio.gather(*(f(x, 5) for f in (even, odd) for x in range(4))), 20)

    assert asyncio.run(main()) == [0, 1, 2, 3] * 2


def test_a_coroutine_that_calls_itself_through_a_gather_comes_to_an_end(store, runs):
    calls = iter(range(100))

    @store.memoize(key=lambda: "one")
    async def f():
        runs.append("f")
        if next(calls) < 1:
            return sum(await asyncio.gather(f(), f()))
        return 1

    assert asyncio.run(asyncio.wait_for(f(), 20)) == 2
    assert len(runs) in (2, 3)  # the second of the gather may find what the first has stored


# The loop


def test_the_loop_goes_on_while_a_large_result_is_written_and_read(store, monkeypatch):
    """Storing and reading of what lies in pieces is done by threads."""
    on_loop = []
    for name in ("save", "fetch_pieces"):
        real = getattr(store._backend, name)

        def noted(*args, real=real, name=name):
            on_loop.append((name, threading.current_thread() is threading.main_thread()))
            return real(*args)

        monkeypatch.setattr(store._backend, name, noted)

    @store.memoize
    async def large(x):
        return random.Random(x).randbytes(300_000)  # does not shrink

    async def main():
        return await large(1), await large(1)

    assert asyncio.run(main()) == (random.Random(1).randbytes(300_000),) * 2
    assert on_loop == [("save", False), ("fetch_pieces", False)]


def test_a_small_hit_is_read_without_leaving_the_loop(store, doubled, monkeypatch):
    asyncio.run(doubled(1))
    monkeypatch.setattr(asyncio, "to_thread", None)

    async def main():
        asyncio.get_running_loop().run_in_executor = None
        return await doubled(1)

    assert asyncio.run(main()) == 2


def test_a_wait_for_another_process_leaves_the_loop_free(path, script):
    script.write("""
        import sys, time
        from memostore import Store
        store = Store("memo.db")
        @store.memoize(key=lambda x: x, name="shared.f", code="version")
        def f(x):
            print("computing", flush=True)
            sys.stdin.readline()
            return x
        f(1)
    """)
    with Store(path) as store:
        ticks = []

        @store.memoize(key=lambda x: x, name="shared.f", code="version")
        async def f(x):
            raise AssertionError("the other process is computing")

        async def main(process):
            waiting = asyncio.create_task(f(1))
            for _ in range(5):
                await asyncio.sleep(0.01)
                ticks.append(waiting.done())
            process.stdin.write("\n")
            process.stdin.flush()
            return await waiting

        process = start_with_input(script)
        assert process.stdout.readline() == "computing\n"
        assert asyncio.run(main(process)) == 1
        assert ticks == [False] * 5
        assert process.wait(20) == 0
        process.stdout.close()
        process.stdin.close()


def start_with_input(script):
    return subprocess.Popen(
        [sys.executable, str(script.path)], cwd=script.directory, env=script.environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip


def test_without_an_event_loop_of_asyncio_everything_is_done_at_once(store, runs):
    """Other libraries drive coroutines themselves; nothing of asyncio is needed for that."""

    @store.memoize
    async def plain(x):
        runs.append(x)
        return x

    for _ in range(2):
        coroutine = plain(5)
        with pytest.raises(StopIteration) as ended:
            coroutine.send(None)
        assert ended.value.value == 5
    assert runs == [5]


# Faults


def test_a_closed_store_computes_and_warns(store, doubled, runs):
    store.close()
    with pytest.warns(MemostoreWarning, match="closed"):
        assert asyncio.run(doubled(1)) == 2
    assert runs == [1]


def test_a_result_that_can_not_be_stored_does_not_queue_those_who_wait(store, runs):
    """One computes alone; when it turns out that there is nothing to share, all others compute at once."""
    running, peak = type(runs)(), type(runs)()

    @store.memoize(key=lambda x: x)
    async def unstorable(x):
        runs.append(x)
        running.append(x)
        peak.append(len(running))
        await asyncio.sleep(0.02)
        running.pop()
        return threading.Lock()

    async def main():
        await asyncio.gather(*(unstorable(1) for _ in range(8)))

    with pytest.warns(MemostoreWarning, match="not stored"):
        asyncio.run(main())
    assert len(runs) == 8
    assert (peak[0], max(peak)) == (1, 7)
