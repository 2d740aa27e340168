"""Facts of code objects, remembered in a store from one process to the next: parsing a file takes 10 ms and more.

They go by the digest of the code object, so that nothing has to be looked after: other code is another digest.
"""

from __future__ import annotations

import json
import marshal
import types
import weakref
from typing import Any, NamedTuple, Protocol

from memostore.digest import digest, digest_parts
from memostore.fingerprint.reads import Read
from memostore.fingerprint.scopes import Imported

__all__ = ["Facts", "Shelf", "from_shelf", "offer", "to_shelf"]

FORMAT = b"1"  # changed whenever the facts of the same code come out otherwise
SETS = ("written", "lazily", "names", "sets")
CHECK = 16  # bytes of the digest before the facts


class Facts(NamedTuple):
    """What a code object does (`form`, in which what it reads from outside is numbered), and what it reads.

    `written` are the variables of functions around it that it only writes to, `lazily` the globals that it fills in
    where they are empty; `names` are all names, attributes and texts that it reads, `sets` the attributes that it sets
    and does not read; `receiver` are the attributes of its first parameter that it only writes, and those it reads.
    """

    form: bytes
    reads: tuple[Read, ...]
    unseen: tuple[str, ...] = ()
    written: frozenset[str] = frozenset()
    lazily: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    sets: frozenset[str] = frozenset()
    receiver: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())


class Shelf(Protocol):
    """Where facts are kept, by the digest of a code object."""

    def facts(self, code: bytes) -> bytes | None:
        """Return what is kept, None for nothing."""

    def keep_facts(self, code: bytes, facts: bytes) -> None:
        """Keep the facts of a code object."""


_offered: list[weakref.ref[Shelf]] = []


def offer(shelf: Shelf) -> None:
    """Use a shelf from now on; facts are the same in all of them."""
    _offered[:] = [weakref.ref(shelf)]


def from_shelf(code: types.CodeType) -> Facts | None:
    """Return the facts that are remembered of a code object."""
    shelf = _offered[0]() if _offered else None
    if shelf is None:
        return None
    key = _key_of(code)
    kept = shelf.facts(key)
    if kept is None or digest_parts(b"k", [key, kept[CHECK:]])[:CHECK] != kept[:CHECK]:
        return None
    plain = json.loads(kept[CHECK:])
    sets = {name: frozenset(plain[name]) for name in SETS}
    receiver = frozenset(plain["attributes set"]), frozenset(plain["attributes read"])
    reads = tuple(_read(*read) for read in plain["reads"])
    return Facts(bytes.fromhex(plain["form"]), reads, tuple(plain["unseen"]), receiver=receiver, **sets)


def _read(root: str, path: list[str], origins: list[list[Any]], written: bool, called: bool) -> Read:
    imported = tuple(Imported(*origin) for origin in origins)
    return Read(root, tuple(path), imported, written, called)


def to_shelf(code: types.CodeType, facts: Facts) -> None:
    """Remember the facts of a code object."""
    shelf = _offered[0]() if _offered else None
    if shelf is not None:
        attributes = zip(("set", "read"), facts.receiver, strict=True)
        plain = {
            "form": facts.form.hex(), "reads": facts.reads, "unseen": facts.unseen,
            **{name: sorted(getattr(facts, name)) for name in SETS},
            **{f"attributes {name}": sorted(names) for name, names in attributes},
        }  # fmt: skip
        key, kept = _key_of(code), json.dumps(plain, separators=(",", ":")).encode()
        shelf.keep_facts(key, digest_parts(b"k", [key, kept])[:CHECK] + kept)


def _key_of(code: types.CodeType) -> bytes:
    return digest(FORMAT + marshal.dumps(code, 2))
