"""The frame of the corpora: what is stale, needless, refused or unsound; its command; the page that names its cases."""

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))
cases = importlib.import_module("benchmarks.corpora.cases")
judging = importlib.import_module("benchmarks.corpora.judging")
running = importlib.import_module("benchmarks.corpora.running")
sys.path.remove(str(ROOT))

HELPER = """
== helper | {outcome} | a helper
-- main.py
from caching import memoize
from helpers import scale

@memoize
def f(x):
    return scale(x)

print(f(3))
-- helpers.py
def scale(x):
    return x * 2
-- then
in helpers.py: {edit}
"""
GENERATOR = """
== generator | same | a generator
-- calls.py
from caching import memoize

@memoize
def f(x):
    return list(x)
-- a
f(n for n in [1])
-- b
f(n for n in [1])
"""
CHANGE, COMMENT = "x * 2 => x * 3", "x * 2 => x * 2  # twice"


def read(text, directory, corpus="edits"):
    path = directory / corpus / "cases.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return cases.read(path)


def helper_case(directory, outcome, edit):
    return read(HELPER.format(outcome=outcome, edit=edit), directory)[0]


@pytest.fixture(scope="module")
def runners():
    with running.servers([]) as both:
        yield both


# Verdicts


def test_a_cache_that_does_not_see_a_helper_is_stale(runners, tmp_path):
    pytest.importorskip("diskcache")
    verdict = judging.judge(helper_case(tmp_path, "recompute", CHANGE), ["diskcache"], runners, tmp_path)["diskcache"]
    assert verdict.stale == "run 2 printed '6\\n' instead of '9\\n'"
    assert not verdict.passed


def test_computing_again_after_a_comment_is_needless(runners, tmp_path):
    truth = judging.judge(helper_case(tmp_path, "hit", COMMENT), ["none"], runners, tmp_path)
    assert truth["none"].needless == "run 2 ran f 1 times instead of 0"


def test_a_cache_that_raises_refuses(runners, tmp_path):
    pytest.importorskip("diskcache")
    (case,) = read(GENERATOR, tmp_path, "pairs")
    assert "generator" in judging.judge(case, ["diskcache"], runners, tmp_path)["diskcache"].refused


@pytest.mark.parametrize(("outcome", "edit"), [("hit", CHANGE), ("recompute", COMMENT), ("hit by request", COMMENT)])
def test_a_case_that_says_what_is_not_so_is_unsound(outcome, edit, runners, tmp_path):
    with pytest.raises(judging.Unsound, match=outcome):
        judging.judge(helper_case(tmp_path, outcome, edit), [], runners, tmp_path)


def test_a_case_whose_script_fails_is_unsound(runners, tmp_path):
    with pytest.raises(judging.Unsound, match="NameError"):
        judging.judge(helper_case(tmp_path, "recompute", "x * 2 => y"), [], runners, tmp_path)


# Reading


def test_text_to_replace_has_to_stand_there_once(runners, tmp_path):
    with pytest.raises(ValueError, match=r"stands 0 times in helpers\.py, not once"):
        judging.judge(helper_case(tmp_path, "hit", "y * 2 => y"), [], runners, tmp_path)


def test_an_unknown_outcome_is_named(tmp_path):
    with pytest.raises(ValueError, match="'maybe' is none of same, "):
        helper_case(tmp_path, "maybe", CHANGE)


def test_two_cases_of_one_name_are_named(tmp_path):
    read(HELPER.format(outcome="hit", edit=COMMENT) * 2, tmp_path)
    with pytest.raises(ValueError, match="two cases have one name: helper"):
        cases.load("edits", tmp_path)


# The command


def test_the_command_counts_for_each_peer_and_writes_json(tmp_path):
    pytest.importorskip("pyperf")
    pytest.importorskip("diskcache")
    command = [sys.executable, "-m", "benchmarks.corpora", "--only", "int_float", "--peers", "memostore,diskcache"]
    done = subprocess.run(
        [*command, "--workers", "1", "--json", str(tmp_path / "out.json")], cwd=ROOT, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "1 pairs of calls, 0 edits" in done.stdout
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["cases"] == {"pairs": 1, "edits": 0}
    assert found["caches"].keys() == {"memostore", "diskcache"}
    assert found["caches"]["memostore"]["pairs"] == {"stale": {}, "needless": {}, "refused": {}}


def test_the_readme_shows_the_newest_counts(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    readme = importlib.import_module("benchmarks.readme")
    assert readme.corpora_section(readme.newest(readme.RESULTS / "corpora")) in readme.README.read_text()


# The page

PAGE = ROOT / "docs" / "recompute.md"
ROW = re.compile(r"^\| (?P<change>[^|]+) \| (?P<happens>[^|]+) \| (?P<shown>`[^|]+`) \|$", re.MULTILINE)


def named_cases():
    found = [case for corpus in cases.CORPORA for case in cases.load(corpus)]
    by_name = {case.name: case for case in found}
    assert len(by_name) == len(found), "a pair and an edit have one name"
    for row in ROW.finditer(PAGE.read_text()):
        for name in re.findall(r"`(\w+)`", row["shown"]):
            yield row["change"], row["happens"].strip(), name, by_name.get(name)


def test_the_page_names_cases_that_exist_and_do_what_it_says():
    rows = list(named_cases())
    assert len({change for change, *_ in rows}) >= 60
    for change, happens, name, case in rows:
        assert case is not None, f"{change}: there is no case {name}"
        assert happens == ("hit" if case.hits else "computed"), f"{change}: {name} says {case.outcome}"
