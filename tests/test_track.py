"""`track="files"`: the files that a function opens while it runs count, without being named."""

import asyncio
import builtins
import contextvars
import glob
import importlib.machinery
import importlib.metadata
import importlib.util
import io
import linecache
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import memostore.keys.inputs as inputs
from memostore import File, InvalidArgument, MemostoreWarning, Store, StoreUnavailable
from memostore.tracking import Collector

LATER = 10_000_000_000  # nanoseconds, in which a file's times get old


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    place = tmp_path / "work"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def settled(monkeypatch):
    """Files count as written long ago; what is read of them is listed."""
    seen = []
    whole, now = inputs._read, inputs.time.time_ns
    monkeypatch.setattr(inputs.time, "time_ns", lambda: now() + LATER)
    monkeypatch.setattr(inputs, "_read", lambda path, name: seen.append(os.path.basename(path)) or whole(path, name))
    return seen


def write(path, text):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


def tracked(store, runs, read, **options):
    @store.memoize(track="files", name="f", code="version", **options)
    def f(*args):
        runs.append(args)
        return read(*args)

    return f


def text_or_none(path):
    try:
        return Path(path).read_text()
    except FileNotFoundError:
        return None


def by_descriptor(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, 100).decode()
    finally:
        os.close(descriptor)


def opened(path, *mode):
    with open(path, *mode) as file:
        return file.read()


READERS = {
    "open": opened,
    "bytes": lambda path: opened(os.fsencode(path), "rb"),
    "io": lambda path: io.FileIO(path).read(),
    "pathlib": lambda path: Path(path).read_text(),
    "os": by_descriptor,
    "descriptor": lambda path: opened(os.open(path, os.O_RDONLY)),
    "lines": lambda path: (linecache.clearcache(), linecache.getline(path, 1))[1],
    "loader": lambda path: importlib.machinery.SourceFileLoader("m", path).get_data(path),
    "loadtxt": lambda path: np.loadtxt(path).tolist(),
    "fromfile": lambda path: np.fromfile(path, sep=" ").tolist(),
    "memmap": lambda path: bytes(np.memmap(path, mode="r")),
    "read_csv": lambda path: pd.read_csv(path).columns.tolist(),
    "read_csv_python": lambda path: pd.read_csv(path, engine="python").columns.tolist(),
    "copied": lambda path: Path(shutil.copy(path, "copy.txt")).read_text(),
    "update": lambda path: opened(path, "r+"),
}


# What is seen


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_a_file_counts_from_the_next_call_on_however_python_opens_it(store, runs, read):
    f = tracked(store, runs, read)
    write("a.txt", "1 2")
    assert f("a.txt") == f("a.txt") == read("a.txt")
    assert len(runs) == 1
    write("a.txt", "1 3")
    assert f("a.txt") == f("a.txt") == read("a.txt")
    assert len(runs) == 2


def test_each_of_several_files_counts_and_others_do_not(store, runs):
    f = tracked(store, runs, lambda: [Path(name).read_text() for name in ("a", "b", "c")])
    for name in "abcd":
        write(name, name)
    f(), f()
    for number, name in enumerate("abc", 2):
        write(name, "new")
        assert f() == f() == [Path(name).read_text() for name in ("a", "b", "c")]
        assert len(runs) == number
    write("d", "new")
    f()
    assert len(runs) == 4


def test_only_the_last_state_is_kept(store, runs):
    f = tracked(store, runs, text_or_none)
    for text in ("a", "b", "a"):
        write("x", text)
        assert f("x") == text
    assert (len(runs), store.stats().entries) == (3, 1)


def test_a_file_that_the_function_looked_for_in_vain_counts_as_missing(store, runs):
    f = tracked(store, runs, text_or_none)
    assert (f("x"), f("x"), len(runs)) == (None, None, 1)
    write("x", "")
    assert (f("x"), f("x"), len(runs)) == ("", "", 2)
    os.remove("x")
    assert (f("x"), len(runs)) == (None, 3)


def test_a_missing_directory_on_the_way_is_a_missing_file_too(store, runs):
    f = tracked(store, runs, text_or_none)
    f("d/e/x")
    write("d/other", "")
    assert (f("d/e/x"), len(runs)) == (None, 1)
    write("d/e/x", "1")
    assert f("d/e/x") == "1"


def test_a_deleted_file_has_the_function_raise_as_it_would(store, runs):
    f = tracked(store, runs, opened)
    write("x", "1")
    f("x")
    os.remove("x")
    with pytest.raises(FileNotFoundError):
        f("x")
    write("x", "1")
    assert (f("x"), len(runs)) == ("1", 2)


def test_a_file_that_is_written_anew_with_the_same_content_or_replaced_by_its_like_hits(store, runs):
    f = tracked(store, runs, text_or_none)
    write("x", "1")
    f("x")
    os.utime("x", (1, 1))
    f("x")
    write("y", "1")
    os.replace("y", "x")
    f("x")
    os.rename("x", "z")
    os.symlink("z", "x")
    assert (f("x"), len(runs)) == ("1", 1)


def test_a_file_is_read_again_only_if_its_status_is_another(store, runs, settled, path):
    f = tracked(store, runs, text_or_none)
    write("x", "1")
    f("x"), f("x")
    assert settled == ["x"]
    with Store(path) as again:  # nothing that is known in the process helps
        inputs._digests.clear()
        assert (tracked(again, runs, text_or_none)("x"), settled, len(runs)) == ("1", ["x"], 1)
    os.utime("x", (1, 1))
    f("x"), f("x"), f("x")
    assert (settled, len(runs)) == (["x", "x"], 1)


def test_a_status_is_not_trusted_if_the_file_was_written_a_moment_before(store, runs, monkeypatch):
    monkeypatch.setattr(inputs, "_status", lambda status: (0, 0, status.st_size, 0, 0))  # within one tick of the clock
    f = tracked(store, runs, text_or_none)
    write("x", "1")
    f("x")
    write("x", "2")
    assert f("x") == "2"


