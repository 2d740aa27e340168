"""The command: python -m benchmarks.corpora [options]."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import queue
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich.console import Console
from rich.progress import Progress

if importlib.util.find_spec("pyperf") is None:
    sys.exit('the benchmarks need pyperf: pip install "memostore[bench]"')

from benchmarks import machine
from benchmarks.corpora import report
from benchmarks.corpora.caches import PEERS
from benchmarks.corpora.cases import CORPORA, Case, load
from benchmarks.corpora.judging import Verdict, judge, missing
from benchmarks.corpora.running import Runner, servers

RESULTS = Path(__file__).parents[1] / "results" / "corpora"
HINT = 'not installed: pip install "memostore[bench]"'
HELP = {
    "json": "Where the JSON goes.  [default: results/corpora/DATE.json beside the benchmarks]",
    "peers": f"Whom to try, comma separated, of: {', '.join(PEERS)}.  [default: all]",
    "only": "Try only cases whose name contains this.",
    "workers": "How many cases to run at a time.",
}

Judged = list[tuple[Case, dict[str, Verdict]]]


def chosen_peers(_: click.Context, __: click.Parameter, text: str | None) -> tuple[str, ...]:
    names = [name.strip() for name in text.split(",")] if text else list(PEERS)
    if unknown := [name for name in names if name not in PEERS]:
        raise click.BadParameter(f"unknown: {', '.join(unknown)}; choose of {', '.join(PEERS)}")
    return tuple(dict.fromkeys(names))


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--json", "path", type=click.Path(dir_okay=False, path_type=Path), help=HELP["json"])
@click.option("--peers", callback=chosen_peers, help=HELP["peers"])
@click.option("--only", default="", help=HELP["only"])
@click.option("--workers", type=click.IntRange(min=1), default=2, show_default=True, help=HELP["workers"])
def main(path: Path | None, peers: tuple[str, ...], only: str, workers: int) -> None:
    """Put memostore and its peers to the corpora of tests/corpus; print what was stale and what was needless."""
    began, console = datetime.now(UTC), Console()
    found = {name: version(name) for name in peers}
    for name in (name for name in peers if found[name] is None):
        console.print(f"skipped: {name} ({HINT})")
    there = [name for name in peers if found[name] is not None]
    cases = [case for corpus in CORPORA for case in load(corpus) if only in case.name]
    # What only memostore has is left to its tests: here, all do the same work.
    common = [case for case in cases if case.only is None and not missing(case)]
    judged = run(common, there, workers)
    versions = {name: text for name, text in found.items() if text is not None}
    document = report.document(judged, versions, began.isoformat(timespec="seconds"), machine.describe())
    path = path or RESULTS / f"{began:%Y-%m-%d}.json"
    report.write(path, document)
    report.show(document, console)
    console.print(f"written: {path}", soft_wrap=True)


def version(name: str) -> str | None:
    """Return a cache's version, or None where it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "from a clone" if importlib.util.find_spec(name) else None


def run(cases: Sequence[Case], caches: Sequence[str], workers: int) -> Judged:
    """Judge all cases, several at a time, and return them in their order."""
    with ExitStack() as stack:
        free: queue.Queue[tuple[Runner, Runner]] = queue.Queue()
        for _ in range(workers):
            free.put(stack.enter_context(servers(caches)))
        progress = stack.enter_context(Progress(console=Console(stderr=True), transient=True))
        task = progress.add_task("cases", total=len(cases))
        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(lambda case: _judged(case, caches, free, lambda: progress.advance(task)), cases))


def _judged(
    case: Case, caches: Sequence[str], free: queue.Queue[tuple[Runner, Runner]], tick: Callable[[], None]
) -> tuple[Case, dict[str, Verdict]]:
    runners = free.get()
    try:
        with TemporaryDirectory(prefix="corpora-") as directory:
            return case, judge(case, caches, runners, Path(directory))
    finally:
        free.put(runners)
        tick()


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.corpora")
