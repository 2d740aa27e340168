"""Edits of small projects between two runs: no stale result, and nothing computed again that need not be."""

import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))
cases = importlib.import_module("benchmarks.corpora.cases")
judging = importlib.import_module("benchmarks.corpora.judging")
running = importlib.import_module("benchmarks.corpora.running")
sys.path.remove(str(ROOT))

EDITS = cases.load("edits")
each_edit = pytest.mark.parametrize("case", EDITS, ids=lambda case: case.name)


@pytest.fixture(scope="module")
def servers():
    with running.servers(["memostore"]) as both:
        yield both


def check(case, runners, directory):
    if absent := judging.missing(case):
        pytest.skip(f"not installed: {', '.join(absent)}")
    verdict = judging.judge(case, ["memostore"], runners, directory)["memostore"]
    assert verdict.passed, f"{case.clause}: {case.title} ({case.outcome}): {verdict}\n{verdict.errors}"


@each_edit
def test_an_edit_computes_again_exactly_if_it_must(case, servers, tmp_path):
    check(case, servers, tmp_path)


@pytest.mark.stress
@each_edit
def test_an_edit_with_processes_that_are_started_one_by_one(case, tmp_path):
    check(case, tuple(map(running.Started, running.SEEDS)), tmp_path)


def test_there_are_enough_edits_of_either_kind():
    assert len(EDITS) >= 100
    assert min(sum(case.hits for case in EDITS), sum(not case.hits for case in EDITS)) >= 50
