"""What a fingerprint of 50 definitions costs: python -m benchmarks.fingerprint [--repeat N] [--json PATH].

Each round makes a project anew and calls a memoized function of it in three fresh processes: where nothing is known,
where the store knows the code, and twice within the second. The figures are of the call's key, without the hit.
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich.console import Console
from rich.table import Table

if importlib.util.find_spec("pyperf") is None:
    sys.exit('the benchmarks need pyperf: pip install "memostore[bench]"')

from benchmarks import machine, report

RESULTS = Path(__file__).parent / "results" / "fingerprint"
DEFINITIONS = 50
BAR = 0.005  # seconds for the first key of a process
HELPER = '''
def helper_{n}(x, scale=2):
    """Add up, number {n}."""
    total = 0
    for number in range(x):
        if number % {n} == 0:
            total += number * scale + LIMIT
        else:
            total -= math.sqrt(number)
    return {next}total
'''
CHILD = """
import json, sys, time
from memostore import Store
import project
store = Store(sys.argv[1])
root = store.memoize(project.root)
seconds = []
for _ in range(1001):
    began = time.perf_counter()
    root.key(3)
    seconds.append(time.perf_counter() - began)
root(3)
store.close()
print(json.dumps({"first": seconds[0], "again": sorted(seconds[1:])[500]}))
"""
MEASURED = {
    "unknown": "the first key of a process, nothing known of the code",
    "known": "the first key of a process, the code known to the store",
    "again": "every further key: what was seen is checked",
}


def write_project(directory: Path) -> None:
    texts = ["import math\n\nLIMIT = 3\n"]
    for n in range(1, DEFINITIONS - 1):
        texts.append(HELPER.format(n=n, next=f"helper_{n + 1}(x - 1) + " if n < DEFINITIONS - 2 else ""))
    texts.append("\ndef root(x):\n    return helper_1(x)\n")
    (directory / "project.py").write_text("\n".join(texts))
    (directory / "child.py").write_text(CHILD)


def run(directory: Path) -> dict[str, float]:
    command = [sys.executable, str(directory / "child.py"), str(directory / "memo.db")]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(found.stdout)


def one_round() -> dict[str, float]:
    with TemporaryDirectory() as directory:
        write_project(Path(directory))
        unknown, known = run(Path(directory)), run(Path(directory))
    return {"unknown": unknown["first"], "known": known["first"], "again": known["again"]}


def show(medians: dict[str, float], console: Console) -> None:
    table = Table(title=f"A function that reaches {DEFINITIONS} definitions")
    for head in ("what", "median", "bar", "met"):
        table.add_column(head)
    for name, what in MEASURED.items():
        bar = ("", "") if name == "again" else (f"{BAR * 1e3:g} ms", "yes" if medians[name] <= BAR else "no")
        table.add_row(what, f"{medians[name] * 1e3:.4g} ms", *bar)
    console.print(table)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--repeat", type=click.IntRange(min=1), default=11, show_default=True, help="How many rounds.")
@click.option("--json", "path", type=click.Path(dir_okay=False, path_type=Path), help="Where the JSON goes.")
def main(repeat: int, path: Path | None) -> None:
    """Measure what a fingerprint costs, in fresh processes."""
    began, before = datetime.now(UTC), machine.load()
    rounds = [one_round() for _ in range(repeat)]
    samples = {name: [one[name] for one in rounds] for name in MEASURED}
    medians = {name: statistics.median(values) for name, values in samples.items()}
    path = path or RESULTS / f"{began:%Y-%m-%d}.json"
    about = {"date": began.isoformat(timespec="seconds"), "machine": machine.describe(), "load_before": before}
    measured = {"definitions": DEFINITIONS, "bar": BAR, "medians": medians, "samples": samples}
    report.write(path, {"format": 1, **about, **measured})
    show(medians, Console())
    click.echo(f"written: {path}")


if __name__ == "__main__":
    main()
