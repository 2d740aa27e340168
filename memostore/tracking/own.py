"""What a call has made itself: a file that it writes and reads back is no input of it."""

from __future__ import annotations

import os
from collections.abc import Iterator

__all__ = ["Own"]


class Own:
    """The files and directories that a call has made, by their real paths.

    A file is the call's own if it was not there, or was emptied, when the call opened it for writing, and so is what is
    in a directory that the call has made: but not what was moved or linked there from elsewhere, unread.
    """

    def __init__(self) -> None:
        self._written: set[str] = set()
        self._made: set[str] = set()
        self._brought: set[str] = set()
        self._appended: set[str] = set()

    def holds(self, path: str) -> bool:
        """Say whether the call has made what is there. What it has removed again is missing like anything else."""
        if not (self._written or self._made) or not os.path.lexists(path):
            return False
        parents = [*_parents(os.path.realpath(path))]
        if not self._brought.isdisjoint(parents):
            return False
        return parents[0] in self._written or not self._made.isdisjoint(parents)

    def is_mixed(self, path: str) -> bool:
        """Say whether the call has written into a file that held something before."""
        return bool(self._appended) and os.path.realpath(path) in self._appended

    def write(self, path: str, empty: bool) -> None:
        """Take note of a file that is opened for writing, and is `empty` then or not."""
        (self._written if empty else self._appended).add(os.path.realpath(path))

    def make(self, path: str) -> None:
        """Take note of a new directory."""
        self._made.add(os.path.realpath(path))

    def bring(self, source: str, target: str) -> None:
        """Take note of what is moved or linked. A link that is there already is replaced, and not followed."""
        if not self.holds(source):
            directory, name = os.path.split(target)
            self._brought.add(os.path.join(os.path.realpath(directory), name))


def _parents(path: str) -> Iterator[str]:
    """Yield a path, and all directories that it is in."""
    yield path
    while (parent := os.path.dirname(path)) != path:
        yield (path := parent)
