"""What one call reads, from its first piece of code to its last."""

from __future__ import annotations

import inspect
import os
import types
from collections.abc import Callable, Generator, Iterable
from contextvars import Token
from typing import Any

from memostore.callables import behaves
from memostore.read_files import HERE, ReadFile, is_listing, now_at, unchanged, working_directory
from memostore.tracking.context import collectors, untracked
from memostore.tracking.hook import watch
from memostore.tracking.own import Own

__all__ = ["Collector", "Ignoring", "collecting", "count_as_read", "still_hold"]


class Ignoring:
    """In the place of a `Collector` where nobody wants to know."""

    files: tuple[ReadFile, ...] = ()

    def __enter__(self) -> Ignoring:
        """See nothing."""
        return self

    def __exit__(self, *_: object) -> None:
        """See nothing."""

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function itself: a recursive one has no frame more at each of its calls."""
        return function

    def close(self) -> str | None:
        """Say that nothing is wrong."""
        return None


class Collector:
    """What one call reads. Enter it around each piece of the call's code; leave it before anybody else's code runs.

    It is left in the context in which it was entered. Of calls within each other, what the inner one reads the outer
    one reads too. After `close()` it is not entered again; `files` are then what was read, each as it still is.

    >>> collector = Collector()
    >>> with collector:
    ...     names = os.listdir(os.path.dirname(os.__file__))
    >>> collector.close(), collector.files  # Python's own directory is no input
    (None, ())
    """

    def __init__(self) -> None:
        self.files: tuple[ReadFile, ...] = ()
        self.own = Own()
        self.closed = False
        self._problem: str | None = None
        self._here = working_directory()  # the call's: the function may change it
        self._below = os.path.join(str(self._here.status), "")
        self._read: dict[str, ReadFile] = {}
        self._tokens: list[Token[tuple[Collector, ...]]] = []
        watch()

    def __enter__(self) -> Collector:
        """See what is opened from here on, in this context."""
        self._tokens.append(collectors.set((*collectors.get(), self)))
        return self

    def __exit__(self, *_: object) -> None:
        """See no more of it."""
        collectors.reset(self._tokens.pop())

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function with what it reads seen, and if it is a coroutine function, in all its pieces."""
        is_coroutine = behaves(function, inspect.iscoroutinefunction)

        def seen(*args: Any, **kwargs: Any) -> Any:
            with self:
                result = function(*args, **kwargs)
            return self.pieces(result) if is_coroutine else result

        return seen

    @types.coroutine
    def pieces(self, steps: Any) -> Generator[Any, Any, Any]:
        """Run a generator or a coroutine, entered around each of its pieces; to be iterated, or awaited.

        Whoever consumes it, and other tasks, have their turns between the pieces, unseen.
        """
        advance: Callable[[Any], Any] = steps.send
        answer: Any = None
        while True:
            try:
                with self:
                    item = advance(answer)
            except StopIteration as end:
                return end.value
            advance = steps.send
            try:
                answer = yield item
            except GeneratorExit:
                with self:
                    steps.close()
                raise
            except BaseException as error:  # noqa: BLE001 # thrown in: it is for the steps to say what becomes of it
                advance, answer = steps.throw, error

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
        path = seen.path
        if self.own.holds(path):
            return
        if relative or path == HERE or path.startswith(self._below):  # that path may have been made of it
            self._read.setdefault(HERE, self._here)
        if path == HERE:
            return
        if path not in self._read and self.own.is_mixed(path):
            self.fail(f"{_label(path)} is both written and read by the function")
        was = self._read.setdefault(path, seen)
        if was.content != seen.content:  # a directory that has got its old names back until the end would not show it
            self.fail(f"{_label(path)} changed while the function ran")

    def knows(self, path: str) -> bool:
        """Say whether there is a note of a file already."""
        return path in self._read

    def fail(self, problem: str) -> None:
        """Have the result not be stored."""
        self._problem = self._problem or problem


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
    if now is not None:
        count_as_read(now)
    return now is not None


def count_as_read(files: Iterable[ReadFile]) -> None:
    """Have files count as read by all calls that are running here."""
    for collector in collectors.get():
        for seen in files:
            collector.note(seen)


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
    same = now.content == was.content and (now.status == was.status or is_listing(was.path))
    return now, None if same else f"{_label(was.path)} changed while the function ran"


def _is_text(path: str) -> bool:
    return path == path.encode("utf-8", "ignore").decode() and "\0" not in path


def _label(path: str) -> str:
    return f"file {path.encode('utf-8', 'backslashreplace').decode()}"
