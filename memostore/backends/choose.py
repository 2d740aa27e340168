"""Which backend a path or URL means."""

from __future__ import annotations

import os
import re
import uuid
from pathlib import Path
from typing import Any

from memostore.backends.null import NullBackend
from memostore.backends.protocol import Backend
from memostore.backends.sqlite import SQLiteBackend
from memostore.errors import InvalidArgument

__all__ = ["backend_for"]

MEMORY = (":memory:", "sqlite://", "sqlite:///:memory:")


def backend_for(where: Any, *, timeout: float, read_only: bool) -> Backend:
    """Return the backend, not opened yet, for a path, an SQLAlchemy URL, or None, which remembers nothing."""
    if where is None:
        return NullBackend()
    text = os.fspath(where) if isinstance(where, os.PathLike) else where
    if not isinstance(text, str) or not text.strip():
        raise InvalidArgument(f"path={where!r} must be a path, a URL such as 'sqlite:///results.db', or None")
    if text in MEMORY:
        name = f"memostore-{uuid.uuid4().hex}"
        return SQLiteBackend(None, timeout=timeout, read_only=False, memory_name=name)
    return SQLiteBackend(_path_of(text), timeout=timeout, read_only=read_only)


def _path_of(text: str) -> Path:
    scheme, separator, rest = text.partition("://")
    if not separator:
        return _expanded(text)
    if scheme != "sqlite":
        raise InvalidArgument(
            f"path={_without_password(text)!r}: this version keeps stores in SQLite files; "
            f"give a path, or 'sqlite:///' and a path"
        )
    if not rest.startswith("/") or "?" in rest:
        raise InvalidArgument(
            f"path={text!r}: write 'sqlite:///relative.db' or 'sqlite:////absolute.db'; options go to Store itself"
        )
    return _expanded(rest[1:])


def _without_password(url: str) -> str:
    return re.sub(r"://[^/@]*@", "://***@", url)


def _expanded(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise InvalidArgument(f"path={text!r} can't be used: {error}") from error
