"""The side of a store that reads and writes many entries at once: the elements of batches."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import memostore.codec as codec
from memostore.backends.protocol import AT_ONCE, Backend, Execute, NewEntry, Row, Use, binding_of
from memostore.batches.returned import element_of
from memostore.counters import Counters
from memostore.errors import CorruptEntry, StoreError, Unloadable, Unstorable
from memostore.events import Evicted, Hit, Miss, Stored
from memostore.eviction import Limits, make_room_for, rank_anew
from memostore.explain import Ask
from memostore.fingerprint import CodeVersion
from memostore.function_limits import limits_of, make_room_in, too_large
from memostore.options import Options
from memostore.remembering import CORRUPT, EXPIRED, FAULT, NEW, UNLOADABLE, Missing, Result, Times
from memostore.telling import Teller

__all__ = ["RemembersMany"]

DAMAGED: Final = "damaged"  # stands for the codec of a row that can't be read; nothing matches its checksum


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

    def skip(self, key: bytes, version: CodeVersion, reason: str, kind: str = "skipped", *, warns: bool = True) -> bool:
        """Tell that a result is returned but not stored, and remember why."""
        raise NotImplementedError

    def _entry(
        self, key: bytes, version: CodeVersion, result: Result, payload: codec.Payload, times: Times
    ) -> NewEntry:
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
        for key, content, checksum, name, created, expires, seconds, _ in rows:
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
            return key, b"", b"", DAMAGED, 0.0, None, 0.0, None

    def holds_many(self, keys: Collection[bytes]) -> set[bytes]:
        """Return those keys that are stored and have not expired, without loading or counting anything."""
        held = self._teller.guarded("reading", lambda: set(self._held(list(keys), self._now())))
        return held or set()

    def _held(self, keys: list[bytes], now: float) -> Iterator[bytes]:
        for places in _neighbours(keys):
            wanted = {keys[place] for place in places}
            for key, _, _, name, _, expires, _, _ in self._rows(wanted):
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
        new = self._fitting(list(self._entries(results, version, options)), options)
        if new:
            self._teller.guarded("saving", lambda: self._save_many(new, limits_of(options)))

    def _entries(
        self, results: list[tuple[bytes, Result]], version: CodeVersion, options: Options
    ) -> Iterator[NewEntry]:
        now = self._now()
        for key, result in results:
            ttl = options.ttl_of(element_of(result.value)) if callable(options.ttl) else options.ttl
            if ttl == 0:
                self.skip(key, version, "its ttl is 0", warns=False)
                continue
            try:
                payload = codec.encode(result.value, self._compress)
            except Unstorable as error:
                self.skip(key, version, str(error))
            else:
                yield self._entry(key, version, result, payload, options.times(ttl, now))

    def _fitting(self, new: list[NewEntry], options: Options) -> list[NewEntry]:
        """Return the results that may be held beside each other; of the others, it is told that they may not."""
        limits = {"store": self._limits, "function": limits_of(options)}
        if not any(limits.values()):
            return new
        fitting: list[NewEntry] = []
        total = 0
        for one in new:
            size = one.payload.size
            number = len(fitting) + 1
            full = next((whose for whose, has in limits.items() if not has.admits(total + size, number)), None)
            if full is None:
                fitting.append(one)
                total += size
            elif larger := too_large(size, self._limits, options):
                self.skip(one.key, one.code, larger)
            else:
                self.skip(one.key, one.code, f"the results of one call are more than the {full} may hold", "crowded")
        return fitting

    def _save_many(self, new: list[NewEntry], own: Limits) -> None:
        with self._counters.written_along(bool(self._limits or own)) as uses:  # who was just hit must not go
            evicted = self._backend.save_many(new, self._rank, uses, lambda execute: self._prepare(execute, new, own))
        for one in new:
            self._teller.emit(Stored(one.key.hex(), one.code.name, one.payload.size, one.compute_seconds))
        for event in evicted:
            self._teller.emit(event)

    def _prepare(self, execute: Execute, new: list[NewEntry], own: Limits) -> list[Evicted]:
        """Make room for entries before they are there, so that they do not evict each other."""
        if not self._ranked:
            rank_anew(execute, self._rank)
            self._ranked = True
        sizes = [one.payload.size for one in new]
        evicted = make_room_in(execute, new[0], own.less(len(sizes), sum(sizes)), self._rank) if own else []
        return evicted + make_room_for(execute, self._limits, self._rank, sizes, new[0].created)


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
