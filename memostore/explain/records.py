"""What an explanation says, as frozen records."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from typing import Any

import memostore.explain.wording as wording
from memostore.records import Entry

__all__ = ["ABSENT", "Change", "Difference", "Explanation", "StoredCode", "Tombstone"]


class _Absent:
    def __repr__(self) -> str:
        return "absent"


ABSENT = _Absent()  # stands for no value: None is one


@dataclass(frozen=True, slots=True)
class Difference:
    """One place in the arguments where two calls differ: `kind` is "changed", "added" or "removed".

    `steps` lead there: the parameter's name, then keys and positions; `path` is how one would write them.

    >>> print(Difference(("config", "optimizer", "lr"), 0.1, 0.01))
    config["optimizer"]["lr"]: 0.1 -> 0.01
    """

    steps: tuple[str | int, ...]
    old: Any
    new: Any
    kind: str = "changed"

    @property
    def path(self) -> str:
        """The place, as one would write it in Python."""
        name, *rest = self.steps
        return f"{name}{''.join(f'[{json.dumps(step, ensure_ascii=False)}]' for step in rest)}"

    def as_dict(self) -> dict[str, Any]:
        """Return the difference as what JSON knows; what is absent is left out."""
        given = {name: value for name, value in (("old", self.old), ("new", self.new)) if value is not ABSENT}
        return {"path": self.path, "kind": self.kind, **given}

    def __str__(self) -> str:
        return wording.of_difference(self)


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that the code depends on and that is not what it was.

    `kind` is "function", "class", "constant", "module", "package", "file", "variable" (of the environment), "version"
    (of `version=`) or "level"; `how` is "changed", "added" or "removed". What has source has a unified `diff`, all else
    is told by `old` and `new`.
    """

    kind: str
    name: str
    how: str = "changed"
    old: str | None = None
    new: str | None = None
    file: str | None = None
    line: int | None = None
    diff: str | None = None

    def __str__(self) -> str:
        return wording.of_change(self)


@dataclass(frozen=True, slots=True)
class StoredCode:
    """The version of the code that a result was computed by. `version` is the repr of `version=`."""

    fingerprint: str
    version: str
    first_seen: datetime
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What is known of an entry that is gone: when it was removed, why, and by whom.

    `reason` is "evicted", "expired", "invalidated" or "cleared"; `detail` the policy or the filters.
    """

    key: str
    function: str
    code: str
    arguments: dict[str, Any] | None
    created: datetime
    gone: datetime
    reason: str
    detail: str
    host: str | None
    user_name: str | None
    script: str | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a call would hit or miss. `str()` of it is a text of a few lines.

    `reason` is one word: "hit", "new", "arguments", "code", "package", "file", "variable", "version", "expired",
    "evicted", "invalidated", "cleared", "skipped", "corrupt", "unloadable", "unkeyable", "fault" or "off"; of a
    question that was asked without the function, "stored" stands for "hit". `code` is the function's fingerprint now.
    `entry` is the result that is meant: the one that is returned, has expired or is damaged, the one under other code,
    or the nearest; `tombstone` the same where it is gone. `differences` are those of the arguments to it, `changes`
    those of the code.
    """

    function: str
    reason: str
    key: str | None = None
    code: str | None = None
    arguments: dict[str, Any] | None = None
    entry: Entry | None = None
    stored_code: StoredCode | None = None
    user_name: str | None = None
    script: str | None = None
    tombstone: Tombstone | None = None
    differences: tuple[Difference, ...] = ()
    changes: tuple[Change, ...] = ()
    error: str | None = None

    @property
    def is_hit(self) -> bool:
        """Whether the call would be served from the store."""
        return self.reason == "hit"

    @property
    def detail(self) -> str:
        """The explanation in one line, without the function and the reason."""
        return wording.detail(self)

    def as_dict(self) -> dict[str, Any]:
        """Return everything as what JSON knows: times as ISO 8601 text, what is not known as None."""
        shown: dict[str, Any] = _plain(self)
        return {**shown, "is_hit": self.is_hit, "detail": self.detail}

    def to_json(self) -> str:
        """Return `as_dict()` as JSON."""
        return json.dumps(self.as_dict(), ensure_ascii=False, indent=2)

    def __str__(self) -> str:
        return wording.text(self)


def _plain(value: Any) -> Any:
    if isinstance(value, Difference):
        return value.as_dict()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
