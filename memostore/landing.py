"""The end of a flight, whatever happens on the way: the key is free again, and those who wait go on."""

from __future__ import annotations

from memostore.flight import Flight
from memostore.remembering import Remembers

__all__ = ["REFRESH_FAILED", "Landing", "take_off"]

REFRESH_FAILED = "computing it anew failed: {!r}; the older one is returned until it expires"


def take_off(store: Remembers, key: bytes) -> Landing | None:
    """Begin to compute a result anew that is due; None where somebody is doing so, here or in another process."""
    flight, is_own = store.flights.board(key)
    if not is_own:
        return None
    landing = Landing(store, key, flight)
    if landing.claim() and store.is_due(key):  # nobody has been quicker
        return landing
    landing.now()
    return None


class Landing:
    """The end of a flight: its claim is given back, and those who wait are woken.

    It comes at the latest when the steps are forgotten: a RecursionError or an interrupt may hit any line of them.
    """

    def __init__(self, store: Remembers, key: bytes, flight: Flight) -> None:
        self.flight = flight
        self.is_under_way = False  # whether the step that stores the result will see to it
        self._store = store
        self._key = key
        self._has_claim = self._is_over = False

    def claim(self) -> bool:
        """Claim the key for this process; say whether it is ours."""
        self._has_claim = self._store.claim(self._key)
        return self._has_claim

    def now(self) -> None:
        """End the flight."""
        if self._has_claim:
            self._has_claim = False
            self._store.give_back(self._key)
        self._store.flights.land(self._key, self.flight)
        self._is_over = True

    def __del__(self) -> None:
        if not self._is_over:
            self.now()

    def unless_under_way(self) -> None:
        """End the flight, unless the step that stores its result does."""
        if not self.is_under_way:
            self.now()
