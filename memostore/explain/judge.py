"""The order in which reasons are looked for, from the call's own entry to the nearest of all."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import memostore.codec as codec
import memostore.explain.lookup as lookup
from memostore.backends.protocol import Backend, Execute, Row, binding_of, entry_id
from memostore.errors import CorruptEntry, StoreError, UnkeyableArgument, Unloadable
from memostore.explain.differ import differences, nearest, parsed
from memostore.explain.lookup import Stored, Version
from memostore.explain.manifest import Manifest, changed_file, changes, reason_of
from memostore.explain.question import Question
from memostore.explain.records import Change, Explanation
from memostore.explain.wording import moment
from memostore.read_files import changes_of

__all__ = ["BRIEF", "FULL", "Depth", "explained", "switched_off", "told", "verdict_on", "with_hits"]

PIECES = "SELECT coalesce(sum(length(data)), 0) FROM chunk WHERE entry_id = :id"
UNSTEADY = "a part of the call has another key each time it is taken, so that no result of it is stored"
UNREADABLE = (TypeError, ValueError, AttributeError, KeyError, IndexError, OverflowError)


@dataclass(frozen=True, slots=True)
class Depth:
    """How far back to look: versions of the code, and entries of the function."""

    versions: int
    entries: int


FULL: Final = Depth(versions=50, entries=500)
BRIEF: Final = Depth(versions=10, entries=50)  # for the line in the log, which every miss pays for


def explained(
    question: Question, backend: Backend, now: float, *, skipped: Callable[[bytes], str | None], depth: Depth = FULL
) -> Explanation:
    """Say why a call would hit or miss. `skipped` tells why this process did not store the result of a key."""
    code = question.code
    base = Explanation(code.name, "new", code=code.fingerprint.hex())
    try:
        base = replace(base, arguments=question.arguments, key=question.key().hex())
    except UnkeyableArgument as error:
        return replace(base, reason="unkeyable", arguments=question.arguments, error=str(error))
    if not backend.url:
        return replace(base, reason="off")
    try:
        return _Case(question, base, now, depth, skipped).judged(backend)
    except StoreError as error:
        return replace(base, reason="fault", error=str(error))
    except UNREADABLE as error:  # rows that hold what we never write
        return replace(base, reason="fault", error=f"the store holds what can't be read: {error!r}")


def verdict_on(backend: Backend, key: bytes, now: float, *, load: bool) -> tuple[str, str | None]:
    """Return "hit", "new", "expired", "corrupt" or "unloadable" for a key, and the error that says more.

    A value in the entry's own row is checked, and with `load` unpickled too; one in pieces is only counted.
    """
    try:
        row = backend.fetch(key)
        if row is None:
            return "new", None
        if row[5] is not None and row[5] <= now:
            return "expired", None
        _check(backend, key, row, load)
    except codec.HoldsError:
        return "hit", None
    except CorruptEntry as error:
        return "corrupt", str(error)
    except Unloadable as error:
        return "unloadable", str(error)
    except (*UNREADABLE, struct.error) as error:  # a column that holds what we never write
        return "corrupt", f"the entry holds what can't be read: {error!r}"
    return "hit", None


def _check(backend: Backend, key: bytes, row: Row, load: bool) -> None:
    _, content, checksum, name, created, expires, _, _ = row
    binding = binding_of(key, name, created, expires)
    if content is not None and load and not name.startswith(codec.STREAM):
        codec.decode(name, content, binding, checksum)
    elif content is not None and not codec.verify_pieces([content], binding, checksum):
        raise CorruptEntry("the stored bytes do not match their checksum")
    elif content is None:
        number = entry_id(key)
        ((there,),) = backend.look(lambda execute: execute(PIECES, {"id": number}))
        if there != backend.size_of(key):
            raise CorruptEntry("some of the stored bytes are missing")


@dataclass(frozen=True)
class _Case:
    """One call to be explained."""

    question: Question
    base: Explanation
    now: float
    depth: Depth
    skipped: Callable[[bytes], str | None]

    def judged(self, backend: Backend) -> Explanation:
        key, changed = bytes.fromhex(self.base.key or ""), None
        for stored_under in self.keys(key):
            reason, error = verdict_on(backend, stored_under, self.now, load=True)
            made = self.changed_files(backend, stored_under) if reason not in ("new", "expired") else ()
            if made:
                said = replace(self.base, reason="file", changes=made)
                changed = changed or self.found(backend, stored_under, said)
            elif reason != "new":
                return self.found(backend, stored_under, replace(self.base, reason=reason, error=error))
        return changed or backend.look(lambda execute: self.missing(execute, key))

    def changed_files(self, backend: Backend, key: bytes) -> tuple[Change, ...]:
        """Return which files that the call has read are others by now, where that was noted."""
        if self.question.code.scope.track is None:
            return ()
        _, files = backend.fetch_with_files(key)
        return tuple(changed_file(was.name, was.shown, now.shown) for was, now in changes_of(files))

    @staticmethod
    def found(backend: Backend, key: bytes, base: Explanation) -> Explanation:
        """Tell what is known of the entry of a key."""
        return backend.look(lambda execute: told(execute, base, lookup.entry_at(execute, key)))

    def keys(self, key: bytes) -> Iterator[bytes]:
        """Yield the keys that the call looks under, its own first."""
        yield key
        yield from self.question.older()

    def missing(self, execute: Execute, key: bytes) -> Explanation:
        """Say why there is no entry."""
        gone = lookup.tombstone_at(execute, key)
        if gone is not None and gone.tombstone is not None:
            return told(execute, replace(self.base, reason=gone.tombstone.reason), gone)
        reason = self.skipped(key)
        if reason is not None:
            return replace(self.base, reason="skipped", error=reason)
        if self.depth is FULL and self.question.key_of(self.question.code) != key:
            return replace(self.base, reason="skipped", error=UNSTEADY)
        return self.by_other_code(execute) or self.by_other_arguments(execute) or self.base

    def by_other_code(self, execute: Execute) -> Explanation | None:
        """Look for the result of the very same call under every earlier version of the code."""
        found = [stored for key in self.former_keys(execute) if (stored := self.at(execute, key)) is not None]
        if not found:
            return None
        best = max(found, key=lambda stored: (stored.entry is not None, stored.used))
        made = self.changes_since(execute, best.version)
        return told(execute, replace(self.base, reason=reason_of(made), changes=made), best)

    def former_keys(self, execute: Execute) -> Iterator[bytes]:
        """Yield the keys that the call had under other code, or under another version=, each once."""
        seen = {bytes.fromhex(self.base.key or "")}
        for name in self.question.stored_names:
            rows = lookup.versions(execute, name, self.depth.versions)
            known = dict.fromkeys([self.question.version, *(row.version for row in rows if row.version), "None"])
            for row in rows:
                for version in [row.version] if row.version else known:  # rows of revision 0001 do not say
                    key = self.question.key_under(name, row.fingerprint, version)
                    if key not in seen:
                        seen.add(key)
                        yield key

    @staticmethod
    def at(execute: Execute, key: bytes) -> Stored | None:
        return lookup.entry_at(execute, key) or lookup.tombstone_at(execute, key)

    def by_other_arguments(self, execute: Execute) -> Explanation | None:
        """Look for the nearest call, under the present code first, among what is stored before what is gone."""
        code, limit = self.question.code, self.depth.entries
        rows_of_code = lookup.versions(execute, self.question.stored_names[0], limit)
        current = {row.id for row in rows_of_code if row.fingerprint == code.fingerprint}
        for rows in (lookup.newest(execute, code, limit), lookup.newest_gone(execute, code, limit)):
            own = [row for row in rows if row[1] in current]
            for some in (own, rows):
                key = nearest(((parsed(text) or {}, key) for key, _, text in some), self.question.arguments)
                stored = self.at(execute, key) if key is not None else None
                if stored is not None:
                    return self.beside(execute, stored)
        return None

    def beside(self, execute: Execute, stored: Stored) -> Explanation:
        """Explain by another call of the same function."""
        before = (stored.entry or stored.tombstone).arguments  # type: ignore[union-attr] # it has one of them
        found = differences(before, self.question.arguments) if before is not None else ()
        made = self.changes_since(execute, stored.version)
        return told(execute, replace(self.base, reason="arguments", differences=found, changes=made), stored)

    def changes_since(self, execute: Execute, version: Version) -> tuple[Change, ...]:
        made: tuple[Change, ...] = ()
        code = self.question.code
        if version.fingerprint != code.fingerprint:
            now = Manifest.parsed(code.manifest, code.source, code.name)
            before = lookup.manifest_of(execute, version, code.name)
            made = changes(before, now, f"stored {moment(lookup.moment(version.first_seen))}")
        if version.version in ("", self.question.version):
            return made
        return (*made, Change("version", "version=", old=version.version, new=self.question.version))


def switched_off(said: Explanation) -> Explanation:
    """Return what is to be said of a call that would not look into the store, instead of what is stored."""
    base = Explanation(said.function, "off", said.key, said.code, said.arguments)
    return replace(base, error="it is switched off here, by store.disabled() or by MEMOSTORE_DISABLE")


def with_hits(said: Explanation, hits: int, last: float) -> Explanation:
    """Add the hits that are counted in memory and not written yet."""
    if not hits or said.entry is None:
        return said
    last_hit = max(lookup.moment(last), said.entry.last_hit or said.entry.created)
    return replace(said, entry=replace(said.entry, hit_count=said.entry.hit_count + hits, last_hit=last_hit))


def told(execute: Execute, base: Explanation, stored: Stored | None) -> Explanation:
    """Add what is known of a result to an explanation."""
    if stored is None:  # it went between two looks
        return base
    return replace(
        base, entry=stored.entry, tombstone=stored.tombstone, user_name=stored.user_name, script=stored.script,
        stored_code=stored.code(execute),
    )  # fmt: skip
