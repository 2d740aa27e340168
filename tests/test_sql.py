"""sql(): what it answers, and a sandbox: no statement writes, reads another file, or runs for ever."""

from __future__ import annotations

import datetime
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from memostore import InvalidArgument, MemostoreError, QueryError, Store, config

pytestmark = pytest.mark.filterwarnings("error::memostore.MemostoreWarning")

SECRET = "the-secret-in-another-file"


@pytest.fixture
def filled(store):
    store.put("a", 1, tags=["x"])
    store.put("b", "text" * 100_000)
    return store


# What it answers


def test_rows_come_as_dictionaries(filled):
    rows = filled.sql("SELECT function, hit_count FROM entries ORDER BY size")
    assert rows == [{"function": "memostore.Store.put", "hit_count": 0}] * 2


def test_values_have_sqlites_types(filled):
    (row,) = filled.sql("SELECT 1 AS i, 2.5 AS f, 'x' AS t, x'00ff' AS b, NULL AS n")
    assert row == {"i": 1, "f": 2.5, "t": "x", "b": b"\x00\xff", "n": None}


def test_no_rows_are_an_empty_list(filled):
    assert filled.sql("SELECT * FROM entries WHERE 0") == []


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("SELECT ? + ? AS n", [1, 2]),
        ("SELECT ? + ? AS n", (1, 2)),
        ("SELECT :a + :b AS n", {"a": 1, "b": 2}),
        ("SELECT ? + ? AS n", range(1, 3)),
    ],
)
def test_parameters_go_by_place_or_name(filled, text, params):
    assert filled.sql(text, params) == [{"n": 3}]


def test_a_parameter_is_never_read_as_sql(filled):
    evil = "' UNION SELECT name FROM sqlite_master; DROP TABLE entry --"
    assert filled.sql("SELECT ? AS t", [evil]) == [{"t": evil}]
    assert filled.stats().entries == 2


@pytest.mark.parametrize(
    "text",
    [
        "select 1 as n", "  SELECT 1 AS n ;", "-- first\nSELECT 1 AS n", "/* a */ SELECT 1 AS n -- b",
        "WITH t (n) AS (SELECT 1) SELECT n FROM t",
        "VALUES (1)", "SELECT count(*) AS n FROM entries WHERE json_extract(arguments, '$.name') = 'a'",
        "SELECT sum(1) OVER () AS n",
        "SELECT n FROM (SELECT 1 AS n) GROUP BY n HAVING count(*) = 1", "SELECT value AS n FROM json_each('[1]')",
        "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 5) SELECT min(x) AS n FROM c",
        "SELECT 1 AS n FROM functions JOIN entries USING (function) LIMIT 1",
        "SELECT 1 AS n FROM entries WHERE function LIKE '%put' LIMIT 1",
        "SELECT 1 AS n FROM entries WHERE created > strftime('%Y', 'now', '-30 days') OR 1 LIMIT 1",
    ],
)  # fmt: skip
def test_whatever_only_reads_is_allowed(filled, text):
    assert [list(row.values()) for row in filled.sql(text)] == [[1]]


def test_hits_counted_in_memory_are_in_the_answer(filled):
    filled.get("a")
    assert filled.sql("SELECT sum(hit_count) AS n FROM entries") == [{"n": 1}]


def test_it_reads_while_another_connection_writes(filled, path):
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("DELETE FROM entry")
    assert filled.sql("SELECT count(*) AS n FROM entries") == [{"n": 2}]
    writer.execute("ROLLBACK")
    writer.close()


def test_a_store_in_memory_answers_too():
    with Store(":memory:") as store:
        store.put("a", 1)
        assert store.sql("SELECT arguments FROM entries") == [{"arguments": '{"name": "a"}'}]


def test_two_columns_of_one_name_do_not_hide_each_other_silently(filled):
    try:
        (row,) = filled.sql("SELECT 1 AS a, 2 AS a")
    except QueryError as error:
        assert "a" in str(error)  # noqa: PT017
    else:
        assert sorted(row.values()) == [1, 2]


# The sandbox

