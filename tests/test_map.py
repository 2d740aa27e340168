"""`f.map`: many calls in their order, the hits read here and the rest run by whoever is asked to."""

from __future__ import annotations

import asyncio
import itertools
import linecache
import os
import signal
import subprocess
import sys
import threading
import time
import types
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memostore import InvalidArgument, Store, UnkeyableArgument


class Here(Executor):
    """An executor of a kind that nobody knows: it runs each job when it is submitted."""

    def submit(self, job, /, *args, **kwargs):
        future = Future()
        try:
            future.set_result(job(*args, **kwargs))
        except Exception as error:  # as executors do
            future.set_exception(error)
        return future


class Unused(Executor):
    """Is not asked for anything."""

    def submit(self, job, /, *args, **kwargs):
        raise AssertionError("a hit is not run")


class FakeClient:
    """What a Dask client has, without a cluster."""

    def __init__(self):
        self.pure = set()

    def submit(self, job, pure=True):
        self.pure.add(pure)
        return Here().submit(job)

    def gather(self, futures):
        raise AssertionError("each future is asked by itself")


EXECUTORS = {"None": None, "threads": "threads", "one thread": ThreadPoolExecutor(1), "another kind": Here()}
each_executor = pytest.mark.parametrize("executor", EXECUTORS.values(), ids=EXECUTORS)


def squaring(store, runs, **options):
    @store.memoize(**options)
    def square(x):
        runs.append(x)
        return x * x

    return square


@each_executor
def test_the_results_stand_in_the_order_of_the_items(store, runs, executor):
    assert squaring(store, runs).map(range(30), executor=executor) == [x * x for x in range(30)]
    assert sorted(runs) == list(range(30))


def test_several_iterables_give_one_argument_each_and_the_shortest_ends_it(store):
    power = store.memoize(lambda base, exponent=2: base**exponent)
    assert power.map([2, 3, 4], itertools.count()) == [1, 3, 16]
    assert power.map([]) == []


@each_executor
def test_what_is_stored_is_a_hit_and_not_run(store, runs, executor):
    square = squaring(store, runs)
    square(2)
    assert square.map([1, 2, 3], executor=executor) == [1, 4, 9]
    assert sorted(runs) == [1, 2, 3]
    assert square.cache_info()[:2] == (1, 3)
    assert (store.stats().hits, store.stats().misses) == (1, 3)


@each_executor
def test_items_of_one_key_are_computed_once(store, runs, executor):
    square = squaring(store, runs)
    assert square.map([3, 5, 3, 3, 5], executor=executor) == [9, 25, 9, 9, 25]
    assert sorted(runs) == [3, 5]
    assert square.cache_info()[:2] == (3, 2)


@each_executor
def test_items_of_one_key_are_computed_once_even_if_nothing_is_stored(store, runs, executor):
    assert squaring(store, runs, cache_if=lambda _: False).map([3, 5, 3, 3], executor=executor) == [9, 25, 9, 9]
    assert sorted(runs) == [3, 5]


@each_executor
def test_each_item_has_a_result_of_its_own(store, executor):
    box = store.memoize(lambda x: [x])
    first, again, other = box.map([1, 1, 2], executor=executor)
    first.append("changed")
    assert (again, other) == ([1], [2])


def test_an_item_that_comes_again_while_it_is_computed_waits_for_that(store, runs):
    both_taken = threading.Event()

    def items():
        yield 1
        yield 1
        both_taken.set()

    @store.memoize(ignore=["event"])
    def slow(x, event):
        runs.append(x)
        assert event.wait(10)
        return [x]

    assert slow.map(items(), itertools.repeat(both_taken), executor="threads") == [[1], [1]]
    assert runs == [1]


# Errors


class Failed(Exception):
    pass


def failing(store, runs):
    @store.memoize
    def half(x):
        runs.append(x)
        if x % 2:
            raise Failed(x)
        return x // 2

    return half


@each_executor
def test_the_first_error_in_the_order_of_the_items_is_raised_and_what_is_done_stays(store, runs, executor):
    half = failing(store, runs)
    with pytest.raises(Failed) as caught:
        half.map([2, 4, 3, 5], executor=executor)
    assert caught.value.args == (3,)
    assert half.is_cached(2)
    assert half.is_cached(4)


