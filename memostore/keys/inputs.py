"""`File` and `Env`: what a call reads besides its arguments, counted by what is in it at the moment.

A file's status (device, inode, size, times) spares reading it again. One that was written a moment ago is read at every
look: a second write in the same tick of the file system's clock would leave the status as it is.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import stat
import sys
import time
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from memostore.digest import digest_chunks, digest_parts
from memostore.errors import InvalidArgument
from memostore.keys.encoding import Rule, Unkeyable, Walk, asks_the_class, encode_tagged

__all__ = [
    "BASES", "LOOK", "Env", "File", "InputState", "Seen", "Status", "changed_since", "content_of", "names_in", "noting",
    "status_of", "summary",
]  # fmt: skip

PIECE = 1 << 20  # bytes that are read at once
SETTLED = 2_000_000_000  # nanoseconds: no file system's clock ticks more slowly
KEPT = 1 << 16  # digests of files
SHOWN = 80  # characters of a variable's value
DIGITS = 8  # of a digest that is shown
SECRET = ("KEY", "TOKEN", "SECRET", "PASSWORD")
LOOK = "memostore.look"  # the audit event of a look at a file that counts: its digest may be known without opening it

Status = tuple[int, int, int, int, int]  # device, inode, size, and in nanoseconds: modified, changed
NOWHERE: Status = (0, 0, 0, 0, 0)


class InputState(NamedTuple):
    """A file or variable as it is at a moment.

    `content` is what counts of it; `status` shows besides that it was written in between, with whatever content.
    """

    source: File | Env
    content: bytes
    status: Any
    shown: dict[str, Any]
    problem: OSError | None = None

    def holds(self) -> bool:
        """Say whether what counts is still the same."""
        return self.source.state().content == self.content


@dataclass(frozen=True, slots=True)
class File:
    """A file that counts by its content: in `depends_on`, as an argument, or as the annotation of a parameter.

    `path`: text or a path, from the working directory at the time of the call, as `open` has it. A directory counts by
    the names and contents of all that is below it, a pattern such as "data/*.csv" by those of what it matches. It can
    be opened like a path.

    Raises InvalidArgument for what is no path.

    >>> from memostore import File, Store
    >>> @Store(":memory:").memoize
    ... def count(path: File) -> int:
    ...     with open(path) as file:
    ...         return len(file.readlines())
    >>> count("no such file")
    Traceback (most recent call last):
        ...
    memostore.errors.MissingFile: memostore.keys.inputs.count: path: the file 'no such file' is missing
    """

    path: str

    def __init__(self, path: str | os.PathLike[str]) -> None:
        try:
            text = os.fsdecode(path)
        except TypeError:
            text = ""
        if not text or "\0" in text:
            raise InvalidArgument(f"File takes a path, such as 'data/stop.txt', not {path!r}")
        object.__setattr__(self, "path", text)

    def __fspath__(self) -> str:
        """Return the path, for `open` and all that takes paths."""
        return self.path

    def __str__(self) -> str:
        return self.path

    @property
    def label(self) -> str:
        """How messages and manifests call it."""
        return f"file {_printable(self.path)}"

    def state(self) -> InputState:
        """Return what it holds now. One that is not there, or can't be read, has a state too."""
        try:
            parts = [*_parts(self.path)]
        except (FileNotFoundError, NotADirectoryError) as error:
            return InputState(self, b"missing", None, {"missing": True}, error)
        except OSError as error:
            name = type(error).__name__
            return InputState(self, b"unreadable", name, {"unreadable": name}, error)
        content = digest_parts(b"i", (piece for part in parts for piece in (os.fsencode(part.name), part.content)))
        return InputState(self, content, [part.status for part in parts], _summary(parts, content))


