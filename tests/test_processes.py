"""Several processes and threads on one file: what one computed the others find, whoever is killed, forked or first."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import sys
import threading
import time
from contextlib import closing

import pytest

from memostore import Store

pytestmark = pytest.mark.filterwarnings("error::memostore.MemostoreWarning")

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")

JOB = """
    import os, sys
    from memostore import Store
    store = Store("memo.db")

    @store.memoize
    def work(x):
        with open("runs.txt", "a") as log: log.write(f"{x}\\n")
        return {"x": x, "square": x * x}

    print([work(int(x))["square"] for x in sys.argv[1:]])
"""


def integrity(path):
    """What SQLite says of the file, and whether the totals that triggers keep are true."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        (verdict,) = connection.execute("PRAGMA integrity_check").fetchone()
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        totals = connection.execute(
            "SELECT coalesce(sum(entries), 0), coalesce(sum(bytes), 0) FROM function"
        ).fetchone()
        assert totals == connection.execute("SELECT count(*), coalesce(sum(size), 0) FROM entry").fetchone()
    connection.close()
    return verdict


# One process after another


def test_a_script_run_twice_computes_once(script):
    script.write(JOB)
    assert script.run(3, 4).stdout == script.run(4, 3).stdout.replace("16, 9", "9, 16") == "[9, 16]\n"
    assert (script.directory / "runs.txt").read_text() == "3\n4\n"


def test_the_sqlite3_shell_query_of_the_second_run(script, path):
    script.write(JOB)
    script.run(3), script.run(3)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        ((function, hits, size),) = connection.execute("select function, hit_count, size from entries").fetchall()
    assert (function, hits) == ("job.work", 1)
    assert size > 0


def test_a_script_killed_after_its_work_has_stored_it(script, path):
    script.write(JOB + "    os.kill(os.getpid(), 9)\n")
    with script.start(3, 4) as killed:
        assert killed.communicate()[0] == "[9, 16]\n"
    assert killed.returncode == -signal.SIGKILL
    script.write(JOB)
    assert script.run(3, 4).stdout == "[9, 16]\n"
    assert (script.directory / "runs.txt").read_text() == "3\n4\n"
    assert integrity(path) == "ok"


def test_a_script_killed_in_the_middle_keeps_what_it_had_finished(script, path):
    script.write(
        JOB.replace("return {", "if x == 5: os.kill(os.getpid(), 9)\n        return {").replace(
            "os.kill", "sys.argv[-1] == '5' and os.kill"
        )
    )
    with script.start(3, 4, 5) as killed:
        killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    assert script.run(3, 4).stdout == "[9, 16]\n"
    assert (script.directory / "runs.txt").read_text() == "3\n4\n5\n"
    assert integrity(path) == "ok"


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.05, 0.2])
def test_killed_at_any_moment_of_writing_the_store_is_whole(script, path, delay):
    script.write("""
        import os
        from memostore import Store
        store = Store("memo.db", max_entries=50)
        print("ready", flush=True)
        n = 0
        while True:
            store.put(n % 100, os.urandom(n * 7919 % 300_000), tags=["x"])
            store.get(n % 7)
            n += 1
    """)
    with script.start() as killed:
        assert killed.stdout.readline() == "ready\n"
        time.sleep(delay)
        killed.kill()
    assert integrity(path) == "ok"
    with Store(path, max_entries=50) as store:
        assert all(store.get(entry.arguments["name"]) is not None for entry in store.find())
        store.put("after", 1)
        assert store.get("after") == 1
        assert store.stats().entries <= 50


@pytest.mark.parametrize("delay", [0.1, 0.2, 0.3, 0.4])
def test_killed_at_any_moment_of_creating_the_next_one_opens_it(script, path, delay):
    script.write('from memostore import Store\nStore("memo.db").put("a", 1)')
    with script.start() as killed:
        time.sleep(delay)
        killed.kill()
    with Store(path) as store:
        store.put("b", 2)
        assert store.get("b") == 2
    assert integrity(path) == "ok"


