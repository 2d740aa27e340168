"""Many calls of one function: which are hits, which are the same, in what order results stand, and who runs the rest.

`Ledger` knows calls and results, and runs nothing; `mapped` and `mapped_on_loop` run what it says is missing.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Coroutine, Iterable, Iterator
from queue import SimpleQueue
from typing import Any, Protocol

import memostore.config as config
from memostore.errors import InvalidArgument
from memostore.looked import Called, Looked
from memostore.pools import NO_RESULT, Pool, pool_for
from memostore.progress import Counts, Shows, shown

__all__ = ["ERRORS_CHOICES", "Mapped", "mapped", "mapped_on_loop", "not_mapped"]

ERRORS_CHOICES = ("raise", "collect")
CALLS_ON_A_LOOP = 32  # coroutines that run at once

Args = tuple[Any, ...]


class Mapped(Protocol):
    """What a map needs of a memoized function, or of a bound one."""

    __name__: str

    def __call__(self, *args: Any) -> Any:
        """Call it."""

    def _look(self, /, *args: Any, under_way: Any = (), whole: bool = True) -> Looked:
        """Return what is stored for a call, counted as a hit; a key that is `under_way` is not looked for."""

    def _look_again(self, key: bytes) -> Looked:
        """Return what has been stored under a key meanwhile, counted as a hit."""

    def _adopt(self, /, *args: Any, called: Called, key: bytes | None) -> None:
        """Store what was computed for a call where the store is not."""


class Miss:
    """A call to be run, for its own place in the list of results and for those of its duplicates."""

    __slots__ = ("args", "error", "is_done", "is_large", "key", "places", "value")

    def __init__(self, looked: Looked, args: Args, place: int) -> None:
        self.key = looked.key
        self.is_large = looked.is_large  # what is called will read it
        self.args = args
        self.places = [place]
        self.is_done = False
        self.value: Any = None
        self.error: Exception | None = None


class Ledger:
    """The calls of one map in their order. `failed` is the place of the first error, where errors are to be raised."""

    def __init__(self, callee: Mapped, collects: bool, whole: bool = True) -> None:
        self.callee = callee
        self.results: list[Any] = []
        self.counts = Counts()
        self.failed: int | None = None
        self._collects = collects
        self._whole = whole  # whether large values may be read here
        self._misses: dict[bytes, Miss] = {}

    def take(self, args: Args) -> Miss | None:
        """Take the next call. Return it where it is to be run; a result that is there is put in place now."""
        place = len(self.results)
        self.results.append(None)
        try:
            looked = self.callee._look(*args, under_way=self._misses, whole=self._whole)
        except Exception as error:  # noqa: BLE001 # it is the result of this call: an argument that can't be keyed, ...
            self._put_error(place, error)
            return None
        if looked.is_hit:
            self._put_hit(place, looked.value)
            return None
        known = None if looked.key is None else self._misses.get(looked.key)
        if known is None:
            return self._entered(Miss(looked, args, place))
        known.places.append(place)
        if known.is_done:
            self._put_duplicate(place, known)
        return None

    def finish(self, miss: Miss, called: Called) -> None:
        """Put a result into all the places that wait for it; store it first if that has not been done."""
        try:
            if called.key:
                self.callee._adopt(*miss.args, called=called, key=miss.key)
        except Exception as error:  # noqa: BLE001 # `cache_if` is the user's own
            return self.fail(miss, error)
        miss.is_done, miss.value, miss.args = True, called.value, ()
        if miss.is_large:
            self._put_hit(miss.places[0], called.value)
        else:
            self.results[miss.places[0]] = called.value
            self.counts = self.counts._replace(computed=self.counts.computed + 1)
        for place in miss.places[1:]:
            self._put_duplicate(place, miss)
        return None

    def fail(self, miss: Miss, error: Exception) -> None:
        """Put an error into all the places that wait for a result."""
        miss.is_done, miss.error, miss.args = True, error, ()
        for place in miss.places:
            self._put_error(place, error)

    def is_wanted(self, miss: Miss) -> bool:
        """Say whether a call has still to be run: the error to be raised is not one of an earlier place."""
        return self.failed is None or miss.places[0] < self.failed

    def outcome(self) -> list[Any]:
        """Return the results, or raise the first error."""
        if self.failed is None:
            return self.results
        try:
            raise self.results[self.failed]
        finally:
            self.results = []  # the error's traceback leads here: no circle that keeps all results

    def _entered(self, miss: Miss) -> Miss:
        if miss.key is not None:
            self._misses[miss.key] = miss
        return miss

    def _put_hit(self, place: int, value: Any) -> None:
        self.results[place] = value
        self.counts = self.counts._replace(hits=self.counts.hits + 1)

    def _put_error(self, place: int, error: Exception) -> None:
        self.results[place] = error
        self.counts = self.counts._replace(errors=self.counts.errors + 1)
        if not self._collects:
            self.failed = place if self.failed is None else min(place, self.failed)

    def _put_duplicate(self, place: int, miss: Miss) -> None:
        """Read the result for a second place, a copy as each hit is; only what is not stored stands there itself."""
        if miss.error is not None:
            return self._put_error(place, miss.error)
        try:
            looked = self.callee._look_again(miss.key) if miss.key is not None else Looked(None)
        except Exception as error:  # noqa: BLE001 # a fault of a store that raises
            return self._put_error(place, error)
        return self._put_hit(place, looked.value if looked.is_hit else miss.value)


def mapped(callee: Mapped, iterables: Args, executor: Any, progress: Any, errors: Any) -> list[Any]:
    """Call a memoized function for each item, as the built-in map does; return the results in order."""
    ledger, calls = _opened(callee, iterables, progress, errors)
    pool = None if executor is None else pool_for(executor, callee)
    if pool is not None and progress:
        pool.start()
    with shown(callee.__name__, _length(iterables), progress) as show:
        if pool is None:
            _run_here(ledger, calls, show)
        else:
            _run_in(pool, ledger, calls, show)
    return ledger.outcome()


def mapped_on_loop(
    callee: Mapped, iterables: Args, executor: Any, progress: Any, errors: Any
) -> Coroutine[Any, Any, list[Any]]:
    """Return a coroutine that does as `mapped`, with up to 32 coroutines at once on the running loop."""
    if executor is not None:
        raise InvalidArgument(f"executor={executor!r}: a coroutine function runs on its event loop; leave it None")
    ledger, calls = _opened(callee, iterables, progress, errors, whole=False)

    async def results() -> list[Any]:
        with shown(callee.__name__, _length(iterables), progress) as show:
            await _run_on_loop(ledger, calls, show)
        return ledger.outcome()

    return results()


def not_mapped(callee: Mapped, *_: Any) -> Any:
    """Refuse a generator function: its calls do nothing yet, so there is nothing to run, to wait for or to collect."""
    raise InvalidArgument(f"map() can't call {callee.__name__}, a generator function: write [f(x) for x in items]")


def _opened(
    callee: Mapped, iterables: Args, progress: Any, errors: Any, whole: bool = True
) -> tuple[Ledger, Iterator[Args]]:
    config.flag(progress, "progress")
    collects = config.choice(errors, ERRORS_CHOICES, "errors") == "collect"
    for iterable in iterables:
        if not isinstance(iterable, Iterable) and not hasattr(iterable, "__getitem__"):
            raise InvalidArgument(f"map() was given {iterable!r}, which is not iterable: pass a list of arguments")
    return Ledger(callee, collects, whole), zip(*iterables, strict=False)


def _length(iterables: Args) -> int | None:
    """Return how many calls there will be, None where an iterable does not tell."""
    lengths = [operator.length_hint(one, -1) for one in iterables if type(one) is not itertools.repeat]
    return min(lengths) if lengths and min(lengths) >= 0 else None


def _run_here(ledger: Ledger, calls: Iterator[Args], show: Shows) -> None:
    """Run one call after the other."""
    for args in calls:
        miss = ledger.take(args)
        if miss is not None:
            try:
                value = ledger.callee(*args)
            except Exception as error:  # noqa: BLE001 # it is the result
                ledger.fail(miss, error)
            else:
                ledger.finish(miss, Called(value))
        show(ledger.counts)
        if ledger.failed is not None:
            break


class _UnderWay:
    """The jobs that a pool has, by number: a future of another library may be no key of a dictionary."""

    def __init__(self, pool: Pool, ledger: Ledger, show: Shows) -> None:
        self.pool = pool
        self.ledger = ledger
        self.show = show
        self.jobs: dict[int, tuple[Any, Miss]] = {}
        self.done: SimpleQueue[int] = SimpleQueue()
        self.numbers = itertools.count()

    def start(self, miss: Miss) -> None:
        """Hand a call to the pool."""
        future, number = self.pool.run(miss.args), next(self.numbers)
        self.jobs[number] = future, miss
        future.add_done_callback(lambda _: self.done.put(number))

    def settle(self) -> None:
        """Wait for a job to be done, and put down what it came to."""
        future, miss = self.jobs.pop(self.done.get(), (None, None))
        if miss is None:  # dropped
            return
        try:
            self.ledger.finish(miss, self.pool.called(future))
        except NO_RESULT:
            raise
        except Exception as error:  # noqa: BLE001 # what the call raised, in this process or another
            self.ledger.fail(miss, error)
        self.show(self.ledger.counts)

    def drop_unwanted(self) -> None:
        """Cancel what has not started, of the calls behind an error; what is running is left to itself."""
        for number, (future, miss) in list(self.jobs.items()):
            if not self.ledger.is_wanted(miss):
                future.cancel()
                del self.jobs[number]

    def drop_all(self) -> None:
        """Cancel what has not started."""
        for future, _ in self.jobs.values():
            future.cancel()
        self.jobs.clear()


def _run_in(pool: Pool, ledger: Ledger, calls: Iterator[Args], show: Shows) -> None:
    """Have misses run by a pool, and read hits meanwhile: they need not be sent anywhere."""
    jobs, failure = _UnderWay(pool, ledger, show), None
    try:
        for args in calls:
            miss = ledger.take(args)
            show(ledger.counts)
            if miss is not None:
                jobs.start(miss)
            while jobs.jobs and (len(jobs.jobs) >= pool.window or not jobs.done.empty()):
                jobs.settle()
            if ledger.failed is not None:
                break
        while jobs.jobs:
            jobs.drop_unwanted()
            if jobs.jobs:
                jobs.settle()
    except BaseException as error:
        failure = error
        jobs.drop_all()
        raise
    finally:
        pool.close(failure)


async def _run_on_loop(ledger: Ledger, calls: Iterator[Args], show: Shows) -> None:
    """Run up to CALLS_ON_A_LOOP coroutines at once."""
    import asyncio  # slow

    tasks: dict[Any, Miss] = {}

    async def settle(most: int) -> None:
        while len(tasks) > most:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                _settle_task(ledger, tasks.pop(task), task)
            show(ledger.counts)
            for task in [task for task, miss in tasks.items() if not ledger.is_wanted(miss)]:
                del tasks[task]
                task.cancel()

    try:
        for args in calls:
            miss = ledger.take(args)
            show(ledger.counts)
            if miss is not None:
                tasks[asyncio.ensure_future(ledger.callee(*args))] = miss
            await settle(CALLS_ON_A_LOOP - 1)
            await asyncio.sleep(0)  # hits are read on the loop: others have their turn between two
            if ledger.failed is not None:
                break
        await settle(0)
    finally:
        for task in tasks:
            task.cancel()


def _settle_task(ledger: Ledger, miss: Miss, task: Any) -> None:
    try:
        value = task.result()
    except Exception as error:  # noqa: BLE001 # it is the result
        ledger.fail(miss, error)
    else:
        ledger.finish(miss, Called(value))
