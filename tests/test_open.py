"""Opening: which paths and URLs are taken, what is created and how, and which files are left as they are."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
import warnings
from contextlib import closing
from pathlib import Path

import pytest

from memostore import InvalidArgument, MemostoreError, MemostoreWarning, NewerSchema, NotAStore, ReadOnlyStore, Store
from memostore.schema import APPLICATION_ID, REVISION

pytestmark = pytest.mark.filterwarnings("error::memostore.MemostoreWarning")


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def make_store(path: Path) -> Path:
    with Store(path) as store:
        store.put("a", 1)
    return path


def make_foreign(path: Path, *, journal: str = "delete", statements: str = "") -> Path:
    """Write another program's database; with journal="wal", a program that was killed and left its WAL behind."""
    text = f"""
import os, sqlite3
connection = sqlite3.connect({str(path)!r}, isolation_level=None)
connection.execute("PRAGMA journal_mode = {journal}")
connection.executescript("CREATE TABLE bookmarks (url TEXT); INSERT INTO bookmarks VALUES ('there'); {statements}")
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", text], check=True)
    return path


# Paths and URLs


@pytest.mark.parametrize(
    "spell",
    [
        str,
        Path,
        lambda p: f"sqlite:///{p}",
        lambda p: p.relative_to(Path.cwd()),
        lambda p: f"sqlite:///{p.relative_to(Path.cwd())}",
    ],
    ids=["text", "Path", "absolute URL", "relative Path", "relative URL"],
)
def test_a_path_may_be_spelled_as_text_path_or_url(path, monkeypatch, spell):
    monkeypatch.chdir(path.parent)
    with Store(spell(path)) as store:
        store.put("a", 1)
        assert store.path == path
    assert path.exists()


@pytest.mark.parametrize(
    "name",
    [
        "with space.db",
        "per%20cent.db",
        "ask?me=1.db",
        "hash#tag.db",
        "quote'\".db",
        "ünïcödé.db",
        "no_suffix",
        "a&b;c.db",
        "semi:colon.db",
    ],
)
def test_any_character_may_be_in_a_files_name(tmp_path, name):
    with Store(tmp_path / name) as store:
        store.put("a", 1)
        assert store.sql("SELECT count(*) AS n FROM entries") == [{"n": 1}]
        assert len(store.find()) == 1
    assert sorted(file.name for file in tmp_path.iterdir()) == [name]


def test_a_name_that_is_not_utf8_is_a_path_too(tmp_path):
    with Store(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.db"))) as store:
        store.put("a", 1)
        assert store.get("a") == 1
        assert store.stats().entries == 1


def test_the_home_directory_may_be_written_as_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with Store("~/results.db") as store:
        assert store.path == tmp_path / "results.db"


def test_a_relative_path_stays_where_it_was_when_the_program_changes_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    with Store("memo.db") as store:
        monkeypatch.chdir(tmp_path / "elsewhere")
        store.put("a", 1)
        assert store.sql("SELECT count(*) AS n FROM entries") == [{"n": 1}]
        assert store.find()[0].size > 0
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("url", [":memory:", "sqlite://", "sqlite:///:memory:"])
def test_a_store_may_be_in_memory(url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Store(url) as store:
        store.put("a", 1)
        assert (store.get("a"), store.path) == (1, None)
    assert list(tmp_path.iterdir()) == []


BAD_PATHS = [
    "", "  ", 3, 1.5, b"memo.db", True, ["memo.db"], "nul\0byte.db", "x" * 300, "postgresql://user@host/db",
    "mysql://host/db",
    "http://host/memo.db", "sqlite:///memo.db?mode=ro", "sqlite://memo.db", "sqlite://host/memo.db",
    "~nobody_has_this_name/memo.db",
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD_PATHS, ids=repr)
def test_what_is_no_path_is_an_error_that_names_the_argument(bad, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidArgument, match=r"^path="):
        Store(bad)
    assert list(tmp_path.iterdir()) == []


def test_an_error_about_a_url_does_not_show_its_password(tmp_path):
    with pytest.raises(InvalidArgument) as caught:
        Store("postgresql://user:hunter2@host/db")
    assert "hunter2" not in str(caught.value)


# Creating


@pytest.fixture
def open_umask():
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_what_is_created_is_for_its_owner_alone(tmp_path):
    path = tmp_path / "cache" / "project" / "memo.db"
    with Store(path) as store:
        store.put("a", 1)
        files = {file.name: oct(mode_of(file)) for file in path.parent.iterdir()}
    assert files == {"memo.db": "0o600", "memo.db-wal": "0o600", "memo.db-shm": "0o600"}
    assert [oct(mode_of(directory)) for directory in (path.parent, path.parent.parent)] == ["0o700", "0o700"]


def test_an_existing_directory_keeps_its_mode(tmp_path):
    (tmp_path / "shared").mkdir(mode=0o755)
    make_store(tmp_path / "shared" / "memo.db")
    assert oct(mode_of(tmp_path / "shared")) == "0o755"


@pytest.mark.usefixtures("open_umask")
def test_a_link_that_leads_nowhere_makes_no_file_that_others_can_read(tmp_path):
    link = tmp_path / "link.db"
    link.symlink_to(tmp_path / "target.db")
    try:
        make_store(link)
    except InvalidArgument:
        assert not (tmp_path / "target.db").exists()
    else:
        assert oct(mode_of(tmp_path / "target.db")) == "0o600"


def test_a_link_to_a_store_opens_the_store(tmp_path):
    make_store(tmp_path / "target.db")
    (tmp_path / "link.db").symlink_to(tmp_path / "target.db")
    with Store(tmp_path / "link.db") as store:
        assert store.get("a") == 1


def test_a_new_file_has_the_settings_that_can_be_chosen_only_once(path):
    make_store(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        pragmas = ("page_size", "auto_vacuum", "journal_mode", "application_id", "integrity_check")
        found = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas}
    assert found == {
        "page_size": 4096, "auto_vacuum": 2, "journal_mode": "wal", "application_id": APPLICATION_ID,
        "integrity_check": "ok",
    }  # fmt: skip


def test_an_empty_file_becomes_a_store(path):
    path.touch()
    make_store(path)
    with Store(path) as store:
        assert store.get("a") == 1
        assert store.revision == REVISION


def test_a_creation_that_was_cut_off_is_finished_by_the_next_opening(path):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
    assert make_store(path)
    with Store(path) as store:
        assert store.get("a") == 1


@pytest.mark.parametrize(
    "options", [{"max_size": "2 bananas"}, {"eviction": "x"}, {"timeout": -1}, {"clock": 1}, {"on_error": "x"}], ids=str
)
def test_an_option_that_cannot_be_used_leaves_the_file_alone(tmp_path, snapshot, options):
    make_store(tmp_path / "memo.db")
    before = snapshot(tmp_path)
    with pytest.raises(InvalidArgument):
        Store(tmp_path / "memo.db", **options)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("exists", [False, True], ids=["new", "existing"])
def test_opening_waits_for_whoever_holds_the_file_longer_than_the_timeout(path, exists):
    if exists:
        make_store(path)
    holder = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN EXCLUSIVE")
    letting_go = threading.Timer(0.4, holder.execute, ["ROLLBACK"])
    letting_go.start()
    with Store(path, timeout=0.01, on_error="raise") as store:
        letting_go.join()
        store.put("b", 1)
        assert store.get("b") == 1
    holder.close()


def test_opening_again_writes_nothing(tmp_path, snapshot):
    make_store(tmp_path / "memo.db")
    before = snapshot(tmp_path)
    with Store(tmp_path / "memo.db") as store:
        assert store.find()[0].hit_count == 0
    assert snapshot(tmp_path) == before


# What is not a store


def test_a_directory_is_refused_with_the_name_of_a_file_in_it(tmp_path, snapshot):
    (tmp_path / "notes.txt").write_text("mine")
    before = snapshot(tmp_path)
    with pytest.raises(InvalidArgument, match=r"^path=.*directory.*name a file"):
        Store(tmp_path)
    assert snapshot(tmp_path) == before


def test_a_path_below_a_file_is_refused(tmp_path, snapshot):
    (tmp_path / "notes.txt").write_text("mine")
    before = snapshot(tmp_path)
    with pytest.raises(InvalidArgument, match=r"^path=.*notes\.txt.*file"):
        Store(tmp_path / "notes.txt" / "memo.db")
    assert snapshot(tmp_path) == before


def test_a_device_or_pipe_is_refused_without_waiting_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/null", "/dev/zero"):
        with pytest.raises(InvalidArgument, match=r"^path=.*not a regular file"):
            Store(path)


TEXTS = {
    "a word": b"hello", "one byte": b"\n", "a page": b"text " * 820, "long": b"line\n" * 100_000, "zeros": bytes(8192),
    "gzip": b"\x1f\x8b\x08\x00" + bytes(range(256)) * 20, "nearly a header": b"SQLite format 2\0" + bytes(4080),
}  # fmt: skip


@pytest.mark.parametrize("content", TEXTS.values(), ids=TEXTS)
def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path, content):
    file = tmp_path / "notes.txt"
    file.write_bytes(content)
    with pytest.raises(NotAStore, match=r"notes\.txt.*not an SQLite database.*left as it is"):
        Store(file)
    assert file.read_bytes() == content
    assert [each.name for each in tmp_path.iterdir()] == ["notes.txt"]


FOREIGN = {
    "with tables": "", "with a mark": "PRAGMA application_id = 252006673;",
    "with a version table of Alembic": "CREATE TABLE alembic_version (version_num TEXT);",
    "with our names": "CREATE TABLE entry (id); CREATE TABLE function (id);",
}  # fmt: skip


@pytest.mark.parametrize("journal", ["delete", "wal"])
@pytest.mark.parametrize("statements", FOREIGN.values(), ids=FOREIGN)
def test_another_programs_database_is_refused_and_left_as_it_is(tmp_path, snapshot, journal, statements):
    file = make_foreign(tmp_path / "bookmarks.db", journal=journal, statements=statements)
    before = snapshot(tmp_path)
    for options in ({}, {"read_only": True}):
        with pytest.raises(NotAStore, match=r"bookmarks\.db.*another program.*left as it is"):
            Store(file, **options)
        assert snapshot(tmp_path) == before


def test_another_programs_database_with_a_mark_and_no_tables_is_refused(tmp_path, snapshot):
    with closing(sqlite3.connect(tmp_path / "new.gpkg", isolation_level=None)) as connection:
        connection.execute("PRAGMA application_id = 1196444487")
    before = snapshot(tmp_path)
    with pytest.raises(NotAStore):
        Store(tmp_path / "new.gpkg")
    assert snapshot(tmp_path) == before


def test_another_program_may_have_its_database_open(tmp_path):
    file = tmp_path / "bookmarks.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as owner:
        owner.execute("PRAGMA journal_mode = WAL")
        owner.execute("CREATE TABLE bookmarks (url)")
        owner.execute("BEGIN IMMEDIATE")
        owner.execute("INSERT INTO bookmarks VALUES ('there')")
        with pytest.raises(NotAStore):
            Store(file)
        owner.execute("COMMIT")
        assert owner.execute("SELECT count(*) FROM bookmarks").fetchone() == (1,)


@pytest.mark.parametrize("killed", [False, True], ids=["closed", "killed"])
@pytest.mark.parametrize("read_only", [False, True], ids=["writing", "reading"])
def test_a_newer_store_is_refused_and_left_as_it_is(tmp_path, snapshot, killed, read_only):
    file = make_store(tmp_path / "memo.db")
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    if killed:
        code = """
