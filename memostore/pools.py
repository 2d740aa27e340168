"""Who runs the calls of a map that are not stored: threads, processes, any executor, or a Dask cluster."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import time
import types
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from contextlib import contextmanager, nullcontext
from contextvars import copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from memostore.errors import InvalidArgument
from memostore.looked import Called
from memostore.origin import here
from memostore.switches import DISABLED, REFRESHING, switched

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

__all__ = ["NO_RESULT", "Job", "Pool", "home_of", "pool_for"]

WINDOW = 4  # jobs for each worker that are under way at a time: enough to keep all busy, and no list of a million
MOST_THREADS = 32
TERMINATION = 5.0  # seconds that terminated processes have to be gone

# What an executor raises that is no result of a call: the map ends, whatever it does with errors.
NO_RESULT = (BrokenExecutor, CancelledError)


@dataclass(frozen=True)
class Job:
    """One call to be run by a worker: of a memoized function, or of one bound to its receiver.

    `home` is where the asker's store is, `mode` what that store is switched to there.
    """

    callee: Any
    args: tuple[Any, ...]
    home: tuple[str, str, int]
    mode: str | None

    @property
    def __name__(self) -> str:
        """The function's name, for who lists what is running."""
        return str(self.callee.__name__)

    def __call__(self) -> Called:
        """Call the function; where its store is not the asker's, compute alone, for the asker to store."""
        if self.mode == DISABLED:
            return Called(_plain(self.callee)(*self.args))
        store = self.callee._store()
        with store.refreshing() if self.mode == REFRESHING else nullcontext():
            if home_of(self.callee) == self.home:
                return Called(self.callee(*self.args))
            key, started = self.callee.key(*self.args), time.perf_counter()
            return Called(_plain(self.callee)(*self.args), key, time.perf_counter() - started)


def home_of(callee: Any) -> tuple[str, str, int]:
    """Return where the store of a memoized function is: its URL, the computer, and of one in memory the process."""
    url = callee._store().url
    return url, here().host, os.getpid() if url == "sqlite://" else 0


def _plain(callee: Any) -> Callable[..., Any]:
    """Return the function without its store; bound, if `callee` is."""
    if hasattr(callee, "__func__"):
        return types.MethodType(callee.__func__.__wrapped__, callee.__self__)
    wrapped: Callable[..., Any] = callee.__wrapped__
    return wrapped


class Pool:
    """Workers, made when the first job comes. `window` is how many jobs may be under way."""

    def __init__(self, callee: Any, workers: int) -> None:
        self.callee = callee
        self.window = WINDOW * max(1, workers)
        self.home: tuple[str, str, int] | None = None

    def start(self) -> None:
        """Make the workers now, where a thread that draws a bar would be in the way of forking them later."""

    def run(self, args: tuple[Any, ...]) -> Any:
        """Have a call run; return its future."""
        if self.home is None:
            self.home = home_of(self.callee)
        return self.submit(Job(self.callee, args, self.home, switched(self.callee._store)))

    def submit(self, job: Job) -> Any:
        """Hand a job to a worker; return its future."""
        raise NotImplementedError

    def called(self, future: Any) -> Called:
        """Return what the job of a future that is done came to, or raise what it raised."""
        found: Called = future.result()
        return found

    def close(self, error: BaseException | None) -> None:
        """End the workers that are this pool's own: when they are done, or at once where the user has interrupted."""


class Threads(Pool):
    """Threads of this process: a pool of its own, or one that is given."""

    def __init__(self, callee: Any, given: ThreadPoolExecutor | None = None) -> None:
        workers = given._max_workers if given else min(MOST_THREADS, _processors() + 4)
        super().__init__(callee, workers)
        self._workers, self._executor, self._is_own = workers, given, given is None

    def submit(self, job: Job) -> Any:
        """Run a job in a thread, in a copy of this context: whatever is switched here is switched there."""
        if self._executor is None:
            from concurrent.futures import ThreadPoolExecutor  # slow

            self._executor = ThreadPoolExecutor(self._workers, "memostore-map")
        return self._executor.submit(copy_context().run, job)

    def close(self, error: BaseException | None) -> None:
        """Wait for the calls that are running, unless the user has interrupted."""
        if self._is_own and self._executor is not None:
            self._executor.shutdown(wait=_is_patient(error), cancel_futures=True)


