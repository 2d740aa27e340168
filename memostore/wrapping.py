"""From a decorator's argument to the wrapper: which callables can be memoized, and how each is wrapped."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from memostore.bound import MemoClassmethod
from memostore.errors import InvalidArgument
from memostore.keys.naming import function_name
from memostore.memo import Memo
from memostore.options import Options, checked_options
from memostore.remembering import Remembers

__all__ = ["decorate", "wrap"]


def decorate(
    open_store: Callable[[], Remembers], kind: type[Memo[Any, Any]], function: Any, options: dict[str, Any]
) -> Any:
    """Serve `@memoize` and `@memoize(...)`: wrap the function, or return what will wrap it."""
    checked = checked_options(options)
    if function is None:
        return lambda decorated: wrap(kind, decorated, open_store, checked)
    return wrap(kind, function, open_store, checked)


def wrap(kind: type[Memo[Any, Any]], function: Any, open_store: Callable[[], Remembers], options: Options) -> Any:
    """Return the memoized form of a function, staticmethod or classmethod; refuse what is not a plain call."""
    if isinstance(function, staticmethod):
        return staticmethod(wrap(kind, function.__func__, open_store, options))
    if isinstance(function, classmethod):
        return MemoClassmethod(wrap(kind, function.__func__, open_store, options))
    _check_plain(function)
    return kind(function, open_store, options)


def _check_plain(function: Any) -> None:
    if isinstance(function, (property, functools.cached_property)):
        raise InvalidArgument("memoize() was given a property: write @property above @memoize, not below")
    if isinstance(function, type):
        raise InvalidArgument(f"memoize() was given the class {function.__qualname__}: memoize what makes an instance")
    if not callable(function):
        raise InvalidArgument(f"memoize() takes a function, not {function!r}; options go by name, as memoize(ttl=60)")
    for test, shape in SHAPES_TO_COME.items():
        if test(function) or test(type(function).__call__):
            raise InvalidArgument(f"memoize() takes plain functions; {'.'.join(function_name(function))} is {shape}")


SHAPES_TO_COME: dict[Callable[[Any], bool], str] = {
    inspect.iscoroutinefunction: "a coroutine function",
    inspect.isgeneratorfunction: "a generator function: return a list",
    inspect.isasyncgenfunction: "an asynchronous generator function",
}
