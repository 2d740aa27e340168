"""The side of a memoized function that has to do with many calls: running them, and reading what is stored of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Container, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, overload

import memostore.config as config
from memostore.aliases import Alias, aliases_of, defaults_of
from memostore.errors import UnkeyableArgument
from memostore.keys.preview import preview_json
from memostore.mapping import Looked, mapped, mapped_on_loop
from memostore.pools import Called
from memostore.remembering import Missing, Result
from memostore.results import Source, framed
from memostore.switches import DISABLED, REFRESHING, switched

if TYPE_CHECKING:
    import pandas  # type: ignore[import-untyped]

    from memostore.options import Options
    from memostore.records import StoredCall

__all__ = ["ManyCalls"]

R = TypeVar("R")


class ManyCalls(Generic[R]):
    """What `Memo` has for many calls. It runs no call by itself."""

    __wrapped__: Callable[..., R]
    _options: Options
    _planned: Callable[[], Any]
    _store: Callable[[], Any]
    _keys: Callable[[Any, Any], Any]
    _bound: Callable[[Any, Any], tuple[Any, ...]]
    _key: Callable[[Any, Any], bytes]
    _hits: Any
    _misses: Any

    @property
    def memo_names(self) -> list[tuple[str, str]]:
        """The module and name that results are stored under, and those that they were."""
        raise NotImplementedError

    def map(
        self, iterable: Iterable[Any], /, *more: Iterable[Any], executor: Any = None, progress: bool = False,
        errors: str = "raise",
    ) -> list[R]:  # fmt: skip
        """Call the function for each item, or with an item of each of several iterables; return the results in order.

        What is stored is read here; only the rest is run by `executor`: None (one call after the other), "threads",
        "processes", an executor of `concurrent.futures`, or a Dask `Client`. Items of one key are computed once.
        `progress=True` shows a bar on standard error. `errors="raise"` raises the first error in the order of the
        items, and starts nothing more; with `errors="collect"` the exception stands in the result's place.

        Of a coroutine function, returns a coroutine, which runs up to 32 calls at once.

        >>> from memostore import Store
        >>> store = Store(":memory:")
        >>> @store.memoize
        ... def area(width: int, height: int) -> int:
        ...     return width * height
        >>> area.map([1, 2, 3], [10, 10, 20], executor="threads")
        [10, 20, 60]
        """
        run: Any = mapped_on_loop if inspect.iscoroutinefunction(self.__wrapped__) else mapped
        return run(self, (iterable, *more), executor, progress, errors)  # type: ignore[no-any-return]

    @overload
    def results(
        self, frame: Literal[False] = False, *, all_versions: bool = False, values: bool = True
    ) -> Iterator[StoredCall]: ...
    @overload
    def results(
        self, frame: Literal[True], *, all_versions: bool = False, values: bool = True
    ) -> pandas.DataFrame: ...
    def results(self, frame: Any = False, *, all_versions: Any = False, values: Any = True) -> Any:
        """Return what is stored of this function, the oldest first: an iterator over `StoredCall` records.

        Results of the present code that have not expired; `all_versions=True` adds those of other code, which the
        records' `code` tells apart. Each result is loaded when its turn comes; with `values=False` none is. No hit is
        counted. What can't be loaded is left out, with a warning at the end. With `frame=True` it is a pandas
        DataFrame, with a column for each argument. Raises MissingExtra where pandas is not installed.

        >>> from memostore import Store
        >>> store = Store(":memory:")
        >>> @store.memoize
        ... def area(width: int, height: int) -> int:
        ...     return width * height
        >>> area(2, 3), area(4, 5)
        (6, 20)
        >>> [(call.arguments, call.result) for call in area.results()]
        [({'width': 2, 'height': 3}, 6), ({'width': 4, 'height': 5}, 20)]
        """
        for name, flag in (("frame", frame), ("all_versions", all_versions), ("values", values)):
            config.flag(flag, name)
        sources = [Source(*name) for name in self.memo_names] if all_versions else self._sources()
        calls = self._planned().store.results_of(sources, values)
        left_out = [name for name, is_there in (("code", all_versions), ("result", values)) if not is_there]
        return framed(calls, left_out) if frame else calls

    def _sources(self) -> list[Source]:
        """Return where results are that a call of the present code would find."""
        plan, options = self._planned(), self._options
        version = plan.code.current()
        defaults = defaults_of(self.__wrapped__) if options.new_defaults else None
        older = aliases_of(version, options.formerly, defaults, plan.store.code_versions)
        return [Source.of(alias) for alias in (Alias(version, {}), *older)]

    def _look(self, /, *args: Any, under_way: Container[bytes] = ()) -> Looked:
        """Return what is stored for a call, counted as a hit; a key that is `under_way` is not looked for."""
        mode = switched(self._store)
        if mode == DISABLED:
            return Looked(None)
        try:
            keys = self._keys(args, {})
            key = next(keys)
        except UnkeyableArgument:
            raise
        except TypeError:  # arguments that do not fit: the call says best what is wrong
            return Looked(None)
        if key in under_way or mode == REFRESHING:
            return Looked(key)
        plan = self._planned()
        for one in (key, *keys):
            found = plan.store.recall(one, plan.code.version)
            if type(found) is not Missing:
                self._hits.add()
                return Looked(key, True, found)
        return Looked(key)

    def _look_again(self, key: bytes) -> Looked:
        """Return what has been stored under a key meanwhile, counted as a hit."""
        plan = self._planned()
        found = plan.store.recall(key, plan.code.version)
        if type(found) is Missing:
            return Looked(key)
        self._hits.add()
        return Looked(key, True, found)

    def _adopt(self, /, *args: Any, called: Called, key: bytes | None) -> None:
        """Count the miss of a call that another process has computed, and store the result.

        That process may have had other code, or may have read other files: only if the key is the same there, and
        here before and after, is it this call's result.
        """
        plan = self._planned()
        version, now = plan.code.current(), self._key(args, {})
        self._misses.add()
        plan.store.missed(now, version, Missing("new"))
        if now == key == bytes.fromhex(called.key):
            shown = preview_json(plan.names, self._bound(args, {}))
            plan.store.keep(now, version, Result(called.value, called.seconds, shown), self._options)
        else:
            plan.store.skip(now, version, "the process that computed it has other code or has read other data", "other")
