"""The memoizing peers, each set up as its own documentation would, with a TTL of a week where it has one."""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.metadata
import importlib.util
import os
import pickle
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.frame import FUNCTION, OURS
from benchmarks.work import Pair, multiply

WEEK = timedelta(days=7)


@dataclass
class Memoized:
    """A subject whose calls take the pairs as they are."""

    call: Callable[[Any, Any], object]
    settle: Callable[[], object] = lambda: None
    close: Callable[[], object] = lambda: None
    memoizes: bool = True

    def arguments(self, pairs: Sequence[Pair]) -> Sequence[Pair]:
        return pairs


@dataclass(frozen=True)
class Builtin:
    """A peer that needs nothing beyond Python."""

    name: str
    make: Callable[[Path], Memoized]

    def version(self) -> str:
        return f"Python {platform.python_version()}"

    def setup(self, directory: Path) -> Memoized:
        return self.make(directory)


@dataclass(frozen=True)
class Library:
    """A peer that is a library of the same name; `make` gets it imported."""

    name: str
    make: Callable[..., Memoized]
    options: dict[str, Any] = field(default_factory=dict)

    def version(self) -> str | None:
        if importlib.util.find_spec(self.name) is None:
            return None
        try:
            return importlib.metadata.version(self.name)
        except importlib.metadata.PackageNotFoundError:  # memostore run from a clone
            return str(getattr(importlib.import_module(self.name), "__version__", "not installed as a distribution"))

    def setup(self, directory: Path) -> Memoized:
        return self.make(importlib.import_module(self.name), directory, **self.options)


def _memostore(library: Any, directory: Path, **options: Any) -> Memoized:
    store = library.Store(directory / "memostore.db")
    # The counters of hits are written about once a second: settle writes them inside the time that is measured.
    return Memoized(store.memoize(ttl=WEEK, **options)(multiply), settle=store.flush, close=store.close)


def _lru_cache(directory: Path) -> Memoized:
    return Memoized(functools.lru_cache(maxsize=None)(multiply))


def pickle_files(directory: Path, function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate as people do at home: the pickled arguments, hashed, name a file with the pickled result."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        key = hashlib.sha256(pickle.dumps((function.__qualname__, args, sorted(kwargs.items())))).hexdigest()
        path = os.path.join(directory, key + ".pkl")
        try:
            with open(path, "rb") as file:
                return pickle.load(file)
        except FileNotFoundError:
            result = function(*args, **kwargs)
            with open(path, "wb") as file:
                pickle.dump(result, file)
            return result

    return wrapper


def _joblib(library: Any, directory: Path) -> Memoized:
    return Memoized(library.Memory(directory, verbose=0).cache(multiply))


def _diskcache(library: Any, directory: Path) -> Memoized:
    cache = library.Cache(directory)
    return Memoized(cache.memoize(expire=WEEK.total_seconds())(multiply), close=cache.close)


def _cachier(library: Any, directory: Path) -> Memoized:
    # A file a result: with the default, one pickle of all results, each miss rewrites everything stored before it.
    return Memoized(library.cachier(cache_dir=directory, separate_files=True, stale_after=WEEK)(multiply))


def _function(directory: Path) -> Memoized:
    return Memoized(multiply, memoizes=False)


MEMOSTORE = Library(OURS, _memostore)
MEMOIZERS = (
    MEMOSTORE,
    Builtin("lru_cache", _lru_cache),
    Builtin("pickle files", lambda directory: Memoized(pickle_files(directory, multiply))),
    Library("joblib", _joblib),
    Library("diskcache", _diskcache),
    Library("cachier", _cachier),
)
BARE = Builtin(FUNCTION, _function)  # the function's own time, and the loop's
