"""How two calls' arguments differ, down to the place inside, and which stored call is the nearest to one.

It compares previews (`keys.preview`), which leave out what is long: two calls of equal previews may still differ.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from memostore.explain.records import ABSENT, Difference

__all__ = ["differences", "differing", "nearest", "parsed"]

T = TypeVar("T")


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Return every place where two previews differ, in the order of the new one's parameters.

    >>> for difference in differences({"x": 1, "config": {"lr": 0.1}}, {"x": 1.0, "config": {"lr": 0.1, "n": [2]}}):
    ...     print(difference)
    x: 1 -> 1.0
    config["n"]: added, [2]
    """
    return tuple(_of_dicts(old, new, ()))


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> int:
    """Return how many parameters differ."""
    return sum(not _same(old.get(name, ABSENT), new.get(name, ABSENT)) for name in {*old, *new})


def nearest(candidates: Iterable[tuple[Mapping[str, Any], T]], new: Mapping[str, Any]) -> T | None:
    """Return the candidate whose arguments differ in the fewest parameters, the first of several."""
    best: T | None = None
    fewest = len(new) + 1_000_000
    for old, candidate in candidates:
        count = differing(old, new)
        if count < fewest:
            best, fewest = candidate, count
        if fewest <= 1:  # none can be nearer: of two calls, at least one argument differs
            break
    return best


def parsed(arguments: Any) -> dict[str, Any] | None:
    """Return stored arguments, or None where there are none that can be read."""
    try:
        found = json.loads(arguments)
    except (TypeError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _of(old: Any, new: Any, steps: tuple[str | int, ...]) -> Iterator[Difference]:
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _of_dicts(old, new, steps)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _of_lists(old, new, steps)
    elif not _same(old, new):
        yield Difference(steps, old, new)


def _of_dicts(old: Mapping[str, Any], new: Mapping[str, Any], steps: tuple[str | int, ...]) -> Iterator[Difference]:
    for name, value in new.items():
        if name in old:
            yield from _of(old[name], value, (*steps, name))
        else:
            yield Difference((*steps, name), ABSENT, value, "added")
    for name, value in old.items():
        if name not in new:
            yield Difference((*steps, name), value, ABSENT, "removed")


def _of_lists(old: list[Any], new: list[Any], steps: tuple[str | int, ...]) -> Iterator[Difference]:
    """Compare place by place; what one list has more stands at its end."""
    for place, (before, after) in enumerate(zip(old, new, strict=False)):
        yield from _of(before, after, (*steps, place))
    for place in range(len(old), len(new)):
        yield Difference((*steps, place), ABSENT, new[place], "added")
    for place in reversed(range(len(new), len(old))):
        yield Difference((*steps, place), old[place], ABSENT, "removed")


def _same(old: Any, new: Any) -> bool:
    """Say whether two JSON values are one: 1, 1.0 and true are three, and so are 0.0 and -0.0."""
    if type(old) is not type(new):
        return False
    if isinstance(old, dict):
        return old.keys() == new.keys() and all(_same(value, new[name]) for name, value in old.items())
    if isinstance(old, list):
        return len(old) == len(new) and all(map(_same, old, new))
    return repr(old) == repr(new) if isinstance(old, float) else bool(old == new)
