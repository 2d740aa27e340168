"""Opening an SQLite file: judging the path, creating it, setting it up once, and connecting.

A file that memostore did not make is never written to. Everything that can wait for another process is tried again
until a deadline, because SQLite answers BUSY at once to some of it, whatever the busy timeout.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

from memostore.errors import InvalidArgument, NewerSchema, NotAStore, OlderSchema, StoreError, StoreUnavailable
from memostore.schema import APPLICATION_ID, PAGE_SIZE, REVISION

__all__ = ["check_path", "connect", "connect_read_only", "prepare", "revision_of", "translated"]

T = TypeVar("T")

SETUP_PATIENCE = 30.0  # seconds for other processes that create or migrate the same file
FILE_ALONE = "?mode=ro&immutable=1"  # takes no lock, creates no file beside it, and sees no WAL
SMALLEST_DATABASE = 512  # bytes; SQLite would take a smaller file for an empty one, and overwrite it
CACHE_KIB = 8000
CHECKPOINT_PAGES = 4000  # measured at 4 KiB pages: an eighth less time a save than 1000, no call above 20 ms


@contextmanager
def translated(operation: str) -> Iterator[None]:
    """Turn the driver's errors into ours, once, with the operation's name."""
    try:
        yield
    except StoreError:
        raise
    except (sqlite3.Error, OSError, UnicodeDecodeError) as error:  # a damaged schema makes messages that are no text
        raise StoreUnavailable(f"{operation} failed: {error}") from error


def check_path(path: Path, read_only: bool) -> None:
    """Raise InvalidArgument for a path that no database can ever be at."""
    try:
        is_there = stat.S_IFMT(os.stat(path).st_mode) != 0
    except (FileNotFoundError, NotADirectoryError):
        is_there = False
    except PermissionError as error:
        raise InvalidArgument(f"path={str(path)!r} can't be reached: {error.strerror}. Name another file") from error
    except (OSError, ValueError) as error:
        raise InvalidArgument(f"path={str(path)!r} can't be used as a file's name: {error}") from error
    if path.is_dir():
        raise InvalidArgument(f"path={str(path)!r} is a directory: name a file in it, as {str(path / 'memo.db')!r}")
    if is_there and not path.is_file():
        raise InvalidArgument(f"path={str(path)!r} is not a regular file: name a database file")
    if is_there and not os.access(path, os.R_OK):
        raise InvalidArgument(f"path={str(path)!r} can't be read: permission denied. Allow it, or name another file")
    if not is_there and read_only:
        raise InvalidArgument(f"path={str(path)!r} does not exist: open it without read_only=True to create it")
    ancestor = next(parent for parent in path.absolute().parents if parent.exists())
    if not ancestor.is_dir():
        raise InvalidArgument(f"path={str(path)!r} lies below {str(ancestor)!r}, which is a file: name a directory")


def connect(target: str, timeout: float, read_only: bool) -> sqlite3.Connection:
    """Open one connection to a database that is set up, with the settings that go with a connection."""
    connection = sqlite3.connect(
        target, timeout=timeout, isolation_level=None, check_same_thread=False, uri=True, cached_statements=64
    )
    try:
        _configure(connection, read_only)
    except BaseException:
        connection.close()
        raise
    return connection


def _configure(connection: sqlite3.Connection, read_only: bool) -> None:
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    connection.execute("PRAGMA mmap_size = 0")  # with mmap, a truncated file kills the process
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA trusted_schema = OFF")
    if read_only:
        connection.execute("PRAGMA query_only = ON")
    else:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit = {CHECKPOINT_PAGES * PAGE_SIZE}")


def prepare(path: Path | None, target: str, timeout: float, read_only: bool) -> None:
    """Make sure that a store of the expected revision is there: create or migrate it where that is allowed."""
    if path is not None and _is_ready_on_disk(path, target, timeout):
        return
    if read_only:
        raise OlderSchema(f"{target} has to be migrated: open it once for writing, or run `memostore migrate`")
    with closing(_retry(lambda: connect(target, timeout, read_only=False))) as connection:
        if not _is_ready(connection, target):
            _retry(lambda: _set_up(connection, target))


def connect_read_only(path: Path, target: str, timeout: float) -> sqlite3.Connection:
    """Open a connection that writes nothing, and leaves the WAL of a writer that was killed as it is.

    Without a WAL, an ordinary connection is the one that leaves no files behind. Where SQLite can't write beside the
    file (a read-only directory), the file alone is read: nobody else can be writing to it either.
    """
    query = "?mode=ro" if _wal_of(path).exists() else ""
    connection = connect(target + query, timeout, read_only=True)
    try:
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        connection.close()
        if _primary_code(error) not in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
            raise
        return connect(target + FILE_ALONE, timeout, read_only=True)
    return connection


def _is_ready_on_disk(path: Path, target: str, timeout: float) -> bool:
    """Judge a file without touching it; a missing one is created, empty."""
    if not path.exists():
        _create_file(Path(os.path.realpath(path)))  # where a dangling link leads, if it is one
        return False
    size = path.stat().st_size
    if 0 < size < SMALLEST_DATABASE:
        raise NotAStore(f"{path} is not an SQLite database: name another file; this one is left as it is")
    return size > 0 and _judged(path, target, timeout)


def _judged(path: Path, target: str, timeout: float) -> bool:
    for query in ("?mode=ro", FILE_ALONE) if _wal_of(path).exists() else (FILE_ALONE,):
        try:
            with _not_a_database(target), closing(connect(target + query, timeout, read_only=True)) as connection:
                return _is_ready(connection, target)
        except sqlite3.OperationalError as error:
            if query == FILE_ALONE or _is_busy(error):
                raise
    return False


def _wal_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _make_directories(path: Path) -> None:
    """Make the missing directories of a path, each for its owner only: `parents=True` would go by the umask."""
    for directory in reversed([path, *path.parents]):
        if not directory.exists():
            directory.mkdir(mode=0o700, exist_ok=True)


@contextmanager
def _not_a_database(target: str) -> Iterator[None]:
    """Tell a file that is no database from one that can't be read at the moment."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if _primary_code(error) != sqlite3.SQLITE_NOTADB:
            raise
        raise NotAStore(f"{target} is not an SQLite database: name another file; this one is left as it is") from error


