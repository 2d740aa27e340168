"""One computation at a time for a key, in this process: who computes, and who waits for it.

A flight is one computation. Whoever boards first computes; the others wait until it has landed and look again. Nobody
waits for a flight that waits, by way of others, for one of his own: recursion ends in a second computation, and never
in a deadlock.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["Flight", "Flights", "detached", "flying", "is_aboard", "waiting"]

# Over all flights of the process: who waits for whom goes across stores. Reentrant, since the garbage collector may
# land a flight in any line.
_graph = threading.RLock()

# The flights whose functions run in this context: what waits here, waits on their behalf.
_aboard: ContextVar[tuple[Flight, ...]] = ContextVar("memostore_aboard", default=())


class Flight:
    """One computation of a key. `is_stored` says, once it has landed, whether its result is worth looking for.

    None means that it was given up, by a cancelled task or an interrupt: somebody else has to compute.
    """

    __slots__ = ("_watchers", "has_landed", "is_stored", "waits_for")

    def __init__(self) -> None:
        self.has_landed = False
        self.is_stored: bool | None = None
        self.waits_for: list[Flight] = []
        self._watchers: list[Callable[[], object]] = []

    def watch(self, wake: Callable[[], object]) -> None:
        """Have `wake` called when the flight has landed; at once, if it has."""
        with _graph:
            if not self.has_landed:
                self._watchers.append(wake)
                return
        wake()

    def land(self) -> None:
        """Wake all who wait."""
        with _graph:
            self.has_landed = True
            watchers, self._watchers = self._watchers, []
        for wake in watchers:
            wake()


class Flights:
    """The flights of one store in this process."""

    def __init__(self) -> None:
        self._flying: dict[bytes, Flight] = {}
        LIVING.add(self)

    def board(self, key: bytes) -> tuple[Flight, bool]:
        """Return the flight of a key, and whether it is the caller's own: then he computes, and calls `land`."""
        with _graph:
            flight = self._flying.get(key)
            if flight is not None:
                return flight, False
            flight = self._flying[key] = Flight()
            return flight, True

    def land(self, key: bytes, flight: Flight) -> None:
        """End a flight."""
        with _graph:
            if self._flying.get(key) is flight:
                del self._flying[key]
        flight.land()

    def forget(self) -> None:
        """In a forked child: the threads that would land are not here."""
        self._flying.clear()


def is_aboard() -> bool:
    """Say whether the code that runs here runs on behalf of a flight that has not landed; a task may outlive it."""
    return any(not flight.has_landed for flight in _aboard.get())


class flying:  # noqa: N801 # reads as a word, like contextlib's own; a generator would cost three times as much
    """Take note that the code in a `with` block runs on behalf of a flight, if there is one."""

    __slots__ = ("_before", "_flight")

    def __init__(self, flight: Flight | None) -> None:
        self._flight = flight

    def __enter__(self) -> None:
        """Begin."""
        self._before = _aboard.get()
        if self._flight is not None:
            _aboard.set((*self._before, self._flight))

    def __exit__(self, *_: object) -> None:
        """End; not by a token: a coroutine may be driven in several contexts."""
        if self._flight is not None:
            _aboard.set(self._before)


@contextmanager
def waiting(flight: Flight) -> Iterator[bool]:
    """Say whether one may wait for a flight in a `with` block: not if it waits, in the end, for this very context."""
    own = _aboard.get()
    with _graph:
        is_safe = not _leads_to(flight, own)
        if is_safe:
            for mine in own:
                mine.waits_for.append(flight)
    try:
        yield is_safe
    finally:
        if is_safe:
            with _graph:
                for mine in own:
                    mine.waits_for.remove(flight)


def detached() -> None:
    """Take note that what runs in this context from now on runs on nobody's behalf."""
    _aboard.set(())


def _leads_to(flight: Flight, goals: tuple[Flight, ...]) -> bool:
    """Say whether a flight is one of some others, or waits for one of them."""
    seen: set[int] = set()
    ahead = [flight] if goals else []
    while ahead:
        one = ahead.pop()
        if any(one is goal for goal in goals):
            return True
        if id(one) not in seen:
            seen.add(id(one))
            ahead += one.waits_for
    return False


LIVING: weakref.WeakSet[Flights] = weakref.WeakSet()


def _start_anew() -> None:
    """In a forked child: the lock may be held by a thread that is not here."""
    global _graph  # the one lock of the process
    _graph = threading.RLock()
    for flights in list(LIVING):
        flights.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)
