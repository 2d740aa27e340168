"""Every error that memostore raises, and the one warning that it gives.

::

    MemostoreError
    ├── InvalidArgument      (also ValueError)   an option or argument that can't be used
    ├── UnkeyableArgument    (also TypeError)    an argument of a call that no key can be taken of
    │   └── MissingFile      (also FileNotFoundError)   a file that counts by its content and is not there
    ├── Unstorable           (also TypeError)    a result that can't be turned into bytes
    ├── Unloadable                               stored bytes that can't be turned back into a value
    │   └── CorruptEntry                         stored bytes that are not those that were written
    ├── QueryError           (also ValueError)   SQL that is wrong, writes, or runs for too long
    ├── MissingExtra         (also ImportError)  an optional library that is not installed
    └── StoreError                               the database itself
        ├── NotAStore                            a file that memostore did not make
        ├── NewerSchema                          a store written by a newer memostore
        ├── OlderSchema                          a store to be migrated, opened for reading only
        ├── ReadOnlyStore                        a write to a store opened for reading only
        ├── StoreClosed                          a store used after close()
        └── StoreUnavailable                     disk, lock or permission: it may work later

    MemostoreWarning         (a UserWarning)     what the cache could not do; the program goes on

Each class's docstring is the message of an error raised without one.
"""

from __future__ import annotations

__all__ = [
    "CorruptEntry",
    "InvalidArgument",
    "MemostoreError",
    "MemostoreWarning",
    "MissingExtra",
    "MissingFile",
    "NewerSchema",
    "NotAStore",
    "OlderSchema",
    "QueryError",
    "ReadOnlyStore",
    "StoreClosed",
    "StoreError",
    "StoreUnavailable",
    "UnkeyableArgument",
    "Unloadable",
    "Unstorable",
]


class MemostoreError(Exception):
    """memostore could not do what was asked."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class InvalidArgument(MemostoreError, ValueError):
    """An argument has a value that can't be used."""


class UnkeyableArgument(MemostoreError, TypeError):
    """An argument of the call can't be turned into a key."""


class MissingFile(UnkeyableArgument, FileNotFoundError):
    """A file that is an argument of the call is not there."""


class Unstorable(MemostoreError, TypeError):
    """The result can't be turned into bytes."""


class Unloadable(MemostoreError):
    """The stored bytes can't be turned back into a value."""


class CorruptEntry(Unloadable):
    """The stored bytes are not those that were written."""


class QueryError(MemostoreError, ValueError):
    """The SQL text can't be run on a store."""


class MissingExtra(MemostoreError, ImportError):
    """An optional library is not installed."""


class StoreError(MemostoreError):
    """The store's database can't be used."""


class NotAStore(StoreError):
    """The file is not a memostore database."""


class NewerSchema(StoreError):
    """The store was written by a newer version of memostore."""


class OlderSchema(StoreError):
    """The store was written by an older version of memostore and has to be migrated."""


class ReadOnlyStore(StoreError):
    """The store was opened for reading only."""


class StoreClosed(StoreError):
    """The store has been closed."""


class StoreUnavailable(StoreError):
    """The store can't be reached at the moment."""


class MemostoreWarning(UserWarning):
    """The cache could not do something; the program goes on with the right result."""
