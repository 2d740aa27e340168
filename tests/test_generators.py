"""Memoized generators: recorded while they are consumed, stored at their end, replayed as lazily."""

from __future__ import annotations

import asyncio
import functools
import gc
import itertools
import random
import sqlite3
import threading
import tracemalloc
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memostore import File, InvalidArgument, MemostoreWarning, Store, StoreUnavailable, Unloadable
from memostore.codec import PIECE

pytestmark = pytest.mark.filterwarnings("error::memostore.MemostoreWarning")

LONG = PIECE // 1000 + 10  # items of 1000 bytes that are more than one piece


def noise(n):
    return random.Random(n).randbytes(1000)


@pytest.fixture
def counted(store, runs):
    """A memoized generator that notes what it computes."""

    @store.memoize
    def counted(n):
        for number in range(n):
            runs.append(number)
            yield number
        return f"{n} in all"

    return counted


def test_items_are_computed_once(counted, runs):
    assert list(counted(3)) == list(counted(3)) == list(counted(n=3)) == [0, 1, 2]
    assert runs == [0, 1, 2]
    assert counted.cache_info()[:2] == (2, 1)


def test_what_it_returns_is_replayed_too(counted):
    def outer():
        returned = yield from counted(2)
        yield returned

    assert list(outer()) == list(outer()) == [0, 1, "2 in all"]


def test_an_empty_stream_is_stored(counted):
    assert list(counted(0)) == list(counted(0)) == []
    assert counted.is_cached(0)


def test_nothing_is_computed_or_read_before_it_is_asked_for(counted, runs):
    generator = counted(3)
    assert (runs, counted.cache_info()[:2]) == ([], (0, 0))
    assert next(generator) == 0
    assert runs == [0]


def test_items_come_one_by_one_on_a_replay_too(counted):
    list(counted(3))
    generator = counted(3)
    assert [next(generator), next(generator)] == [0, 1]
    assert list(generator) == [2]


def test_a_consumer_that_stops_early_stores_nothing(counted, runs):
    generator = counted(3)
    next(generator)
    generator.close()
    assert list(itertools.islice(counted(3), 2)) == [0, 1]
    assert not counted.is_cached(3)
    assert list(counted(3)) == [0, 1, 2]
    assert runs == [0, 0, 1, 0, 1, 2]
    assert counted.is_cached(3)


def test_an_error_in_mid_stream_stores_nothing(store, runs):
    @store.memoize
    def failing(n):
        yield n
        runs.append(n)
        raise ValueError("in the middle")

    for _ in range(2):
        generator = failing(1)
        assert next(generator) == 1
        with pytest.raises(ValueError, match="in the middle"):
            next(generator)
        assert list(generator) == []
    assert runs == [1, 1]


def test_its_clean_up_runs_when_the_consumer_stops(store, runs):
    @store.memoize
    def careful(n):
        try:
            yield n
            yield n
        finally:
            runs.append("cleaned up")

    generator = careful(1)
    next(generator)
    generator.close()
    assert runs == ["cleaned up"]
    next(careful(1))
    gc.collect()
    assert runs == ["cleaned up"] * 2


def test_two_consumers_at_once_each_get_all(counted, runs):
    assert list(zip(counted(3), counted(3), strict=True)) == [(0, 0), (1, 1), (2, 2)]
    assert list(counted(3)) == [0, 1, 2]
    assert len(runs) == 6


def test_the_faces(counted, store, runs):
    list(counted(3))
    assert counted.entry(3).codec == "stream:pickle"
    assert counted.explain(3).is_hit
    assert list(counted.lookup(3)) == [0, 1, 2]
    assert counted.lookup(4) is None
    assert list(counted.refresh(3)) == [0, 1, 2]
    assert len(runs) == 6
    with store.disabled():
        assert list(counted(3)) == [0, 1, 2]
    assert len(runs) == 9
    with store.refreshing():
        assert list(counted(3)) == [0, 1, 2]
    assert len(runs) == 12
    assert counted.invalidate(3) == 1
    assert not counted.is_cached(3)


def test_arguments_are_checked_at_the_call_as_python_does(counted):
    with pytest.raises(TypeError, match="counted"):
        counted(1, 2, 3)


def test_methods_and_partials(store):
    class Reader:
        def __init__(self, rows):
            self.rows = rows

        @store.memoize
        def read(self, suffix):
            for row in self.rows:
                yield row + suffix

        @classmethod
        @store.memoize
        def names(cls):
            yield cls.__name__

        def __call__(self, n):
            yield from self.rows[:n]

    def plain(a, b):
        yield a + b

    called, partial = store.memoize(Reader(["a", "b"])), store.memoize(functools.partial(plain, 1))
    for _ in range(2):
        assert list(Reader(["a", "b"]).read("!")) == ["a!", "b!"]
        assert list(Reader(["c"]).read("!")) == ["c!"]
        assert list(Reader.names()) == ["Reader"]
        assert (list(called(1)), list(partial(2))) == (["a"], [3])
    assert called.cache_info()[:2] == partial.cache_info()[:2] == (1, 1)


