"""The side of a store that keeps what was computed: the steps after a miss."""

from __future__ import annotations

import time

import memostore.codec as codec
from memostore.backends.protocol import Backend, Execute, NewEntry, Priorities, binding_of, entry_id
from memostore.counters import Counters
from memostore.errors import Unstorable
from memostore.events import Evicted, Stored
from memostore.eviction import Limits, make_room, rank_anew
from memostore.fingerprint import CodeVersion
from memostore.flight import Flights
from memostore.function_limits import limits_of, make_room_in, too_large
from memostore.options import Options
from memostore.raised import stored_error
from memostore.recording import Recorder
from memostore.remembering import Result, Times
from memostore.telling import Teller

__all__ = ["Keeps"]

ABANDONED_AFTER = 86400.0  # seconds without a new piece, after which a recording belongs to a process that is gone


class Keeps:
    """What `Store` does with what a call came to."""

    flights: Flights
    _backend: Backend
    _counters: Counters
    _teller: Teller
    _limits: Limits
    _rank: Priorities
    _compress: str
    _ranked: bool
    _closed: bool
    _given_up: list[int]

    def _now(self) -> float:
        raise NotImplementedError

    def skip(self, key: bytes, version: CodeVersion, reason: str, kind: str = "skipped", *, warns: bool = True) -> bool:
        """Tell that a result is returned but not stored, and remember why; return False."""
        raise NotImplementedError

    @property
    def stores(self) -> bool:
        """Whether results can be stored at all."""
        return not (self._backend.read_only or self._closed)

    def claim(self, key: bytes) -> bool:
        """Claim a key among the processes of this computer; say whether it is ours now."""
        return self._backend.claim(key)

    def give_back(self, key: bytes) -> None:
        """Let other processes claim a key."""
        self._backend.give_back(key)

    def keep(self, key: bytes, version: CodeVersion, result: Result, options: Options) -> bool:
        """Store a result if its function, its kind and its size allow, and say so; otherwise say why not."""
        if self._backend.read_only:
            return False
        no, times = self._judged(result, options)
        if no:
            return self.skip(key, version, no, warns=False)
        try:
            payload = self._encoded(result)
        except Unstorable as error:
            return self.skip(key, version, str(error))
        if larger := too_large(payload.size, self._limits, options):
            return self.skip(key, version, larger)
        new = self._entry(key, version, result, payload, times)
        return self._teller.guarded("saving", lambda: self._save(new, limits_of(options))) is not None

    # Streams

    def recorder(self, key: bytes) -> Recorder | None:
        """Return what records a stream, None where nothing can be stored."""
        return Recorder(self._backend, key, self._compress, self._now) if self.stores else None

    def record(self, key: bytes, version: CodeVersion, options: Options, recorder: Recorder) -> bool:
        """Write the pieces of a stream that are full; say whether to go on recording."""
        if larger := too_large(recorder.size, self._limits, options):
            return self.skip(key, version, larger)
        if recorder.recording is None:
            self._teller.guarded("saving", self._forget_recordings)
        return self._teller.guarded("saving", recorder.write) is not None

    def keep_stream(
        self, key: bytes, version: CodeVersion, result: Result, options: Options, recorder: Recorder
    ) -> bool:
        """Store a stream that has come to its end; `result.value` is what the generator returned."""
        times = options.times(options.ttl_of(result.value), self._now())
        try:
            payload = self._teller.guarded("saving", lambda: recorder.finish(result.value))
        except Unstorable as error:
            payload = None
            self.skip(key, version, str(error))
        if payload is not None and (larger := too_large(payload.size, self._limits, options)):
            self.skip(key, version, larger)
        elif payload is not None:
            new = self._entry(key, version, result, payload, times, recorder.recording)
            return self._teller.guarded("saving", lambda: self._save(new, limits_of(options))) is not None
        self.give_up(recorder)
        return False

    def give_up(self, recorder: Recorder) -> None:
        """Drop a recording; its pieces go when the next one begins, or the store is closed.

        Not at once: a generator may be given up by the garbage collector, in the middle of another transaction.
        """
        if recorder.recording is not None:
            self._given_up.append(recorder.recording)

    def _forget_recordings(self) -> None:
        given_up = [self._given_up.pop() for _ in range(len(self._given_up))]
        self._backend.forget_recordings(given_up, self._now() - ABANDONED_AFTER)

    def _judged(self, result: Result, options: Options) -> tuple[str, Times]:
        """Return why the user's options do not want a result stored, or "" and its times."""
        if result.error is not None:
            ttl = options.error_ttl if options.error_ttl is not None or callable(options.ttl) else options.ttl
            return "", (None if ttl is None else self._now() + ttl, None)
        if options.cache_if is not None and not options.cache_if(result.value):
            return "cache_if said no", (None, None)
        ttl = options.ttl_of(result.value)
        return "its ttl is 0" if ttl == 0 else "", options.times(ttl, self._now())

    def _encoded(self, result: Result) -> codec.Payload:
        if result.error is not None:
            return codec.encode(stored_error(result.error), self._compress, codec.ERROR)
        return codec.encode(result.value, self._compress)

    def clock(self) -> float:
        """Return the seconds that computing is timed by: a clock that never jumps."""
        return time.perf_counter()

    def _entry(
        self, key: bytes, version: CodeVersion, result: Result, payload: codec.Payload, times: Times,
        recording: int | None = None,
    ) -> NewEntry:  # fmt: skip
        now, (expires, refresh_at) = self._now(), times
        checksum = codec.checksum(binding_of(key, payload.codec, now, expires), payload.pieces)
        return NewEntry(
            key, version, result.arguments, now, expires, result.seconds, payload, checksum, result.tags, refresh_at,
            recording, result.files,
        )  # fmt: skip

    def _save(self, new: NewEntry, own: Limits) -> bool:
        """Save an entry, and make room by the limits of its function (`own`) and the store's."""
        with self._counters.written_along(bool(self._limits or own)) as uses:  # who was just hit must not go
            evicted = self._backend.save(new, self._rank, uses, lambda execute: self._make_room(execute, new, own))
        self._teller.emit(Stored(new.key.hex(), new.code.name, new.payload.size, new.compute_seconds))
        for event in evicted:
            self._teller.emit(event)
        return True

    def _make_room(self, execute: Execute, new: NewEntry, own: Limits) -> list[Evicted]:
        if not self._ranked:
            rank_anew(execute, self._rank)
            self._ranked = True
        evicted = make_room_in(execute, new, own, self._rank) if own else []
        return evicted + make_room(execute, self._limits, self._rank, entry_id(new.key), new.created)
