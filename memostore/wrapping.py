"""From a decorator's argument to the wrapper: which callables can be memoized, and how each is wrapped."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from memostore.bound import MemoClassmethod
from memostore.errors import InvalidArgument
from memostore.memo import Home, Memo
from memostore.options import Options, checked_options
from memostore.shapes import AsyncGeneratorMemo, CoroutineMemo, GeneratorMemo

__all__ = ["decorate", "wrap"]


def decorate(home: Home, function: Any, options: dict[str, Any]) -> Any:
    """Serve `@memoize` and `@memoize(...)`: wrap the function, or return what will wrap it."""
    checked = checked_options(options)
    if function is None:
        return lambda decorated: wrap(decorated, home, checked)
    return wrap(function, home, checked)


def wrap(function: Any, home: Home, options: Options) -> Any:
    """Return the memoized form of a function, staticmethod or classmethod."""
    if isinstance(function, staticmethod):
        return staticmethod(wrap(function.__func__, home, options))
    if isinstance(function, classmethod):
        return MemoClassmethod(wrap(function.__func__, home, options))
    _check_callable(function)
    return shape_of(function)(function, home, options)


def _check_callable(function: Any) -> None:
    if isinstance(function, (property, functools.cached_property)):
        raise InvalidArgument("memoize() was given a property: write @property above @memoize, not below")
    if isinstance(function, type):
        raise InvalidArgument(f"memoize() was given the class {function.__qualname__}: memoize what makes an instance")
    if not callable(function):
        raise InvalidArgument(f"memoize() takes a function, not {function!r}; options go by name, as memoize(ttl=60)")


def shape_of(function: Any) -> type[Memo[Any, Any]]:
    """Return the wrapper for what a callable does when it is called."""
    for test, shape in SHAPES.items():
        if test(function) or test(type(function).__call__):
            return shape
    return Memo


SHAPES: dict[Callable[[Any], bool], type[Memo[Any, Any]]] = {
    inspect.iscoroutinefunction: CoroutineMemo,
    inspect.isgeneratorfunction: GeneratorMemo,
    inspect.isasyncgenfunction: AsyncGeneratorMemo,
}