# Sending and throwing


def replying(n):
    total = 0
    for number in range(n):
        sent = yield number
        total += sent or 0
    yield f"total {total}"


@pytest.mark.parametrize("stored", [False, True], ids=["computed", "stored"])
@pytest.mark.parametrize("plain_items", [1, 2])
def test_what_is_sent_reaches_the_function(store, stored, plain_items):
    f = store.memoize(replying)
    if stored:
        list(f(3))
    generator, expected = f(3), replying(3)
    for _ in range(plain_items):
        assert next(generator) == next(expected)
    assert generator.send(5) == expected.send(5)
    assert list(generator) == list(expected)
    assert list(f(3)) == [0, 1, 2, "total 0"]


@pytest.mark.parametrize("stored", [False, True], ids=["computed", "stored"])
def test_what_is_thrown_in_reaches_the_function(store, stored):
    @store.memoize
    def patient(n):
        for number in range(n):
            try:
                yield number
            except KeyError as error:
                yield f"caught {error}"

    if stored:
        assert list(patient(2)) == [0, 1]
    generator = patient(2)
    next(generator)
    assert generator.throw(KeyError("k")) == "caught 'k'"
    assert list(generator) == [1]
    assert patient.is_cached(2) is stored
    generator = patient(2)
    next(generator)
    with pytest.raises(RuntimeError, match="mine"):
        generator.throw(RuntimeError("mine"))


# What the key stands for


def test_arguments_that_the_consumer_changes_meanwhile_make_no_entry(store, runs):
    @store.memoize
    def items_of(values):
        for value in values:
            runs.append(value)
            yield value

    values = [1, 2]
    generator = items_of(values)
    next(generator)
    values.append(3)
    with pytest.warns(MemostoreWarning, match="arguments were changed"):
        assert list(generator) == [2, 3]
    assert list(items_of([1, 2])) == [1, 2]
    assert list(items_of([1, 2, 3])) == [1, 2, 3]


def test_arguments_that_change_between_the_call_and_the_first_item_give_no_stale_items(store):
    @store.memoize
    def items_of(values):
        yield from values

    values = [1]
    generator = items_of(values)
    values.append(2)
    with pytest.warns(MemostoreWarning, match="arguments were changed"):
        assert list(generator) == [1, 2]
    assert list(items_of([1])) == [1]
    generator = items_of([1])
    assert list(items_of(values)) == [1, 2]


def test_an_entry_of_a_plain_function_is_no_stream_and_the_other_way_round(store, runs):
    @store.memoize(name="shared.f", code="version")
    def plain(n):
        return [n]

    @store.memoize(name="shared.f", code="version")
    def generator(n):
        runs.append(n)
        yield n

    assert plain(1) == [1]
    with pytest.warns(MemostoreWarning, match="two functions"):
        assert list(generator(1)) == [1]
    assert plain(1) == [1]
    assert list(generator(1)) == [1]
    assert runs == [1, 1]


# Long streams


def long_stream(store, runs):
    @store.memoize
    def long(n):
        runs.append("run")
        for number in range(n):
            yield noise(number)

    return long


def rows(path, text):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(text).fetchall()


def pieces(path):
    return rows(path, "SELECT (SELECT count(*) FROM recording), (SELECT count(*) FROM piece)")[0]


def test_a_long_stream_is_written_in_pieces_while_it_is_consumed(store, path, runs):
    long = long_stream(store, runs)
    generator = long(LONG)
    for _ in range(LONG - 5):
        next(generator)
    assert pieces(path) == (1, 1)
    assert rows(path, "SELECT entry_id FROM recording") == [(None,)]
    assert len(list(generator)) == 5
    assert long.entry(LONG).codec == "stream:recording"
    assert pieces(path) == (1, 2)
    expected = [noise(number) for number in range(LONG)]
    assert list(long(LONG)) == expected == list(long.lookup(LONG))
    assert runs == ["run"]


def test_an_item_may_be_larger_than_a_piece(store):
    @store.memoize
    def large(n):
        yield bytes(10)
        yield random.Random(n).randbytes(2 * PIECE + 5)
        yield bytes(20)

    assert list(large(1)) == list(large(1)) == [bytes(10), random.Random(1).randbytes(2 * PIECE + 5), bytes(20)]


def test_pieces_go_with_their_entry(store, path, runs):
    long = long_stream(store, runs)
    list(long(LONG))
    list(long.refresh(LONG))
    assert pieces(path) == (1, 2)
    long.cache_clear()
    assert pieces(path) == (0, 0)