import os, sqlite3, sys
sqlite3.connect(sys.argv[1], isolation_level=None).execute("CREATE TABLE later (x)")
os._exit(0)
"""
        subprocess.run([sys.executable, "-c", code, file], check=True)
    before = snapshot(tmp_path)
    with pytest.raises(NewerSchema, match=r"memo\.db.*'9999'.*upgrade memostore"):
        Store(file, read_only=read_only)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("on_error", ["compute", "raise"])
def test_what_cannot_be_opened_is_an_error_whatever_on_error_says(tmp_path, on_error):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(NotAStore):
        Store(tmp_path / "notes.txt", on_error=on_error)


def run_unprivileged(code: str) -> subprocess.CompletedProcess[str]:
    """Run Python code as a user who is not root, for whom permissions count."""
    loaded = "import memostore, os, sqlite3, urllib.request\n"  # while root can still read where Python lies
    drop = loaded + "if os.getuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
    return subprocess.run([sys.executable, "-c", drop + code], capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def public(tmp_path):
    """A directory that every user can reach, and write to."""
    for directory in (tmp_path, *tmp_path.parents[:3]):
        if directory.stat().st_uid == os.getuid():
            directory.chmod(0o755)
    (tmp_path / "public").mkdir()
    (tmp_path / "public").chmod(0o777)
    return tmp_path / "public"


def test_a_file_that_may_not_be_read_is_refused(public):
    file = make_store(public / "memo.db")
    content = file.read_bytes()
    file.chmod(0)
    done = run_unprivileged(f"memostore.Store({str(file)!r})")
    assert "InvalidArgument: path=" in done.stderr
    assert "permission denied" in done.stderr
    file.chmod(0o600)
    assert file.read_bytes() == content


def test_a_directory_that_may_not_be_entered_is_refused(public):
    (public / "private").mkdir(mode=0o700)
    make_store(public / "private" / "memo.db")
    (public / "private").chmod(0)
    done = run_unprivileged(f"memostore.Store({str(public / 'private' / 'memo.db')!r})")
    assert "InvalidArgument: path=" in done.stderr
    (public / "private").chmod(0o700)


def test_a_file_that_may_only_be_read_is_left_as_it_is_and_breaks_nothing(public):
    file = make_store(public / "memo.db")
    content = file.read_bytes()
    file.chmod(0o444)
    public.chmod(0o755)
    done = run_unprivileged(f"""
import warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    with memostore.Store({str(file)!r}) as store:
        f = store.memoize(lambda x: x + 1)
        print(f(1), f(1), f(2), store.get("a") in (1, None), bool(caught))
""")
    assert (done.stdout, done.stderr) == ("2 2 3 True True\n", "")
    assert file.read_bytes() == content


# Reading only


def test_a_store_opened_for_reading_serves_hits_and_keeps_nothing(tmp_path, snapshot, runs):
    def work(x):
        runs.append(x)
        return -x

    file = tmp_path / "memo.db"
    with Store(file) as store:
        store.memoize(work)(1)
    before = snapshot(tmp_path)
    with Store(file, read_only=True) as store:
        f = store.memoize(work)
        assert [f(1), f(1)] == [-1, -1]
        assert runs == [1]
        assert store.find()[0].arguments == {"x": 1}
        assert store.sql("SELECT count(*) AS n FROM entries") == [{"n": 1}]
    assert snapshot(tmp_path) == before


def test_a_store_opened_for_reading_computes_what_it_does_not_have(tmp_path, snapshot):
    file = make_store(tmp_path / "memo.db")
    before = snapshot(tmp_path)
    with Store(file, read_only=True) as store:
        f = store.memoize(lambda x: x + 1)
        assert [f(1), f(1)] == [2, 2]
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize(
    "write",
    [
        lambda store: store.delete("a"), lambda store: store.clear(), lambda store: store.expire(),
        lambda store: store.evict(entries=0),
        lambda store: store.vacuum(), lambda store: store.invalidate(larger_than=0),
    ],
)  # fmt: skip
def test_what_removes_is_an_error_on_a_store_opened_for_reading(tmp_path, snapshot, write):
    file = make_store(tmp_path / "memo.db")
    before = snapshot(tmp_path)
    with Store(file, read_only=True) as store, pytest.raises(MemostoreError, match="read_only=True"):
        write(store)
    assert snapshot(tmp_path) == before


def test_a_value_cannot_be_put_into_a_store_opened_for_reading(tmp_path, snapshot):
    file = make_store(tmp_path / "memo.db")
    before = snapshot(tmp_path)
    with Store(file, read_only=True) as store:
        with pytest.raises(ReadOnlyStore, match="read_only=True"):
            store.put("b", 2)
        assert (store.get("a"), store.get("b")) == (1, None)
    assert snapshot(tmp_path) == before


def test_a_store_that_is_not_there_is_not_created_for_reading(path):
    with pytest.raises(InvalidArgument, match=r"^path=.*does not exist.*read_only"):
        Store(path, read_only=True)
    assert list(path.parent.iterdir()) == []


def test_reading_leaves_the_wal_of_a_killed_writer_as_it_is(tmp_path, snapshot):
    file = make_store(tmp_path / "memo.db")
    code = f"import os; from memostore import Store; s = Store({str(file)!r}); s.put('b', 2); os._exit(0)"
    subprocess.run([sys.executable, "-c", code], check=True)
    before = snapshot(tmp_path)
    assert "memo.db-wal" in before
    with Store(file, read_only=True) as store:
        assert (store.get("a"), store.get("b")) == (1, 2)
    assert snapshot(tmp_path) == before


# A store that comes later


def test_a_path_that_cannot_be_created_costs_a_warning_and_no_result(tmp_path):
    with pytest.warns(MemostoreWarning, match="goes on without its store"):
        store = Store("/proc/no/such/memo.db")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MemostoreWarning)
        f = store.memoize(lambda x: x * 3)
        assert [f(1), f(2), f(1)] == [3, 6, 3]
        store.close()
