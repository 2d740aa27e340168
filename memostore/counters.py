"""Hits and misses, counted in memory and written in batches: a hit itself writes nothing."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable

from memostore.backends.protocol import Use
from memostore.config import FLUSH_INTERVAL

__all__ = ["Counters"]


class Counters:
    """A buffer of uses that a background thread writes within FLUSH_INTERVAL seconds, and exit at the latest.

    `deque.append` and `popleft` are atomic: counting takes no lock, and no use is written twice.
    """

    def __init__(self, write: Callable[[list[Use]], None]) -> None:
        self._write = write
        self._uses: deque[Use] = deque()
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        LIVING.add(self)

    def add(self, use: Use) -> None:
        """Count one hit or miss."""
        self._uses.append(use)
        if self._thread is None:
            self._start()

    def take(self) -> list[Use]:
        """Return what is waiting and forget it; the caller writes it."""
        taken = []
        while self._uses:
            try:
                taken.append(self._uses.popleft())
            except IndexError:  # another thread took the last one
                break
        return taken

    def flush(self) -> None:
        """Write what is waiting."""
        uses = self.take()
        if uses:
            self._write(uses)

    def close(self) -> None:
        """Write what is waiting and end the thread."""
        self._wake.set()
        self.flush()

    def forget(self) -> None:
        """In a forked child: drop what the parent will write itself, and its thread, which is not here."""
        self._uses.clear()
        self._thread = None
        self._wake = threading.Event()

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name="memostore-counters", daemon=True)
        self._thread = thread
        try:
            thread.start()
        except RuntimeError:  # no new threads while the interpreter shuts down; the flush at exit comes after
            self._thread = None

    def _run(self) -> None:
        """Write once after the interval, then end: an idle program keeps no thread."""
        self._wake.wait(FLUSH_INTERVAL)
        self._thread = None
        self.flush()


LIVING: weakref.WeakSet[Counters] = weakref.WeakSet()


def _flush_all() -> None:
    for counters in list(LIVING):
        counters.flush()


def _forget_all() -> None:
    for counters in list(LIVING):
        counters.forget()


atexit.register(_flush_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
