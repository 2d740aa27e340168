"""`memostore demo`: real work, cold and then warm in a new process, and what the store can tell about it."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import click

import memostore.cli.render as render
from memostore import Store
from memostore.cli.options import json_option
from memostore.cli.render import Column
from memostore.records import FunctionStats

__all__ = ["demo"]

QUERY = """\
SELECT json_extract(arguments, '$.left.name') AS one,
       json_extract(arguments, '$.right.name') AS other,
       round(compute_seconds, 3) AS seconds, hit_count, size
FROM entries
WHERE qualname = 'compare'
ORDER BY compute_seconds DESC
LIMIT 5"""


@click.command()
@click.option(
    "--modules",
    type=click.IntRange(min=2),
    metavar="N",
    help="Work on this many modules of the standard library.  [default: all of interest, about 450]",
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Write the store there and keep it.  [default: a temporary file, removed at the end]",
)
@json_option
def demo(modules: int | None, keep: Path | None, as_json: bool) -> None:
    """Show a store at work, cold and then warm.

    Three memoized functions parse, measure and compare the modules of Python's standard library. They run twice, in
    two processes: the second finds everything in the store. It takes half a minute and no network.
    """
    with demo_path(keep) as path:
        figures = perform(path, modules, quiet=as_json)
    figures["store"] = str(path) if keep else None
    if as_json:
        render.echo_json(figures)
    else:
        tell(figures)
    check(figures)


@contextmanager
def demo_path(keep: Path | None) -> Iterator[Path]:
    """Yield where the demo's store goes: a new file that stays, or one in a directory that goes."""
    if keep is not None:
        if keep.exists():
            raise click.UsageError(f"--keep {keep}: a file is there, and the demo begins with none: name another")
        yield keep.absolute()
        return
    with TemporaryDirectory(prefix="memostore-demo-") as folder:
        yield Path(folder) / "demo.db"


def perform(path: Path, modules: int | None, *, quiet: bool) -> dict[str, Any]:
    """Run the work cold and warm; return the figures of both, and what the store tells about itself."""
    cold = run(path, modules, "cold", quiet=quiet)
    before = {function.qualname: function.saved_seconds for function in functions(path)}
    warm = run(path, modules, "warm", quiet=quiet)
    with Store(path, read_only=True, on_error="raise") as store:
        stored, rows, file_size = store.functions(), store.sql(QUERY), store.stats().file_size
    for function in stored:
        warm["steps"][function.qualname]["saved_seconds"] = function.saved_seconds - before[function.qualname]
    return {
        "cold": cold,
        "warm": warm,
        "faster": cold["seconds"] / warm["seconds"],
        "faster_with_process": cold["process_seconds"] / warm["process_seconds"],
        "same_answers": cold["answers"] == warm["answers"],
        "stored": stored,
        "file_size": file_size,
        "query": {"sql": QUERY, "rows": rows},
    }


def functions(path: Path) -> list[FunctionStats]:
    """Return what the store knows of each function."""
    with Store(path, read_only=True, on_error="raise") as store:
        return store.functions()


