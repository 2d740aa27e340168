"""The commands that say why: explain, doctor. Each has `--json`."""

from __future__ import annotations

import json
from typing import Any

import click

import memostore.cli.render as render
from memostore import Finding
from memostore.cli.options import json_option, open_store, store_path
from memostore.errors import NotAStore, OlderSchema, StoreError

__all__ = ["doctor", "explain"]

STYLES = {"warning": "bold red", "advice": "yellow", "ok": "green"}


def arguments_in(_ctx: click.Context, _param: click.Parameter, text: str | None) -> dict[str, Any] | None:
    """Read the JSON object of `--args`."""
    if text is None:
        return None
    try:
        given = json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not JSON: {error}") from error
    if not isinstance(given, dict) or not given:
        raise click.BadParameter(f'{text!r} is not a JSON object of arguments, such as {{"x": 3}}')
    return given


@click.command()
@click.argument("function", metavar="FUNCTION", required=False)
@click.option(
    "--args",
    metavar="JSON",
    callback=arguments_in,
    help="The arguments of the call, such as '{\"x\": 3}'; those left out may be anything.",
)
@click.option("--key", metavar="HEX", help="The first digits of the call's key, instead of a function.")
@json_option
@click.pass_obj
def explain(
    location: str, /, function: str | None, args: dict[str, Any] | None, key: str | None, as_json: bool
) -> None:
    """Say what is stored for a call, or was.

    Name the call by FUNCTION (module.qualname, qualname, or a pattern with *) and --args, or by --key. Where it has no
    result, the reason is shown: when and why it was removed, or what the nearest call is and where its arguments
    differ. What the code is now is not known here: f.explain(...) in Python tells whether a call would hit.
    """
    if (function is None) == (key is None) or (key is not None and args):
        raise click.UsageError("name a call: by FUNCTION and --args, or by --key")
    with open_store(location) as store:
        said = store.explain(function, args=args, key=key)
    if as_json:
        render.echo_json(said.as_dict())
        return
    first, _, rest = str(said).partition("\n")
    click.secho(first, bold=True)
    if rest:
        click.echo(rest)  # the terminal wraps what is long: nothing is cut


@click.command()
@json_option
@click.pass_context
def doctor(ctx: click.Context, /, as_json: bool) -> None:
    """Look for what is wrong with the store, or could be better.

    Each finding says what to do. The exit code is 1 if one of them is a warning.
    """
    location: str = ctx.obj
    findings = findings_of(location)
    if as_json:
        render.echo_json({"store": str(store_path(location) or location), "findings": findings})
    else:
        show_findings(findings)
    if any(finding.severity == "warning" for finding in findings):
        ctx.exit(1)


def findings_of(location: str) -> list[Finding]:
    """Return what there is to say of a store, also of one that can't be opened."""
    try:
        with open_store(location) as store:
            return store.doctor()
    except OlderSchema as error:
        return [Finding("warning", "revision", str(error), "`memostore migrate`")]
    except NotAStore as error:
        return [
            Finding("warning", "file", str(error), "if it was a store, it is damaged: take a copy of it that is not")
        ]
    except StoreError as error:
        return [Finding("warning", "opening", str(error), "see whether it lasts, and what else uses the file")]


def show_findings(findings: list[Finding]) -> None:
    """Print findings: how bad, what about, what was found, and below that what to do."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for finding in findings:
        said = Text(render.plain(f"{finding.about}: {finding.what}"))
        if finding.advice:
            said.append(f"\n-> {render.plain(finding.advice)}", style="bold")
        grid.add_row(Text(finding.severity, style=STYLES[finding.severity]), said)
    render.terminal().print(grid)
