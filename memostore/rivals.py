"""Two functions in one process that lay claim to the same stored results, although they do not do the same.

With `code="deep"` that can't be: what a function does is in its key. `code="version"` takes the user's word for it, and
`code="body"` does for all but the body; so a function of the same name, such as one in another cell of a notebook, in
another script `job.py` that is run in this process, or made by the same closure, is taken for the same function.
"""

from __future__ import annotations

import inspect
import types
import weakref
from collections.abc import Callable
from typing import Any

from memostore.digest import digest_parts
from memostore.errors import UnkeyableArgument
from memostore.fingerprint import CodeVersion, FunctionCode, Scope

__all__ = ["look_for_rival"]

# By place and prefix of its keys, the wrapper that was first called with them; None where a rival has been told. A
# wrapper keeps its store alive, so the number of a store in memory can't become another one's while it holds them.
_HOLDERS: dict[tuple[Any, bytes], weakref.ref[Any] | None] = {}


def look_for_rival(memo: Any, store: Any, version: CodeVersion) -> None:
    """Take note that a version's keys in a store are a memoized function's. Have the store warn, once, where another
    function that does not do the same has them and is still there.
    """
    if version.scope.level == "deep":
        return
    keys = store.url if store.url != "sqlite://" else id(store), version.prefix  # of a store in memory, there is one
    holder = _HOLDERS.get(keys, _nobody)
    if holder is None:
        return
    first = holder()
    if first is None:
        _HOLDERS[keys] = weakref.ref(memo, lambda gone: _release(keys, gone))
        return
    one, other = first.__wrapped__, memo.__wrapped__
    if one is not other and _differ(one, other, version.scope):
        _HOLDERS[keys] = None
        store.advise(version, "rival", (
            f"two functions that do not do the same have this name and code={version.scope.level!r}, so that each may "
            f"return the other's results: {_place_of(one)} and {_place_of(other)}. Give one of them name='...'"
        ))  # fmt: skip


def _nobody() -> Any:
    return None


def _release(keys: tuple[Any, bytes], gone: weakref.ref[Any]) -> None:
    if _HOLDERS.get(keys) is gone:
        del _HOLDERS[keys]


def _differ(one: Any, other: Any, scope: Scope) -> bool:
    """Say whether two functions do not do the same. What they hold is in every key, but for `code="version"`."""
    holds = scope.level == "version"
    both = type(one) is type(other) is types.FunctionType
    is_same = both and one.__code__ is other.__code__ and one.__globals__ is other.__globals__
    # Closures, made by thousands maybe, are the same code: they can differ in what they hold alone.
    again = Scope("body" if is_same else "deep", None, (), scope.ignored)
    return _does(one, again, holds) != _does(other, again, holds)


def _does(function: Callable[..., Any], scope: Scope, holds: bool) -> bytes | None:
    """Return the digest of what a function does, and of what it holds; None where it can't be told."""
    version = FunctionCode(function, None, scope).version
    held = [one for one in version.held if holds and not one.required]  # what is required is in every key
    try:
        return digest_parts(b"v", [version.fingerprint, *(one.encoded() for one in held)])
    except UnkeyableArgument:
        return None


def _place_of(function: Callable[..., Any]) -> str:
    bare = inspect.unwrap(function)
    if not isinstance(bare, types.FunctionType):
        return repr(function)
    return f"{bare.__qualname__} in {bare.__code__.co_filename}, line {bare.__code__.co_firstlineno}"
