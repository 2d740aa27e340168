"""Rules for msgspec's structs: by class, with its code, and by fields. A cached hash is left out."""

from __future__ import annotations

from typing import Any

from memostore.keys.encoding import Rule, Walk
from memostore.keys.libraries import added_attributes
from memostore.keys.state import State, encode_instance

__all__ = ["rule_for"]


def rule_for(base: type) -> Rule | None:
    """Return the rule of one of msgspec's classes and of its subclasses, or None where a base may have one."""
    return BY_NAME.get(base.__qualname__)


def _struct(value: Any) -> Walk:
    kind: Any = type(value)
    fields = {name: getattr(value, name) for name in kind.__struct_fields__ if hasattr(value, name)}
    added = State(added_attributes(value, ()) or {})  # of a struct that is defined with `dict=True`
    return encode_instance(b"O", kind, (("{}", ""), State(fields)), (("{}", ""), added))


BY_NAME: dict[str, Rule] = {"Struct": _struct}
