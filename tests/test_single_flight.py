"""One computation at a time for a call: among threads, stores and processes, whatever becomes of who computes."""

from __future__ import annotations

import contextvars
import gc
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import memostore.flight as flight
from memostore import InvalidArgument, MemostoreWarning, Store
from memostore.landing import Landing

pytestmark = pytest.mark.filterwarnings("error::memostore.MemostoreWarning")

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="between processes only Linux has these locks")


class Gate:
    """A function's body that waits until it is let go; many calls of it may be inside."""

    def __init__(self) -> None:
        self.entered, self.leave = threading.Event(), threading.Event()

    def __memo_key__(self):
        return "gate"

    def pass_through(self):
        self.entered.set()
        assert self.leave.wait(20)


@pytest.fixture
def gate():
    return Gate()


def together(function, *calls):
    """Run calls in threads of their own; return the futures."""
    pool = ThreadPoolExecutor(len(calls))
    return [pool.submit(function, *args) for args in calls]


def test_threads_that_miss_the_same_call_share_one_computation(store, runs, gate):
    @store.memoize
    def slow(x):
        runs.append(x)
        gate.pass_through()
        return [x]

    waiting = together(slow, *[(1,)] * 8)
    assert gate.entered.wait(20)
    gate.leave.set()
    results = [future.result(20) for future in waiting]
    assert results == [[1]] * 8
    assert len({id(result) for result in results}) == 8  # each has a copy of his own
    assert runs == [1]
    assert slow.cache_info()[:2] == (7, 1)


def test_other_calls_do_not_wait(store, runs, gate):
    @store.memoize
    def slow(x):
        runs.append(x)
        if x == 1:
            gate.pass_through()
        return x

    (first,) = together(slow, (1,))
    assert gate.entered.wait(20)
    assert slow(2) == 2
    gate.leave.set()
    assert first.result(20) == 1


@LINUX
def test_two_stores_on_one_file_share_one_computation(path, runs, gate):
    def slow(x):
        runs.append(x)
        gate.pass_through()
        return x

    with Store(path) as one, Store(path) as other:
        (first,) = together(one.memoize(slow), (1,))
        assert gate.entered.wait(20)
        (second,) = together(other.memoize(slow), (1,))
        gate.leave.set()
        assert (first.result(20), second.result(20)) == (1, 1)
    assert runs == [1]


def test_an_error_frees_those_who_wait_to_compute_at_once(store, runs, gate):
    barrier = threading.Barrier(4)

    @store.memoize(key=lambda x: x)
    def failing(x):
        runs.append(x)
        if len(runs) == 1:
            gate.pass_through()
        else:
            barrier.wait(20)  # which only all of them together pass
        raise ValueError(x)

    waiting = together(failing, *[(1,)] * 5)
    assert gate.entered.wait(20)
    wait_for_watchers(store, 4)
    gate.leave.set()
    assert [type(future.exception(20)) for future in waiting] == [ValueError] * 5
    assert len(runs) == 5


def wait_for_watchers(store, number):
    """Wait until so many callers wait for the flights of a store."""
    for _ in range(2000):
        if sum(len(flight._watchers) for flight in list(store.flights._flying.values())) >= number:
            return
        threading.Event().wait(0.01)
    raise AssertionError("nobody waits")


def test_a_result_that_may_not_be_stored_frees_those_who_wait(store, runs, gate):
    @store.memoize(cache_if=lambda result: False)
    def refused(x):
        runs.append(x)
        gate.pass_through()
        return x

    waiting = together(refused, *[(1,)] * 3)
    assert gate.entered.wait(20)
    wait_for_watchers(store, 2)
    gate.leave.set()
    assert [future.result(20) for future in waiting] == [1, 1, 1]
    assert len(runs) == 3


def test_an_interrupt_lets_one_of_those_who_wait_take_over(store, runs, gate):
    @store.memoize
    def slow(x):
        runs.append(x)
        if len(runs) == 1:
            gate.pass_through()
            raise KeyboardInterrupt
        return x

    (first,) = together(slow, (1,))
    assert gate.entered.wait(20)
    others = together(slow, (1,), (1,))
    wait_for_watchers(store, 2)
    gate.leave.set()
    assert [future.result(20) for future in others] == [1, 1]
    assert isinstance(first.exception(20), KeyboardInterrupt)
    assert len(runs) == 2


