"""Rules for pydantic's models: by class, with its code, by fields, extra fields and private attributes.

Which fields were set counts, though models that differ in nothing else are equal: `model_dump(exclude_unset=True)`
shows it. Values that a cached property has left behind do not.
"""

from __future__ import annotations

from typing import Any

from memostore.keys.encoding import Rule, Walk
from memostore.keys.state import State, encode_instance, encode_object

__all__ = ["rule_for"]


def rule_for(base: type) -> Rule | None:
    """Return the rule of one of pydantic's classes and of its subclasses, or None where a base may have one."""
    return BY_NAME.get(base.__qualname__)


def _model(value: Any) -> Walk:
    kind: Any = type(value)
    if not hasattr(kind, "model_fields"):  # pydantic.v1
        return encode_object(value)
    fields = {name: item for name, item in vars(value).items() if name in kind.model_fields or not hasattr(kind, name)}
    return encode_instance(
        b"O", kind,
        (("{}", ""), State(fields)),
        ((".model_extra", ""), value.__pydantic_extra__),
        ((".model_fields_set", ""), value.__pydantic_fields_set__),
        (("{}", ""), State(value.__pydantic_private__ or {})),
    )  # fmt: skip


BY_NAME: dict[str, Rule] = {"BaseModel": _model}
