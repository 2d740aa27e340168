"""A value to bytes and back: pickle protocol 5, cloudpickle where pickle can't, zstd where it pays, and a checksum.

A value without large buffers is its pickle and nothing else: anybody can read it with `pickle.loads`. A value with
large buffers (NumPy arrays, Arrow tables, ...) is a stream: the number of parts, their lengths, the pickle, the
buffers. The buffers stay where they are until the database copies them. Streams are cut into pieces of at most
PIECE bytes; with zstd each piece is compressed by itself, so that neither side ever holds more than one twice.
"""

from __future__ import annotations

import io
import pickle
import struct
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from xxhash import xxh3_64, xxh3_64_digest, xxh3_64_intdigest

from memostore.errors import CorruptEntry, Unloadable, Unstorable

__all__ = [
    "ERROR", "INLINE_LIMIT", "PIECE", "RECORDING", "STREAM", "HoldsError", "Payload", "checksum", "compressed",
    "decode", "decode_pieces", "dump", "encode", "expanded", "verify_pieces",
]  # fmt: skip

INLINE_LIMIT = 64 << 10  # bytes; up to here a value lies in its entry's own row
PIECE = 4 << 20  # bytes; measured: larger ones are no faster, and cost memory
OUT_OF_BAND_FROM = 64 << 10  # bytes; smaller buffers are cheaper inside the pickle
COMPRESS_FROM = 1 << 10  # bytes; below, a zstd frame saves less than a page
SAMPLE = 64 << 10  # bytes looked at to judge whether compression pays
WORTH = 0.75  # compressed / plain: above this, the time is not paid back
ZSTD_LEVEL = 1

Buffer = bytes | memoryview

# What may stand before a codec's name: the entry holds an error that was raised, or the items of a generator.
ERROR = "error:"
STREAM = "stream:"
RECORDING = STREAM + "recording"  # the items lie in a recording, the value is a header that says which


class HoldsError(Exception):
    """An entry holds an error instead of a value. No failure: an exception, so that other values pay nothing for it."""

    def __init__(self, stored: Any) -> None:
        super().__init__()
        self.stored = stored


@dataclass(frozen=True, slots=True)
class Payload:
    """An encoded value: how, its pieces, and their total size in bytes as stored."""

    codec: str
    pieces: list[Buffer]
    size: int

    @property
    def inline(self) -> bytes | None:
        """The whole value, where it is small enough to lie in the entry's row."""
        if self.codec == RECORDING:
            return bytes(self.pieces[0])
        if len(self.pieces) == 1 and self.size <= INLINE_LIMIT and "buffers" not in self.codec:
            return bytes(self.pieces[0])
        return None


def encode(value: Any, compress: str = "auto", prefix: str = "") -> Payload:
    """Return a value's payload; raise Unstorable, saying why, for what neither pickle nor cloudpickle takes.

    `prefix` is ERROR for the `StoredError` of an error.
    """
    codec, parts = _pickled(value)
    codec = prefix + codec
    if len(parts) == 1 and len(parts[0]) < COMPRESS_FROM:  # the common small value takes no further step
        return Payload(codec, parts, len(parts[0]))
    if len(parts) > 1:
        codec += "+buffers"
        parts.insert(0, _header(parts))
    if compress == "auto" and _worth_compressing(parts):
        pieces: list[Buffer] = [_zstd().compress(piece) for piece in _pieces(parts)]
        codec += "+zstd"
    else:
        pieces = list(_pieces(parts))
    return Payload(codec, pieces, sum(_length(piece) for piece in pieces))


def dump(value: Any) -> bytes:
    """Return a value's pickle, or that of cloudpickle, which the same function loads; raise Unstorable."""
    _, parts = _pickled(value, buffers=False)
    return bytes(parts[0])


def compressed(data: bytes | bytearray | memoryview, compress: str) -> bytes:
    """Return bytes in a form that `expanded` reads: compressed where that pays."""
    if compress == "auto" and _worth_compressing([memoryview(data)]):
        return b"z" + bytes(_zstd().compress(data))
    return b"p" + data


def expanded(data: bytes) -> bytes:
    """Return what `compressed` was given, at most PIECE bytes; raise CorruptEntry."""
    return _expanded(data[1:]) if data[:1] == b"z" else data[1:]


