"""The steps of a call that has no result yet: whether to wait for another's, the function, and what is stored of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any, Final, NamedTuple

from memostore.calls import Call, Caller
from memostore.driving import Done, Pause, Run, Steps, Wait, Work
from memostore.flight import Flight, flying, is_aboard
from memostore.keys.inputs import InputState, changed_since, noting
from memostore.landing import REFRESH_FAILED, Landing, take_off
from memostore.remembering import DUE, EXPIRED, FAULT, RAISED, REFRESH, Missing, Result, is_missing
from memostore.tally import Tallies
from memostore.tracking import Collector, Ignoring, collecting

__all__ = ["Computing"]

FIRST_PAUSE: Final = 0.001  # seconds between two looks at another process's claim
LONGEST_PAUSE: Final = 0.05
NESTED_PATIENCE: Final = 5.0  # seconds for another process, on behalf of a call that others may be waiting for

Found = Generator[Any, Any, Any]
Reads = Collector | Ignoring


class Computing(NamedTuple):
    """What the steps of a function's calls share. `later` has steps taken in the background."""

    caller: Caller
    tallies: Tallies
    later: Callable[[Steps], None]

    def result(self, call: Call, found: Any) -> Steps:
        """Return what a call comes to, after what was found under its key: a value, or what it is missing."""
        found = yield from self._found_elsewhere(call, found)
        if type(found) is Missing and found is not REFRESH and found.reason != "fault":
            found = yield from self._flown(call, found)
        elif type(found) is Missing:
            return (yield from self._computed(call, found, None))
        return found if type(found) is Done else self._hit(call, found)

    def refreshed(self, call: Call) -> Steps:
        """Compute a call anew, whatever is stored."""
        return (yield from self._computed(call, REFRESH, None))

    def _found_elsewhere(self, call: Call, found: Any) -> Found:
        """Read a large value by a step of its own, and look for what older code has stored."""
        found = yield from self._whole(call, found)
        if self.caller.may_be_older(found):
            found = yield Work(self.caller.by_older_code, (call, found, self.caller.store.recall))
        return self._judged(found)

    def _whole(self, call: Call, found: Any) -> Found:
        is_large = type(found) is Missing and found.reason == "large"
        return (yield Work(self.caller.store.recall, (call.key, call.version))) if is_large else found

    def _judged(self, found: Any) -> Any:
        """Take what is due for expired, where the function is not, or no longer, computed anew in the background."""
        is_over = type(found) is Missing and found.reason == DUE and not self.caller.options.refreshes
        return EXPIRED if is_over else found

    def _hit(self, call: Call, found: Any) -> Done:
        self.tallies.hits.add()
        if type(found) is not Missing:
            return Done(found)
        if found.reason == DUE:
            self._refresh_later(call)
        return Done(None, found.value) if found.reason == RAISED else Done(found.value)

    # One computation at a time

    def _flown(self, call: Call, missing: Missing) -> Found:
        """Return a `Done`, or what another's computation has stored meanwhile."""
        store, options = self.caller.store, self.caller.options
        if not is_missing(missing):
            return missing
        if options.single_flight is False or not store.stores:
            return (yield from self._computed(call, missing, None))
        deadline = None if options.patience is None else time.monotonic() + options.patience
        while True:
            flight, is_own = store.flights.board(call.key)
            if is_own:
                return (yield from self._on_board(call, missing, flight, deadline))
            has_landed = yield Wait(flight, _left(deadline))
            if not has_landed or flight.is_stored is False:
                return (yield from self._computed(call, missing, None))
            found = self._judged((yield Work(store.recall, (call.key, call.version))))
            if not is_missing(found):
                return found
            missing = found

    def _on_board(self, call: Call, missing: Missing, flight: Flight, deadline: float | None) -> Found:
        store = self.caller.store
        landing = Landing(store, call.key, flight)
        try:
            yield from self._claimed(landing, deadline, is_nested=is_aboard())
            found = store.recall(call.key, call.version, whole=False)
            found = self._judged((yield from self._whole(call, found)))
            if not is_missing(found):
                flight.is_stored = True
                return found
            return (yield from self._computed(call, missing, landing))
        finally:
            landing.unless_under_way()

    def _claimed(self, landing: Landing, deadline: float | None, is_nested: bool) -> Found:
        """Claim the key for this process, or wait until its deadline for the process that has it."""
        if is_nested:  # who is waiting here may hold what the other process waits for
            nested = time.monotonic() + NESTED_PATIENCE
            deadline = nested if deadline is None else min(deadline, nested)
        pause = FIRST_PAUSE
        while not landing.claim() and (deadline is None or time.monotonic() < deadline):
            yield Pause(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    # The function

    def _computed(self, call: Call, missing: Missing, landing: Landing | None, counted: bool = True) -> Steps:
        caller, store = self.caller, self.caller.store
        if counted:
            self.tallies.misses.add()
            store.missed(call.key, call.version, missing, lambda: caller.question(call))
        arguments, tags = caller.shown(call), caller.options.tags_of(call.args, call.kwargs)  # the call may change them
        with noting() as read:
            unsteady = caller.unsteady_part(call)
        read += caller.inputs(call.version)
        reads = collecting(caller.options.track)
        started = store.clock()
        with flying(landing.flight if landing else None):
            done: Done = yield Run(reads.around(caller.function), call.args, call.kwargs)
        result = Result(done.value, store.clock() - started, arguments, tags, done.error)
        if unsteady is not None:
            store.skip(call.key, call.version, f"{unsteady} has another key each time it is taken", "unsteady")
        elif missing is not FAULT and self._is_result(done) and (counted or store.stores):
            # A store that just failed is not waited for again; one that was closed meanwhile is no fault behind a call.
            if landing is not None:
                landing.is_under_way = True
            yield Work(self._kept, (call, result, read, reads, landing))
        elif landing is not None and isinstance(done.error, Exception):
            landing.flight.is_stored = False  # there is no result to share: who waits computes at once
        return done

    def _is_result(self, done: Done) -> bool:
        return done.error is None or isinstance(done.error, self.caller.options.cache_errors)

    def _kept(self, call: Call, result: Result, read: list[InputState], reads: Reads, landing: Landing | None) -> None:
        """Store a result unless what it read has changed, and land: whoever is cancelled meanwhile, this is done."""
        store, is_stored = self.caller.store, False
        try:
            problem = changed_since(read) or reads.close()
            if problem is not None:
                store.skip(call.key, call.version, problem, "changed")
            else:
                result = replace(result, files=reads.files) if reads.files else result
                is_stored = store.keep(call.key, call.version, result, self.caller.options)
        finally:
            if landing is not None:
                landing.flight.is_stored = is_stored
                landing.now()

    # In the background

    def _refresh_later(self, call: Call) -> None:
        """Have a result computed anew, unless somebody is doing so already, here or in another process."""
        landing = take_off(self.caller.store, call.key)
        if landing is not None:
            self.later(self._refreshed(call, landing))

    def _refreshed(self, call: Call, landing: Landing) -> Steps:
        try:
            done: Done = yield from self._computed(call, REFRESH, landing, counted=False)
        finally:
            landing.unless_under_way()
        if isinstance(done.error, Exception):
            self.caller.store.skip(call.key, call.version, REFRESH_FAILED.format(done.error), "refresh")
            return Done()
        return done


HITS: Final = frozenset({DUE, RAISED})


def _is_missing(found: Any) -> bool:
    return type(found) is Missing and found.reason not in HITS


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.0, deadline - time.monotonic())
