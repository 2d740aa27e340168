"""The default store: where `@memoize` without a store keeps its results."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeVar, overload

from memostore.config import default_url
from memostore.memo import Memo
from memostore.store import Store
from memostore.wrapping import decorate

__all__ = ["default_store", "memoize"]

P = ParamSpec("P")
R = TypeVar("R")

_lock = threading.Lock()
_opened: dict[str, Store] = {}


def default_store() -> Store:
    """Return the store of `@memoize`: at MEMOSTORE_URL, else in the user's cache directory. Opened once, and kept."""
    url = default_url()
    with _lock:
        store = _opened.get(url)
        if store is None or store.closed:
            store = _opened[url] = Store(url)
        return store


@overload
def memoize(function: Callable[P, R], /) -> Memo[P, R]: ...
@overload
def memoize(
    *,
    ttl: Any = None,
    ignore: Iterable[str] = (),
    key: Callable[..., Any] | None = None,
    typed: bool = True,
    version: str | int | None = None,
    name: str | None = None,
    tags: Iterable[str] = (),
    cache_if: Callable[[Any], bool] | None = None,
) -> Callable[[Callable[P, R]], Memo[P, R]]: ...
def memoize(function: Any = None, /, **options: Any) -> Any:
    """Remember a function's results in the default store, opened at the first call. Options as of `Store.memoize`.

    >>> @memoize(ttl="30d")
    ... def embed(text: str) -> list[float]:
    ...     return [float(len(text))]
    >>> embed.cache_parameters()["ttl"]
    2592000.0
    """
    return decorate(default_store, Memo, function, options)