def test_refresh_and_a_refreshing_store_wait_for_nobody(store, runs, gate):
    @store.memoize
    def slow(x):
        runs.append(x)
        if len(runs) == 1:
            gate.pass_through()
        return len(runs)

    (first,) = together(slow, (1,))
    assert gate.entered.wait(20)
    slow.refresh(1)
    with store.refreshing():
        slow(1)
    gate.leave.set()
    first.result(20)
    assert len(runs) == 3


# Without end


def test_a_function_that_calls_itself_with_the_same_arguments_comes_to_an_end(store, runs):
    @store.memoize(key=lambda x: x)
    def f(x):
        runs.append(x)
        return f(x) + 1 if len(runs) < 3 else 0

    assert f(1) == 2
    assert runs == [1, 1, 1]


def test_threads_whose_functions_call_each_others_calls_come_to_an_end(store):
    """Each holds what the other waits for: whoever comes second computes for himself."""
    both = threading.Barrier(2)

    @store.memoize(key=lambda x, depth: x)
    def f(x, depth):
        if depth == 0:
            return 0
        both.wait(20)
        return g(x, 0) + 1

    @store.memoize(key=lambda x, depth: x)
    def g(x, depth):
        if depth == 0:
            return 0
        both.wait(20)
        return f(x, 0) + 1

    one, other = together(lambda function: function(1, 1), (f,), (g,))
    assert {one.result(20), other.result(20)} <= {1, 2}


def test_recursion_that_is_too_deep_leaves_nobody_waiting(store):
    @store.memoize
    def deep(n):
        return 0 if n == 0 else deep(n - 1) + 1

    with pytest.raises(RecursionError):
        deep(10_000)
    (later,) = together(deep, (9_900,))
    with pytest.raises(RecursionError):
        later.result(20)
    assert store.flights._flying == {}
    assert deep(50) == 50


def test_a_flight_whose_steps_are_forgotten_lands(store):
    flight, is_own = store.flights.board(b"k" * 32)
    landing = Landing(store, b"k" * 32, flight)
    assert is_own
    del landing
    gc.collect()
    assert flight.has_landed
    assert store.flights.board(b"k" * 32)[1]


@pytest.mark.parametrize("single_flight", [False, 0, "50ms"])
def test_nobody_waits_longer_than_single_flight_says(store, runs, gate, single_flight):
    @store.memoize(single_flight=single_flight)
    def slow(x):
        runs.append(x)
        if len(runs) == 1:
            gate.pass_through()
        return x

    (first,) = together(slow, (1,))
    assert gate.entered.wait(20)
    assert slow(1) == 1
    gate.leave.set()
    assert first.result(20) == 1
    assert runs == [1, 1]


@pytest.mark.parametrize("value", [-1, "soon", None, [1]])
def test_what_single_flight_takes(store, value):
    with pytest.raises(InvalidArgument, match="single_flight="):
        store.memoize(single_flight=value)


# Processes

HOLDER = """
    import sys
    from memostore import Store
    store = Store("memo.db")

    @store.memoize(key=lambda x: x, name="shared.f", code="version")
    def f(x):
        print("computing", flush=True)
        sys.stdin.readline()
        return ["theirs", x]

    print(f(1), flush=True)
"""