@dataclass(frozen=True, slots=True)
class Env:
    """An environment variable that counts by its value, in `depends_on`. Unset is not the same as empty.

    `name`: its name. Raises InvalidArgument for what is none.

    >>> Env("NO_SUCH_VARIABLE").state().shown
    {'value': None}
    """

    name: str

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name or "=" in self.name or "\0" in self.name:
            raise InvalidArgument(f"Env takes the name of an environment variable, such as 'LANG', not {self.name!r}")

    @property
    def label(self) -> str:
        """How messages and manifests call it."""
        return f"variable {_printable(self.name)}"

    def state(self) -> InputState:
        """Return the value that it has now."""
        value = os.environ.get(self.name)
        encoded = [] if value is None else [os.fsencode(value)]
        content = digest_parts(b"e", [os.fsencode(self.name), *encoded])
        return InputState(self, content, value, _shown_value(self.name, value))


class _Part(NamedTuple):
    """A file, or a directory (whose content is its being there), by its name below what was asked for."""

    name: str
    content: bytes
    status: Status


# What is there


def _parts(path: str) -> Iterator[_Part]:
    if glob.has_magic(path) and not os.path.lexists(path):
        root = _root_of(path)
        matches = sorted(set(glob.glob(path, recursive=True)))
        if not matches:
            raise FileNotFoundError(errno.ENOENT, "nothing matches the pattern", path)
        for match in matches:
            yield from _among(match, os.path.relpath(match, root or os.curdir).replace(os.sep, "/"), frozenset())
    else:
        yield from _below(path, "", frozenset())


def _root_of(pattern: str) -> str:
    """Return the part of a pattern before the first name with a wildcard in it."""
    while glob.has_magic(pattern):
        pattern = os.path.dirname(pattern)
    return pattern


def _below(path: str, name: str, around: frozenset[tuple[int, int]]) -> Iterator[_Part]:
    """Yield a file, or a directory with all that is below it; links are followed, but never in a circle."""
    sys.audit(LOOK, path)
    status = os.stat(path)
    if not stat.S_ISDIR(status.st_mode):
        yield _file(path, name, status)
        return
    yield _Part(f"{name}/", b"", _status(status))
    place = status.st_dev, status.st_ino
    for entry in sorted(os.listdir(path)) if place not in around else ():
        yield from _among(os.path.join(path, entry), f"{name}/{entry}", around | {place})


def _among(path: str, name: str, around: frozenset[tuple[int, int]]) -> Iterator[_Part]:
    """Yield what is below one of several: what is wrong with it must not hide the others."""
    try:
        yield from _below(path, name, around)
    except FileNotFoundError:  # a link that leads nowhere
        yield _Part(name, b"missing", NOWHERE)
    except OSError:
        yield _Part(name, b"unreadable", NOWHERE)


def _file(path: str, name: str, status: os.stat_result) -> _Part:
    if not stat.S_ISREG(status.st_mode):  # a pipe, socket or device: to read it would take something away, or wait
        if not name:
            raise OSError(errno.EINVAL, "neither a file nor a directory", path)
        return _Part(name, b"special", _status(status))
    known = _digests.get(_status(status)) if status.st_size else None  # files in /proc are not as empty as they look
    return _read(path, name) if known is None else _Part(name, known, _status(status))


_digests: dict[Status, bytes] = {}


def _read(path: str, name: str) -> _Part:
    with open(path, "rb", buffering=0) as file:
        started, before = time.time_ns(), os.fstat(file.fileno())
        content = digest_chunks(iter(lambda: file.read(PIECE), b""))
        status = _status(before)
        if _is_settled(before, started) and status == _status(os.fstat(file.fileno())):
            if len(_digests) >= KEPT:
                _digests.clear()
            _digests[status] = content
    return _Part(name, content, status)


def _is_settled(status: os.stat_result, now: int) -> bool:
    """Say whether a file that is written from now on has another status.

    The time of the last change is a clock's, maybe that of a server that is ahead; that of writing may be set by hand.
    """
    return now - status.st_ctime_ns >= SETTLED and not 0 <= now - status.st_mtime_ns < SETTLED


