"""Hits and misses, counted in memory and written in batches: a hit itself writes nothing."""

from __future__ import annotations

import atexit
import itertools
import os
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from memostore.backends.protocol import Use
from memostore.config import FLUSH_INTERVAL, USES_KEPT
from memostore.errors import StoreError

__all__ = ["Counters"]


class Counters:
    """A buffer of uses that a background thread writes within FLUSH_INTERVAL seconds, and exit at the latest.

    `deque.append` and `popleft` are atomic: counting takes no lock, and no use is written twice. Uses that can't be
    written at the moment wait for the next time.
    """

    def __init__(
        self, write: Callable[[list[Use]], None], tell: Callable[[StoreError], None], release: Callable[[], None]
    ) -> None:
        self._write = write
        self._tell = tell
        self._release = release
        self._uses: deque[Use] = deque()
        self._thread: threading.Thread | None = None  # waits to write
        self._running: list[threading.Thread] = []  # that one, and any that is still writing
        self._wake = threading.Event()
        self._starting = threading.Lock()
        self._writing = threading.RLock()  # a hook that is told of a fault may ask the store something
        LIVING.add(self)

    def add(self, use: Use) -> None:
        """Count one hit or miss."""
        self._uses.append(use)
        if self._thread is None:
            self._start()

    def add_many(self, uses: list[Use]) -> None:
        """Count several hits and misses."""
        self._uses.extend(uses)
        if uses and self._thread is None:
            self._start()

    def take(self) -> list[Use]:
        """Return what is waiting and forget it; the caller writes it, or gives it back."""
        taken = []
        while self._uses:
            try:
                taken.append(self._uses.popleft())
            except IndexError:  # another thread took the last one
                break
        return taken

    def give_back(self, uses: list[Use]) -> None:
        """Keep uses that could not be written for the next time, as long as they are not too many."""
        room = USES_KEPT - sum(map(_number, self._uses.copy()))
        totals = itertools.accumulate(map(_number, uses))
        self._uses.extendleft(reversed([use for use, total in zip(uses, totals, strict=True) if total <= room]))

    @contextmanager
    def written_along(self, are_needed: bool) -> Iterator[list[Use]]:
        """Yield what is waiting, if it is needed, to be written by the caller; keep it where that fails."""
        uses = self.take() if are_needed else []
        try:
            yield uses
        except BaseException:
            self.give_back(uses)
            raise

    def waiting(self, key: bytes) -> tuple[int, float]:
        """Return how many hits of a key are not written yet, and when the last one was (0.0: there is none)."""
        times = [when for _, when, used, _ in self._uses.copy() if used == key or (type(used) is list and key in used)]
        return len(times), max(times, default=0.0)

    def flush(self) -> None:
        """Write what is waiting, and wait for what another thread is writing. A fault is told, never raised: counting
        is nobody's call.
        """
        with self._writing:
            uses = self.take()
            if uses:
                try:
                    self._write(uses)
                except StoreError as error:
                    self.give_back(uses)
                    self._tell(error)

    def close(self) -> None:
        """Write what is waiting and end the thread."""
        self.rest()
        self.flush()

    def rest(self) -> None:
        """End the thread, which writes what is waiting; the next use starts another."""
        with self._starting:
            running = [thread for thread in self._running if thread is not threading.current_thread()]
        self._wake.set()
        for thread in running:
            thread.join()
        self._wake.clear()

    def forget(self) -> None:
        """In a forked child: drop what the parent will write itself, and its thread, which is not here."""
        self._uses.clear()
        self._thread = None
        self._running = []
        self._wake = threading.Event()
        self._starting = threading.Lock()
        self._writing = threading.RLock()

    def _start(self) -> None:
        _flush_before_a_worker_ends()
        with self._starting:
            if self._thread is not None:
                return
            self._thread = thread = threading.Thread(target=self._run, name="memostore-counters", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # no new threads while the interpreter shuts down; the flush at exit comes after
                self._thread = None
                return
            self._running = [*(other for other in self._running if other.is_alive()), thread]

    def _run(self) -> None:
        """Write once after the interval, then end: an idle program keeps no thread."""
        self._wake.wait(FLUSH_INTERVAL)
        self._thread = None
        self.flush()
        self._release()


def _number(use: Use) -> int:
    """Return how many hits or misses a use stands for."""
    return len(use[2]) if isinstance(use[2], list) else 1


LIVING: weakref.WeakSet[Counters] = weakref.WeakSet()

_worker: int | None = None  # the process for which multiprocessing was asked to flush at its end


def _flush_before_a_worker_ends() -> None:
    """Multiprocessing's forked workers leave without running what atexit holds; they run their own finalizers."""
    global _worker  # once for each process
    module = sys.modules.get("multiprocessing.util")
    if module is not None and _worker != os.getpid():
        _worker = os.getpid()
        module.Finalize(None, _flush_all, exitpriority=0)


def _flush_all() -> None:
    for counters in list(LIVING):
        counters.flush()


def _rest_all() -> None:
    """Before a fork: no thread of ours is inside SQLite, or the child would inherit SQLite's own locks, locked."""
    for counters in list(LIVING):
        counters.rest()


def _forget_all() -> None:
    for counters in list(LIVING):
        counters.forget()


atexit.register(_flush_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_rest_all, after_in_child=_forget_all)
