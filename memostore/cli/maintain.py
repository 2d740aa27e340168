"""The commands that keep a store in order: vacuum, migrate."""

from __future__ import annotations

import click

import memostore.cli.render as render
from memostore import Store
from memostore.cli.options import open_store
from memostore.errors import OlderSchema
from memostore.schema import REVISION

__all__ = ["migrate", "vacuum"]


@click.command()
@click.pass_obj
def vacuum(location: str) -> None:
    """Give the space of removed entries back.

    Removes no entry: it only shrinks the file.
    """
    with open_store(location, write=True) as store:
        freed = store.vacuum()
        size = store.stats().file_size
    click.echo(f"Gave {render.size(freed)} back; the store now takes {render.size(size)}.")


@click.command()
@click.pass_obj
def migrate(location: str) -> None:
    """Bring an older store to this version's schema."""
    try:
        with open_store(location) as store:
            click.echo(f"Nothing to do: {store.path or store.url} has revision {store.revision}, the newest.")
            return
    except OlderSchema as error:
        before = getattr(error, "revision", None)
    with Store(location, on_error="raise") as store:
        click.echo(f"Migrated {store.path or store.url} from revision {before or 'none'} to {REVISION}.")
