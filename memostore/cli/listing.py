"""The commands that only look: stats, ls, show, sql, path. Each has `--json`."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import click

import memostore.cli.render as render
from memostore import Store
from memostore.cli.options import (
    chosen_filters,
    filter_options,
    json_option,
    named_values,
    open_store,
    store_path,
)
from memostore.cli.render import Column
from memostore.fingerprint import CodeVersion
from memostore.recording import items_of
from memostore.records import Entry, FunctionStats, Stats
from memostore.remembering import Missing

__all__ = ["ls", "path", "show", "sql", "stats"]

SHORT = 12  # hex digits of a key or code in a table
AMBIGUOUS = 5  # keys that a message names
ITEMS = 100  # of a stream that are shown
NAME = 24  # characters of a function's name in a table
VALUE = 60  # characters of one argument in a table
ROWS = 50  # of a table, unless --limit says otherwise

ORDERS: dict[str, Callable[[Entry], Any]] = {
    "newest": lambda entry: -entry.created.timestamp(),
    "oldest": lambda entry: entry.created.timestamp(),
    "largest": lambda entry: -entry.size,
    "hits": lambda entry: -entry.hit_count,
    "slowest": lambda entry: -entry.compute_seconds,
    "unused": lambda entry: (entry.last_hit or entry.created).timestamp(),
}


@click.command()
@json_option
@click.pass_obj
def stats(location: str, /, as_json: bool) -> None:
    """Show totals, and what each function stored and saved."""
    with open_store(location) as store:
        totals, functions = store.stats(), store.functions()
        where = str(store.path or store.url)
    if as_json:
        render.echo_json({"store": where, "totals": totals, "functions": functions})
        return
    render.show_pairs(totals_of(totals, functions), title=where)
    if functions:
        render.show_table(FUNCTION_COLUMNS, map(function_row, functions))


@click.command()
@filter_options
@click.option(
    "--sort", type=click.Choice(list(ORDERS)), default="newest", show_default=True, help="Which entries come first."
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"At most this many entries.  [default: {ROWS} in a table, all with --json]",
)
@json_option
@click.pass_obj
def ls(location: str, /, sort: str, limit: int | None, as_json: bool, **given: Any) -> None:
    """List entries.

    All of them, or those that every given filter lets through.
    """
    limit = limit or (None if as_json else ROWS)
    # find() gives the newest first: only another order needs to see them all. One more shows that there are more.
    enough = limit + 1 if limit and sort == "newest" else None
    with open_store(location) as store:
        found = sorted(store.find(**chosen_filters(given), limit=enough), key=ORDERS[sort])
    shown = found[:limit]
    if as_json:
        render.echo_json(shown)
        return
    if shown:
        render.show_table(ENTRY_COLUMNS, map(entry_row, shown))
    click.echo(footer(shown, more=len(found) > len(shown)))


@click.command()
@click.argument("prefix", metavar="KEY_PREFIX")
@click.option("--value", "with_value", is_flag=True, help="Load the stored value too, and print it. This unpickles it.")
@json_option
@click.pass_obj
def show(location: str, /, prefix: str, with_value: bool, as_json: bool) -> None:
    """Show all that is known of one entry.

    KEY_PREFIX is the first digits of its key, as many as tell it from others. The source of the code that computed
    it is shown as it was then.
    """
    with open_store(location) as store:
        entry = the_entry(store, prefix)
        source = source_of(store, entry)
        value = {"value": repr(load(store, entry))} if with_value else {}
    if as_json:
        render.echo_json({"entry": entry, "source": source, **value})
        return
    render.show_pairs(details(entry) | value)
    if source:
        click.echo()
        render.show_source(source)


@click.command()
@click.argument("text", metavar="TEXT")
@click.option(
    "-p",
    "--param",
    "params",
    metavar="NAME=VALUE",
    multiple=True,
    callback=named_values,
    help="The value of :NAME in the text; VALUE is JSON, else text. Repeat it for more.",
)
@json_option
@click.pass_obj
def sql(location: str, /, text: str, params: dict[str, Any], as_json: bool) -> None:
    """Run a read-only query.

    TEXT is one SELECT, such as "select function, hit_count, size from entries". The views are entries, functions and
    history.
    """
    with open_store(location) as store:
        rows = store.sql(text, params)
    if as_json:
        render.echo_json(rows)
        return
    render.show_rows(rows)
    click.echo(render.count(len(rows), "row"))


@click.command()
@json_option
@click.pass_obj
def path(location: str, /, as_json: bool) -> None:
    """Print where the store is, whether or not it exists yet."""
    found = store_path(location)
    if as_json:
        render.echo_json({"store": location, "path": found, "exists": found.exists() if found else None})
        return
    click.echo(str(found or location))


FUNCTION_COLUMNS = (
    Column("function", flexible=True),
    Column("entries", right=True),
    Column("size", right=True),
    Column("hits", right=True),
    Column("misses", right=True),
    Column("saved", right=True),
    Column("last hit", right=True),
)
ENTRY_COLUMNS = (
    Column("key"),
    Column("function", flexible=True),
    Column("arguments", flexible=True),
    Column("size", right=True),
    Column("took", right=True),
    Column("hits", right=True),
    Column("stored", right=True),
)


def totals_of(stats: Stats, functions: list[FunctionStats]) -> dict[str, str]:
    """Return the totals for people."""
    calls = stats.hits + stats.misses
    return {
        "entries": f"{render.count(stats.entries)} of {render.count(stats.functions, 'function')}",
        "size": f"{render.size(stats.size)} in a file of {render.size(stats.file_size)}",
        "hits": f"{render.count(stats.hits)} of {render.count(calls, 'call')}" + percent(stats.hits, calls),
        "computed": f"{render.duration(sum(each.compute_seconds for each in functions))} for what is stored",
        "saved": render.duration(stats.saved_seconds),
    }


def percent(part: int, whole: int) -> str:
    """Return a share, if there is anything to have a share of."""
    return f" ({part / whole:.0%})" if whole else ""


def function_row(function: FunctionStats) -> tuple[str, ...]:
    """Return a function's row of `stats`."""
    return (
        function.function,
        render.count(function.entries),
        render.size(function.size),
        render.count(function.hits),
        render.count(function.misses),
        render.duration(function.saved_seconds),
        render.since(function.last_hit),
    )


