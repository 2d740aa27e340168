"""Write the newest figures into the README, between its marks: `python -m benchmarks.readme`.

Times stand between `<!-- benchmarks -->` and its end, what is stale and needless between `<!-- corpora -->` and its,
what a long generator and a batch cost between `<!-- stream -->` and `<!-- batch -->` and theirs.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from benchmarks.corpora import report

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
RESULTS = ROOT / "benchmarks" / "results"
MARKS = re.compile(r"(<!-- (benchmarks|corpora|stream|batch) -->\n).*?(<!-- /\2 -->)", re.DOTALL)


def newest(folder: Path = RESULTS) -> Path:
    """Return the newest result that is kept with the project."""
    return max(folder.glob("*.json"))


def section(result: Path) -> str:
    """Return the README's lines for one result: a row for each peer, a column for each benchmark."""
    found = json.loads(result.read_text())
    benchmarks = found["benchmarks"]
    peers = sorted(benchmarks[0]["peers"], key=lambda name: benchmarks[0]["peers"][name]["median"])
    machine, settings = found["machine"], found["settings"]
    heads = [benchmark["measures"].partition(":")[0] for benchmark in benchmarks]
    rows = [[name, *(cell(benchmark["peers"], name) for benchmark in benchmarks)] for name in peers]
    lines = [
        f"Medians of {settings['repeat']} rounds on {found['date'][:10]}, {machine['python']},",
        f"SQLite {machine['sqlite']}, {machine['cpu_count']} x {machine['cpu_model_name']},",
        f"load {settings['load_before']:.1f}",
        f"([figures](benchmarks/results/{result.name})); in brackets, how many times memostore's:",
        "",
        *(f"| {' | '.join(row)} |" for row in (["", *heads], ["---"] * (len(heads) + 1), *rows)),
    ]
    return "\n".join(lines) + "\n"


def cell(peers: dict[str, Any], name: str) -> str:
    """Return one peer's median, and its ratio to memostore's."""
    if name not in peers:
        return ""
    median, own = peers[name]["median"], peers["memostore"]["median"]
    return f"{median * 1e6:,.2f} µs" + ("" if name == "memostore" else f" ({median / own:.2g})")


def corpora_section(result: Path) -> str:
    """Return the README's lines for one run of the corpora: a row for each cache."""
    found = json.loads(result.read_text())
    cases, versions = found["cases"], [f"{name} {cache['version']}" for name, cache in found["caches"].items()]
    lines = [
        f"Of {cases['pairs']} pairs of calls and {cases['edits']} edits of projects, on {found['date'][:10]},",
        f"with {found['machine']['python']}, {', '.join(versions)}",
        f"([every case](benchmarks/results/corpora/{result.name})):",
        "",
        *(f"| {' | '.join(row)} |" for row in (report.HEADS, ["---"] * len(report.HEADS), *report.rows(found))),
    ]
    return "\n".join(lines) + "\n"


def stream_section(result: Path) -> str:
    """Return the README's lines for one long generator: a row for each cache and step."""
    found = json.loads(result.read_text())
    rows = [
        [name, step, f"{taken['peak'] / 1e6:,.0f} MB", f"{taken['seconds']:.1f} s"]
        for name, steps in found["results"].items()
        for step, taken in steps.items()
    ]
    return table(["", "", "largest memory of the process", "took"], rows, source("stream", result))


def batch_section(result: Path) -> str:
    """Return the README's lines for batches: a row for each kind of result."""
    found = json.loads(result.read_text())
    rows = []
    for one in found["results"].values():
        medians, ratios = one["medians"], one["ratios"]
        cells = (medians["computing"], medians["call"], medians["floor"])
        enough = f"{one['met_from_seconds_a_text'] * 1e6:,.0f} µs"
        ratio = f"{ratios['to the raw lookups']:.2f}"
        rows.append([one["returns"], *(f"{cell * 1e3:,.0f} ms" for cell in cells), ratio, enough])
    heads = [
        "", "the function alone, for the new texts", "the call", "raw lookups and the function", "ratio",
        "time of the function for a new text from which the ratio is 1.5",
    ]  # fmt: skip
    return table(heads, rows, source("batch", result))


def source(folder: str, result: Path) -> str:
    """Return the line that says where figures are from."""
    found = json.loads(result.read_text())
    return f"On {found['date'][:10]} ([figures](benchmarks/results/{folder}/{result.name})):"


def table(heads: list[str], rows: list[list[str]], before: str) -> str:
    """Return a line and a table in Markdown."""
    lines = [before, "", *(f"| {' | '.join(row)} |" for row in (heads, ["---"] * len(heads), *rows))]
    return "\n".join(lines) + "\n"


def updated(readme: str) -> str:
    """Return the README's text with the newest figures."""
    sections = {
        "benchmarks": section(newest()), "corpora": corpora_section(newest(RESULTS / "corpora")),
        "stream": stream_section(newest(RESULTS / "stream")), "batch": batch_section(newest(RESULTS / "batch")),
    }  # fmt: skip
    return MARKS.sub(lambda marks: marks[1] + sections[marks[2]] + marks[3], readme)


if __name__ == "__main__":
    README.write_text(updated(README.read_text()))
