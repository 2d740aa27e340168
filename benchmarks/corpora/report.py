"""What came of the corpora, as JSON that names every case, and as a table for people."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.corpora.cases import CORPORA, Case
from benchmarks.corpora.judging import Verdict

FORMAT = 1
FAULTS = ("stale", "needless", "refused")
LONGEST = 240  # characters of what is told about one fault
ADDRESS, PLACE = re.compile(r"0x[0-9a-f]+"), re.compile(r"/[\w./-]*/corpora-\w+")


def document(
    judged: Iterable[tuple[Case, dict[str, Verdict]]], versions: dict[str, str], date: str, machine: dict[str, object]
) -> dict[str, Any]:
    """Return everything that is told about a run."""
    judged = list(judged)
    caches = {
        name: {"version": version, **{corpus: _faults(judged, corpus, name) for corpus in CORPORA}}
        for name, version in versions.items()
    }
    counts = {corpus: sum(case.corpus == corpus for case, _ in judged) for corpus in CORPORA}
    return {"format": FORMAT, "date": date, "machine": machine, "cases": counts, "caches": caches}


def _faults(judged: list[tuple[Case, dict[str, Verdict]]], corpus: str, cache: str) -> dict[str, dict[str, str]]:
    """Return, for each kind of fault, the cases in which a cache made it, with what happened."""
    verdicts = {case.name: verdicts[cache] for case, verdicts in judged if case.corpus == corpus}
    return {
        fault: {name: told(what) for name, verdict in verdicts.items() if (what := getattr(verdict, fault))}
        for fault in FAULTS
    }


def told(what: str) -> str:
    """Return what happened as it reads on every machine: no addresses, no temporary directories, not too long.

    >>> told("can't pickle <f at 0x7f65e048b1a0> of /var/corpora-sktsglu1/caches")
    "can't pickle <f at 0x...> of .../caches"
    """
    text = ADDRESS.sub("0x...", PLACE.sub("...", what))
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 4]} ..."


def write(path: Path, contents: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(contents, indent=1) + "\n")


def rows(contents: dict[str, Any]) -> list[list[str]]:
    """Return a row for each cache: its name, then stale, needless and refused, of pairs and of edits."""
    cases = contents["cases"]
    return [
        [name, *(share(len(found[corpus][fault]), cases[corpus]) for corpus in CORPORA for fault in FAULTS)]
        for name, found in contents["caches"].items()
    ]


HEADS = ["", *(f"{corpus}: {fault}" for corpus in CORPORA for fault in FAULTS)]


def share(count: int, cases: int) -> str:
    """Return a count with its share of all cases.

    >>> share(3, 60), share(0, 60)
    ('3 (5 %)', '0')
    """
    return f"{count} ({100 * count / cases:.2g} %)" if count else "0"


def show(contents: dict[str, Any], console: Console) -> None:
    cases = contents["cases"]
    table = Table(title=f"{cases['pairs']} pairs of calls, {cases['edits']} edits of projects")
    for head in HEADS:
        table.add_column(head, no_wrap=not head)
    for row in rows(contents):
        table.add_row(*row)
    console.print(table)