def test_an_error_of_an_earlier_item_that_comes_later_is_the_one_that_is_raised(store):
    second_has_failed = threading.Event()

    @store.memoize(ignore=["event"])
    def fail(x, event):
        if x == 1:
            assert event.wait(10)
            time.sleep(0.05)  # so that the other error is seen first: if not, the test passes all the same
        event.set()
        raise Failed(x)

    with pytest.raises(Failed) as caught:
        fail.map([1, 2], itertools.repeat(second_has_failed), executor=ThreadPoolExecutor(2))
    assert caught.value.args == (1,)


@pytest.mark.parametrize("executor", [None, "threads"])
def test_after_an_error_nothing_more_is_started(store, runs, executor):
    half = failing(store, runs)
    with pytest.raises(Failed):
        half.map(itertools.chain([1], itertools.count(step=2)), executor=executor)
    assert len(runs) < 1000


def test_what_waits_behind_an_error_is_cancelled_and_what_is_before_it_is_waited_for(store, runs):
    class Late(Here):
        """When all four jobs have come, it runs the second, then the first, and no other."""

        def submit(self, job, /):
            submitted.append((Future(), job))
            if len(submitted) == 4:
                threading.Thread(target=self.run_two).start()
            return submitted[-1][0]

        def run_two(self):
            for future, job in submitted[1::-1]:
                time.sleep(0.02)  # so that the map comes to wait for the first
                done = super().submit(job)
                future.set_exception(done.exception()) if done.exception() else future.set_result(done.result())

    submitted = []
    with pytest.raises(Failed):
        failing(store, runs).map([0, 1, 2, 4], executor=Late())
    assert sorted(runs) == [0, 1]
    assert all(future.cancelled() for future, _ in submitted[2:])


@each_executor
def test_errors_can_be_collected(store, runs, executor):
    half = failing(store, runs)
    results = half.map([2, 3, 4, 3], executor=executor, errors="collect")
    assert [repr(result) for result in results] == ["1", "Failed(3)", "2", "Failed(3)"]
    assert sorted(runs) == [2, 3, 4]


@each_executor
def test_an_argument_that_can_t_be_keyed_is_an_error_of_its_item(store, executor):
    first = store.memoize(lambda items: items[0])
    results = first.map([[1], [iter(())], [3]], executor=executor, errors="collect")
    assert (results[0], type(results[1]), results[2]) == (1, UnkeyableArgument, 3)


@each_executor
def test_arguments_that_do_not_fit_raise_what_the_function_raises(store, executor):
    def area(width, height):
        return width * height

    with pytest.raises(TypeError, match=r"area\(\) missing 1 required positional argument: 'height'"):
        store.memoize(area).map([1], executor=executor)


@each_executor
def test_what_the_iterable_raises_comes_through(store, runs, executor):
    def items():
        yield 1
        raise Failed

    with pytest.raises(Failed):
        squaring(store, runs).map(items(), executor=executor, errors="collect")


def test_system_exit_is_not_collected(store):
    def leave(code):
        raise SystemExit(code)

    for executor in (None, "threads"):
        with pytest.raises(SystemExit):
            store.memoize(leave).map([3], executor=executor, errors="collect")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"errors": "ignore"}, "errors='ignore' is unknown: choose one of 'raise', 'collect'"),
        ({"executor": "thread"}, "executor='thread' must be None"),
        ({"executor": 4}, '"threads", "processes", an executor of concurrent.futures, or a Dask Client'),
        ({"progress": 1}, "progress=1 must be True or False"),
    ],
)
def test_what_can_t_be_used_is_refused_before_anything_runs(store, runs, wrong, message):
    with pytest.raises(InvalidArgument) as caught:
        squaring(store, runs).map([1], **wrong)
    assert message in str(caught.value)
    assert runs == []


def test_what_is_not_iterable_is_refused(store, runs):
    with pytest.raises(InvalidArgument, match="3, which is not iterable"):
        squaring(store, runs).map([1], 3)


# Executors