WRITES = [
    "DELETE FROM entry", "DELETE FROM entries", "UPDATE entry SET hit_count = 9", "INSERT INTO tag VALUES (1, 'x')",
    "REPLACE INTO setting VALUES ('a', 'b')",
    "INSERT INTO setting VALUES ('a', 'b') RETURNING name", "DELETE FROM entry RETURNING key",
    "UPDATE entry SET size = 1 RETURNING size",
    "WITH x AS (SELECT 1) DELETE FROM entry", "WITH x AS (SELECT 1) INSERT INTO setting SELECT 'a', 'b' RETURNING *",
    "DROP TABLE entry", "DROP VIEW entries",
    "CREATE TABLE t (x)", "CREATE TEMP TABLE t (x)", "CREATE TABLE t AS SELECT * FROM entry",
    "CREATE VIEW v AS SELECT 1", "CREATE TEMP VIEW v AS SELECT 1",
    "CREATE INDEX i ON entry (size)", "CREATE TRIGGER t AFTER DELETE ON entry BEGIN SELECT 1; END",
    "CREATE TEMP TRIGGER t AFTER DELETE ON entry BEGIN SELECT 1; END",
    "CREATE VIRTUAL TABLE t USING fts5(x)", "CREATE VIRTUAL TABLE temp.t USING fts3(x)",
    "CREATE VIRTUAL TABLE t USING dbstat", "CREATE VIRTUAL TABLE t USING csv(filename='/etc/passwd')",
    "ALTER TABLE entry ADD COLUMN x", "ALTER TABLE entry RENAME TO gone", "REINDEX", "ANALYZE", "VACUUM", "VACUUM main",
    "BEGIN", "BEGIN IMMEDIATE", "BEGIN EXCLUSIVE",
    "COMMIT", "ROLLBACK", "END", "SAVEPOINT s", "RELEASE s", "DETACH main", "DELETE FROM sqlite_master",
    "UPDATE sqlite_master SET sql = ''",
    "SELECT 1; DELETE FROM entry", "DELETE FROM entry; SELECT 1", "SELECT 1; SELECT 2", ";DELETE FROM entry",
    "SELECT 1;;DELETE FROM entry",
    "EXPLAIN DELETE FROM entry",
]  # fmt: skip

PRAGMAS = [
    "PRAGMA user_version = 7", "PRAGMA application_id = 0", "PRAGMA query_only = OFF", "PRAGMA writable_schema = ON",
    "PRAGMA journal_mode = DELETE",
    "PRAGMA journal_mode = OFF", "PRAGMA page_size = 512", "PRAGMA wal_checkpoint(TRUNCATE)",
    "PRAGMA incremental_vacuum", "PRAGMA auto_vacuum = 0",
    "PRAGMA optimize", "PRAGMA locking_mode = EXCLUSIVE", "PRAGMA trusted_schema = ON",
    "PRAGMA temp_store_directory = '/tmp'", "PRAGMA data_store_directory = '/tmp'",
    "PRAGMA integrity_check", "PRAGMA shrink_memory", "PRAGMA main.synchronous = OFF", "PRAGMA database_list",
    "PRAGMA hard_heap_limit = 1", "PRAGMA cell_size_check=0",
    "SELECT * FROM pragma_wal_checkpoint", "SELECT * FROM pragma_user_version", "SELECT * FROM pragma_database_list",
]  # fmt: skip

OUTSIDE = [
    "ATTACH '{other}' AS other", "ATTACH DATABASE '{other}' AS other", "ATTACH 'file:{other}?mode=rwc' AS other",
    "ATTACH ':memory:' AS m", "ATTACH '' AS t",
    "SELECT * FROM other.secret", "VACUUM INTO '{copy}'", "VACUUM main INTO '{copy}'", "SELECT readfile('{other}')",
    "SELECT writefile('{copy}', 'x')",
    "SELECT load_extension('{other}')", "SELECT load_extension('{other}', 'init')", "SELECT edit('{other}')",
    "SELECT fts3_tokenizer('simple')",
    "SELECT fts3_tokenizer('simple', x'4141414141414141')", "SELECT * FROM fsdir('/')",
    "SELECT * FROM zipfile('{other}')", "SELECT * FROM csv('{other}')",
    "SELECT * FROM lsdir('/')", "PRAGMA key='x'",
]  # fmt: skip