def test_a_thousand_files_are_kept_and_compared(store, runs):
    f = tracked(store, runs, lambda: sum(len(Path(f"d/{n}").read_bytes()) for n in range(1000)))
    for n in range(1000):
        write(f"d/{n}", "x")
    assert (f(), f(), len(runs)) == (1000, 1000, 1)
    write("d/777", "xy")
    assert (f(), len(runs)) == (1001, 2)


def test_a_large_result_in_pieces_is_checked_too(store, runs):
    f = tracked(store, runs, lambda path: os.urandom(200_000) + Path(path).read_bytes())
    write("x", "1")
    assert f("x") == f("x")
    write("x", "2")
    assert f("x").endswith(b"2")
    assert len(runs) == 2


# Directories


def listed_by_descriptor(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return sorted(os.listdir(descriptor))
    finally:
        os.close(descriptor)


LISTERS = {
    "listdir": lambda: sorted(os.listdir("d")),
    "scandir": lambda: sorted((entry.name, entry.is_dir()) for entry in os.scandir("d")),
    "walk": lambda: sorted(name for _, directories, files in os.walk("d") for name in directories + files),
    "glob": lambda: sorted(glob.glob("d/*")),
    "path_glob": lambda: sorted(Path("d").glob("**/*")),
    "descriptor": lambda: listed_by_descriptor("d"),
    "tempfile": lambda: (tempfile.TemporaryFile("w+", dir="d").close(), sorted(os.listdir("d")))[1],
    "iterdir": lambda: sorted((path.name, path.is_dir()) for path in Path("d").iterdir()),
}


@pytest.mark.parametrize("names", LISTERS.values(), ids=LISTERS)
def test_the_names_in_a_directory_that_is_listed_count_but_not_what_is_in_the_files(store, runs, names):
    f = tracked(store, runs, names)
    write("d/a", "1")
    assert f() == f() == names()
    write("d/a", "2")
    write("beside", "")
    f()
    assert len(runs) == 1
    write("d/b", "")
    assert f() == names()
    os.remove("d/b")
    os.mkdir("d/b")
    assert f() == names()
    shutil.rmtree("d/b")
    assert f() == names()
    assert len(runs) == 4


def test_the_status_of_a_directory_is_not_trusted_if_it_was_written_a_moment_before(store, runs, monkeypatch):
    monkeypatch.setattr(inputs, "_status", lambda status: (0, 0, 0, 0, 0))  # within one tick of the clock
    f = tracked(store, runs, lambda: sorted(os.listdir("d")))
    write("d/a", "")
    f()
    write("d/b", "")
    assert f() == ["a", "b"]


def test_a_directory_is_listed_again_only_if_its_status_is_another(store, runs, settled, monkeypatch):
    f = tracked(store, runs, lambda: sorted(os.listdir("d")))
    write("d/a", "")
    f()
    monkeypatch.setattr("memostore.read_files.names_in", None)
    assert (f(), len(runs)) == (["a"], 1)


def test_the_working_directory_itself_can_be_listed(store, runs):
    f = tracked(store, runs, lambda: sorted(os.listdir()))
    assert f() == f() == []
    write("a", "")
    assert f() == ["a"]


def test_a_temporary_file_in_a_directory_that_is_listed_is_no_change(store, runs):
    def read():
        names = sorted(os.listdir("d"))
        write("d/tmp", "x")
        os.remove("d/tmp")
        return names

    f = tracked(store, runs, read)
    write("d/a", "1")
    assert (f(), f(), len(runs)) == (["a"], ["a"], 1)


def test_a_directory_whose_names_came_and_went_while_the_function_ran_is_a_change(store, runs):
    def read():
        before = os.listdir("d")
        write("d/b", "")
        between = os.listdir("d")
        os.remove("d/b")
        return before, between

    f = tracked(store, runs, read)
    write("d/a", "1")
    with pytest.warns(MemostoreWarning, match="changed while the function ran"):
        f()


# Relative paths and the working directory


@pytest.mark.parametrize("path_of", [str, os.path.abspath], ids=["relative", "absolute"])
def test_another_working_directory_is_another_file(store, runs, here, monkeypatch, path_of):
    f = tracked(store, runs, lambda: text_or_none(path_of("x")))
    for name in ("a", "b"):
        write(f"{name}/x", name)
    monkeypatch.chdir(here / "a")
    assert f() == f() == "a"
    monkeypatch.chdir(here / "b")
    assert f.explain().detail.startswith("file (the working directory): ")
    assert f() == f() == "b"
    assert len(runs) == 2


def test_of_files_elsewhere_the_working_directory_does_not_count(store, runs, here, monkeypatch):
    write("a/x", "1"), write("b/y", "")
    f = tracked(store, runs, lambda: text_or_none(here / "a/x"))
    monkeypatch.chdir("b")
    f()
    monkeypatch.chdir("..")
    monkeypatch.chdir("/")
    assert (f(), len(runs)) == ("1", 1)


def test_a_function_may_change_the_working_directory(store, runs, here, monkeypatch):
    def read():
        os.chdir("sub")
        try:
            return text_or_none("x")
        finally:
            os.chdir("..")

    f = tracked(store, runs, read)
    write("sub/x", "1"), write("other/sub/x", "2")
    assert f() == f() == "1"
    write("sub/x", "3")
    assert f() == "3"
    monkeypatch.chdir("other")
    assert f() == "2"


def test_a_function_may_go_from_the_working_directory_to_one_beside_it(store, runs, here, monkeypatch):
    def read():
        before = os.getcwd()
        os.chdir("../b")
        try:
            return text_or_none("x")
        finally:
            os.chdir(before)

    f = tracked(store, runs, read)
    for name in ("1", "2"):
        write(f"{name}/a/y", ""), write(f"{name}/b/x", name)
    for name in ("1", "2"):
        monkeypatch.chdir(here / name / "a")
        assert f() == name


# What changes while the function runs


@pytest.mark.parametrize("also", [[], ["1"]], ids=["changed", "changed and changed back"])
def test_a_result_is_not_stored_if_a_file_changed_after_it_was_opened(store, runs, also):
    def read():
        text = Path("x").read_text()
        for new in ("2", *also):
            write("x", new)
        return text

    f = tracked(store, runs, read)
    write("x", "1")
    with pytest.warns(MemostoreWarning, match="not stored: file .*x changed while the function ran"):
        assert f() == "1"
    assert store.stats().entries == 0
    assert f.explain().reason == "skipped"


def test_a_change_between_opening_and_reading_is_seen_even_if_times_do_not_show_it(store, runs, monkeypatch):
    monkeypatch.setattr(inputs, "_status", lambda status: (0, 0, status.st_size, 0, 0))

    def read():
        with open("x") as file:
            write("x", "2")
            return file.read()

    f = tracked(store, runs, read)
    write("x", "1")
    with pytest.warns(MemostoreWarning, match="changed while"):
        f()


def test_a_file_that_is_created_or_removed_after_the_function_looked_for_it_is_a_change(store, runs):
    for before, change in ((None, lambda: write("x", "1")), ("1", lambda: os.remove("x"))):
        f = tracked(store, runs, lambda change=change: (text_or_none("x"), change())[0])
        with warnings.catch_warnings(record=True):
            warnings.simplefilter("always")
            assert f() == before
        assert store.stats().entries == 0


def test_a_change_before_the_file_is_opened_does_no_harm(store, runs):
    f = tracked(store, runs, lambda: (write("y", "2"), os.replace("y", "x"), text_or_none("x"))[2])
    write("x", "1")
    assert (f(), f(), len(runs)) == ("2", "2", 1)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in the file system")
def test_what_is_read_from_a_pipe_is_not_stored(store, runs):
    os.mkfifo("pipe")

    def read():
        writer = os.open("pipe", os.O_RDWR)
        os.write(writer, b"once")
        with open("pipe", "rb", buffering=0) as file:
            return file.read(4), os.close(writer)

    f = tracked(store, runs, read)
    with pytest.warns(MemostoreWarning, match="not stored: file .*pipe"):
        assert f()[0] == b"once"
    assert store.stats().entries == 0


# What is no input


def scratch_file():
    write("scratch", "1")
    return Path("scratch").read_text()


def scratch_emptied():
    with open("scratch", "w+") as file:
        file.write("1")
        file.seek(0)
        file.read()
    os.symlink("scratch", "link")
    return [opened("./scratch"), opened("link"), os.remove("link")]


def temporary_file():
    with tempfile.NamedTemporaryFile("w+") as file, tempfile.TemporaryFile() as other:
        file.write("1"), other.write(b"1"), file.flush()
        return Path(file.name).read_text()


def temporary_directory():
    with tempfile.TemporaryDirectory() as directory:
        script = "import sys; open(sys.argv[1], 'w').write('1')"
        subprocess.run([sys.executable, "-c", script, f"{directory}/made"], check=True)
        return [Path(directory, name).read_text() for name in os.listdir(directory)]


def temporary_directory_moved_about():
    with tempfile.TemporaryDirectory() as directory:
        write(f"{directory}/a", "1")
        os.rename(f"{directory}/a", f"{directory}/b")
        return Path(directory, "b").read_text()


SCRATCH = [scratch_file, scratch_emptied, temporary_file, temporary_directory, temporary_directory_moved_about]


@pytest.mark.parametrize("read", SCRATCH)
def test_what_the_function_writes_itself_and_reads_back_is_no_input(store, runs, path, read):
    write("scratch", "before")
    f = tracked(store, runs, read)
    with warnings.catch_warnings():
        warnings.simplefilter("error", MemostoreWarning)
        f()
    Path("scratch").write_text("after")
    f()
    assert (len(runs), noted(path)) == (1, [])


def noted(path):
    with closing(sqlite3.connect(path)) as connection:
        return [Path(row[0]).name for row in connection.execute("SELECT path FROM read_file ORDER BY path")]


def test_a_file_that_is_appended_to_and_then_read_is_both(store, runs):
    def read():
        with open("log", "a") as file:
            file.write("x")
        return Path("log").read_text()

    f = tracked(store, runs, read)
    write("log", "x")
    with pytest.warns(MemostoreWarning, match="log is both written and read by the function"):
        assert f() == "xx"
    assert f() == "xxx"


def test_a_file_that_is_only_written_is_no_input(store, runs, path):
    f = tracked(store, runs, lambda: [open("log", mode).close() for mode in ("a", "w")])
    write("log", "x")
    f()
    write("log", "y")
    f()
    assert (len(runs), noted(path)) == (1, [])


def test_a_file_whose_creation_fails_is_an_input_like_any_other(store, runs):
    def read():
        try:
            return open("x", "x").write("")
        except FileExistsError:
            return text_or_none("x")

    f = tracked(store, runs, read)
    write("x", "1")
    f(), f()
    write("x", "2")
    assert (f(), len(runs)) == ("2", 2)


def test_a_file_that_could_not_be_written_for_want_of_its_directory_is_no_scratch(store, runs):
    def read():
        try:
            write_where("d/x")
        except FileNotFoundError:
            return text_or_none("d/x")

    def write_where(path):
        with open(path, "w"):
            raise AssertionError("it could be written")

    f = tracked(store, runs, lambda: text_or_none("d/x") if os.path.isdir("d") else read())
    assert f() is None
    write("d/x", "1")
    assert f() == "1"


def test_a_file_that_could_not_be_emptied_is_no_scratch(store, runs, monkeypatch):
    def read():
        sys.audit("open", "x", None, os.O_WRONLY | os.O_TRUNC)  # as one that fails
        return text_or_none("x")

    monkeypatch.setattr("memostore.tracking.hook.os.access", lambda *_: False)
    f = tracked(store, runs, read)
    write("x", "1")
    with pytest.warns(MemostoreWarning, match="both written and read"):
        f()
    write("x", "2")
    assert f() == "2"


@pytest.mark.parametrize("bring", [os.rename, os.link, os.replace])
@pytest.mark.parametrize("target", ["scratch/x", "scratch/new", "scratch/d/x"])
def test_what_the_function_moves_or_links_to_its_own_place_is_not_its_own(store, runs, bring, target):
    def read():
        os.mkdir("scratch")
        write("scratch/x", "")
        os.remove("scratch/x")
        if "d" in target:
            os.rename("given", "scratch/d") if bring is not os.link else shutil.copytree("given", "scratch/d")
        else:
            bring("given/x", target)
        text = Path(target).read_text()
        shutil.rmtree("scratch")
        return text

    f = tracked(store, runs, read)
    for text in ("1", "2"):
        write("given/x", text)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MemostoreWarning)
            assert f() == text


