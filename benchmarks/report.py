"""The results as JSON, exact and with every sample, and as tables for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.frame import OURS, Bar, Result
from benchmarks.timing import HINT

FORMAT = 1


def document(results: Sequence[Result], **about: Any) -> dict[str, Any]:
    return {"format": FORMAT, **about, "benchmarks": [_benchmark(result) for result in results]}


def write(path: Path, contents: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(contents, indent=1) + "\n", encoding="utf-8")


def show(results: Sequence[Result], console: Console) -> None:
    for result in results:
        console.print(_times(result))
        for peer in result.skipped:
            console.print(f"skipped: {peer} ({HINT})", style="yellow", markup=False)
    if any(result.benchmark.bars for result in results):
        console.print(_bars(results))


def _benchmark(result: Result) -> dict[str, Any]:
    medians = result.medians()
    return {
        "name": result.benchmark.name,
        "measures": result.benchmark.measures,
        "unit": "seconds an operation",
        "peers": {
            peer: {
                "version": result.versions[peer],
                "median": medians[peer],
                "spread": result.spread(peer),
                "samples": samples,
            }
            for peer, samples in result.samples.items()
        },
        "skipped": dict.fromkeys(result.skipped, HINT),
        "bars": [_bar(bar, medians) for bar in result.benchmark.bars],
    }


def _bar(bar: Bar, medians: dict[str, float]) -> dict[str, Any]:
    figure = bar.figure(medians)
    return {"bar": str(bar), "figure": figure, "met": None if figure is None else bar.met(figure)}


def _times(result: Result) -> Table:
    table = Table(title=f"{result.benchmark.name}: {result.benchmark.measures}", title_justify="left")
    table.add_column("peer")
    for heading in ("median", "spread", f"x {OURS}"):
        table.add_column(heading, justify="right")
    table.add_column("version")
    medians = result.medians()
    for peer in sorted(medians, key=medians.__getitem__):
        spread = result.spread(peer)
        ratio = f"{medians[peer] / medians[OURS]:.2f}" if OURS in medians else ""
        cells = (microseconds(medians[peer]), "" if spread is None else f"{spread:.1%}", ratio, result.versions[peer])
        table.add_row(peer, *cells, style="bold" if peer == OURS else None)
    return table


def _bars(results: Sequence[Result]) -> Table:
    table = Table("benchmark", "bar", title="bars", title_justify="left")
    table.add_column("figure", justify="right")
    table.add_column("met")
    for result in results:
        medians = result.medians()
        for bar in result.benchmark.bars:
            judged = _bar(bar, medians)
            figure = "" if judged["figure"] is None else f"{judged['figure']:.2f}"
            table.add_row(result.benchmark.name, judged["bar"], figure, VERDICTS[judged["met"]])
    return table


VERDICTS = {True: "[green]met[/]", False: "[red]not met[/]", None: "not measured"}


def microseconds(seconds: float) -> str:
    amount = seconds * 1e6
    return f"{amount:,.2f} µs" if amount < 100 else f"{amount:,.0f} µs"
