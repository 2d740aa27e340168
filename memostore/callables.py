"""What a callable does when it is called: whether it gives a result, a coroutine or a generator."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

__all__ = ["behaves", "mark_as_coroutine_function"]


def behaves(function: Any, test: Callable[[Any], bool]) -> bool:
    """Say whether a test of `inspect` is true of a function, or of the `__call__` of an object.

    >>> class Source:
    ...     def __call__(self):
    ...         yield 1
    >>> behaves(Source(), inspect.isgeneratorfunction), behaves(len, inspect.isgeneratorfunction)
    (True, False)
    """
    return test(function) or test(type(function).__call__)


def mark_as_coroutine_function(wrapper: Any) -> None:
    """Let `iscoroutinefunction` say so of an object that is no function, where Python can be told."""
    mark = getattr(inspect, "markcoroutinefunction", None)  # 3.12
    if mark is not None:
        mark(wrapper)
    else:
        from asyncio import coroutines  # slow, but whoever has coroutine functions has it

        wrapper._is_coroutine = coroutines._is_coroutine  # type: ignore[attr-defined] # no other way in 3.11
