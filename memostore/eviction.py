"""Which entries give way when a store is full: policies as data, and making room in the saving transaction.

An entry's priority is a number that its policy sets when it is saved and when it is hit; the lowest goes first. No
policy reads the clock: a clock that jumps, or stands still, changes no order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from memostore.backends.protocol import Execute, Priorities
from memostore.config import ENTRY_OVERHEAD, choice
from memostore.events import Evicted
from memostore.tombstones import Burials

__all__ = ["POLICIES", "Limits", "evict_to", "grow_older", "make_room", "policy", "rank_anew", "remove_entry"]

HIGHEST = "(SELECT coalesce(max(priority), 0) FROM entry)"
AGE = "(SELECT coalesce(max(CAST(value AS DOUBLE PRECISION)), 0) FROM setting WHERE name = 'eviction_age')"

# "lru": a counter of uses instead of a time; "fifo": the same, hits do not count.
# "lfu" and "cost" age as GreedyDual does: a new entry starts from the priority of the last one that was evicted, so
# that what was popular long ago falls behind. "cost" is GreedyDual-Size-Frequency (Cherkasova, HP Labs 1998): the
# seconds to compute again for each byte kept, times uses.
POLICIES: Final = {
    rank.name: rank
    for rank in (
        Priorities("lru", on_save=f"{HIGHEST} + 1", on_hit=f"{HIGHEST} + 1"),
        Priorities("fifo", on_save=f"{HIGHEST} + 1"),
        Priorities("lfu", on_save=f"{AGE} + 1", on_hit="priority + :hits"),
        Priorities(
            "cost",
            on_save=f"{AGE} + :compute_seconds / (:size + 1)",
            on_hit="priority + :hits * compute_seconds / (size + 1)",
        ),
    )
}

# What a policy's priorities would be for entries that another policy has ranked, as far as their columns tell.
FROM_COLUMNS: Final = {
    "lru": "coalesce(last_hit, created)",
    "fifo": "created",
    "lfu": "hit_count + 1",
    "cost": "(hit_count + 1) * compute_seconds / (size + 1)",
}

TOTALS = "SELECT coalesce(sum(entries), 0), coalesce(sum(bytes), 0) FROM function"

CANDIDATES = """
SELECT entry.id, entry.key, function.module, function.qualname, entry.created, entry.size, entry.priority
FROM ({ids}) AS chosen
JOIN entry ON entry.id = chosen.id JOIN function ON function.id = entry.function_id
ORDER BY entry.priority, entry.created
"""
EXPIRED = CANDIDATES.format(ids="SELECT id FROM entry WHERE expires <= :now AND id != :keep")
LOWEST_FIRST = CANDIDATES.format(ids="SELECT id FROM entry WHERE id != :keep ORDER BY priority, created LIMIT :batch")

DELETE_ENTRY = "DELETE FROM entry WHERE id = :id"

GET_POLICY = "SELECT value FROM setting WHERE name = 'eviction'"
# The age never goes back. What gave way may have a lower priority than what gave way before: an entry just saved that
# was kept for a while, or one of another function that has limits of its own.
GROW_OLDER = """
INSERT INTO setting (name, value) VALUES ('eviction_age', :age) ON CONFLICT (name) DO UPDATE SET value = excluded.value
WHERE CAST(excluded.value AS DOUBLE PRECISION) > CAST(setting.value AS DOUBLE PRECISION)
"""
BE_YOUNG = "UPDATE setting SET value = '0' WHERE name = 'eviction_age'"
SET_POLICY = """
INSERT INTO setting (name, value) VALUES ('eviction', :policy) ON CONFLICT (name) DO UPDATE SET value = excluded.value
"""

NOTHING = -1  # no entry's id
BATCH = 100


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a store may hold. An entry counts its size and ENTRY_OVERHEAD bytes for what is kept beside it."""

    max_size: int | None = None
    max_entries: int | None = None

    def __bool__(self) -> bool:
        return self.max_size is not None or self.max_entries is not None

    def exceeded(self, entries: int, size: int) -> bool:
        """Say whether a store of so many entries and bytes has to make room."""
        too_many = self.max_entries is not None and entries > self.max_entries
        return too_many or (self.max_size is not None and occupied(entries, size) > self.max_size)

    def admits(self, size: int) -> bool:
        """Say whether an entry of this size may be stored at all."""
        return self.max_size is None or occupied(1, size) <= self.max_size


def occupied(entries: int, size: int) -> int:
    """Return the bytes that entries take with what is kept beside their values."""
    return size + ENTRY_OVERHEAD * entries


def policy(name: Any) -> Priorities:
    """Return a policy by its name; raise InvalidArgument that lists them for any other."""
    return POLICIES[choice(name, tuple(POLICIES), "eviction")]


def make_room(execute: Execute, limits: Limits, rank: Priorities, keep: int, now: float) -> list[Evicted]:
    """Remove entries until the limits hold, in the caller's transaction: expired ones first, then by priority.

    `keep` is the id of the entry being saved, which is never evicted for itself.
    """
    if not limits or not _over(execute, limits):
        return []
    return evict_to(execute, limits, rank, keep, now)


def evict_to(execute: Execute, limits: Limits, rank: Priorities, keep: int, now: float) -> list[Evicted]:
    """Remove expired entries, then those of lowest priority, until the limits hold; return what was evicted."""
    rank_anew(execute, rank)
    burials = Burials(execute, now, keep)
    evicted = [remove_entry(execute, burials, row, "ttl", now) for row in execute(EXPIRED, {"keep": keep, "now": now})]
    ((entries, size),) = execute(TOTALS, {})
    while limits.exceeded(entries, size):
        batch = execute(LOWEST_FIRST, {"keep": keep, "batch": BATCH})
        if not batch:
            break
        for row in batch:
            if limits.exceeded(entries, size):
                evicted.append(remove_entry(execute, burials, row, rank.name, now))
                entries, size = entries - 1, size - evicted[-1].size
                grow_older(execute, row[-1])
    return evicted


def remove_entry(execute: Execute, burials: Burials, row: Any, policy: str, now: float, limit: str = "") -> Evicted:
    """Remove an entry, given as a row of CANDIDATES. Its tombstone names the policy, and `limit` if there is one."""
    number, key, module, qualname, created, size, _ = row
    if policy == "ttl":
        burials.add(number, "expired")
    else:
        burials.add(number, "evicted", f"{policy}, for {limit}" if limit else policy)
    execute(DELETE_ENTRY, {"id": number})
    return Evicted(key.hex(), f"{module}.{qualname}", now - created, size, policy)


def grow_older(execute: Execute, priority: float) -> None:
    """Have new entries begin at the priority of one that was evicted, if they don't begin higher yet."""
    execute(GROW_OLDER, {"age": repr(priority)})


def rank_anew(execute: Execute, rank: Priorities) -> None:
    """Give every entry a priority of this policy, where another one ranked the store before."""
    rows = execute(GET_POLICY, {})
    if rows and rows[0][0] == rank.name:
        return
    if rows:
        execute(f"UPDATE entry SET priority = {FROM_COLUMNS[rank.name]}", {})
        execute(BE_YOUNG, {})
    execute(SET_POLICY, {"policy": rank.name})


def _over(execute: Execute, limits: Limits) -> bool:
    ((entries, size),) = execute(TOTALS, {})
    return limits.exceeded(entries, size)
