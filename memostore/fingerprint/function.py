"""A function as the store knows it: its name, the digest of its code, and what people read about it."""

from __future__ import annotations

import inspect
import json
import types
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from memostore.digest import digest_parts
from memostore.errors import UnkeyableArgument
from memostore.fingerprint import bytecode
from memostore.keys.naming import function_name
from memostore.keys.rules import encode

__all__ = ["CodeVersion", "code_version"]

LEVEL = "body"


@dataclass(frozen=True)
class CodeVersion:
    """One version of a function's code. `source` and `manifest` are read when an entry is saved, not on a hit."""

    module: str
    qualname: str
    fingerprint: bytes
    function: Callable[..., Any] | None
    seen: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The function's full name."""
        return f"{self.module}.{self.qualname}"

    @cached_property
    def source(self) -> str | None:
        """The source text as it is in the file now, or None where there is none."""
        if self.function is None:
            return None
        try:
            return inspect.getsource(inspect.unwrap(self.function))
        except (OSError, TypeError):
            return None

    @cached_property
    def manifest(self) -> str:
        """What the fingerprint covers, as JSON: `seen`, and by name what could not be followed, `unseen`."""
        return json.dumps({"level": LEVEL, "seen": list(self.seen), "unseen": list(self.unseen)})


def code_version(function: Callable[..., Any], name: str | None = None) -> CodeVersion:
    """Return the version of the code that a callable runs now. `name` stands in for its own name.

    >>> code_version(lambda x: x + 1).fingerprint == code_version(lambda y: y + 1).fingerprint
    True
    """
    module, qualname = function_name(function)
    if name is not None:
        module, _, qualname = name.rpartition(".") if "." in name else (module, "", name)
    body, seen, unseen = _encoded(function)
    return CodeVersion(module, qualname, digest_parts(b"v", [LEVEL.encode(), *body]), function, seen, unseen)


def _encoded(function: Callable[..., Any]) -> tuple[list[bytes], tuple[str, ...], tuple[str, ...]]:
    """Return the canonical parts of a callable's code, their names, and the names of those that have none."""
    if not isinstance(function, types.FunctionType):
        return [encode(function)], ("callable",), ()
    parts, seen, unseen = [encode(function.__code__)], ["code"], []
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            parts.append(encode((name, bytecode.content_of(cell))))
            seen.append(name)
        except UnkeyableArgument:
            unseen.append(name)
    return parts, tuple(seen), tuple(unseen)