def _create_file(path: Path) -> None:
    """Create an empty file that only its owner can read; -wal and -shm will follow its mode."""
    _make_directories(path.parent)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0), 0o600))
    except FileExistsError:
        pass  # another process was first


def _is_ready(connection: sqlite3.Connection, target: str) -> bool:
    """Say whether the file is a store of the expected revision; raise if it can't become one."""
    (application_id,) = _retry(lambda: connection.execute("PRAGMA application_id").fetchone())
    if application_id == APPLICATION_ID:
        return _is_current(revision_of(connection), target)
    (objects,) = _retry(lambda: connection.execute("SELECT count(*) FROM sqlite_master").fetchone())
    if application_id or objects:
        raise NotAStore(f"{target} is a database of another program: name another file; this one is left as it is")
    return False


def revision_of(connection: sqlite3.Connection) -> str:
    """Return the revision that Alembic recorded."""
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0]) if row else ""


def _is_current(revision: str, target: str) -> bool:
    if revision == REVISION:
        return True
    from memostore.backends import migration  # slow: brings Alembic

    if not migration.is_known(revision):
        raise NewerSchema(
            f"{target} has revision {revision!r}, this memostore knows up to {REVISION!r}: upgrade memostore "
            f"(pip install -U memostore) or name another file; this one is left as it is"
        )
    return False


def _set_up(connection: sqlite3.Connection, target: str) -> None:
    """Create or migrate the tables in one transaction; whoever comes second finds the work done."""
    from memostore.backends import migration  # slow: brings Alembic

    connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL").fetchone()
    connection.execute("PRAGMA foreign_keys = OFF")  # a migration that replaces a table keeps what refers to it
    migration.set_up(connection, lambda: _is_ready(connection, target))


def _retry(action: Callable[[], T]) -> T:
    """Run action again while another process holds a lock, with growing pauses, until the deadline."""
    deadline = time.monotonic() + SETUP_PATIENCE
    pause = 0.001
    while True:
        try:
            return action()
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or time.monotonic() > deadline:
                raise
            time.sleep(pause)
            pause = min(pause * 2, 0.1)


def _is_busy(error: sqlite3.Error) -> bool:
    return _primary_code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _primary_code(error: sqlite3.Error) -> int:
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF
