"""Under which other keys a call's result may be stored: an old name, or the code before it got a new parameter.

They are asked only where nothing is stored under the call's own key.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from memostore.errors import UnkeyableArgument
from memostore.fingerprint import CodeVersion, stored_name
from memostore.keys.binding import signature_of
from memostore.keys.rules import encode

__all__ = ["VERSIONS", "Alias", "Earlier", "aliases_of", "defaults_of"]


VERSIONS = """
SELECT code.fingerprint, code.manifest FROM code JOIN function ON function.id = code.function_id
WHERE function.module = :module AND function.qualname = :qualname
"""


class Earlier(NamedTuple):
    """A version of a function's code that results are stored under, and the parameters that it had."""

    fingerprint: bytes
    parameters: tuple[str, ...]
    inputs: dict[str, Any]
    track: str | None = None

    @classmethod
    def of(cls, fingerprint: bytes, manifest: str) -> Earlier:
        """Return the version that a row of the table `code` tells of."""
        data = json.loads(manifest)
        return cls(fingerprint, tuple(data.get("parameters", ())), data.get("inputs") or {}, data.get("track"))


class Alias(NamedTuple):
    """A version under which a call may be stored, and the parameters that it did not have yet, with their defaults."""

    version: CodeVersion
    added: dict[str, Any]

    def values(self, names: Sequence[str], values: Sequence[Any]) -> tuple[tuple[str, ...], tuple[Any, ...]] | None:
        """Return the names and values that the call had in that version; None where a new parameter is in use."""
        kept: list[tuple[str, Any]] = []
        for name, value in zip(names, values, strict=True):
            if name not in self.added:
                kept.append((name, value))
            elif not _equal(value, self.added[name]):
                return None
        return tuple(name for name, _ in kept), tuple(value for _, value in kept)


def _renamed(version: CodeVersion, formerly: Iterable[str]) -> Iterator[Alias]:
    """Yield the same code under the names that it had."""
    for name in formerly:
        module, qualname = stored_name(version.function, name) if version.function else ("", name)
        yield Alias(dataclasses.replace(version, module=module, qualname=qualname), {})


def _earlier_versions(alias: Alias, defaults: dict[str, Any], stored: Sequence[Earlier]) -> Iterator[Alias]:
    """Yield the versions from before the function got its newest parameters, all of which have defaults.

    Only the first version with these parameters inherits: whoever edits the code further changes what it does.
    """
    version = alias.version
    parameters = tuple(version.parameters)
    if any(one.parameters == parameters and one.fingerprint != version.fingerprint for one in stored):
        return
    for one in stored:
        added = [name for name in parameters if name not in one.parameters]
        same_order = tuple(name for name in parameters if name in one.parameters) == one.parameters
        if (
            added
            and same_order
            and _same_inputs(one.inputs, version.inputs)
            and one.track == version.scope.track
            and all(name in defaults for name in added)
        ):
            older = dataclasses.replace(version, fingerprint=one.fingerprint)
            yield Alias(older, {name: defaults[name] for name in added})


def _same_inputs(had: dict[str, Any], has: dict[str, Any]) -> bool:
    """Say whether two versions read the same: files of the same content, wherever they are and whenever written."""
    return [_counting(shown) for shown in had.values()] == [_counting(shown) for shown in has.values()]


def _counting(shown: dict[str, Any]) -> dict[str, Any]:
    return {name: item for name, item in shown.items() if name != "modified"}


def aliases_of(
    version: CodeVersion, formerly: Iterable[str], defaults: dict[str, Any] | None,
    stored: Callable[[str, str], Sequence[Earlier]],
) -> list[Alias]:  # fmt: skip
    """Return all aliases of a version. `defaults` are those of its parameters, None where new ones do not inherit."""
    names = [Alias(version, {}), *_renamed(version, formerly)]
    if defaults is None:
        return names[1:]
    older = (
        earlier
        for alias in names
        for earlier in _earlier_versions(alias, defaults, stored(alias.version.module, alias.version.qualname))
    )
    return [*names[1:], *older]


def defaults_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the defaults of a function's parameters."""
    parameters = signature_of(function).parameters.values()
    return {one.name: one.default for one in parameters if one.default is not one.empty}


def _equal(value: Any, default: Any) -> bool:
    try:
        return encode(value) == encode(default)
    except UnkeyableArgument:
        return False
