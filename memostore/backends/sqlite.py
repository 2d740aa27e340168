"""The SQLite backend: one connection for each thread, and the statements of a hit, a save and a count."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from memostore.backends import sqlite_sql as sql
from memostore.backends.claims import Claims
from memostore.backends.connections import Connections, snapshot
from memostore.backends.protocol import Execute, NewEntry, Priorities, Row, Use, entry_id
from memostore.backends.sqlite_files import KeepsFiles, insert_files
from memostore.backends.sqlite_open import check_path, connect, connect_read_only, prepare, translated
from memostore.backends.sqlite_sandbox import run_sandboxed
from memostore.backends.sqlite_streams import KeepsStreams, adopt
from memostore.backends.sqlite_upkeep import LooksAfterFile
from memostore.errors import CorruptEntry, InvalidArgument, ReadOnlyStore, StoreClosed, StoreUnavailable
from memostore.fingerprint import CodeVersion
from memostore.tombstones import origin_id

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

__all__ = ["SQLiteBackend"]

T = TypeVar("T")

RETRY_AFTER = 1.0  # seconds after a failed opening before the next try
ORIGIN = ("", "")  # this process's origin among the known ids: no function has that name


class SQLiteBackend(KeepsFiles, KeepsStreams, LooksAfterFile):
    """Entries in an SQLite file, or with `path=None` in this process's memory."""

    def __init__(self, path: Path | None, *, timeout: float, read_only: bool, memory_name: str = "") -> None:
        self.path = path.absolute() if path is not None else None
        self.read_only = read_only
        self.timeout = timeout
        # memdb is SQLite's own shared memory database: unlike a shared cache, its locks honour the busy timeout.
        self.url = f"sqlite:///{self.path}" if self.path is not None else "sqlite://"
        self._target = self.path.as_uri() if self.path is not None else f"file:/{memory_name}?vfs=memdb"
        self._retry_at = 0.0
        self._ready = False
        self._closed = False
        self._engine: Engine | None = None
        self._ids: dict[tuple[str, str], int] = {}
        self._codes: WeakKeyDictionary[CodeVersion, int] = WeakKeyDictionary()
        self._connections = Connections(self._connect)
        self._claims = Claims(self.path)
        self.claim, self.give_back = self._claims.take, self._claims.give_back

    def open(self) -> None:
        """Create or migrate the database if need be; raise what is wrong with the path or the file."""
        if self.path is not None:
            check_path(self.path, self.read_only)
        self._prepare()

    def fetch(self, key: bytes) -> Row | None:
        """Return the row of a key, as one read outside any transaction."""
        try:
            found: Row | None = self._connections.get().execute(sql.FETCH, (entry_id(key),)).fetchone()
        except sqlite3.Error as error:
            if "UTF-8" in str(error):  # text that is none: the row is damaged, the store is not
                raise CorruptEntry(str(error)) from error
            raise StoreUnavailable(f"reading failed: {error}") from error
        return found if found is not None and found[0] == key else None

    def fetch_pieces(self, key: bytes) -> tuple[Row, Iterator[bytes]] | None:
        """Return the row of a key with its value's pieces, both from one moment."""
        connection = self._connections.get()
        with translated("reading"), snapshot(connection):
            row = connection.execute(sql.FETCH, (entry_id(key),)).fetchone()
            if row is None or row[0] != key:
                return None
            numbers = [number for (number,) in connection.execute(sql.CHUNKS, (entry_id(key),))]
            return row, iter([_blob(connection, number) for number in numbers])

    def totals_of(self, module: str, qualname: str) -> tuple[int, int, float]:
        """Return the number and bytes of one function's entries, and the seconds that its hits have saved."""
        with translated("reading"):
            found = self._connections.get().execute(sql.TOTALS_OF, (module, qualname)).fetchone()
        return found or (0, 0, 0.0)

    def size_of(self, key: bytes) -> int:
        """Return the stored bytes of one entry, 0 where there is none."""
        with translated("reading"):
            found = self._connections.get().execute(sql.SIZE_OF, (entry_id(key), key)).fetchone()
        return found[0] if found else 0

    def save(self, new: NewEntry, rank: Priorities, uses: list[Use], finish: Callable[[Any], T]) -> T:
        """Write an entry and count uses in one transaction; `finish` runs in it, before the commit."""
        with self._transaction("saving") as connection:
            self._count(connection, uses, rank)
            self._insert(connection, new, rank)
            return finish(sql.execute_on(connection))

    def facts(self, code: bytes) -> bytes | None:
        """Return what is remembered of a code object."""
        with translated("reading"):
            found = self._connections.get().execute(sql.FACTS, (code,)).fetchone()
        return found[0] if found else None

    def keep_facts(self, pairs: list[tuple[bytes, bytes]]) -> None:
        """Remember something of code objects; of too many, the oldest are dropped."""
        with self._transaction("saving") as connection:
            connection.executemany(sql.KEEP_FACTS, pairs)
            connection.execute(sql.DROP_FACTS)

    def enter_code(self, code: CodeVersion, seen: float) -> None:
        """Write down that a version of a function's code is in use."""
        with self._transaction("saving") as connection:
            self._code_id(connection, self._function_id(connection, code.module, code.qualname), code, seen)

    def touch(self, uses: list[Use], rank: Priorities) -> None:
        """Count buffered hits and misses."""
        with self._transaction("counting hits") as connection:
            self._count(connection, uses, rank)

    def look(self, run: Callable[[Execute], T]) -> T:
        """Run questions in one read transaction, on this thread's connection."""
        connection = self._connections.get()
        with translated("reading"), snapshot(connection):
            return run(sql.execute_on(connection))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield a SQLAlchemy connection in a read transaction."""
        with translated("reading"), self._sqlalchemy().connect() as connection, _sqlalchemy_errors("reading"):
            connection.exec_driver_sql("BEGIN")
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Yield a SQLAlchemy connection in a write transaction, committed at the end of the block."""
        self._refuse_read_only()
        with translated("writing"), self._sqlalchemy().connect() as connection, _sqlalchemy_errors("writing"):
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            connection.commit()

    def query(self, text: str, params: Any, time_limit: float) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Run a user's SQL on a connection of its own that can only read."""
        self._ensure_ready()
        with translated("reading"):
            separator = "&" if "?" in self._target else "?"
            return run_sandboxed(f"{self._target}{separator}mode=ro", text, params, time_limit, self.timeout)

    def release(self) -> None:
        """Close this thread's connection."""
        self._connections.release()

    def close(self) -> None:
        """Close this thread's connection; those of other threads end with them."""
        self._closed = True
        self._claims.close()
        self._connections.close()

    def _connect(self) -> sqlite3.Connection:
        self._ensure_ready()
        with translated("opening"):
            if self.read_only and self.path is not None:
                return connect_read_only(self.path, self._target, self.timeout)
            return connect(self._target, self.timeout, read_only=False)

    def _ensure_ready(self) -> None:
        if self._closed:
            raise StoreClosed(f"the store {self.url} has been closed: open it again")
        if not self._ready:
            if time.monotonic() < self._retry_at:
                raise StoreUnavailable(f"the store {self.url} could not be opened a moment ago")
            self._prepare()

    def _prepare(self) -> None:
        self._retry_at = time.monotonic() + RETRY_AFTER
        with translated("opening"):
            if self.path is None:
                self._connections.keep(connect(self._target, self.timeout, read_only=False))
            prepare(self.path, self._target, self.timeout, self.read_only)
        self._ready = True

    def _sqlalchemy(self) -> Engine:
        """Return the engine for queries, made at the first one: importing SQLAlchemy costs 140 ms."""
        if self._engine is None:
            from sqlalchemy import create_engine
            from sqlalchemy.pool import NullPool

            self._engine = create_engine("sqlite://", creator=self._connect, poolclass=NullPool)
        return self._engine

    @contextmanager
    def _transaction(self, operation: str) -> Iterator[sqlite3.Connection]:
        """Hold the write lock from the start: a read that turns into a write gets BUSY at once, with no waiting."""
        self._refuse_read_only()
        connection = self._connections.get()
        with translated(operation):
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                self._forget_ids()  # those taken in this transaction are gone with it
                raise

    def _refuse_read_only(self) -> None:
        if self.read_only:
            raise ReadOnlyStore(f"the store {self.url} was opened with read_only=True")

    def _insert(self, connection: sqlite3.Connection, new: NewEntry, rank: Priorities) -> None:
        """Insert the entry, with the rows that it refers to; ids that are known no longer hold are looked up again."""
        try:
            self._insert_entry(connection, new, rank)
        except sqlite3.IntegrityError:
            self._forget_ids()
            connection.execute(sql.DELETE_ENTRY, (entry_id(new.key),))
            self._insert_entry(connection, new, rank)

    def _insert_entry(self, connection: sqlite3.Connection, new: NewEntry, rank: Priorities) -> None:
        payload, number, code = new.payload, entry_id(new.key), new.code
        inline = payload.inline
        function_id = self._function_id(connection, code.module, code.qualname)
        code_id = self._code_id(connection, function_id, code, new.created)
        connection.execute(
            sql.insert_entry(rank.on_save),
            {
                "id": number, "key": new.key, "function_id": function_id, "code_id": code_id,
                "origin_id": self._origin_id(connection), "created": new.created, "expires": new.expires,
                "refresh_at": new.refresh_at, "size": payload.size, "compute_seconds": new.compute_seconds,
                "codec": payload.codec, "checksum": new.checksum, "arguments": new.arguments, "value": inline,
            },
        )  # fmt: skip
        if inline is None:
            connection.executemany(sql.INSERT_CHUNK, ((number, place, p) for place, p in enumerate(payload.pieces)))
        if new.tags:
            connection.executemany(sql.INSERT_TAG, ((number, tag) for tag in new.tags))
        if new.files:
            insert_files(connection, number, new.files)
        if new.recording is not None:
            adopt(connection, number, new.recording)

    def _function_id(self, connection: sqlite3.Connection, module: str, qualname: str) -> int:
        known = self._ids.get((module, qualname))
        if known is None:
            connection.execute(sql.INSERT_FUNCTION, (module, qualname))
            (known,) = connection.execute(sql.FUNCTION_ID, (module, qualname)).fetchone()
            self._ids[module, qualname] = known
        return known

    def _code_id(self, connection: sqlite3.Connection, function_id: int, code: CodeVersion, seen: float) -> int:
        known = self._codes.get(code)
        if known is None:
            row = (function_id, code.fingerprint, sql.version_in(code.manifest))
            connection.execute(sql.INSERT_CODE, (*row, code.source, code.manifest, seen))
            (known,) = connection.execute(sql.CODE_ID, row).fetchone()
            self._codes[code] = known
        return known

    def _origin_id(self, connection: sqlite3.Connection) -> int:
        known = self._ids.get(ORIGIN)
        if known is None:
            known = self._ids[ORIGIN] = origin_id(sql.execute_on(connection))
        return known

    def _forget_ids(self) -> None:
        self._ids.clear()
        self._codes.clear()

    def _count(self, connection: sqlite3.Connection, uses: list[Use], rank: Priorities) -> None:
        if not uses:
            return
        hits, days = sql.summed(uses)
        connection.executemany(
            sql.TOUCH.format(priority=rank.on_hit),
            ({"id": entry_id(key), "key": key, "hits": n, "last": last} for key, (n, last) in hits.items()),
        )
        for (module, qualname, day), counts in days.items():
            connection.execute(sql.COUNT_DAY, (self._function_id(connection, module, qualname), day, *counts))


@contextmanager
def _sqlalchemy_errors(operation: str) -> Iterator[None]:
    """Translate what SQLAlchemy wraps around a driver's error; its errors about the user's expression pass."""
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except DBAPIError as error:
        if getattr(error.orig, "sqlite_errorcode", 0) == sqlite3.SQLITE_ERROR:
            raise InvalidArgument(f"where= can't be run: {error.orig}") from error
        raise StoreUnavailable(f"{operation} failed: {error.orig}") from error
    except (OverflowError, UnicodeError) as error:
        raise InvalidArgument(f"where= or another filter has a value that no column can hold: {error}") from error


def _blob(connection: sqlite3.Connection, number: int) -> bytes:
    with connection.blobopen("chunk", "data", number, readonly=True) as blob:
        return blob.read()