def _status(status: os.stat_result) -> Status:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


# Single files and directories, for what looks after them itself


class Seen(NamedTuple):
    """What a file or directory holds at a moment, its status, and whether any later write is sure to change that."""

    content: bytes
    status: Status
    settled: bool


def content_of(path: str) -> Seen:
    """Look into one file; raise the OSError that says why that can't be done, EINVAL for a pipe, socket or device."""
    part = _file(path, "", os.stat(path))
    return Seen(part.content, part.status, part.status[2] > 0 and part.status in _digests)


def names_in(path: str) -> Seen:
    """Look at the names in one directory, and at which of them are directories or links; raise OSError likewise."""
    started, before = time.time_ns(), os.stat(path)
    with os.scandir(path) as entries:
        names = sorted(os.fsencode(entry.name) + _kind(entry) for entry in entries)
    same = _status(os.stat(path)) == _status(before)
    return Seen(digest_parts(b"l", names), _status(before), same and _is_settled(before, started))


def status_of(path: str) -> Status | None:
    """Return the status of a file or directory, None where it has none."""
    try:
        return _status(os.stat(path))
    except OSError:
        return None


def summary(content: bytes, status: Status) -> dict[str, Any]:
    """Return what is told of one file."""
    return _summary([_Part("", content, status)], content)


def _kind(entry: os.DirEntry[str]) -> bytes:
    return b"@" if entry.is_symlink() else b"/" if entry.is_dir(follow_symlinks=False) else b"."


# What is told of it


def _summary(parts: list[_Part], content: bytes) -> dict[str, Any]:
    files = [part for part in parts if not part.name.endswith("/")]
    several = {} if [part.name for part in parts] == [""] else {"files": len(files)}
    size, modified = sum(part.status[2] for part in files), max(part.status[3] for part in parts)
    return {**several, "size": size, "modified": _moment(modified), "digest": content.hex()[:DIGITS]}


def _moment(nanoseconds: int) -> str:
    try:
        return f"{datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):  # file systems know years that datetime does not
        return "at no known time"


def _shown_value(name: str, value: str | None) -> dict[str, Any]:
    """Return a variable's value as a manifest may hold it: of what is long or may be a secret, a digest."""
    if value is None:
        return {"value": None}
    if len(value) <= SHOWN and not any(word in name.upper() for word in SECRET):
        return {"value": _printable(value)}
    return {"characters": len(value), "digest": digest_parts(b"e", [os.fsencode(value)]).hex()[:DIGITS]}


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


# In keys


_noted: ContextVar[list[InputState] | None] = ContextVar("noted", default=None)


@contextlib.contextmanager
def noting() -> Iterator[list[InputState]]:
    """Collect the states of the files that keys are made of meanwhile, in this thread."""
    noted: list[InputState] = []
    token = _noted.set(noted)
    try:
        yield noted
    finally:
        _noted.reset(token)


def changed_since(states: Iterable[InputState]) -> str | None:
    """Say which one was written since, even if it holds the same again; None where there is none.

    That is the reason for which a call's result is not stored.
    """
    for before in states:
        now = before.source.state()
        if (now.content, now.status) != (before.content, before.status):
            return f"{before.source.label} changed while the function ran"
    return None


@asks_the_class
def _encode_input(source: File | Env) -> Walk:
    """Encode by what is in it now. Marked as what may be another the next time: a file may be written meanwhile."""
    state = source.state()
    noted = _noted.get()
    if noted is not None:
        noted.append(state)
    if state.problem is not None:
        how = "is missing" if state.content == b"missing" else f"can't be read: {state.problem}"
        raise Unkeyable(f"the file {str(source)!r} {how}") from state.problem
    return (yield from encode_tagged(b"I", type(source).__name__, (("{}", ""), state.content)))


BASES: dict[type, Rule] = {File: _encode_input, Env: _encode_input}