# Several at once

OPENERS = """
    import sys, time
    from memostore import Store
    while time.time() < float(sys.argv[2]): pass
    with Store(sys.argv[1], on_error="raise") as store:
        @store.memoize
        def work(x): return x * x
        assert work(7) == 49
        store.put(sys.argv[3], "mine")
        assert store.get(sys.argv[3]) == "mine"
"""


def open_together(script, name, count=2):
    """Start processes that open a new file at the same moment; return what any of them complained of."""
    start = time.time() + 0.5
    running = [script.start(name, start, n) for n in range(count)]
    failed = [err for process in running if (err := process.communicate(timeout=60)[1]) or process.returncode]
    with Store(script.directory / name) as store:
        assert [store.get(str(n)) for n in range(count)] == ["mine"] * count
        assert store.stats().misses == 1 or store.stats().entries == count + 1
    return failed


@pytest.mark.parametrize("count", [2, 5])
def test_processes_started_together_on_a_new_file_all_succeed(script, count):
    script.write(OPENERS)
    for name in ("first.db", "second.db"):
        assert open_together(script, name, count) == []
        assert integrity(script.directory / name) == "ok"


FORKED_OPENER = """
    import os, sys, traceback
    from memostore import Store

    def open_and_use(name, mine, gate):
        os.read(gate, 1)
        with Store(name, on_error="raise") as store:
            f = store.memoize(name="m.f")(abs)
            assert f(-7) == 7
            store.put(mine, "mine")
            assert store.get(mine) == "mine"

    def start(name, mine, gate):
        child = os.fork()
        if child: return child
        try: open_and_use(name, mine, gate)
        except BaseException: traceback.print_exc(); os._exit(1)
        os._exit(0)

    for round in range(int(sys.argv[1])):
        gate, push = os.pipe()
        children = [start(f"{round}.db", mine, gate) for mine in ("a", "b")]
        os.write(push, b"go")
        codes = [os.waitpid(child, 0)[1] for child in children]
        assert codes == [0, 0], f"round {round}: {codes}"
        for suffix in ("", "-wal", "-shm"):
            if os.path.exists(f"{round}.db{suffix}"): os.unlink(f"{round}.db{suffix}")
        os.close(gate), os.close(push)
    print("all")
"""


@needs_fork
@pytest.mark.parametrize("rounds", [10, pytest.param(400, marks=pytest.mark.stress)])
def test_two_processes_at_once_on_a_new_file_succeed_every_time(script, rounds):
    done = script.write(FORKED_OPENER).run(rounds, timeout=600)
    assert (done.stdout, done.stderr) == ("all\n", "")


@pytest.mark.stress
def test_two_interpreters_started_together_succeed_400_times_of_400(script):
    script.write(OPENERS)
    failures = [failed for n in range(400) if (failed := open_together(script, f"{n}.db"))]
    assert failures == []


def test_writers_at_once_lose_nothing(script, path):
    script.write("""
        import sys
        from memostore import Store
        me = int(sys.argv[1])
        with Store("memo.db", on_error="raise", timeout=30) as store:
            f = store.memoize(name="m.f")(abs)
            for n in range(60):
                store.put((me, n), n)
                assert f(-n) == n
                assert store.get((me, n)) == n
    """)
    running = [script.start(me) for me in range(4)]
    assert [process.communicate(timeout=60)[1] for process in running] == [""] * 4
    with Store(path) as store:
        assert all(store.get((me, n)) == n for me in range(4) for n in range(60))
        stats = store.stats()
        assert stats.entries == 4 * 60 + 60
        (calls,) = (each for each in store.functions() if each.function == "m.f")
        assert calls.hits + calls.misses == 4 * 60
    assert integrity(path) == "ok"


