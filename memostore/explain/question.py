"""What a wrapper tells of a call so that it can be explained."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from memostore.fingerprint import CodeVersion
from memostore.keys.call import function_prefix
from memostore.keys.preview import preview_json

__all__ = ["Ask", "FormerCode", "Question"]


class FormerCode(NamedTuple):
    """What a key needs of a version of the code that is only known by its fingerprint."""

    prefix: bytes
    held: list[Any]
    name: str


@dataclass(frozen=True)
class Question:
    """One call: the code as it is now, and the parameters' names and values.

    `key_of(code)` returns the call's key under some code; `older()` the keys that its result may be found under where
    there is none under its own; `formerly` are the names that the function was stored under before.
    """

    code: CodeVersion
    names: tuple[str, ...]
    values: tuple[Any, ...]
    key_of: Callable[[Any], bytes]
    known: bytes | None = None  # the key, where it has been taken already
    older: Callable[[], Iterable[bytes]] = tuple
    formerly: tuple[tuple[str, str], ...] = ()

    @property
    def version(self) -> str:
        """The repr of version=."""
        return repr(self.code.scope.version)

    def key(self) -> bytes:
        """Return the call's key; raise UnkeyableArgument where it has none."""
        return self.known or self.key_of(self.code)

    @property
    def stored_names(self) -> tuple[tuple[str, str], ...]:
        """Module and qualified name that results are stored under, and those that they were."""
        return ((self.code.module, self.code.qualname), *self.formerly)

    def key_under(self, name: tuple[str, str], fingerprint: bytes, version: str) -> bytes:
        """Return the key that the call would have had under another name, other code, or another version=."""
        prefix = function_prefix(*name, fingerprint, version)
        return self.key_of(FormerCode(prefix, self.code.held, self.code.name))

    @cached_property
    def arguments(self) -> dict[str, Any]:
        """The arguments as they are stored beside a result."""
        shown: dict[str, Any] = json.loads(preview_json(self.names, self.values))
        return shown


# Makes the question of a call, where somebody wants to know.
Ask = Callable[[], Question]
