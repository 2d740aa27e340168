"""The public views: documented columns, readable by any SQLite client, times as ISO 8601 text, lists as JSON."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from memostore import Store
from memostore.schema import views

pytestmark = pytest.mark.filterwarnings("error::memostore.MemostoreWarning")

# What docs/schema.md promises. A column may be added at the end; none may go, or change its meaning.
COLUMNS = {
    "entries": [
        "key", "function", "module", "qualname", "code", "arguments", "tags", "created", "expires", "refresh_at",
        "last_hit", "hit_count", "size", "compute_seconds", "codec", "host",
    ],
    "functions": [
        "function", "module", "qualname", "entries", "size", "hits", "misses", "saved_seconds", "compute_seconds",
        "first_seen", "last_hit", "versions",
    ],
    "history": ["day", "function", "module", "qualname", "hits", "misses", "saved_seconds"],
}  # fmt: skip
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def load(path, rate=0.1):
    return f"{path} at {rate}"


def read(path, text):
    """Read as any other program would: a plain connection with SQLite's own settings."""
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in connection.execute(text)]
    finally:
        connection.close()


@pytest.fixture
def used(store, clock):
    f = store.memoize(ttl="1d", tags=["io", "nightly"])(load)
    f("a.csv")
    clock.advance(1.5)
    f("a.csv")
    f("b.csv", 0.5)
    store.put("name", 1)
    store.flush()
    return store


@pytest.mark.parametrize("view", COLUMNS)
def test_a_view_has_its_documented_columns_in_their_order(used, path, view):
    assert list(read(path, f"SELECT * FROM {view} LIMIT 1")[0]) == COLUMNS[view]


@pytest.mark.parametrize("view", COLUMNS)
def test_the_selectable_has_the_same_columns_as_the_view(used, view):
    assert [column.name for column in getattr(views, view).columns] == COLUMNS[view]


def test_the_selectables_are_all_the_views_there_are(used, path):
    in_file = {row["name"] for row in read(path, "SELECT name FROM sqlite_master WHERE type = 'view'")}
    assert in_file == set(views.metadata.tables) == set(COLUMNS)


@pytest.mark.parametrize("view", COLUMNS)
def test_every_column_is_documented(view):
    page = Path(__file__).parent.parent / "docs" / "schema.md"
    if not page.exists():
        pytest.skip("docs/schema.md is not written yet")
    section = page.read_text().partition(f"`{view}`")[2]
    assert [column for column in COLUMNS[view] if f"`{column}`" not in section] == []


def test_store_entries_is_the_view_entries(used):
    from sqlalchemy import select

    assert used.entries.name == "entries"
    assert str(select(used.entries.c.size)).split() == ["SELECT", "entries.size", "FROM", "entries"]


def test_entries_show_what_find_tells(used, path):
    rows = {row["key"]: row for row in read(path, "SELECT * FROM entries")}
    for entry in used.find():
        row = rows.pop(entry.key)
        assert row["function"] == f"{row['module']}.{row['qualname']}" == entry.function
        assert (row["code"], row["hit_count"], row["size"], row["codec"]) == (
            entry.code,
            entry.hit_count,
            entry.size,
            entry.codec,
        )
        assert row["compute_seconds"] == entry.compute_seconds
        assert json.loads(row["arguments"]) == entry.arguments
        assert tuple(sorted(json.loads(row["tags"]))) == entry.tags
    assert rows == {}


def test_times_are_iso_8601_in_utc(used, path):
    first = read(path, "SELECT created, expires, last_hit FROM entries WHERE arguments LIKE '%a.csv%'")
    assert first == [
        {
            "created": "2026-04-01T12:00:00.000Z",
            "expires": "2026-04-02T12:00:00.000Z",
            "last_hit": "2026-04-01T12:00:01.500Z",
        }
    ]
    (named,) = read(path, "SELECT * FROM entries WHERE qualname = 'Store.put'")
    assert (named["expires"], named["last_hit"]) == (None, None)
    for function in read(path, "SELECT * FROM functions WHERE qualname = 'load'"):
        assert ISO.fullmatch(function["first_seen"])
        assert ISO.fullmatch(function["last_hit"])


