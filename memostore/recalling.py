"""The side of a store that finds what is stored: the steps of a hit."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

import memostore.codec as codec
from memostore.backends.protocol import Backend, Row, binding_of
from memostore.counters import Counters
from memostore.errors import CorruptEntry, StoreError, Unloadable
from memostore.events import Hit
from memostore.fingerprint import CodeVersion
from memostore.raised import StoredError, revived
from memostore.read_files import ReadFile, unchanged
from memostore.recording import Player, player_of
from memostore.remembering import CHANGED, CORRUPT, DUE, EXPIRED, FAULT, LARGE, NEW, RAISED, UNLOADABLE, Missing
from memostore.telling import Teller
from memostore.tracking import still_hold

__all__ = ["Recalls"]

UNREADABLE = (TypeError, AttributeError, ValueError, struct.error)  # of a column that holds what we never write


class Recalls:
    """What `Store` does where a result may be there."""

    _backend: Backend
    _counters: Counters
    _teller: Teller
    _clock: Callable[[], float]

    def _now(self) -> float:
        raise NotImplementedError

    def recall(self, key: bytes, version: CodeVersion, whole: bool = True) -> Any:
        """Return the stored value of a key and count a hit, or return Missing with the reason.

        Without `whole`, a value that lies in pieces is not read: the answer is LARGE.
        """
        try:
            # Not by _fetched: a call of a method is a fiftieth of a hit.
            tracked = version.scope.track is not None
            row, files = self._backend.fetch_with_files(key) if tracked else (self._backend.fetch(key), ())
            if row is None:
                return NEW
            _, content, checksum, name, created, expires, seconds, refresh_at = row
            now = self._clock()
            if expires is not None and expires <= now:
                return EXPIRED
            is_due = refresh_at is not None and refresh_at <= now
            if files and not still_hold(files):
                return CHANGED
            if content is not None:
                value = codec.decode(name, content, binding_of(key, name, created, expires), checksum)
            elif whole:
                value = self._decode_pieces(key, row if tracked else None)
            else:
                return LARGE
            self._counters.add((version, now, key, seconds + 0.0))
        except codec.HoldsError as held:
            return self._raised_again(held.stored, key, version, created, seconds)
        except (StoreError, Unloadable) as error:
            return self._missing_by(error)
        except UNREADABLE:
            return CORRUPT
        if self._teller.listens(Hit):
            self._teller.emit(Hit(key.hex(), version.name, now - created, self._backend.size_of(key), seconds))
        return Missing(DUE, value) if is_due else value

    def _raised_again(
        self, stored: Any, key: bytes, version: CodeVersion, created: float, seconds: float
    ) -> Missing:
        """Return the error that an entry holds, and count a hit."""
        try:
            if not isinstance(stored, StoredError):
                return CORRUPT
            error = revived(stored, version.name, created)
        except Unloadable as problem:
            return self._missing_by(problem)
        self._count(key, version, created, seconds)
        return Missing(RAISED, error)

    def replay(self, key: bytes, version: CodeVersion) -> Player | Missing:
        """Return the player of a stored stream and count a hit, or return Missing with the reason."""
        try:
            row, files = self._fetched(key, version)
            if row is None:
                return NEW
            _, _, _, _, created, expires, seconds, refresh_at = row
            if expires is not None and expires <= self._now():
                return EXPIRED
            is_due = refresh_at is not None and refresh_at <= self._now()
            if files and not still_hold(files):
                return CHANGED
            player = player_of(self._backend, key, row)
            self._count(key, version, created, seconds)
        except (StoreError, Unloadable) as error:
            return self._missing_by(error)
        except UNREADABLE:
            return CORRUPT
        return Missing(DUE, player) if is_due else player

    def _count(self, key: bytes, version: CodeVersion, created: float, seconds: float) -> None:
        now = self._now()
        self._counters.add((version, now, key, seconds + 0.0))
        if self._teller.listens(Hit):
            self._teller.emit(Hit(key.hex(), version.name, now - created, self._backend.size_of(key), seconds))

    def is_due(self, key: bytes) -> bool:
        """Say whether a result is to be computed anew before it expires."""
        try:
            row = self._teller.guarded("reading", lambda: self._backend.fetch(key))
            return row is not None and row[7] is not None and row[7] <= self._now()
        except (CorruptEntry, *UNREADABLE):
            return False

    def _fetched(self, key: bytes, version: CodeVersion) -> tuple[Row | None, Sequence[ReadFile]]:
        """Return the row of a key, and the files that the call has read, where these count."""
        return (self._backend.fetch(key), ()) if version.scope.track is None else self._backend.fetch_with_files(key)

    def _decode_pieces(self, key: bytes, row: Row | None = None) -> Any:
        """Load a value from its pieces; with `row`, only if the entry is still that one."""
        whole = self._backend.fetch_pieces(key)
        if whole is None or (row is not None and whole[0] != row):
            raise CorruptEntry("the entry was removed or replaced while it was read")
        (_, _, checksum, name, created, expires, _, _), pieces = whole
        return codec.decode_pieces(name, pieces, binding_of(key, name, created, expires), checksum)

    def _missing_by(self, error: Exception) -> Missing:
        if isinstance(error, CorruptEntry):
            return CORRUPT
        if isinstance(error, Unloadable):
            return UNLOADABLE
        self._teller.fault("reading", error)
        return FAULT

    def holds(self, key: bytes, tracked: bool = False) -> bool:
        """Say whether a key is stored and has not expired, without loading or counting anything.

        With `tracked`, the files that the call has read must hold what they did.
        """

        def fetched() -> tuple[Row | None, Sequence[ReadFile]]:
            return self._backend.fetch_with_files(key) if tracked else (self._backend.fetch(key), ())

        try:
            row, files = self._teller.guarded("reading", fetched) or (None, ())
            return row is not None and (row[5] is None or row[5] > self._now()) and unchanged(files) is not None
        except (CorruptEntry, *UNREADABLE):
            return False
