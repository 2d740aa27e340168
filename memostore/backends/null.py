"""The backend of `Store(None)`: finds nothing, keeps nothing, and answers every question with nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from memostore.backends.protocol import Execute, Health, NewEntry, Priorities, Row, Use
from memostore.backends.sqlite import SQLiteBackend
from memostore.fingerprint import CodeVersion
from memostore.read_files import ReadFile
from memostore.schema import REVISION

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["NullBackend"]

T = TypeVar("T")


class NullBackend:
    """Remembers nothing. Questions are asked of an empty database in memory, made when the first one comes."""

    url = ""
    path: Path | None = None
    read_only = False

    def __init__(self) -> None:
        self._empty: SQLiteBackend | None = None

    def open(self) -> None:
        """Open nothing."""

    def fetch(self, key: bytes) -> Row | None:
        """Return None: nothing is there."""

    def fetch_pieces(self, key: bytes) -> tuple[Row, Iterator[bytes]] | None:
        """Return None: nothing is there."""

    def fetch_with_files(self, key: bytes) -> tuple[Row | None, list[ReadFile]]:
        """Return nothing: nothing is there."""
        return None, []

    def claim(self, key: bytes) -> bool:
        """Return True: nobody else is there."""
        return True

    def give_back(self, key: bytes) -> None:
        """Do nothing."""

    def record(self, recording: int | None, position: int, checksum: bytes, data: bytes, now: float) -> int:
        """Write nothing."""
        return 0

    def recorded(self, recording: int, position: int) -> tuple[bytes, bytes] | None:
        """Return None."""

    def forget_recordings(self, given_up: list[int], before: float) -> None:
        """Do nothing."""

    def totals_of(self, module: str, qualname: str) -> tuple[int, int, float]:
        """Return zeros."""
        return 0, 0, 0.0

    def size_of(self, key: bytes) -> int:
        """Return 0."""
        return 0

    def save(self, new: NewEntry, rank: Priorities, uses: list[Use], finish: Callable[[Any], T]) -> T:
        """Save nothing."""
        return finish(lambda _text, _params: [])

    def facts(self, code: bytes) -> bytes | None:
        """Return None."""

    def keep_facts(self, pairs: list[tuple[bytes, bytes]]) -> None:
        """Remember nothing."""

    def enter_code(self, code: CodeVersion, seen: float) -> None:
        """Write nothing."""

    def touch(self, uses: list[Use], rank: Priorities) -> None:
        """Count nothing."""

    def look(self, run: Callable[[Execute], T]) -> T:
        """Run questions on an empty store."""
        return self._database().look(run)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield a connection to an empty store."""
        with self._database().reading() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Yield a connection to an empty store."""
        with self._database().writing() as connection:
            yield connection

    def query(self, text: str, params: Any, time_limit: float) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Run a query on an empty store."""
        return self._database().query(text, params, time_limit)

    def revision(self) -> str:
        """Return the revision that this code expects."""
        return REVISION

    def health(self) -> Health:
        """Return the state of an empty store."""
        return self._database().health()

    def size_on_disk(self) -> int:
        """Return 0."""
        return 0

    def vacuum(self) -> int:
        """Return 0."""
        return 0

    def release(self) -> None:
        """Let go of nothing."""

    def close(self) -> None:
        """Close the empty database, if a question has made it."""
        if self._empty is not None:
            self._empty.close()

    def _database(self) -> SQLiteBackend:
        if self._empty is None:
            self._empty = SQLiteBackend(None, timeout=1.0, read_only=False, memory_name=f"memostore-null-{id(self)}")
            self._empty.open()
        return self._empty
