"""How an answer looks: tables and humanised numbers for people, JSON with exact numbers for programs."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import click

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "Column",
    "cell",
    "count",
    "duration",
    "echo_json",
    "iso",
    "left",
    "plain",
    "show_pairs",
    "show_rows",
    "show_source",
    "show_table",
    "since",
    "size",
    "terminal",
]

PIPE_WIDTH = 200  # columns where nobody looks: wide enough that grep finds whole names
CELL = 400  # characters; no terminal shows more of one cell, and rich is slow on long text
UNITS = ("kB", "MB", "GB", "TB", "PB")
DASH = "-"


class Column(NamedTuple):
    """A column of a table: numbers stand right, and the flexible ones give way where the terminal is narrow."""

    name: str
    right: bool = False
    flexible: bool = False


def size(count: int) -> str:
    """Return a number of bytes for people, in the units that `--larger-than` and `--to` take.

    >>> size(999), size(1500), size(20_000_000_000)
    ('999 B', '1.5 kB', '20.0 GB')
    """
    if count < 1000:
        return f"{count} B"
    power = min(int(math.log(count, 1000)), len(UNITS))
    scaled = count / 1000**power
    if scaled >= 999.95 and power < len(UNITS):
        scaled, power = scaled / 1000, power + 1
    return f"{scaled:.1f} {UNITS[power - 1]}"


def duration(seconds: float) -> str:
    """Return a span of time for people: two units at most.

    >>> duration(0), duration(0.00042), duration(0.25), duration(3.14), duration(3725), duration(200_000)
    ('0 s', '420 us', '250 ms', '3.1 s', '1 h 2 min', '2 d 7 h')
    """
    if seconds == 0:
        return "0 s"
    if seconds < 0.9995e-3:
        return f"{seconds * 1e6:.0f} us"
    if seconds < 0.9995:
        return f"{seconds * 1e3:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    parts = ((days, "d"), (hour, "h"), (minute, "min"), (second, "s"))
    first = next(index for index, (number, _) in enumerate(parts) if number)
    return " ".join(f"{number} {unit}" for number, unit in parts[first : first + 2] if number)


def since(moment: datetime | None) -> str:
    """Return how long ago a moment was, or a dash for none."""
    return DASH if moment is None else f"{_rough((datetime.now(UTC) - moment).total_seconds())} ago"


def left(moment: datetime | None) -> str:
    """Return how long it is until a moment, "never" for none."""
    if moment is None:
        return "never"
    seconds = (moment - datetime.now(UTC)).total_seconds()
    return f"in {_rough(seconds)}" if seconds > 0 else f"expired {_rough(-seconds)} ago"


def count(number: int, noun: str = "") -> str:
    """Return a count with separators, and its noun.

    >>> count(1234), count(1, "entry"), count(0, "entry"), count(2, "byte")
    ('1,234', '1 entry', '0 entries', '2 bytes')
    """
    if not noun:
        return f"{number:,}"
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def iso(moment: datetime | None) -> str | None:
    """Return a moment as the views show it: ISO 8601, UTC, milliseconds.

    >>> iso(datetime(2026, 1, 31, 12, tzinfo=UTC))
    '2026-01-31T12:00:00.000Z'
    """
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def plain(text: str) -> str:
    r"""Return text with whatever could steer a terminal written out. Stored arguments may come from anywhere.

    >>> plain("red" + chr(27) + "[31m" + chr(0x9b))
    'red\\x1b[31m\\x9b'
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def echo_json(data: Any) -> None:
    """Print data as JSON with exact numbers: records as objects, moments as ISO 8601, bytes as hex."""
    click.echo(json.dumps(_exact(data), indent=2, allow_nan=False))


def terminal(*, stderr: bool = False) -> Console:
    """Return a console as wide as the terminal, or wide where the output goes into a pipe or file."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else PIPE_WIDTH
    return Console(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)


def show_table(columns: Sequence[Column], rows: Iterable[Sequence[str]], title: str | None = None) -> None:
    """Print a table. Cells are text as it is: no markup in them is obeyed, no control character gets through."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(
            column.name,
            justify="right" if column.right else "left",
            no_wrap=not column.flexible,
            header_style="bold",
        )
    for row in rows:
        table.add_row(*(Text(plain(cell[:CELL]), no_wrap=True, overflow="ellipsis") for cell in row))
    terminal().print(table)


def show_pairs(pairs: Mapping[str, str], title: str | None = None) -> None:
    """Print names and values below each other."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="bold")
    grid.add_column(overflow="fold")  # nothing is cut: a key can be copied
    for name, value in pairs.items():
        grid.add_row(name, Text("\n".join(map(plain, value.splitlines()))))
    console = terminal()
    if title:
        console.print(Text(plain(title), style="bold"))
    console.print(grid)


def show_rows(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the rows of a query: as a table, or one below the other where there are too many columns for that."""
    if not rows:
        return
    if sum(len(name) + 3 for name in rows[0]) > terminal().width:
        for row in rows:
            show_pairs({name: cell(value) for name, value in row.items()})
            click.echo()
        return
    show_table([column_of(name, rows) for name in rows[0]], ([cell(value) for value in row.values()] for row in rows))


def column_of(name: str, rows: Iterable[Mapping[str, Any]]) -> Column:
    """Return how a query's column stands: numbers right and never cut, all else giving way."""
    numbers = all(isinstance(row[name], int | float) for row in rows)
    return Column(name, right=numbers, flexible=not numbers)


def cell(value: Any) -> str:
    """Return a database's value as text.

    >>> cell(None), cell(1 / 3), cell(b"abc"), cell("abc")
    ('', '0.333333', '<3 bytes>', 'abc')
    """
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    return f"<{len(value)} bytes>" if isinstance(value, bytes) else str(value)


def show_source(text: str) -> None:
    """Print Python source, in colours on a terminal."""
    console = terminal()
    text = "\n".join(map(plain, text.expandtabs(4).splitlines()))
    if console.is_terminal:
        from rich.syntax import Syntax

        console.print(Syntax(text, "python", theme="ansi_dark", background_color="default", word_wrap=True))
    else:
        click.echo(text)


def _rough(seconds: float) -> str:
    """Return a span in its largest unit alone: an age needs no more. Clocks that disagree make no negative age."""
    return f"{max(0.0, seconds):.0f} s" if seconds < 59.5 else " ".join(duration(seconds).split()[:2])


def _exact(data: Any) -> Any:
    """Return data as what JSON knows, nothing rounded."""
    if dataclasses.is_dataclass(data) and not isinstance(data, type):
        return {field.name: _exact(getattr(data, field.name)) for field in dataclasses.fields(data)}
    if isinstance(data, Mapping):
        return {str(name): _exact(value) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return [_exact(value) for value in data]
    if isinstance(data, datetime):
        return iso(data)
    if isinstance(data, bytes | memoryview):
        return bytes(data).hex()
    if isinstance(data, float) and not math.isfinite(data):
        return str(data)  # JSON has no word for these
    return data if isinstance(data, str | int | float | None) else str(data)
