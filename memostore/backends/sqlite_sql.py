"""The SQLite backend's statements, each written once. Prepared by the driver, which keeps them for each connection."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime

from memostore.backends.protocol import Use

__all__ = ["summed"]

FETCH = "SELECT value, checksum, codec, created, expires, compute_seconds FROM entry WHERE id = ? AND key = ?"

TOTALS_OF = "SELECT entries, bytes FROM function WHERE module = ? AND qualname = ?"

SIZE_OF = "SELECT size FROM entry WHERE id = ? AND key = ?"

CHUNKS = "SELECT id FROM chunk WHERE entry_id = ? ORDER BY position"

INSERT_ENTRY = """
INSERT INTO entry (id, key, function_id, code_id, created, expires, size, compute_seconds, priority,
                   codec, checksum, arguments, value)
VALUES (:id, :key, :function_id, :code_id, :created, :expires, :size, :compute_seconds, {priority},
        :codec, :checksum, :arguments, :value)
"""

DELETE_ENTRY = "DELETE FROM entry WHERE id = ?"

INSERT_CHUNK = "INSERT INTO chunk (entry_id, position, data) VALUES (?, ?, ?)"

INSERT_TAG = "INSERT INTO tag (entry_id, name) VALUES (?, ?) ON CONFLICT DO NOTHING"

INSERT_FUNCTION = "INSERT INTO function (module, qualname) VALUES (?, ?) ON CONFLICT DO NOTHING"

FUNCTION_ID = "SELECT id FROM function WHERE module = ? AND qualname = ?"

INSERT_CODE = """
INSERT INTO code (function_id, fingerprint, source, manifest, first_seen) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""

CODE_ID = "SELECT id FROM code WHERE function_id = ? AND fingerprint = ?"

TOUCH = """
UPDATE entry SET hit_count = hit_count + :hits, last_hit = max(coalesce(last_hit, :last), :last), priority = {priority}
WHERE id = :id AND key = :key
"""

COUNT_DAY = """
INSERT INTO daily (function_id, day, hits, misses, seconds_saved) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (function_id, day) DO UPDATE SET hits = hits + excluded.hits, misses = misses + excluded.misses,
                                             seconds_saved = seconds_saved + excluded.seconds_saved
"""

PAGES = "SELECT page_count, page_size FROM pragma_page_count, pragma_page_size"

Hits = dict[bytes, tuple[int, float]]
Days = dict[tuple[str, str, str], tuple[int, int, float]]


def summed(uses: Iterable[Use]) -> tuple[Hits, Days]:
    """Sum uses: per key (hits, last hit), in the order of last use; per function and day (hits, misses, saved)."""
    hits: Hits = {}
    days: defaultdict[tuple[str, str, str], tuple[int, int, float]] = defaultdict(lambda: (0, 0, 0.0))
    for use in uses:
        day = (use.module, use.qualname, day_of(use.when))
        n_hits, n_misses, saved = days[day]
        if use.key is None:
            days[day] = (n_hits, n_misses + 1, saved)
        else:
            days[day] = (n_hits + 1, n_misses, saved + use.saved)
            n, last = hits.pop(use.key, (0, use.when))
            hits[use.key] = (n + 1, max(last, use.when))
    return hits, dict(days)


def day_of(when: float) -> str:
    """Return the UTC day of a time; a clock that shows no calendar's day counts on the last or first that there is."""
    try:
        return datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%d")
    except (ValueError, OverflowError, OSError):
        return "9999-12-31" if when > 0 else "0001-01-01"
