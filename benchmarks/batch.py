"""What a batch of which little is missing costs: python -m benchmarks.batch [--repeat N] [--json PATH].

Each round calls a function memoized by its elements with 100,000 texts in random order, 1,000 of which are new, and
does beside it, in the same file, the raw work that every implementation has: a SELECT for each thousand of ids, and
`pickle.loads` of each value. The ids are known beforehand, nothing is checked, put in order, counted or saved. Both
compute the same new texts. Two of the functions take next to no time, so that their ratios are those of the worst case;
the third does what those do that batches are for, with one layer of the six or more that they have (`encoder.py`).

The seconds are those of the processor: the file lies in the page cache, so there is nothing to wait for, and whatever
else the machine does would disturb the ratios otherwise.
"""

from __future__ import annotations

import gc
import importlib.util
import os
import pickle
import random
import sqlite3
import statistics
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import click
from rich.console import Console
from rich.table import Table

if importlib.util.find_spec("pyperf") is None:
    sys.exit('the benchmarks need pyperf: pip install "memostore[bench]"')

from blake3 import blake3

from benchmarks import machine, report
from benchmarks.encoder import Encoder
from memostore import Store

# Before NumPy is imported: the time in which its threads wait for each other would count as that of the processor.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

RESULTS = Path(__file__).parent / "results" / "batch"
TEXTS, NEW, AT_ONCE = 100_000, 1_000, 1_000
BAR = 1.5
SELECT = "SELECT key, value, checksum, codec, created, expires, compute_seconds, refresh_at FROM entry WHERE id IN ({})"
MEASURED = {
    "call": "the decorator's call",
    "floor": f"raw: a SELECT for each {AT_ONCE:,}, pickle.loads, the computation",
    "computing": "of which the computation",
    "keys": "raw: a BLAKE3 digest of each text",
    "sorted": "the first raw line, had the ids been sorted beforehand",
    "counting": "afterwards, in the background: the hits written",
}


def lists(texts: list[str]) -> list[list[int]]:
    return [[len(text), 1, 2] for text in texts]


def rows(texts: list[str]) -> Any:
    import numpy

    return numpy.array([[len(text)] * 64 for text in texts], "f4")


encoder = cache(Encoder)


def embeddings(texts: list[str]) -> Any:
    return encoder()(texts)


FUNCTIONS: dict[str, Callable[[list[str]], Any]] = {"lists": lists, "rows": rows, "embeddings": embeddings}
SHOWN = {
    "lists": "a list of three integers for each text",
    "rows": "a NumPy array, 64 float32 for each text",
    "embeddings": "embeddings by a layer of a transformer, 256 float32 for each text",
}


def seconds(work: Callable[[], Any]) -> float:
    gc.collect()
    began = process_time()
    work()
    return process_time() - began


def look_up(connection: sqlite3.Connection, ids: list[int]) -> list[Any]:
    values = []
    select = SELECT.format(", ".join("?" * AT_ONCE))
    for start in range(0, len(ids), AT_ONCE):
        for row in connection.execute(select, ids[start : start + AT_ONCE]).fetchall():
            values.append(pickle.loads(row[1]))
    return values


class Subject:
    """A store that holds all but the new texts, and a connection of one's own to its file."""

    def __init__(self, directory: Path, name: str) -> None:
        self.function = FUNCTIONS[name]
        self.store = Store(directory / f"{name}.db")
        self.memoized = self.store.memoize_batch(over="texts", code="body")(self.function)
        self.known = [f"text number {n} of the many that are to be embedded" for n in range(TEXTS - NEW)]
        self.memoized(self.known)
        self.connection = sqlite3.connect(directory / f"{name}.db", isolation_level=None)
        self.draw = random.Random(7)

    def one_round(self, number: int) -> dict[str, float]:
        new = [f"new text {n} of round {number}" for n in range(NEW)]
        batch = [*self.known, *new]
        self.draw.shuffle(batch)
        ids = [int(key[:16], 16) >> 1 for key in self.memoized.keys(batch)]
        in_order = sorted(ids)
        prefix = bytes(32)
        computing = seconds(lambda: self.function(new))
        return {
            "computing": computing,
            "floor": seconds(lambda: look_up(self.connection, ids)) + computing,
            "sorted": seconds(lambda: look_up(self.connection, in_order)) + computing,
            "keys": seconds(lambda: [blake3(prefix + text.encode()).digest() for text in batch]),
            "call": seconds(lambda: self.memoized(batch)),
            "counting": seconds(self.store.flush),
        }

    def close(self) -> None:
        self.connection.close()
        self.store.close()


def measured(name: str, repeat: int) -> dict[str, Any]:
    with TemporaryDirectory(prefix="benchmark-") as directory:
        subject = Subject(Path(directory), name)
        taken = [subject.one_round(number) for number in range(repeat + 1)][1:]  # the first one warms
        subject.close()
    samples = {what: [one[what] for one in taken] for what in MEASURED}
    medians = {what: statistics.median(values) for what, values in samples.items()}
    ratios = {
        "to the raw lookups": medians["call"] / medians["floor"],
        "to the raw lookups and keys": medians["call"] / (medians["floor"] + medians["keys"]),
        "to the sorted raw lookups and keys": medians["call"] / (medians["sorted"] + medians["keys"]),
    }
    enough = max(0.0, (medians["call"] - BAR * medians["floor"]) / (BAR - 1) + medians["computing"]) / NEW
    found = {"returns": SHOWN[name], "medians": medians, "ratios": ratios, "samples": samples}
    return {**found, "met_from_seconds_a_text": enough}


def show(found: dict[str, Any], console: Console) -> None:
    table = Table("what", "median", title=f"{TEXTS:,} texts, {NEW:,} of them new; {found['returns']}")
    for what, text in MEASURED.items():
        table.add_row(text, f"{found['medians'][what] * 1e3:,.0f} ms")
    for what, ratio in found["ratios"].items():
        table.add_row(f"the call, {what} (bar: {BAR:g})", f"{ratio:.2f}")
    enough = found["met_from_seconds_a_text"]
    table.add_row(f"the first ratio is {BAR:g} where the function takes, for a new text", f"{enough * 1e6:,.0f} µs")
    console.print(table)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--repeat", type=click.IntRange(min=1), default=11, show_default=True, help="How many rounds.")
@click.option("--json", "path", type=click.Path(dir_okay=False, path_type=Path), help="Where the JSON goes.")
def main(repeat: int, path: Path | None) -> None:
    """Measure what a batch costs of which 1 % is missing."""
    began, before = datetime.now(UTC), machine.load()
    names = [name for name in FUNCTIONS if name == "lists" or importlib.util.find_spec("numpy")]
    results = {name: measured(name, repeat) for name in names}
    path = path or RESULTS / f"{began:%Y-%m-%d}.json"
    about = {"date": began.isoformat(timespec="seconds"), "machine": machine.describe(), "load_before": before}
    report.write(path, {"format": 1, **about, "texts": TEXTS, "new": NEW, "bar": BAR, "results": results})
    for found in results.values():
        show(found, Console())
    click.echo(f"written: {path}")


if __name__ == "__main__":
    main()
