"""One SQLite connection for each thread, closed when the thread ends, and none carried across a fork.

SQLite forbids a child even to close a connection that its parent opened: closing could checkpoint or remove a WAL
that the parent is using. So a child takes one more reference to each and never gives it back, and opens its own.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Connections", "release_thread", "snapshot"]


class _Holder:
    """Holds a thread's connection; the thread's end lets go of it, which closes the connection.

    In a forked child, the end of the parent's other threads comes before any hook: there the connection is put aside.
    """

    __slots__ = ("__weakref__", "connection", "process")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.process = os.getpid()

    def __del__(self) -> None:
        if self.process == os.getpid():
            self.connection.close()
        else:
            INHERITED.append(self.connection)


INHERITED: list[sqlite3.Connection] = []


class Connections:
    """The open connections of one backend in this process."""

    _local: threading.local

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._kept: list[_Holder] = []
        self._retired: list[threading.local] = []  # kept alive: to free one is to close what other threads may be using
        self._start_anew()
        LIVING.add(self)

    def get(self) -> sqlite3.Connection:
        """Return this thread's connection, opened at its first use."""
        try:
            return self._local.holder.connection  # type: ignore[no-any-return]
        except AttributeError:
            return self._add(self._connect())

    def keep(self, connection: sqlite3.Connection) -> None:
        """Hold a connection open until close(), whatever threads end."""
        self._kept.append(_Holder(connection))

    def release(self) -> None:
        """Close this thread's connection; the next use opens another."""
        holder = self._local.__dict__.pop("holder", None)
        if holder is not None:
            holder.connection.close()

    def close(self) -> None:
        """Close this thread's connection, and leave those of other threads to their ends.

        A connection that another thread is using must not be closed under it: SQLite would crash the process.
        """
        self.release()
        self._retired.append(self._local)
        self._local = threading.local()
        self._kept.clear()

    def park(self) -> None:
        """In a forked child: abandon what the parent opened, without closing it."""
        INHERITED.extend(holder.connection for holder in [*self._open, *self._kept])
        self._kept = []
        self._start_anew()

    def _start_anew(self) -> None:
        self._lock = threading.Lock()
        self._local = threading.local()
        self._open: weakref.WeakSet[_Holder] = weakref.WeakSet()

    def _add(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        holder = _Holder(connection)
        with self._lock:
            self._open.add(holder)
        self._local.holder = holder
        return connection


@contextmanager
def snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """Read in one transaction: all that is read is of one moment."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("COMMIT")


LIVING: weakref.WeakSet[Connections] = weakref.WeakSet()


def release_thread() -> None:
    """Close this thread's connections, of all backends: what lives long and works seldom should hold no file open."""
    for connections in list(LIVING):
        connections.release()


def _park_all() -> None:
    for connections in list(LIVING):
        connections.park()
    if INHERITED:
        _never_free(INHERITED)


def _never_free(connections: list[sqlite3.Connection]) -> None:
    """Leak a reference to each, so that not even the interpreter's end closes them."""
    import ctypes  # slow, and only a forked child needs it

    for connection in connections:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_park_all)