def test_no_more_calls_are_under_way_than_the_workers_need(store):
    drawn, done, ahead = [], [], []

    def items():
        for number in range(200):
            drawn.append(number)
            yield number

    @store.memoize(ignore=["look"])
    def call(x, look):
        return look(x)

    def look(x):
        ahead.append(len(drawn) - len(done))
        done.append(x)

    with ThreadPoolExecutor(2) as pool:
        call.map(items(), itertools.repeat(look), executor=pool)
    assert len(done) == 200
    assert max(ahead) <= 4 * 2 + 1


def test_the_threads_of_a_map_end_with_it(store, runs):
    names = []
    store.memoize(lambda x: names.append(threading.current_thread().name)).map([1, 2], executor="threads")
    assert names
    assert all(name.startswith("memostore-map") for name in names)
    assert not {thread.name for thread in threading.enumerate()} & set(names)


def test_no_thread_is_started_where_all_is_stored(store, runs, monkeypatch):
    square = squaring(store, runs)
    square.map([1, 2])
    monkeypatch.setattr("concurrent.futures.ThreadPoolExecutor", None)
    assert square.map([2, 1], executor="threads") == [4, 1]


def test_an_executor_that_is_given_stays_open(store, runs):
    with ThreadPoolExecutor(1) as pool:
        squaring(store, runs).map([1], executor=pool)
        assert pool.submit(abs, -1).result() == 1


def test_an_executor_that_is_shut_down_raises_its_own_error(store, runs):
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    for errors in ("raise", "collect"):
        with pytest.raises(RuntimeError, match="shutdown"):
            squaring(store, runs).map([1], executor=pool, errors=errors)


def test_what_has_submit_and_gather_is_taken_for_a_dask_client(store):
    client = FakeClient()
    assert process_of.map([1, 2], executor=client) == [(1, os.getpid()), (2, os.getpid())]
    assert client.pure == {False}


@Store(":memory:").memoize
def process_of(x):
    return x, os.getpid()


def test_an_asynchronous_dask_client_is_refused(store, runs):
    client = FakeClient()
    client.asynchronous = True
    with pytest.raises(InvalidArgument, match="asynchronous=False"):
        squaring(store, runs).map([1], executor=client)


@pytest.mark.parametrize("executor", [None, "threads", Here()], ids=["None", "threads", "another kind"])
def test_switches_hold_for_the_calls_of_a_map(store, runs, executor):
    square = squaring(store, runs)
    square.map([1, 2])
    with store.disabled():
        assert square.map([1, 1], executor=executor) == [1, 1]
    assert runs == [1, 2, 1, 1]
    with store.refreshing():
        assert square.map([2, 2], executor=executor) == [4, 4]
    assert runs == [1, 2, 1, 1, 2]
    assert square.cache_info()[:2] == (1, 3)


def test_threads_see_the_context_variables_of_who_asks(store):
    with Store(":memory:") as other:
        inner = other.memoize(lambda x: [x])
        outer = store.memoize(lambda x: inner(x))
        with other.disabled():
            outer.map([1, 2], executor="threads")
        assert other.find() == []


def test_a_store_of_none_computes_every_item(runs):
    assert squaring(Store(None), runs).map([2, 2], executor="threads") == [4, 4]
    assert runs == [2, 2]


class Model:
    offset = 10
    store = Store(":memory:")

    def __init__(self, weight):
        self.weight = weight

    @store.memoize
    def predict(self, x, bias=0):
        return self.weight * x + bias

    @store.memoize
    @classmethod
    def shifted(cls, x):
        return cls.offset + x

    @store.memoize
    @staticmethod
    def doubled(x):
        return 2 * x


@pytest.mark.parametrize("executor", [None, "threads"])
def test_methods_have_it_too(executor):
    assert Model(3).predict.map([1, 2], executor=executor) == [3, 6]
    assert Model(3).predict.map([1, 2], [5, 5], executor=executor) == [8, 11]
    assert Model(4).predict.map([1], executor=executor) == [4]
    assert Model(3).predict.map([1, 2], executor=Unused()) == [3, 6]
    assert Model.predict.map([Model(5)], [2], executor=executor) == [10]
    assert (Model.shifted.map([1], executor=executor), Model.doubled.map([4], executor=executor)) == ([11], [8])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 9)), st.sets(st.integers(0, 9)), st.sampled_from([None, "threads"]))
