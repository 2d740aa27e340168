"""The steps of a generator: recorded while it is consumed, stored when it is exhausted, and replayed from the store.

A generator is never waited for: its consumer may take forever, or be the very one who waits. Where a replay can't go
on, or something is sent or thrown into it, the function runs after all: what has been handed out already is skipped.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, NamedTuple

from memostore.calls import Call, Caller
from memostore.driving import Done, Emit, Run, Steps, Work
from memostore.errors import StoreError, Unloadable, Unstorable
from memostore.keys.encoding import SCALARS
from memostore.keys.inputs import changed_since, noting
from memostore.landing import REFRESH_FAILED, Landing, take_off
from memostore.recording import NEEDED, End, Player, Recorder
from memostore.remembering import DUE, FAULT, REFRESH, Missing, Result
from memostore.tally import Tallies
from memostore.tracking import collecting

__all__ = ["Streaming", "advance", "advance_async", "close", "close_async"]


def advance(source: Generator[Any, Any, Any], given: Done) -> Any:
    """Return the next item of a generator, which is sent a value or an error; an `End` at its end."""
    try:
        if given.error is not None:
            return source.throw(given.error)
        return next(source) if given.value is None else source.send(given.value)
    except StopIteration as end:
        return End(end.value)


async def advance_async(source: AsyncGenerator[Any, Any], given: Done) -> Any:
    """Do so with an asynchronous generator."""
    try:
        if given.error is not None:
            return await source.athrow(given.error)
        return await source.asend(given.value)
    except StopAsyncIteration:
        return End()


def close(source: Generator[Any, Any, Any]) -> None:
    """Close a generator."""
    source.close()


async def close_async(source: AsyncGenerator[Any, Any]) -> None:
    """Close an asynchronous generator."""
    await source.aclose()


class Streaming(NamedTuple):
    """What the steps of a generator function's calls share. `later` has steps taken in the background."""

    caller: Caller
    tallies: Tallies
    later: Callable[[Steps], None]
    advance: Callable[..., Any]
    close: Callable[..., Any]

    def items(self, call: Call, anew: bool) -> Steps:
        """Emit the items of a call: the stored ones, or else, and where they are asked for `anew`, the function's."""
        found = REFRESH if anew else (yield from self.found(call))
        player = self.player(call, found)
        if player is None:
            return (yield from self._run(call, found, 0, Done()))
        self.tallies.hits.add()
        skip, given = yield from self._play(player, may_fail=False)
        return given if skip is None else (yield from self._run(call, Missing("unloadable"), skip, given))

    def stored_items(self, player: Player) -> Steps:
        """Emit the items of a player and never run the function; what can't be read is an error."""
        _, given = yield from self._play(player, may_fail=True)
        return given

    def found(self, call: Call) -> Generator[Any, Any, Any]:
        """Return the player of a call's stored stream, under its own key or one of older code, or what is missing."""
        store = self.caller.store
        found = yield Work(store.replay, (call.key, call.version))
        if self.caller.may_be_older(found):
            found = yield Work(self.caller.by_older_code, (call, found, store.replay))
        return found

    def player(self, call: Call, found: Any) -> Player | None:
        """Return the player that was found; have the stream computed anew in the background where that is due."""
        if type(found) is not Missing:
            return found  # type: ignore[no-any-return] # a Player
        if found.reason != DUE or not self.caller.options.refreshes:
            return None
        self._refresh_later(call)
        return found.value  # type: ignore[no-any-return] # a Player

    # From the store

    def _play(self, player: Player, may_fail: bool) -> Generator[Any, Any, tuple[int | None, Done]]:
        """Emit stored items. Return None and what the stream came to; or where, and how, the function has to go on."""
        emitted = 0
        while True:
            try:
                item = player.next()
                if item is NEEDED:
                    yield Work(player.load)
                    continue
            except (StoreError, Unloadable):
                if may_fail:
                    raise
                return emitted, Done()
            if type(item) is End:
                return None, Done(item.value)
            given: Done = yield Emit(item)
            emitted += 1
            if isinstance(given.error, GeneratorExit):
                return None, given
            if not given.is_nothing:
                return emitted, given

    # From the function

    def _run(self, call: Call, missing: Missing, skip: int, given: Done) -> Steps:
        """Run the function, record its items and emit them but for the first `skip`; then it is given what was sent."""
        caller, store = self.caller, self.caller.store
        self.tallies.misses.add()
        store.missed(call.key, call.version, missing, lambda: caller.question(call))
        take = _Take(self, call, missing)
        try:
            return (yield from self._emitted(take, caller.function(*call.args, **call.kwargs), skip, given))
        finally:
            take.stop()

    def _emitted(self, take: _Take, source: Any, skip: int, sent: Done) -> Steps:
        given = Done() if skip else sent
        while True:
            if not given.is_nothing:
                take.stop()  # what comes next depends on what was sent
            done: Done = yield from take.advance(source, given)
            if done.error is not None:
                return done
            if type(done.value) is End:
                yield from take.end(done.value)
                return Done(done.value.value)
            if skip:
                skip -= 1
                given = Done() if skip else sent
                continue
            given = yield Emit(done.value)
            if isinstance(given.error, GeneratorExit):
                closed: Done = yield Run(self.close, (source,), {})
                return closed if closed.error is not None else given

    # In the background

    def _refresh_later(self, call: Call) -> None:
        """Have a stream computed anew, unless somebody is doing so already, here or in another process."""
        landing = take_off(self.caller.store, call.key)
        if landing is not None:
            self.later(self._refreshed(call, landing))

    def _refreshed(self, call: Call, landing: Landing) -> Steps:
        """Run the function to its end, for its recording alone."""
        take = _Take(self, call, REFRESH)
        try:
            source = self.caller.function(*call.args, **call.kwargs)
            done = Done()
            while done.error is None and type(done.value) is not End:
                done = yield from take.advance(source, Done())
            if done.error is None:
                yield from take.end(done.value)
        finally:
            take.stop()
            landing.now()
        if isinstance(done.error, Exception):
            self.caller.store.skip(call.key, call.version, REFRESH_FAILED.format(done.error), "refresh")
        return Done()


