"""The command `memostore`: each command's answer, its JSON, its prompts, and what it says to bad input."""

from __future__ import annotations

import json
import os
import pty
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from memostore import Store
from memostore.cli import main, render

DAY = 86400.0
LISTING = {"stats", "ls", "show", "explain", "doctor", "sql", "path", "demo"}
REMOVING = {"invalidate", "expire", "evict"}
OPENING = {
    "stats": ["stats"],
    "ls": ["ls"],
    "show": ["show", "ab"],
    "explain": ["explain", "prep.embed"],
    "doctor": ["doctor", "--json"],
    "sql": ["sql", "select 1"],
    "invalidate": ["invalidate", "--function", "*", "--yes"],
    "expire": ["expire", "--yes"],
    "evict": ["evict", "--entries", "0", "--yes"],
    "vacuum": ["vacuum"],
    "migrate": ["migrate"],
}

Run = Callable[..., Result]


def fill(path: Path) -> None:
    """Make a store of five entries: three of them ten days old, one of which has expired, and a value put by name."""
    for age in (10 * DAY, 0.0):
        with Store(path, compress="never", eviction="cost", clock=lambda age=age: time.time() - age) as store:

            @store.memoize(name="prep.embed", tags=("nightly",) if age else ())
            def embed(text: str, lr: float) -> bytes:
                return text.encode() * 1000

            @store.memoize(name="prep.load", ttl="1h")
            def load(path: str) -> int:
                return len(path)

            if age:
                embed("old", 0.1), embed("older", 0.5), load("a.csv")
            else:
                embed("new", 0.1), embed("new", 0.1), embed("new", 0.1)
                store.put("weights", [1.5, 2.5])


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli") / "template.db"
    fill(path)
    return path


@pytest.fixture
def path(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(template, tmp_path / "results.db"))


