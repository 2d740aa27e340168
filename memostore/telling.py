"""Telling what happened: hooks, the log, and one warning for what the cache could not do."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

from memostore.errors import InvalidArgument, MemostoreWarning, StoreClosed, StoreUnavailable
from memostore.events import EVENTS, LEVELS, Event, Fault, Hook, log, logger

__all__ = ["Teller"]


class Teller:
    """A store's hooks and warnings. With `raises`, faults are raised instead of told."""

    def __init__(self, raises: bool) -> None:
        self._raises = raises
        self._hooks: dict[type[Event], list[Hook]] = {kind: [] for kind in EVENTS.values()}
        self._warned: set[tuple[str, str]] = set()

    def listens(self, kind: type[Event]) -> bool:
        """Say whether anybody wants to know of a kind of event."""
        return bool(self._hooks[kind]) or logger.isEnabledFor(LEVELS[kind])

    def on(self, event: type[Event] | str, hook: Hook) -> None:
        """Register a hook; raise InvalidArgument for an unknown event."""
        kind = EVENTS.get(event) if isinstance(event, str) else event
        if not isinstance(kind, type) or kind not in self._hooks:
            raise InvalidArgument(f"event={event!r} is unknown: choose one of {', '.join(EVENTS)}")
        if not callable(hook):
            raise InvalidArgument(f"hook={hook!r} must be a function that takes the event's record")
        self._hooks[kind].append(hook)

    def emit(self, event: Event) -> None:
        """Log an event and call its hooks."""
        log(event)
        for hook in self._hooks[type(event)]:
            try:
                hook(event)
            except Exception:  # noqa: BLE001 # a hook is somebody's own code, but not a part of the call
                logger.exception("a hook for %s failed", type(event).__name__)

    def guarded(self, operation: str, action: Callable[[], Any]) -> Any:
        """Run an action; a fault of the store becomes a warning and None, unless it was asked to be raised."""
        try:
            return action()
        except (StoreUnavailable, StoreClosed) as error:
            return self.fault(operation, error)

    def fault(self, operation: str, error: Exception) -> None:
        """Tell of a fault once for each operation, or raise it."""
        if self._raises:
            raise error
        self.tell(error, operation)

    def tell(self, error: Exception, operation: str = "counting hits") -> None:
        """Tell of a fault, and warn once for each operation."""
        self.emit(Fault(operation, str(error)))
        self.warn(operation, type(error).__name__, f"memostore goes on without its store: {error}")

    def warn(self, subject: str, kind: str, message: str) -> None:
        """Warn once for each subject and kind."""
        if (subject, kind) not in self._warned:
            self._warned.add((subject, kind))
            warnings.warn(message, MemostoreWarning, stacklevel=_depth_of_caller())


def _depth_of_caller() -> int:
    """Return the stacklevel, seen from the caller, of the first frame that is not memostore's own."""
    frame = inspect.currentframe()
    depth = 0
    while frame is not None and frame.f_globals.get("__name__", "").startswith("memostore."):
        frame, depth = frame.f_back, depth + 1
    return depth
