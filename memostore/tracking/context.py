"""Who wants to know, in the present context, what is read: the calls that are running, the outermost first."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memostore.tracking.collector import Collector

__all__ = ["collectors", "unseen", "untracked"]

collectors: ContextVar[tuple[Collector, ...]] = ContextVar("memostore_collectors", default=())


def unseen() -> None:
    """See nothing in this context from now on."""
    collectors.set(())


class untracked:  # noqa: N801 # reads as a word, like contextlib's own
    """In a `with` block, nothing that is opened is seen."""

    def __enter__(self) -> None:
        """See nothing."""
        self._token = collectors.set(())

    def __exit__(self, *_: object) -> None:
        """See again what was seen."""
        collectors.reset(self._token)
