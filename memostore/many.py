"""The side of a memoized function that has to do with many calls: running them, and reading what is stored of them."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, overload

import memostore.config as config
from memostore.aliases import Alias, aliases_of, defaults_of
from memostore.driving import drive
from memostore.looked import Called, Looked
from memostore.remembering import DUE, LARGE, NEW, RAISED, Missing, Result
from memostore.results import Source, framed

if TYPE_CHECKING:
    import pandas  # type: ignore[import-untyped]

    from memostore.options import Options
    from memostore.records import StoredCall
    from memostore.tally import Tallies

__all__ = ["ManyCalls"]

R = TypeVar("R")


class ManyCalls(Generic[R]):
    """What `Memo` has for many calls. It runs no call by itself."""

    __wrapped__: Callable[..., R]
    _options: Options
    _tallies: Tallies
    _planned: Callable[[], Any]
    _begun: Callable[[Any, Any], Any]

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
        return self._mapped(self, (iterable, *more), executor, progress, errors)  # type: ignore[no-any-return]

    @staticmethod
    def _mapped(*given: Any) -> Any:
        from memostore.mapping import mapped  # slow: 3 ms for executors and bars, which few programs need

        return mapped(*given)

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
        calls = self._planned().caller.store.results_of(sources, values)
        left_out = [name for name, is_there in (("code", all_versions), ("result", values)) if not is_there]
        return framed(calls, left_out) if frame else calls

    def _sources(self) -> list[Source]:
        """Return where results are that a call of the present code would find."""
        caller, options = self._planned().caller, self._options
        version = caller.code.current()
        defaults = defaults_of(self.__wrapped__) if options.new_defaults else None
        older = aliases_of(version, options.formerly, defaults, caller.store.code_versions)
        return [Source.of(alias) for alias in (Alias(version, {}), *older)]

    def _look(self, /, *args: Any, under_way: Container[bytes] = (), whole: bool = True) -> Looked:
        """Return what is stored for a call, counted as a hit; raise a stored error.

        A key that is `under_way` is not looked for. Without `whole`, a value that lies in pieces is not read.
        """
        begun = self._begun(args, {})
        if begun is None:
            return Looked(None)
        plan, call, anew = begun
        if call.key in under_way or anew:
            return Looked(call.key)
        caller = plan.caller
        found = caller.store.recall(call.key, call.version, whole)
        if caller.may_be_older(found):
            found = caller.by_older_code(call, found, caller.store.recall)
        if type(found) is not Missing:
            self._tallies.hits.add()
            return Looked(call.key, True, found)
        if found.reason == RAISED or (found.reason == DUE and self._options.refreshes):
            return Looked(call.key, True, drive(plan.result(call, found)))  # the steps of such a hit: nothing is run
        return Looked(call.key, is_large=found is LARGE)

    def _look_again(self, key: bytes) -> Looked:
        """Return what has been stored under a key meanwhile, counted as a hit."""
        caller = self._planned().caller
        found = caller.store.recall(key, caller.code.version)
        if type(found) is Missing and found.reason != DUE:
            return Looked(key)
        self._tallies.hits.add()
        return Looked(key, True, found.value if type(found) is Missing else found)

    def _adopt(self, /, *args: Any, called: Called, key: bytes | None) -> None:
        """Count the miss of a call that another process has computed, and store the result.

        That process may have had other code, or may have read other files: only if the key is the same there, and
        here before and after, is it this call's result.
        """
        caller = self._planned().caller
        call = caller.call(args, {})
        self._tallies.misses.add()
        caller.store.missed(call.key, call.version, NEW, lambda: caller.question(call))
        if caller.options.track is not None:
            reason = "another process has computed it, and which files it opened is not known here"
            caller.store.skip(call.key, call.version, reason, "elsewhere")
        elif call.key == key == bytes.fromhex(called.key):
            tags = caller.options.tags_of(args, {})
            result = Result(called.value, called.seconds, caller.shown(call), tags)
            caller.store.keep(call.key, call.version, result, caller.options)
        else:
            reason = "the process that computed it has other code, or has read other data"
            caller.store.skip(call.key, call.version, reason, "elsewhere")