def test_times_of_a_real_clock_are_the_same_as_those_of_find(path):
    from datetime import datetime, timedelta

    with Store(path) as store:
        store.put("a", 1, ttl="1h")
        (entry,), (row,) = store.find(), read(path, "SELECT created, expires FROM entries")
        for name in ("created", "expires"):
            assert ISO.fullmatch(row[name])
            assert abs(datetime.fromisoformat(row[name]) - getattr(entry, name)) <= timedelta(milliseconds=1)


def test_functions_show_what_functions_tells(used, path):
    rows = read(path, "SELECT * FROM functions ORDER BY size DESC, function")
    for function, row in zip(used.functions(), rows, strict=True):
        for name in set(COLUMNS["functions"]) - {"first_seen", "last_hit"}:
            assert row[name] == getattr(function, name), name
    (loaded,) = (row for row in rows if row["qualname"] == "load")
    assert (loaded["entries"], loaded["hits"], loaded["misses"], loaded["versions"]) == (2, 1, 2, 1)


def test_history_has_one_row_for_each_function_and_day_in_utc(used, clock, path):
    f = used.memoize(ttl="1d", tags=["io", "nightly"])(load)
    clock.advance(12 * 3600 - 2)
    f("c.csv")
    clock.advance(1)
    f("c.csv")
    used.flush()
    rows = read(path, "SELECT day, qualname, hits, misses FROM history WHERE qualname = 'load' ORDER BY day")
    assert rows == [
        {"day": "2026-04-01", "qualname": "load", "hits": 1, "misses": 3},
        {"day": "2026-04-02", "qualname": "load", "hits": 1, "misses": 0},
    ]


@pytest.mark.parametrize("tag", ['quo"te', "back\\slash", "comma,", "é", "[", "a b", "'", '\\"', "{}", "🙂"])
def test_tags_are_json_whatever_is_in_them(store, path, tag):
    store.put("a", 1, tags=[tag, "second"])
    (row,) = read(path, "SELECT tags FROM entries")
    assert sorted(json.loads(row["tags"])) == sorted([tag, "second"])
    assert store.find()[0].tags == tuple(sorted([tag, "second"]))
    assert len(store.find(tag=tag)) == 1


def test_no_tags_are_an_empty_list(store, path):
    store.put("a", 1)
    assert read(path, "SELECT tags FROM entries") == [{"tags": "[]"}]


def test_a_view_can_be_read_where_the_schema_is_not_trusted(used, path):
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA trusted_schema = OFF")
    assert [len(connection.execute(f"SELECT * FROM {view}").fetchall()) for view in COLUMNS] == [3, 2, 1]
    connection.close()


@pytest.mark.parametrize("view", COLUMNS)
def test_nothing_can_be_written_through_a_view(used, path, view):
    with pytest.raises(sqlite3.OperationalError, match="view"):
        read(path, f"DELETE FROM {view}")


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="there is no sqlite3 shell here")
def test_the_sqlite3_shell_answers(used, path):
    query = "select function, hit_count, size from entries order by created, key"
    done = subprocess.run(["sqlite3", path, query], capture_output=True, text=True, check=True)
    lines = [line.split("|") for line in done.stdout.splitlines()]
    assert len(lines) == 3
    assert lines[0][:2] == [f"{__name__}.load", "1"]


def test_pandas_reads_a_view(used, path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_sql(
        "SELECT * FROM entries", f"sqlite:///{path}", parse_dates=["created", "expires", "last_hit"]
    )
    assert frame.shape == (3, 16)
    assert str(frame["created"].dt.tz) == "UTC"
