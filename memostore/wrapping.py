"""From a decorator's argument to the wrapper: which callables can be memoized, and how each is wrapped."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable
from typing import Any, get_origin

from memostore.bound import MemoClassmethod
from memostore.callables import behaves
from memostore.errors import InvalidArgument, UnkeyableArgument
from memostore.faces import Home
from memostore.fingerprint import check_seen
from memostore.keys.naming import function_name
from memostore.memo import Memo
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
    """Return the memoized form of a function, or a member of a class with the function in it memoized."""
    for shape, rebuilt in MEMBERS.items():
        if isinstance(function, shape):
            return rebuilt(function, lambda inner: wrap(inner, home, options))
    _check_callable(function)
    return shape_of(function)(function, home, options)


Wrap = Callable[[Any], Any]


def _staticmethod(member: Any, wrapped: Wrap) -> Any:
    return staticmethod(wrapped(_called(member.__func__)))


def _classmethod(member: Any, wrapped: Wrap) -> Any:
    return MemoClassmethod(wrapped(_called(member.__func__)))


def _property(member: Any, wrapped: Wrap) -> Any:
    if member.fget is None:
        raise InvalidArgument("memoize() was given a property without a getter: there is nothing to remember")
    # Not member.getter(...): of a subclass, that forgets the docstring.
    return type(member)(wrapped(member.fget), member.fset, member.fdel, member.__doc__)


def _cached_property(member: Any, wrapped: Wrap) -> Any:
    again = copy.copy(member)
    again.func = wrapped(member.func)
    return again


def _partialmethod(member: Any, wrapped: Wrap) -> Any:
    return functools.partialmethod(wrapped(_called(member.func)), *member.args, **member.keywords)


def _dispatching(_: Any, __: Wrap) -> Any:
    raise InvalidArgument(
        "memoize() was given a singledispatchmethod, which others register with: write @singledispatchmethod above "
        "@memoize, and @memoize below each @....register"
    )


# What Python binds in a way of its own. In a class body, memoize may stand above each of these as well as below.
MEMBERS: dict[Any, Callable[[Any, Wrap], Any]] = {
    staticmethod: _staticmethod, classmethod: _classmethod, property: _property,
    functools.cached_property: _cached_property, functools.partialmethod: _partialmethod,
    functools.singledispatchmethod: _dispatching,
}  # fmt: skip


def _called(function: Any) -> Any:
    """Return what a member of a class calls; refuse a descriptor in it, as in `@classmethod @property`."""
    if callable(function):
        return function
    raise InvalidArgument(f"memoize() was given a {type(function).__name__} in another member: write @memoize lowest")


def _check_callable(function: Any) -> None:
    kind = get_origin(function) or function  # list[int] is called as list is
    if isinstance(kind, type) and callable(function):
        raise InvalidArgument(f"memoize() was given the class {kind.__qualname__}: memoize what makes an instance")
    if not callable(function):
        if hasattr(type(function), "__get__"):
            name = type(function).__qualname__
            raise InvalidArgument(f"memoize() was given a {name}: write @memoize below it, right above the function")
        raise InvalidArgument(f"memoize() takes a function, not {function!r}; options go by name, as memoize(ttl=60)")
    if getattr(function, "__name__", None) in FOR_EFFECT:
        name = ".".join(function_name(function))
        raise InvalidArgument(f"memoize() was given {name}, which is called for its effect: a hit would not have it")
    try:
        check_seen(function)
    except UnkeyableArgument as error:
        raise InvalidArgument(
            f"memoize() can't see what {'.'.join(function_name(function))} does: {str(error).lstrip(': ')}; "
            "memoize a Python function that calls it"
        ) from error


# Methods that Python calls for what they do to an object, whatever they return.
FOR_EFFECT = frozenset({
    "__init__", "__post_init__", "__del__", "__set_name__", "__init_subclass__", "__setattr__", "__delattr__",
    "__set__", "__delete__", "__setitem__", "__delitem__", "__setstate__", "__enter__", "__exit__",
})  # fmt: skip


def shape_of(function: Any) -> type[Memo[Any, Any]]:
    """Return the wrapper for what a callable does when it is called."""
    for test, shape in SHAPES.items():
        if behaves(function, test):
            return shape
    return Memo


SHAPES: dict[Callable[[Any], bool], type[Memo[Any, Any]]] = {
    inspect.iscoroutinefunction: CoroutineMemo,
    inspect.isgeneratorfunction: GeneratorMemo,
    inspect.isasyncgenfunction: AsyncGeneratorMemo,
}