def test_a_limit_holds_while_several_write(script, path):
    script.write("""
        import sys
        from memostore import Store
        with Store("memo.db", max_entries=10, on_error="raise", timeout=30) as store:
            for n in range(50):
                store.put((sys.argv[1], n), n)
                held = store.sql("SELECT count(*) AS n FROM entries")[0]["n"]
                assert held <= 10, held
    """)
    running = [script.start(me) for me in range(3)]
    assert [process.communicate(timeout=60)[1] for process in running] == [""] * 3
    assert integrity(path) == "ok"


def test_what_one_process_invalidates_is_gone_for_another(script, path):
    with Store(path) as store:
        store.put("a", 1), store.put("b", 2)
        assert store.get("a") == 1
        script.write('from memostore import Store\nprint(Store("memo.db").delete("a"))')
        assert script.run().stdout == "True\n"
        assert store.get("a") is None
        assert store.get("b") == 2


# Forks


def in_child(action):
    """Run an action in a forked child; return its exit code."""
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        try:
            action()
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@needs_fork
def test_a_forked_child_uses_the_open_store_of_its_parent(store, path):
    store.put("a", 1)

    def use():
        assert store.get("a") == 1
        store.put("child", 2)
        assert store.find(args={"name": "child"})

    assert in_child(use) == 0
    assert store.get("child") == 2
    store.put("parent", 3)
    assert in_child(lambda: store.get("parent") == 3 or os._exit(2)) == 0
    assert integrity(path) == "ok"


@needs_fork
def test_a_child_that_closes_the_store_leaves_its_parents_alone(store, path):
    store.put("a", 1)
    wal = path.with_name(path.name + "-wal")
    assert in_child(store.close) == 0
    assert wal.exists()
    store.put("b", 2)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        assert other.execute("SELECT count(*) FROM entry").fetchone() == (2,)
    assert (store.get("a"), store.get("b"), store.closed) == (1, 2, False)


@needs_fork
def test_a_child_does_not_close_what_its_parent_has_open(store, path):
    """SQLite forbids it. Seen from outside: the inherited descriptors of the file stay open in the child."""
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("no /proc here")
    store.put("a", 1)
    worker_done, may_end = threading.Event(), threading.Event()
    worker = threading.Thread(target=lambda: [store.get("a"), worker_done.set(), may_end.wait(10)])
    worker.start()
    worker_done.wait()
    before = descriptors_of(path)

    def look():
        import gc

        store.get("a")
        gc.collect()
        after = descriptors_of(path)
        assert before < after, f"{before} inherited, {after} with the child's own"

    try:
        assert len(before) >= 2
        assert in_child(look) == 0
    finally:
        may_end.set()
        worker.join()