def checksum(binding: bytes, pieces: Iterable[Buffer]) -> bytes:
    """Return the eight bytes that a payload is checked by.

    `binding` is what the payload belongs to (its key, codec, times): a payload that turns up in another row, or
    under another expiry, does not pass.
    """
    hasher = xxh3_64(seed=xxh3_64_intdigest(binding))
    for piece in pieces:
        hasher.update(piece)
    return hasher.digest()


def decode(codec: str, payload: bytes, binding: bytes, expected: bytes) -> Any:
    """Return the value of a payload that lies in one piece; raise CorruptEntry, Unloadable or HoldsError."""
    if xxh3_64_digest(payload, xxh3_64_intdigest(binding)) != expected:
        raise CorruptEntry("the stored bytes do not match their checksum")
    if codec != "pickle":
        return _load(codec, [payload])
    try:
        return pickle.loads(payload)
    except Exception as error:
        raise _unloadable(error) from error


def decode_pieces(codec: str, pieces: Iterable[bytes], binding: bytes, expected: bytes) -> Any:
    """Return the value of a payload in many pieces, which are hashed as they pass and unpickled only if all is well."""
    hasher = xxh3_64(seed=xxh3_64_intdigest(binding))
    stream = _Stream(_hashed(pieces, hasher), compressed=codec.endswith("+zstd"))
    parts = stream.read_parts() if "+buffers" in codec else [stream.read_all()]
    stream.drain()
    if hasher.digest() != expected:
        raise CorruptEntry("the stored bytes do not match their checksum")
    return _loaded(codec, parts)


def verify_pieces(pieces: Iterable[bytes], binding: bytes, expected: bytes) -> bool:
    """Say whether a payload's pieces match their checksum, without loading anything."""
    return checksum(binding, pieces) == expected


def _pickled(value: Any, buffers: bool = True) -> tuple[str, list[Buffer]]:
    """Return the codec's name, and the pickle followed by the buffers that were left out of it."""
    try:
        return "pickle", _dump(pickle.dumps, value, buffers)
    except Exception as first:  # noqa: BLE001 # classes raise anything from __reduce__; cloudpickle is asked before we give up
        try:
            return "cloudpickle", _dump(_cloudpickle_dumps, value, buffers)
        except Exception as second:
            raise Unstorable(f"neither pickle ({first}) nor cloudpickle ({second}) can store it") from second


def _cloudpickle_dumps(value: Any, **options: Any) -> bytes:
    import cloudpickle  # type: ignore[import-untyped] # slow: 20 ms, and few values need it

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc] # it has no types
        def reducer_override(self, part: Any) -> Any:
            # cloudpickle would store an open file as a copy of its content, which is another thing.
            if isinstance(part, io.IOBase) and not isinstance(part, (io.BytesIO, io.StringIO)):
                raise pickle.PicklingError("an open file can't be stored: return its path or its content")
            return super().reducer_override(part)

    stream = io.BytesIO()
    Pickler(stream, **options).dump(value)
    return stream.getvalue()


def _dump(dumps: Any, value: Any, beside: bool) -> list[Buffer]:
    buffers: list[Buffer] = []

    def keep(buffer: pickle.PickleBuffer) -> bool:
        try:
            raw = buffer.raw()
        except BufferError:  # not contiguous: pickle copies it
            return True
        if raw.nbytes < OUT_OF_BAND_FROM:
            return True
        buffers.append(raw)
        return False

    pickled: bytes = dumps(value, protocol=5, buffer_callback=keep if beside else None)
    return [pickled, *buffers]


def _header(parts: list[Buffer]) -> bytes:
    return struct.pack(f"<I{len(parts)}Q", len(parts), *(_length(part) for part in parts))


def _length(part: Buffer) -> int:
    return part.nbytes if isinstance(part, memoryview) else len(part)


def _pieces(parts: Iterable[Buffer]) -> Iterator[Buffer]:
    """Cut parts into pieces of at most PIECE bytes, without copying."""
    for part in parts:
        view = memoryview(part)
        for start in range(0, max(view.nbytes, 1), PIECE):
            yield view[start : start + PIECE]


