"""The wrapper around a memoized function: what a call becomes, and the faces that tell about it.

It knows a store only by what it needs of one (`Remembers`), so that this module stands below `store`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Concatenate, Generic, NamedTuple, ParamSpec, TypeVar, overload

from memostore.aliases import Alias, aliases_of, defaults_of
from memostore.bound import BoundMemo
from memostore.digest import digest_parts
from memostore.explain import Explanation, Question, switched_off
from memostore.fingerprint import CodeVersion, FunctionCode, Scope, offer, receiver_view, stored_name
from memostore.keys.binding import Binder, check_ignored, is_misfit, signature_of
from memostore.keys.call import call_key, changing_part, untyped
from memostore.keys.inputs import changed_since, noting
from memostore.keys.preview import preview_json
from memostore.many import ManyCalls
from memostore.mapping import Looked
from memostore.options import Options
from memostore.remembering import Missing, Remembers, Result
from memostore.switches import DISABLED, MAY_BE_SWITCHED, switched
from memostore.tally import CacheInfo, Tally

if TYPE_CHECKING:
    from memostore.records import Entry

__all__ = ["Memo", "PassThrough"]

P = ParamSpec("P")
P2 = ParamSpec("P2")
R = TypeVar("R")

REFRESH = Missing("refresh")


class _Plan(NamedTuple):
    """What is worked out once, at a function's first call."""

    store: Remembers
    bind: Callable[..., tuple[Any, ...]]
    names: tuple[str, ...]
    code: FunctionCode
    view: Callable[[tuple[Any, ...]], tuple[Any, ...]] | None
    asks: bool  # whether a function of the user's, named by KeyBy, has a part in every key