def test_a_map_is_a_list_of_calls_that_computes_what_is_not_stored_once(items, stored, executor):
    with Store(":memory:") as store:
        runs = []
        square = store.memoize(ignore=["note"])(lambda x, note: (note(x), [x * x])[1])
        square.map(stored, itertools.repeat(runs.append))
        runs.clear()
        assert square.map(items, itertools.repeat(runs.append), executor=executor) == [[x * x] for x in items]
        assert sorted(runs) == sorted(set(items) - stored)
        hits, misses = square.cache_info()[:2]
        assert (hits, misses - len(stored)) == (len(items) - len(runs), len(runs))


# Other processes

JOB = """
    import io, multiprocessing, os, sys, time
    from concurrent.futures import ProcessPoolExecutor
    from memostore import Store

    class Odd(Exception):
        def __init__(self, first, second):
            super().__init__(f"{first}, {second}")

    class Unsent:
        def __memo_key__(self):
            return "unsent"

        def __reduce__(self):
            raise TypeError("stays here")

    FACTOR = 1
    store = Store(PATH)

    @store.memoize
    def work(x):
        if x == 13:
            raise ValueError(x)
        if x == 14:
            raise Odd("one", "two")
        if x == 15:
            os._exit(1)
        return FACTOR * x, os.getpid()

    @store.memoize
    def now(x):
        return time.perf_counter_ns()

    @store.memoize(track="files")
    def opened(path):
        with open(path) as file:
            return file.read().split()[0]

    @store.memoize
    def make(kind):
        return lambda x: kind(x)

    class Model:
        @store.memoize
        def predict(self, x):
            return x, os.getpid()

        @store.memoize
        @classmethod
        def name(cls, x):
            return cls.__name__, x

    if __name__ == "__main__":
        me = os.getpid()
"""


@pytest.fixture
def job(script):
    """Run lines of a script's main part, with functions that other processes can import, and return what it printed."""

    def run(lines, path="'memo.db'", **environment):
        script.environment.update(environment)
        text = JOB.replace("PATH", path) + "".join(f"        {line}\n" for line in lines.strip().splitlines())
        return script.write(text).run().stdout.splitlines()

    return run


def test_processes_compute_and_store_and_send_back(job):
    lines = """
results = work.map([1, 2, 3, 1], executor="processes")
print([x for x, _ in results], me in {pid for _, pid in results})
print(work.cache_info()[:2], store.stats().misses, len(store.find()))
print(work.map([1, 2, 3], executor="processes") == results[:3], work.cache_info()[0])
"""
    assert job(lines) == ["[1, 2, 3, 1] False", "(1, 0) 3 3", "True 4"]


def test_a_script_s_own_functions_can_be_called_by_processes_that_are_spawned(job):
    lines = """
with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
    print([x for x, _ in work.map([1, 2], executor=pool)], len(store.find()))
"""
    assert job(lines) == ["[1, 2] 2"]


def test_errors_of_other_processes_arrive_also_those_that_can_t_be_unpickled(job):
    lines = """
print([repr(e) for e in work.map([13, 14], executor="processes", errors="collect")])
try:
    work.map([1, 13, 2], executor="processes")
except ValueError as error:
    print(error, "job.py" in str(error.__cause__))
"""
    assert job(lines) == ["['ValueError(13)', \"RuntimeError('Odd: one, two')\"]", "13 True"]


def test_arguments_and_results_that_only_cloudpickle_takes_travel_too(job):
    lines = """
made = make.map([lambda x: 2 * x, lambda x: 3 * x], executor="processes")
print([f(5) for f in made], len(store.find()))
"""
    assert job(lines) == ["[10, 15] 2"]


def test_an_argument_that_can_t_be_sent_is_an_error_of_its_item(job):
    lines = """
results = make.map([int, Unsent(), str], executor="processes", errors="collect")
print(results[0](5), repr(results[1]), results[2](5))
"""
    assert job(lines) == ["5 TypeError('stays here') 5"]


def test_of_a_store_in_memory_others_compute_and_this_process_stores(job):
    lines = """
results = work.map([1, 2, 1, 13], executor="processes", errors="collect")
print([x for x, _ in results[:3]], me in {pid for _, pid in results[:3]}, results[3])
print(work.cache_info()[:2], len(store.find()), work(2) == results[1])
print(store.find(args={"x": 2})[0].compute_seconds > 0, store.stats().misses)
Model().predict.map([1, 2, 3], executor="processes")
print(len(store.find(function=Model.predict)))
"""
    assert job(lines, "':memory:'") == ["[1, 2, 1] False 13", "(1, 2) 2 True", "True 2", "3"]


def test_what_another_process_computed_is_not_stored_where_the_files_that_it_opened_should_count(job):
    lines = """
import warnings
warnings.simplefilter("ignore")
print(opened.map(["job.py"], executor="processes"), opened.is_cached("job.py"), opened("job.py"))
"""
    assert job(lines, "':memory:'") == ["['import'] False import"]


def test_what_another_process_computed_by_other_code_is_returned_and_not_stored(job):
    lines = """
import warnings
warnings.simplefilter("ignore")
with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
    pool.submit(abs, 1).result()
    FACTOR = 2
    print(work.map([1], executor=pool)[0][0], work.is_cached(1), work(1)[0])
"""
    assert job(lines, "':memory:'") == ["1 False 2"]


def test_switches_hold_in_other_processes(job):
    lines = """
with ProcessPoolExecutor(1) as pool:  # its process is made outside of the blocks
    before = now.map([1], executor=pool)
    with store.refreshing():
        after = now.map([1], executor=pool)
    with store.disabled():
        off = now.map([1], executor=pool)
print(before < after < off, now(1) == after[0])
"""
    assert job(lines) == ["True True"]


def test_methods_are_called_by_other_processes(job):
    lines = """
print([x for x, _ in Model().predict.map([1, 2], executor="processes")], Model.name.map([1], executor="processes"))
print(me in {pid for _, pid in Model().predict.map([1, 2])})
"""
    assert job(lines) == ["[1, 2] [('Model', 1)]", "False"]


def test_a_function_that_no_process_could_import_is_refused_with_the_remedy(store, runs):
    square = squaring(store, runs)
    for executor in ("processes", ProcessPoolExecutor(1), FakeClient()):
        with pytest.raises(InvalidArgument) as caught:
            square.map([1], executor=executor, errors="collect")
        assert "Define it at the top of a module" in str(caught.value)
        assert 'executor="threads"' in str(caught.value)


def test_a_worker_that_dies_ends_the_map_and_what_is_done_stays(job):
    lines = """
from concurrent.futures.process import BrokenProcessPool
try:
    work.map([1, 15, 2], executor="processes", errors="collect")
except BrokenProcessPool:
    print("broken")
"""
    assert job(lines) == ["broken"]


INTERRUPTED = """
    import os, sys, time
    from pathlib import Path
    from memostore import Store

    store = Store("memo.db")

    @store.memoize
    def wait(x):
        Path(f"{os.getpid()}.started").touch()
        time.sleep(60)

    if __name__ == "__main__":
        try:
            wait.map(range(int(sys.argv[1])), executor="processes")
        except KeyboardInterrupt:
            print("interrupted", flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="signals can't be held back here")
def test_processes_ignore_interrupts_and_hold_none_back(script):
    script.write("""
        import signal
        from memostore import Store

        store = Store("memo.db")

        def held_back():
            return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())

        @store.memoize
        def found(x):
            return signal.getsignal(signal.SIGINT) == signal.SIG_IGN, held_back()

        if __name__ == "__main__":
            print(found.map(range(2), executor="processes"), held_back())
    """)
    assert script.run().stdout == "[(True, False), (True, False)] False\n"


@pytest.mark.parametrize("calls", [1, 10])  # of two processes one has nothing to do, or all are busy
def test_an_interrupt_ends_the_processes_at_once_without_a_word(script, calls):
    script.write(INTERRUPTED)
    with subprocess.Popen(
        [sys.executable, script.path, str(calls)], cwd=script.directory, env=script.environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    ) as process:  # fmt: skip
        started = []
        deadline = time.monotonic() + 30
        while not started and time.monotonic() < deadline:
            time.sleep(0.02)
            started = list(script.directory.glob("*.started"))
        os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does
        out, err = process.communicate(timeout=30)  # a call takes 60 seconds
    assert (out, err) == ("interrupted\n", "")
    while any(is_running(int(path.stem)) for path in started):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_dask_cluster_computes_and_stores(job):
    pytest.importorskip("distributed", reason="distributed is not installed")
    lines = """
