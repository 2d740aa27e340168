"""Every default with its unit, and the reading of what people write: "7d", "2GB", a path, a URL."""

from __future__ import annotations

import math
import os
import re
import sys
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

from memostore.errors import InvalidArgument

__all__ = [
    "BUSY_TIMEOUT",
    "CODE_LEVELS",
    "COMPRESS_CHOICES",
    "ENTRY_OVERHEAD",
    "FLUSH_INTERVAL",
    "ON_ERROR_CHOICES",
    "SQL_TIME_LIMIT",
    "USES_KEPT",
    "choice",
    "count",
    "default_url",
    "duration",
    "flag",
    "is_disabled",
    "optional_duration",
    "optional_size",
    "size",
]

BUSY_TIMEOUT: Final = 2.0  # seconds to wait for another process's lock
USES_KEPT: Final = 100_000  # counted hits that wait where the file is locked
FLUSH_INTERVAL: Final = 0.5  # seconds a counted hit waits in memory; the promise is one second
SQL_TIME_LIMIT: Final = 30.0  # seconds for one Store.sql
ENTRY_OVERHEAD: Final = 320  # bytes of key, metadata and indexes beside a value, as max_size counts them
ON_ERROR_CHOICES: Final = ("compute", "raise")
COMPRESS_CHOICES: Final = ("auto", "never")
CODE_LEVELS: Final = ("deep", "body", "version")  # how much of a function's code counts

SECONDS: Final = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
BYTES: Final = {
    "b": 1, "kb": 1000, "mb": 1000**2, "gb": 1000**3, "tb": 1000**4,
    "kib": 1024, "mib": 1024**2, "gib": 1024**3, "tib": 1024**4,
}  # fmt: skip
AMOUNT: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]+)\s*")


def duration(value: Any, argument: str) -> float:
    """Return a span of time in seconds, from seconds, a timedelta, or text such as "90s", "15m", "12h", "7d", "2w".

    Raises InvalidArgument, naming `argument`, for anything else or a span below zero.

    >>> duration("1.5h", "ttl")
    5400.0
    """
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
    elif isinstance(value, str):
        seconds = _amount(value, SECONDS)
    else:
        seconds = _number(value)
    if not 0 <= seconds < math.inf:
        raise InvalidArgument(
            f"{argument}={value!r} is not a span of time: give seconds (0 or more), a timedelta, "
            f'or text such as "90s", "15m", "12h", "7d", "2w"'
        )
    return seconds


def optional_duration(value: Any, argument: str) -> float | None:
    """Return None for None, else a positive span of seconds as by `duration`."""
    if value is None:
        return None
    seconds = duration(value, argument)
    if seconds == 0:
        raise InvalidArgument(f"{argument}={value!r} is zero: give a time above 0, or None for no limit")
    return seconds


def size(value: Any, argument: str) -> int:
    """Return a number of bytes, from an integer or text such as "500kB", "20GB" (powers of 1000) or "2GiB" (of 1024).

    Raises InvalidArgument, naming `argument`, for anything else.

    >>> size("2GiB", "max_size")
    2147483648
    """
    amount = _amount(value, BYTES) if isinstance(value, str) else _number(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63:
        return value  # not by way of a float, which has 53 bits
    if not 0 <= amount < 2**63 or amount != int(amount):
        raise InvalidArgument(
            f"{argument}={value!r} is not a size: give a whole number of bytes (0 or more), "
            f'or text such as "500kB", "20GB", "2GiB"'
        )
    return int(amount)


def optional_size(value: Any, argument: str) -> int | None:
    """Return None for None, else a number of bytes above zero."""
    if value is None:
        return None
    return _above_zero(size(value, argument), value, argument)


def flag(value: Any, argument: str) -> bool:
    """Return True or False, and take nothing else for either."""
    if not isinstance(value, bool):
        raise InvalidArgument(f"{argument}={value!r} must be True or False")
    return value


def count(value: Any, argument: str) -> int | None:
    """Return None for None, else a whole number above zero."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgument(f"{argument}={value!r} is not a count: give a whole number above 0, or None for no limit")
    return _above_zero(value, value, argument)


def choice(value: Any, allowed: tuple[str, ...], argument: str) -> str:
    """Return value if it is one of the allowed words, else raise InvalidArgument that lists them."""
    if isinstance(value, str) and value in allowed:
        return value
    raise InvalidArgument(f"{argument}={value!r} is unknown: choose one of {', '.join(map(repr, allowed))}")


@cache
def is_disabled() -> bool:
    """Return whether MEMOSTORE_DISABLE says that nothing is to be memoized in this process. It is read once.

    Raises InvalidArgument for anything but "1", "0" and "".
    """
    value = os.environ.get("MEMOSTORE_DISABLE", "")
    if value not in ("1", "0", ""):
        raise InvalidArgument(f"MEMOSTORE_DISABLE={value!r} in the environment must be 1 or 0")
    return value == "1"


def default_url() -> str:
    """Return where the default store is: MEMOSTORE_URL, else memostore.db in the user's cache directory."""
    return os.environ.get("MEMOSTORE_URL") or str(_user_cache_directory() / "memostore" / "memostore.db")


def _user_cache_directory() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _above_zero(number: int, given: Any, argument: str) -> int:
    if number <= 0:
        raise InvalidArgument(f"{argument}={given!r} must be above 0 (None means no limit)")
    return number


def _amount(text: str, units: dict[str, Any]) -> float:
    match = AMOUNT.fullmatch(text)
    factor = units.get(match[2].lower()) if match else None
    # Decimal fractions of a unit ("1.1GB") are not exact in binary: round to a millionth of the smallest unit.
    return round(float(match[1]) * factor, 6) if match and factor else math.nan


def _number(value: Any) -> float:
    """Return a real number that is not a bool; nan, which no range check lets pass, for anything else."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value) if abs(value) < 2**63 else math.nan
    return math.nan
