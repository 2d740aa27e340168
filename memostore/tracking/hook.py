"""The audit hook: what Python opens and lists, told to the calls that are running in the same context.

It can't be removed again, so it is added at the first tracked call, and costs all other events a look at a dict.
"""

from __future__ import annotations

import importlib.machinery
import os
import site
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

from memostore.keys.inputs import LOOK
from memostore.read_files import is_listing, look
from memostore.tracking.context import collectors, untracked

if TYPE_CHECKING:
    from memostore.tracking.collector import Collector

__all__ = ["watch"]

WRITING = os.O_WRONLY | os.O_RDWR
ONLY_NEW = os.O_CREAT | os.O_EXCL
MODULES = tuple(importlib.machinery.all_suffixes())
# What reads modules to run them, or lines of source for a traceback or a fingerprint: code counts by other means.
LOADERS = frozenset({
    "_frozen_importlib", "_frozen_importlib_external", "importlib._bootstrap", "importlib._bootstrap_external",
    "linecache",
})  # fmt: skip
# What reads nothing but modules and packages, whatever their files are called.
CATALOGUES = frozenset({"zipimport", "importlib.metadata"})

_adding = threading.Lock()
_added: list[bool] = []


def watch() -> None:
    """Have the hook run from here on."""
    with _adding:
        if not _added:
            sys.addaudithook(_hook)
            _added.append(True)


def _note_open(running: tuple[Collector, ...], path: Any, _mode: Any, flags: int) -> None:
    if isinstance(path, int):  # a descriptor: that it was opened has been seen, if it was opened here
        return
    given, path = os.fsdecode(path), _absolute(path)
    writes, reads = flags & WRITING, not flags & os.O_WRONLY
    if writes:
        # It will fail, or make a file without a name in that directory.
        if os.path.isdir(path) or (flags & ONLY_NEW == ONLY_NEW and os.path.lexists(path)):
            return
        empty = _begins_empty(path, flags)
        reads = reads and not empty
        if not reads:
            for collector in running:
                collector.own.write(path, empty)
            return
    _note(running, given, os.path.join(path, "") if os.path.isdir(path) else path)


def _note_listing(running: tuple[Collector, ...], path: Any = None, *_: Any) -> None:
    if not isinstance(path, int):
        given = os.curdir if path is None else os.fsdecode(path)
        _note(running, given, os.path.join(_absolute(given), ""))


def _note_directory(running: tuple[Collector, ...], path: Any, *_: Any) -> None:
    path = _absolute(path)
    if not os.path.lexists(path):
        for collector in running:
            collector.own.make(path)


def _note_moved(running: tuple[Collector, ...], source: Any, target: Any, *_: Any) -> None:
    for collector in running:
        collector.own.bring(_absolute(source), _absolute(target))


def _note_look(running: tuple[Collector, ...], path: str) -> None:
    _note_open(running, path, None, os.O_RDONLY)


ACTIONS: dict[str, Callable[..., None]] = {
    "open": _note_open, "os.listdir": _note_listing, "os.scandir": _note_listing, "os.mkdir": _note_directory,
    "os.rename": _note_moved, "os.link": _note_moved, LOOK: _note_look,
}  # fmt: skip


# The defaults are for the interpreter's end, which takes the module's names away before the hook.
def _hook(event: str, args: tuple[Any, ...], find: Any = ACTIONS.get, current: Any = collectors.get) -> None:
    act = find(event)
    if act is None:
        return
    running = tuple(collector for collector in current() if not collector.closed)
    if not running:
        return
    with untracked():
        try:
            if not _is_loading(event, args, sys._getframe(1)):
                act(running, *args)
        except Exception as error:  # noqa: BLE001 # raised here, it would be the user's open() that fails
            for collector in running:
                collector.fail(f"it could not be seen what the function reads: {error!r}")


def _note(running: tuple[Collector, ...], given: str, path: str) -> None:
    if path.startswith(LEFT_OUT) and not path.startswith(MEMORY):
        return
    if not is_listing(path) and all(collector.knows(path) for collector in running):
        return  # whether it changes is seen at the end
    seen = look(path)
    for collector in running:
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


def _left_out() -> tuple[str, ...]:
    """Return where installed packages and Python itself lie, which count by their versions, and what are no files."""
    memostore = os.path.dirname(os.path.dirname(__file__))
    installed = [*site.getsitepackages(), site.getusersitepackages(), os.path.dirname(os.__file__), memostore]
    directories = {*installed, *map(os.path.realpath, installed), "/proc", "/sys", "/dev"}
    return tuple(os.path.join(directory, "") for directory in directories)


LEFT_OUT = _left_out()
MEMORY = "/dev/shm/"  # noqa: S108 # files like others, in memory
