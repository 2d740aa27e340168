"""A function with a collector entered around each piece of its code, and around nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from memostore.tracking.collector import Collector

__all__ = ["within", "within_async"]


def within(reads: Collector, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that runs another with a collector entered."""

    def run(*args: Any, **kwargs: Any) -> Any:
        with reads:
            return function(*args, **kwargs)

    return run


def within_async(reads: Collector, function: Callable[..., Any]) -> Callable[..., Any]:
    """Do so with a coroutine function: while it waits, other tasks have their turns unseen."""

    async def run(*args: Any, **kwargs: Any) -> Any:
        return await reads.pieces(function(*args, **kwargs))

    return run