@pytest.fixture
def holder(script):
    """A process that computes `f(1)` until it is sent a line."""
    script.write(HOLDER)
    process = subprocess.Popen(
        [sys.executable, str(script.path)], cwd=script.directory, env=script.environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout.readline() == "computing\n"
    yield process
    process.kill()
    process.wait(20)
    process.stdin.close()
    process.stdout.close()


def own_f(store, runs, **options):
    @store.memoize(key=lambda x: x, name="shared.f", code="version", **options)
    def f(x):
        runs.append(x)
        return ["ours", x]

    return f


@LINUX
def test_a_process_waits_for_another_and_reads_its_result(path, holder, runs):
    with Store(path) as store:
        (mine,) = together(own_f(store, runs), (1,))
        wait_until_claimed(store)
        holder.stdin.write("\n")
        holder.stdin.flush()
        assert mine.result(20) == ["theirs", 1]
    assert runs == []


def wait_until_claimed(store):
    """Wait until a caller has boarded, who then asks for the claim."""
    for _ in range(2000):
        if store.flights._flying:
            return
        threading.Event().wait(0.01)
    raise AssertionError("nobody is there")


@LINUX
def test_a_process_that_is_killed_frees_its_call(path, holder, runs):
    with Store(path) as store:
        (mine,) = together(own_f(store, runs), (1,))
        wait_until_claimed(store)
        holder.send_signal(signal.SIGKILL)
        assert mine.result(20) == ["ours", 1]
    assert runs == [1]


@LINUX
def test_a_process_that_hangs_is_waited_for_no_longer_than_single_flight_says(path, holder, runs):
    with Store(path) as store:
        holder.send_signal(signal.SIGSTOP)
        assert own_f(store, runs, single_flight="50ms")(1) == ["ours", 1]
        holder.send_signal(signal.SIGCONT)


@LINUX
def test_processes_that_start_at_once_compute_each_call_once(path, script, empty_store):
    script.write("""
        import os, sys, threading
        from memostore import Store
        store = Store("memo.db")

        @store.memoize
        def f(x):
            with open(f"ran-{x}", "a") as file:
                file.write("x")
            return x

        sys.stdin.readline()
        threads = [threading.Thread(target=lambda: [f(x) for x in range(20)]) for _ in range(4)]
        [thread.start() for thread in threads], [thread.join() for thread in threads]
    """)
    processes = [
        subprocess.Popen([sys.executable, str(script.path)], cwd=script.directory, env=script.environment, text=True,
                         stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(4)
    ]  # fmt: skip
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    assert [process.communicate(timeout=60)[1] for process in processes] == [""] * 4
    assert {file.name: file.read_text() for file in path.parent.glob("ran-*")} == {f"ran-{x}": "x" for x in range(20)}


@LINUX
def test_a_forked_child_waits_for_what_its_parent_computes(path, runs):
    """The child has a copy of the parent's locks, which are no claims of its own."""
    with Store(path) as store:
        reading, writing = os.pipe()

        @store.memoize(key=lambda x: x)
        def f(x):
            runs.append(x)
            child = os.fork()
            if child == 0:
                with Store(path) as own:
                    os.write(writing, b"free" if own.claim(f._planned().caller.call((1,), {}).key) else b"taken")
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
            return x

        assert f(1) == 1
        assert os.read(reading, 10) == b"taken"
        os.close(reading)
        os.close(writing)


def test_a_child_that_is_forked_in_mid_computation_computes_for_itself(path):
    with Store(path) as store:

        @store.memoize(key=lambda x: x)
        def f(x):
            child = os.fork()
            if child == 0:
                store.flights.board(b"k" * 32)  # nothing that the parent holds is waited for here
                os._exit(0 if store.flights._flying.keys() == {b"k" * 32} else 1)
            assert os.waitpid(child, 0)[1] == 0
            return x

        assert f(1) == 1


def test_a_store_whose_lock_file_can_not_be_made_computes(path, runs, monkeypatch):
    os.mkdir(f"{path}-lock")
    with Store(path) as store:
        assert own_f(store, runs)(1) == own_f(store, runs)(1) == ["ours", 1]
    assert runs == [1]


@LINUX
def test_the_lock_file_is_its_owners_and_empty(path, runs):
    with Store(path) as store:
        own_f(store, runs)(1)
    lock = path.with_name(path.name + "-lock")
    assert (lock.stat().st_mode & 0o777, lock.read_bytes()) == (0o600, b"")


def test_a_store_that_can_not_be_read_makes_nobody_wait(path, runs):
    with Store(path, timeout=0.1) as store:
        f = own_f(store, runs)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.warns(MemostoreWarning, match="without its store"):
            assert f(1) == ["ours", 1]
        other.close()
    assert runs == [1]


def test_what_outlives_a_computation_no_longer_runs_on_its_behalf(store):
    seen = []

    @store.memoize(key=lambda x: x)
    def f(x):
        seen.append(contextvars.copy_context())
        return flight.is_aboard()

    assert f(1) is True
    assert seen[0].run(flight.is_aboard) is False
    assert flight.is_aboard() is False
