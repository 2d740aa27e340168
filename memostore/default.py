"""The default store: where `@memoize` without a store keeps its results."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar, Unpack, overload

from memostore.batch_memo import BatchMemo, BatchOptions, decorate_batch
from memostore.config import default_url
from memostore.memo import Memo
from memostore.options import MemoizeOptions, Options
from memostore.store import Store
from memostore.tally import Tally
from memostore.wrapping import decorate

__all__ = ["DefaultMemo", "default_store", "memoize", "memoize_batch", "replaced_default"]

P = ParamSpec("P")
R = TypeVar("R")

_lock = threading.Lock()
_opened: dict[str, Store] = {}
_replacing: list[Store] = []  # the last one stands for the default store


class DefaultMemo(Memo[P, R]):
    """A function memoized with the default store, known here so that another store can take that one's place."""

    def __init__(self, function: Callable[P, R], open_store: Callable[[], Any], options: Options) -> None:
        super().__init__(function, open_store, options)
        with _lock:
            _made.add(self)

    def _take_state(self) -> dict[str, Any]:
        """Start anew, as after decoration; return what has been learnt of the store, to be given back."""
        state = {name: getattr(self, name) for name in ("_plan", "_aliases", "_hits", "_misses")}
        self._plan = self._aliases = None
        self._hits, self._misses = Tally(), Tally()
        return state

    def _give_back(self, state: dict[str, Any]) -> None:
        """Go on with what `_take_state` returned."""
        for name, value in state.items():
            setattr(self, name, value)


_made: weakref.WeakSet[DefaultMemo[Any, Any] | BatchMemo[Any, Any]] = weakref.WeakSet()


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
    return decorate(default_store, DefaultMemo, function, options)


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
    return decorate_batch(default_store, over, batch_size, dict(options), made=_note)


def _note(memo: BatchMemo[Any, Any]) -> None:
    with _lock:
        _made.add(memo)
