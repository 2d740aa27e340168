"""The caches that the corpora are put to, each in the best configuration that its documentation shows."""

from __future__ import annotations

import importlib
import shutil
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

Decorate = Callable[..., Any]
EMPTY: list[Path] = []  # a store with nothing in it, if there is one to copy: creating one takes 70 ms


class Cache(NamedTuple):
    """A cache that is open: what decorates a function, what ends it, and its store, if it has one."""

    decorate: Decorate
    close: Callable[[], object] = lambda: None
    store: Any = None


def _none(_: Path) -> Cache:
    """No cache: the truth that all others are compared with."""
    return Cache(lambda function, **_: function)


def _memostore(directory: Path) -> Cache:
    if EMPTY and not (directory / "memo.db").exists():
        shutil.copy(EMPTY[0], directory / "memo.db")
    store = importlib.import_module("memostore").Store(directory / "memo.db")
    return Cache(store.memoize, store.close, store)


def _joblib(directory: Path) -> Cache:
    return Cache(importlib.import_module("joblib").Memory(directory, verbose=0).cache)


def _diskcache(directory: Path) -> Cache:
    cache = importlib.import_module("diskcache").Cache(directory)
    return Cache(cache.memoize(), cache.close)


def _cachier(directory: Path) -> Cache:
    return Cache(importlib.import_module("cachier").cachier(cache_dir=directory, separate_files=True, allow_none=True))


def _checkpointer(directory: Path) -> Cache:
    # capture: of what a function reads at module level, it keys the values too.
    library = importlib.import_module("checkpointer")
    return Cache(library.Checkpointer(directory=directory, verbosity=0, capture=True))


CACHES: dict[str, Callable[[Path], Cache]] = {
    "none": _none,
    "memostore": _memostore,
    "joblib": _joblib,
    "diskcache": _diskcache,
    "cachier": _cachier,
    "checkpointer": _checkpointer,
}
PEERS = tuple(CACHES)[1:]


class Caching(types.ModuleType):
    """The module `caching` that a project imports: `memoize`, and `store` for what memostore alone has."""

    def __init__(self, cache: Cache) -> None:
        super().__init__("caching")
        self._cache = cache
        self.executed: dict[str, int] = {}
        self._codes: dict[types.CodeType, str] = {}

    def memoize(self, function: Any = None, **options: Any) -> Any:
        """Decorate with the cache, bare or with options."""
        if function is None:
            return lambda function: self.memoize(function, **options)
        self._watch(function)
        return self._cache.decorate(function, **options) if options else self._cache.decorate(function)

    @property
    def store(self) -> Any:
        return self._cache.store or importlib.import_module("memostore").Store(None)

    def profile(self, frame: types.FrameType, event: str, _: Any) -> None:
        """Count, as the profiler that Python calls, how often each memoized function runs."""
        name = self._codes.get(frame.f_code) if event == "call" else None
        if name is not None:
            self.executed[name] = self.executed.get(name, 0) + 1

    def _watch(self, function: Any) -> None:
        name, code = getattr(function, "__name__", None), None
        while code is None:
            inner = getattr(function, "func", None) or getattr(function, "__func__", None)
            code = getattr(function, "__code__", None) if inner is None else None
            function = inner or type(function).__call__
        self._codes[code] = name or code.co_name


def install(cache: Cache) -> Caching:
    """Make a cache what `import caching` gives."""
    module = sys.modules["caching"] = Caching(cache)
    return module
