"""Which files a piece of code opens for reading while it runs, seen by an audit hook of the process.

Seen is what Python itself opens or lists, in this context: not what compiled libraries, other processes, or threads do
that have not taken the context over. A context variable and not an attribute of the thread, so that what is seen while
a coroutine runs is its own.
"""

from __future__ import annotations

import importlib.machinery
import os
import site
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar, Token
from types import FrameType
from typing import Any

from memostore.keys.inputs import LOOK
from memostore.read_files import HERE, ReadFile, look, now_at, unchanged, working_directory

__all__ = ["Collector", "Ignoring", "collecting", "still_hold", "untracked"]

WRITING = os.O_WRONLY | os.O_RDWR
ONLY_NEW = os.O_CREAT | os.O_EXCL
TEMPORARY = getattr(os, "O_TMPFILE", 0)  # a file without a name
MODULES = tuple(importlib.machinery.all_suffixes())
# What reads modules to run them, or lines of source for a traceback or a fingerprint: code counts by other means.
LOADERS = frozenset({
    "_frozen_importlib", "_frozen_importlib_external", "importlib._bootstrap", "importlib._bootstrap_external",
    "linecache",
})  # fmt: skip
# What reads nothing but modules and packages, whatever their files are called.
CATALOGUES = frozenset({"zipimport", "importlib.metadata"})

_collectors: ContextVar[tuple[Collector, ...]] = ContextVar("memostore_collectors", default=())


class Collector:
    """What one call reads. Enter it around each piece of the call's code; leave it before anybody else's code runs.

    Of calls within each other, what the inner one reads the outer one reads too. After `close()` it is not entered
    again; `files` are then what was read, each as it still is.

    >>> collector = Collector()
    >>> with collector:
    ...     names = os.listdir(os.path.dirname(__file__))
    >>> collector.close(), collector.files  # what lies beside this module is no input
    (None, ())
    """

    def __init__(self) -> None:
        self.files: tuple[ReadFile, ...] = ()
        self._problem: str | None = None
        self._here = working_directory()  # the call's: the function may change it
        self._below = os.path.join(str(self._here.status), "")
        self._read: dict[str, ReadFile] = {}
        self._written: set[str] = set()  # files that were not there, or were emptied, when the call opened them
        self._made: set[str] = set()  # directories
        self._appended: set[str] = set()
        self._brought: set[str] = set()  # what it has moved or linked from elsewhere, unread
        self._tokens: list[Token[tuple[Collector, ...]]] = []
        self.closed = False
        _watch()

    def __enter__(self) -> Collector:
        """See what is opened from here on, in this context."""
        self._tokens.append(_collectors.set((*_collectors.get(), self)))
        return self

    def __exit__(self, *_: object) -> None:
        """See no more of it."""
        _collectors.reset(self._tokens.pop())

    def close(self) -> str | None:
        """Compare what was read with what is there now; return why the result must not be stored, if that is so."""
        self.closed = True  # what a task that outlives the call still opens is none of it
        with untracked():
            found = [_compared(was) for was in list(self._read.values())]
        problem = self._problem or next((problem for _, problem in found if problem), None)
        self.files = tuple(now for now, _ in found) if problem is None else ()
        return problem

    def note(self, seen: ReadFile, relative: bool = False) -> None:
        """Take note of what is being read; what was read first is what counts."""
        if self._is_own(seen.path):
            return
        if relative or seen.path == HERE or seen.path.startswith(self._below):  # that path may have been made of it
            self._read.setdefault(HERE, self._here)
        if seen.path == HERE:
            return
        if seen.path not in self._read and self._appended and _real(seen.path) in self._appended:
            self.fail(f"{_label(seen.path)} is both written and read by the function")
        was = self._read.setdefault(seen.path, seen)
        if was.content != seen.content:  # a directory that has got its old names back until the end would not show it
            self.fail(f"{_label(seen.path)} changed while the function ran")

    def knows(self, path: str) -> bool:
        """Say whether there is a note of a file already."""
        return path in self._read

    def opened_to_write(self, path: str, empty: bool) -> None:
        """Take note of a file that is opened for writing: one that is `empty` then is the function's own."""
        if path not in self._read and not self._is_own(path):
            (self._written if empty else self._appended).add(_real(path))
            self._brought.discard(_real(path))

    def made(self, path: str) -> None:
        """Take note of a directory that the function makes: whatever is in it is its own."""
        self._made.add(_real(path))

    def brought(self, source: str, target: str) -> None:
        """Take note of a file or directory that is moved or linked: it is the function's own where it was before."""
        if not self._is_own(source):
            self._brought.add(_placed(target))

    def fail(self, problem: str) -> None:
        """Have the result not be stored."""
        self._problem = self._problem or problem

    def _is_own(self, path: str) -> bool:
        """Say whether the function has made what is there. What it has removed again is missing like anything else."""
        if not (self._written or self._made) or not os.path.lexists(path):
            return False
        parents = [*_parents(_real(path))]
        if not self._brought.isdisjoint(parents):
            return False
        return parents[0] in self._written or not self._made.isdisjoint(parents)