@pytest.fixture
def run(path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.delenv("COLUMNS", raising=False)  # pytest-xdist gives its workers one

    def invoke(*arguments: str, **settings: Any) -> Result:
        result = CliRunner().invoke(main, ["--store", str(path), *arguments], **settings)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return invoke


def answer(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def count(path: Path) -> int:
    with Store(path, read_only=True) as store:
        return store.stats().entries


# The whole


@pytest.mark.parametrize("name", main.commands)
def test_every_command_and_option_has_help(name: str) -> None:
    command = main.commands[name]
    assert command.help
    options = [option for option in command.params if isinstance(option, click.Option)]
    assert [option.opts for option in options if not option.help] == []
    described = " ".join([command.help, *(option.help or "" for option in options)])
    assert [param.name for param in command.params if param.make_metavar(click.Context(command)) == ""] == []
    for argument in (param for param in command.params if isinstance(param, click.Argument)):
        assert argument.metavar
        assert argument.metavar in described


def test_every_option_of_the_group_has_help() -> None:
    assert [option.opts for option in main.params if not getattr(option, "help", None)] == []


def test_each_listing_command_has_json_and_each_removing_one_asks() -> None:
    flags = {name: {flag for param in command.params for flag in param.opts} for name, command in main.commands.items()}
    assert {name for name in flags if "--json" in flags[name]} == LISTING
    assert {name for name in flags if {"--yes", "--dry-run"} <= flags[name]} == REMOVING
    assert set(flags) == LISTING | REMOVING | {"vacuum", "migrate"}
    assert set(OPENING) == set(flags) - {"demo", "path"}


def test_help_imports_nothing_slow() -> None:
    script = "from memostore.cli import main; import sys; main(['--help'], standalone_mode=False); " + (
        "print('slow:', *sorted({'sqlalchemy', 'alembic', 'rich', 'numpy', 'cloudpickle'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage:")
    assert done.stdout.splitlines()[-1] == "slow:"


def test_help_lists_the_commands_in_order_with_whole_sentences() -> None:
    page = CliRunner().invoke(main, ["--help"]).stdout
    lines = page.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    assert [line.split()[0] for line in lines] == list(main.commands)
    assert lines[0].split()[0] == "demo"
    assert [line for line in lines if line.endswith("...")] == []


def test_the_module_runs_as_a_command(path: Path) -> None:
    command = [sys.executable, "-m", "memostore.cli"]
    version = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert version.stdout.startswith("memostore ")
    failed = subprocess.run(
        [*command, "sql", "delete from entry"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"MEMOSTORE_URL": str(path)},
    )
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert failed.stderr.startswith("Error: ")
    assert "Traceback" not in failed.stderr


# Which store


@pytest.mark.parametrize("name", OPENING)
def test_a_store_that_is_not_there_is_an_error_and_not_made(name: str, tmp_path: Path) -> None:
    missing = tmp_path / "folder" / "none.db"
    result = CliRunner().invoke(main, ["-s", str(missing), *OPENING[name]])
    assert result.exit_code == 1
    assert f"there is no store at {missing}" in result.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", OPENING)
def test_a_file_that_is_no_store_is_an_error_and_left_alone(name: str, tmp_path: Path) -> None:
    text, foreign = tmp_path / "notes.txt", tmp_path / "foreign.db"
    text.write_text("not a database, but longer than the header of one\n" * 10)
    connection = sqlite3.connect(foreign)
    connection.execute("CREATE TABLE mine (x)")
    connection.close()
    for file in (text, foreign):
        before = file.read_bytes()
        result = CliRunner().invoke(main, ["-s", str(file), *OPENING[name]])
        assert result.exit_code == 1
        assert isinstance(result.exception, SystemExit)
        assert str(file) in result.output
        assert file.read_bytes() == before
    assert sorted(found.name for found in tmp_path.iterdir()) == ["foreign.db", "notes.txt"]


@pytest.mark.parametrize(("where", "says"), [("", "path=''"), (".", "is a directory"), ("oracle://x", "oracle://x")])
def test_a_place_that_can_be_no_store(where: str, says: str) -> None:
    result = CliRunner().invoke(main, ["-s", where, "stats"], env={"MEMOSTORE_URL": "/nowhere.db"})
    assert result.exit_code == 1
    assert says in result.output


def test_path_tells_where_the_store_is(run: Run, path: Path, tmp_path: Path) -> None:
    assert run("path").stdout == f"{path}\n"
    assert answer(run("path", "--json")) == {"store": str(path), "path": str(path), "exists": True}
    missing = tmp_path / "none.db"
    by_environment = CliRunner().invoke(main, ["path", "--json"], env={"MEMOSTORE_URL": f"sqlite:///{missing}"})
    assert answer(by_environment) == {"store": f"sqlite:///{missing}", "path": str(missing), "exists": False}
    by_default = CliRunner().invoke(main, ["path"], env={"MEMOSTORE_URL": None, "XDG_CACHE_HOME": str(tmp_path)})
    assert by_default.stdout.strip().endswith("memostore.db")
    assert not missing.exists()


def test_the_option_goes_before_the_environment(run: Run, path: Path) -> None:
    assert run("path", env={"MEMOSTORE_URL": "elsewhere.db"}).stdout == f"{path}\n"


# stats, ls


def test_stats(run: Run, path: Path) -> None:
    data = answer(run("stats", "--json"))
    assert data["store"] == str(path)
    assert {name: data["totals"][name] for name in ("entries", "functions", "hits", "misses")} == {
        "entries": 5,
        "functions": 3,
        "hits": 2,
        "misses": 4,
    }
    assert data["totals"]["size"] == sum(function["size"] for function in data["functions"])
    by_name = {function["function"]: function for function in data["functions"]}
    assert by_name["prep.embed"]["entries"] == 3
    assert by_name["prep.embed"]["hits"] == 2
    table = run("stats").stdout
    assert "5 of 3 functions" in table
    assert "2 of 6 calls (33%)" in table
    assert "prep.embed" in table
    assert f"{by_name['prep.embed']['size'] / 1000:.1f} kB" in table


FILTERED: dict[str, tuple[list[str], set[str]]] = {
    "all": ([], {"old", "older", "new", "a.csv", "weights"}),
    "function": (["--function", "prep.load"], {"a.csv"}),
    "qualname": (["-f", "embed"], {"old", "older", "new"}),
    "pattern": (["-f", "prep.*"], {"old", "older", "new", "a.csv"}),
    "tag": (["--tag", "nightly"], {"old", "older"}),
    "age": (["--older-than", "7d"], {"old", "older", "a.csv"}),
    "disuse": (["--unused-for", "1h"], {"old", "older", "a.csv"}),
    "size": (["--larger-than", "4kB"], {"older"}),
    "number": (["--arg", "lr=0.1"], {"old", "new"}),
    "text": (["--arg", "text=old"], {"old"}),
    "quoted": (["-a", 'text="older"'], {"older"}),
    "both arguments": (["-a", "lr=0.1", "-a", "text=new"], {"new"}),
    "several": (["-f", "embed", "--older-than", "7d", "-a", "lr=0.5"], {"older"}),
    "none": (["--tag", "nightly", "--function", "load"], set()),
}


def names(entries: list[dict[str, Any]]) -> list[str]:
    """Return each entry's one argument that tells it from others."""
    return [next(value for value in entry["arguments"].values() if isinstance(value, str)) for entry in entries]


@pytest.mark.parametrize(("arguments", "expected"), FILTERED.values(), ids=FILTERED)
def test_ls_filters(run: Run, arguments: list[str], expected: set[str]) -> None:
    assert set(names(answer(run("ls", "--json", *arguments)))) == expected
    table = run("ls", *arguments).stdout
    assert all(name in table for name in expected)
    assert table.endswith(" B\n" if not expected else "B\n")


def test_ls_of_one_code_version(run: Run) -> None:
    (entry,) = answer(run("ls", "--json", "-f", "load"))
    assert names(answer(run("ls", "--json", "--code", entry["code"][:16]))) == ["a.csv"]


@pytest.mark.parametrize(
    ("order", "first"),
    [("largest", "older"), ("hits", "new"), ("newest", "weights"), ("oldest", "old"), ("unused", "old")],
)
def test_ls_sorts(run: Run, order: str, first: str) -> None:
    found = names(answer(run("ls", "--json", "--sort", order)))
    assert len(found) == 5
    assert found[0] == first
    assert names(answer(run("ls", "--json", "--sort", order, "--limit", "2"))) == found[:2]


def test_ls_sorts_by_cost(run: Run) -> None:
    seconds = [entry["compute_seconds"] for entry in answer(run("ls", "--json", "--sort", "slowest"))]
    assert seconds == sorted(seconds, reverse=True)


def test_ls_is_exact_in_json(run: Run, path: Path) -> None:
    with Store(path, read_only=True) as store:
        expected = store.find(function="load")[0]
    (entry,) = answer(run("ls", "--json", "-f", "load"))
    assert entry["key"] == expected.key
    assert entry["size"] == expected.size
    assert entry["compute_seconds"] == expected.compute_seconds
    assert entry["created"] == render.iso(expected.created)
    assert entry["expires"] == render.iso(expected.expires)
    assert entry["last_hit"] is None
    assert entry["tags"] == []


def test_ls_says_that_there_are_more(run: Run) -> None:
    assert "There are more" in run("ls", "--limit", "4").stdout
    assert "There are more" not in run("ls", "--limit", "5").stdout
    assert "There are more" in run("ls", "--limit", "4", "--sort", "largest").stdout


def test_keys_are_short_in_tables(run: Run) -> None:
    (entry,) = answer(run("ls", "--json", "-f", "load"))
    table = run("ls", "-f", "load").stdout
    assert entry["key"][:12] in table
    assert entry["key"][:13] not in table


def test_a_table_keeps_to_the_terminals_width(run: Run) -> None:
    lines = run("ls", env={"COLUMNS": "72"}).stdout.splitlines()
    assert max(map(len, lines)) <= 72
    assert len(lines) == 5 + len(["", "header", "rule", "", "footer"])
    assert sum("prep" in line for line in lines) == 4  # a row is a line, however narrow


# show


def test_show(run: Run, path: Path) -> None:
    (entry,) = answer(run("ls", "--json", "-f", "load"))
    data = answer(run("show", entry["key"][:10], "--json"))
    assert data["entry"] == entry
    assert "return len(path)" in data["source"]
    assert "value" not in data
    page = run("show", entry["key"].upper()).stdout
    for part in (entry["key"], entry["code"], "prep.load", '"path": "a.csv"', "expired 9 d ago", "return len(path)"):
        assert part in page


def test_show_has_the_source_of_the_function_itself(run: Run, path: Path) -> None:
    with Store(path) as store:

        @store.memoize(name="one.double")
        def one(x: int) -> int:
            return 2 * x  # the first

        @store.memoize(name="two.double")
        def two(x: int) -> int:
            return 2 * x  # the second

        one(1), two(1)
        (entry,) = store.find(function="two.double")
    source = answer(run("show", entry.key, "--json"))["source"]
    assert "the second" in source
    assert "the first" not in source


def test_show_loads_the_value_only_if_asked(run: Run, path: Path, tmp_path: Path) -> None:
    mark = tmp_path / "loaded"
    with Store(path) as store:
        store.put("trap", Trap(str(mark)))
        (entry,) = store.find(args={"name": "trap"})
    run("show", entry.key)
    run("show", entry.key, "--json")
    assert not mark.exists()
    assert answer(run("show", entry.key, "--json", "--value"))["value"] == "'sprung'"
    assert mark.exists()


class Trap:
    """Leaves a mark where it is unpickled."""

    def __init__(self, mark: str) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return spring, (self.mark,)


def spring(mark: str) -> str:
    Path(mark).touch()
    return "sprung"


def test_looking_counts_no_hit(run: Run) -> None:
    (entry,) = answer(run("ls", "--json", "-f", "Store.put"))
    assert "[1.5, 2.5]" in run("show", entry["key"], "--value").stdout
    assert answer(run("ls", "--json", "-f", "Store.put")) == [entry]
    assert answer(run("stats", "--json"))["totals"]["hits"] == 2


def test_show_of_a_stored_error_a_stream_and_a_stale_result(run: Run, path: Path) -> None:
    def failing() -> None:
        raise KeyError("gone")

    def stream() -> Iterator[int]:
        yield from range(1000)

    now = time.time()
    with Store(path, clock=lambda: now) as store:
        with pytest.raises(KeyError):
            store.memoize(cache_errors=KeyError)(failing)()
        list(store.memoize(stream)())
        store.memoize(ttl="1ms", stale_for="1h", name="stale")(lambda: "old")()
        keys = {entry.qualname.rpartition(".")[2]: entry.key for entry in store.find(limit=3)}
    shown = {name: answer(run("show", key, "--json", "--value"))["value"] for name, key in keys.items()}
    assert shown == {"failing": "KeyError('gone')", "stream": str(list(range(100))), "stale": "'old'"}


def test_show_of_an_expired_value(run: Run) -> None:
    (entry,) = answer(run("ls", "--json", "-f", "load"))
    result = run("show", entry["key"], "--value")
    assert result.exit_code == 1
    assert "the value can't be loaded: expired" in result.output


@pytest.mark.parametrize(
    ("prefix", "code", "says"),
    [("xyz", 2, "hex digits"), ("", 2, "hex digits"), ("%", 2, "hex digits"), ("0" * 64, 1, "no entry's key begins")],
)
def test_show_of_no_entry(run: Run, prefix: str, code: int, says: str) -> None:
    result = run("show", prefix)
    assert result.exit_code == code
    assert says in result.output


def test_show_of_several_entries(run: Run, path: Path) -> None:
    with Store(path) as store:
        for number in range(40):  # of 45 keys, some two begin with the same of sixteen digits
            store.put(number, number)
        keys = [entry.key for entry in store.find()]
    digit = next(digit for digit in "0123456789abcdef" if sum(key.startswith(digit) for key in keys) > 1)
    result = run("show", digit)
    assert result.exit_code == 1
    assert f"several keys begin with {digit}: {digit}" in result.output


# sql


def test_sql(run: Run) -> None:
    text = "select function, hit_count, size from entries where hit_count >= :least"
    rows = answer(run("sql", text, "-p", "least=2", "--json"))
    assert rows == [{"function": "prep.embed", "hit_count": 2, "size": rows[0]["size"]}]
    assert rows[0]["size"] > 3000
    table = run("sql", text, "--param", "least=2").stdout
    assert "prep.embed" in table
    assert str(rows[0]["size"]) in table  # exact, for it is the answer
    assert table.endswith("1 row\n")
    assert run("sql", text, "-p", "least=9").stdout == "0 rows\n"
    assert answer(run("sql", text, "-p", "least=9", "--json")) == []


def test_sql_parameters_are_json_or_text(run: Run) -> None:
    text = "select typeof(:a) as a, typeof(:b) as b, typeof(:c) as c, typeof(:d) as d"
    given = ["-p", "a=1", "-p", "b=1.5", "-p", "c=null", "-p", "d=x=y"]
    assert answer(run("sql", text, *given, "--json")) == [{"a": "integer", "b": "real", "c": "null", "d": "text"}]
    assert answer(run("sql", "select :d as d", "-p", "d=x=y", "--json")) == [{"d": "x=y"}]


def test_sql_of_what_json_does_not_know(run: Run) -> None:
    text = "select x'00ff' as bytes, 9e999 as endless, null as none, 0.1 + 0.2 as sum"
    expected = {"bytes": "00ff", "endless": "inf", "none": None, "sum": 0.1 + 0.2}
    assert answer(run("sql", text, "--json")) == [expected]
    assert "<2 bytes>" in run("sql", text).stdout


def test_sql_rows_that_are_too_wide_stand_below_each_other(run: Run) -> None:
    page = run("sql", "select * from entries where qualname = 'load'", env={"COLUMNS": "80"}).stdout
    assert "…" not in page
    assert any(line.split() == ["qualname", "load"] for line in page.splitlines())


@pytest.mark.parametrize(
    "text",
    ["delete from entry", "drop table entry", "attach 'x.db' as x", "pragma page_size = 512", "select nosuch", ""],
)
def test_sql_that_can_not_run(run: Run, path: Path, text: str) -> None:
    before = path.read_bytes()
    for form in ([], ["--json"]):
        result = run("sql", text, *form)
        assert result.exit_code == 1
        assert result.output.startswith("Error: ")
    assert path.read_bytes() == before


def test_nothing_stored_can_steer_the_terminal(run: Run, path: Path) -> None:
    with Store(path) as store:
        store.put("evil" + chr(27) + "]0;owned" + chr(7) + chr(0x9B) + "31m [red]", 1)
        (entry,) = store.find(larger_than=0, limit=1)
    pages = [
        run("ls").stdout,
        run("show", entry.key).stdout,
        run("sql", "select arguments ->> 'name' as name from entries").stdout,
    ]
    for page in pages:
        assert "evil" in page
        assert "[red]" in page  # as it is, no markup
        assert not {chr(27), chr(7), chr(0x9B)} & set(page)


# invalidate, expire, evict


@pytest.mark.parametrize(("arguments", "expected"), [case for case in FILTERED.values() if case[0]])
def test_invalidate_takes_what_ls_lists(run: Run, arguments: list[str], expected: set[str]) -> None:
    before = set(names(answer(run("ls", "--json"))))
    result = run("invalidate", "--yes", *arguments)
    assert result.exit_code == 0
    assert set(names(answer(run("ls", "--json")))) == before - expected
    size = len(expected)
    assert (f"Removed {render.count(size, 'entry')}." if size else "Nothing to remove.") in result.stdout


def test_invalidate_shows_what_it_would_take(run: Run, path: Path) -> None:
    size = sum(entry["size"] for entry in answer(run("ls", "--json", "--tag", "nightly")))
    result = run("invalidate", "--tag", "nightly", "--dry-run")
    assert result.exit_code == 0
    assert f"To remove: 2 entries, {render.size(size)}." in result.stdout
    assert any(line.split()[:2] == ["prep.embed", "2"] for line in result.stdout.splitlines())
    assert "Nothing removed" in result.stdout
    assert count(path) == 5


def test_invalidate_without_a_filter_names_the_filters(run: Run, path: Path) -> None:
    for arguments in ([], ["--yes"], ["--dry-run"]):
        result = run("invalidate", *arguments)
        assert result.exit_code == 2
        for name in ("--function", "--tag", "--older-than", "--unused-for", "--larger-than", "--code", "--arg"):
            assert name in result.output
    assert count(path) == 5


REMOVALS = {
    "invalidate": (["invalidate", "-f", "*"], 0),
    "expire": (["expire"], 4),
    "evict entries": (["evict", "--entries", "2"], 2),
    "evict size": (["evict", "--to", "11kB"], 2),
}


@pytest.mark.parametrize(("arguments", "left"), REMOVALS.values(), ids=REMOVALS)
def test_removal(run: Run, path: Path, arguments: list[str], left: int) -> None:
    asked = run(*arguments)
    assert asked.exit_code == 1
    assert "--yes" in asked.output
    assert "To remove: " in asked.output
    assert count(path) == 5
    looked = run(*arguments, "--dry-run")
    assert looked.exit_code == 0
    assert count(path) == 5
    done = run(*arguments, "--yes")
    assert done.exit_code == 0
    assert f"Removed {render.count(5 - left, 'entry')}." in done.stdout
    assert count(path) == left
    again = run(*arguments)
    assert again.exit_code == 0
    assert again.stdout == "Nothing to remove.\n"


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    ours, theirs = pty.openpty()
    yield ours, theirs
    os.close(ours)
    os.close(theirs)


@pytest.mark.parametrize(("reply", "code", "left"), [("y", 0, 3), ("n", 1, 5), ("", 1, 5)])
def test_the_question_on_a_terminal(path: Path, terminal: tuple[int, int], reply: str, code: int, left: int) -> None:
    ours, theirs = terminal
    os.write(ours, f"{reply}\n".encode())
    done = subprocess.run(
        [sys.executable, "-m", "memostore.cli", "-s", str(path), "invalidate", "--tag", "nightly"],
        stdin=theirs,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert "Remove them? [y/N]" in done.stderr
    assert "2 entries" in done.stdout
    assert done.returncode == code, done.stderr
    assert count(path) == left


def test_evict_goes_by_the_stores_own_policy(run: Run, path: Path) -> None:
    def ranks() -> list[tuple[bytes, float]]:
        with sqlite3.connect(path) as connection:
            return connection.execute(
                "SELECT key, priority FROM entry WHERE expires IS NULL ORDER BY priority, created"
            ).fetchall()

    before = ranks()
    result = run("evict", "--entries", "3", "--yes")  # what has expired goes first
    assert "'cost'" in result.stdout
    assert ranks() == before[1:]


def test_evict_needs_a_limit(run: Run) -> None:
    result = run("evict", "--yes")
    assert result.exit_code == 2
    assert "--to SIZE" in result.output
    assert "--entries N" in result.output


BAD = {
    "negative age": (["ls", "--older-than", "-1"], 1, "older_than='-1'"),
    "no age": (["ls", "--unused-for", "soon"], 1, "unused_for='soon'"),
    "no size": (["ls", "--larger-than", "2 bananas"], 1, "larger_than='2 bananas'"),
    "no size to invalidate": (["invalidate", "--larger-than", "2 bananas", "--yes"], 1, "larger_than='2 bananas'"),
    "no size to evict": (["evict", "--to", "2 bananas", "--yes"], 1, "to='2 bananas'"),
    "no number": (["evict", "--entries", "-1", "--yes"], 2, "--entries"),
    "no limit": (["ls", "--limit", "0"], 2, "--limit"),
    "no order": (["ls", "--sort", "beauty"], 2, "newest"),
    "no argument": (["ls", "--arg", "lr"], 2, "NAME=VALUE"),
    "no argument's name": (["ls", "--arg", "=1"], 2, "NAME=VALUE"),
    "no parameter": (["sql", "select 1", "-p", "x"], 2, "NAME=VALUE"),
    "unknown option": (["ls", "--colour"], 2, "--colour"),
    "unknown command": (["list"], 2, "list"),
    "a missing parameter": (["sql", "select :x"], 1, ":x"),
    "a parameter of no use": (["sql", "select :x", "-p", "x=[1]"], 1, "binding parameter"),
}


@pytest.mark.parametrize(("arguments", "code", "says"), BAD.values(), ids=BAD)
def test_bad_input(run: Run, path: Path, arguments: list[str], code: int, says: str) -> None:
    result = run(*arguments)
    assert result.exit_code == code, result.output
    assert "Error: " in result.output
    assert says in result.output
    assert count(path) == 5


# vacuum, migrate


def test_vacuum_shrinks_the_file(run: Run, path: Path) -> None:
    with Store(path, compress="never") as store:
        store.put("large", os.urandom(3_000_000))
        store.delete("large")
    before = path.stat().st_size
    result = run("vacuum")
    assert result.exit_code == 0
    assert f"{render.size(path.stat().st_size)}.\n" in result.stdout
    assert path.stat().st_size < before - 2_500_000
    assert f"Gave {render.size(before - path.stat().st_size)} back" in result.stdout
    assert count(path) == 5


def test_migrate_of_a_current_store(run: Run, path: Path) -> None:
    before = path.read_bytes()
    result = run("migrate")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Nothing to do: {path} has revision ")
    assert path.read_bytes() == before


def test_migrate_of_a_store_without_tables(tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    path.touch()
    refused = CliRunner().invoke(main, ["-s", str(path), "stats"])
    assert refused.exit_code == 1
    assert "memostore migrate" in refused.output
    result = CliRunner().invoke(main, ["-s", str(path), "migrate"])
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Migrated {path} from revision none to ")
    assert count(path) == 0


def test_migrate_of_a_newer_store(run: Run, path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    before = path.read_bytes()
    for command in (["migrate"], ["stats"], ["vacuum"]):
        result = run(*command)
        assert result.exit_code == 1
        assert "9999" in result.output
        assert "pip install -U memostore" in result.output
    assert path.read_bytes() == before


# explain


def test_explain_shows_what_is_stored(run: Run) -> None:
    shown = run("explain", "prep.embed", "--args", '{"text": "new"}')
    assert shown.exit_code == 0
    assert shown.output.startswith("prep.embed: a result is stored\n")
    assert "served 2 times" in shown.output
    data = answer(run("explain", "embed", "--args", '{"text": "new", "lr": 0.1}', "--json"))
    assert (data["reason"], data["entry"]["hit_count"], data["arguments"]) == ("stored", 2, {"text": "new", "lr": 0.1})


def test_explain_names_the_nearest_call(run: Run) -> None:
    assert "lr: 0.1 -> 0.2" in run("explain", "prep.embed", "--args", '{"text": "new", "lr": 0.2}').output
    assert "never called" in run("explain", "prep.nothing").output


def test_explain_tells_what_was_removed(run: Run, path: Path) -> None:
    with Store(path) as store:
        (entry,) = store.find(args={"text": "new"})
        store.invalidate(args={"text": "new"})
    for call in (("--key", entry.key[:10]), ("prep.embed", "--args", '{"text": "new"}')):
        shown = run("explain", *call).output
        assert "prep.embed: a miss: the result was invalidated" in shown
        assert "by args={'text': 'new'}" in shown


def test_explain_cuts_no_line_in_a_pipe(run: Run, path: Path) -> None:
    with Store(path) as store:
        store.put("long", "x", tags=["a" * 40])
        store.invalidate(tag="a" * 40, where=store.entries.c.function == "memostore.Store.put")
    shown = run("explain", "memostore.Store.put", "--args", '{"name": "long"}', env={"COLUMNS": "80"}).output
    assert "a" * 40 in shown


@pytest.mark.parametrize(
    "options",
    [(), ("prep.embed", "--key", "ab"), ("--key", "ab", "--args", '{"x": 1}'), ("f", "--args", "x"),
     ("f", "--args", "[1]"), ("f", "--args", "{}")],
)  # fmt: skip
def test_explain_says_what_it_needs(run: Run, options: tuple[str, ...]) -> None:
    assert run("explain", *options).exit_code == 2


def test_explain_says_that_a_key_is_not_there(run: Run) -> None:
    refused = run("explain", "--key", "0" * 16)
    assert refused.exit_code == 1
    assert "no entry's key begins so" in refused.output