def test_a_scratch_file_that_was_removed_again_and_is_looked_for_counts_as_missing(store, runs):
    f = tracked(store, runs, lambda: (write("x", "1"), os.remove("x"), text_or_none("x"))[2])
    assert (f(), f(), len(runs)) == (None, None, 1)


@pytest.mark.parametrize("data", ["data.txt", "data.py"])
def test_imports_in_the_function_and_lines_of_source_are_left_out(store, runs, here, path, monkeypatch, data):
    def read():
        import lazily_imported

        warnings.warn("shows a line of source", stacklevel=1)
        return lazily_imported.VALUE

    write("lazily_imported.py", f"VALUE = open('{data}').read()")
    write(data, "1")
    monkeypatch.syspath_prepend(str(here))
    monkeypatch.delitem(sys.modules, "lazily_imported", raising=False)
    f = tracked(store, runs, read)
    with pytest.warns(UserWarning, match="a line of source"):
        assert f() == "1"
    assert noted(path) == ["", data]


def test_a_module_that_is_read_as_data_counts(store, runs, path):
    f = tracked(store, runs, lambda name: Path(name).read_text())
    write("code.py", "1")
    f("code.py")
    write("code.py", "2")
    assert f("code.py") == "2"


def test_a_memoized_call_while_a_module_is_imported_sees_what_it_reads(store, here, monkeypatch):
    write("data.py", "1")
    write("imported.py", "RESULT = read('data.py')")
    spec = importlib.util.spec_from_file_location("imported", here / "imported.py")
    results = []
    for text in ("1", "2"):
        write("data.py", text)
        module = importlib.util.module_from_spec(spec)
        module.read = tracked(store, results, opened)
        spec.loader.exec_module(module)
        assert text == module.RESULT