def test_the_size_counts_all_pieces(store, path, runs):
    long = long_stream(store, runs)
    list(long(LONG))
    ((stored,),) = rows(path, "SELECT sum(length(data)) FROM piece")
    assert 0 <= long.entry(LONG).size - stored < 100
    assert stored > 1000 * LONG


def test_a_recording_that_was_given_up_goes_with_the_next_one_or_the_close(store, path, runs):
    long = long_stream(store, runs)
    next(itertools.islice(long(LONG), LONG - 5, None))
    assert pieces(path) == (1, 1)
    generator = long(LONG + 1)
    next(itertools.islice(generator, LONG - 5, None))
    assert pieces(path) == (1, 1)
    generator.close()
    store.close()
    assert pieces(path) == (0, 0)


def test_a_recording_of_a_process_that_died_goes_after_a_day(path, script, clock, empty_store):
    script.write("""
        import os, random
        from memostore import Store
        from memostore.codec import PIECE
        store = Store("memo.db", clock=lambda: 1_775_044_800.0)
        @store.memoize
        def long(n):
            for number in range(n):
                yield random.Random(number).randbytes(1000)
        for number, _ in enumerate(long(10**9)):
            if number * 1000 > PIECE:
                os._exit(0)
    """).run()
    assert pieces(path) == (1, 1)
    with Store(path, clock=clock) as store:
        runs = []
        for expected in (2, 1):
            generator = long_stream(store, runs)(10**9)
            next(itertools.islice(generator, LONG, None))
            assert pieces(path)[0] == expected
            generator.close()
            clock.advance(2 * 86400)


def test_a_stream_larger_than_the_store_may_be_is_not_stored(path, runs):
    with Store(path, max_size=PIECE + 100_000) as store:
        long = long_stream(store, runs)
        generator = long(4 * LONG)
        with pytest.warns(MemostoreWarning, match="max_size"):
            next(itertools.islice(generator, 3 * LONG, None))
        assert pieces(path) == (1, 2)  # it has not gone on writing
        assert len(list(generator)) == LONG - 1
        assert not long.is_cached(4 * LONG)
    assert pieces(path) == (0, 0)


def test_neither_side_holds_more_than_a_few_pieces(store):
    @store.memoize
    def stream(megabytes):
        for number in range(megabytes):
            yield random.Random(number).randbytes(1 << 20)

    for computes in (True, False):
        assert stream.is_cached(64) is not computes
        gc.collect()
        tracemalloc.start()
        assert sum(map(len, stream(64))) == 64 << 20
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 8 * PIECE


# Faults


@pytest.mark.parametrize("harm", [
    "DELETE FROM piece WHERE position = 1",
    "UPDATE piece SET data = zeroblob(length(data)) WHERE position = 1",
    "UPDATE piece SET data = (SELECT data FROM piece WHERE position = 0) WHERE position = 1",
    "UPDATE piece SET data = CAST(substr(data, 1, 5000) || x'0102' || substr(data, 5003) AS BLOB) WHERE position = 1",
    "DELETE FROM entry",
    "DELETE FROM recording",
])  # fmt: skip
def test_a_replay_that_can_not_go_on_computes_the_rest(store, path, runs, harm):
    long = long_stream(store, runs)
    n = 2 * PIECE // 1000 + 10
    expected = list(long(n))
    generator = long(n)
    seen = [next(generator)]
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(harm)
    assert seen + list(generator) == expected
    assert runs == ["run", "run"]
    assert list(long(n)) == expected
    assert runs == ["run", "run"]


def test_a_lookup_that_can_not_go_on_is_an_error_since_it_never_computes(store, path, runs):
    long = long_stream(store, runs)
    list(long(LONG))
    rest = long.lookup(LONG)
    next(rest)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM piece")
    with pytest.raises(Unloadable, match="piece"):
        list(rest)
    assert runs == ["run"]


def test_an_item_that_can_not_be_pickled_is_handed_on_and_nothing_stored(store):
    @store.memoize
    def locks(n):
        yield 1
        yield threading.Lock()
        yield 2

    with pytest.warns(MemostoreWarning, match="not stored"):
        first, lock, last = locks(1)
    assert (first, type(lock), last) == (1, type(threading.Lock()), 2)
    assert not locks.is_cached(1)


def test_a_store_that_fails_while_it_records_costs_nothing_but_the_entry(store, runs, monkeypatch):
    def fail(*_):
        raise StoreUnavailable("the disk is full")

    long = long_stream(store, runs)
    monkeypatch.setattr(store._backend, "record", fail)
    with pytest.warns(MemostoreWarning, match="disk is full"):
        assert len(list(long(LONG))) == LONG
    monkeypatch.undo()
    assert len(list(long(LONG))) == LONG
    assert long.is_cached(LONG)


# Options


