"""Who computes which key, between the processes of one computer: one byte of a file is locked for each key.

The kernel frees the locks of a process that dies, and no lock is ever left over. The file lies beside the database and
stays empty. Its locks are those of an open file ("OFD"): two stores on one file in one process exclude each other too.
Where there are none, or the file can't be made, every process computes for itself.
"""

from __future__ import annotations

import os
import struct
import sys
import threading
import weakref
from pathlib import Path

from memostore.backends.protocol import entry_id

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["Claims"]

IS_KNOWN = sys.platform == "linux" and struct.calcsize("P") == 8
SET_LOCK = getattr(fcntl, "F_OFD_SETLK", None) if IS_KNOWN else None
FLOCK = struct.Struct("hhqqi4x")  # struct flock of 64-bit Linux: type, whence, start, length, process


class Claims:
    """The keys that this process has claimed for one store."""

    def __init__(self, database: Path | None) -> None:
        self._path = database.with_name(database.name + "-lock") if database is not None and SET_LOCK else None
        self._file: int | None = None
        self._opening = threading.Lock()
        LIVING.add(self)

    def take(self, key: bytes) -> bool:
        """Claim a key; say whether it is ours now. It is, too, where nobody can be asked."""
        try:
            file = self._opened()
            if file is not None and fcntl is not None:
                fcntl.fcntl(file, SET_LOCK, _lock(fcntl.F_WRLCK, key))  # type: ignore[arg-type] # there is a file
        except (BlockingIOError, PermissionError):
            return False
        except OSError:
            return True
        return True

    def give_back(self, key: bytes) -> None:
        """Let others claim a key."""
        if self._file is None or fcntl is None:
            return
        try:
            fcntl.fcntl(self._file, SET_LOCK, _lock(fcntl.F_UNLCK, key))  # type: ignore[arg-type] # there is a file
        except OSError:
            self.close()  # which frees all

    def close(self) -> None:
        """Give all back."""
        with self._opening:
            file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def forget(self) -> None:
        """In a forked child: the locks are the parent's as long as it lives, and not longer by the child's copy."""
        self._opening = threading.Lock()
        self.close()

    def _opened(self) -> int | None:
        if self._file is None and self._path is not None:
            with self._opening:
                if self._file is None:
                    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
                    self._file = os.open(self._path, flags, 0o600)
        return self._file


def _lock(kind: int, key: bytes) -> bytes:
    return FLOCK.pack(kind, os.SEEK_SET, entry_id(key) >> 1, 1, 0)  # the last byte must not lie beyond all offsets


LIVING: weakref.WeakSet[Claims] = weakref.WeakSet()


def _forget_all() -> None:
    for claims in list(LIVING):
        claims.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
