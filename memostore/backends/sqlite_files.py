"""The side of the SQLite backend that keeps which files a call has read, beside its entry."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from memostore.backends.connections import Connections, snapshot
from memostore.backends.protocol import Row, entry_id
from memostore.backends.sqlite_open import translated
from memostore.read_files import ReadFile

__all__ = ["KeepsFiles", "insert_files"]

INSERT_FILE = "INSERT INTO read_file (entry_id, path, content, status) VALUES (?, ?, ?, ?)"
FILES = "SELECT path, content, status FROM read_file WHERE entry_id = ?"


class KeepsFiles:
    """What `SQLiteBackend` does with the files that calls have read."""

    _connections: Connections

    def fetch(self, key: bytes) -> Row | None:
        """Return the row of a key."""
        raise NotImplementedError

    def fetch_with_files(self, key: bytes) -> tuple[Row | None, list[ReadFile]]:
        """Return the row of a key and the files that the call has read, both from one moment."""
        connection = self._connections.get()
        with translated("reading"), snapshot(connection):
            row = self.fetch(key)
            files = connection.execute(FILES, (entry_id(key),)).fetchall() if row is not None else []
        return row, [ReadFile.stored(*file) for file in files]


def insert_files(connection: sqlite3.Connection, number: int, files: Iterable[ReadFile]) -> None:
    """Insert the files of an entry, by its row number."""
    rows = ((number, file.path, file.content, file.status_text) for file in files)
    connection.executemany(INSERT_FILE, rows)