class _Take:
    """One recording of a call: what it needs to be stored at its end. It stops where the result can't be stored."""

    def __init__(self, streaming: Streaming, call: Call, missing: Missing) -> None:
        caller = streaming.caller
        self._streaming = streaming
        self._store = caller.store
        self._call = call
        self._arguments, self._tags = caller.shown(call), caller.options.tags_of(call.args, call.kwargs)
        self._seconds = 0.0
        self._reads = collecting(caller.options.track)
        with noting() as self._read:
            unsteady = caller.unsteady_part(call)
        self._read += caller.inputs(call.version)
        self._recorder: Recorder | None = None if missing is FAULT else self._store.recorder(call.key)
        if unsteady is not None:
            self._skip(f"{unsteady} has another key each time it is taken", "unsteady")

    def advance(self, source: Any, given: Done) -> Generator[Any, Any, Done]:
        """Advance the generator, and record its item."""
        started = self._store.clock()
        done: Done = yield Run(self._reads.around(self._streaming.advance), (source, given), {})
        self._seconds += self._store.clock() - started
        if self._recorder is not None and done.error is None and type(done.value) is not End:
            yield from self._record(self._recorder, done.value)
        return done

    def _record(self, recorder: Recorder, item: Any) -> Generator[Any, Any, None]:
        try:
            is_full = recorder.add(item)
        except Unstorable as error:
            self._skip(str(error))
            return
        call, options = self._call, self._streaming.caller.options
        if is_full and not (yield Work(self._store.record, (call.key, call.version, options, recorder))):
            self.stop()

    def end(self, end: End) -> Generator[Any, Any, None]:
        """Store the stream."""
        if self._recorder is not None:
            yield Work(self._stored, (self._recorder, end.value))

    def stop(self) -> None:
        """Store nothing."""
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            self._store.give_up(recorder)

    def _skip(self, reason: str, kind: str = "skipped") -> None:
        self._store.skip(self._call.key, self._call.version, reason, kind)
        self.stop()

    def _stored(self, recorder: Recorder, value: Any) -> None:
        call, options = self._call, self._streaming.caller.options
        problem = changed_since(self._read) or self._reads.close()
        if problem is not None:
            self._skip(problem, "changed")
        elif not self._has_same_arguments():
            self._skip("its arguments were changed while it was consumed", "changed")
        else:
            self._recorder = None
            result = Result(value, self._seconds, self._arguments, self._tags, files=self._reads.files)
            self._store.keep_stream(call.key, call.version, result, options, recorder)

    def _has_same_arguments(self) -> bool:
        """Say whether the arguments are still what the key says. The consumer could change them between two items."""
        call, caller = self._call, self._streaming.caller
        if SCALARS.issuperset(map(type, call.values)):
            return True
        values = caller.bind(*call.args, **call.kwargs)
        return caller.key_of(call.version, values, call.args, call.kwargs) == call.key
