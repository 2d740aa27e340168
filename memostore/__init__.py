"""memostore remembers what a Python function returned, in one SQLite database, for as long as it is still true.

>>> from memostore import Store
>>> store = Store(":memory:")
>>> @store.memoize
... def features(text: str) -> list[int]:
...     return [len(word) for word in text.split()]
>>> features("to be or not")
[2, 2, 2, 3]
"""

from memostore._version import __version__
from memostore.default import default_store, memoize, memoize_batch
from memostore.doctor import Finding
from memostore.errors import (
    CorruptEntry,
    InvalidArgument,
    MemostoreError,
    MemostoreWarning,
    MissingExtra,
    MissingFile,
    NewerSchema,
    NotAStore,
    OlderSchema,
    QueryError,
    ReadOnlyStore,
    StoreClosed,
    StoreError,
    StoreUnavailable,
    UnkeyableArgument,
    Unloadable,
    Unstorable,
)
from memostore.explain import Explanation
from memostore.keys.annotations import KeyBy, NoKey
from memostore.keys.inputs import Env, File
from memostore.records import Entry, FunctionStats, Stats, StoredCall
from memostore.store import Store

__all__ = [
    "CorruptEntry",
    "Entry",
    "Env",
    "Explanation",
    "File",
    "Finding",
    "FunctionStats",
    "InvalidArgument",
    "KeyBy",
    "MemostoreError",
    "MemostoreWarning",
    "MissingExtra",
    "MissingFile",
    "NewerSchema",
    "NoKey",
    "NotAStore",
    "OlderSchema",
    "QueryError",
    "ReadOnlyStore",
    "Stats",
    "Store",
    "StoreClosed",
    "StoreError",
    "StoreUnavailable",
    "StoredCall",
    "UnkeyableArgument",
    "Unloadable",
    "Unstorable",
    "__version__",
    "default_store",
    "memoize",
    "memoize_batch",
]
