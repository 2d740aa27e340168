"""The side of the SQLite backend that keeps long streams: recordings, piece by piece, each in a transaction of its own.

So neither the write lock is held, nor the write-ahead log grows, for as long as a stream takes.
"""

from __future__ import annotations

import sqlite3
from contextlib import AbstractContextManager

from memostore.backends.connections import Connections
from memostore.backends.sqlite_open import translated
from memostore.errors import StoreUnavailable

__all__ = ["KeepsStreams", "adopt"]

INSERT_RECORDING = "INSERT INTO recording (touched) VALUES (?)"
TOUCH = "UPDATE recording SET touched = ? WHERE id = ? AND entry_id IS NULL"
INSERT_PIECE = "INSERT INTO piece (recording_id, position, checksum, data) VALUES (?, ?, ?, ?)"
PIECE = "SELECT checksum, data FROM piece WHERE recording_id = ? AND position = ?"
ADOPT = "UPDATE recording SET entry_id = ? WHERE id = ? AND entry_id IS NULL"
DROP = "DELETE FROM recording WHERE id = ? AND entry_id IS NULL"
DROP_OLD = "DELETE FROM recording WHERE touched < ? AND entry_id IS NULL"
GONE = "the recording has been removed meanwhile"


class KeepsStreams:
    """Recordings in an SQLite file."""

    _connections: Connections

    def _transaction(self, operation: str) -> AbstractContextManager[sqlite3.Connection]:
        raise NotImplementedError

    def record(self, recording: int | None, position: int, checksum: bytes, data: bytes, now: float) -> int:
        """Write a piece of a recording, a new one for None, in a transaction of its own; return the recording."""
        with self._transaction("saving") as connection:
            if recording is None:
                recording = connection.execute(INSERT_RECORDING, (now,)).lastrowid or 0
            elif not connection.execute(TOUCH, (now, recording)).rowcount:
                raise StoreUnavailable(GONE)
            connection.execute(INSERT_PIECE, (recording, position, checksum, data))
            return recording

    def recorded(self, recording: int, position: int) -> tuple[bytes, bytes] | None:
        """Return checksum and data of a piece of a recording, None where there is none."""
        with translated("reading"):
            found: tuple[bytes, bytes] | None
            found = self._connections.get().execute(PIECE, (recording, position)).fetchone()
            return found

    def forget_recordings(self, given_up: list[int], before: float) -> None:
        """Remove recordings without an entry: those that were given up, and those last written before a time."""
        with self._transaction("saving") as connection:
            connection.executemany(DROP, [(number,) for number in given_up])
            connection.execute(DROP_OLD, (before,))


def adopt(connection: sqlite3.Connection, entry: int, recording: int) -> None:
    """Let a recording be an entry's, in the transaction that saves it."""
    if not connection.execute(ADOPT, (entry, recording)).rowcount:
        raise StoreUnavailable(GONE)