def run(path: Path, modules: int | None, label: str, *, quiet: bool) -> dict[str, Any]:
    """Do the work once in a new process; return its figures, with the seconds of the whole process."""
    # Our own sys.path, and not the current directory (-P): a file there named ast.py must not be imported.
    command = [sys.executable, "-P", "-m", "memostore.cli.demo_run", "--label", label]
    command += ["--modules", str(modules)] if modules else []
    environment = os.environ | {"MEMOSTORE_URL": str(path), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    started = perf_counter()
    done = subprocess.run(  # noqa: S603 # our own module, no shell
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE if quiet else None, check=False
    )
    seconds = perf_counter() - started
    if done.returncode:
        raise click.ClickException(f"the {label} run failed: {(done.stderr or b'see above').decode().strip()}")
    return {**json.loads(done.stdout), "process_seconds": seconds}


def tell(figures: dict[str, Any]) -> None:
    """Print the demo's figures for people."""
    cold, warm = figures["cold"], figures["warm"]
    click.echo(headline(cold))
    click.echo()
    render.show_table(STEP_COLUMNS, step_rows(cold, warm), title="The same work twice, each time in a new process")
    click.echo(LEGEND)
    click.echo(verdict(figures))
    click.echo()
    title = f"What is stored, in one SQLite file of {render.size(figures['file_size'])}"
    render.show_table(STORED_COLUMNS, map(stored_row, figures["stored"]), title=title)
    click.echo(f"Any SQL reads it. The five dearest results:\n\n{QUERY}\n")
    render.show_rows(figures["query"]["rows"])
    click.echo(farewell(figures["store"]))


def verdict(figures: dict[str, Any]) -> str:
    """Return what the two runs come to."""
    cold, warm = figures["cold"]["seconds"], figures["warm"]["seconds"]
    same = "the same answers" if figures["same_answers"] else "OTHER ANSWERS"
    return f"The second run gave {same} in {render.duration(warm)} instead of {render.duration(cold)}."


def headline(cold: dict[str, Any]) -> str:
    """Return what was asked and found."""
    found = cold["findings"]
    functions, modules = render.count(found["functions"], "function"), render.count(cold["modules"], "module")
    lines = [
        f"Which functions of Python {platform.python_version()}'s standard library are alike?",
        f"Of {functions} in {modules}, the hardest, with {found['hardest']['branches']} branches, is",
        f"{found['hardest']['function']}.",
    ]
    if "most_alike" in found:
        alike = found["most_alike"]
        lines.append(f"{alike['twins']} of the {render.count(alike['of'], 'function')} in {alike['left']}")
        lines.append(f"have a twin in {alike['right']}.")
    return "\n".join(lines)


def step_rows(cold: dict[str, Any], warm: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield a row for each step, one for what is not memoized, and the sums."""
    for step, first in cold["steps"].items():
        second = warm["steps"][step]
        yield (
            step,
            render.count(first["computed"]),
            render.duration(first["seconds"]),
            render.count(second["computed"]),
            render.duration(second["seconds"]),
            times(first["seconds"], second["seconds"]),
            render.duration(second["saved_seconds"]),
        )
    rest = [run["seconds"] - sum(step["seconds"] for step in run["steps"].values()) for run in (cold, warm)]
    yield bare_row("open, read, pair up", *rest)
    yield bare_row("together", cold["seconds"], warm["seconds"])
    yield bare_row("with Python's own start", cold["process_seconds"], warm["process_seconds"])


def bare_row(name: str, cold: float, warm: float) -> tuple[str, ...]:
    """Return a row of two times."""
    return (name, "", render.duration(cold), "", render.duration(warm), times(cold, warm), "")


def times(slow: float, fast: float) -> str:
    """Return how many times faster something got."""
    return f"{slow / fast:,.0f}x" if slow > 1.5 * fast else ""


def stored_row(function: FunctionStats) -> tuple[str, ...]:
    """Return a function's row."""
    return (
        function.function,
        render.count(function.entries),
        render.size(function.size),
        render.duration(function.compute_seconds),
        render.count(function.hits),
    )


def farewell(store: str | None) -> str:
    """Return where to go from here."""
    if store:
        return f"Kept in {store}. Look further:\n  memostore -s {store} ls --sort slowest"
    return "The store is gone again. Keep one to look into:\n  memostore demo --keep demo.db"


def check(figures: dict[str, Any]) -> None:
    """Fail if the demo shows anything but what it claims."""
    computed = sum(step["computed"] for step in figures["warm"]["steps"].values())
    if computed or not figures["same_answers"]:
        raise click.ClickException(
            f"the warm run computed {render.count(computed, 'call')} again and its answers "
            f"{'agree' if figures['same_answers'] else 'differ'}: this is a bug in memostore, please report it"
        )


LEGEND = """\
together: the work in its process, from opening the store to the last answer.
measure and compare call parse too: even in the cold run, those calls are hits."""
STEP_COLUMNS = (
    Column("step"),
    Column("computed", right=True),
    Column("cold", right=True),
    Column("computed", right=True),
    Column("warm", right=True),
    Column("faster", right=True),
    Column("saved", right=True),
)
STORED_COLUMNS = (
    Column("function"),
    Column("entries", right=True),
    Column("size", right=True),
    Column("computed in", right=True),
    Column("hits", right=True),
)