def test_a_loader_that_calls_a_memoized_function_sees_what_it_reads(store, runs, monkeypatch):
    f = tracked(store, runs, opened)

    class Loader:
        def create_module(self, spec):
            return None

        def exec_module(self, module):
            module.RESULT = f("data.py")

        def find_spec(self, name, *_):
            return importlib.util.spec_from_loader(name, self) if name == "made_by_a_loader" else None

    monkeypatch.setattr(sys, "meta_path", [Loader(), *sys.meta_path])
    for text in ("1", "2"):
        write("data.py", text)
        assert text == importlib.import_module("made_by_a_loader").RESULT
        del sys.modules["made_by_a_loader"]


def test_installed_packages_and_files_that_are_none_are_left_out(store, runs, path):
    def read():
        for name in (np.__file__, io.__file__, os.devnull, "/proc/self/status"):
            if os.path.exists(name):
                opened(name)

    f = tracked(store, runs, read)
    f(), f()
    assert (len(runs), noted(path)) == (1, [])


@pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="no files in memory")
def test_files_in_memory_are_files(store, runs):
    f = tracked(store, runs, opened)
    with tempfile.NamedTemporaryFile("w", dir="/dev/shm") as file:
        for text in ("1", "2"):
            write(file.name, text)
            assert f(file.name) == text


# Calls within each other


def test_what_an_inner_call_reads_belongs_to_the_outer_one_whether_it_is_computed_or_stored(store, runs):
    for warm in (0, 1):
        inner = store.memoize(track="files", name=f"inner{warm}")(lambda path: Path(path).read_text())
        outer = tracked(store, runs, lambda path, inner=inner: inner(path) + "!", version=warm)
        write("x", "1")
        if warm:
            inner("x")
        assert outer("x") == outer("x") == "1!"
        write("x", "2")
        if warm:
            inner("x")
        assert outer.explain("x").reason == "file"
        assert outer("x") == outer("x") == "2!"
    assert len(runs) == 4


def test_three_calls_deep_on_two_stores(store, runs):
    with Store(":memory:") as other:
        first = other.memoize(track="files")(lambda: Path("x").read_text())
        second = store.memoize(track="files")(lambda: first())
        third = tracked(store, runs, lambda: second())
        write("x", "1")
        first(), second()
        assert third() == "1"
        write("x", "2")
        assert third() == "2"


def test_what_the_outer_function_wrote_is_no_input_though_an_inner_one_reads_it(store, runs, path):
    inner = store.memoize(track="files", name="inner")(lambda path: Path(path).read_text())

    def read():
        write("scratch", "1")
        return inner("scratch")

    f = tracked(store, runs, read)
    write("scratch", "1")
    inner("scratch")
    f()
    assert f.entry() is not None
    store.invalidate(function=inner)
    assert noted(path) == [""]  # the working directory, from the inner call


def test_an_inner_change_while_the_outer_one_runs_leaves_the_outer_one_out_of_the_store(store, runs):
    inner = store.memoize(track="files", name="inner")(lambda: Path("x").read_text())
    f = tracked(store, runs, lambda: (inner(), write("x", "2"))[0])
    write("x", "1")
    inner()
    with pytest.warns(MemostoreWarning, match="changed while"):
        assert f() == "1"
    assert f.entry() is None


