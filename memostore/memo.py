"""The wrapper around a memoized function: what a call becomes, and the faces that tell about it.

It knows a store only by what it needs of one (`Remembers`), so that this module stands below `store`.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

import memostore.background as background
from memostore.bound import Bindable
from memostore.calls import Call, Caller
from memostore.computing import Computing
from memostore.driving import Done, drive
from memostore.explain import Explanation, switched_off
from memostore.faces import Faces
from memostore.keys.binding import is_misfit, signature_of
from memostore.many import ManyCalls
from memostore.options import Options
from memostore.remembering import DUE, RAISED, REFRESH, Missing
from memostore.switches import DISABLED, MAY_BE_SWITCHED, REFRESHING, switched

if TYPE_CHECKING:
    from memostore.records import Entry

__all__ = ["Memo"]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Memo(Faces[P, R], Bindable[P, R], ManyCalls[R]):
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

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return the stored result of this call, or compute it and store it."""
        # What `_begun` does, without it and `_mode`: a call of a method is a fiftieth of a hit.
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
        for key in caller.keys(call) if self._mode() != DISABLED else ():
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
        if self._mode() == DISABLED:
            return self.__wrapped__(*args, **kwargs)
        plan = self._planned()
        return drive(plan.refreshed(plan.caller.call(args, kwargs)))  # type: ignore[no-any-return]

    def invalidate(self, /, *args: P.args, **kwargs: P.kwargs) -> int:
        """Remove the stored result of this one call; return how many there were, 0 or 1."""
        caller = self._planned().caller
        return sum(caller.store.invalidate(key=key.hex()) for key in list(caller.keys(caller.call(args, kwargs))))

    def cache_parameters(self) -> dict[str, Any]:
        """Return the options that are in force."""
        options = {field.name: getattr(self._options, field.name) for field in fields(Options)}
        return {"maxsize": self._options.max_entries, **options}  # functools' word for max_entries

    @property
    def _parameters(self) -> Any:
        return signature_of(self.__wrapped__).parameters

    def _plan_of(self, caller: Caller) -> Any:
        return Computing(caller, self._tallies, background.in_thread)

    def _begun(self, args: Any, kwargs: Any) -> tuple[Any, Call, bool] | None:
        """Return a call with its plan, and whether it is to be computed anew; None where it is made as it is."""
        mode = self._mode()
        if mode == DISABLED:
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
