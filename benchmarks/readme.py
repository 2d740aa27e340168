"""Write the newest figures into the README, between its marks: `python -m benchmarks.readme`.

Times stand between `<!-- benchmarks -->` and its end, what is stale and needless between `<!-- corpora -->` and its.
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
MARKS = re.compile(r"(<!-- (benchmarks|corpora) -->\n).*?(<!-- /\2 -->)", re.DOTALL)


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


def updated(readme: str) -> str:
    """Return the README's text with the newest figures."""
    sections = {"benchmarks": section(newest()), "corpora": corpora_section(newest(RESULTS / "corpora"))}
    return MARKS.sub(lambda marks: marks[1] + sections[marks[2]] + marks[3], readme)


if __name__ == "__main__":
    README.write_text(updated(README.read_text()))