def test_a_file_that_counts_for_an_inner_call_by_its_name_counts_for_the_outer_one(store, runs, settled):
    inner = store.memoize(name="inner", depends_on=[File("stop")])(lambda path: Path(path).read_text())
    f = tracked(store, runs, lambda: inner(File("x")))
    write("x", "1"), write("stop", "1")
    inner(File("x"))
    assert (f(), f(), len(runs)) == ("1", "1", 1)
    write("stop", "2")
    f()
    write("x", "2")
    assert (f(), len(runs)) == ("2", 3)


# Contexts


def test_threads_are_not_seen_unless_they_are_given_the_context(store, runs):
    def alone(path):
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(opened, path).result()

    def given_it(path):
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(contextvars.copy_context().run, opened, path).result()

    write("x", "1")
    f, g = tracked(store, runs, alone), tracked(store, runs, given_it, version=2)
    f("x"), g("x")
    write("x", "2")
    assert (f("x"), g("x")) == ("1", "2")


def test_two_threads_at_once_do_not_see_each_others_files(store, runs, path):
    barrier = threading.Barrier(2, timeout=10)

    def read(name):
        barrier.wait()
        text = Path(name).read_text()
        barrier.wait()
        return text

    f = tracked(store, runs, read)
    write("a", "1"), write("b", "2")
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(f, ["a", "b"])) == ["1", "2"]
    assert sorted(noted(path)) == ["", "", "a", "b"]


def test_a_task_that_outlives_the_call_adds_nothing_to_it():
    collector = Collector()

    async def late():
        await asyncio.sleep(0)
        return Path("x").read_text()

    async def main():
        with collector:
            task = asyncio.ensure_future(late())
        assert collector.close() is None
        await task
        return collector.close()

    write("x", "1")
    assert asyncio.run(main()) is None
    assert collector.files == ()


def test_a_collector_is_entered_around_each_piece_of_the_code_and_sees_nothing_else():
    collector, other = Collector(), Collector()

    def pieces():
        for name in "ab":
            yield Path(name).read_text()

    for name in "abc":
        write(name, name)
    running = pieces()
    with collector:
        next(running)
    Path("c").read_text()
    with other:
        with collector:
            next(running)
        Path("c").read_text()
    assert collector.close() is None
    assert other.close() is None
    assert [os.path.basename(file.path) for file in collector.files] == ["", "a", "b"]
    assert [os.path.basename(file.path) for file in other.files] == ["", "b", "c"]


def pieces_of(names):
    for name in names:
        try:
            asked = yield Path(name).read_text()
        except LookupError:
            asked = "thrown"
        if asked:
            Path(asked).read_text()
    return "returned"


def test_a_generator_is_sent_thrown_and_closed_through_the_collector():
    for name in ("a", "b", "sent", "thrown", "seen by nobody", "at the end"):
        write(name, name)
    collector = Collector()
    running = collector.pieces(pieces_of("aba"))
    assert next(running) == "a"
    Path("seen by nobody").read_text()
    assert (running.send("sent"), running.throw(LookupError())) == ("b", "a")
    with pytest.raises(StopIteration) as ended:
        next(running)
    assert ended.value.value == "returned"
    assert names_read(collector) == ["a", "b", "sent", "thrown"]

    def closing_reads():
        try:
            yield
        finally:
            Path("at the end").read_text()

    collector = Collector()
    running = collector.pieces(closing_reads())
    next(running)
    running.close()
    assert names_read(collector) == ["at the end"]


def test_a_coroutine_is_awaited_piece_by_piece():
    async def reading(name):
        for _ in range(3):
            Path(name).read_text()
            await asyncio.sleep(0)
        await asyncio.gather(helping(name + "1"), asyncio.to_thread(Path(name + "2").read_text))
        return name

    async def helping(name):
        await asyncio.sleep(0)
        return Path(name).read_text()

    async def beside():
        for _ in range(8):
            await asyncio.sleep(0)
            Path("beside").read_text()

    async def main():
        collectors = Collector(), Collector()
        results = await asyncio.gather(*(c.pieces(reading(n)) for c, n in zip(collectors, "ab", strict=True)), beside())
        return results, [names_read(one) for one in collectors]

    for name in ("a", "b", "a1", "b1", "a2", "b2", "beside"):
        write(name, name)
    assert asyncio.run(main()) == (["a", "b", None], [["a", "a1", "a2"], ["b", "b1", "b2"]])


def names_read(collector):
    assert collector.close() is None
    return sorted(os.path.basename(file.path) for file in collector.files if file.path)


def test_tasks_that_take_turns_see_their_own_files_only():
    async def reading(name, collector):
        for _ in range(3):
            with collector:
                Path(name).read_text()
            await asyncio.sleep(0)
        collector.close()
        return {os.path.basename(file.path) for file in collector.files}

    async def main():
        return await asyncio.gather(*(reading(name, Collector()) for name in "ab"))

    write("a", "1"), write("b", "2")
    assert asyncio.run(main()) == [{"", "a"}, {"", "b"}]


# Other shapes, and what comes of a call besides its result


def test_a_coroutine_function_is_tracked_in_all_its_pieces(store, runs):
    @store.memoize(track="files")
    async def f(name):
        runs.append(name)
        first = Path(name).read_text()
        await asyncio.sleep(0)
        return first + Path("second").read_text() + await asyncio.to_thread(Path("third").read_text)

    async def outer(name):
        return await f(name)

    for name in ("first", "second", "third"):
        write(name, "1")
    whole = store.memoize(track="files")(outer)
    assert [asyncio.run(whole("first")) for _ in range(2)] == ["111", "111"]
    for number, name in enumerate(("first", "second", "third"), 2):
        write(name, "2")
        assert asyncio.run(whole("first")) == "2" * (number - 1) + "1" * (4 - number)
        assert len(runs) == number


def test_two_tasks_share_one_computation_and_both_depend_on_its_files(store, runs):
    @store.memoize(track="files")
    async def inner():
        runs.append(1)
        await asyncio.sleep(0.01)
        return Path("x").read_text()

    @store.memoize(track="files")
    async def outer(n):
        return n, await inner()

    async def both():
        return await asyncio.gather(outer(1), outer(2))

    write("x", "1")
    assert asyncio.run(both()) == [(1, "1"), (2, "1")]
    write("x", "2")
    assert asyncio.run(both()) == [(1, "2"), (2, "2")]
    assert len(runs) == 2


