"""`memostore demo`: what it claims is so, by the data and not by the clock."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from memostore import Store
from memostore.cli import demo_work as work
from memostore.cli import main
from memostore.cli.demo import QUERY, check

MODULES = 8


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """Run a small demo, and return its figures and its store."""
    path = tmp_path_factory.mktemp("demo") / "folder" / "demo.db"
    result = CliRunner().invoke(main, ["demo", "--modules", str(MODULES), "--keep", str(path), "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout), path


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the steps use a store of this test, and not the one of another test or of the user."""
    path = tmp_path / "steps.db"
    monkeypatch.setenv("MEMOSTORE_URL", str(path))
    for step in (work.parse, work.measure, work.compare):
        monkeypatch.setattr(step, "_plan", None)
    return path


def test_the_warm_run_computes_nothing(kept: tuple[dict[str, Any], Path]) -> None:
    figures, _ = kept
    cold, warm = figures["cold"], figures["warm"]
    assert cold["modules"] == warm["modules"] == MODULES
    calls = {"parse": MODULES, "measure": MODULES, "compare": cold["pairs"]}
    assert cold["pairs"] > 0
    assert {name: step["computed"] for name, step in cold["steps"].items()} == calls
    assert {name: step["cached"] for name, step in warm["steps"].items()} == calls
    assert {name: step["computed"] for name, step in warm["steps"].items()} == dict.fromkeys(calls, 0)
    assert cold["answers"] == warm["answers"]
    assert figures["same_answers"] is True
    assert figures["faster"] == cold["seconds"] / warm["seconds"] > 1


def test_the_demo_tells_what_the_store_knows(kept: tuple[dict[str, Any], Path]) -> None:
    figures, path = kept
    assert figures["store"] == str(path)
    with Store(path, read_only=True) as store:
        functions = {function.qualname: function for function in store.functions()}
        assert figures["query"] == {"sql": QUERY, "rows": store.sql(QUERY)}
    assert len(figures["query"]["rows"]) == 5
    assert all(row["one"] != row["other"] for row in figures["query"]["rows"])
    for shown in figures["stored"]:
        function, cold = functions[shown["qualname"]], figures["cold"]["steps"][shown["qualname"]]
        assert (shown["entries"], shown["size"]) == (function.entries, function.size)
        assert function.entries == function.misses == cold["computed"]
        assert function.hits == cold["cached"] + figures["warm"]["steps"][shown["qualname"]]["cached"]
    for name, step in figures["warm"]["steps"].items():  # every call was a hit: it saved what all of them took
        assert step["saved_seconds"] == pytest.approx(functions[name].compute_seconds)


def test_a_demo_begins_with_no_store(kept: tuple[dict[str, Any], Path]) -> None:
    _, path = kept
    before = path.read_bytes()
    result = CliRunner().invoke(main, ["demo", "--modules", "2", "--keep", str(path)])
    assert result.exit_code == 2
    assert "a file is there" in result.output
    assert path.read_bytes() == before


def test_the_demo_for_people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cwd").mkdir()
    (tmp_path / "cwd" / "tokenize.py").write_text("raise SystemExit('a file of the current directory was imported')")
    (tmp_path / "temporary").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    mine = tmp_path / "mine.db"
    result = CliRunner().invoke(main, ["demo", "--modules", "4"], env={"COLUMNS": "80", "MEMOSTORE_URL": str(mine)})
    assert result.exit_code == 0, result.output
    assert "in 4 modules" in result.stdout
    assert "The second run gave the same answers" in result.stdout
    assert "memostore.cli.demo_work.compare" in result.stdout
    assert QUERY in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert list((tmp_path / "temporary").iterdir()) == []
    assert not mine.exists()  # nobody's own store is touched


@pytest.mark.parametrize("modules", ["1", "0", "many"])
def test_a_number_of_modules_that_makes_no_pair(modules: str) -> None:
    result = CliRunner().invoke(main, ["demo", "--modules", modules])
    assert result.exit_code == 2
    assert "--modules" in result.output


def test_a_run_that_fails_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = CliRunner().invoke(main, ["demo", "--modules", "2", "--json", "--keep", str(tmp_path / "file" / "x.db")])
    assert result.exit_code == 1
    assert "the cold run failed" in result.output


@pytest.mark.parametrize(("computed", "same"), [(1, True), (0, False)])
def test_the_demo_fails_where_it_can_not_keep_its_word(computed: int, same: bool) -> None:
    figures = {"warm": {"steps": {"parse": {"computed": computed}}}, "same_answers": same}
    with pytest.raises(click.ClickException, match="bug in memostore"):
        check(figures)
    check({"warm": {"steps": {"parse": {"computed": 0}}}, "same_answers": True})


# The work itself

LEFT = """
class Reader:
    def load(self, path, strict=False):
        with open(path) as file:
            for line in file:
                if strict and not line.strip():
                    raise ValueError(line)
                self.lines.append(line.strip())
        return [line for line in self.lines if line]
"""
RIGHT = LEFT.replace("Reader", "Source").replace("path", "name").replace("line", "row").replace("rows", "lines")


def test_the_steps_are_right(store: Path) -> None:
    left: work.Module = {"name": "left", "source": LEFT}
    right: work.Module = {"name": "right", "source": RIGHT}
    (function,) = work.parse(left)
    assert function.name == "Reader.load"
    assert function.branches == 1 + 4  # for, if, and, and the comprehension
    assert work.measure(left).hardest == "Reader.load"
    assert work.measure(left).functions == 1
    likeness = work.compare(left, right)
    assert (likeness.twins, likeness.of) == (1, 1)
    assert (likeness.left, likeness.right) == ("Reader.load", "Source.load")
    assert likeness.closest > 0.9
    empty: work.Module = {"name": "empty", "source": ""}
    assert work.compare(empty, right) == work.Likeness(0, 0, 0.0, "", "")
    assert store.exists()


def test_an_edited_module_is_computed_anew(store: Path) -> None:
    module: work.Module = {"name": "left", "source": LEFT}
    work.parse(module)
    assert work.parse.is_cached({"name": "left", "source": LEFT})
    assert not work.parse.is_cached({"name": "left", "source": LEFT + "#"})


def test_modules_are_those_of_the_standard_library() -> None:
    modules = work.modules()
    names = [module["name"] for module in modules]
    assert {"ast", "asyncio.tasks", "json.decoder"} <= set(names)
    assert not {name.partition(".")[0] for name in names} & work.SKIPPED
    assert len(names) == len(set(names)) > 300
    some = [module["name"] for module in work.modules(10)]
    assert len(some) == 10
    assert set(some) <= set(names)


def test_related_modules_share_rare_names() -> None:
    def measures(*names: str) -> work.Measures:
        return work.Measures(1, 0, 1, 0, "", 0, names)

    common = {f"m{number}": measures("everywhere") for number in range(work.COMMON + 1)}
    found = work.related({"c": measures("x", "y"), "b": measures("x"), "a": measures("y", "x"), **common}, 9)
    assert found == [("a", "c"), ("a", "b"), ("b", "c")]
