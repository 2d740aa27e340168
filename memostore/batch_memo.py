"""The wrapper around a function whose batches are remembered element by element, and its faces."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar, Unpack, overload

import memostore.config as config
from memostore.backends.null import NullBackend
from memostore.backends.protocol import Backend
from memostore.batching import BatchCall, Batcher, batched
from memostore.bound import BoundMemo, MemoClassmethod
from memostore.callables import behaves, mark_as_coroutine_function
from memostore.calls import Caller
from memostore.driving import drive, drive_async
from memostore.errors import InvalidArgument
from memostore.faces import Faces, Home
from memostore.keys.binding import signature_of
from memostore.keys.naming import function_name
from memostore.options import BatchOptions, Options, check_known
from memostore.switches import DISABLED

__all__ = ["AsyncBatchMemo", "BatchMemo", "MemoizesBatches", "decorate_batch"]

P = ParamSpec("P")
P2 = ParamSpec("P2")
R = TypeVar("R")

REMOVED_AT_ONCE = 500  # entries; SQLite takes a limited number of parameters


class BatchMemo(Faces[P, R]):
    """A function memoized by the elements of one of its parameters.

    >>> from memostore import Store
    >>> store = Store(":memory:")
    >>> @store.memoize_batch(over="texts")
    ... def lengths(texts: list[str]) -> list[int]:
    ...     print("computing", texts)
    ...     return [len(text) for text in texts]
    >>> lengths(["a", "abc"])
    computing ['a', 'abc']
    [1, 3]
    >>> lengths(["abc", "ab", "a", "ab"])
    computing ['ab']
    [3, 2, 1, 2]
    """

    def __init__(
        self, function: Callable[P, R], home: Home, options: Options, over: str, batch_size: int | None
    ) -> None:
        _check_over(function, over, options)
        self._over = over
        self._batch_size = batch_size
        super().__init__(function, home, options)

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return the stored results of the batch's elements, after those that are missing are computed and stored."""
        mode = self._mode()
        if mode == DISABLED:
            return self.__wrapped__(*args, **kwargs)
        return self._driven(args, kwargs, bool(mode))  # type: ignore[no-any-return]

    @overload
    def __get__(self, instance: None, owner: Any = None) -> BatchMemo[P, R]: ...
    @overload
    def __get__(self: BatchMemo[Concatenate[Any, P2], R], instance: object, owner: Any = None) -> BoundMemo[P2, R]: ...
    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Bind to an instance, as functions do."""
        return self if instance is None else BoundMemo(self, instance)

    def keys(self, /, *args: P.args, **kwargs: P.kwargs) -> list[str]:
        """Return the key of each element of a call, in hex, as the `key` column of the view `entries` shows it."""
        return [key.hex() for key in self._call(args, kwargs).element_keys()]

    def is_cached(self, /, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Say whether the results of all elements are stored and have not expired. Counts no hit and loads nothing."""
        return not self._missing(args, kwargs)[1]

    def missing(self, /, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Return the elements of a call that a computation is needed for, in order, once each, as a batch like the
        call's own.
        """
        call, places = self._missing(args, kwargs)
        return call.batch.pick(places)

    def refresh(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Compute all elements anew, whatever is stored, store the results and return them."""
        if self._mode() == DISABLED:
            return self.__wrapped__(*args, **kwargs)
        return self._driven(args, kwargs, True)  # type: ignore[no-any-return]

    def invalidate(self, /, *args: P.args, **kwargs: P.kwargs) -> int:
        """Remove the stored results of a call's elements; return how many there were."""
        store: Any = self._planned().caller.store
        keys = sorted(set(self.keys(*args, **kwargs)))
        parts = (keys[start : start + REMOVED_AT_ONCE] for start in range(0, len(keys), REMOVED_AT_ONCE))
        return sum(store.invalidate(where=store.entries.c.key.in_(part)) for part in parts)

    def cache_parameters(self) -> dict[str, Any]:
        """Return the options that are in force."""
        options = {name: getattr(self._options, name) for name in BatchOptions.__annotations__}
        return {"maxsize": self._options.max_entries, "over": self._over, "batch_size": self._batch_size, **options}

    def _driven(self, args: Any, kwargs: Any, refreshing: bool) -> Any:
        return drive(batched(self._planned(), args, kwargs, refreshing, self._tallies))

    def _plan_of(self, caller: Caller) -> Batcher:
        return Batcher(caller, self._over, self._batch_size)

    def _call(self, args: Any, kwargs: Any) -> BatchCall:
        call: BatchCall = self._planned().call(args, kwargs)
        return call

    def _missing(self, args: Any, kwargs: Any) -> tuple[BatchCall, list[int]]:
        call = self._call(args, kwargs)
        call.take_keys()
        held = call.caller.store.holds_many(call.keys)
        return call, [place for key, place in zip(call.keys, call.places, strict=True) if key not in held]


class AsyncBatchMemo(BatchMemo[P, R]):
    """The same of a coroutine function: a call is awaited."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        mark_as_coroutine_function(self)

    async def _driven(self, args: Any, kwargs: Any, refreshing: bool) -> Any:
        return await drive_async(batched(self._planned(), args, kwargs, refreshing, self._tallies))


class MemoizesBatches:
    """The side of a store that decorates functions of batches."""

    _backend: Backend

    def memoize_batch(
        self, /, over: str, *, batch_size: int | None = None, **options: Unpack[BatchOptions]
    ) -> Callable[[Callable[P, R]], BatchMemo[P, R]]:
        """Decorate a function of a batch so that the result of each element is remembered by itself.

        A call computes the elements that are not stored: together, each once, in their order. `over`: the parameter
        that takes the batch, a list, tuple, array, Series, Index or tensor. `batch_size`: how many elements the
        function is given at once at the most. `options`: `ttl`, `ignore`, `key` (a function of a call with one element
        in the batch's place), `typed`, `code`, `version`, `depends_on`, `ignore_code`, `name`, `tags`, `max_size`,
        `max_entries` and `cache_if` (a function of one element's result), as of `memoize`.

        Raises InvalidArgument where one can't be used.

        >>> from memostore import Store
        >>> store = Store(":memory:")
        >>> @store.memoize_batch(over="texts")
        ... def lengths(texts: list[str]) -> list[int]:
        ...     return [len(text) for text in texts]
        >>> lengths(["a", "abc"]), lengths.missing(["abc", "ab"])
        ([1, 3], ['ab'])
        """
        return decorate_batch(self._home(), over, batch_size, dict(options))

    def _home(self) -> Home:
        """Return where this store's decorators keep results."""
        store: Any = self
        return Home(lambda: store, passes=isinstance(self._backend, NullBackend))


def decorate_batch(home: Home, over: Any, batch_size: Any, options: dict[str, Any]) -> Callable[[Any], Any]:
    """Serve `memoize_batch(over=...)`: return what wraps a function, a staticmethod or a classmethod."""
    if not isinstance(over, str):
        raise InvalidArgument(
            f"over={over!r} must be the name of a parameter: write @store.memoize_batch(over=\"texts\")"
        )
    for name in options:
        if name in Options.__dataclass_fields__ and name not in BatchOptions.__annotations__:
            raise InvalidArgument(f"memoize_batch() has no option {name!r}: {WITHOUT.get(name, 'use memoize()')}")
    check_known(options, ("over", "batch_size", *BatchOptions.__annotations__), "memoize_batch()")
    checked, size = Options.checked(**options), config.count(batch_size, "batch_size")

    def wrap(function: Any) -> Any:
        if isinstance(function, staticmethod):
            return staticmethod(wrap(function.__func__))
        if isinstance(function, classmethod):
            return MemoClassmethod(wrap(function.__func__))
        _check_shape(function)
        shape = AsyncBatchMemo if behaves(function, inspect.iscoroutinefunction) else BatchMemo
        return shape(function, home, checked, over, size)

    return wrap


# Why an option of memoize() is none of memoize_batch().
WITHOUT = {
    "formerly": "the results of a function by its old name are not looked for element by element; keep them with name=",
    "new_defaults": "results from before a new parameter are not looked for element by element",
    "stale_for": "elements that have expired are computed together with those that are missing",
    "refresh_ahead": "elements that have expired are computed together with those that are missing",
    "cache_errors": "an error is one of all elements of a call, and of none by itself",
    "error_ttl": "an error is one of all elements of a call, and of none by itself",
    "single_flight": "two calls that overlap would each wait for a part of the other",
    "track": "which file was opened for which element can't be seen; name the files with depends_on=[File(...)]",
}


def _check_shape(function: Any) -> None:
    if isinstance(function, type) or not callable(function):
        raise InvalidArgument(f"memoize_batch() takes a function, not {function!r}")
    for test in (inspect.isgeneratorfunction, inspect.isasyncgenfunction):
        if behaves(function, test):
            raise InvalidArgument(
                f"memoize_batch() takes functions that return a batch; {'.'.join(function_name(function))} is a "
                "generator function: return a list"
            )


def _check_over(function: Any, over: str, options: Options) -> None:
    parameters = signature_of(function).parameters
    name = ".".join(function_name(function))
    if over not in parameters:
        listed = ", ".join(map(repr, parameters)) or "none"
        raise InvalidArgument(f"over={over!r}: {name} has no such parameter; its parameters are {listed}")
    kind = parameters[over].kind
    if kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
        stars = "*" if kind is inspect.Parameter.VAR_POSITIONAL else "**"
        raise InvalidArgument(f"over={over!r}: {stars}{over} of {name} takes many arguments; take one list instead")
    if over in options.ignore:
        raise InvalidArgument(f"over={over!r} is also in ignore: its elements are what results are remembered by")
