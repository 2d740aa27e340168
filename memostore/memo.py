"""The wrapper around a memoized function: what a call becomes, and the faces that tell about it.

It knows a store only by what it needs of one (`Remembers`), so that this module stands below `store`.
"""

from __future__ import annotations

import functools
import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Concatenate, Generic, NamedTuple, ParamSpec, Protocol, TypeVar, overload

from memostore.bound import BoundMemo
from memostore.digest import digest_parts
from memostore.fingerprint import CodeVersion, code_version, receiver_view
from memostore.keys.binding import Binder, check_ignored, signature_of
from memostore.keys.call import call_key, function_prefix, untyped
from memostore.keys.preview import preview_json
from memostore.options import Options

if TYPE_CHECKING:
    from memostore.records import Entry

__all__ = ["CacheInfo", "Memo", "Missing", "PassThrough", "Remembers", "Result"]

P = ParamSpec("P")
P2 = ParamSpec("P2")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Missing:
    """Why there is no value: an answer of `Remembers.recall` that no function can return."""

    reason: str


@dataclass(frozen=True, slots=True)
class Result:
    """A value just computed, with what is stored beside it."""

    value: Any
    seconds: float
    arguments: str


class Remembers(Protocol):
    """What a wrapper needs of a store."""

    def recall(self, key: bytes, version: CodeVersion) -> Any:
        """Return the stored value, or Missing with the reason."""

    def missed(self, key: bytes, version: CodeVersion, missing: Missing) -> None:
        """Take note of a miss."""

    def keep(self, key: bytes, version: CodeVersion, result: Result, options: Options) -> None:
        """Store a result if it can be stored."""

    def holds(self, key: bytes) -> bool:
        """Say whether a call's result is stored and has not expired."""

    def clock(self) -> float:
        """Return the seconds that computing is timed by."""

    def find(self, **filters: Any) -> list[Entry]:
        """Return entries."""

    def invalidate(self, **filters: Any) -> int:
        """Remove entries."""

    def held_by(self, module: str, qualname: str) -> tuple[int, int, float]:
        """Return the number and bytes of a function's entries, and the seconds that its hits have saved."""


class _Counts(NamedTuple):
    hits: int
    misses: int
    maxsize: int | None
    currsize: int


class CacheInfo(_Counts):
    """functools' four fields, in its order. `hits` and `misses` are this process's, `currsize` the stored entries.

    Beside them stand `size`, the bytes of those entries, and `saved_seconds`, what all hits so far have saved.
    """

    size: int
    saved_seconds: float

    def __new__(cls, counts: tuple[int, int, int | None, int], size: int, saved_seconds: float) -> CacheInfo:
        """Return the four counts with two attributes."""
        self = super().__new__(cls, *counts)
        self.size = size
        self.saved_seconds = saved_seconds
        return self


class _Plan(NamedTuple):
    """What is worked out once, at a function's first call."""

    store: Remembers
    bind: Callable[..., tuple[Any, ...]]
    names: tuple[str, ...]
    version: CodeVersion
    prefix: bytes
    name: str
    view: Callable[[tuple[Any, ...]], tuple[Any, ...]] | None


class _Tally:
    """A count that threads add to without a lock: `next` on an iterator of C is one step."""

    __slots__ = ("_lock", "_looks", "add")

    def __init__(self) -> None:
        self.add = itertools.count().__next__
        self._looks = 0
        self._lock = threading.Lock()

    def total(self) -> int:
        """Return how often `add` was called. To look is to take a number too, so looks are taken off."""
        with self._lock:
            self._looks += 1
            return self.add() - (self._looks - 1)


