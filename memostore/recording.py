"""The items of a generator as bytes, piece by piece: written while they are consumed, and read again as lazily.

A stream is a row of frames: a kind, a length, a pickle. The last one holds what the generator returned, so that a
stream that was cut off is not taken for a shorter one. Short streams are the value of their entry. Longer ones are cut
into pieces of PIECE bytes: neither side holds more than one of them, and the item at hand.
"""

from __future__ import annotations

import os
import pickle
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import memostore.codec as codec
from memostore.backends.protocol import Backend, Row, binding_of
from memostore.errors import CorruptEntry, Unloadable

__all__ = ["NEEDED", "End", "Player", "Recorder", "items_of", "player_of"]

FRAME: Final = struct.Struct("<BQ")  # kind, length of the pickle
HEADER: Final = struct.Struct("<8sQQ")  # nonce, recording, number of pieces
POSITION: Final = struct.Struct("<Q")
ITEM: Final = 0
END: Final = 1


class Needed:
    """Says that the next item is not in memory yet."""


NEEDED: Final = Needed()


@dataclass(frozen=True, slots=True)
class End:
    """The end of a stream, with what the generator returned."""

    value: Any = None


class Recorder:
    """Writes one stream. `now` is the store's clock."""

    def __init__(self, backend: Backend, key: bytes, compress: str, now: Callable[[], float]) -> None:
        self.recording: int | None = None
        self.size = 0  # bytes that are written
        self._backend = backend
        self._key = key
        self._compress = compress
        self._now = now
        self._nonce = os.urandom(8)
        self._pieces = 0
        self._buffer = bytearray()

    def add(self, item: Any) -> bool:
        """Take an item; say whether it is time to `write`. Raises Unstorable for what can't be pickled."""
        self._add(ITEM, item)
        return len(self._buffer) >= codec.PIECE

    def write(self) -> int:
        """Write whole pieces; return the bytes that are written in all."""
        end = len(self._buffer) - len(self._buffer) % codec.PIECE
        for start in range(0, end, codec.PIECE):
            self._write(start, start + codec.PIECE)
        del self._buffer[:end]
        return self.size

    def finish(self, value: Any) -> codec.Payload:
        """Write the end, and return what the entry holds."""
        self._add(END, value)
        if self.recording is None and len(self._buffer) <= codec.PIECE:
            data = codec.compressed(self._buffer, self._compress)
            return codec.Payload(codec.STREAM + "pickle", [data], len(data))
        self.write()
        if self._buffer:
            self._write(0, len(self._buffer))
        header = HEADER.pack(self._nonce, self.recording or 0, self._pieces)
        return codec.Payload(codec.RECORDING, [header], self.size + len(header))

    def _add(self, kind: int, item: Any) -> None:
        pickled = codec.dump(item)
        self._buffer += FRAME.pack(kind, len(pickled))
        self._buffer += pickled

    def _write(self, start: int, end: int) -> None:
        with memoryview(self._buffer) as whole, whole[start:end] as piece:
            data = codec.compressed(piece, self._compress)
        checksum = codec.checksum(_binding(self._key, self._nonce, self._pieces), [data])
        self.recording = self._backend.record(self.recording, self._pieces, checksum, data, self._now())
        self._pieces += 1
        self.size += len(data)


class Player:
    """Reads one stream. `next` gives what is in memory, `load` brings the next piece there."""

    def __init__(self, load: Callable[[int], bytes], pieces: int) -> None:
        self._load = load
        self._left = iter(range(pieces))
        self._buffer = bytearray()
        self._offset = 0

    def next(self) -> Any:
        """Return the next item, NEEDED or an `End`; raise Unloadable for an item whose class is gone."""
        start = self._offset + FRAME.size
        if len(self._buffer) < start:
            return NEEDED
        kind, length = FRAME.unpack_from(self._buffer, self._offset)
        if len(self._buffer) < start + length:
            return NEEDED
        try:
            with memoryview(self._buffer) as whole, whole[start : start + length] as pickled:
                item = pickle.loads(pickled)
        except Exception as error:
            raise Unloadable(f"a stored item can't be loaded: {type(error).__name__}: {error}") from error
        self._offset = start + length
        return End(item) if kind == END else item

    def load(self) -> None:
        """Bring the next piece into memory; raise CorruptEntry where it is gone or damaged."""
        position = next(self._left, None)
        if position is None:
            raise CorruptEntry("the stored stream ends too early")
        del self._buffer[: self._offset]
        self._offset = 0
        self._buffer += self._load(position)


def items_of(player: Player) -> Iterator[Any]:
    """Yield the items of a stream; raise Unloadable where one can't be loaded."""
    while type(item := player.next()) is not End:
        if item is NEEDED:
            player.load()
        else:
            yield item


def player_of(backend: Backend, key: bytes, row: Row) -> Player:
    """Return the player of an entry's stream; raise CorruptEntry, or Unloadable for one that holds no stream."""
    _, content, checksum, name, created, expires, _, _ = row
    if not name.startswith(codec.STREAM):
        raise Unloadable("the entry holds one value, and not the items of a generator")
    if content is None:
        whole = backend.fetch_pieces(key)
        if whole is None or whole[0] != row:
            raise CorruptEntry("the entry was removed or replaced while it was read")
        content = b"".join(whole[1])
    if not codec.verify_pieces([content], binding_of(key, name, created, expires), checksum):
        raise CorruptEntry("the stored bytes do not match their checksum")
    if name != codec.RECORDING:
        return Player(lambda _: codec.expanded(content), 1)
    nonce, recording, pieces_there = HEADER.unpack(content)
    return Player(lambda position: _piece(backend, key, nonce, recording, position), pieces_there)


def _piece(backend: Backend, key: bytes, nonce: bytes, recording: int, position: int) -> bytes:
    found = backend.recorded(recording, position)
    if found is None:
        raise CorruptEntry("a piece of the stored stream is gone")
    checksum, data = found
    if not codec.verify_pieces([data], _binding(key, nonce, position), checksum):
        raise CorruptEntry("a piece of the stored stream does not match its checksum")
    return codec.expanded(data)


def _binding(key: bytes, nonce: bytes, position: int) -> bytes:
    return key + nonce + POSITION.pack(position)
