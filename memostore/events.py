"""What happens in a store, as frozen records, and who is told.

A hook is any callable that takes one record. It is called after the fact (after the commit, for what is written),
in the thread where it happened. `Store.on` registers one; the hook that logs is there from the start.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

__all__ = ["EVENTS", "Event", "Evicted", "Fault", "Hit", "Hook", "Invalidated", "Miss", "Skipped", "Stored", "log"]

logger = logging.getLogger("memostore")
# Faults are given as warnings too; without a handler of the user's, logging would print them a second time.
logger.addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class Event:
    """The base of all records."""


@dataclass(frozen=True, slots=True)
class Hit(Event):
    """A stored result was returned. `age` and `saved` are seconds, `size` is bytes."""

    key: str
    function: str
    age: float
    size: int
    saved: float


@dataclass(frozen=True, slots=True)
class Miss(Event):
    """No stored result could be returned; `reason` says why in a word, and `detail` what more there is to say.

    The words are those of an `Explanation`, and "refresh".
    """

    key: str
    function: str
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Stored(Event):
    """A result was written. `size` is bytes, `seconds` what it took to compute."""

    key: str
    function: str
    size: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Skipped(Event):
    """A result was computed and returned, but not stored; `reason` says why."""

    key: str
    function: str
    reason: str


@dataclass(frozen=True, slots=True)
class Evicted(Event):
    """An entry gave way to others. `age` is seconds since it was stored, `size` is bytes."""

    key: str
    function: str
    age: float
    size: int
    policy: str


@dataclass(frozen=True, slots=True)
class Invalidated(Event):
    """Entries were removed because somebody asked; `by` says how."""

    count: int
    by: str


@dataclass(frozen=True, slots=True)
class Fault(Event):
    """Disk, lock or database failed during `operation`; the program went on without the cache."""

    operation: str
    error: str


Hook = Callable[[Any], object]

EVENTS: dict[str, type[Event]] = {
    kind.__name__: kind for kind in (Hit, Miss, Stored, Skipped, Evicted, Invalidated, Fault)
}

LEVELS: dict[type[Event], int] = {
    Hit: logging.DEBUG,
    Miss: logging.INFO,
    Stored: logging.DEBUG,
    Skipped: logging.INFO,
    Evicted: logging.INFO,
    Invalidated: logging.INFO,
    Fault: logging.WARNING,
}


def log(event: Event) -> None:
    """Write an event to the logger "memostore" as one line, its fields also as `record.memostore`."""
    level = LEVELS[type(event)]
    if logger.isEnabledFor(level):
        details = {field.name: getattr(event, field.name) for field in fields(event)}
        text = " ".join(f"{name}={_readable(value)}" for name, value in details.items() if value != "")
        logger.log(level, "%s %s", type(event).__name__.lower(), text, extra={"memostore": details})


def _readable(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
