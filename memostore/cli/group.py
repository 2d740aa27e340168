"""The command `memostore` itself: where the store is, and how an error looks."""

from __future__ import annotations

from typing import Any

import click

from memostore._version import __version__
from memostore.config import default_url
from memostore.errors import MemostoreError

__all__ = ["Group", "main"]

EPILOG = """\b
Examples:
  memostore demo
  memostore -s results.db stats
  memostore -s results.db ls --function embed --larger-than 1MB
  memostore -s results.db invalidate --unused-for 30d --dry-run
  memostore -s results.db sql "select function, hit_count, size from entries"
"""


class Group(click.Group):
    """Commands in the order of their registration; an error of memostore becomes one line on stderr, exit code 1."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 # click's signature
        """Return the names as registered: the demo first, what removes after what lists."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the chosen command."""
        try:
            return super().invoke(ctx)
        except MemostoreError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=Group, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-s",
    "--store",
    "location",
    metavar="PATH_OR_URL",
    help="The store: a file, or a URL such as sqlite:///results.db.  "
    "[default: MEMOSTORE_URL, else memostore.db in your cache directory]",
)
@click.version_option(__version__, "--version", prog_name="memostore", message="%(prog)s %(version)s")
@click.pass_context
def main(ctx: click.Context, location: str | None) -> None:
    """Look into a memostore: what functions returned, in one SQLite database."""
    ctx.obj = default_url() if location is None else location