class Memo(ManyCalls[R], Generic[P, R]):
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
        self._aliases: tuple[CodeVersion, list[Alias]] | None = None
        self._inherits = bool(options.formerly or options.new_defaults)
        self._hits, self._misses = Tally(), Tally()

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return the stored result of this call, or compute it and store it."""
        mode = MAY_BE_SWITCHED and switched(self._store)
        if mode == DISABLED:
            return self.__wrapped__(*args, **kwargs)
        plan = self._plan or self._make_plan()
        try:
            values = plan.bind(*args, **kwargs)
        except TypeError as error:
            if not is_misfit(error):
                raise
            return self.__wrapped__(*args, **kwargs)  # the function says best what does not fit
        version = plan.code.current()
        key = self._key_of(plan, version, values, args, kwargs)
        found: Any = REFRESH if mode else plan.store.recall(key, version)
        if type(found) is Missing:
            found = self._recall_older(plan, version, found, values, args, kwargs) if self._inherits else found
            if type(found) is Missing:
                return self._compute(plan, version, key, found, values, args, kwargs)
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
        """Stand, as an argument of another memoized call or in its code, for the function that is memoized."""
        return self.__wrapped__, self._options.version

    def __repr__(self) -> str:
        return f"<memoized {self.__wrapped__!r}>"

    def key(self, /, *args: P.args, **kwargs: P.kwargs) -> str:
        """Return the key of a call, in hex, as the `key` column of the view `entries` shows it."""
        return self._key(args, kwargs).hex()

    def is_cached(self, /, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Say whether a call's result is stored and has not expired. Counts no hit and loads nothing."""
        return any(map(self._planned().store.holds, self._keys(args, kwargs)))

    check_call_in_cache = is_cached

    def lookup(self, /, *args: Any, **kwargs: Any) -> Any:
        """Return the stored result of a call without ever computing it; where there is none, `default=` (None).

        A function with a parameter named `default` of its own keeps it: None is then what is returned for no result.
        """
        default = None if "default" in self._parameters else kwargs.pop("default", None)
        plan = self._planned()
        for key in self._keys(args, kwargs) if switched(self._store) != DISABLED else ():
            found = plan.store.recall(key, plan.code.version)
            if type(found) is not Missing:
                self._hits.add()
                return found
        return default

    def entry(self, /, *args: P.args, **kwargs: P.kwargs) -> Entry | None:
        """Return what is known about a call's stored result, or None."""
        store = self._planned().store
        found = (entry for key in self._keys(args, kwargs) for entry in store.find(key=key.hex()))
        return next(found, None)

    def explain(self, /, *args: P.args, **kwargs: P.kwargs) -> Explanation:
        """Say why a call would be a hit or a miss: print it. Counts no hit, and writes nothing."""
        plan, values = self._planned(), self._bound(args, kwargs)
        said = plan.store.explain_call(self._question(plan, plan.code.current(), values, args, kwargs))
        return switched_off(said) if switched(self._store) == DISABLED else said

    def refresh(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Compute a call anew, whatever is stored, store the result and return it."""
        if switched(self._store) == DISABLED:
            return self.__wrapped__(*args, **kwargs)
        plan, values = self._planned(), self._bound(args, kwargs)
        version = plan.code.current()
        key = self._key_of(plan, version, values, args, kwargs)
        return self._compute(plan, version, key, REFRESH, values, args, kwargs)

    def invalidate(self, /, *args: P.args, **kwargs: P.kwargs) -> int:
        """Remove the stored result of this one call; return how many there were, 0 or 1."""
        store = self._planned().store
        return sum(store.invalidate(key=key.hex()) for key in list(self._keys(args, kwargs)))

    def cache_info(self) -> CacheInfo:
        """Return hits and misses in this process, and how many results are stored."""
        plan = self._planned()
        held = [plan.store.held_by(*name) for name in self.memo_names]
        entries, size, saved = map(sum, zip(*held, strict=True))
        return CacheInfo((self._hits.total(), self._misses.total(), None, entries), size, saved)

    def cache_clear(self) -> None:
        """Remove all stored results of this function, and start the counts of `cache_info` anew."""
        self._planned().store.invalidate(function=self)
        self._hits, self._misses = Tally(), Tally()

    def cache_parameters(self) -> dict[str, Any]:
        """Return the options that are in force."""
        options = self._options
        return {
            "maxsize": None, "typed": options.typed, "ttl": options.ttl, "ignore": options.ignore, "key": options.key,
            "code": options.code, "version": options.version, "depends_on": options.depends_on,
            "ignore_code": options.ignore_code, "name": options.name, "formerly": options.formerly,
            "new_defaults": options.new_defaults, "tags": options.tags,
            "cache_if": options.cache_if,
        }  # fmt: skip

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
        return self._plan.store if self._plan else self._open_store()

    def _planned(self) -> _Plan:
        return self._plan or self._make_plan()

    def _make_plan(self) -> _Plan:
        """Work out binding and fingerprint. Two threads may both do so; their plans are alike."""
        options, function = self._options, self.__wrapped__
        store = self._open_store()
        offer(store)
        binder = Binder.of(function, options.ignore)
        scope = Scope(options.code, options.version, options.depends_on, options.ignore_code)
        code = FunctionCode(function, options.name, scope)
        view = receiver_view(function) if binder.keeps_first and not options.key else None
        self._plan = _Plan(store, binder.bind, binder.names, code, view, bool(binder.keyed))
        return self._plan

    def _bound(self, args: Any, kwargs: Any) -> tuple[Any, ...]:
        """Return the values of a call; raise the TypeError that the call would where its arguments do not fit."""
        try:
            return self._planned().bind(*args, **kwargs)
        except TypeError:
            signature_of(self.__wrapped__).bind(*args, **kwargs)
            raise

    def _key(self, args: Any, kwargs: Any) -> bytes:
        plan = self._planned()
        return self._key_of(plan, plan.code.current(), self._bound(args, kwargs), args, kwargs)

    def _keys(self, args: Any, kwargs: Any) -> Iterator[bytes]:
        """Yield the key of a call, then those under which older code may have stored it."""
        yield self._key(args, kwargs)
        if self._inherits:
            plan, values = self._planned(), self._bound(args, kwargs)
            yield from (key for key, _ in self._older(plan, plan.code.version, values, args, kwargs))

    def _older(
        self, plan: _Plan, version: CodeVersion, values: tuple[Any, ...], args: Any, kwargs: Any
    ) -> Iterator[tuple[bytes, Alias]]:
        if self._aliases is None or self._aliases[0] is not version:
            defaults = defaults_of(self.__wrapped__) if self._options.new_defaults else None
            self._aliases = version, aliases_of(version, self._options.formerly, defaults, plan.store.code_versions)
        for alias in self._aliases[1]:
            had = alias.values(plan.names, values)
            if had is not None:
                names, had_values = had
                yield self._key_of(plan._replace(names=names), alias.version, had_values, args, kwargs), alias

    def _recall_older(
        self, plan: _Plan, version: CodeVersion, missing: Missing, values: tuple[Any, ...], args: Any, kwargs: Any
    ) -> Any:
        """Return what is stored under an old name, or by the code before it got a parameter; else what was missing."""
        for key, alias in self._older(plan, version, values, args, kwargs) if missing.reason == "new" else ():
            found = plan.store.recall(key, alias.version)
            if type(found) is not Missing:
                if alias.added:  # from now on, an edit of the code is one of a version that has the parameter
                    plan.store.enter_code(version)
                return found
        return missing

    def _key_of(self, plan: _Plan, version: CodeVersion, values: tuple[Any, ...], args: Any, kwargs: Any) -> bytes:
        options, prefix = self._options, version.prefix
        if version.held:
            prefix = digest_parts(b"h", [prefix, *(held.encoded(plan.store.rule_for) for held in version.held)])
        rules = plan.code.rule.over(plan.store.rule_for)
        if options.key is not None:
            return call_key(prefix, (options.key(*args, **kwargs),), ("key(...)",), version.name, rules)
        if plan.view is not None:
            values = plan.view(values)
        return call_key(prefix, values if options.typed else untyped(values), plan.names, version.name, rules)

    def _question(
        self, plan: _Plan, version: CodeVersion, values: Any, args: Any, kwargs: Any, key: bytes | None = None
    ) -> Question:
        def older() -> Iterator[bytes]:
            return (older for older, _ in self._older(plan, version, values, args, kwargs))

        def key_of(code: Any) -> bytes:
            return self._key_of(plan, code, values, args, kwargs)

        formerly = tuple(self.memo_names[1:])
        return Question(version, plan.names, values, key_of, key, older if self._inherits else tuple, formerly)

    def _compute(
        self, plan: _Plan, version: CodeVersion, key: bytes, missing: Missing, values: Any, args: Any, kwargs: Any
    ) -> R:
        store = plan.store
        self._misses.add()
        store.missed(key, version, missing, lambda: self._question(plan, version, values, args, kwargs, key))
        arguments = preview_json(plan.names, values)  # before the call, which may change them
        with noting() as read:
            is_steady = (type(key) is bytes and not plan.asks) or self._is_steady(plan, version, key, args, kwargs)
        read += version.inputs_now()
        started = store.clock()
        value = self.__wrapped__(*args, **kwargs)
        seconds = store.clock() - started
        changed = changed_since(read)
        if changed is not None:
            store.skip(key, version, f"{changed} changed while the function ran", "changed")
        elif is_steady and missing.reason != "fault":  # one that could not be read a moment ago is not waited for again
            store.keep(key, version, Result(value, seconds, arguments), self._options)
        return value

    def _is_steady(self, plan: _Plan, version: CodeVersion, key: bytes, args: Any, kwargs: Any) -> bool:
        """Take the key of a call anew; if it is another one, no later call could find the result. Say so."""
        values = plan.bind(*args, **kwargs)
        if self._key_of(plan, version, values, args, kwargs) == key:
            return True
        again, rules = plan.bind(*args, **kwargs), plan.store.rule_for
        part = "key(...)" if self._options.key else changing_part(values, again, plan.names, rules)
        plan.store.skip(key, version, f"{part} has another key each time it is taken", "unsteady")
        return False


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

    def _look(self, /, *_: Any, under_way: Any = ()) -> Looked:  # noqa: ARG002 # there is nothing to look for
        return Looked(None)
