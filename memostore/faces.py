"""What memoized functions of every kind have: the identity of the function, its name in the store, and its counts."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, ParamSpec, Self, TypeVar

from memostore.calls import Caller
from memostore.fingerprint import stored_name
from memostore.keys.binding import check_ignored, signature_of
from memostore.options import Options
from memostore.remembering import Remembers
from memostore.rivals import look_for_rival
from memostore.switches import DISABLED, MAY_BE_SWITCHED, switched
from memostore.tally import CacheInfo, Tallies

__all__ = ["Faces", "Home"]

P = ParamSpec("P")
R = TypeVar("R")


class Home(NamedTuple):
    """Where a decorator keeps results: how its store is opened, and who has to know of the wrapper.

    `passes` says that nothing is remembered there.
    """

    open_store: Callable[[], Remembers]
    passes: bool = False
    made: Callable[[Faces[Any, Any]], object] = id


class Faces(Generic[P, R]):
    """A function together with the store that it is memoized with."""

    __wrapped__: Callable[P, R]
    __name__: str
    __qualname__: str
    _plan: Any  # what is worked out at the first call, with a `caller`; None until then
    _tallies: Tallies

    def __init__(self, function: Callable[P, R], home: Home, options: Options) -> None:
        self._take_identity(function)
        if options.ignore:
            check_ignored(signature_of(function), options.ignore)
        self._open_store = home.open_store
        self._passes = home.passes
        self._options = options
        self._start_anew()
        home.made(self)

    def __reduce__(self) -> str:
        """Pickle by name, as functions are."""
        return self.__qualname__

    def __copy__(self) -> Self:
        """Return itself, as functions do."""
        return self

    def __deepcopy__(self, _: Any) -> Self:
        """Return itself, as functions do."""
        return self

    def __memo_key__(self) -> Any:
        """Stand, as an argument of another memoized call or in its code, for the function that is memoized."""
        return self.__wrapped__, self._options.version

    def __repr__(self) -> str:
        return f"<memoized {self.__wrapped__!r}>"

    def cache_info(self) -> CacheInfo:
        """Return hits and misses in this process, and how many results are stored."""
        store = self._planned().caller.store
        held = [store.held_by(*name) for name in self.memo_names]
        entries, size, saved = map(sum, zip(*held, strict=True))
        counts = (self._tallies.hits.total(), self._tallies.misses.total(), self._options.max_entries, entries)
        return CacheInfo(counts, size, saved)

    def cache_clear(self) -> None:
        """Remove all stored results of this function, and start the counts of `cache_info` anew."""
        self._planned().caller.store.invalidate(function=self)
        self._tallies.clear()

    @property
    def memo_name(self) -> tuple[str, str]:
        """The module and name that results are stored under."""
        return stored_name(self.__wrapped__, self._options.name)

    @property
    def memo_names(self) -> list[tuple[str, str]]:
        """That name, and those that the function had before."""
        return [self.memo_name, *(stored_name(self.__wrapped__, name) for name in self._options.formerly)]

    def _mode(self) -> str | None:
        """Return DISABLED where the function is called as it is, REFRESHING where it is computed anew, else None."""
        if self._passes:
            return DISABLED
        return switched(self._store) if MAY_BE_SWITCHED else None

    def _store(self) -> Remembers:
        return self._plan.caller.store if self._plan else self._open_store()

    def _planned(self) -> Any:
        plan = self._plan
        return self._make_plan() if plan is None or plan.caller.code.is_replaced() else plan

    def _make_plan(self) -> Any:
        """Work out binding and fingerprint. Two threads may both do so; their plans are alike."""
        caller = Caller(self.__wrapped__, self._open_store(), self._options)
        look_for_rival(self, caller.store, caller.code.version)
        plan = self._plan = self._plan_of(caller)
        return plan

    def _plan_of(self, caller: Caller) -> Any:
        raise NotImplementedError

    def _start_anew(self) -> None:
        """Begin as after decoration."""
        self._plan = None
        self._tallies = Tallies()

    def _take_state(self) -> tuple[Any, Tallies]:
        """Begin as after decoration; return what has been learnt of the store, to be given back."""
        state = self._plan, self._tallies
        self._start_anew()
        return state

    def _give_back(self, state: tuple[Any, Tallies]) -> None:
        """Go on with what `_take_state` returned."""
        self._plan, self._tallies = state

    def _take_identity(self, function: Any) -> None:
        """Look like the function; attributes of its own are taken over where the wrapper has none of that name."""
        memo: Any = self
        functools.update_wrapper(memo, function, updated=())
        for name, value in getattr(function, "__dict__", {}).items():
            is_private = name.startswith("_") and not name.endswith("__")  # __isabstractmethod__, __override__ are told
            if not hasattr(type(self), name) and not is_private and name != "__wrapped__":
                setattr(self, name, value)
