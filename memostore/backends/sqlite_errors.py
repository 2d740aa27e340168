"""What an error of the driver means for a store, where that depends on what was asked."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from memostore.errors import CorruptEntry, InvalidArgument, StoreUnavailable

__all__ = ["sqlalchemy_errors", "unread"]


def unread(error: sqlite3.Error) -> CorruptEntry | StoreUnavailable:
    """Return the error of a row that could not be read."""
    if "UTF-8" in str(error):  # text that is none: the row is damaged, the store is not
        return CorruptEntry(str(error))
    return StoreUnavailable(f"reading failed: {error}")


@contextmanager
def sqlalchemy_errors(operation: str) -> Iterator[None]:
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
