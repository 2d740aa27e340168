"""The side of a store that reads and writes many entries at once: the elements of batches."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import memostore.codec as codec
from memostore.backends.protocol import AT_ONCE, Backend, Execute, NewEntry, Row, Use, binding_of
from memostore.counters import Counters
from memostore.errors import CorruptEntry, StoreError, Unloadable, Unstorable
from memostore.events import Evicted, Hit, Miss, Stored
from memostore.eviction import Limits, make_room_for, rank_anew
from memostore.explain import Ask
from memostore.fingerprint import CodeVersion
from memostore.options import Options
from memostore.remembering import Missing, Result
from memostore.telling import Teller

__all__ = ["RemembersMany"]

NEW: Final = Missing("new")
EXPIRED: Final = Missing("expired")
CORRUPT: Final = Missing("corrupt")
UNLOADABLE: Final = Missing("unloadable")
FAULT: Final = Missing("fault")

DAMAGED: Final = "damaged"  # stands for the codec of a row that can't be read; nothing matches its checksum


class _Encoded(NamedTuple):
    key: bytes
    result: Result
    payload: codec.Payload


class RemembersMany:
    """The side of a store that batches are read from and written to."""

    _backend: Backend
    _counters: Counters
    _teller: Teller
    _limits: Limits
    _compress: str
    _ranked: bool
    _rank: Any

    def recall(self, key: bytes, version: CodeVersion) -> Any:
        """Return the stored value of a key and count a hit, or return Missing with the reason."""
        raise NotImplementedError

    def skip(self, key: bytes, version: CodeVersion, reason: str, kind: str = "skipped", *, warns: bool = True) -> None:
        """Tell that a result is returned but not stored, and remember why."""
        raise NotImplementedError

    def missed(self, key: bytes, version: CodeVersion, missing: Missing, ask: Ask | None = None) -> None:
        """Count a miss and tell the hooks."""
        raise NotImplementedError

    def _now(self) -> float:
        raise NotImplementedError

    # Reading

    def recall_many(self, keys: Sequence[bytes], version: CodeVersion) -> tuple[list[Any], dict[int, Missing]]:
        """Return the stored value of each of some different keys, counted as a hit; and for those that have none,
        by their places, why not.
        """
        found: list[Any] = [NEW] * len(keys)
        reasons: dict[int, Missing] = {}
        hits: list[bytes] = []
        saved, otherwise = 0.0, NEW
        try:
            for places in _neighbours(keys):
                wanted = {keys[place]: place for place in places}
                saved += self._decode(self._rows(wanted), wanted, version, found, reasons, hits)
        except StoreError as error:
            self._teller.fault("reading", error)
            otherwise = FAULT
        if hits:  # all at once: the thread that writes counts begins to wait when the first one comes
            self._counters.add((version, self._now(), hits, saved))
        missing = {place: reasons.get(place, otherwise) for place, value in enumerate(found) if value is NEW}
        return found, missing

    def _decode(
        self, rows: list[Row], wanted: Mapping[bytes, int], version: CodeVersion, found: list[Any],
        reasons: dict[int, Missing], hits: list[bytes],
    ) -> float:  # fmt: skip
        """Put the values of rows, or the reasons why they have none, in their places, as `Store.recall` judges them.

        Return the seconds that the hits save.
        """
        now, saved, listens, stored = self._now(), 0.0, self._teller.listens(Hit), None
        for key, content, checksum, name, created, expires, seconds in rows:
            place = wanted.get(key)
            if place is None:  # another key, of the same row number
                continue
            try:
                if expires is not None and expires <= now:
                    reasons[place] = EXPIRED
                elif content is None or listens:  # by itself: in pieces, or told of with its size
                    self._recall_one(key, place, version, found, reasons)
                else:
                    if stored != (created, expires, name):  # the same for all that were stored together
                        stored, binding = (created, expires, name), binding_of(b"", name, created, expires)
                    found[place] = codec.decode(name, content, key + binding, checksum)
                    saved += seconds
                    hits.append(key)
            except Unloadable as error:
                reasons[place] = CORRUPT if isinstance(error, CorruptEntry) else UNLOADABLE
            except (TypeError, AttributeError, ValueError, struct.error):  # a column that holds what we never write
                found[place], reasons[place] = NEW, CORRUPT
        return saved

    def _recall_one(
        self, key: bytes, place: int, version: CodeVersion, found: list[Any], reasons: dict[int, Missing]
    ) -> None:
        value = self.recall(key, version)
        if type(value) is Missing:
            reasons[place] = value
        else:
            found[place] = value

    def _rows(self, keys: Collection[bytes]) -> list[Row]:
        """Return the rows of some keys; where one of them is damaged, by one question for each."""
        try:
            return self._backend.fetch_many(keys)
        except CorruptEntry:
            return [row for key in keys if (row := self._row(key)) is not None]

    def _row(self, key: bytes) -> Row | None:
        try:
            return self._backend.fetch(key)
        except CorruptEntry:
            return key, b"", b"", DAMAGED, 0.0, None, 0.0

    def holds_many(self, keys: Collection[bytes]) -> set[bytes]:
        """Return those keys that are stored and have not expired, without loading or counting anything."""
        held = self._teller.guarded("reading", lambda: set(self._held(list(keys), self._now())))
        return held or set()

    def _held(self, keys: list[bytes], now: float) -> Iterator[bytes]:
        for places in _neighbours(keys):
            wanted = {keys[place] for place in places}
            for key, _, _, name, _, expires, _ in self._rows(wanted):
                if key in wanted and name != DAMAGED and (expires is None or expires > now):
                    yield key

    def missed_many(
        self, misses: Iterable[tuple[bytes, Missing]], version: CodeVersion, ask: Callable[[bytes], Ask]
    ) -> None:
        """Count misses and tell the hooks of each; `ask` makes what asks more than the bare reason of one."""
        if self._teller.listens(Miss):
            for key, missing in misses:
                self.missed(key, version, missing, ask(key))
        else:
            use: Use = (version, self._now(), None, 0.0)
            self._counters.add_many([use for _ in misses])

    # Writing

    def keep_many(self, results: list[tuple[bytes, Result]], version: CodeVersion, options: Options) -> None:
        """Store results in one transaction, those that can be stored; say of the others why not."""
        if self._backend.read_only:
            return
        encoded = self._fitting(list(self._encoded(results, version)), version)
        if encoded:
            self._teller.guarded("saving", lambda: self._save_many(encoded, version, options))

    def _encoded(self, results: list[tuple[bytes, Result]], version: CodeVersion) -> Iterator[_Encoded]:
        for key, result in results:
            try:
                yield _Encoded(key, result, codec.encode(result.value, self._compress))
            except Unstorable as error:
                self.skip(key, version, str(error))

    def _fitting(self, encoded: list[_Encoded], version: CodeVersion) -> list[_Encoded]:
        """Return the results that the store can hold beside each other; of the others, it is told that it can't."""
        if not self._limits:
            return encoded
        fitting: list[_Encoded] = []
        total = 0
        for one in encoded:
            size = one.payload.size
            if self._limits.admits(total + size, len(fitting) + 1):
                fitting.append(one)
                total += size
            elif self._limits.admits(size):
                self.skip(one.key, version, "the results of one call are more than the store may hold", "crowded")
            else:
                self.skip(one.key, version, f"its {size} bytes are more than max_size={self._limits.max_size}")
        return fitting

    def _save_many(self, encoded: list[_Encoded], version: CodeVersion, options: Options) -> None:
        now = self._now()
        expires = None if options.ttl is None else now + options.ttl
        new = []
        for key, result, payload in encoded:
            checksum = codec.checksum(binding_of(key, payload.codec, now, expires), payload.pieces)
            new.append(
                NewEntry(
                    key, version, result.arguments, now, expires, result.seconds, payload, checksum, options.tags
                )
            )
        uses = self._counters.take() if self._limits else []  # who was hit a moment ago is not the one to evict
        sizes = [one.payload.size for one in encoded]
        try:
            evicted = self._backend.save_many(new, self._rank, uses, lambda execute: self._prepare(execute, sizes, now))
        except BaseException:
            self._counters.give_back(uses)
            raise
        for one in encoded:
            self._teller.emit(Stored(one.key.hex(), version.name, one.payload.size, one.result.seconds))
        for event in evicted:
            self._teller.emit(event)

    def _prepare(self, execute: Execute, sizes: list[int], now: float) -> list[Evicted]:
        if not self._ranked:
            rank_anew(execute, self._rank)
            self._ranked = True
        return make_room_for(execute, self._limits, self._rank, sizes, now)


def _neighbours(keys: Sequence[bytes]) -> Iterator[list[int]]:
    """Yield the places of keys in groups of at most AT_ONCE, those together whose entries lie together in the file.

    So few pages are read twice, which takes half of the time. To sort all keys would take longer than is won.
    """
    groups: list[list[int]] = [[] for _ in range(256 if len(keys) > AT_ONCE else 0)]
    if groups:
        for place, key in enumerate(keys):
            groups[key[0]].append(place)
    places = list(itertools.chain.from_iterable(groups)) if groups else list(range(len(keys)))
    for start in range(0, len(places), AT_ONCE):
        yield places[start : start + AT_ONCE]
