"""Functions that a store was told to key a type by: its own rules, before those that hold for every store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

from memostore.errors import InvalidArgument
from memostore.keys.encoding import SCALARS, Rule, Walk, asks_the_class, encode_tagged
from memostore.keys.naming import type_name
from memostore.keys.rules import rule_for

__all__ = ["RegistersKeys", "RuleBook", "RuleFor"]

RuleFor = Callable[[type], Rule]

# What every other encoding is made of, and what is encoded before any rule is looked for.
BUILT_IN: frozenset[type] = SCALARS | {object, type, bytes, bytearray, tuple, list, dict, set, frozenset}


class RuleBook:
    """The rules of one store: the nearest base of a type that was registered, or that has a key of its own, decides."""

    def __init__(self, functions: Mapping[type, Callable[[Any], Any]]) -> None:
        self.functions = functions
        self._found: dict[type, Rule] = {}

    def rule_for(self, kind: type) -> Rule:
        """Return the rule of a type, found once for each."""
        rule = self._found.get(kind)
        if rule is None:
            rule = self._found[kind] = self._find(kind)
        return rule

    def _find(self, kind: type) -> Rule:
        for base in kind.__mro__:
            if base in self.functions:
                return _keyed_by(self.functions[base])
            if "__memo_key__" in vars(base):
                break
        return rule_for(kind)


def _keyed_by(function: Callable[[Any], Any]) -> Rule:
    @asks_the_class
    def rule(value: Any) -> Walk:
        return encode_tagged(b"K", type_name(type(value)), ((" by its registered key", ""), function(value)))

    return rule


class RegistersKeys:
    """The side of a store that knows by what some types are keyed."""

    _rules: RuleBook | None = None
    rule_for: RuleFor = staticmethod(rule_for)

    def _registered(self) -> Mapping[type, Callable[[Any], Any]]:
        return {} if self._rules is None else self._rules.functions

    def _register(self, functions: Mapping[type, Callable[[Any], Any]]) -> Self:
        if functions:
            self._rules = RuleBook({**self._registered(), **functions})
            self.rule_for = self._rules.rule_for
        return self

    def register_key(self, kind: type, function: Callable[[Any], Any]) -> None:
        """Key the instances of a type, wherever they stand in an argument of this store's functions, by a function.

        `kind`: a class; its subclasses are included, but for those with a registration or a `__memo_key__` of their
        own. `function`: called with an instance; what it returns stands in the key for the instance, together with
        the name of its class. It goes before the `__memo_key__` of the class itself.

        Raises InvalidArgument for what is no class or no function, and for built-in types such as int and list, which
        keys are made of.

        >>> from memostore import Store
        >>> class Model:
        ...     def __init__(self, version: int) -> None:
        ...         self.version, self.seen = version, object()
        >>> store = Store(":memory:")
        >>> store.register_key(Model, lambda model: model.version)
        >>> @store.memoize
        ... def predict(model: Model, x: float) -> float:
        ...     return model.version * x
        >>> predict.key(Model(1), 2.0) == predict.key(Model(1), 2.0) != predict.key(Model(2), 2.0)
        True
        """
        if not isinstance(kind, type):
            raise InvalidArgument(f"kind={kind!r} must be a class, such as Model")
        if kind in BUILT_IN:
            raise InvalidArgument(
                f"kind={kind.__qualname__}: every key is made of {', '.join(sorted(k.__name__ for k in BUILT_IN))}, "
                "so these are always keyed by their content. Register a class that you or a library made of them, or "
                "annotate the parameter with KeyBy"
            )
        if not callable(function):
            raise InvalidArgument(f"function={function!r} must be a function of an instance of {kind.__qualname__}")
        self._register({kind: function})
