"""Two versions of a function's code side by side: what the fingerprint covers, by name, then and now."""

from __future__ import annotations

import difflib
import json
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from memostore.explain.records import Change

__all__ = ["Definition", "Manifest", "changed_file", "changes", "reason_of"]

CODE = {"function", "class", "constant", "module", "level"}
REASONS = ("package", "file", "variable", "version")  # the first that applies, where the code is the same
UNITS = {"files": "files", "size": "bytes", "characters": "characters"}
SHORT = 300  # characters of a constant, or of what has no source


@dataclass(frozen=True, slots=True)
class Definition:
    """A function, class, constant or module that a result depends on."""

    name: str
    kind: str
    digest: str
    text: str | None = None
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a fingerprint covers. One that says nothing of definitions is taken for the function's source alone."""

    level: str
    definitions: dict[str, Definition] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=dict)
    unseen: tuple[str, ...] = ()
    inputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    track: str | None = None

    @classmethod
    def parsed(cls, text: str | None, source: str | None, name: str) -> Manifest:
        """Return a manifest from its JSON; `source` and `name` are the function's own."""
        try:
            data = json.loads(text or "{}")
        except (TypeError, ValueError):
            data = {}
        data = data if isinstance(data, dict) else {}
        listed = [definition for item in _list(data, "definitions") if (definition := _definition(item))]
        if not listed and source is not None:
            listed = [Definition(name, "function", source, source)]
        packages, inputs = data.get("packages"), data.get("inputs")
        return cls(
            str(data.get("level", "")),
            {definition.name: definition for definition in listed},
            {str(k): str(v) for k, v in packages.items()} if isinstance(packages, dict) else {},
            tuple(map(str, _list(data, "unseen"))),
            {str(k): v for k, v in inputs.items() if isinstance(v, dict)} if isinstance(inputs, dict) else {},
            str(data["track"]) if data.get("track") else None,
        )

    @property
    def own(self) -> Definition | None:
        """The definition of the function itself."""
        return next(iter(self.definitions.values()), None)


def changes(old: Manifest, new: Manifest, since: str = "then") -> tuple[Change, ...]:
    """Return what is not what it was: definitions, packages, inputs, then the way of looking itself.

    `since` says in the diffs what the old text is.
    """
    found = [
        *_of_definitions(old, new, since), *_of_packages(old.packages, new.packages),
        *_of_inputs(old.inputs, new.inputs),
    ]  # fmt: skip
    if old.level != new.level:
        found.append(Change("level", "code=", old=old.level or None, new=new.level or None))
    if old.track != new.track:
        found.append(Change("level", "track=", old=old.track, new=new.track))
    return tuple(found)


def reason_of(found: tuple[Change, ...]) -> str:
    """Return the word for changes: code goes before packages, then come files, variables and version=."""
    kinds = {change.kind for change in found}
    if kinds & CODE or not kinds:
        return "code"
    return next(reason for reason in REASONS if reason in kinds)


def _of_definitions(old: Manifest, new: Manifest, since: str) -> Iterator[Change]:
    """Yield what was changed, added and removed. What only moved, to another name or module, is neither."""
    if old.level != new.level and old.own and new.own:  # another level lists other things: only one is in both
        if old.own.text != new.own.text:
            yield _changed(old.own, new.own, since)
        return
    was, now = ({each.digest for each in side.definitions.values()} for side in (old, new))
    for name, definition in new.definitions.items():
        before = old.definitions.get(name)
        if before is None and definition.digest not in was:
            yield _alone(definition, "added")
        elif before is not None and before.digest != definition.digest:
            yield _changed(before, definition, since)
    for name, definition in old.definitions.items():
        if name not in new.definitions and definition.digest not in now:
            yield _alone(definition, "removed")


def _changed(old: Definition, new: Definition, since: str) -> Change:
    place = {"file": new.file, "line": new.line}
    if new.kind in ("function", "class") and old.text and new.text and old.text != new.text:
        return Change(new.kind, new.name, diff=_diff(old, new, since), **place)  # type: ignore[arg-type] # by name
    return Change(new.kind, new.name, old=_short(old), new=_short(new), **place)  # type: ignore[arg-type] # by name


def _alone(definition: Definition, how: str) -> Change:
    shown = _short(definition) if definition.kind == "constant" else None
    old, new = (shown, None) if how == "removed" else (None, shown)
    return Change(definition.kind, definition.name, how, old, new, definition.file, definition.line)


def _diff(old: Definition, new: Definition, since: str) -> str:
    before, after = (textwrap.dedent(each.text or "").splitlines() for each in (old, new))
    return "\n".join(difflib.unified_diff(before, after, since, "now", lineterm=""))


def _short(definition: Definition) -> str:
    text = definition.text if definition.text is not None else f"{definition.kind} {definition.digest[:16]}"
    return text if len(text) <= SHORT else f"{text[:SHORT]}…"


def _of_packages(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Change]:
    for name in sorted({*old, *new}):
        before, after = old.get(name), new.get(name)
        if before != after:
            how = "added" if before is None else "removed" if after is None else "changed"
            yield Change("package", name, how, before, after)


def _of_inputs(old: Mapping[str, dict[str, Any]], new: Mapping[str, dict[str, Any]]) -> Iterator[Change]:
    """Yield files and variables with another content. A file that was only written anew has not changed."""
    for label in sorted({*old, *new}):
        before, after = old.get(label), new.get(label)
        if before is None or after is None or {**before, "modified": ""} != {**after, "modified": ""}:
            kind, _, name = label.partition(" ")
            how = "added" if before is None else "removed" if after is None else "changed"
            yield Change("file" if kind == "file" else "variable", name, how, _input(before), _input(after))


def changed_file(name: str, old: dict[str, Any], new: dict[str, Any]) -> Change:
    """Return the change of a file that a call has read, from what is shown of it then and now."""
    return Change("file", name, old=_input(old), new=_input(new))


def _input(shown: dict[str, Any] | None) -> str | None:
    """Return what is known of a file or variable in one line."""
    if shown is None:
        return None
    if "value" in shown:
        return "unset" if shown["value"] is None else repr(shown["value"])
    if "missing" in shown or "unreadable" in shown:
        return "missing" if "missing" in shown else f"can't be read ({shown['unreadable']})"
    told = [f"{shown[name]} {unit}" for name, unit in UNITS.items() if name in shown]
    return ", ".join([*told, *(f"{name} {shown[name]}" for name in ("modified", "digest") if name in shown)])


def _definition(item: Any) -> Definition | None:
    if not isinstance(item, dict) or not isinstance(item.get("name"), str):
        return None
    kind, digest, text, file, line = (item.get(name) for name in ("kind", "digest", "text", "file", "line"))
    return Definition(
        item["name"], str(kind), str(digest), text if isinstance(text, str) else None,
        file if isinstance(file, str) else None, line if isinstance(line, int) else None,
    )  # fmt: skip


def _list(data: Mapping[str, Any], name: str) -> list[Any]:
    found = data.get(name)
    return found if isinstance(found, list) else []
