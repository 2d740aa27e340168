"""The key of a call: the function it calls and the values it gets, in one digest."""

from __future__ import annotations

import marshal
from typing import Any

from memostore.digest import digest, digest_parts, frame
from memostore.errors import UnkeyableArgument
from memostore.keys.encoding import SCALARS, Encoder, Walk
from memostore.keys.rules import register, rule_for

__all__ = ["call_key", "function_prefix", "untyped"]


def function_prefix(module: str, qualname: str, fingerprint: bytes, version: str) -> bytes:
    """Return the 32 bytes that stand for a function and its code in the keys of all its calls."""
    return digest_parts(b"f", [module.encode(), qualname.encode(), fingerprint, version.encode()])


def call_key(prefix: bytes, values: tuple[Any, ...], names: tuple[str, ...], function: str) -> bytes:
    """Return the 32-byte key of one call.

    `names` are the parameters that `values` belong to; like `function`, they are for the message of the
    UnkeyableArgument that is raised where a value can't be keyed.
    """
    if SCALARS.issuperset(map(type, values)):  # the common call: one C function writes all of it
        return digest(prefix + marshal.dumps(values, 2))
    try:
        return digest(prefix + b"#" + Encoder(rule_for).encode(_Call(values, names)))
    except UnkeyableArgument as error:
        raise UnkeyableArgument(
            f"{function}: {error}. Leave the argument out of the key with ignore=[...], or give key=..."
        ) from error.__cause__


class _Call:
    """The values of a call, so that messages begin with a parameter's name."""

    __slots__ = ("names", "values")

    def __init__(self, values: tuple[Any, ...], names: tuple[str, ...]) -> None:
        self.values = values
        self.names = names


def _encode_call(call: _Call) -> Walk:
    parts = []
    for name, value in zip(call.names, call.values, strict=True):
        parts.append(frame(b"C", (yield ("{}", name), value)))
    return b"C" + b"".join(parts)


register(_Call, _encode_call)


def untyped(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return values with equal numbers made one: 1, 1.0 and True become 1, as functools does with typed=False.

    Numbers that are arguments, or among `*args` and `**kwargs`; those inside an argument stay what they are.
    """
    return tuple(map(_untyped, values))


def _untyped(value: Any) -> Any:
    if type(value) is tuple:
        return tuple(map(_as_number, value))
    if type(value) is dict:
        return {name: _as_number(item) for name, item in value.items()}
    return _as_number(value)


def _as_number(value: Any) -> Any:
    if type(value) not in (bool, float, complex):
        return value
    if type(value) is complex and not value.imag:
        value = value.real
    if type(value) is bool or (type(value) is float and value.is_integer()):
        return int(value)
    return value
