"""Raw sqlite3: the one statement that a hit or a miss cannot do without, on a table with our columns.

No secondary indexes, no triggers, no counters, the key ready made: what is measured above it is what memostore adds.
"""

from __future__ import annotations

import hashlib
import pickle
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.work import Pair, multiply

NAME = "sqlite3"
COLUMNS = (
    "key, function_id, code_id, created, expires, last_hit, hit_count, size, compute_seconds, priority, codec, "
    "checksum, arguments, value"
)
TABLE = f"""CREATE TABLE result (
    {COLUMNS.replace("key,", "key BLOB PRIMARY KEY,")}
)"""
SELECT = "SELECT value FROM result WHERE key = ?"
INSERT = f"INSERT INTO result ({COLUMNS}) VALUES ({', '.join('?' * len(COLUMNS.split(',')))})"


def connect(directory: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(directory / "raw.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(TABLE)
    return connection


def row(pair: Pair) -> tuple[Any, ...]:
    """Return the row of a call: of the size and the types that ours has."""
    a, b = pair
    value = pickle.dumps(multiply(a, b), 5)
    key = hashlib.blake2b(f"{a},{b}".encode(), digest_size=32).digest()
    now = time.time()
    return (key, 1, 1, now, now + 6e5, None, 0, len(value), 1e-6, now, "pickle", key[:8], f'{{"a":{a},"b":{b}}}', value)


@dataclass
class Statement:
    """A subject whose calls take a ready key and a ready row in place of the pair."""

    connection: sqlite3.Connection
    call: Callable[[Any, Any], object]
    memoizes: bool

    def arguments(self, pairs: Sequence[Pair]) -> Sequence[tuple[Any, Any]]:
        rows = [row(pair) for pair in pairs]
        if self.memoizes:
            self.connection.execute("BEGIN IMMEDIATE")
            self.connection.executemany(INSERT, rows)
            self.connection.execute("COMMIT")
        return [(row[0], row) for row in rows]

    def settle(self) -> None: ...

    def close(self) -> None:
        self.connection.close()


class _Sqlite:
    name = NAME

    def version(self) -> str:
        return f"SQLite {sqlite3.sqlite_version}"


class Select(_Sqlite):
    """SELECT by key and pickle.loads, on rows that are stored when the arguments are asked for."""

    def setup(self, directory: Path) -> Statement:
        connection = connect(directory)
        execute, loads = connection.execute, pickle.loads

        def call(key: bytes, _: object) -> object:
            return loads(execute(SELECT, (key,)).fetchone()[0])

        return Statement(connection, call, memoizes=True)


class Insert(_Sqlite):
    """BEGIN IMMEDIATE, INSERT of a ready row, COMMIT."""

    def setup(self, directory: Path) -> Statement:
        connection = connect(directory)
        execute = connection.execute

        def call(_: object, row: tuple[Any, ...]) -> None:
            execute("BEGIN IMMEDIATE")
            execute(INSERT, row)
            execute("COMMIT")

        return Statement(connection, call, memoizes=False)
