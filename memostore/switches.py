"""Switching a store off, or to computing anew: for a block of the program, or for a process by its environment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, NamedTuple

import memostore.config as config

__all__ = ["DISABLED", "MAY_BE_SWITCHED", "REFRESHING", "Switches", "switched"]

DISABLED: Final = "disabled"
REFRESHING: Final = "refreshing"

# Why a call has to ask at all. Once the environment has been read and found to disable nothing, this is empty until
# the first block is entered. A block's reason stays: a copy of its context may outlive it.
UNREAD: Final = "environment"
ENTERED: Final = "block"
MAY_BE_SWITCHED: Final = {UNREAD}


class Block(NamedTuple):
    """A `with` block that is being run: which store it switches, and to what."""

    store: object
    mode: str


_blocks: ContextVar[tuple[Block, ...]] = ContextVar("memostore_blocks", default=())


def switched(store_of: Callable[[], object]) -> str | None:
    """Return DISABLED or REFRESHING where calls of a store are to be so here and now, else None.

    `store_of` returns the store, and is asked only inside a block. Raises InvalidArgument where MEMOSTORE_DISABLE
    can't be understood.
    """
    if UNREAD in MAY_BE_SWITCHED:
        if config.is_disabled():
            return DISABLED
        MAY_BE_SWITCHED.discard(UNREAD)
    blocks = _blocks.get()
    if not blocks:
        return None
    store = store_of()
    return next((block.mode for block in reversed(blocks) if block.store is store), None)


class Switches:
    """The side of a store that can be switched, block by block."""

    @contextmanager
    def disabled(self) -> Iterator[None]:
        """Let the functions memoized with this store compute in a `with` block: nothing is read, stored or counted.

        It holds for the calls made in the block, and in the tasks and copied contexts that are made there, but not
        for other threads. Of blocks within each other, the innermost counts.

        >>> from memostore import Store
        >>> store = Store(":memory:")
        >>> square = store.memoize(lambda x: x * x)
        >>> with store.disabled():
        ...     square(3), square.cache_info().misses
        (9, 0)
        """
        with _block(Block(self, DISABLED)):
            yield

    @contextmanager
    def refreshing(self) -> Iterator[None]:
        """Let each call, in a `with` block, of a function memoized with this store compute anew and store the result.

        That includes calls that such functions make of each other. It holds where `disabled` would.

        >>> from memostore import Store
        >>> store = Store(":memory:")
        >>> square = store.memoize(lambda x: x * x)
        >>> with store.refreshing():
        ...     square(3), square(3), square.cache_info().misses
        (9, 9, 2)
        """
        with _block(Block(self, REFRESHING)):
            yield


@contextmanager
def _block(block: Block) -> Iterator[None]:
    MAY_BE_SWITCHED.add(ENTERED)
    _blocks.set((*_blocks.get(), block))
    try:
        yield
    finally:  # not by a token: a fixture may be left in another context than it was entered in
        _blocks.set(tuple(other for other in _blocks.get() if other is not block))
