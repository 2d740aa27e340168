"""Which rule encodes which type. The rules are in `builtin` and `standard`; a library's lie in a module of its own."""

from __future__ import annotations

import enum
import importlib
from collections.abc import Callable, Iterator
from typing import Any

import memostore.keys.builtin as builtin
import memostore.keys.inputs as inputs
import memostore.keys.standard as standard
from memostore.keys.encoding import (
    Attempt,
    CodeOf,
    Encoder,
    Rule,
    Walk,
    asks_the_class,
    encode_attempt,
    encode_tagged,
)
from memostore.keys.naming import module_of, type_name
from memostore.keys.state import Recorder, State, encode_recorder, encode_state, object_rule

__all__ = ["encode", "register", "rule_for"]


def encode(value: Any) -> bytes:
    """Return the canonical bytes of any supported value; raise UnkeyableArgument for others.

    >>> encode({"a": 1, "b": 2}) == encode({"b": 2, "a": 1})
    True
    >>> encode([1, (2,)]) == encode([1, [2]])
    False
    """
    return Encoder(rule_for).encode(value)


def register(kind: type, rule: Rule) -> None:
    """Let `rule` encode values of exactly this type."""
    RULES[kind] = rule


def rule_for(kind: type) -> Rule:
    """Return the rule of a type, found once for each type by its nearest registered base."""
    rule = RULES.get(kind)
    if rule is None:
        rule = RULES[kind] = _find_rule(kind)
    return rule


def _find_rule(kind: type) -> Rule:
    if hasattr(kind, "__memo_key__"):
        return _own_key
    if issubclass(kind, enum.Enum):
        return standard.encode_enum
    if issubclass(kind, type):
        return builtin.encode_class
    for base in kind.__mro__:
        rule = BASES.get(base) or _rule_by_name(base)
        if rule is not None:
            return rule
    return standard.refuse if issubclass(kind, Iterator) else object_rule(kind)


def _rule_by_name(base: type) -> Rule | None:
    """Return the rule of a class that is known by its name, so that nothing has to be imported that nobody uses."""
    module = module_of(base)
    top = module.partition(".")[0]
    if top in LIBRARIES:
        return LIBRARIES[top]()(base)
    if top in standard.REFUSED_MODULES and not issubclass(base, BaseException):
        return standard.refuse
    return standard.NAMED.get(f"{module}.{base.__qualname__}")


@asks_the_class
def _own_key(value: Any) -> Walk:
    """Take the word of the class, by `__memo_key__(self)`."""
    return encode_tagged(b"K", type_name(type(value)), ((".__memo_key__()", ""), type(value).__memo_key__(value)))


def _unseen_code(_: CodeOf) -> bytes:
    return b""


def _rules_in(module: str) -> Callable[[], Callable[[type], Rule | None]]:
    """Make the loader of a library's rules: slow ones need the library, and whoever has a value of it has loaded it."""
    return lambda: importlib.import_module(f"memostore.keys.{module}").rule_for


LIBRARIES: dict[str, Callable[[], Callable[[type], Rule | None]]] = {
    "numpy": _rules_in("arrays"), "pandas": _rules_in("pandas"), "polars": _rules_in("polars"),
    "pyarrow": _rules_in("pyarrow"), "scipy": _rules_in("scipy"), "torch": _rules_in("torch"),
    "sklearn": _rules_in("sklearn"), "xarray": _rules_in("xarray"), "pydantic": _rules_in("pydantic"),
    "msgspec": _rules_in("msgspec"), "unittest": lambda: standard.mock_rule_for,
}  # fmt: skip

BASES: dict[type, Rule] = {**builtin.BASES, **standard.BASES, **inputs.BASES}

RULES: dict[type, Rule] = {
    **builtin.RULES, **standard.RULES, State: encode_state, Recorder: encode_recorder, CodeOf: _unseen_code,
    Attempt: encode_attempt,
}  # fmt: skip