class Ignoring:
    """In the place of a Collector where nobody wants to know."""

    files: tuple[ReadFile, ...] = ()

    def __enter__(self) -> Ignoring:
        """See nothing."""
        return self

    def __exit__(self, *_: object) -> None:
        """See nothing."""

    def close(self) -> str | None:
        """Say that nothing is wrong."""
        return None


IGNORING = Ignoring()


def collecting(track: str | None) -> Collector | Ignoring:
    """Return what collects for a call, by the option `track` of its function."""
    return IGNORING if track is None else Collector()


def still_hold(files: Iterable[ReadFile]) -> bool:
    """Say whether files hold what they did. If so, they count as read here: the stored result stands for reading them.

    Calls that are just being collected for would else never learn what a result of theirs depends on.
    """
    with untracked():
        now = unchanged(files)
    for collector in _collectors.get() if now else ():
        for seen in now or ():
            collector.note(seen)
    return now is not None


class untracked:  # noqa: N801 # reads as a word, like contextlib's own
    """In a `with` block, nothing that is opened is seen."""

    def __enter__(self) -> None:
        """See nothing."""
        self._token = _collectors.set(())

    def __exit__(self, *_: object) -> None:
        """See again what was seen."""
        _collectors.reset(self._token)


# The hook. It can't be removed again, so it is added at the first tracked call, and costs all others a look at a dict.

_adding = threading.Lock()
_added: list[bool] = []


def _watch() -> None:
    with _adding:
        if not _added:
            sys.addaudithook(_hook)
            _added.append(True)


def _note_open(collectors: tuple[Collector, ...], path: Any, _mode: Any, flags: int) -> None:
    if isinstance(path, int) or (TEMPORARY and flags & TEMPORARY == TEMPORARY):
        return
    given, path = os.fsdecode(path), _absolute(path)
    writes, reads = flags & WRITING, not flags & os.O_WRONLY
    if writes and (os.path.isdir(path) or (flags & ONLY_NEW == ONLY_NEW and os.path.lexists(path))):  # it will fail
        return
    if writes:
        empty = _begins_empty(path, flags)
        reads = reads and not empty
        if not reads:
            for collector in collectors:
                collector.opened_to_write(path, empty)
            return
    _note(collectors, given, os.path.join(path, "") if os.path.isdir(path) else path)


def _note_listing(collectors: tuple[Collector, ...], path: Any = None, *_: Any) -> None:
    if not isinstance(path, int):
        given = os.curdir if path is None else os.fsdecode(path)
        _note(collectors, given, os.path.join(_absolute(given), ""))


def _note_directory(collectors: tuple[Collector, ...], path: Any, *_: Any) -> None:
    path = _absolute(path)
    if not os.path.lexists(path):
        for collector in collectors:
            collector.made(path)


def _note_moved(collectors: tuple[Collector, ...], source: Any, target: Any, *_: Any) -> None:
    for collector in collectors:
        collector.brought(_absolute(source), _absolute(target))


def _note_look(collectors: tuple[Collector, ...], path: str) -> None:
    _note_open(collectors, path, None, os.O_RDONLY)


ACTIONS: dict[str, Callable[..., None]] = {
    "open": _note_open, "os.listdir": _note_listing, "os.scandir": _note_listing, "os.mkdir": _note_directory,
    "os.rename": _note_moved, "os.link": _note_moved, LOOK: _note_look,
}  # fmt: skip


