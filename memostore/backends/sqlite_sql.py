"""The SQLite backend's statements, each written once. Prepared by the driver, which keeps them for each connection."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from functools import cache
from typing import Any

from memostore.backends.protocol import Execute, Use
from memostore.fingerprint import CodeVersion

__all__ = ["execute_on", "insert_entry", "summed", "version_in"]

EPOCH = date(1970, 1, 1)
SECONDS_A_DAY = 86400

# The key is compared by the caller: a second parameter costs more than a column.
FETCH = "SELECT key, value, checksum, codec, created, expires, compute_seconds, refresh_at FROM entry WHERE id = ?"

FACTS = "SELECT facts FROM facts WHERE code = ?"
KEEP_FACTS = "INSERT OR IGNORE INTO facts (code, facts) VALUES (?, ?)"
DROP_FACTS = "DELETE FROM facts WHERE id <= (SELECT max(id) FROM facts) - 20000"

TOTALS_OF = """
SELECT entries, bytes, coalesce((SELECT sum(seconds_saved) FROM daily WHERE function_id = function.id), 0.0)
FROM function WHERE module = ? AND qualname = ?
"""

SIZE_OF = "SELECT size FROM entry WHERE id = ? AND key = ?"

CHUNKS = "SELECT id FROM chunk WHERE entry_id = ? ORDER BY position"

INSERT_ENTRY = """
INSERT INTO entry (id, key, function_id, code_id, origin_id, created, expires, refresh_at, size, compute_seconds,
                   priority, codec, checksum, arguments, value)
VALUES (:id, :key, :function_id, :code_id, :origin_id, :created, :expires, :refresh_at, :size, :compute_seconds,
        {priority}, :codec, :checksum, :arguments, :value)
"""

DELETE_ENTRY = "DELETE FROM entry WHERE id = ?"

INSERT_CHUNK = "INSERT INTO chunk (entry_id, position, data) VALUES (?, ?, ?)"

INSERT_TAG = "INSERT INTO tag (entry_id, name) VALUES (?, ?) ON CONFLICT DO NOTHING"

INSERT_FUNCTION = "INSERT INTO function (module, qualname) VALUES (?, ?) ON CONFLICT DO NOTHING"

FUNCTION_ID = "SELECT id FROM function WHERE module = ? AND qualname = ?"

INSERT_CODE = """
INSERT INTO code (function_id, fingerprint, version, source, manifest, first_seen) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING
"""

CODE_ID = "SELECT id FROM code WHERE function_id = ? AND fingerprint = ? AND version = ?"

TOUCH = """
UPDATE entry SET hit_count = hit_count + :hits, last_hit = max(coalesce(last_hit, :last), :last), priority = {priority}
WHERE id = :id AND key = :key
"""

COUNT_DAY = """
INSERT INTO daily (function_id, day, hits, misses, seconds_saved) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (function_id, day) DO UPDATE SET hits = hits + excluded.hits, misses = misses + excluded.misses,
                                             seconds_saved = seconds_saved + excluded.seconds_saved
"""

Hits = dict[bytes, tuple[int, float]]
Days = dict[tuple[str, str, str], tuple[int, int, float]]


@cache
def insert_entry(priority: str) -> str:
    """Return INSERT_ENTRY with a policy's expression in it."""
    return INSERT_ENTRY.format(priority=priority)


def summed(uses: Iterable[Use]) -> tuple[Hits, Days]:
    """Sum uses: per key (hits, last hit), in the order of last use; per function and day (hits, misses, saved)."""
    hits: Hits = {}
    by_number: defaultdict[tuple[CodeVersion, float], list[float]] = defaultdict(lambda: [0, 0, 0.0])
    for version, when, key, saved in uses:
        counts = by_number[version, when // SECONDS_A_DAY]
        if key is None:
            counts[1] += 1
            continue
        counts[0] += 1
        counts[2] += saved
        n, last = hits.pop(key, (0, when))
        hits[key] = (n + 1, max(last, when))
    days: Days = {}
    for (version, number), (n_hits, n_misses, saved) in by_number.items():
        name = (version.module, version.qualname, day_of(number))
        before = days.get(name, (0, 0, 0.0))
        days[name] = (before[0] + int(n_hits), before[1] + int(n_misses), before[2] + saved)
    return hits, days


def day_of(number: float) -> str:
    """Return the date of a UTC day by its number; a clock that shows no calendar's day counts on the last or first."""
    try:
        return (EPOCH + timedelta(days=number)).isoformat()
    except (ValueError, OverflowError):
        return (date.max if number > 0 else date.min).isoformat()


def execute_on(connection: sqlite3.Connection) -> Execute:
    """Return what runs one statement on a connection and returns its rows."""

    def execute(text: str, params: Mapping[str, Any]) -> list[Any]:
        return connection.execute(text, params).fetchall()

    return execute


def version_in(manifest: str) -> str:
    """Return the repr of version= that a manifest names."""
    version = json.loads(manifest).get("version")
    return "None" if version is None else str(version)
