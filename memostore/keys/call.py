"""The key of a call: the function it calls and the values it gets, in one digest."""

from __future__ import annotations

import marshal
from collections.abc import Callable
from typing import Any

from memostore.digest import digest, digest_parts, frame
from memostore.errors import MissingFile, UnkeyableArgument
from memostore.keys.encoding import SCALARS, Encoder, Frame, Rule, Walk
from memostore.keys.rules import register, rule_for

__all__ = ["AskedKey", "call_key", "changing_part", "function_prefix", "untyped"]


def function_prefix(module: str, qualname: str, fingerprint: bytes, version: str) -> bytes:
    """Return the 32 bytes that stand for a function and its code in the keys of all its calls."""
    return digest_parts(b"f", [module.encode(), qualname.encode(), fingerprint, version.encode()])


class AskedKey(bytes):
    """A key in which code of an argument's class had a part. Asked again, it may give another one."""

    __slots__ = ()


def call_key(
    prefix: bytes, values: tuple[Any, ...], names: tuple[str, ...], function: str,
    rules: Callable[[type], Rule] = rule_for,
) -> bytes:  # fmt: skip
    """Return the 32-byte key of one call, an AskedKey where code of an argument's class had a part in it.

    `rules` finds the rule of a type: a store may have some of its own. `names` are the parameters that `values` belong
    to; like `function`, they are for the message of the UnkeyableArgument that is raised where a value can't be keyed.
    """
    if SCALARS.issuperset(map(type, values)):  # the common call: one C function writes all of it
        return digest(prefix + marshal.dumps(values, 2))
    try:
        encoder = Encoder(rules)
        key = digest(prefix + b"#" + encoder.encode(_Call(values, names)))
        return AskedKey(key) if encoder.asked else key
    except UnkeyableArgument as error:
        if isinstance(error.__cause__, (FileNotFoundError, NotADirectoryError)):
            raise MissingFile(f"{function}: {error}") from error.__cause__
        raise UnkeyableArgument(
            f"{function}: {error}. Leave the argument out of the key with ignore=[...], or give key=..."
        ) from error.__cause__


def changing_part(
    values: tuple[Any, ...], again: tuple[Any, ...], names: tuple[str, ...], rules: Callable[[type], Rule] = rule_for
) -> str:
    """Return the path to what has other bytes the second time, as far down as it can be told."""
    one, other = Tracer(rules), Tracer(rules)
    one.encode(_Call(values, names))
    other.encode(_Call(again, names))
    differing = [path for path, encoded in one.seen.items() if other.seen.get(path, encoded) != encoded]
    return max(differing, key=len, default=names[0] if len(names) == 1 else "an argument") or "an argument"


class Tracer(Encoder):
    """An encoder that takes note of the bytes of every part, by its path."""

    def __init__(self, rules: Callable[[type], Rule]) -> None:
        super().__init__(rules)
        self.seen: dict[str, bytes] = {}

    def _begin(self, value: Any) -> bytes | None:
        encoded = super()._begin(value)
        if encoded is not None:
            self.seen[self._path()] = encoded
        return encoded

    def _finish(self, node: Frame, encoded: bytes) -> bytes:
        result = super()._finish(node, encoded)
        self.seen[self._path()] = result
        return result


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