def entry_row(entry: Entry) -> tuple[str, ...]:
    """Return an entry's row of `ls`."""
    return (
        entry.key[:SHORT],
        short_name(entry.function),
        arguments_text(entry),
        render.size(entry.size),
        render.duration(entry.compute_seconds),
        render.count(entry.hit_count),
        render.since(entry.created),
    )


def short_name(name: str) -> str:
    """Return a function's name without the outermost packages of a long one: its end tells more.

    >>> short_name("prep.load"), short_name("company.project.pipeline.features.embed")
    ('prep.load', '…pipeline.features.embed')
    """
    parts = name.split(".")
    while len(".".join(parts)) > NAME and len(parts) > 2:
        del parts[0]
    short = ".".join(parts)
    return short if short == name else f"…{short}"


def arguments_text(entry: Entry) -> str:
    """Return the arguments of an entry's call about as one would write them, none of them at too great a length."""
    texts = {name: json.dumps(value, ensure_ascii=False) for name, value in (entry.arguments or {}).items()}
    return ", ".join(f"{name}={text if len(text) <= VALUE else text[:VALUE] + '…'}" for name, text in texts.items())


def footer(shown: list[Entry], *, more: bool) -> str:
    """Return the sum below `ls`."""
    total = f"{render.count(len(shown), 'entry')}, {render.size(sum(entry.size for entry in shown))}"
    return f"{total}. There are more: --limit N, or --json for all." if more else total


def the_entry(store: Store, prefix: str) -> Entry:
    """Return the one entry whose key begins with some digits."""
    digits = prefix.lower()
    if not digits or set(digits) - set("0123456789abcdef"):
        raise click.BadParameter(f"{prefix!r} is not the beginning of a key: give hex digits, as `ls` shows them")
    found = store.find(key=digits, limit=AMBIGUOUS)
    if not found:
        raise click.ClickException(f"no entry's key begins with {digits}")
    if len(found) > 1:
        keys = ", ".join(entry.key[: max(SHORT, len(digits) + 4)] for entry in found)
        raise click.ClickException(f"several keys begin with {digits}: {keys}{', ...' * (len(found) == AMBIGUOUS)}")
    return found[0]


def details(entry: Entry) -> dict[str, str]:
    """Return all that is known of an entry, for people."""
    exact = f" ({render.count(entry.size, 'byte')})" if entry.size >= 1000 else ""
    expires = f"{render.iso(entry.expires)} ({render.left(entry.expires)})" if entry.expires else "never"
    last_hit = f"{render.iso(entry.last_hit)} ({render.since(entry.last_hit)})" if entry.last_hit else "never"
    return {
        "key": entry.key,
        "function": entry.function,
        "code": entry.code,
        "arguments": json.dumps(entry.arguments, indent=2, ensure_ascii=False),
        "tags": ", ".join(entry.tags) or "none",
        "stored": f"{render.iso(entry.created)} ({render.since(entry.created)})",
        "host": entry.host or "not known",
        "expires": expires,
        "refreshed from": render.iso(entry.refresh_at) or "never",
        "last hit": last_hit,
        "hits": render.count(entry.hit_count),
        "took": render.duration(entry.compute_seconds),
        "size": f"{render.size(entry.size)}{exact}, {entry.codec}",
    }


def source_of(store: Store, entry: Entry) -> str | None:
    """Return the source of the code that computed an entry, as it was then."""
    rows = store.sql(SOURCE, {"module": entry.module, "qualname": entry.qualname, "code": entry.code})
    return str(rows[0]["source"]) if rows and rows[0]["source"] else None


def load(store: Store, entry: Entry) -> Any:
    """Return the stored value of an entry, the error that it holds, or the first items of a stream.

    The store is open for reading only: this counts as no hit.
    """
    version = CodeVersion(entry.module, entry.qualname, bytes.fromhex(entry.code), None)
    is_stream = entry.codec.startswith("stream:")
    found = (store.replay if is_stream else store.recall)(bytes.fromhex(entry.key), version)
    if isinstance(found, Missing) and found.value is None:
        raise click.ClickException(f"the value can't be loaded: {found.reason}")
    value = found.value if isinstance(found, Missing) else found
    return list(itertools.islice(items_of(value), ITEMS)) if is_stream else value


SOURCE = """
SELECT source FROM code JOIN function ON function.id = code.function_id
WHERE function.module = :module AND function.qualname = :qualname AND lower(hex(code.fingerprint)) = :code
"""