from distributed import Client, LocalCluster
with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
    results = work.map([*range(10), 3], executor=client)
    print([x for x, _ in results], me in {pid for _, pid in results}, len(store.find()))
    try:
        work.map([1, 13, 2], executor=client)
    except ValueError as error:
        print(repr(error))
"""
    numbers = [*range(10), 3]
    assert job(lines) == [f"{numbers} False 10", "ValueError(13)"]


# Progress


def test_where_standard_error_is_no_terminal_progress_is_one_line(store, runs, capsys):
    half = failing(store, runs)
    half.map([2, 4])
    half.map([2, 4, 6, 3, 6], progress=True, errors="collect")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("half: 5 calls: 3 hits, 1 computed, 1 error, in ")
    assert err.count("\n") == 1


def test_without_progress_nothing_is_written(store, runs, capsys):
    squaring(store, runs).map([1, 2], executor="threads")
    assert capsys.readouterr() == ("", "")


BAR = """
    from memostore import Store
    store = Store(":memory:")

    @store.memoize
    def half(x):
        print("computing", x)
        return x / 2

    half(2)
    half.map((x for x in [2, 4, 6]), progress=True)
"""


def test_on_a_terminal_progress_is_a_bar_and_what_is_printed_goes_where_it_went(script):
    if not hasattr(os, "openpty"):
        pytest.skip("there are no terminals here")
    terminal, end = os.openpty()
    script.environment.update(TERM="xterm", COLUMNS="120")
    script.write(BAR)
    done = subprocess.run(
        [sys.executable, script.path], cwd=script.directory, env=script.environment, stdout=subprocess.PIPE,
        stderr=end, text=True, check=True,
    )  # fmt: skip
    os.close(end)
    shown = os.read(terminal, 1 << 16).decode()
    os.close(terminal)
    assert done.stdout == "computing 2\ncomputing 4\ncomputing 6\n"
    assert "3/3" in shown
    assert "1 hit, 2 computed, 0 errors" in shown


# What else is stored


@each_executor
def test_a_stored_error_is_an_error_of_its_item_and_a_hit(store, runs, executor):
    @store.memoize(cache_errors=Failed)
    def half(x):
        runs.append(x)
        if x % 2:
            raise Failed(x)
        return x // 2

    half.map([2, 3], errors="collect")
    assert [repr(r) for r in half.map([2, 3], executor=executor, errors="collect")] == ["1", "Failed(3)"]
    with pytest.raises(Failed):
        half.map([2, 3], executor=executor)
    assert runs == [2, 3]
    assert (half.cache_info()[:2], store.stats().hits) == ((4, 2), 4)


@pytest.mark.parametrize("executor", [None, "threads"])
def test_a_result_that_is_due_is_returned_and_computed_anew_behind_it(store, clock, runs, executor):
    @store.memoize(ttl=60, stale_for=600)
    def count(x):
        runs.append(x)
        return len(runs)

    assert count.map([1]) == [1]
    clock.advance(100)
    first, second = count.map([1, 1], executor=executor)
    assert (first, second in (1, 2), store.stats().hits) == (1, True, 2)
    deadline = time.monotonic() + 10
    while count.lookup(1) != 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (count(1), runs) == (2, [1, 1])


def test_results_of_older_code_that_stand_for_the_present_one_are_hits(store, runs):
    def body(x):
        return [x]

    store.memoize(name="prep.old")(body).map([1, 2])
    new = store.memoize(name="prep.new", formerly=["prep.old"])(body)
    assert new.map([1, 2], executor=Unused()) == [[1], [2]]
    assert new.map([1, 2, 3], executor="threads") == [[1], [2], [3]]
    assert new.cache_info()[:2] == (4, 1)


def test_hits_of_code_without_the_newest_parameter_end_its_line(store):
    def edition(text):
        place = types.ModuleType("place")
        linecache.cache[text] = (len(text), None, [text], text)
        exec(compile(text, text, "exec"), vars(place))
        return store.memoize(new_defaults=True)(place.f)

    edition("def f(x): return x * 2").map([3])
    assert edition("def f(x, scale=2): return x * scale").map([3], executor=Unused()) == [6]
    assert edition("def f(x, scale=2): return x * scale + 1").map([3]) == [7]


def test_a_generator_function_has_no_map(store):
    @store.memoize
    def letters(text):
        yield from text

    with pytest.raises(InvalidArgument, match=r"a generator function: write \[f\(x\) for x in items\]"):
        letters.map(["ab"])


# Coroutine functions


def awaited(store, runs, **options):
    @store.memoize(**options)
    async def square(x):
        runs.append(x)
        await asyncio.sleep(0)
        if x == 13:
            raise Failed(x)
        return [x * x]

    return square


def test_a_coroutine_function_s_map_is_awaited(store, runs):
    square = awaited(store, runs)

    async def main():
        await square(5)
        assert await square.map([3, 5, 3]) == [[9], [25], [9]]
        assert (runs, square.cache_info()[:2]) == ([5, 3], (2, 2))
        results = await square.map(range(100), errors="collect")
        assert [repr(result) for result in results] == [f"[{x * x}]" if x != 13 else "Failed(13)" for x in range(100)]
        assert sorted(runs) == list(range(100))

    asyncio.run(main())


def test_coroutines_run_at_once_but_no_more_than_32(store):
    running, most, all_are_there = set(), [], asyncio.Event()

    @store.memoize(code="body")
    async def call(x):
        running.add(x)
        if len(running) == 32:
            all_are_there.set()
        await asyncio.wait_for(all_are_there.wait(), 10)
        most.append(len(running))
        running.discard(x)

    asyncio.run(call.map(range(100)))
    assert max(most) == 32


def test_the_first_error_of_a_coroutine_is_raised_and_the_later_ones_are_cancelled(store, runs):
    cancelled = []

    @store.memoize
    async def call(x):
        try:
            await asyncio.sleep(0 if x == 13 else 0.02 if x == 12 else 60)
        except asyncio.CancelledError:
            cancelled.append(x)
            raise
        if x == 13:
            raise Failed(x)
        return x

    async def main():
        with pytest.raises(Failed):
            await call.map([12, 13, 14])
        await asyncio.sleep(0.01)
        assert cancelled == [14]

    asyncio.run(main())
    assert call.is_cached(12)


def test_a_map_of_coroutines_that_is_cancelled_cancels_them(store, runs):
    started, cancelled = [], []

    @store.memoize
    async def call(x):
        started.append(x)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(x)
            raise

    async def main():
        task = asyncio.ensure_future(call.map([1, 2]))
        while len(started) < 2:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.01)

    asyncio.run(main())
    assert cancelled == [1, 2]


def test_a_large_result_is_read_beside_the_loop_and_counts_as_a_hit(store, capsys):
    @store.memoize
    async def noise(x):
        return os.urandom(x)

    asyncio.run(noise.map([1_000_000, 3]))
    capsys.readouterr()
    assert [len(item) for item in asyncio.run(noise.map([1_000_000, 3, 1_000_000], progress=True))] == [10**6, 3, 10**6]
    assert capsys.readouterr().err.startswith("noise: 3 calls: 3 hits, 0 computed, 0 errors")
    assert noise.cache_info()[:2] == (3, 2)


def test_a_coroutine_function_takes_no_executor(store, runs):
    with pytest.raises(InvalidArgument, match="runs on its event loop; leave it None"):
        awaited(store, runs).map([1], executor="threads")


def test_a_method_that_is_a_coroutine_function_has_it_too(store):
    class Model:
        @store.memoize
        async def predict(self, x):
            return 2 * x

    assert asyncio.run(Model().predict.map([1, 2])) == [2, 4]
