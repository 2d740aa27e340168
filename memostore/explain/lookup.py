"""The questions that explaining asks of a store, as portable SQL, and the records that the rows become."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from memostore.backends.protocol import Execute, entry_id
from memostore.explain.differ import parsed
from memostore.explain.manifest import Manifest
from memostore.explain.records import StoredCode, Tombstone
from memostore.fingerprint import CodeVersion
from memostore.records import Entry

__all__ = [
    "Stored",
    "Version",
    "entry_at",
    "manifest_of",
    "moment",
    "newest",
    "newest_gone",
    "tombstone_at",
    "versions",
]

NAMES = "function.module AS module, function.qualname AS qualname"
ENTRY = f"""
SELECT entry.key, {NAMES}, code.fingerprint, code.id, code.version, code.first_seen, entry.arguments, entry.created,
       entry.expires, entry.last_hit, entry.hit_count, entry.size, entry.compute_seconds, entry.codec,
       origin.host, origin.user_name, origin.script
FROM entry JOIN function ON function.id = entry.function_id JOIN code ON code.id = entry.code_id
LEFT JOIN origin ON origin.id = entry.origin_id
WHERE entry.id = :id
"""
TAGS = "SELECT name FROM tag WHERE entry_id = :id ORDER BY name"
TOMBSTONE = f"""
SELECT tombstone.key, {NAMES}, code.fingerprint, code.id, code.version, code.first_seen, tombstone.arguments,
       tombstone.created, tombstone.gone, tombstone.reason, tombstone.detail,
       origin.host, origin.user_name, origin.script
FROM tombstone JOIN function ON function.id = tombstone.function_id JOIN code ON code.id = tombstone.code_id
LEFT JOIN origin ON origin.id = tombstone.origin_id
WHERE tombstone.entry_id = :id
"""
VERSIONS = """
SELECT code.id, code.fingerprint, code.version, code.first_seen
FROM code JOIN function ON function.id = code.function_id
WHERE function.module = :module AND function.qualname = :qualname
ORDER BY code.first_seen DESC, code.id DESC LIMIT :limit
"""
MANIFEST = "SELECT manifest, source FROM code WHERE id = :id"
# Both walk an index from its newest end: a function's entries by time, the tombstones by their number.
NEWEST = """
SELECT key, code_id, arguments FROM entry
WHERE function_id = (SELECT id FROM function WHERE module = :module AND qualname = :qualname)
ORDER BY created DESC LIMIT :limit
"""
NEWEST_GONE = """
SELECT key, code_id, arguments FROM tombstone
WHERE function_id = (SELECT id FROM function WHERE module = :module AND qualname = :qualname)
ORDER BY number DESC LIMIT :limit
"""


@dataclass(frozen=True, slots=True)
class Version:
    """A row of the table `code`, without what is long."""

    id: int
    fingerprint: bytes
    version: str
    first_seen: float


@dataclass(frozen=True, slots=True)
class Stored:
    """An entry, or the tombstone of one, with the code that it was computed by and who stored it."""

    version: Version
    entry: Entry | None = None
    tombstone: Tombstone | None = None
    user_name: str | None = None
    script: str | None = None

    @property
    def used(self) -> datetime:
        """When it was last of use; for one that is gone, when it went."""
        if self.entry is not None:
            return self.entry.last_hit or self.entry.created
        return self.tombstone.gone if self.tombstone else datetime.min.replace(tzinfo=UTC)

    def code(self, execute: Execute) -> StoredCode:
        """Return the code's version with the place where it was defined."""
        own = manifest_of(execute, self.version, "").own
        seen = moment(self.version.first_seen)
        place = (own.file, own.line) if own else (None, None)
        return StoredCode(self.version.fingerprint.hex(), self.version.version, seen, *place)


def entry_at(execute: Execute, key: bytes) -> Stored | None:
    """Return the entry of a key."""
    for row in execute(ENTRY, {"id": entry_id(key)}):
        if row[0] == key:
            tags = tuple(str(name) for (name,) in execute(TAGS, {"id": entry_id(key)}))
            _, module, qualname, fingerprint, _, _, _, arguments, *times = row[:11]
            hits, size, seconds, codec, host, user_name, script = row[11:]
            created, expires, last_hit = map(_moment_or_none, times)
            entry = Entry(
                key.hex(), f"{module}.{qualname}", module, qualname, fingerprint.hex(), parsed(arguments), tags,
                created or moment(0.0), expires, last_hit, hits, size, seconds, codec, host,
            )  # fmt: skip
            return Stored(_version(row), entry, None, user_name, script)
    return None


def tombstone_at(execute: Execute, key: bytes) -> Stored | None:
    """Return the tombstone of a key."""
    for row in execute(TOMBSTONE, {"id": entry_id(key)}):
        if row[0] == key:
            return Stored(_version(row), None, tombstone_of(row))
    return None


def tombstone_of(row: Any) -> Tombstone:
    """Return the record of a row of TOMBSTONE."""
    key, module, qualname, fingerprint, _, _, _, arguments, created, gone, *rest = row
    name = f"{module}.{qualname}"
    return Tombstone(key.hex(), name, fingerprint.hex(), parsed(arguments), moment(created), moment(gone), *rest)


def versions(execute: Execute, name: tuple[str, str], limit: int) -> list[Version]:
    """Return the newest versions of a function's code that have stored a result."""
    return [Version(*row) for row in execute(VERSIONS, {"module": name[0], "qualname": name[1], "limit": limit})]


def manifest_of(execute: Execute, version: Version, name: str) -> Manifest:
    """Return what a stored version of the code covers."""
    ((manifest, source),) = execute(MANIFEST, {"id": version.id}) or ((None, None),)
    return Manifest.parsed(manifest, source, name)


def newest(execute: Execute, code: CodeVersion, limit: int) -> list[tuple[bytes, int, str | None]]:
    """Return key, code and arguments of a function's newest entries."""
    return list(execute(NEWEST, {"module": code.module, "qualname": code.qualname, "limit": limit}))


def newest_gone(execute: Execute, code: CodeVersion, limit: int) -> list[tuple[bytes, int, str | None]]:
    """Return the same of the function's entries that went last."""
    return list(execute(NEWEST_GONE, {"module": code.module, "qualname": code.qualname, "limit": limit}))


def moment(seconds: float) -> datetime:
    """Return a time that a calendar can show: a clock gone wild is shown as the last or first moment there is."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return (datetime.max if seconds > 0 else datetime.min).replace(tzinfo=UTC)


def _moment_or_none(seconds: float | None) -> datetime | None:
    return None if seconds is None else moment(seconds)


def _version(row: Any) -> Version:
    return Version(row[4], row[3], row[5], row[6])