# The defaults are for the interpreter's end, which takes the module's names away before the hook.
def _hook(event: str, args: tuple[Any, ...], find: Any = ACTIONS.get, current: Any = _collectors.get) -> None:
    act = find(event)
    if act is None:
        return
    collectors = tuple(collector for collector in current() if not collector.closed)
    if not collectors:
        return
    with untracked():
        try:
            if not _is_loading(event, args, sys._getframe(1)):
                act(collectors, *args)
        except Exception as error:  # noqa: BLE001 # raised here, it would be the user's open() that fails
            for collector in collectors:
                collector.fail(f"it could not be seen what the function reads: {error!r}")


def _note(collectors: tuple[Collector, ...], given: str, path: str) -> None:
    if path.startswith(LEFT_OUT) and not path.startswith(MEMORY):
        return
    if not path.endswith(os.sep) and all(collector.knows(path) for collector in collectors):
        return  # whether it changes is seen at the end
    seen = look(path)
    for collector in collectors:
        collector.note(seen, relative=not os.path.isabs(given))


def _is_loading(event: str, args: tuple[Any, ...], frame: FrameType | None) -> bool:
    """Say whether it is a module that is looked for or read in order to run it. Data may lie in such a file too."""
    by_loader = event != "open" or str(args[0]).rstrip("'").endswith(MODULES)  # of bytes, the repr
    while frame is not None:
        name = frame.f_globals.get("__name__") or ""
        if name in CATALOGUES or (name in LOADERS and by_loader):
            return True
        if frame.f_code.co_name == "<module>" or name.startswith("memostore."):  # run by a loader, or by us
            return False
        frame = frame.f_back
    return False


def _begins_empty(path: str, flags: int) -> bool:
    """Say whether what is opened for writing will hold nothing, if opening succeeds at all."""
    if not os.path.lexists(path):
        return True
    return bool(flags & os.O_TRUNC) and os.access(path, os.W_OK)


# Paths


def _absolute(path: Any) -> str:
    """Return a path from the root. It is left as it is otherwise: `a/../b` need not be `b` where there are links."""
    return os.path.join(os.getcwd(), os.fsdecode(path))


def _real(path: str) -> str:
    return os.path.realpath(path)


def _placed(path: str) -> str:
    """Return where a file comes to lie; a link of that name is replaced, and not followed."""
    directory, name = os.path.split(path)
    return os.path.join(_real(directory), name)


def _parents(path: str) -> Iterator[str]:
    """Yield a path, and all directories that it is in."""
    yield path
    while (parent := os.path.dirname(path)) != path:
        yield (path := parent)


def _left_out() -> tuple[str, ...]:
    """Return where installed packages and Python itself lie, which count by their versions, and what are no files."""
    installed = [*site.getsitepackages(), site.getusersitepackages(), os.path.dirname(os.__file__)]
    directories = {*installed, *map(os.path.realpath, installed), os.path.dirname(__file__), "/proc", "/sys", "/dev"}
    return tuple(os.path.join(directory, "") for directory in directories)


LEFT_OUT = _left_out()
MEMORY = "/dev/shm/"  # noqa: S108 # files like others, in memory


# Judging


def _compared(was: ReadFile) -> tuple[ReadFile, str | None]:
    """Return a file as it is at the call's end, and why a result that depends on it must not be stored, if so."""
    if type(was.error) is OSError:  # not one that says that there is no file, or no permission
        return was, f"{_label(was.path)} can't be read again to see whether it has changed: {was.error}"
    if not _is_text(was.path):
        return was, f"{_label(was.path)} has a name that is no text"
    if was.path == HERE:  # of the call's beginning
        return was, None
    now = now_at(was)
    # Of a directory the names alone: whoever writes a temporary file into one would never be remembered.
    same = now.content == was.content and (now.status == was.status or was.path.endswith(os.sep))
    return now, None if same else f"{_label(was.path)} changed while the function ran"


def _is_text(path: str) -> bool:
    return path == path.encode("utf-8", "ignore").decode() and "\0" not in path


def _label(path: str) -> str:
    return f"file {path.encode('utf-8', 'backslashreplace').decode()}"
