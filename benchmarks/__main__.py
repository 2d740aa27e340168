"""The command: python -m benchmarks [NAME]... [options]."""

from __future__ import annotations

import functools
import importlib.util
import sys
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

if importlib.util.find_spec("pyperf") is None:
    sys.exit('the benchmarks need pyperf: pip install "memostore[bench]"')

from benchmarks import machine, report
from benchmarks.frame import FUNCTION, OURS, Plan, Result
from benchmarks.registry import BENCHMARKS, PEERS
from benchmarks.timing import run

RESULTS = Path(__file__).parent / "results"
HELP = {
    "json": "Where the JSON goes.  [default: results/DATE.json beside the benchmarks]",
    "repeat": "Rounds; each takes one sample of each peer.",
    "peers": f"Whom to measure beside memostore, comma separated, of: {', '.join(PEERS)}.  [default: all]",
    "seconds": "How long a sample of hits lasts.",
    "directory": "A directory on the disk to measure.  [default: the system's for temporary files]",
}
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


def chosen_peers(_: click.Context, __: click.Parameter, text: str | None) -> tuple[str, ...]:
    names = [name.strip() for name in text.split(",")] if text else list(PEERS)
    if unknown := [name for name in names if name not in PEERS]:
        raise click.BadParameter(f"unknown: {', '.join(unknown)}; choose of {', '.join(PEERS)}")
    return tuple(dict.fromkeys((OURS, FUNCTION, *names)))


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1, type=click.Choice(list(BENCHMARKS)), metavar="[NAME]...")
@click.option("--json", "path", type=click.Path(dir_okay=False, path_type=Path), help=HELP["json"])
@click.option("--repeat", type=click.IntRange(min=1), default=21, show_default=True, help=HELP["repeat"])
@click.option("--peers", callback=chosen_peers, help=HELP["peers"])
@click.option("--seconds", type=click.FloatRange(0.0001), default=0.25, show_default=True, help=HELP["seconds"])
@click.option("--directory", type=FOLDER, help=HELP["directory"])
def main(
    names: tuple[str, ...],
    path: Path | None,
    repeat: int,
    peers: tuple[str, ...],
    seconds: float,
    directory: Path | None,
) -> None:
    """Run the named benchmarks (all by default) side by side; print ratios and bars, write every sample as JSON."""
    began, load = datetime.now(UTC), machine.load()
    results = measure(names or tuple(BENCHMARKS), Plan(peers, repeat, seconds, directory))
    path = path or RESULTS / f"{began:%Y-%m-%d}.json"
    settings = {"repeat": repeat, "seconds": seconds, "load_before": load, "load_after": machine.load()}
    about = {"date": began.isoformat(timespec="seconds"), "machine": machine.describe(), "settings": settings}
    report.write(path, report.document(results, **about))
    console = Console()
    report.show(results, console)
    console.print(f"load before and after: {load}, {settings['load_after']}; written: {path}", soft_wrap=True)


def measure(names: tuple[str, ...], plan: Plan) -> list[Result]:
    results = []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        for name in dict.fromkeys(names):
            task = progress.add_task(name, total=plan.repeat)
            results.append(run(BENCHMARKS[name], plan, functools.partial(progress.advance, task)))
    return results


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
