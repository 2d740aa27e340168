"""What memoized functions of every kind have: the identity of the function, its name in the store, and its counts."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, Self, TypeVar

from memostore.calls import Caller
from memostore.fingerprint import stored_name
from memostore.keys.binding import check_ignored, signature_of
from memostore.options import Options
from memostore.remembering import Remembers
from memostore.tally import CacheInfo, Tally

__all__ = ["Faces"]

P = ParamSpec("P")
R = TypeVar("R")


class Faces(Generic[P, R]):
    """A function together with the store that it is memoized with."""

    __wrapped__: Callable[P, R]
    __name__: str
    __qualname__: str

    def __init__(self, function: Callable[P, R], open_store: Callable[[], Remembers], options: Options) -> None:
        self._take_identity(function)
        if options.ignore:
            check_ignored(signature_of(function), options.ignore)
        self._open_store = open_store
        self._options = options
        self._known: Caller | None = None
        self._hits, self._misses = Tally(), Tally()

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
        store = self._caller().store
        held = [store.held_by(*name) for name in self.memo_names]
        entries, size, saved = map(sum, zip(*held, strict=True))
        return CacheInfo((self._hits.total(), self._misses.total(), None, entries), size, saved)

    def cache_clear(self) -> None:
        """Remove all stored results of this function, and start the counts of `cache_info` anew."""
        self._caller().store.invalidate(function=self)
        self._hits, self._misses = Tally(), Tally()

    @property
    def memo_name(self) -> tuple[str, str]:
        """The module and name that results are stored under."""
        return stored_name(self.__wrapped__, self._options.name)

    @property
    def memo_names(self) -> list[tuple[str, str]]:
        """That name, and those that the function had before."""
        return [self.memo_name, *(stored_name(self.__wrapped__, name) for name in self._options.formerly)]

    def _caller(self) -> Caller:
        """Return what is worked out at the first call. Two threads may both do so; what they get is alike."""
        if self._known is None:
            self._known = Caller(self.__wrapped__, self._open_store(), self._options)
        return self._known

    def _store(self) -> Remembers:
        return self._known.store if self._known else self._open_store()

    def _take_state(self) -> dict[str, Any]:
        """Start anew, as after decoration; return what has been learnt of the store, to be given back."""
        state = {name: getattr(self, name) for name in ("_known", "_hits", "_misses")}
        self._known = None
        self._hits, self._misses = Tally(), Tally()
        return state

    def _give_back(self, state: dict[str, Any]) -> None:
        """Go on with what `_take_state` returned."""
        for name, value in state.items():
            setattr(self, name, value)

    def _take_identity(self, function: Any) -> None:
        """Look like the function; attributes of its own are taken over where the wrapper has none of that name."""
        memo: Any = self
        functools.update_wrapper(memo, function, updated=())
        for name, value in getattr(function, "__dict__", {}).items():
            if not hasattr(type(self), name) and not name.startswith("_"):
                setattr(self, name, value)