@pytest.fixture
def other(tmp_path):
    """Another program's database beside the store."""
    with closing(sqlite3.connect(tmp_path / "other.db", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE secret (text)")
        connection.execute("INSERT INTO secret VALUES (?)", [SECRET])
    connection.close()
    return tmp_path / "other.db"


@pytest.mark.parametrize("statement", [*WRITES, *PRAGMAS, *OUTSIDE])
def test_no_statement_changes_a_file_or_reads_another(filled, other, tmp_path, snapshot, statement):
    before, entries = snapshot(tmp_path), filled.find()
    text = statement.format(other=other, copy=tmp_path / "copy.db")
    with pytest.raises(QueryError) as caught:
        pytest.fail(f"it was allowed, and gave {filled.sql(text)}")
    assert SECRET not in str(caught.value)
    assert snapshot(tmp_path) == before
    assert filled.find() == entries
    assert filled.sql("SELECT count(*) AS n FROM entries") == [{"n": 2}]


def test_what_is_denied_says_that_only_reading_is_allowed(filled):
    for text in (
        "DELETE FROM entry",
        "PRAGMA user_version = 7",
        "ATTACH ':memory:' AS m",
        "VACUUM",
        "DROP TABLE entry",
    ):
        with pytest.raises(QueryError, match=r"(?i)read"):
            filled.sql(text)


def test_a_store_in_memory_has_the_same_sandbox():
    with Store(":memory:") as store:
        store.put("a", 1)
        for text in [*WRITES, *PRAGMAS]:
            with pytest.raises(QueryError):
                store.sql(text)
        assert store.get("a") == 1


def test_explaining_a_read_runs_nothing(filled):
    assert filled.sql("EXPLAIN QUERY PLAN SELECT * FROM entries")
    assert filled.stats().entries == 2


# What is wrong

WRONG = [
    "SELEC 1", "SELECT", "SELECT * FROM nowhere", "SELECT nope FROM entries", "SELECT 'open", "-- nothing", "/* open",
    ";", "SELECT ?", "SELECT :name",
    "SELECT 1\0DELETE FROM entry", "SELECT '\ud800'", "SELECT nofunction(1)", "SELECT CAST(x'ff' AS TEXT)",
    "SELECT abs(-9223372036854775808)",
    "SELECT json('{')", "SELECT " + "(" * 2000 + "1" + ")" * 2000, "SELECT 1 WHERE " + " OR ".join(["1"] * 5000),
    "\ufeffx", "sélect 1",
]  # fmt: skip


@pytest.mark.parametrize("text", WRONG, ids=lambda text: repr(text)[:30])
def test_sql_that_is_wrong_is_a_query_error(filled, text):
    with pytest.raises(QueryError) as caught:
        filled.sql(text)
    assert len(str(caught.value)) > 10


@pytest.mark.parametrize(
    "params",
    [
        [2**70],
        [-(2**63) - 1],
        ["\ud800"],
        [object()],
        [[1]],
        [{}],
        [1, 2],
        {"a": 1},
        [float],
        [1j],
        [datetime.timedelta(1)],
    ],
    ids=lambda params: type(next(iter(params))).__name__,
)
def test_a_parameter_that_cannot_be_bound_is_a_query_error(filled, params):
    with pytest.raises(QueryError):
        filled.sql("SELECT ?", params)


@pytest.mark.parametrize("text", ["", "  \n", None, 3, b"SELECT 1", ["SELECT 1"]], ids=repr)
def test_what_is_no_text_names_the_argument(filled, text):
    with pytest.raises(InvalidArgument, match=r"^text="):
        filled.sql(text)


@pytest.mark.parametrize(
    "params", ["abc", b"abc", 3, None, {1, 2}, iter([1])], ids=lambda params: type(params).__name__
)
def test_params_that_are_neither_sequence_nor_mapping_name_the_argument(filled, params):
    with pytest.raises(InvalidArgument, match=r"^params="):
        filled.sql("SELECT ?", params)


# What does not end

ENDLESS = "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) "


@pytest.mark.parametrize(
    "text",
    [
        ENDLESS + "SELECT max(x) FROM c",
        ENDLESS + "SELECT count(*) FROM c AS a, c AS b",
        ENDLESS + "SELECT x FROM c WHERE x % 100 = 0",
    ],
)
def test_a_query_that_does_not_end_is_stopped(filled, monkeypatch, text):
    monkeypatch.setattr(config, "SQL_TIME_LIMIT", 0.2)
    started = time.monotonic()
    with pytest.raises(QueryError, match=r"stopped after 0\.2 seconds"):
        filled.sql(text)
    assert time.monotonic() - started < 3
    assert filled.sql("SELECT 1 AS n") == [{"n": 1}]


def test_rows_without_end_are_refused_before_they_fill_the_memory(filled):
    started = time.monotonic()
    with pytest.raises(QueryError, match=r"rows.*LIMIT"):
        filled.sql(ENDLESS + "SELECT x FROM c")
    assert time.monotonic() - started < 8


@pytest.mark.parametrize(
    "text", ["SELECT zeroblob(999999999)", "SELECT randomblob(999999999)", "SELECT hex(zeroblob(400000000))"]
)
def test_a_value_of_a_gigabyte_is_refused_before_it_takes_memory(filled, text):
    started = time.monotonic()
    with pytest.raises(QueryError, match="too big"):
        filled.sql(text)
    assert time.monotonic() - started < 1


def test_a_closed_file_descriptor_is_not_left_behind(filled):
    def open_files():
        return len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0

    for _ in range(3):
        filled.sql("SELECT 1")
    before = open_files()
    for text in ["SELECT 1", "SELEC", "DELETE FROM entry"] * 20:
        try:
            filled.sql(text)
        except MemostoreError:
            continue
    assert open_files() == before
