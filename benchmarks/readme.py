"""Write the newest figures into the README, between its `<!-- benchmarks -->` marks: `python -m benchmarks.readme`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
MARKS = re.compile(r"(<!-- benchmarks -->\n).*?(<!-- /benchmarks -->)", re.DOTALL)


def newest() -> Path:
    """Return the newest result that is kept with the project."""
    return max((ROOT / "benchmarks" / "results").glob("*.json"))


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


if __name__ == "__main__":
    README.write_text(MARKS.sub(lambda marks: marks[1] + section(newest()) + marks[2], README.read_text()))