def test_ttl_tags_and_explanations(store, clock, runs):
    @store.memoize(ttl="1h", tags=["t"])
    def f(n):
        runs.append(n)
        yield n

    list(f(1))
    assert store.find(tag="t")[0].expires.timestamp() == clock() + 3600
    clock.advance(3601)
    assert f.explain(1).reason == "expired"
    list(f(1))
    assert runs == [1, 1]


@pytest.mark.parametrize(
    "option",
    [{"cache_if": bool}, {"cache_errors": KeyError}, {"ttl": lambda result: 1}, {"single_flight": False}],
    ids=lambda option: next(iter(option)),
)
def test_options_that_need_a_result_are_refused(store, option):
    def f(n):
        yield n

    with pytest.raises(InvalidArgument, match=rf"{next(iter(option))}=.*generator"):
        store.memoize(**option)(f)


def test_a_file_that_changes_while_it_is_consumed_makes_no_entry(store, tmp_path):
    @store.memoize
    def lines(path: File):
        with open(path) as file:
            yield from file

    text = tmp_path / "text.txt"
    text.write_text("a\nb\n")
    generator = lines(str(text))
    next(generator)
    text.write_text("c\n")
    with pytest.warns(MemostoreWarning, match="changed"):
        list(generator)
    assert list(lines(str(text))) == ["c\n"]


# Asynchronous ones


def test_an_asynchronous_generator_is_recorded_and_replayed(store, runs):
    @store.memoize
    async def counted(n):
        for number in range(n):
            runs.append(number)
            await asyncio.sleep(0)
            yield number

    async def main():
        first = [item async for item in counted(3)]
        again = [item async for item in counted(3)]
        found = [item async for item in counted.lookup(3)]
        anew = [item async for item in counted.refresh(3)]
        return first, again, found, anew

    assert asyncio.run(main()) == ([0, 1, 2],) * 4
    assert runs == [0, 1, 2] * 2


def test_an_asynchronous_consumer_that_stops_early_stores_nothing(store, runs):
    @store.memoize
    async def counted(n):
        try:
            for number in range(n):
                yield number
        finally:
            runs.append("cleaned up")

    async def main():
        generator = counted(3)
        async for _ in generator:
            break
        await generator.aclose()

    asyncio.run(main())
    assert runs == ["cleaned up"]
    assert not counted.is_cached(3)


@pytest.mark.parametrize("stored", [False, True], ids=["computed", "stored"])
def test_what_is_sent_and_thrown_reaches_an_asynchronous_generator(store, stored):
    @store.memoize
    async def replying(n):
        for number in range(n):
            try:
                sent = yield number
                if sent:
                    yield f"got {sent}"
            except KeyError:
                yield "caught"

    async def main():
        if stored:
            assert [item async for item in replying(3)] == [0, 1, 2]
        generator = replying(3)
        assert await generator.__anext__() == 0
        assert await generator.asend("x") == "got x"
        assert await generator.__anext__() == 1
        assert await generator.athrow(KeyError()) == "caught"
        assert [item async for item in generator] == [2]
        assert replying.is_cached(3) is stored

    asyncio.run(main())


def test_a_cancelled_task_stores_nothing(store, runs):
    @store.memoize
    async def slow(n):
        yield n
        await asyncio.sleep(60)
        yield n

    async def consume():
        return [item async for item in slow(1)]

    async def main():
        task = asyncio.create_task(consume())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert not slow.is_cached(1)


# The law

ITEMS = st.lists(st.one_of(st.integers(), st.text(max_size=5), st.binary(max_size=5), st.none()), max_size=8)
USES = st.lists(st.tuples(st.sampled_from(["next", "send", "throw", "close"]), st.integers()), max_size=12)


@settings(max_examples=150, deadline=None)
@given(items=ITEMS, before=USES, uses=USES)
def test_a_memoized_generator_behaves_as_the_plain_one_whatever_is_stored(items, before, uses):
    def plain(values):
        total = 0
        for value in values:
            try:
                total += (yield value) or 0
            except KeyError as error:
                total += 1000
                yield f"caught {error}"
        return total

    with Store(":memory:") as store:
        f = store.memoize(plain)
        for some in (before, [("next", 0)] * 10, uses):
            assert used(f(items), some) == used(plain(items), some)


def used(generator, uses):
    """Return what a generator answers to a row of uses."""
    answers = []
    is_begun = False
    for use, value in uses:
        try:
            if use == "send" and is_begun:
                answers.append(generator.send(value))
            elif use == "throw" and is_begun:
                answers.append(generator.throw(KeyError(value)))
            elif use == "close":
                answers.append(generator.close())
            else:
                answers.append(next(generator))
            is_begun = True
        except StopIteration as end:
            answers.append(("end", end.value))
        except KeyError as error:
            answers.append(("raised", str(error)))
    return answers
