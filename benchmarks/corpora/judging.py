"""What a cache did in a case, next to what the same scripts do without one."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.corpora.cases import Case
from benchmarks.corpora.project import Project
from benchmarks.corpora.running import Ran, Runner, request


class Unsound(Exception):
    """The case itself is wrong: without a cache, its scripts do not do what it says."""


@dataclass(frozen=True)
class Verdict:
    """What went wrong, in a sentence each; empty where nothing did. `refused` is what was raised."""

    stale: str = ""
    needless: str = ""
    refused: str = ""
    errors: str = ""

    @property
    def passed(self) -> bool:
        return not (self.stale or self.needless or self.refused)

    def __str__(self) -> str:
        named = {"stale": self.stale, "needless": self.needless, "refused": self.refused}
        return "; ".join(f"{name}: {what}" for name, what in named.items() if what) or "passed"


def missing(case: Case) -> list[str]:
    """Return the libraries that a case needs and that are not installed."""
    return [name for name in case.needs if importlib.util.find_spec(name) is None]


def judge(case: Case, caches: Iterable[str], runners: tuple[Runner, Runner], directory: Path) -> dict[str, Verdict]:
    """Run a case without a cache and with each cache; return a verdict for each. Raise Unsound for a wrong case."""
    names = ["none", *caches]
    project = Project(case, directory)
    store = {name: directory / "caches" / name for name in names}
    first = {name: runners[0].run(request(case, project.root, case.before, name, store[name])) for name in names}
    project.edit()
    second = {name: runners[1].run(request(case, project.root, case.after, name, store[name])) for name in names}
    check_truth(case, first["none"], second["none"])
    return {name: verdict(case, (first["none"], second["none"]), (first[name], second[name])) for name in names[1:]}


def check_truth(case: Case, first: Ran, second: Ran) -> None:
    """See that without a cache both runs end well, and that the result changes exactly where the case says so."""
    if first.raised or second.raised:
        raise Unsound(f"{case.name}: without a cache: {first.raised or second.raised}")
    if not first.output or not sum(first.executed.values()) or not sum(second.executed.values()):
        raise Unsound(f"{case.name}: nothing is printed, or no memoized function runs")
    if (first.output == second.output) is not (case.hits ^ case.by_request):
        raise Unsound(f"{case.name}: {case.outcome}, but uncached: {first.output!r}, then {second.output!r}")


def verdict(case: Case, truth: tuple[Ran, Ran], found: tuple[Ran, Ran]) -> Verdict:
    """Compare what a cache gave with what is true."""
    raised = next((ran.raised for ran in found if ran.raised), None)
    if raised:
        return Verdict(refused=raised.strip().splitlines()[-1], errors=found[0].errors + found[1].errors)
    expected = truth[0].output, truth[0 if case.hits and case.by_request else 1].output
    stale = [
        f"run {number} printed {ran.output!r} instead of {output!r}"
        for number, (ran, output) in enumerate(zip(found, expected, strict=True), 1)
        if ran.output != output
    ]
    if not stale and not case.hits and not sum(found[1].executed.values()):
        stale = ["run 2 computed nothing"]
    return Verdict("; ".join(stale), _needless(case, found), errors=found[0].errors + found[1].errors)


def _needless(case: Case, found: tuple[Ran, Ran]) -> str:
    """Return which memoized functions ran more often than they had to."""
    wanted = case.first, {} if case.hits and case.second is None else case.second
    return "; ".join(
        f"run {number} ran {name} {times} times instead of {most.get(name, 0)}"
        for number, (ran, most) in enumerate(zip(found, wanted, strict=True), 1)
        if most is not None
        for name, times in sorted(ran.executed.items())
        if times > most.get(name, 0)
    )
