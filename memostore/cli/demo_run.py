"""One run of the demo's work, in a process of its own: `memostore demo` starts it twice, on the same store.

Both runs are the same command. Nothing tells them apart but what the store holds; what they did and what it cost is
printed as one JSON object. The store is the default one, which the environment names.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

import click

import memostore.cli.demo_work as work
from memostore import default_store
from memostore.cli.render import terminal

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["run"]

T = TypeVar("T")
R = TypeVar("R")

PAIRS = 2  # compared for each module


class Steps:
    """Does the steps, shows how far they are, and times them."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.figures: dict[str, dict[str, float]] = {}

    def each(self, step: Any, items: list[T], do: Callable[[T], R]) -> list[R]:
        """Return what a memoized step makes of each item."""
        started = perf_counter()
        results = [do(item) for item in self.progress.track(items, description=step.__name__)]
        self.figures[step.__name__] = {"seconds": perf_counter() - started}
        return results

    def counted(self) -> dict[str, dict[str, float]]:
        """Return each step's seconds, and how often it was computed and how often found in the store."""
        for step in (work.parse, work.measure, work.compare):
            info = step.cache_info()
            self.figures[step.__name__] |= {"computed": info.misses, "cached": info.hits}
        return self.figures


def run(limit: int | None, progress: Progress) -> dict[str, Any]:
    """Do the demo's work once; return what it found and what it cost, opening the store included."""
    started = perf_counter()
    steps = Steps(progress)
    default_store()
    modules = work.modules(limit)
    by_name = {module["name"]: module for module in modules}
    parsed = steps.each(work.parse, modules, work.parse)
    measured = dict(zip(by_name, steps.each(work.measure, modules, work.measure), strict=True))
    pairs = work.related(measured, PAIRS * len(modules))
    compared = steps.each(work.compare, pairs, lambda pair: work.compare(*(by_name[name] for name in pair)))
    seconds = perf_counter() - started
    return {
        "modules": len(modules),
        "characters": sum(len(module["source"]) for module in modules),
        "pairs": len(pairs),
        "seconds": seconds,
        "steps": steps.counted(),
        "findings": findings(measured, dict(zip(pairs, compared, strict=True))),
        "answers": fingerprint((parsed, measured, compared)),
    }


def findings(measured: dict[str, work.Measures], compared: dict[tuple[str, str], work.Likeness]) -> dict[str, Any]:
    """Return what the work found out about the standard library."""
    hard, measures = max(measured.items(), key=lambda item: item[1].branches)
    findings: dict[str, Any] = {
        "functions": sum(found.functions for found in measured.values()),
        "hardest": {"function": f"{hard}.{measures.hardest}", "branches": measures.branches},
    }
    if compared:
        (left, right), likeness = max(compared.items(), key=lambda item: (item[1].twins, item[1].closest))
        findings["most_alike"] = {"left": left, "right": right, "twins": likeness.twins, "of": likeness.of}
    return findings


def fingerprint(answers: object) -> str:
    """Return a digest of all answers, to show that both runs gave the same."""
    return sha256(repr(answers).encode()).hexdigest()


@contextmanager
def bars(label: str) -> Iterator[Progress]:
    """Show a bar for each step on stderr, if somebody is looking."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = terminal(stderr=True)
    columns = (TextColumn(label), TextColumn("{task.description:7}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal) as progress:
        yield progress


@click.command()
@click.option("--modules", type=int, help="At most this many modules.")
@click.option("--label", default="", help="What to write beside the progress bars.")
def main(modules: int | None, label: str) -> None:
    """Do the demo's work once and print the figures as JSON."""
    with bars(label) as progress:
        figures = run(modules, progress)
    click.echo(json.dumps(figures))


if __name__ == "__main__":
    main()
