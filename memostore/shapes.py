"""The wrappers of what is not called and done: coroutine functions, generators. The steps are those of `computing`, and
of `streaming`; what differs is who takes them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import memostore.background as background
from memostore.callables import mark_as_coroutine_function
from memostore.calls import Call, Caller
from memostore.computing import Computing
from memostore.driving import drive_async, drive_async_generator, drive_generator
from memostore.errors import InvalidArgument
from memostore.faces import Home
from memostore.memo import Memo
from memostore.options import Options
from memostore.remembering import DUE, REFRESH, Missing
from memostore.streaming import Streaming, advance, advance_async, close, close_async
from memostore.switches import DISABLED

__all__ = ["AsyncGeneratorMemo", "CoroutineMemo", "GeneratorMemo"]

P = ParamSpec("P")
R = TypeVar("R")


class CoroutineMemo(Memo[P, R]):
    """A memoized coroutine function: a call, `refresh` and `map` are awaited; all other faces are plain."""

    def __init__(self, function: Callable[P, R], home: Home, options: Options) -> None:
        super().__init__(function, home, options)
        mark_as_coroutine_function(self)

    async def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> Any:  # type: ignore[override] # R is a coroutine
        """Return the stored result of this call, or compute it and store it."""
        begun = self._begun(args, kwargs)
        if begun is None:
            return await self.__wrapped__(*args, **kwargs)  # type: ignore[misc] # R is a coroutine
        plan, call, anew = begun
        found = REFRESH if anew else plan.caller.store.recall(call.key, call.version, whole=False)
        if type(found) is Missing:
            return await drive_async(plan.result(call, found))
        self._tallies.hits.add()
        return found

    async def refresh(self, /, *args: P.args, **kwargs: P.kwargs) -> Any:  # type: ignore[override] # as above
        """Compute a call anew, whatever is stored, store the result and return it."""
        if self._mode() == DISABLED:
            return await self.__wrapped__(*args, **kwargs)  # type: ignore[misc] # R is a coroutine
        plan = self._planned()
        return await drive_async(plan.refreshed(plan.caller.call(args, kwargs)))

    @staticmethod
    def _mapped(*given: Any) -> Any:
        from memostore.mapping import mapped_on_loop  # slow

        return mapped_on_loop(*given)

    def _plan_of(self, caller: Caller) -> Any:
        return Computing(caller, self._tallies, background.on_loop)


class GeneratorMemo(Memo[P, R]):
    """A memoized generator function: a call gives a generator, which looks into the store when it is first asked.

    Raises InvalidArgument for options that need a result, which a generator has only at its end.
    """

    _drive = staticmethod(drive_generator)

    def __init__(self, function: Callable[P, R], home: Home, options: Options) -> None:
        _check_for_streams(options)
        super().__init__(function, home, options)

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Return a generator of this call's stored items, or of the function's, which it records."""
        begun = self._begun(args, kwargs)
        if begun is None:
            return self.__wrapped__(*args, **kwargs)
        plan, call, anew = begun
        return self._drive(plan.items(call, anew))

    def refresh(self, /, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Return a generator of the function's items, whatever is stored; at its end they are stored."""
        if self._mode() == DISABLED:
            return self.__wrapped__(*args, **kwargs)
        plan = self._planned()
        return self._drive(plan.items(plan.caller.call(args, kwargs), True))

    def _looked_up(self, key: bytes, call: Call) -> Any:
        plan = self._planned()
        found = plan.caller.store.replay(key, call.version)
        if type(found) is Missing and found.reason != DUE:
            return found
        return self._drive(plan.stored_items(found.value if type(found) is Missing else found))

    @staticmethod
    def _mapped(*given: Any) -> Any:
        from memostore.mapping import not_mapped  # slow

        return not_mapped(*given)

    def _plan_of(self, caller: Caller) -> Any:
        return Streaming(caller, self._tallies, background.in_thread, advance, close)


class AsyncGeneratorMemo(GeneratorMemo[P, R]):
    """A memoized asynchronous generator function."""

    _drive: Any = staticmethod(drive_async_generator)

    def _plan_of(self, caller: Caller) -> Any:
        return Streaming(caller, self._tallies, background.on_loop, advance_async, close_async)


def _check_for_streams(options: Options) -> None:
    for name, given in {
        "cache_if": options.cache_if is not None, "cache_errors": bool(options.cache_errors),
        "ttl": callable(options.ttl), "single_flight": options.single_flight is not True,
    }.items():  # fmt: skip
        if given:
            raise InvalidArgument(
                f"{name}={getattr(options, name)!r} can't be used with a generator function: it has no result before "
                f"its end, and nobody waits for it. Leave it out, or return a list"
            )
