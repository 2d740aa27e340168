"""The options that several commands share, and the opening of the store that they name."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from memostore import Store
from memostore.backends.choose import backend_for

__all__ = [
    "agreed",
    "chosen_filters",
    "dry_run_option",
    "filter_options",
    "json_option",
    "json_value",
    "named_values",
    "open_store",
    "store_path",
    "yes_option",
]

Command = TypeVar("Command", bound=Callable[..., Any])

FILTERS = {
    "function": ("-f", "--function"),
    "tag": ("--tag",),
    "older_than": ("--older-than",),
    "unused_for": ("--unused-for",),
    "larger_than": ("--larger-than",),
    "code": ("--code",),
    "args": ("-a", "--arg"),
}


@contextmanager
def open_store(location: str, *, write: bool = False, **settings: Any) -> Iterator[Store]:
    """Open a store that exists, for reading only unless told otherwise; never create one."""
    path = store_path(location)
    if path is not None and not os.path.exists(path):  # false, not an error, for a name that no file can have
        raise click.ClickException(
            f"there is no store at {path}: the first call of a memoized function makes it, "
            f"or name another by --store or MEMOSTORE_URL"
        )
    with Store(location, read_only=True, on_error="raise") as store:
        if not write:
            yield store
            return
    with Store(location, on_error="raise", **settings) as store:
        yield store


def store_path(location: str) -> Path | None:
    """Return the file that a location means, whether or not it is there; None for what is not a file."""
    return backend_for(location, timeout=0, read_only=True).path


def named_values(_ctx: click.Context, _param: click.Parameter, given: tuple[str, ...]) -> dict[str, Any]:
    """Read NAME=VALUE pairs: a value is JSON where it can be, else text."""
    pairs = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise click.BadParameter(f"{pair!r} is not of the form NAME=VALUE, such as lr=0.1 or split=train")
        pairs[name] = json_value(value)
    return pairs


def json_value(text: str) -> Any:
    """Return what a text means as JSON, else the text itself.

    >>> json_value("1"), json_value("true"), json_value('"1"'), json_value("train")
    (1, True, '1', 'train')
    """
    try:
        return json.loads(text)
    except ValueError:
        return text


def filter_options(command: Command) -> Command:
    """Give a command the filters of Store.find."""
    options = (
        click.option(
            *FILTERS["function"],
            metavar="NAME",
            help="Entries of this function: module.qualname, qualname, or a pattern with *.",
        ),
        click.option(*FILTERS["tag"], metavar="TAG", help="Entries with this tag."),
        click.option(*FILTERS["older_than"], metavar="AGE", help="Entries stored longer ago than 90s, 12h, 7d, ..."),
        click.option(*FILTERS["unused_for"], metavar="AGE", help="Entries neither stored nor hit for 12h, 7d, ..."),
        click.option(*FILTERS["larger_than"], metavar="SIZE", help="Entries larger than 500kB, 2MB, 1GiB, ..."),
        click.option(*FILTERS["code"], metavar="HEX", help="Entries of the code that begins with these digits."),
        click.option(
            *FILTERS["args"],
            "args",
            metavar="NAME=VALUE",
            multiple=True,
            callback=named_values,
            help="Entries whose call had this argument; VALUE is JSON, else text. Repeat it for more.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def chosen_filters(given: dict[str, Any]) -> dict[str, Any]:
    """Return the filters that were given."""
    return {name: value for name, value in given.items() if name in FILTERS and value not in (None, {})}


def json_option(command: Command) -> Command:
    """Give a listing command its `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON with exact numbers.")(command)


def yes_option(command: Command) -> Command:
    """Give a removing command its `--yes`."""
    return click.option("-y", "--yes", is_flag=True, help="Do it without asking.")(command)


def dry_run_option(command: Command) -> Command:
    """Give a removing command its `--dry-run`."""
    return click.option("-n", "--dry-run", is_flag=True, help="Only show what would be removed.")(command)


def agreed(*, dry_run: bool, yes: bool) -> bool:
    """Ask whether to remove what was shown; a no, and nobody there to ask, end the command with exit code 1."""
    if dry_run:
        click.echo("Nothing removed: this was a dry run.")
        return False
    if not yes:
        if not sys.stdin.isatty():
            raise click.ClickException("nothing removed: stdin is not a terminal to ask on; pass --yes to go ahead")
        click.confirm("Remove them?", abort=True, err=True)
    return True
