"""Errors as results: what is stored of one, and the error that is raised again from it."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from memostore.errors import Unloadable, Unstorable

__all__ = ["StoredError", "revived", "stored_error"]


@dataclass(frozen=True, slots=True)
class StoredError:
    """An error as it is stored: its pickle where that gives the same error back, else its class, `args` and attributes.

    Many classes take other arguments than they hand to Exception: their pickles can be written and not be read.
    """

    kind: type[BaseException]
    pickled: bytes | None
    args: tuple[Any, ...]
    state: dict[str, Any]


def stored_error(error: BaseException) -> StoredError:
    """Return what is stored of an error, without its traceback and causes; raise Unstorable where that is no error."""
    kind = type(error)
    plain = StoredError(kind, None, error.args, dict(error.__dict__))
    for stored in (_pickled(error), plain):
        if stored is not None and _is_same(stored, error):
            return stored
    raise Unstorable(f"the error {error!r} can't be made again from its class, args and attributes")


def revived(stored: StoredError, function: str, created: float) -> BaseException:
    """Return the error with a note that says where it comes from."""
    try:
        error = _made(stored)
    except Exception as problem:
        raise Unloadable(f"the stored error can't be loaded: {problem!r}") from problem
    error.add_note(f"memostore: {function} raised this on {_moment(created)}; it was stored and is raised again")
    return error


def _pickled(error: BaseException) -> StoredError | None:
    try:
        return StoredError(type(error), pickle.dumps(error, protocol=5), (), {})
    except Exception:  # noqa: BLE001 # classes raise anything from __reduce__
        return None


def _made(stored: StoredError) -> BaseException:
    if stored.pickled is not None:
        loaded: BaseException = pickle.loads(stored.pickled)
        return loaded
    error = stored.kind.__new__(stored.kind, *stored.args)
    error.args = stored.args
    error.__dict__.update(stored.state)
    return error


def _is_same(stored: StoredError, error: BaseException) -> bool:
    try:
        again = _made(stored)
        return type(again) is type(error) and str(again) == str(error) and repr(again.args) == repr(error.args)
    except Exception:  # noqa: BLE001 # an __init__ or __str__ of the user's
        return False


def _moment(seconds: float) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return "a day that no calendar knows"
