"""How far a map has come, told on standard error: rich's progress bar on a terminal, else one line at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

__all__ = ["Counts", "Shows", "shown"]


class Counts(NamedTuple):
    """How many calls of a map were hits, how many were computed, and how many raised."""

    hits: int = 0
    computed: int = 0
    errors: int = 0

    def __str__(self) -> str:
        return f"{_many(self.hits, 'hit')}, {self.computed} computed, {_many(self.errors, 'error')}"


class Shows(Protocol):
    """What is told how far a map has come."""

    def __call__(self, counts: Counts, /) -> object:
        """Show the counts."""


@contextmanager
def shown(name: str, total: int | None, wanted: bool) -> Iterator[Shows]:
    """Yield what shows counts in a `with` block: a bar, a line at the end, or, where it is not `wanted`, nothing.

    `total` is the number of calls to come, None where it is not known.
    """
    if not wanted:
        yield _nothing
        return
    from rich.console import Console  # slow

    console = Console(stderr=True)
    moves = console.is_interactive or console.is_jupyter
    with _bar(console, name, total) if moves else _line(name) as show:
        yield show


def _nothing(_: Counts, /) -> None:
    pass


@contextmanager
def _bar(console: Console, name: str, total: int | None) -> Iterator[Shows]:
    from rich.errors import LiveError  # slow
    from rich.markup import escape

    progress = _progress(console)
    try:
        progress.start()
    except LiveError:  # an older rich shows one bar at a time, and another map has it
        yield _nothing
        return
    try:
        task = progress.add_task(escape(name), total=total, counts=Counts())

        def show(counts: Counts) -> None:
            progress.update(task, completed=sum(counts), counts=counts)

        yield show
        if total is None:
            progress.update(task, total=progress.tasks[0].completed)
    finally:
        progress.stop()


def _progress(console: Console) -> Progress:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn(),
        TextColumn("{task.fields[counts]}"), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
        console=console,
        # What the functions print comes above the bar, but not to another place than it would have gone to.
        redirect_stdout=_is_terminal(sys.stdout), redirect_stderr=_is_terminal(sys.stderr),
    )  # fmt: skip


def _is_terminal(stream: object) -> bool:
    isatty = getattr(stream, "isatty", None)
    return bool(isatty and isatty())


@contextmanager
def _line(name: str) -> Iterator[Shows]:
    """Write one line at the end, however that comes: a log has no use for a bar."""
    last, started = Counts(), time.monotonic()

    def show(counts: Counts) -> None:
        nonlocal last
        last = counts

    try:
        yield show
    finally:
        seconds = time.monotonic() - started
        print(f"{name}: {_many(sum(last), 'call')}: {last}, in {seconds:.1f} s", file=sys.stderr)


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
