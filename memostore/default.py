"""The default store: where `@memoize` without a store keeps its results."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar, Unpack, overload

from memostore.batch_memo import BatchMemo, decorate_batch
from memostore.config import default_url
from memostore.faces import Faces, Home
from memostore.memo import Memo
from memostore.options import BatchOptions, MemoizeOptions
from memostore.store import Store
from memostore.wrapping import decorate

__all__ = ["default_store", "memoize", "memoize_batch", "replaced_default"]

P = ParamSpec("P")
R = TypeVar("R")

_lock = threading.Lock()
_opened: dict[str, Store] = {}
_replacing: list[Store] = []  # the last one stands for the default store
_made: weakref.WeakSet[Faces[Any, Any]] = weakref.WeakSet()


def _note(memo: Faces[Any, Any]) -> None:
    """Know a function memoized with the default store, so that another store can take that one's place."""
    with _lock:
        _made.add(memo)


def default_store() -> Store:
    """Return the store of `@memoize`: at MEMOSTORE_URL, else in the user's cache directory. Opened once, and kept."""
    url = default_url()
    with _lock:
        if _replacing:
            return _replacing[-1]
        store = _opened.get(url)
        if store is None or store.closed:
            store = _opened[url] = Store(url)
        return store


@contextmanager
def replaced_default(store: Store) -> Iterator[Store]:
    """Let a store take the default store's place in a `with` block, also for functions that were called before.

    It does so for the whole process: all threads see it. What was the default store is so again at the end of the
    block, however that ends.

    >>> with replaced_default(Store(":memory:")) as store:
    ...     default_store() is store
    True
    """
    with _lock:
        _replacing.append(store)
        states = [(memo, memo._take_state()) for memo in _made]
    try:
        yield store
    finally:
        with _lock:
            _replacing.remove(store)
            for memo in _made:
                memo._take_state()
            for memo, state in states:
                memo._give_back(state)


@overload
def memoize(function: Callable[P, R], /) -> Memo[P, R]: ...
@overload
def memoize(**options: Unpack[MemoizeOptions]) -> Callable[[Callable[P, R]], Memo[P, R]]: ...
def memoize(function: Any = None, /, **options: Any) -> Any:
    """Remember a function's results in the default store, opened at the first call. Options as of `Store.memoize`.

    >>> @memoize(ttl="30d")
    ... def embed(text: str) -> list[float]:
    ...     return [float(len(text))]
    >>> embed.cache_parameters()["ttl"]
    2592000.0
    """
    return decorate(Home(default_store, made=_note), function, options)


def memoize_batch(
    over: str, *, batch_size: int | None = None, **options: Unpack[BatchOptions]
) -> Callable[[Callable[P, R]], BatchMemo[P, R]]:
    """Remember the results of a batch's elements in the default store. Parameters as of `Store.memoize_batch`.

    >>> @memoize_batch(over="texts", batch_size=64)
    ... def embed(texts: list[str]) -> list[list[float]]:
    ...     return [[float(len(text))] for text in texts]
    >>> embed.cache_parameters()["batch_size"]
    64
    """
    return decorate_batch(Home(default_store, made=_note), over, batch_size, dict(options))
