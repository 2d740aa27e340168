"""The store: one database, opened, with all that can be asked of it and done with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Final, ParamSpec, TypeVar, Unpack, overload

import memostore.codec as codec
import memostore.config as config
from memostore.backends.choose import backend_for
from memostore.backends.protocol import Use
from memostore.batch_memo import MemoizesBatches
from memostore.batch_store import RemembersMany
from memostore.catalogue import Catalogue
from memostore.counters import Counters
from memostore.digest import digest_parts
from memostore.errors import InvalidArgument, Unstorable
from memostore.events import Event, Hook
from memostore.eviction import Limits, policy
from memostore.fingerprint import CodeVersion
from memostore.flight import Flights
from memostore.function_limits import NONE
from memostore.keeping import Keeps
from memostore.keys.call import call_key, function_prefix
from memostore.keys.preview import preview_json
from memostore.keys.registered import RegistersKeys, RuleFor
from memostore.known_code import KnowsCode
from memostore.memo import Memo
from memostore.options import MemoizeOptions, Options
from memostore.recalling import Recalls
from memostore.remembering import Missing, Result
from memostore.results import ShowsResults
from memostore.switches import Switches
from memostore.telling import Teller
from memostore.wrapping import decorate

__all__ = ["Store"]

P = ParamSpec("P")
R = TypeVar("R")
E = TypeVar("E", bound=Event)


# Values under names of the user's own are entries of this "function".
PUT: Final = CodeVersion("memostore", "Store.put", digest_parts(b"v", [b"put"]), None)
PUT_PREFIX: Final = function_prefix(PUT.module, PUT.qualname, PUT.fingerprint, "")


class Store(
    Catalogue, Recalls, Keeps, RemembersMany, MemoizesBatches, KnowsCode, RegistersKeys, ShowsResults, Switches
):  # fmt: skip
    """A place where results are remembered: one SQLite file, opened, and created if need be, right here.

    `path` is a path, an SQLAlchemy URL (`sqlite:///results.db`), ":memory:", or None, which remembers nothing.
    `max_size` (bytes or "20GB") and `max_entries` bound the store; `eviction` says who gives way: "lru" (the
    default), "lfu", "fifo", or "cost" (seconds to compute again for each byte). `on_error="raise"` lets faults of the
    disk or a lock through; otherwise they cost a computation and one warning. `compress="never"` stores values as
    they are. `timeout` is how many seconds to wait for another process's lock. `clock` returns seconds since 1970.

    Raises InvalidArgument for an argument that can't be used, NotAStore for a file that memostore did not make,
    NewerSchema for one that a newer version made.

    >>> store = Store(":memory:", max_size="1GB")
    >>> @store.memoize(ttl="7d")
    ... def measure(text: str) -> int:
    ...     return len(text)
    >>> measure("abc"), measure.is_cached("abc")
    (3, True)
    """

    def __init__(
        self,
        path: str | PathLike[str] | None,
        *,
        max_size: int | str | None = None,
        max_entries: int | None = None,
        eviction: str = "lru",
        on_error: str = "compute",
        compress: str = "auto",
        timeout: float = config.BUSY_TIMEOUT,
        read_only: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._given = {name: value for name, value in locals().items() if name != "self"}
        self._limits = Limits(config.optional_size(max_size, "max_size"), config.count(max_entries, "max_entries"))
        self._rank = policy(eviction)
        self._teller = Teller(raises=config.choice(on_error, config.ON_ERROR_CHOICES, "on_error") == "raise")
        self._compress = config.choice(compress, config.COMPRESS_CHOICES, "compress")
        if not callable(clock):
            raise InvalidArgument(f"clock={clock!r} must be a function that returns seconds since 1970")
        self._clock = clock
        self._ranked = self._closed = False
        self.flights = Flights()
        self._given_up: list[int] = []
        self._backend = backend_for(
            path, timeout=config.duration(timeout, "timeout"), read_only=config.flag(read_only, "read_only")
        )
        self._counters = Counters(self._write_uses, self._teller.tell, self._backend.release)
        self._open()

    # Decorating

    @overload
    def memoize(self, function: Callable[P, R], /) -> Memo[P, R]: ...
    @overload
    def memoize(self, /, **options: Unpack[MemoizeOptions]) -> Callable[[Callable[P, R]], Memo[P, R]]: ...
    def memoize(self, function: Any = None, /, **options: Any) -> Any:
        """Decorate a function so that its results are remembered. Bare, or called with options.

        `ttl`: how long a result is good for (seconds, timedelta, "7d"). `ignore`: parameters that do not count.
        `key`: a function of the call's arguments whose result is the key. `typed=False`: 1, 1.0 and True are one
        argument. `version`: change it to forget older results. `name`: stored under this name instead of the
        function's own. `tags`: words to find entries by. `cache_if`: a function of the result; False stores nothing.
        `max_size`, `max_entries`: limits of this function's own, beside the store's.

        Raises InvalidArgument where an option can't be used.
        """
        return decorate(self._home(), function, options)

    cache = memoize  # the word of joblib.Memory, by which scikit-learn's Pipeline(memory=store) asks

    # Values under names of one's own

    def put(
        self, name: Any, value: Any, *, ttl: float | str | timedelta | None = None, tags: Iterable[str] = ()
    ) -> None:
        """Store a value under a name: any value that can be an argument of a memoized call.

        Raises Unstorable for a value that can't be stored, UnkeyableArgument for such a name.

        >>> with Store(":memory:") as store:
        ...     store.put(("weights", 3), [0.1, 0.2], ttl="1h")
        ...     store.get(("weights", 3)), ("weights", 4) in store
        ([0.1, 0.2], False)
        """
        config.optional_duration(ttl, "ttl")
        options = Options.checked(ttl=ttl, tags=() if callable(tags) else tags)
        result = Result(value, 0.0, preview_json(["name"], [name]), options.tags_of((), {}))
        payload = codec.encode(value, self._compress)
        if not self._limits.admits(payload.size):
            raise Unstorable(f"the value's {payload.size} bytes are more than max_size={self._limits.max_size} allows")
        times = options.times(options.ttl_of(value), self._now())
        new = self._entry(_named(name, self.rule_for), PUT, result, payload, times)
        self._teller.guarded("saving", lambda: self._save(new, NONE))

    def get(self, name: Any, default: Any = None) -> Any:
        """Return the value stored under a name, or `default`."""
        found = self.recall(_named(name, self.rule_for), PUT)
        return default if type(found) is Missing else found

    def delete(self, name: Any) -> bool:
        """Remove the value stored under a name; say whether there was one."""
        return bool(self.invalidate(key=_named(name, self.rule_for).hex()))

    def __contains__(self, name: Any) -> bool:
        """Say whether a value is stored under a name and has not expired."""
        return self.holds(_named(name, self.rule_for))

    # Around it

    @overload
    def on(self, event: type[E], hook: Callable[[E], object]) -> None: ...
    @overload
    def on(self, event: str, hook: Hook) -> None: ...
    def on(self, event: Any, hook: Any) -> None:
        """Call `hook` with each record of an event: a class of `memostore.events`, or its name.

        >>> seen = []
        >>> with Store(":memory:") as store:
        ...     store.on("Stored", seen.append)
        ...     store.put("a", 1)
        >>> seen[0].function
        'memostore.Store.put'
        """
        self._teller.on(event, hook)

    @property
    def path(self) -> Path | None:
        """The database file, or None for a store that is not a file."""
        return self._backend.path

    @property
    def url(self) -> str:
        """The store's SQLAlchemy URL, "" for `Store(None)`."""
        return self._backend.url

    @property
    def closed(self) -> bool:
        """Whether close() has been called."""
        return self._closed

    def held_by(self, module: str, qualname: str) -> tuple[int, int, float]:
        """Return the number and bytes of the entries of one function, and the seconds that its hits have saved."""
        self.flush()
        totals: tuple[int, int, float] | None
        totals = self._teller.guarded("reading", lambda: self._backend.totals_of(module, qualname))
        return totals or (0, 0, 0.0)

    def flush(self) -> None:
        """Write the hits and misses that are counted in memory."""
        self._counters.flush()

    def close(self) -> None:
        """Write what is counted and let go of the file. A function memoized with this store computes from then on."""
        if not self._closed:
            self._counters.close()
            if self._given_up:
                self._teller.guarded("saving", self._forget_recordings)
            self._closed = True
            self._backend.close()

    def __enter__(self) -> Store:
        """Return the store."""
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Close the store."""
        self.close()

    def __copy__(self) -> Store:
        """Return itself: a copy of a pipeline goes on using the same store."""
        return self

    def __deepcopy__(self, _: Any) -> Store:
        """Return itself, as `copy` does."""
        return self

    def __reduce__(self) -> Any:
        """Pickle as the file and the options, so that another process opens the same store."""
        if self.url == "sqlite://":
            raise TypeError("a store in memory can't be sent to another process: give it a file")
        path = None if self.path is None else str(self.path)
        return _opened_again, ({**self._given, "path": path}, self._registered())

    def __repr__(self) -> str:
        return f"Store({str(self.path) if self.path else self.url or None!r})"

    def _open(self) -> None:
        self._teller.guarded("opening", self._backend.open)

    def _write_uses(self, uses: list[Use]) -> None:
        if not self._backend.read_only and not self._closed:
            self._backend.touch(uses, self._rank)
            self._write_facts()


def _opened_again(given: dict[str, Any], registered: Mapping[type, Callable[[Any], Any]]) -> Store:
    return Store(**given)._register(registered)


def _named(name: Any, rules: RuleFor) -> bytes:
    return call_key(PUT_PREFIX, (name,), ("name",), PUT.name, rules)