class Memo(Generic[P, R]):
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

    def __init__(self, function: Callable[P, R], open_store: Callable[[], Remembers], options: Options) -> None:
        _take_identity(self, function)
        if options.ignore:
            check_ignored(signature_of(function), options.ignore)
        self._open_store = open_store
        self._options = options
        self._plan: _Plan | None = None
        self._hits, self._misses = _Tally(), _Tally()

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return the stored result of this call, or compute it and store it."""
        plan = self._plan or self._make_plan()
        try:
            values = plan.bind(*args, **kwargs)
        except TypeError:  # the call does not fit the signature: the function says so best
            return self.__wrapped__(*args, **kwargs)
        key = self._key_of(plan, values, args, kwargs)
        found = plan.store.recall(key, plan.version)
        if type(found) is Missing:
            return self._compute(plan, key, found, values, args, kwargs)
        self._hits.add()
        return found  # type: ignore[no-any-return]

    @overload
    def __get__(self, instance: None, owner: Any = None) -> Memo[P, R]: ...
    @overload
    def __get__(self: Memo[Concatenate[Any, P2], R], instance: object, owner: Any = None) -> BoundMemo[P2, R]: ...
    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Bind to an instance, as functions do."""
        return self if instance is None else BoundMemo(self, instance)

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
        """Stand, as an argument of another memoized call, for the function that is memoized."""
        return self.__wrapped__

    def __repr__(self) -> str:
        return f"<memoized {self.__wrapped__!r}>"

    def key(self, /, *args: P.args, **kwargs: P.kwargs) -> str:
        """Return the key of a call, in hex, as the `key` column of the view `entries` shows it."""
        return self._key(args, kwargs).hex()

    def is_cached(self, /, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Say whether a call's result is stored and has not expired. Counts no hit and loads nothing."""
        return self._planned().store.holds(self._key(args, kwargs))

    check_call_in_cache = is_cached

    def lookup(self, /, *args: Any, **kwargs: Any) -> Any:
        """Return the stored result of a call without ever computing it; where there is none, `default=` (None).

        A function with a parameter named `default` of its own keeps it: None is then what is returned for no result.
        """
        default = None if "default" in self._parameters else kwargs.pop("default", None)
        plan = self._planned()
        found = plan.store.recall(self._key(args, kwargs), plan.version)
        if type(found) is Missing:
            return default
        self._hits.add()
        return found

    def entry(self, /, *args: P.args, **kwargs: P.kwargs) -> Entry | None:
        """Return what is known about a call's stored result, or None."""
        found = self._planned().store.find(key=self.key(*args, **kwargs))
        return found[0] if found else None

    def refresh(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Compute a call anew, whatever is stored, store the result and return it."""
        plan, values = self._planned(), self._bound(args, kwargs)
        key = self._key_of(plan, values, args, kwargs)
        return self._compute(plan, key, Missing("refresh"), values, args, kwargs)

    def invalidate(self, /, *args: P.args, **kwargs: P.kwargs) -> int:
        """Remove the stored result of this one call; return how many there were, 0 or 1."""
        return self._planned().store.invalidate(key=self.key(*args, **kwargs))

    def cache_info(self) -> CacheInfo:
        """Return hits and misses in this process, and how many results are stored."""
        plan = self._planned()
        entries, size, saved = plan.store.held_by(plan.version.module, plan.version.qualname)
        return CacheInfo((self._hits.total(), self._misses.total(), None, entries), size, saved)

    def cache_clear(self) -> None:
        """Remove all stored results of this function, and start the counts of `cache_info` anew."""
        self._planned().store.invalidate(function=self)
        self._hits, self._misses = _Tally(), _Tally()

    def cache_parameters(self) -> dict[str, Any]:
        """Return the options that are in force."""
        options = self._options
        return {
            "maxsize": None, "typed": options.typed, "ttl": options.ttl, "ignore": options.ignore, "key": options.key,
            "version": options.version, "name": options.name, "tags": options.tags, "cache_if": options.cache_if,
        }  # fmt: skip

    @property
    def memo_name(self) -> tuple[str, str]:
        """The module and name that results are stored under."""
        if self._plan is not None:
            return self._plan.version.module, self._plan.version.qualname
        version = code_version(self.__wrapped__, self._options.name)
        return version.module, version.qualname

    @property
    def _parameters(self) -> Any:
        return signature_of(self.__wrapped__).parameters

    def _planned(self) -> _Plan:
        return self._plan or self._make_plan()

    def _make_plan(self) -> _Plan:
        """Work out binding and fingerprint. Two threads may both do so; their plans are alike."""
        options, function = self._options, self.__wrapped__
        binder = Binder.of(function, options.ignore)
        version = code_version(function, options.name)
        prefix = function_prefix(version.module, version.qualname, version.fingerprint, repr(options.version))
        view = None if options.key or options.ignore else receiver_view(function)
        self._plan = _Plan(self._open_store(), binder.bind, binder.names, version, prefix, version.name, view)
        return self._plan

    def _bound(self, args: Any, kwargs: Any) -> tuple[Any, ...]:
        """Return the values of a call; raise the TypeError that the call would where its arguments do not fit."""
        try:
            return self._planned().bind(*args, **kwargs)
        except TypeError:
            signature_of(self.__wrapped__).bind(*args, **kwargs)
            raise

    def _key(self, args: Any, kwargs: Any) -> bytes:
        return self._key_of(self._planned(), self._bound(args, kwargs), args, kwargs)

    def _key_of(self, plan: _Plan, values: tuple[Any, ...], args: Any, kwargs: Any) -> bytes:
        options, prefix = self._options, plan.prefix
        if plan.version.held:
            prefix = digest_parts(b"h", [prefix, *(held.encoded() for held in plan.version.held)])
        if options.key is not None:
            return call_key(prefix, (options.key(*args, **kwargs),), ("key(...)",), plan.name)
        if plan.view is not None:
            values = plan.view(values)
        return call_key(prefix, values if options.typed else untyped(values), plan.names, plan.name)

    def _compute(self, plan: _Plan, key: bytes, missing: Missing, values: Any, args: Any, kwargs: Any) -> R:
        store = plan.store
        self._misses.add()
        store.missed(key, plan.version, missing)
        arguments = preview_json(plan.names, values)  # before the call, which may change them
        started = store.clock()
        value = self.__wrapped__(*args, **kwargs)
        seconds = store.clock() - started
        if missing.reason != "fault":  # a store that could not be read a moment ago is not made to wait for again
            store.keep(key, plan.version, Result(value, seconds, arguments), self._options)
        return value


def _take_identity(memo: Memo[Any, Any], function: Any) -> None:
    """Look like the function; attributes of its own are taken over where the wrapper has none of that name."""
    functools.update_wrapper(memo, function, updated=())
    for name, value in getattr(function, "__dict__", {}).items():
        if not hasattr(type(memo), name) and not name.startswith("_"):
            setattr(memo, name, value)


class PassThrough(Memo[P, R]):
    """The wrapper of `Store(None)`: has all faces, and calls the function without taking a key."""

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function."""
        return self.__wrapped__(*args, **kwargs)
