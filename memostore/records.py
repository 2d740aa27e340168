"""What a store tells about itself: entries, functions and totals, as frozen records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

__all__ = ["Entry", "FunctionStats", "Stats", "StoredCall"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored result, without the result itself. Times are in UTC; `size` is bytes as stored.

    `host` is the computer that stored it, None where an older memostore did. From `refresh_at` on, a hit has it
    computed anew in the background.
    """

    key: str
    function: str
    module: str
    qualname: str
    code: str
    arguments: dict[str, Any] | None
    tags: tuple[str, ...]
    created: datetime
    expires: datetime | None
    last_hit: datetime | None
    hit_count: int
    size: int
    compute_seconds: float
    codec: str
    host: str | None = None
    refresh_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredCall:
    """One stored call of a function with its result. Times are in UTC; `size` is bytes as stored.

    `arguments` are as they are shown, long ones shortened. `result` is a copy of its own, None where it was not asked
    for, or where an `error` is stored.
    """

    arguments: dict[str, Any]
    result: Any
    error: BaseException | None
    created: datetime
    compute_seconds: float
    size: int
    hit_count: int
    tags: tuple[str, ...]
    key: str
    code: str


@dataclass(frozen=True, slots=True)
class FunctionStats:
    """One function's share: `entries` and `size` (bytes) are what is stored now, the rest is its whole history.

    `compute_seconds` is what the stored results took to compute; `saved_seconds` what hits did not have to.
    """

    function: str
    module: str
    qualname: str
    entries: int
    size: int
    hits: int
    misses: int
    saved_seconds: float
    compute_seconds: float
    first_seen: datetime | None
    last_hit: datetime | None
    versions: int


@dataclass(frozen=True, slots=True)
class Stats:
    """A store's totals. `size` is the bytes of all values, `file_size` those of the database file and its WAL.

    `compute_seconds` is what the stored results took to compute; `saved_seconds` what hits did not have to.
    """

    entries: int
    size: int
    functions: int
    hits: int
    misses: int
    saved_seconds: float
    compute_seconds: float
    file_size: int
