"""What a backend can do, and the records that it takes and gives."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from memostore.codec import Payload
from memostore.fingerprint import CodeVersion
from memostore.read_files import ReadFile

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["Backend", "Execute", "Health", "NewEntry", "Priorities", "Row", "Use", "binding_of", "entry_id"]

T = TypeVar("T")

TIMES = struct.Struct("<dd")
FIRST_64_BITS = struct.Struct(">Q")

# Runs one statement of portable SQL with `:name` parameters inside the current transaction, and gives its rows.
Execute = Callable[[str, Mapping[str, Any]], Sequence[Any]]


# What a hit needs of an entry: key, value (None where it lies in chunks), checksum, codec, created, expires,
# compute_seconds and refresh_at. A plain tuple, as the driver gives it: naming its fields would cost a hit 5 %.
Row = tuple[bytes, bytes | None, bytes, str, float, float | None, float, float | None]


@dataclass(frozen=True, slots=True)
class NewEntry:
    """A result to be saved, with everything that is known about it."""

    key: bytes
    code: CodeVersion
    arguments: str | None
    created: float
    expires: float | None
    compute_seconds: float
    payload: Payload
    checksum: bytes
    tags: tuple[str, ...] = ()
    refresh_at: float | None = None
    recording: int | None = None  # the recording that becomes the entry's
    files: tuple[ReadFile, ...] = ()


# One buffered hit: function, when, key and the seconds that it saved; or one miss, without a key. A plain tuple: a hit
# makes one, and a named one would take six times as long.
Use = tuple[CodeVersion, float, bytes | None, float]


@dataclass(frozen=True, slots=True)
class Priorities:
    """How an eviction policy ranks: SQL expressions for a new entry and for one that was hit `:hits` times."""

    name: str
    on_save: str
    on_hit: str = field(default="priority")


@dataclass(frozen=True, slots=True)
class Health:
    """The state of a database. Sizes are bytes; what does not apply is None, or 0.

    `complaints` are those of the engine's own check, `free` is the space of removed entries in the file, `log_size`
    that of the write-ahead log, `written` when the file itself was last written (a checkpoint does that), `mode` its
    permissions, `network` the kind of network file system that it lies on.
    """

    engine: str
    engine_version: tuple[int, ...]
    journal_mode: str
    complaints: tuple[str, ...]
    size: int
    free: int
    log_size: int
    written: float | None
    mode: int | None
    network: str | None
    disk_free: int | None


class Backend(Protocol):
    """A place for entries. Every method raises a StoreError, never a driver's own error."""

    url: str
    path: Path | None
    read_only: bool

    def open(self) -> None:
        """Create or migrate the database if need be; raise what is wrong with the path or the file."""

    def fetch(self, key: bytes) -> Row | None:
        """Return the row of a key, as one read outside any transaction."""

    def fetch_pieces(self, key: bytes) -> tuple[Row, Iterator[bytes]] | None:
        """Return the row of a key with its value's pieces, both from one moment."""

    def claim(self, key: bytes) -> bool:
        """Claim a key among the processes of this computer; say whether it is ours, or nobody can be asked."""

    def give_back(self, key: bytes) -> None:
        """Let other processes claim a key."""

    def record(self, recording: int | None, position: int, checksum: bytes, data: bytes, now: float) -> int:
        """Write a piece of a recording, a new one for None, in a transaction of its own; return the recording."""

    def recorded(self, recording: int, position: int) -> tuple[bytes, bytes] | None:
        """Return checksum and data of a piece of a recording, None where there is none."""

    def forget_recordings(self, given_up: list[int], before: float) -> None:
        """Remove recordings without an entry: those that were given up, and those last written before a time."""

    def fetch_with_files(self, key: bytes) -> tuple[Row | None, list[ReadFile]]:
        """Return the row of a key and the files that the call has read, both from one moment."""

    def totals_of(self, module: str, qualname: str) -> tuple[int, int, float]:
        """Return the number and bytes of one function's entries, and the seconds that its hits have saved."""

    def size_of(self, key: bytes) -> int:
        """Return the stored bytes of one entry, 0 where there is none."""

    def save(self, new: NewEntry, rank: Priorities, uses: list[Use], finish: Callable[[Execute], T]) -> T:
        """Write an entry and count uses in one transaction; `finish` runs in it, before the commit."""

    def facts(self, code: bytes) -> bytes | None:
        """Return what is remembered of a code object."""

    def keep_facts(self, pairs: list[tuple[bytes, bytes]]) -> None:
        """Remember something of code objects."""

    def enter_code(self, code: CodeVersion, seen: float) -> None:
        """Write down that a version of a function's code is in use."""

    def touch(self, uses: list[Use], rank: Priorities) -> None:
        """Count buffered hits and misses."""

    def look(self, run: Callable[[Execute], T]) -> T:
        """Run questions in one read transaction; no SQLAlchemy is needed for it."""

    def reading(self) -> AbstractContextManager[Connection]:
        """Return a SQLAlchemy connection in a read transaction."""

    def writing(self) -> AbstractContextManager[Connection]:
        """Return a SQLAlchemy connection in a write transaction, committed at the end of the block."""

    def query(self, text: str, params: Any, time_limit: float) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Run a user's SQL where it can only read; return the columns' names and the rows."""

    def revision(self) -> str:
        """Return the schema's revision."""

    def health(self) -> Health:
        """Return the state of the database, after its engine's own check of it."""

    def size_on_disk(self) -> int:
        """Return the bytes that the database takes."""

    def vacuum(self) -> int:
        """Give free pages back; return how many bytes the database has shrunk by."""

    def release(self) -> None:
        """Let go of what this thread has open."""

    def close(self) -> None:
        """Let go of everything that is open."""


def entry_id(key: bytes) -> int:
    """Return the row number of a key: its first 63 bits."""
    number: int = FIRST_64_BITS.unpack_from(key)[0] >> 1
    return number


def binding_of(key: bytes, codec: str, created: float, expires: float | None) -> bytes:
    """Return what ties a payload to its row, for the checksum."""
    return key + TIMES.pack(created, math.inf if expires is None else expires) + codec.encode()