def test_a_generator_is_tracked_and_its_consumer_is_not(store, runs, path):
    @store.memoize(track="files")
    def lines(*names):
        for name in names:
            runs.append(name)
            yield Path(name).read_text()

    for name in ("a", "b", "consumer"):
        write(name, "1")
    for _ in lines("a", "b"):
        Path("consumer").read_text()
    assert noted(path) == ["", "a", "b"]
    assert (list(lines("a", "b")), len(runs)) == (["1", "1"], 2)
    write("b", "2")
    assert (list(lines("a", "b")), len(runs)) == (["1", "2"], 4)
    outer = tracked(store, runs, lambda: list(lines("a", "b")))
    outer()
    write("b", "3")
    assert outer() == ["1", "3"]


def test_an_asynchronous_generator_is_tracked_and_its_consumer_is_not(store, runs, path):
    @store.memoize(track="files")
    async def lines(*names):
        for name in names:
            runs.append(name)
            await asyncio.sleep(0)
            yield Path(name).read_text()

    async def consumed():
        return [(line, Path("consumer").read_text())[0] async for line in lines("a", "b")]

    for name in ("a", "b", "consumer"):
        write(name, "1")
    assert asyncio.run(consumed()) == ["1", "1"]
    assert noted(path) == ["", "a", "b"]
    assert (asyncio.run(consumed()), len(runs)) == (["1", "1"], 2)
    write("b", "2")
    assert (asyncio.run(consumed()), len(runs)) == (["1", "2"], 4)


def test_a_generator_whose_file_changes_between_two_items_is_not_stored(store):
    @store.memoize(track="files")
    def lines():
        yield Path("x").read_text()
        yield "end"

    write("x", "1")
    running = lines()
    next(running)
    write("x", "2")
    with pytest.warns(MemostoreWarning, match="changed while"):
        assert list(running) == ["end"]
    assert list(lines()) == ["2", "end"]


def test_a_stored_error_counts_the_files_too(store, runs):
    f = tracked(store, runs, lambda: int(Path("x").read_text()), cache_errors=ValueError)
    write("x", "no number")
    for _ in range(2):
        with pytest.raises(ValueError, match="no number"):
            f()
    assert len(runs) == 1
    write("x", "1")
    assert f() == 1


def test_a_refresh_in_the_background_is_no_part_of_the_call_that_set_it_off(store, runs, clock, path):
    started, may_go_on, finished = threading.Event(), threading.Event(), threading.Event()

    @store.memoize(name="inner", ttl=10, stale_for=1000, track="files")
    def inner():
        runs.append(1)
        if len(runs) > 1:
            Path("later").read_text()
            started.set()
            may_go_on.wait(10)
            finished.set()
        return "1"

    write("later", "1")
    inner()
    clock.advance(20)
    f = store.memoize(track="files", name="f")(lambda: (inner(), started.wait(10))[0])
    assert f() == "1"
    assert "later" not in noted(path)
    may_go_on.set()
    assert finished.wait(10)


# What is told


def test_every_face_says_what_a_call_would_do(store, runs):
    f = tracked(store, runs, text_or_none)
    write("x", "1")
    f("x")
    assert (f.is_cached("x"), f.lookup("x"), f.explain("x").reason) == (True, "1", "hit")
    write("x", "23")
    assert (f.is_cached("x"), f.lookup("x", default="none"), f.explain("x").reason) == (False, "none", "file")
    ((change),) = f.explain("x").changes
    assert (change.kind, change.name) == ("file", os.path.abspath("x"))
    assert change.old.startswith("1 bytes, modified")
    assert change.new.startswith("2 bytes, modified")
    os.remove("x")
    assert f.explain("x").changes[0].new == "missing"
    assert len(runs) == 1


def test_a_miss_names_the_file(store, runs):
    events = []
    store.on("Miss", events.append)
    f = tracked(store, runs, text_or_none)
    write("x", "1")
    f("x")
    write("x", "2")
    f("x")
    assert [event.reason for event in events] == ["new", "file"]
    assert events[1].detail.startswith(f"file {os.path.abspath('x')}: 1 bytes")


def test_refresh_records_what_is_read_then(store, runs):
    f = tracked(store, runs, text_or_none)
    write("x", "1")
    f("x")
    write("x", "2")
    assert f.refresh("x") == f("x") == "2"
    assert len(runs) == 2


def test_results_with_and_without_the_files_are_not_taken_for_each_other(store):
    def read(x):
        return Path("x").read_text()

    write("x", "1")
    plain, with_files = store.memoize(read), store.memoize(track="files")(read)
    assert plain.key(1) != with_files.key(1)
    assert plain(1) == "1"
    write("x", "2")
    assert with_files(1) == "2"
    assert with_files.cache_parameters()["track"] == "files"


def test_that_the_files_count_now_is_told_like_a_change_of_the_code(store):
    def read(x):
        return Path("x").read_text()

    write("x", "1")
    store.memoize(read)(1)
    said = store.memoize(track="files")(read).explain(1)
    assert (said.reason, said.detail) == ("code", "the code counts by another rule: track=None -> track='files'")


def test_a_new_parameter_does_not_inherit_what_was_stored_without_the_files(store):
    write("x", "1")
    options = {"name": "prep.f", "code": "version", "new_defaults": True}
    store.memoize(**options)(lambda x: Path("x").read_text())(1)
    write("x", "2")
    assert store.memoize(**options, track="files")(lambda x, n=1: Path("x").read_text())(1) == "2"


def test_a_result_under_an_old_name_is_found_with_its_files(store, runs):
    options = {"track": "files", "code": "version"}
    old = store.memoize(**options, name="prep.old")(lambda: Path("x").read_text())
    new = store.memoize(**options, name="prep.new", formerly=["prep.old"])(lambda: runs.append(1) or "computed")
    write("x", "1")
    old()
    assert (new(), new.is_cached(), new.explain().reason) == ("1", True, "hit")
    write("x", "2")
    assert (new.is_cached(), new.explain().reason) == (False, "file")
    assert (new(), runs) == ("computed", [1])


