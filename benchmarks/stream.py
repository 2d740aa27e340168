"""What a long generator costs in memory: python -m benchmarks.stream [--gigabytes N] [--json PATH].

A generator of items of 1 MB is recorded in one fresh process and replayed in another, both consumed item by item. What
counts is each process's largest resident memory, the interpreter and all libraries included. Beside it stands joblib
with a list of the same items, which is what a cache of whole results needs.
"""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich.console import Console
from rich.table import Table

from benchmarks import machine, report

RESULTS = Path(__file__).parent / "results" / "stream"
BAR = 100_000_000  # bytes that a replay may take
ITEM = 1_000_000  # bytes
MEMOSTORE = """
import json, os, random, resource, sys, time
from memostore import Store
store = Store("memo.db", on_error="raise")

@store.memoize
def items(number):
    generator = random.Random(0)
    for _ in range(number):
        yield generator.randbytes(1_000_000)

began = time.perf_counter()
total = sum(len(item) for item in items(int(sys.argv[1])))
"""
JOBLIB = """
import json, os, random, resource, sys, time
from joblib import Memory

def items(number):
    generator = random.Random(0)
    return [generator.randbytes(1_000_000) for _ in range(number)]

items = Memory("joblib", verbose=0).cache(items)
began = time.perf_counter()
total = sum(len(item) for item in items(int(sys.argv[1])))
"""
TOLD = """
seconds = time.perf_counter() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps({"bytes": total, "seconds": seconds, "peak": peak}))
"""
PEERS = {"memostore": MEMOSTORE, "joblib (a list)": JOBLIB}


def run(directory: Path, text: str, items: int) -> dict[str, float]:
    (directory / "child.py").write_text(text + TOLD)
    command = [sys.executable, "child.py", str(items)]
    found: dict[str, float] = json.loads(subprocess.run(command, cwd=directory, capture_output=True, check=True).stdout)
    if found["bytes"] != items * ITEM:
        raise SystemExit(f"{found['bytes']:,.0f} bytes instead of {items * ITEM:,}")
    return found


def measured(items: int, peers: list[str]) -> dict[str, dict[str, dict[str, float]]]:
    results = {}
    for name in peers:
        with TemporaryDirectory() as directory:
            results[name] = {step: run(Path(directory), PEERS[name], items) for step in ("recorded", "replayed")}
    return results


def show(results: dict[str, dict[str, dict[str, float]]], items: int, console: Console) -> None:
    table = Table(title=f"{items * ITEM / 1e9:g} GB in items of {ITEM / 1e6:g} MB")
    for head in ("cache", "step", "largest memory", "seconds", "bar", "met"):
        table.add_column(head)
    for name, steps in results.items():
        for step, found in steps.items():
            bar = (f"{BAR / 1e6:g} MB", "yes" if found["peak"] < BAR else "no") if name == "memostore" else ("", "")
            table.add_row(name, step, f"{found['peak'] / 1e6:,.0f} MB", f"{found['seconds']:.2f}", *bar)
    console.print(table)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--gigabytes", type=click.FloatRange(0.001), default=2.0, show_default=True, help="Of the whole stream.")
@click.option("--peers/--alone", default=True, show_default=True, help="With joblib, which holds all in memory.")
@click.option("--json", "path", type=click.Path(dir_okay=False, path_type=Path), help="Where the JSON goes.")
def main(gigabytes: float, peers: bool, path: Path | None) -> None:
    """Measure the memory that a long generator takes, recorded and replayed."""
    began, before = datetime.now(UTC), machine.load()
    items = max(1, round(gigabytes * 1e9 / ITEM))
    results = measured(items, list(PEERS) if peers else ["memostore"])
    path = path or RESULTS / f"{began:%Y-%m-%d}.json"
    about = {"date": began.isoformat(timespec="seconds"), "machine": machine.describe(), "load_before": before}
    report.write(path, {"format": 1, **about, "item": ITEM, "items": items, "bar": BAR, "results": results})
    show(results, items, Console())
    click.echo(f"written: {path}")


if __name__ == "__main__":
    main()