class Processes(Pool):
    """Other processes: a pool of its own, or one that is given."""

    def __init__(self, callee: Any, given: ProcessPoolExecutor | None = None) -> None:
        check_importable(callee)
        workers = given._max_workers if given else _processors()  # type: ignore[attr-defined]
        super().__init__(callee, workers)
        self._workers, self._executor, self._is_own = workers, given, given is None

    def submit(self, job: Job) -> Any:
        """Send a job to a process. It is pickled here, so that an error of pickling is one of this call alone."""
        try:
            parcel = Parcel(_packed(job))
        except Exception as error:  # noqa: BLE001 # an argument that can't be sent
            failed: Future[bytes] = Future()
            failed.set_exception(error)
            return failed
        return self._submit(parcel)

    def start(self) -> None:
        """Have all workers forked by a job that does nothing, where they are forked."""
        self._submit(int)

    def _submit(self, job: Callable[[], Any]) -> Any:
        with _interrupted_later() if self._is_own else nullcontext():  # workers are made here
            return self._made().submit(job)

    def _made(self) -> ProcessPoolExecutor:
        if self._executor is None:
            from concurrent.futures import ProcessPoolExecutor  # slow

            self._executor = ProcessPoolExecutor(self._workers, initializer=_leave_interrupts_to_the_parent)
        return self._executor

    def called(self, future: Any) -> Called:
        """Unpack what a process has sent."""
        found: Called = pickle.loads(future.result())
        return found

    def close(self, error: BaseException | None) -> None:
        """Wait for the calls that are running; end their processes if the user has interrupted."""
        if not self._is_own or self._executor is None:
            return
        # What an executor has of its own is private: terminate_workers() is of 3.14.
        running = list((getattr(self._executor, "_processes", None) or {}).values())
        manager = getattr(self._executor, "_executor_manager_thread", None)
        self._executor.shutdown(wait=_is_patient(error), cancel_futures=True)
        if not _is_patient(error):
            for process in running:
                process.terminate()
            if manager is not None:  # it closes a pipe that Python, at its end, would else write to meanwhile
                manager.join(TERMINATION)


class Others(Pool):
    """An executor of another kind."""

    def __init__(self, callee: Any, given: Executor) -> None:
        super().__init__(callee, getattr(given, "_max_workers", None) or _processors())
        self._executor = given

    def submit(self, job: Job) -> Any:
        """Hand a job to the executor."""
        return self._executor.submit(job)


class Cluster(Pool):
    """A Dask client, or what has its methods."""

    def __init__(self, callee: Any, client: Any) -> None:
        if getattr(client, "asynchronous", False):
            raise InvalidArgument("executor= is an asynchronous Dask client: map() takes one with asynchronous=False")
        check_importable(callee)
        cores: dict[str, int] = getattr(client, "ncores", dict)()
        super().__init__(callee, sum(cores.values()) or _processors())  # a cluster may have no workers yet
        self._client = client

    def submit(self, job: Job) -> Any:
        """Hand a job to the cluster. It is not `pure`: Dask would return an earlier job's error for an equal one."""
        return self._client.submit(job, pure=False)


def pool_for(executor: Any, callee: Any) -> Pool:
    """Return what runs calls for an `executor=` other than None; raise InvalidArgument for what can't."""
    if isinstance(executor, str) and executor in OWN:
        return OWN[executor](callee)
    if _is_from(executor, "concurrent.futures.thread", "ThreadPoolExecutor"):
        return Threads(callee, executor)
    if _is_from(executor, "concurrent.futures.process", "ProcessPoolExecutor"):
        return Processes(callee, executor)
    if isinstance(executor, Executor):
        return Others(callee, executor)
    if callable(getattr(executor, "submit", None)) and callable(getattr(executor, "gather", None)):
        return Cluster(callee, executor)
    raise InvalidArgument(
        f'executor={executor!r} must be None (one call after the other), "threads", "processes", '
        "an executor of concurrent.futures, or a Dask Client"
    )


OWN: dict[str, Callable[[Any], Pool]] = {"threads": Threads, "processes": Processes}


def _is_from(value: Any, module: str, name: str) -> bool:
    """Say whether a value is an instance of a class; whoever has one has loaded the class's module."""
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(value, getattr(loaded, name))


def check_importable(callee: Any) -> None:
    """Raise InvalidArgument for a function that another process can't find, saying what to do."""
    try:
        pickle.dumps(callee)
    except Exception as error:
        name = getattr(callee, "__qualname__", repr(callee))
        remedy = "Define it at the top of a module" if "<" in name else "Let its module have it under that name"
        raise InvalidArgument(
            f"another process can't call {name}: it imports the function by its name. {remedy}, "
            f'or call map() with executor="threads". ({error})'
        ) from error


# What travels


@dataclass(frozen=True)
class Parcel:
    """A job as bytes. One that can't be loaded is an error of its call: by itself, the executor would lose a worker."""

    packed: bytes

    def __call__(self) -> bytes:
        """Run the job in the worker; return what it came to, as bytes too."""
        try:
            return _packed(pickle.loads(self.packed)())
        except Exception as error:
            if _travels(error):
                raise
            # An exception that can't be unpickled there would take the executor down with it.
            raise RuntimeError(f"{type(error).__qualname__}: {error}") from None


def _packed(value: Any) -> bytes:
    try:
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    except Exception:  # noqa: BLE001 # classes raise anything from __reduce__
        import cloudpickle  # type: ignore[import-untyped] # slow: 20 ms, and few values need it

        packed: bytes = cloudpickle.dumps(value, pickle.HIGHEST_PROTOCOL)
        return packed


def _travels(error: Exception) -> bool:
    try:
        return type(pickle.loads(pickle.dumps(error))) is type(error)
    except Exception:  # noqa: BLE001 # as above
        return False


def _leave_interrupts_to_the_parent() -> None:
    """Ctrl-C reaches all processes of a terminal: the parent ends the workers, without a traceback from each."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


@contextmanager
def _interrupted_later() -> Iterator[None]:
    """Hold Ctrl-C back in a `with` block, and from the workers made in it until they leave it to the parent."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _is_patient(error: BaseException | None) -> bool:
    return error is None or isinstance(error, Exception)


def _processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
