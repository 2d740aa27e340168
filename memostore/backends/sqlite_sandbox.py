"""A user's SQL, where it can read this store and do nothing else.

`mode=ro` and `query_only` alone are not enough: PRAGMA, ATTACH and VACUUM INTO get around them. An authorizer that
denies whatever is not on its list holds them, and a progress handler holds queries that do not end.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping, Sequence
from typing import Any

from memostore.errors import InvalidArgument, QueryError

__all__ = ["run_sandboxed"]

ALLOWED = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE})
DENIED_FUNCTIONS = frozenset({"load_extension", "readfile", "writefile", "edit", "fts3_tokenizer"})
STEPS_BETWEEN_CHECKS = 10_000
LIMITS = {sqlite3.SQLITE_LIMIT_ATTACHED: 0, sqlite3.SQLITE_LIMIT_LENGTH: 100_000_000}  # files; bytes of one value
MOST_ROWS = 1_000_000


def run_sandboxed(
    target: str, text: str, params: Any, time_limit: float, timeout: float
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the columns' names and the rows of one query; raise QueryError for what is wrong or not allowed."""
    _check(text, params)
    connection = sqlite3.connect(target, timeout=timeout, isolation_level=None, uri=True)
    try:
        _lock_down(connection, time_limit)
        cursor = connection.execute(text, params)
        if cursor.description is None:
            raise QueryError("this statement gives no rows: sql() runs a SELECT, which can only read")
        return _columns(cursor), _rows(cursor)
    except (sqlite3.Error, sqlite3.Warning, OverflowError, UnicodeError, ValueError) as error:
        raise _explained(error, time_limit) from error
    finally:
        connection.close()


def _columns(cursor: sqlite3.Cursor) -> list[str]:
    names = [column[0] for column in cursor.description]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise QueryError(f"two columns are called {twice[0]!r}: give one another name with AS")
    return names


def _rows(cursor: sqlite3.Cursor) -> list[tuple[Any, ...]]:
    rows = cursor.fetchmany(MOST_ROWS + 1)
    if len(rows) > MOST_ROWS:
        raise QueryError(f"the query gives more than {MOST_ROWS:,} rows: add LIMIT")
    return rows


def _check(text: Any, params: Any) -> None:
    if not isinstance(text, str) or not text.strip():
        raise InvalidArgument(f"text={text!r} is not SQL: give the text of one SELECT")
    if isinstance(params, (str, bytes)) or not isinstance(params, (Sequence, Mapping)):
        raise InvalidArgument(f"params={params!r} must be a sequence for `?` or a mapping for `:name` in the text")


def _lock_down(connection: sqlite3.Connection, time_limit: float) -> None:
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA mmap_size = 0")
    connection.execute("PRAGMA trusted_schema = OFF")
    for limit, value in LIMITS.items():
        connection.setlimit(limit, value)
    # SQLite makes these table functions at their first use, by a statement that the authorizer would deny.
    connection.execute("SELECT 1 FROM json_each('[]'), json_tree('[]')")
    deadline = time.monotonic() + time_limit
    connection.set_progress_handler(lambda: time.monotonic() > deadline, STEPS_BETWEEN_CHECKS)
    connection.set_authorizer(_authorize)


def _authorize(action: int, _table: str | None, name: str | None, _database: str | None, _trigger: str | None) -> int:
    if action in ALLOWED or (action == sqlite3.SQLITE_FUNCTION and (name or "").lower() not in DENIED_FUNCTIONS):
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def _explained(error: Exception, time_limit: float) -> QueryError:
    if any(word in str(error) for word in ("not authorized", "prohibited", "authorization denied")):
        return QueryError(f"only reading is allowed in sql(): {error}. Use invalidate(), evict() or clear() to remove")
    if "interrupted" in str(error):
        return QueryError(f"the query was stopped after {time_limit:g} seconds")
    return QueryError(f"the query failed: {error}")