def test_where_an_old_names_files_are_back_its_result_is_found_again(store, runs):
    options = {"track": "files", "code": "version"}
    old = store.memoize(**options, name="prep.old")(lambda: Path("x").read_text())
    new = store.memoize(**options, name="prep.new", formerly=["prep.old"])(lambda: Path("x").read_text() + "!")
    write("x", "1")
    old()
    write("x", "2")
    assert new() == "2!"
    write("x", "1")
    assert (new.is_cached(), new.lookup(), new.explain().reason, new()) == (True, "1", "hit", "1")


@pytest.mark.parametrize("wrong", ["file", True, ["files"], ""])
def test_what_can_not_be_tracked_is_named(store, wrong):
    with pytest.raises(InvalidArgument, match=r"track=.* must be 'files', or None"):
        store.memoize(track=wrong)


def test_a_result_that_replaces_another_replaces_its_files_and_takes_them_along(store, runs, path):
    f = tracked(store, runs, lambda: [text_or_none(name) for name in text_or_none("list").split()])
    write("list", "a b")
    f()
    assert noted(path) == ["", "a", "b", "list"]
    write("list", "b c")
    f()
    assert noted(path) == ["", "b", "c", "list"]
    store.clear()
    assert noted(path) == []


def test_a_function_without_files_is_remembered_as_ever(store, runs):
    f = tracked(store, runs, lambda x: x)
    assert (f(1), f(1), f(2), len(runs)) == (1, 1, 2, 2)


def test_the_source_of_inner_functions_is_no_input(store, runs, path):
    @store.memoize
    def inner(x):
        return text_or_none("x")

    linecache.clearcache()
    tracked(store, runs, inner)(1)
    assert noted(path) == ["", "x"]


def test_what_packages_there_are_is_no_input(store, runs, path, monkeypatch):
    monkeypatch.syspath_prepend(os.getcwd())
    write("some-1.0.dist-info/METADATA", "Version: 1.0")
    f = tracked(store, runs, lambda: importlib.metadata.version("some"))
    assert (f(), noted(path)) == ("1.0", [])


# Faults


def test_an_entry_is_stored_with_its_files_or_not_at_all(store, runs, monkeypatch):
    monkeypatch.setattr("memostore.backends.sqlite_files.INSERT_FILE", "INSERT INTO nowhere VALUES (?, ?, ?, ?)")
    f = tracked(store, runs, text_or_none)
    write("x", "1")
    with pytest.warns(MemostoreWarning, match="saving failed"):
        f("x")
    assert (f.entry("x"), f.is_cached("x"), store.stats().entries) == (None, False, 0)


def test_a_fault_of_the_hook_costs_no_more_than_the_storing(store, runs, monkeypatch):
    def fail(path):
        raise RuntimeError("no looking")

    f = tracked(store, runs, opened)
    write("x", "1")
    monkeypatch.setattr("memostore.tracking.hook.look", fail)
    with pytest.warns(MemostoreWarning, match="could not be seen what the function reads: .*no looking"):
        assert f("x") == "1"
    assert store.stats().entries == 0


def test_a_store_that_can_not_be_read_costs_a_computation(store, runs, monkeypatch):
    def broken(*_):
        raise StoreUnavailable("the disk is gone")

    f = tracked(store, runs, text_or_none)
    write("x", "1")
    f("x")
    monkeypatch.setattr(store._backend, "fetch_with_files", broken)
    with pytest.warns(MemostoreWarning, match="the disk is gone"):
        assert (f("x"), f.is_cached("x"), f.lookup("x")) == ("1", False, None)
    assert f.explain("x").reason == "fault"
    assert len(runs) == 2


@pytest.mark.parametrize("column", ["path", "content", "status"])
@pytest.mark.parametrize("damage", [b"\xff\x00", "[1, 2]", 7, "{}", '["a", 1, 2, 3, 4]'])
def test_damaged_notes_of_files_cost_a_computation(store, runs, path, column, damage):
    f = tracked(store, runs, text_or_none)
    write("x", "1")
    f("x")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"UPDATE read_file SET {column} = ? WHERE path <> ''", [damage])
    assert f.explain("x").reason in ("file", "hit")
    assert f("x") == "1"


def test_a_name_that_is_no_text_is_said_and_not_stored(store, runs):
    name = os.fsdecode(b"\xff.txt")
    try:
        write(name, "1")
    except OSError:
        pytest.skip("the file system takes text only")
    f = tracked(store, runs, lambda: Path(name).read_text())
    with pytest.warns(MemostoreWarning, match="a name that is no text"):
        assert f() == "1"


def test_an_entry_that_another_process_replaces_while_it_is_read_is_not_taken_for_the_checked_one(store, runs, path):
    """The files of one entry say nothing of the value of another."""
    f = tracked(store, runs, lambda name: os.urandom(200_000) + Path(name).read_bytes())
    write("x", "1")
    f("x")
    key, pieces = f.key("x"), store._backend.fetch_pieces

    def replaced_before(asked):
        with Store(path) as other, closing(sqlite3.connect(path)) as _:
            write("x", "2")
            tracked(other, runs, lambda name: os.urandom(200_000) + Path(name).read_bytes()).refresh("x")
            write("x", "1")
        store._backend.fetch_pieces = pieces
        return pieces(asked)

    store._backend.fetch_pieces = replaced_before
    assert f("x").endswith(b"1")
    assert f.key("x") == key


def test_an_entry_and_its_files_are_of_one_moment(store, runs, path):
    f = tracked(store, runs, opened)
    write("x", "1")
    f("x")
    fetch = store._backend.fetch

    def replaced_after(asked):
        row = fetch(asked)
        store._backend.fetch = fetch
        write("x", "2")
        with Store(path) as other:
            tracked(other, runs, opened).refresh("x")
        return row

    store._backend.fetch = replaced_after
    assert f("x") == "2"


