"""The side of the SQLite backend that looks after the file: its revision, health and size, and the space in it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from memostore.backends.connections import Connections
from memostore.backends.protocol import Health
from memostore.backends.sqlite_health import health_of
from memostore.backends.sqlite_open import revision_of, translated

__all__ = ["LooksAfterFile"]

PAGES = "SELECT page_count, page_size FROM pragma_page_count, pragma_page_size"


class LooksAfterFile:
    """The file of an SQLite store."""

    path: Path | None
    _connections: Connections

    def _refuse_read_only(self) -> None:
        raise NotImplementedError

    def revision(self) -> str:
        """Return the schema's revision."""
        with translated("reading"):
            return revision_of(self._connections.get())

    def health(self) -> Health:
        """Return the state of the file, after SQLite's quick check of it."""
        with translated("checking"):
            return health_of(self._connections.get(), self.path)

    def size_on_disk(self) -> int:
        """Return the bytes of the file with its WAL; of a database in memory, those of its pages."""
        if self.path is None:
            with translated("reading"):
                ((pages, size),) = self._connections.get().execute(PAGES).fetchall()
                return int(pages * size)
        beside = (self.path, self.path.with_name(self.path.name + "-wal"))
        return sum(path.stat().st_size for path in beside if path.exists())

    def vacuum(self) -> int:
        """Give free pages back; return how many bytes the database has shrunk by."""
        self._refuse_read_only()
        connection = self._connections.get()
        with translated("vacuum"):
            before = self._checkpointed_size(connection)
            connection.executescript("PRAGMA incremental_vacuum")  # execute() would stop after one page
            return max(0, before - self._checkpointed_size(connection))

    @staticmethod
    def _checkpointed_size(connection: sqlite3.Connection) -> int:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        ((pages, size),) = connection.execute(PAGES).fetchall()
        return int(pages * size)
