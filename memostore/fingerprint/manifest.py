"""What a fingerprint was made of, as JSON that is stored once for each version of a function's code."""

from __future__ import annotations

import inspect
import json
import types
from dataclasses import dataclass
from typing import Any

from memostore.digest import digest
from memostore.fingerprint.source import source_text
from memostore.keys.naming import function_name
from memostore.keys.preview import preview

__all__ = ["Definition", "manifest_json", "text_of"]

TEXT_LIMIT = 20_000  # characters of one definition
DIGEST_SHOWN = 8  # bytes


@dataclass(frozen=True)
class Definition:
    """One function, class, module or constant that a fingerprint covers. `value` tells its file and text when asked."""

    kind: str
    content: bytes  # what counts of it; of what it refers to in turn, nothing
    value: Any
    given_name: str = ""  # a constant's; functions and classes have names of their own

    @property
    def name(self) -> str:
        """The full name."""
        return self.given_name or ".".join(function_name(self.value))

    def as_dict(self) -> dict[str, Any]:
        """Return the definition as the manifest holds it."""
        file, line = _place(self.value) if self.kind != "constant" else (None, None)
        return {
            "name": self.name, "kind": self.kind, "file": file, "line": line,
            "digest": digest(self.content)[:DIGEST_SHOWN].hex(), "text": self._text(),
        }  # fmt: skip

    def _text(self) -> str | None:
        if self.kind == "constant":
            return json.dumps(preview(self.value), ensure_ascii=False)[:TEXT_LIMIT]
        text = text_of(self.value) if self.kind != "module" else None
        return None if text is None else text[:TEXT_LIMIT]


def text_of(value: Any) -> str | None:
    """Return the source text of a function or class, None where there is none or another one by now."""
    if isinstance(value, types.FunctionType):
        return source_text(value.__code__)
    try:
        return inspect.getsource(value)
    except (OSError, TypeError):
        return None


def _place(value: Any) -> tuple[str | None, int | None]:
    if isinstance(value, types.FunctionType):
        return value.__code__.co_filename, value.__code__.co_firstlineno
    try:
        return inspect.getfile(value), None
    except (OSError, TypeError):
        return None, None


def manifest_json(
    level: str, version: Any, parameters: list[str], definitions: list[Definition], packages: dict[str, str],
    inputs: dict[str, Any], unseen: list[str], track: str | None = None,
) -> str:  # fmt: skip
    """Return the manifest of one version of a function's code; the first definition is the function itself."""
    return json.dumps({
        "level": level, "version": None if version is None else repr(version), "parameters": parameters,
        "definitions": [definition.as_dict() for definition in definitions], "packages": packages, "inputs": inputs,
        "unseen": unseen, **({"track": track} if track else {}),
    }, ensure_ascii=False)  # fmt: skip
