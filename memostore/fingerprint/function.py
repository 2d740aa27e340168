"""A function as the store knows it: its name, the digest of its code, and what people read about it."""

from __future__ import annotations

import inspect
import json
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from memostore.digest import digest_parts
from memostore.fingerprint.code import encode_body
from memostore.fingerprint.held import Held, unfold
from memostore.keys.naming import function_name
from memostore.keys.rules import encode

__all__ = ["CodeVersion", "code_version"]

LEVEL = "body"


@dataclass(frozen=True, eq=False)
class CodeVersion:
    """One version of a function's code. `source` and `manifest` are read when an entry is saved, not on a hit."""

    module: str
    qualname: str
    fingerprint: bytes
    function: Callable[..., Any] | None
    held: list[Held] = field(default_factory=list)

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
        """What is covered, as JSON: `seen`, and by name what could not be followed, `unseen`."""
        seen = [held.name for held in self.held if held.seen]
        unseen = [held.name for held in self.held if not held.seen]
        return json.dumps({"level": LEVEL, "seen": ["code", *seen], "unseen": unseen})


def code_version(function: Callable[..., Any], name: str | None = None) -> CodeVersion:
    """Return the version of the code that a callable runs now. `name` stands in for its own name.

    >>> code_version(lambda x: x + 1).fingerprint == code_version(lambda y: y + 1).fingerprint
    True
    """
    module, qualname = function_name(function)
    if name is not None:
        module, _, qualname = name.rpartition(".") if "." in name else (module, "", name)
    code, held = unfold(function)
    return CodeVersion(module, qualname, digest_parts(b"v", [LEVEL.encode(), _body(code)]), function, held)


def _body(code: Any) -> bytes:
    return encode_body(code.__code__) if isinstance(code, types.FunctionType) else encode(code)
