"""Explanations as text: one line for the log, a few for people.

Stored text may come from anywhere: what could steer a terminal is written out.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from memostore.explain.records import Change, Difference, Explanation, Tombstone

__all__ = ["detail", "of_change", "of_difference", "text"]

VALUE = 80  # characters of one value
SHOWN = 5  # differences, or changes, before "and 3 more"
DIFF_LINES = 40
DIGITS = 12  # of a key or fingerprint

HEADS = {
    "hit": "a hit",
    "stored": "a result is stored",
    "new": "a miss: never called before",
    "arguments": "a miss: called with other arguments only",
    "code": "a miss: the code has changed",
    "package": "a miss: a package has changed",
    "file": "a miss: a file has changed",
    "variable": "a miss: an environment variable has changed",
    "version": "a miss: version= has changed",
    "expired": "a miss: the result has expired",
    "evicted": "a miss: the result was evicted",
    "invalidated": "a miss: the result was invalidated",
    "cleared": "a miss: the store was cleared",
    "skipped": "a miss: the last result was not stored",
    "corrupt": "a miss: the stored bytes are damaged",
    "unloadable": "a miss: the stored result can't be loaded",
    "unkeyable": "an error: an argument can't be keyed",
    "fault": "a miss: the store can't be read",
    "off": "a miss: the store is off",
}
UNSEEN_DIFFERENCE = "they differ in a part that is not shown"


def detail(said: Explanation) -> str:
    """Return what there is to say in one line."""
    if said.reason in ("hit", "stored") and said.entry is not None:
        return f"stored {moment(said.entry.created)}, {served(said.entry.hit_count)}"
    if said.reason == "arguments":
        return _joined(list(map(of_difference, said.differences))) or UNSEEN_DIFFERENCE
    if said.reason in ("code", "package", "file", "variable", "version"):
        return _joined([_named(change) for change in said.changes])
    if said.tombstone is not None:
        return _removal(said.tombstone)
    if said.reason == "expired" and said.entry is not None:
        return f"at {moment(said.entry.expires)}"
    return plain(said.error or "")


def text(said: Explanation) -> str:
    """Return the whole explanation."""
    lines = [f"{said.function}: {HEADS.get(said.reason, said.reason)}"]
    lines += [f"  {line}" for part in (_reasons(said), _changes(said), _result(said)) for line in part]
    return "\n".join(plain(line) for line in lines)


def of_difference(difference: Difference) -> str:
    """Return a difference in one line."""
    if difference.kind == "added":
        return f"{difference.path}: added, {value(difference.new)}"
    if difference.kind == "removed":
        return f"{difference.path}: removed, was {value(difference.old)}"
    return f"{difference.path}: {value(difference.old)} -> {value(difference.new)}"


def of_change(change: Change) -> str:
    """Return a change: a line, and below it the diff."""
    return "\n".join([_named(change), *(change.diff or "").splitlines()])


def _reasons(said: Explanation) -> list[str]:
    """Return the lines that say why."""
    if said.tombstone is not None and said.tombstone.reason == said.reason:
        return [_removal(said.tombstone)]
    if said.reason == "arguments":
        heading = "the nearest call" if said.entry else "the nearest call, whose result is gone too"
        shown = [f"{heading}: {arguments(_nearest(said))}", *map(of_difference, said.differences[:SHOWN])]
        return [*shown, *_more(len(said.differences))] if said.differences else [*shown, UNSEEN_DIFFERENCE]
    if said.reason == "expired" and said.entry is not None:
        return [f"at {moment(said.entry.expires)}"]
    return [line.strip() for line in (said.error or "").splitlines()]


def _changes(said: Explanation) -> list[str]:
    lines: list[str] = []
    if said.reason == "arguments" and said.changes:
        lines.append("the code has changed since, too:")
    for change in said.changes[:SHOWN]:
        first, *diff = of_change(change).splitlines()
        lines += [first, *(f"  {line}" for line in diff[:DIFF_LINES])]
        if len(diff) > DIFF_LINES:
            lines.append(f"  ... {len(diff) - DIFF_LINES} more lines")
    return [*lines, *_more(len(said.changes))]


def _result(said: Explanation) -> list[str]:
    """Return the lines about the result that is meant, or was."""
    if said.entry is None:
        gone = said.tombstone
        if gone is None:
            return []
        return [f"it was stored {moment(gone.created)}, under code {gone.code[:DIGITS]}{_since(said)}"]
    entry = said.entry
    used = served(entry.hit_count) + (f", last {moment(entry.last_hit)}" if entry.last_hit else "")
    lines = [f"stored {moment(entry.created)}{_by(entry.host, said.user_name, said.script)}; {used}"]
    if said.reason != "arguments":
        lines.append(f"arguments: {arguments(entry.arguments)}")
    lines.append(f"code: {entry.code[:DIGITS]}{_since(said)}")
    if said.reason in ("hit", "stored"):
        lines.append(f"expires: {moment(entry.expires) if entry.expires else 'never'}")
    return lines


def _since(said: Explanation) -> str:
    code = said.stored_code
    if code is None:
        return ""
    version = f", version={code.version}" if code.version not in ("", "None") else ""
    return f"{version}, first seen {moment(code.first_seen)}{_place(code.file, code.line)}"


def _removal(gone: Tombstone) -> str:
    why = {"evicted": "by the policy ", "invalidated": "by "}.get(gone.reason, "")
    return f"at {moment(gone.gone)}{f', {why}{gone.detail}' if gone.detail else ''}{_by(*_who(gone))}"


def _who(gone: Tombstone) -> tuple[str | None, str | None, str | None]:
    return gone.host, gone.user_name, gone.script


def _by(host: str | None, user: str | None, script: str | None) -> str:
    if host is None:
        return ""
    by = f" by {user}" if user else ""
    return f", on {host}{by}{f', in {short_path(script)}' if script else ''}"


def _named(change: Change) -> str:
    """Return a change in one line."""
    if change.kind == "level":
        return f"the code counts by another rule: {change.name}{change.old!r} -> {change.name}{change.new!r}"
    name = f"{change.kind} {change.name}" if change.kind in ("package", "file", "variable") else change.name
    head = f"{name}{_place(change.file, change.line)}"
    if change.how != "changed":
        known = change.new if change.how == "added" else change.old
        return f"{head}: {change.how}{f', {short(known)}' if known else ''}"
    if change.diff is not None:
        return f"{head}: changed"
    if change.old == change.new:
        return f"{head}: changed, in a part that is not shown"
    return f"{head}: {short(change.old or 'nothing')} -> {short(change.new or 'nothing')}"


def _nearest(said: Explanation) -> dict[str, Any] | None:
    if said.entry is not None:
        return said.entry.arguments
    return said.tombstone.arguments if said.tombstone else None


def _joined(parts: list[str]) -> str:
    return plain("; ".join([*parts[:SHOWN], *_more(len(parts))]))


def _more(count: int) -> list[str]:
    return [f"and {count - SHOWN} more"] if count > SHOWN else []


def _place(file: str | None, line: int | None) -> str:
    return "" if file is None else f" in {short_path(file)}{f':{line}' if line else ''}"


def arguments(shown: dict[str, Any] | None) -> str:
    """Return arguments about as one would write them."""
    if shown is None:
        return "not known"
    return ", ".join(f"{name}={value(item)}" for name, item in shown.items()) or "none"


def value(shown: Any) -> str:
    """Return a value of a preview, no longer than a line takes."""
    return short(json.dumps(shown, ensure_ascii=False))


def short(text: str) -> str:
    """Return text in one line that is not too long."""
    text = " ".join(text.split())
    return text if len(text) <= VALUE else f"{text[: VALUE - 1]}…"


def short_path(path: str) -> str:
    """Return a path from the working directory where it lies below it."""
    here = os.path.join(os.getcwd(), "")
    return path.removeprefix(here)


def moment(when: datetime | None) -> str:
    """Return a time to the second, in UTC."""
    return "never" if when is None else when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def served(count: int) -> str:
    """Return how often a result was returned.

    >>> served(0), served(1), served(1200)
    ('not served yet', 'served once', 'served 1,200 times')
    """
    return {0: "not served yet", 1: "served once"}.get(count, f"served {count:,} times")


def plain(text: str) -> str:
    """Return text without what could steer a terminal; tabs and line ends stay."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode("ascii") for c in text)