def descriptors_of(path):
    links = ((fd, f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd"))
    return {fd for fd, link in links if os.path.lexists(link) and os.path.realpath(link) == str(path.resolve())}


@needs_fork
def test_forking_again_and_again_while_hits_are_counted_never_hangs(script):
    """A thread of ours inside SQLite at the moment of a fork would leave the child a lock that nobody opens."""
    done = script.write("""
        import os, signal
        import memostore.counters
        memostore.counters.FLUSH_INTERVAL = 0.0
        from memostore import Store
        store = Store("memo.db")
        f = store.memoize(lambda x: x)
        f(1)
        for n in range(300):
            f(1), f(1)
            child = os.fork()
            if child == 0:
                signal.alarm(5)
                f(1), f(2)
                os._exit(0)
            signal.alarm(8)
            assert os.waitpid(child, 0)[1] == 0, n
        print("all")
    """).run(timeout=60, options=("-W", "ignore::DeprecationWarning"))  # from 3.12 on: that there are threads
    assert (done.stdout, done.stderr) == ("all\n", "")


@needs_fork
def test_a_fork_soon_after_a_hit_warns_of_nothing(script):
    """From 3.12 on, Python warns where a process with threads forks; a program without threads must stay one."""
    done = script.write("""
        import os
        from memostore import Store
        store = Store("memo.db")
        f = store.memoize(lambda x: x)
        for n in range(5):
            f(1), f(1), f(n)
            child = os.fork()
            if child == 0: os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        print(store.stats().hits)
    """).run(options=("-W", "error"))
    assert (done.stdout, done.stderr) == ("10\n", "")


@needs_fork
def test_a_store_in_memory_is_copied_by_a_fork():
    with Store(":memory:") as store:
        store.put("a", 1)
        assert in_child(lambda: store.get("a") == 1 or os._exit(2)) == 0
        assert in_child(lambda: store.put("b", 1)) == 0
        assert (store.get("a"), store.get("b")) == (1, None)


def square(x):
    return x * x


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_a_pool_of_processes_shares_one_file(script, path, method):
    script.write(f"""
        import multiprocessing, os
        from memostore import Store
        store = Store("memo.db")

        @store.memoize
        def square(x):
            with open("runs.txt", "a") as log: log.write(f"{{x}}\\n")
            return x * x

        if __name__ == "__main__":
            square(0)
            with multiprocessing.get_context({method!r}).Pool(2) as pool:
                assert pool.map(square, range(10)) == [x * x for x in range(10)]
                assert pool.map(square, range(10)) == [x * x for x in range(10)]
            print(store.stats().entries, store.find()[0].function)
    """)
    assert script.run().stdout == "10 job.square\n"
    computed = (script.directory / "runs.txt").read_text().split()
    assert set(computed) == {str(x) for x in range(10)}
    assert computed.count("0") == 1
    assert integrity(path) == "ok"


# Threads


def in_threads(count, action):
    """Run an action in threads that start together; return what they raised."""
    errors, gate = [], threading.Barrier(count)

    def run(n):
        try:
            gate.wait()
            action(n)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


@pytest.mark.parametrize("where", ["file", "memory"])
def test_threads_share_one_store(path, where):
    with Store(path if where == "file" else ":memory:", on_error="raise", timeout=30) as store:
        f = store.memoize(square)

        def use(me):
            for n in range(40):
                store.put((me, n), n)
                assert store.get((me, n)) == n
                assert f(n) == n * n
                if n % 10 == me:
                    assert store.delete((me, n))
                    assert len(store.find(function=f)) <= 40

        assert in_threads(6, use) == []
        assert store.stats().entries == 6 * 40 - sum(1 for me in range(6) for n in range(40) if n % 10 == me) + 40


def test_threads_that_end_leave_no_files_open(store, path):
    """SQLite keeps a closed file's descriptor while the process holds locks on it, and takes it for the next."""
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("no /proc here")
    store.put("a", 1)
    for _ in range(20):
        assert in_threads(3, lambda n: store.get("a")) == []
    assert len(descriptors_of(path)) <= 6
    store.close()
    assert descriptors_of(path) == set()


def test_closing_while_threads_work_breaks_no_call(path):
    store = Store(path)
    f = store.memoize(square)
    started = threading.Event()

    def use(me):
        while not store.closed:
            assert [f(n) for n in range(20)] == [n * n for n in range(20)]
            started.set()
        assert f(7) == 49

    def close(_):
        started.wait(5)
        store.close()

    with pytest.warns(UserWarning, match="goes on without its store"):
        # The last thread is new, and sure to have no connection of its own any more.
        assert in_threads(4, lambda n: close(n) if n == 0 else use(n)) + in_threads(1, lambda _: f(8)) == []
    assert integrity(path) == "ok"


def test_a_first_call_from_many_threads_at_once_opens_the_default_store_once(script):
    done = script.write("""
        import threading
        import memostore
        gate = threading.Barrier(8)
        @memostore.memoize
        def f(x): return x
        def call(n):
            gate.wait()
            assert f(n % 2) == n % 2
            stores.add(memostore.default_store())
        stores = set()
        threads = [threading.Thread(target=call, args=(n,)) for n in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(len(stores), memostore.default_store().stats().entries)
    """).run()
    assert (done.stdout, done.stderr) == ("1 2\n", "")


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_an_interrupt_during_a_call_stores_nothing_and_leaves_the_store_usable(store):
    @store.memoize
    def interrupted(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted(1)
    assert store.find() == []
    store.put("a", 1)
    assert store.get("a") == 1
