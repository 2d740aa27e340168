"""A call of a memoized function as the store knows it: its key, by the present code and by older one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from memostore.aliases import Alias, aliases_of, defaults_of
from memostore.changing_defaults import Defaults
from memostore.digest import digest_parts
from memostore.explain import Question
from memostore.fingerprint import CodeVersion, FunctionCode, Scope, offer, receiver_view, stored_name
from memostore.keys.binding import Binder, signature_of
from memostore.keys.call import call_key, changing_part, untyped
from memostore.keys.inputs import InputState
from memostore.keys.preview import preview_json
from memostore.keys.registered import RuleFor
from memostore.options import Options
from memostore.remembering import Missing, Remembers, is_missing

__all__ = ["Call", "Caller"]


class Call(NamedTuple):
    """One call: what it was given, its values in the order of the parameters, and its key under a version of the code.

    The key is empty where it has not been taken yet.
    """

    version: CodeVersion
    key: bytes
    values: tuple[Any, ...]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class Caller:
    """What is worked out once, at a function's first call: how calls are bound, keyed and shown."""

    def __init__(self, function: Callable[..., Any], store: Remembers, options: Options) -> None:
        offer(store)
        self.function = function
        self.store = store
        self.options = options
        binder = Binder.of(function, options.ignore)
        self.bind = binder.bind
        self.names = binder.names
        self._keyed_by = frozenset(binder.keyed)
        scope = Scope(options.code, options.version, options.depends_on, options.ignore_code, options.track)
        self.code = FunctionCode(function, options.name, scope)
        self._view = receiver_view(function) if binder.keeps_first and not options.key else None
        self.defaults = Defaults(signature_of(function), () if options.key else binder.by_content)
        self.asks = bool(binder.keyed)  # whether a function of the user's, named by KeyBy, has a part in every key
        self._inherits = bool(options.formerly or options.new_defaults)
        self._aliases: tuple[CodeVersion, list[Alias]] | None = None

    def is_keyed_by(self, parameter: str) -> bool:
        """Say whether a function stands between a parameter and its part of the key."""
        return parameter in self._keyed_by

    def bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """Return the values of a call; raise the TypeError that the call would where its arguments do not fit."""
        try:
            return self.bind(*args, **kwargs)
        except TypeError:
            with _reminding(self.function):
                signature_of(self.function).bind(*args, **kwargs)
            raise

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        """Return a call under the code that runs now."""
        values, version = self.bound(args, kwargs), self.code.current()
        return Call(version, self.key_of(version, values, args, kwargs), values, args, kwargs)

    def key_of(
        self, version: CodeVersion, values: tuple[Any, ...], args: Any, kwargs: Any, names: tuple[str, ...] = ()
    ) -> bytes:
        """Return the key of a call under a version of the code, which may have had other parameters (`names`)."""
        options, prefix, rules = self.options, self.prefix_of(version), self.rules
        if options.key is not None:
            return call_key(prefix, (options.key(*args, **kwargs),), ("key(...)",), version.name, rules)
        return call_key(prefix, self.keyed(values), names or self.names, version.name, rules)

    def prefix_of(self, version: CodeVersion) -> bytes:
        """Return what stands for a version of the code in all keys, with what the callable carries at the moment."""
        if not version.held:
            return version.prefix
        return digest_parts(b"h", [version.prefix, *(held.encoded(self.store.rule_for) for held in version.held)])

    @property
    def rules(self) -> RuleFor:
        """What finds the rule by which a type's values are keyed, with as much of their code as counts."""
        return self.code.rule.over(self.store.rule_for)

    def keyed(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return what counts of a call's values."""
        values = self._view(values) if self._view is not None else values
        return values if self.options.typed else untyped(values)

    def keys(self, call: Call) -> Iterator[bytes]:
        """Yield the key of a call, then those under which older code may have stored it."""
        yield call.key
        yield from (key for key, _ in self.older(call))

    def older(self, call: Call) -> Iterator[tuple[bytes, Alias]]:
        """Yield the keys of a call under the names that its function had, and before it got its newest parameters."""
        for alias in self._aliases_of(call.version) if self._inherits else ():
            had = alias.values(self.names, call.values)
            if had is not None:
                names, values = had
                yield self.key_of(alias.version, values, call.args, call.kwargs, names), alias

    def may_be_older(self, found: Any) -> bool:
        """Say whether what was found under a call's own key leaves it to `by_older_code` to find something."""
        return self._inherits and type(found) is Missing and found.reason in ("new", "file")

    def by_older_code(self, call: Call, missing: Missing, recall: Callable[[bytes, CodeVersion], Any]) -> Any:
        """Return what `recall` finds of a call under the keys of older code, else what it is `missing`."""
        for key, alias in self.older(call):
            found = recall(key, alias.version)
            if not is_missing(found):
                if alias.added:  # from now on, an edit of the code is one of a version that has the parameter
                    self.store.enter_code(call.version)
                return found
        return missing

    def shown(self, call: Call) -> str:
        """Return the JSON preview of a call's arguments."""
        return preview_json(self.names, call.values)

    def question(self, call: Call) -> Question:
        """Return what `explain` is asked of a call."""

        def older() -> Iterator[bytes]:
            return (key for key, _ in self.older(call))

        def key_of(code: Any) -> bytes:
            return self.key_of(code, call.values, call.args, call.kwargs)

        formerly = tuple(stored_name(self.function, name) for name in self.options.formerly)
        under = older if self._inherits else tuple
        return Question(call.version, self.names, call.values, key_of, call.key or None, under, formerly)

    def unsteady_part(self, call: Call) -> str | None:
        """Take the key of a call anew; return what of it is another each time, so that no later call could find it."""
        if type(call.key) is bytes and not self.asks:
            return None
        values = self.bind(*call.args, **call.kwargs)
        if self.key_of(call.version, values, call.args, call.kwargs) == call.key:
            return None
        again, rules = self.bind(*call.args, **call.kwargs), self.store.rule_for
        return "key(...)" if self.options.key else changing_part(values, again, self.names, rules)

    def inputs(self, version: CodeVersion) -> list[InputState]:
        """Return the states of what a call reads besides its arguments, as they are before the function runs."""
        return [*version.inputs_now(), *self.defaults.now(self.store, version)]

    def _aliases_of(self, version: CodeVersion) -> list[Alias]:
        if self._aliases is None or self._aliases[0] is not version:
            defaults = defaults_of(self.function) if self.options.new_defaults else None
            found = aliases_of(version, self.options.formerly, defaults, self.store.code_versions)
            self._aliases = version, found
        return self._aliases[1]


@contextmanager
def _reminding(function: Callable[..., Any]) -> Iterator[None]:
    """Add to an error what may be its reason: since 3.13, @classmethod gives no class to what stands below it."""
    try:
        yield
    except TypeError as error:
        if sys.version_info >= (3, 13) and next(iter(signature_of(function).parameters), "") == "cls":
            error.add_note("give the class as the first argument, or put @store.memoize above @classmethod")
        raise
