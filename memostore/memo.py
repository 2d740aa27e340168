"""The wrapper around a memoized function: what a call becomes, and the faces that tell about it.

It knows a store only by what it needs of one (`Remembers`), so that this module stands below `store`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar, overload

import memostore.background as background
from memostore.bound import Bindable
from memostore.calls import Call, Caller
from memostore.computing import Computing
from memostore.driving import Done, drive
from memostore.explain import Explanation, switched_off
from memostore.fingerprint import stored_name
from memostore.keys.binding import check_ignored, is_misfit, signature_of
from memostore.many import ManyCalls
from memostore.options import Options
from memostore.remembering import DUE, RAISED, REFRESH, Missing, Remembers
from memostore.rivals import look_for_rival
from memostore.switches import DISABLED, MAY_BE_SWITCHED, REFRESHING, switched
from memostore.tally import CacheInfo, Tallies

if TYPE_CHECKING:
    from memostore.records import Entry

__all__ = ["Home", "Memo"]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Home(NamedTuple):
    """Where a decorator keeps results: how its store is opened, and who has to know of the wrapper.

    `passes` says that nothing is remembered there.
    """

    open_store: Callable[[], Remembers]
    passes: bool = False
    made: Callable[[Memo[Any, Any]], object] = id


class Memo(Bindable[P, R], ManyCalls[R]):
    """A memoized function. Calls like the function, and has the faces of functools' and more.

    >>> from memostore import Store
    >>> store = Store(":memory:")
    >>> @store.memoize
    ... def square(x: int) -> int:
    ...     return x * x
    >>> square(3), square(3), square.is_cached(3), square.is_cached(4)
    (9, 9, True, False)
    >>> square.cache_info()
    CacheInfo(hits=1, misses=1, maxsize=None, currsize=1)
    """

    __wrapped__: Callable[P, R]
    __name__: str
    __qualname__: str
    _plan: Any  # a Computing, or what stands for one in another shape; None until the first call
    _tallies: Tallies

    def __init__(self, function: Callable[P, R], home: Home, options: Options) -> None:
        _take_identity(self, function)
        if options.ignore:
            check_ignored(signature_of(function), options.ignore)
        self._open_store = home.open_store
        self._passes = home.passes
        self._options = options
        self._start_anew()
        home.made(self)

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return the stored result of this call, or compute it and store it."""
        mode = self._passes or (MAY_BE_SWITCHED and switched(self._store))
        if mode and mode != REFRESHING:
            return self.__wrapped__(*args, **kwargs)
        plan = self._plan
        if plan is None or plan.caller.code.is_replaced():
            plan = self._make_plan()
        caller = plan.caller
        try:
            values = caller.bind(*args, **kwargs)
        except TypeError as error:
            if not is_misfit(error):
                raise
            return self.__wrapped__(*args, **kwargs)  # the function says best what does not fit
        version = caller.code.current()
        key = caller.key_of(version, values, args, kwargs)
        found: Any = REFRESH if mode else caller.store.recall(key, version)
        if type(found) is Missing:
            return drive(plan.result(Call(version, key, values, args, kwargs), found))  # type: ignore[no-any-return]
        self._tallies.hits.add()
        return found  # type: ignore[no-any-return]

    def __reduce__(self) -> str:
        """Pickle by name, as functions are."""
        return self.__qualname__

    def __copy__(self) -> Memo[P, R]:
        """Return itself, as functions do."""
        return self

    def __deepcopy__(self, _: Any) -> Memo[P, R]:
        """Return itself, as functions do."""
        return self

    def __memo_key__(self) -> Any:
        """Stand, as an argument of another memoized call or in its code, for the function that is memoized."""
        return self.__wrapped__, self._options.version

    def __repr__(self) -> str:
        return f"<memoized {self.__wrapped__!r}>"

    def key(self, /, *args: P.args, **kwargs: P.kwargs) -> str:
        """Return the key of a call, in hex, as the `key` column of the view `entries` shows it."""
        caller: Caller = self._planned().caller
        return caller.call(args, kwargs).key.hex()

    def is_cached(self, /, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Say whether a call's result is stored and has not expired. Counts no hit and loads nothing."""
        caller = self._planned().caller
        tracked = self._options.track is not None
        return any(caller.store.holds(key, tracked) for key in caller.keys(caller.call(args, kwargs)))

    check_call_in_cache = is_cached

    @overload
    def lookup(self, /, *args: P.args, **kwargs: P.kwargs) -> R | None: ...
    @overload
    def lookup(self, /, *args: Any, default: T, **kwargs: Any) -> R | T: ...
    def lookup(self, /, *args: Any, **kwargs: Any) -> Any:
        """Return the stored result of a call without ever computing it; where there is none, `default=` (None).

        A stored error is raised. A function with a parameter named `default` of its own keeps it: None is then what is
        returned for no result.
        """
        default = None if "default" in self._parameters else kwargs.pop("default", None)
        caller = self._planned().caller
        call = caller.call(args, kwargs)
        for key in caller.keys(call) if switched(self._store) != DISABLED else ():
            found = self._looked_up(key, call)
            if type(found) is not Missing:
                self._tallies.hits.add()
                return found.outcome() if type(found) is Done else found
        return default

    def _looked_up(self, key: bytes, call: Call) -> Any:
        """Return what is stored under a key, a `Done` where it is an error, or Missing."""
        found = self._planned().caller.store.recall(key, call.version)
        if type(found) is Missing and found.reason == DUE:
            return found.value
        return Done(None, found.value) if type(found) is Missing and found.reason == RAISED else found

    def entry(self, /, *args: P.args, **kwargs: P.kwargs) -> Entry | None:
        """Return what is known about a call's stored result, or None."""
        caller = self._planned().caller
        keys = caller.keys(caller.call(args, kwargs))
        return next((entry for key in keys for entry in caller.store.find(key=key.hex())), None)

    def explain(self, /, *args: P.args, **kwargs: P.kwargs) -> Explanation:
        """Say why a call would be a hit or a miss: print it. Counts no hit, and writes nothing."""
        caller = self._planned().caller
        call = Call(caller.code.current(), b"", caller.bound(args, kwargs), args, kwargs)
        said = caller.store.explain_call(caller.question(call))
        return switched_off(said) if switched(self._store) == DISABLED else said

    def refresh(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Compute a call anew, whatever is stored, store the result and return it."""
        if switched(self._store) == DISABLED:
            return self.__wrapped__(*args, **kwargs)
        plan = self._planned()
        return drive(plan.refreshed(plan.caller.call(args, kwargs)))  # type: ignore[no-any-return]

    def invalidate(self, /, *args: P.args, **kwargs: P.kwargs) -> int:
        """Remove the stored result of this one call; return how many there were, 0 or 1."""
        caller = self._planned().caller
        return sum(caller.store.invalidate(key=key.hex()) for key in list(caller.keys(caller.call(args, kwargs))))

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

    def cache_parameters(self) -> dict[str, Any]:
        """Return the options that are in force."""
        options = {field.name: getattr(self._options, field.name) for field in fields(Options)}
        return {"maxsize": self._options.max_entries, **options}  # functools' word for max_entries

    @property
    def memo_name(self) -> tuple[str, str]:
        """The module and name that results are stored under."""
        return stored_name(self.__wrapped__, self._options.name)

    @property
    def memo_names(self) -> list[tuple[str, str]]:
        """That name, and those that the function had before."""
        return [self.memo_name, *(stored_name(self.__wrapped__, name) for name in self._options.formerly)]

    @property
    def _parameters(self) -> Any:
        return signature_of(self.__wrapped__).parameters

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
        return Computing(caller, self._tallies, background.in_thread)

    def _begun(self, args: Any, kwargs: Any) -> tuple[Any, Call, bool] | None:
        """Return a call with its plan, and whether it is to be computed anew; None where it is made as it is."""
        mode = self._passes or (MAY_BE_SWITCHED and switched(self._store))
        if mode and mode != REFRESHING:
            return None
        plan = self._planned()
        try:
            values = plan.caller.bind(*args, **kwargs)
        except TypeError as error:
            if not is_misfit(error):
                raise
            return None
        version = plan.caller.code.current()
        return plan, Call(version, plan.caller.key_of(version, values, args, kwargs), values, args, kwargs), bool(mode)

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


def _take_identity(memo: Memo[Any, Any], function: Any) -> None:
    """Look like the function; attributes of its own are taken over where the wrapper has none of that name."""
    functools.update_wrapper(memo, function, updated=())
    for name, value in getattr(function, "__dict__", {}).items():
        is_private = name.startswith("_") and not name.endswith("__")  # __isabstractmethod__, __override__ are told
        if not hasattr(type(memo), name) and not is_private and name != "__wrapped__":
            setattr(memo, name, value)