def _worth_compressing(parts: list[Buffer]) -> bool:
    """Judge by a sample from the middle of the largest part."""
    largest = memoryview(max(parts, key=_length))
    if largest.nbytes < COMPRESS_FROM:
        return False
    start = max(0, (largest.nbytes - SAMPLE) // 2)
    sample = largest[start : start + SAMPLE]
    return len(_zstd().compress(sample)) <= WORTH * sample.nbytes


def _load(codec: str, pieces: Iterable[bytes]) -> Any:
    stream = _Stream(iter(pieces), compressed=codec.endswith("+zstd"))
    return _loaded(codec, [stream.read_all()])


def _loaded(codec: str, parts: list[bytearray]) -> Any:
    if codec.startswith(STREAM):
        raise Unloadable("the entry holds the items of a generator, and not one value")
    value = _loads(parts)
    if codec.startswith(ERROR):
        raise HoldsError(value)
    return value


def _loads(parts: list[bytearray]) -> Any:
    try:
        return pickle.loads(parts[0], buffers=parts[1:])
    except Exception as error:
        raise _unloadable(error) from error


def _unloadable(error: Exception) -> Unloadable:
    return Unloadable(f"the stored value can't be loaded: {type(error).__name__}: {error}")


def _hashed(pieces: Iterable[bytes], hasher: Any) -> Iterator[bytes]:
    for piece in pieces:
        hasher.update(piece)
        yield piece


class _Stream:
    """Reads exact numbers of bytes from a row of pieces into memory of their own."""

    def __init__(self, pieces: Iterator[bytes], compressed: bool) -> None:
        self.pieces = (_expanded(piece) for piece in pieces) if compressed else pieces
        self.rest = memoryview(b"")

    def read(self, length: int) -> bytearray:
        if length > sys.maxsize or length < 0:
            raise CorruptEntry("a length in the stored bytes is impossible")
        target = bytearray()
        while len(target) < length:
            if not self.rest:
                self.rest = memoryview(self._next())
            taken = self.rest[: length - len(target)]
            target += taken
            self.rest = self.rest[len(taken) :]
        return target

    def read_parts(self) -> list[bytearray]:
        (count,) = struct.unpack("<I", self.read(4))
        lengths = struct.unpack(f"<{count}Q", self.read(8 * count))
        return [self.read(length) for length in lengths]

    def read_all(self) -> bytearray:
        target = bytearray(self.rest)
        for piece in self.pieces:
            target += piece
        return target

    def drain(self) -> None:
        for _ in self.pieces:
            pass

    def _next(self) -> bytes:
        for piece in self.pieces:
            if piece:
                return piece
        raise CorruptEntry("the stored bytes end too early")


def _expanded(piece: bytes) -> bytes:
    """Expand one piece; one that claims to be larger than we ever write is not expanded at all."""
    try:
        zstd = _zstd()
        possible = zstd.size_of(piece) <= PIECE
        expanded = zstd.expand(piece) if possible else b""
    except Exception as error:
        raise CorruptEntry(f"a compressed piece can't be expanded: {error}") from error
    if not possible:
        raise CorruptEntry("a compressed piece claims an impossible size")
    return expanded


@cache
def _zstd() -> _Zstd:
    return _Zstd()


class _Zstd(threading.local):
    """Compresses and expands with what each thread keeps for it: to make it anew takes eight times as long as its use
    for a small value, and two threads can't share one.
    """

    compress: Callable[[Buffer | bytearray], bytes]
    expand: Callable[[bytes], bytes]
    size_of: Callable[[bytes], int]  # what a frame says of its expanded size, in bytes

    if sys.version_info >= (3, 14):

        def __init__(self) -> None:
            from compression import zstd  # slow to load, and small values need none

            compressor = zstd.ZstdCompressor(level=ZSTD_LEVEL)
            self.compress = lambda data: compressor.compress(data, zstd.ZstdCompressor.FLUSH_FRAME)
            self.expand = zstd.decompress  # its decompressors are for one frame each
            self.size_of = lambda frame: zstd.get_frame_info(frame).decompressed_size or 0

    else:

        def __init__(self) -> None:
            import zstandard  # slow to load, and small values need none

            self.compress = zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress
            self.expand = zstandard.ZstdDecompressor().decompress
            self.size_of = lambda frame: zstandard.get_frame_parameters(frame).content_size
