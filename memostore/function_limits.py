"""The limits of one function, beside those of its store: which of its own entries give way when a result is saved.

The order is the store's policy. No index tells it for one function: it would cost every save, and few functions have
limits. So the entries that go first in the whole store are looked at, where those of this function often are; if they
are not, all of the function's are looked through, and then some more go than have to, so that it is rarely done.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from memostore.backends.protocol import Execute, NewEntry, Priorities, entry_id
from memostore.events import Evicted
from memostore.eviction import Limits, grow_older, remove_entry
from memostore.options import Options
from memostore.tombstones import Burials

__all__ = ["NONE", "limits_of", "make_room_in", "too_large"]

WINDOW: Final = 32  # entries of the whole store that are looked at first: 25 us
SPARE: Final = 50  # one in so many of the function's entries goes besides, where all had to be looked through
BATCH: Final = (100, 10_000)  # at least and at most so many are fetched at once when all are looked through

NONE: Final = Limits()

HELD = "SELECT id, entries, bytes FROM function WHERE module = :module AND qualname = :qualname"
TOTAL = "SELECT coalesce(sum(entries), 0) FROM function"

COLUMNS = "id, key, function_id, created, size, priority"
EXPIRED = f"SELECT {COLUMNS} FROM entry WHERE expires <= :now ORDER BY expires LIMIT :window"
LOWEST = f"SELECT {COLUMNS} FROM entry ORDER BY priority LIMIT :window"

# The sign keeps SQLite from taking the index of the function's entries.
BY_INDEX, BY_TABLE = "function_id", "+function_id"
LOWEST_OF_ALL = """
SELECT entry.id, entry.key, entry.created, entry.size, entry.priority, chosen.alive
FROM (SELECT id, CASE WHEN expires <= :now THEN 0 ELSE 1 END AS alive FROM entry
      WHERE {function_id} = :function_id AND id != :keep ORDER BY 2, priority, created LIMIT :batch) AS chosen
JOIN entry ON entry.id = chosen.id
ORDER BY chosen.alive, entry.priority, entry.created
"""


def limits_of(options: Options) -> Limits:
    """Return a function's own limits."""
    if options.max_size is None and options.max_entries is None:
        return NONE
    return Limits(options.max_size, options.max_entries)


def too_large(size: int, limits: Limits, options: Options) -> str | None:
    """Return why a result of this size can't be stored, by the store's limits or the function's; or None."""
    if not limits.admits(size):
        return f"its {size} bytes are more than max_size={limits.max_size}"
    if not limits_of(options).admits(size):
        return f"its {size} bytes are more than the function's max_size={options.max_size}"
    return None


def make_room_in(execute: Execute, new: NewEntry, limits: Limits, rank: Priorities) -> list[Evicted]:
    """Remove entries of the function that one has just been saved of until its limits hold; return what was evicted.

    It is done in the saving transaction: the function's expired entries first, then by priority. The new entry stays.
    """
    name = {"module": new.code.module, "qualname": new.code.qualname}
    for function_id, entries, size in execute(HELD, name):
        if limits.exceeded(entries, size):
            return _Eviction(execute, new, limits, rank, (function_id, entries, size)).run()
    return []


class _Eviction:
    """One function's entries on their way out."""

    def __init__(
        self, execute: Execute, new: NewEntry, limits: Limits, rank: Priorities, held: tuple[int, int, int]
    ) -> None:
        self._execute, self._code, self._limits, self._rank = execute, new.code, limits, rank
        self._keep, self._now = entry_id(new.key), new.created
        self._function_id, self._entries, self._size = held
        self._burials = Burials(execute, self._now, self._keep)
        self._evicted: list[Evicted] = []
        self._age: float | None = None
        self._limit = ""

    def run(self) -> list[Evicted]:
        """Evict until the limits hold, or only the entry just saved is left."""
        self._take_from_window()
        if self._over():
            self._take_from_all()
        if self._age is not None:
            grow_older(self._execute, self._age)
        return self._evicted

    def _over(self) -> bool:
        """Say whether more has to go, and note by which limit."""
        if not self._limits.exceeded(self._entries, self._size):
            return False
        most = self._limits.max_entries
        self._limit = "max_size" if most is None or self._entries <= most else "max_entries"
        return True

    def _take_from_window(self) -> None:
        """Evict what the start of the two indexes tells; nothing where that may not be what goes first."""
        dead = self._execute(EXPIRED, {"now": self._now, "window": WINDOW})
        if len(dead) == WINDOW:
            return
        for row in self._own(dead):
            self._remove(row, "ttl")
        if self._over():
            rows = self._execute(LOWEST, {"window": WINDOW})
            if len(rows) == WINDOW:  # others may have the last one's priority, and be older
                rows = [row for row in rows if row[-1] < rows[-1][-1]]
            self._take(self._own(rows))

    def _own(self, rows: Iterable[Any]) -> list[Any]:
        """Return the rows of the function, but for the entry just saved, in the order in which they go."""
        own = [row for row in rows if row[2] == self._function_id and row[0] != self._keep]
        return sorted(
            ((number, key, created, size, priority) for number, key, _, created, size, priority in own),
            key=lambda row: (row[4], row[2]),
        )

    def _take_from_all(self) -> None:
        """Evict what comes first of all entries of the function, and a few more, which makes the next times cheap."""
        while self._over():
            left = min(self._entries, self._limits.max_entries or self._entries)
            batch = min(max(self._entries - left + left // SPARE, BATCH[0]), BATCH[1])
            rows = self._execute(
                LOWEST_OF_ALL.format(function_id=self._path()),
                {"function_id": self._function_id, "keep": self._keep, "now": self._now, "batch": batch},
            )
            for row in rows:
                if not row[-1]:
                    self._remove(row[:-1], "ttl")
            self._take([row[:-1] for row in rows if row[-1]], spares=True)
            if not rows:
                break

    def _path(self) -> str:
        """Return how to come to the entries: reading the whole table in its order is five times as fast for each."""
        ((total,),) = self._execute(TOTAL, {})
        return BY_TABLE if self._entries * 4 > total else BY_INDEX

    def _take(self, rows: list[Any], *, spares: bool = False) -> None:
        """Evict from the front until the limits hold, and with `spares` a few more."""
        enough: int | None = None
        for row in rows:
            if enough is None and not self._over():
                enough = self._entries - self._entries // SPARE if spares else self._entries
            if self._entries == enough:
                return
            self._remove(row, self._rank.name)
            self._age = max(row[4], self._age or row[4])

    def _remove(self, row: Any, policy: str) -> None:
        number, key, created, size, priority = row
        whole = (number, key, self._code.module, self._code.qualname, created, size, priority)
        limit = f"the function's {self._limit}"
        self._evicted.append(remove_entry(self._execute, self._burials, whole, policy, self._now, limit))
        self._entries, self._size = self._entries - 1, self._size - size
