"""Explaining without the function: what is stored, or was, for a key, or for a function's name and arguments.

What the function's code is now is not known here, so the answer is what is there and not whether a call would hit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import memostore.explain.lookup as lookup
from memostore.backends.protocol import Backend, Execute
from memostore.explain.differ import differences, nearest
from memostore.explain.judge import told, verdict_on
from memostore.explain.lookup import Stored
from memostore.explain.records import Explanation
from memostore.keys.preview import preview

__all__ = ["explained_by_arguments", "explained_by_key"]

# Key and arguments of calls, the newest first.
Calls = Sequence[tuple[bytes, dict[str, Any] | None]]


def explained_by_key(key: bytes, backend: Backend, now: float, name: str = "") -> Explanation:
    """Say what is stored under a key, or was."""
    reason, error = verdict_on(backend, key, now, load=False)
    base = Explanation(name, "stored" if reason == "hit" else reason, key=key.hex(), error=error)

    def look(execute: Execute) -> Explanation:
        stored = lookup.entry_at(execute, key) or lookup.tombstone_at(execute, key)
        return base if stored is None else told(execute, _named(base, stored), stored)

    return backend.look(look)


def explained_by_arguments(
    name: str, arguments: Mapping[str, Any], stored: Calls, gone: Calls, backend: Backend, now: float
) -> Explanation:
    """Say what is stored for some arguments of a function, or was, or else what the nearest call is."""
    wanted = {parameter: preview(value) for parameter, value in arguments.items()}
    for known in (stored, gone):
        same = [key for key, held in known if not differences(_part(held, wanted), wanted)]
        if same:
            return replace(explained_by_key(same[0], backend, now, name), arguments=wanted)
    for known in (stored, gone):
        key = nearest(((_part(held, wanted), key) for key, held in known), wanted)
        if key is not None:
            held = next(held for other, held in known if other == key)
            found = differences(_part(held, wanted), wanted)
            by_key = explained_by_key(key, backend, now, name)
            return replace(by_key, reason="arguments", key=None, arguments=wanted, differences=found)
    return Explanation(name, "new", arguments=wanted)


def _part(held: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that were asked for: the others may be anything."""
    return {name: value for name, value in (held or {}).items() if name in wanted}


def _named(base: Explanation, stored: Stored) -> Explanation:
    if stored.tombstone is not None:
        return replace(base, function=stored.tombstone.function, reason=stored.tombstone.reason)
    return replace(base, function=stored.entry.function) if stored.entry else base
