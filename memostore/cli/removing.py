"""The commands that remove: invalidate, expire, evict. Each shows what it would take, and asks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import click

import memostore.cli.render as render
from memostore import Store
from memostore.cli.options import (
    FILTERS,
    agreed,
    chosen_filters,
    dry_run_option,
    filter_options,
    open_store,
    yes_option,
)
from memostore.cli.render import Column
from memostore.records import Entry

__all__ = ["evict", "expire", "invalidate"]

DEFAULT_POLICY = "lru"


@click.command()
@filter_options
@dry_run_option
@yes_option
@click.pass_obj
def invalidate(location: str, /, dry_run: bool, yes: bool, **given: Any) -> None:
    """Remove the entries that every given filter lets through.

    Give at least one filter. What would be removed is shown first.
    """
    filters = chosen_filters(given)
    if not filters:
        raise click.UsageError(f"give at least one filter: {', '.join(names[-1] for names in FILTERS.values())}")
    with open_store(location) as store:
        found = store.find(**filters)
    if announce(found) and agreed(dry_run=dry_run, yes=yes):
        with open_store(location, write=True) as store:
            report(store.invalidate(**filters))


@click.command()
@dry_run_option
@yes_option
@click.pass_obj
def expire(location: str, /, dry_run: bool, yes: bool) -> None:
    """Remove the entries whose TTL has passed.

    They are never returned any more, but they take space until they are removed.
    """
    with open_store(location) as store:
        found = store.find(where=store.entries.c.expires <= render.iso(datetime.now(UTC)))
    if announce(found) and agreed(dry_run=dry_run, yes=yes):
        with open_store(location, write=True) as store:
            report(store.expire())


@click.command()
@click.option("--to", metavar="SIZE", help="Until all entries take at most this much space: 500MB, 20GB, 2GiB, ...")
@click.option("--entries", type=click.IntRange(min=0), metavar="N", help="Until at most this many entries are left.")
@dry_run_option
@yes_option
@click.pass_obj
def evict(location: str, /, to: str | None, entries: int | None, dry_run: bool, yes: bool) -> None:
    """Remove what can be done without best, down to a limit.

    The store's own eviction policy says what goes first. Give --to, --entries, or both.
    """
    if to is None and entries is None:
        raise click.UsageError("give a limit: --to SIZE, --entries N, or both")
    with open_store(location) as store:
        policy, total = policy_of(store), store.stats().entries
    with open_store(location, write=True, eviction=policy) as store:
        count = store.evict(to, entries, dry_run=True)
        if not count:
            click.echo("Nothing to remove.")
            return
        click.echo(f"To remove: {render.count(count)} of {render.count(total, 'entry')}, by the policy {policy!r}.")
        if agreed(dry_run=dry_run, yes=yes):
            report(store.evict(to, entries))


def policy_of(store: Store) -> str:
    """Return the eviction policy that ranked the entries last: removing by another would rank them all anew."""
    rows = store.sql("SELECT value FROM setting WHERE name = 'eviction'")
    return str(rows[0]["value"]) if rows else DEFAULT_POLICY


def announce(found: list[Entry]) -> bool:
    """Show what would be removed, function by function; say whether there is anything."""
    if not found:
        click.echo("Nothing to remove.")
        return False
    render.show_table(COLUMNS, rows_by_function(found))
    click.echo(f"To remove: {render.count(len(found), 'entry')}, {render.size(sum(entry.size for entry in found))}.")
    return True


def rows_by_function(found: Iterable[Entry]) -> Iterable[tuple[str, ...]]:
    """Yield for each function how many entries there are, how large, and what they took to compute."""
    groups: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in found:
        groups[entry.function].append(entry)
    for name, entries in sorted(groups.items()):
        yield (
            name,
            render.count(len(entries)),
            render.size(sum(entry.size for entry in entries)),
            render.duration(sum(entry.compute_seconds for entry in entries)),
        )


def report(removed: int) -> None:
    """Say how many entries were removed."""
    click.echo(f"Removed {render.count(removed, 'entry')}.")


COLUMNS = (
    Column("function", flexible=True),
    Column("entries", right=True),
    Column("size", right=True),
    Column("computed in", right=True),
)
