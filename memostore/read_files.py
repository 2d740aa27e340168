"""A file that a call has read, as an entry keeps it: its path, what was in it, and the status that spares reading it.

A directory whose names were listed is one too; its path ends with a separator. The path "" stands for the working
directory itself, of a call that has opened a relative path.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from types import NoneType
from typing import Any, NamedTuple

from memostore.digest import digest_parts
from memostore.keys.inputs import Status, content_of, names_in, status_of, summary

__all__ = ["HERE", "ReadFile", "changes_of", "is_listing", "look", "now_at", "unchanged", "working_directory"]

HERE = ""  # the path that stands for the working directory
FRESH = "fresh"  # in a stored status: written so shortly before that a later write may leave the status as it is
SEPARATORS = tuple(filter(None, (os.sep, os.altsep)))


class ReadFile(NamedTuple):
    """What a call has read. `status` is None where there was no file, the directory's path for HERE.

    `settled`: a file of this status is sure to hold this content. `error` is why it could not be read, if so.
    """

    path: str
    content: bytes
    status: Status | str | None
    settled: bool = False
    error: Exception | None = None

    @property
    def status_text(self) -> str:
        """The status as it is stored."""
        status = self.status
        known = [*status, *([] if self.settled else [FRESH])] if isinstance(status, tuple) else status
        return json.dumps(known, ensure_ascii=True)

    @classmethod
    def stored(cls, path: str, content: bytes, status: str) -> ReadFile:
        """Return what a row of the table `read_file` tells; from one that can't be read, a file that has changed."""
        try:
            known = json.loads(status)
            if isinstance(path, str) and isinstance(content, bytes) and isinstance(known, (list, str, NoneType)):
                if not isinstance(known, list):
                    return cls(path, content, known)
                device, inode, size, modified, changed = map(int, known[:5])
                return cls(path, content, (device, inode, size, modified, changed), len(known) == 5)
        except (TypeError, ValueError):
            pass
        return cls(str(path), b"", None)

    @property
    def name(self) -> str:
        """How explanations call it."""
        return self.path or "(the working directory)"

    @property
    def shown(self) -> dict[str, Any]:
        """What explanations tell of it, in the form of `File` and `Env`."""
        if isinstance(self.status, tuple):
            told = summary(self.content, self.status)
            return {name: told[name] for name in ("modified", "digest")} if is_listing(self.path) else told
        if self.path == HERE:
            return {"value": self.status}
        name = FAULTS.get(self.content, "OSError")
        return {"missing": True} if name in ("FileNotFoundError", "NotADirectoryError") else {"unreadable": name}


def is_listing(path: str) -> bool:
    """Say whether a path stands for the names in a directory."""
    return path.endswith(SEPARATORS)


def look(path: str) -> ReadFile:
    """Return what is at a path now; what is missing, or can't be read, is something too."""
    if path == HERE:
        return working_directory()
    try:
        seen = names_in(path) if is_listing(path) else content_of(path)
    except (OSError, ValueError) as error:  # of a name with a null in it, as only a damaged store has
        return ReadFile(path, _without(type(error).__name__), None, error=error)
    return ReadFile(path, *seen)


def working_directory() -> ReadFile:
    """Return what stands for the working directory."""
    try:
        here = os.getcwd()
    except OSError:  # it has been removed
        here = ""
    return ReadFile(HERE, digest_parts(b"w", [os.fsencode(here)]), here)


def unchanged(files: Iterable[ReadFile]) -> list[ReadFile] | None:
    """Return files as they are now, None where one holds something else. A file of known status is not read."""
    now: list[ReadFile] = []
    for was in files:
        found = now_at(was)
        if found.content != was.content:
            return None
        now.append(found)
    return now


def changes_of(files: Iterable[ReadFile]) -> Iterator[tuple[ReadFile, ReadFile]]:
    """Yield each file that holds something else by now, with what it holds."""
    for was in files:
        now = now_at(was)
        if now.content != was.content:
            yield was, now


def now_at(was: ReadFile) -> ReadFile:
    """Return a file as it is now; one of known status is not read."""
    known = was.settled and was.path != HERE and status_of(was.path) == was.status
    return was if known else look(was.path)


def _without(error: str) -> bytes:
    """Return what stands for the content of a file that there is none of."""
    return digest_parts(b"x", [error.encode()])


FAULTS = {_without(kind.__name__): kind.__name__ for kind in OSError.__subclasses__()}
