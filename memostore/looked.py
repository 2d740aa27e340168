"""What passes between a map and the memoized function that it calls: what is stored, and what a worker came to."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["Called", "Looked"]


class Looked(NamedTuple):
    """What is stored for a call: a value, if it is a hit. The key is None where none is taken.

    A value that `is_large` is there, but has not been read.
    """

    key: bytes | None
    is_hit: bool = False
    value: Any = None
    is_large: bool = False


class Called(NamedTuple):
    """What a job came to. With a key, the value was computed where the asker's store is not, and is stored nowhere."""

    value: Any
    key: str = ""
    seconds: float = 0.0
