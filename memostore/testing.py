"""For tests of your own code: a store in memory, a clock to turn, and fixtures for pytest.

In a `conftest.py` at the top of your tests, `pytest_plugins = ["memostore.testing"]` gives all tests the fixtures
`memo_store` and `memo_clock`; `from memostore.testing import memo_clock, memo_store` gives them to one directory.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import memostore.config as config
from memostore.default import replaced_default
from memostore.errors import InvalidArgument, MissingExtra
from memostore.store import Store

__all__ = ["Clock", "fresh_default", "memo_clock", "memo_store", "memory_store"]

START: Final = datetime(2000, 1, 1, tzinfo=UTC)


class Clock:
    """A clock that stands still until it is turned. A store takes it as `clock=`.

    >>> clock = Clock()
    >>> store = Store(":memory:", clock=clock)
    >>> store.put("a", 1, ttl="1h")
    >>> clock.advance("2h")
    >>> store.get("a") is None
    True
    """

    def __init__(self, now: datetime | float = START) -> None:
        self.set(now)

    def __call__(self) -> float:
        """Return the seconds since 1970."""
        return self._seconds

    @property
    def now(self) -> datetime:
        """The time that the clock shows, in UTC."""
        return datetime.fromtimestamp(self._seconds, UTC)

    def advance(self, by: float | str | timedelta) -> None:
        """Turn the clock forward, by seconds, a timedelta or text such as "1d".

        Raises InvalidArgument for what is no span of time, or below zero.
        """
        self._seconds += config.duration(by, "by")

    def set(self, now: datetime | float) -> None:
        """Turn the clock to a time, also back: a datetime with a time zone, or seconds since 1970.

        Raises InvalidArgument for anything else.
        """
        self._seconds = _seconds(now)

    def __repr__(self) -> str:
        return f"Clock({self.now.isoformat()})"


def _seconds(now: Any) -> float:
    try:
        if isinstance(now, datetime) and now.tzinfo is not None:
            return now.timestamp()
        return datetime.fromtimestamp(now if type(now) is not bool else math.nan, UTC).timestamp()
    except (TypeError, ValueError, OverflowError, OSError) as error:
        text = f"now={now!r} must be a datetime with a time zone, or seconds since 1970"
        raise InvalidArgument(text) from error


def memory_store(clock: Callable[[], float] | None = None, **options: Any) -> Store:
    """Return an empty store in memory, whose faults are raised; with a `Clock` of its own unless one is given.

    `options` are those of `Store`. Raises InvalidArgument for one that can't be used.

    >>> with memory_store() as store:
    ...     store.put("a", 1)
    ...     store.find()[0].created.year
    2000
    """
    return Store(":memory:", **{"on_error": "raise", "clock": clock or Clock(), **options})


@contextmanager
def fresh_default(clock: Callable[[], float] | None = None, **options: Any) -> Iterator[Store]:
    """Let a `memory_store` be the default store, that of `memostore.memoize`, in a `with` block.

    Functions that were called before begin anew with it, in all threads of the process. At the end of the block,
    however that ends, it is closed, and they go on where they were. Parameters as of `memory_store`.

    >>> import memostore
    >>> with fresh_default() as store:
    ...     memostore.default_store() is store
    True
    """
    with memory_store(clock, **options) as store, replaced_default(store):
        yield store


def _memo_clock() -> Clock:
    """Return the clock of `memo_store`, at the start of the year 2000 until it is turned."""
    return Clock()


def _memo_store(memo_clock: Clock) -> Iterator[Store]:
    """Let an empty store in memory be the default store in a test."""
    with fresh_default(memo_clock) as store:
        yield store


_FIXTURES: Final[dict[str, Callable[..., Any]]] = {"memo_clock": _memo_clock, "memo_store": _memo_store}


def _fixture(name: str) -> Any:
    """Return a fixture, made when it is asked for: without pytest, the rest of this module works."""
    if name not in _FIXTURES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        import pytest
    except ImportError as error:
        raise MissingExtra(f"the fixture {name} needs pytest: pip install pytest") from error
    made = globals()[name] = pytest.fixture(name=name)(_FIXTURES[name])
    return made


def __dir__() -> list[str]:
    """List the fixtures where pytest is in use, which finds them by this; elsewhere they can't be made."""
    return sorted({*globals(), *(_FIXTURES if "pytest" in sys.modules else ())})


if TYPE_CHECKING:
    memo_clock: Any
    memo_store: Any
else:
    __getattr__ = _fixture
