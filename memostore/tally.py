"""The counts of one memoized function in this process, and the tuple that `cache_info()` returns."""

from __future__ import annotations

import itertools
import threading
from typing import NamedTuple

__all__ = ["CacheInfo", "Tallies", "Tally"]


class _Counts(NamedTuple):
    hits: int
    misses: int
    maxsize: int | None
    currsize: int


class CacheInfo(_Counts):
    """functools' four fields, in its order. `hits` and `misses` are this process's, `currsize` the stored entries.

    Beside them stand `size`, the bytes of those entries, and `saved_seconds`, what all hits so far have saved.
    """

    size: int
    saved_seconds: float

    def __new__(cls, counts: tuple[int, int, int | None, int], size: int, saved_seconds: float) -> CacheInfo:
        """Return the four counts with two attributes."""
        self = super().__new__(cls, *counts)
        self.size = size
        self.saved_seconds = saved_seconds
        return self


class Tally:
    """A count that threads add to without a lock: `next` on an iterator of C is one step."""

    __slots__ = ("_lock", "_looks", "_more", "add")

    def __init__(self) -> None:
        self.add = itertools.count().__next__
        self._looks = self._more = 0
        self._lock = threading.Lock()

    def add_many(self, number: int) -> None:
        """Count several at once."""
        with self._lock:
            self._more += number

    def total(self) -> int:
        """Return how often `add` was called. To look is to take a number too, so looks are taken off."""
        with self._lock:
            self._looks += 1
            return self.add() - (self._looks - 1) + self._more


class Tallies:
    """The hits and misses of one function."""

    __slots__ = ("hits", "misses")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Start both anew."""
        self.hits, self.misses = Tally(), Tally()