def test_two_processes_share_results_and_see_each_others_changes(script):
    script.write("""
        import sys
        from pathlib import Path
        from memostore import Store

        with Store("memo.db") as store:
            @store.memoize(track="files")
            def f():
                print("computed", end=" ")
                return Path("data.txt").read_text()

            print(f())
    """)
    (script.directory / "data.txt").write_text("1")
    assert [script.run().stdout for _ in range(2)] == ["computed 1\n", "1\n"]
    (script.directory / "data.txt").write_text("2")
    assert [script.run().stdout for _ in range(2)] == ["computed 2\n", "2\n"]


def test_a_program_that_tracks_nothing_has_no_hook(script):
    script.write("""
        import sys
        events = []
        add = sys.addaudithook
        sys.addaudithook = lambda hook: (events.append(hook), add(hook))
        from memostore import Store
        with Store(":memory:") as store:
            store.memoize(lambda x: x)(1)
            print(len(events))
            store.memoize(track="files")(lambda x: x)(1)
            store.memoize(track="files")(lambda x: x)(2)
            print(len(events))
    """)
    assert script.run().stdout.split() == ["0", "1"]


# The law


EDITS = st.lists(
    st.tuples(
        st.sampled_from(["write", "touch", "delete", "replace", "mkdir", "none"]), st.sampled_from("abc"),
        st.sampled_from(["", "1", "2"]), st.sampled_from("abc"),
    ),
    max_size=12,
)  # fmt: skip


def direct(first):
    """Read a file, and then the one that it leads to: which files are read depends on what is in them."""
    found = {"names": sorted(os.listdir("d")) if os.path.isdir("d") else None}
    for name in (first, "b" if text_or_none_at(first) == "1" else "c"):
        found[name] = text_or_none_at(name)
    return found


def text_or_none_at(name):
    try:
        return builtins.open(f"d/{name}").read()
    except (FileNotFoundError, IsADirectoryError) as error:
        return type(error).__name__


def edit(kind, name, text):
    path = Path("d", name)
    if kind == "mkdir" or (kind in ("write", "replace") and path.is_dir()):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    if kind == "mkdir":
        path.mkdir()
    elif kind == "write":
        path.write_text(text)
    elif kind == "replace":
        Path("new").write_text(text)
        os.replace("new", path)
    elif kind == "touch" and path.exists():
        os.utime(path)
    elif kind == "delete":
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


@given(EDITS)
@settings(max_examples=60, deadline=None)
def test_the_remembered_result_is_always_the_direct_one(edits):
    with Store(":memory:") as store, tempfile.TemporaryDirectory() as directory:
        before = os.getcwd()
        os.chdir(directory)
        try:
            os.mkdir("d")
            f = store.memoize(track="files", code="version")(direct)
            outer = store.memoize(track="files", code="version")(lambda first: [f(first), f("a")])
            for kind, name, text, asked in edits:
                edit(kind, name, text)
                assert outer(asked) == [direct(asked), direct("a")]
                assert f.is_cached(asked) == f.explain(asked).is_hit
                assert f.lookup(asked, default=direct(asked)) == direct(asked)
        finally:
            os.chdir(before)


# Coroutines and generators that are memoized


def test_a_memoized_coroutine_is_computed_again_when_a_file_that_it_opened_changes(store, runs):
    @store.memoize(track="files")
    async def f(name):
        runs.append(name)
        await asyncio.sleep(0)
        return Path(name).read_text()

    async def main():
        return await f("a")

    write("a", "1")
    assert [asyncio.run(main()), asyncio.run(main())] == ["1", "1"]
    write("a", "2")
    assert not f.is_cached("a")
    assert asyncio.run(main()) == "2"
    assert len(runs) == 2


def test_tasks_that_run_while_a_memoized_coroutine_waits_add_nothing_to_it(store):
    @store.memoize(track="files")
    async def f(name):
        await asyncio.sleep(0.01)
        return Path(name).read_text()

    async def beside():
        return Path("b").read_text()

    async def main():
        return await asyncio.gather(f("a"), beside())

    write("a", "1")
    write("b", "1")
    asyncio.run(main())
    write("b", "2")
    assert f.is_cached("a")


def test_a_memoized_generator_counts_what_it_opens_and_not_what_its_consumer_does(store, runs):
    @store.memoize(track="files")
    def lines(name):
        runs.append(name)
        with open(name) as file:
            yield from file

    def consumed(name):
        found = []
        for line in lines(name):
            Path("consumer").read_text()
            found.append(line)
        return found

    write("a", "1\n2\n")
    write("consumer", "1")
    assert consumed("a") == consumed("a") == ["1\n", "2\n"]
    write("consumer", "2")
    assert consumed("a") == ["1\n", "2\n"]
    assert len(runs) == 1
    write("a", "3\n")
    assert consumed("a") == ["3\n"]
    assert lines.explain("a").is_hit
    write("a", "4\n")
    assert lines.explain("a").reason == "file"


def test_an_asynchronous_generator_likewise(store, runs):
    @store.memoize(track="files")
    async def lines(name):
        runs.append(name)
        for line in Path(name).read_text().splitlines():
            await asyncio.sleep(0)
            yield line

    async def main():
        return [line async for line in lines("a")]

    write("a", "1\n2\n")
    assert asyncio.run(main()) == asyncio.run(main()) == ["1", "2"]
    write("a", "3\n")
    assert asyncio.run(main()) == ["3"]
    assert len(runs) == 2


def test_the_replay_of_an_inner_stream_counts_for_the_outer_call(store, runs):
    @store.memoize(track="files")
    def inner(name):
        yield Path(name).read_text()

    @store.memoize(track="files")
    def outer(name):
        runs.append(name)
        return list(inner(name))

    write("a", "1")
    assert list(inner("a")) == ["1"]
    assert outer("a") == ["1"]
    write("a", "2")
    assert outer("a") == ["2"]
    assert len(runs) == 2
