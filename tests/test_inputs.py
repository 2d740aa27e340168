"""`File` and `Env`: a call counts what it reads besides its arguments."""

import json
import os
import pickle
import socket
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Annotated

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import memostore.keys.inputs as inputs
from memostore import Env, File, InvalidArgument, MemostoreWarning, MissingFile, Store

TEXTUAL = """
from __future__ import annotations
from typing import TYPE_CHECKING, Annotated, Optional
from memostore import File
if TYPE_CHECKING:
    from nowhere import Other

def plain(path: File, n: Other = None): ...
def optional(path: File | None = None): ...
def older(path: Optional[File] = None): ...
def annotated(path: Annotated[str, File]): ...
"""
STOP = File("stop.txt")
LATER = 10_000_000_000  # nanoseconds, in which a file's times get old


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def reads(monkeypatch):
    """What is read while files count as settled: no file was written a moment ago."""
    seen = []
    whole = inputs._read
    now = inputs.time.time_ns
    monkeypatch.setattr(inputs.time, "time_ns", lambda: now() + LATER)
    monkeypatch.setattr(inputs, "_read", lambda path, name: seen.append(path) or whole(path, name))
    return seen


def counting(store, runs, *depends_on, **options):
    @store.memoize(depends_on=list(depends_on), **options)
    def f(x=0):
        runs.append(x)
        return len(runs)

    return f


def write(path, text):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


def content(path):
    return File(path).state().content


# depends_on: files


@pytest.mark.parametrize("code", ["deep", "body", "version"])
def test_a_file_counts_from_the_next_call_on_and_back_again(store, runs, code):
    f = counting(store, runs, File("stop.txt"), code=code)
    write("stop.txt", "a")
    assert (f(), f()) == (1, 1)
    write("stop.txt", "b")
    assert (f(), f()) == (2, 2)
    write("stop.txt", "a")
    assert f() == 1


def test_a_missing_file_is_neither_an_empty_nor_an_unreadable_one(store, runs, monkeypatch):
    f = counting(store, runs, File("stop.txt"))
    assert (f(), f()) == (1, 1)
    write("stop.txt", "")
    assert (f(), f()) == (2, 2)
    os.remove("stop.txt")
    assert f() == 1
    monkeypatch.setattr(inputs.os, "stat", lambda path: (_ for _ in ()).throw(PermissionError(13, "no", path)))
    assert f() == 3


def test_a_file_that_is_only_written_anew_moved_or_linked_to_stays_the_same(store, runs):
    f = counting(store, runs, File("stop.txt"))
    write("stop.txt", "a")
    assert f() == 1
    write("stop.txt", "a")
    os.utime("stop.txt", (1, 1))
    assert f() == 1
    os.rename("stop.txt", "other.txt")
    os.symlink("other.txt", "stop.txt")
    assert f() == 1


def test_a_path_is_relative_to_the_working_directory_of_the_call(store, runs, here, monkeypatch):
    f = counting(store, runs, File("stop.txt"))
    for directory in ("a", "b"):
        write(f"{directory}/stop.txt", directory)
    monkeypatch.chdir(here / "a")
    assert f() == 1
    monkeypatch.chdir(here / "b")
    assert f() == 2
    monkeypatch.chdir(here / "a")
    assert f() == 1


def test_the_files_of_two_dependencies_swapped_are_others(store, runs):
    f = counting(store, runs, File("a"), File("b"))
    write("a", "1"), write("b", "2")
    assert f() == 1
    write("a", "2"), write("b", "1")
    assert f() == 2


NAMES = st.lists(st.sampled_from("ab/"), min_size=1, max_size=4).map(lambda parts: "".join(parts).strip("/") or "a")
TREES = st.dictionaries(NAMES.map(os.path.normpath), st.sampled_from([b"", b"1", b"a", b"ab"]), max_size=4)


@given(TREES, TREES)
@settings(max_examples=60, deadline=None)
def test_directories_are_equal_exactly_if_names_and_contents_are(one, other):
    trees = [{name: data for name, data in tree.items() if not has_below(tree, name)} for tree in (one, other)]
    states = []
    for tree in trees:
        with tempfile.TemporaryDirectory() as directory:
            for name, data in tree.items():
                place = Path(directory, name)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(data)
            states.append(content(directory))
    assert (states[0] == states[1]) == (trees[0] == trees[1])


def has_below(tree, name):
    return any(other.startswith(f"{name}/") for other in tree)


@pytest.mark.parametrize("directory", ["data", Path("data"), "data/"])
def test_a_directory_counts_by_names_and_contents_below_it(directory):
    states = []
    for change in (
        lambda: os.mkdir("data"), lambda: write("data/a", "1"), lambda: write("data/a", "2"),
        lambda: write("data/sub/b", "1"), lambda: os.rename("data/sub/b", "data/sub/c"),
        lambda: os.rename("data/sub/c", "data/c"), lambda: os.rmdir("data/sub"), lambda: os.symlink("gone", "data/d"),
        lambda: write("data/gone", "3"),
    ):  # fmt: skip
        change()
        states.append(content(directory))
    assert len(set(states)) == len(states)
    os.rename("data", "elsewhere")
    assert content("elsewhere") == states[-1]


def test_a_directory_with_a_circle_of_links_or_a_socket_in_it_has_an_end():
    write("data/a", "1")
    before = content("data")
    os.symlink(".", "data/here")
    with_link = File("data").state()
    assert (with_link.shown["files"], with_link.shown["size"]) == (1, 1)
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind("data/s")
        assert len({before, with_link.content, content("data")}) == 3
        assert File("data/s").state().content == b"unreadable"


@pytest.mark.parametrize("several", ["data", "data/*"])
def test_a_link_to_nowhere_or_an_unreadable_file_does_not_hide_the_others(several, monkeypatch):
    def read(path, name):
        if path.endswith("locked"):
            raise PermissionError(13, "no", path)
        return whole(path, name)

    whole = inputs._read
    monkeypatch.setattr(inputs, "_read", read)
    write("data/a", "1"), write("data/locked", "1")
    states = [content(several)]
    for change in (lambda: os.symlink("nowhere", "data/link"), lambda: write("data/a", "2")):
        change()
        states.append(content(several))
    assert len(set(states)) == 3


def test_a_pattern_counts_by_what_it_matches():
    assert content("data/*.csv") == b"missing"
    write("data/a.csv", "1")
    one = content("data/*.csv")
    write("data/a.txt", "1")
    assert content("data/*.csv") == one
    write("data/b.csv", "1")
    assert content("data/*.csv") != one
    assert content("data/**/*") == content(Path("data").resolve() / "**" / "*")
    write("data/[x].csv", "2")
    assert File("data/[x].csv").state().shown["size"] == 1


def test_a_file_is_read_again_only_if_its_status_is_another(store, runs, reads):
    f = counting(store, runs, File("stop.txt"))
    write("stop.txt", "a")
    f(), f(), f(1)
    assert reads == ["stop.txt"]
    write("stop.txt", "b")
    f(), f()
    assert reads == ["stop.txt"] * 2
    write("stop.txt", "")  # as files in /proc say of themselves
    f(), f()
    assert len(reads) >= 4


def test_a_file_that_was_written_a_moment_ago_is_not_trusted(store, runs, monkeypatch):
    monkeypatch.setattr(inputs, "_status", lambda status: (0, 0, status.st_size, 0, 0))  # within one tick of the clock
    f = counting(store, runs, File("stop.txt"))
    write("stop.txt", "a")
    assert f() == 1
    write("stop.txt", "b")
    assert f() == 2


def test_a_file_at_module_level_counts_like_one_of_depends_on(store, runs):
    @store.memoize
    def f():
        runs.append(STOP.path)
        return len(runs)

    write("stop.txt", "a")
    assert (f(), f()) == (1, 1)
    write("stop.txt", "b")
    assert (f(), f()) == (2, 2)


def test_a_result_of_before_a_new_parameter_is_not_taken_for_one_of_another_file(store, runs):
    write("stop.txt", "a")
    options = {"name": "prep.f", "depends_on": [File("stop.txt")], "code": "body", "new_defaults": True}
    assert store.memoize(**options)(lambda x: "old")(1) == "old"
    assert store.memoize(**options)(lambda x, n=1: "new")(1) == "old"
    store.clear()
    assert store.memoize(**{**options, "name": "prep.g"})(lambda x: "old")(1) == "old"
    write("stop.txt", "b")
    assert store.memoize(**{**options, "name": "prep.g"})(lambda x, n=1: "new")(1) == "new"


# depends_on: variables


def test_a_variable_counts_from_the_next_call_on(store, runs, monkeypatch):
    f = counting(store, runs, Env("MEMO_LANG"))
    results = []
    for value in ("de", "en", "", None, "de"):
        monkeypatch.setenv("MEMO_LANG", value) if value is not None else monkeypatch.delenv("MEMO_LANG")
        results += [f(), f()]
    assert results == [1, 1, 2, 2, 3, 3, 4, 4, 1, 1]


def test_two_variables_of_one_value_are_two(monkeypatch):
    monkeypatch.setenv("A", "x")
    monkeypatch.setenv("B", "x")
    assert Env("A").state().content != Env("B").state().content


@pytest.mark.parametrize("name", ["api_key", "TOKEN_OF", "MYSECRETS", "DB_PASSWORD", "LONG"])
def test_of_a_secret_and_of_long_text_only_length_and_digest_are_stored(store, runs, path, monkeypatch, name):
    value = "hunter2" * (20 if name == "LONG" else 1)
    monkeypatch.setenv(name, value)
    counting(store, runs, Env(name))()
    with closing(sqlite3.connect(path)) as connection:
        ((manifest,),) = connection.execute("SELECT manifest FROM code")
    shown = json.loads(manifest)["inputs"][f"variable {name}"]
    assert "hunter2" not in "\n".join(connection_text(path))
    assert (shown["characters"], len(shown["digest"])) == (len(value), 8)


def connection_text(path):
    with closing(sqlite3.connect(path)) as connection:
        yield from connection.iterdump()


def test_a_value_that_is_no_text_is_stored_so_that_it_can_be_read(store, runs, monkeypatch):
    monkeypatch.setitem(os.environb, b"MEMO_LANG", b"\xff")
    f = counting(store, runs, Env("MEMO_LANG"))
    assert (f(), f()) == (1, 1)
    assert store.explain(f).entry is not None


# Arguments


def annotated_by_file(path: File):
    return Path(path).read_text()


def annotated_text(path: Annotated[str, File]):
    return Path(path).read_text()


def bare(path):
    return Path(path).read_text()


@pytest.mark.parametrize(
    ("function", "wrap"), [(annotated_by_file, str), (annotated_by_file, Path), (annotated_text, str), (bare, File)]
)
def test_an_argument_counts_by_the_content_of_the_file_that_it_names(store, function, wrap):
    f = store.memoize(function)
    write("a", "1"), write("b", "1")
    assert f(wrap("a")) == "1"
    assert f(wrap("b")) == "1"
    assert f.cache_info()[:2] == (1, 1)
    write("a", "2")
    assert f(wrap("a")) == "2"
    assert f(wrap("b")) == "1"
    assert f.cache_info()[:2] == (2, 2)


def test_files_inside_an_argument_count_too(store):
    f = store.memoize(lambda paths: [Path(path).read_text() for path in paths])
    write("a", "1"), write("b", "2")
    assert f([File("a"), File("b")]) == ["1", "2"]
    write("b", "3")
    assert f([File("a"), File("b")]) == ["1", "3"]


def test_annotations_that_are_text_or_optional_count(store):
    namespace = {"__name__": "textual"}
    exec(TEXTUAL, namespace)
    write("a", "1"), write("b", "1"), write("c", "2")
    for name in ("plain", "optional", "older", "annotated"):
        f = store.memoize(namespace[name])
        assert f.key("a") == f.key("b") != f.key("c"), name
        if name in ("optional", "older"):
            assert f.key(None) == f.key() != f.key("a")


def test_stars_annotated_count_for_each(store):
    def f(*paths: File, **named: File): ...

    f = store.memoize(f)
    write("a", "1"), write("b", "1"), write("c", "2")
    assert f.key("a", "c", x="a") == f.key("b", "c", x="b") != f.key("a", "c", x="c")


@pytest.mark.parametrize(
    ("function", "given"), [(annotated_by_file, "no.txt"), (bare, File("no.txt")), (bare, [File("no.txt")])]
)
def test_a_missing_argument_is_named_with_its_parameter_and_path(store, function, given):
    f = store.memoize(function)
    with pytest.raises(FileNotFoundError, match=r"path.*: the file 'no.txt' is missing") as caught:
        f(given)
    assert type(caught.value) is MissingFile
    assert f.explain(given).reason == "unkeyable"


def test_an_argument_that_can_not_be_read_is_an_error(store):
    Path("data").mkdir()
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind("s")
        with pytest.raises(TypeError, match=r"path: the file 's' can't be read: .*neither a file nor a directory"):
            store.memoize(annotated_by_file)("s")


def test_what_is_no_path_is_named(store):
    for wrong in (3, "", "a\0b", None):
        with pytest.raises(InvalidArgument, match="File takes a path"):
            File(wrong)
    for wrong in (3, "", "a=b"):
        with pytest.raises(InvalidArgument, match="Env takes the name"):
            Env(wrong)
    with pytest.raises(InvalidArgument) as caught:
        store.memoize(annotated_by_file)(3)
    assert "parameter 'path' of" in caught.value.__notes__[0]


def test_both_are_values_that_can_be_compared_pickled_and_opened():
    write("a", "1")
    assert pickle.loads(pickle.dumps([File("a"), Env("A")])) == [File(Path("a")), Env("A")]
    assert len({File("a"), File("a"), Env("a")}) == 2
    with open(File("a")) as file:
        assert file.read() == "1"
    assert str(File("a")) == "a"


# Changed while the function runs


@pytest.mark.parametrize("also", [None, "1"])
@pytest.mark.parametrize("source", ["depends_on", "argument", "closure"])
def test_a_result_is_not_stored_if_a_file_changed_meanwhile(store, source, also):
    write("a", "1")
    in_closure = File("a")

    def g(path=None):
        write("a", "2")
        if also:
            write("a", also)

    def f(path=None):
        g()
        return in_closure

    memoized = store.memoize(depends_on=[File("a")] if source == "depends_on" else [])(f if source == "closure" else g)
    given = (File("a"),) if source == "argument" else ()
    with pytest.warns(MemostoreWarning, match="not stored: file a changed while the function ran"):
        memoized(*given)
    assert store.stats().entries == 0
    write("a", "1")
    assert memoized.explain(*given).reason == "skipped"


def test_a_file_that_was_only_written_anew_before_the_call_does_no_harm(store, runs):
    write("a", "1")
    f = counting(store, runs, File("a"))
    f(1)
    write("a", "1")
    os.utime("a", (1, 1))
    assert (f(2), f(2)) == (2, 2)


def test_a_variable_that_the_function_sets_is_a_change_too(store, monkeypatch):
    monkeypatch.setenv("MEMO_LANG", "de")

    @store.memoize(depends_on=[Env("MEMO_LANG")])
    def f():
        os.environ["MEMO_LANG"] = "en"

    with pytest.warns(MemostoreWarning, match="variable MEMO_LANG changed while"):
        f()


# Explanations


def explained(store, before, after, *depends_on):
    f = store.memoize(depends_on=list(depends_on))(bare_of_one)
    before()
    f(1)
    after()
    return f.explain(1)


def bare_of_one(x):
    return x


def test_a_changed_file_is_told_with_sizes_times_and_digests(store):
    def second():
        write("a", "23")
        os.utime("a", (86400, 86400))

    def first():
        write("a", "1")
        os.utime("a", (0, 0))

    said = explained(store, first, second, File("a"))
    assert said.reason == "file"
    (change,) = said.changes
    assert (change.kind, change.name, change.how) == ("file", "a", "changed")
    assert change.old.startswith("1 bytes, modified 1970-01-01 00:00:00 UTC, digest ")
    assert change.new.startswith("2 bytes, modified 1970-01-02 00:00:00 UTC, digest ")
    assert "a miss: a file has changed\n  file a: 1 bytes, modified 1970-01-01" in str(said)
    assert said.detail.startswith("file a: 1 bytes")


def test_a_file_that_goes_is_told_as_missing(store):
    said = explained(store, lambda: write("data/a", "1"), lambda: os.rename("data", "gone"), File("data"))
    assert said.changes[0].new == "missing"
    assert said.changes[0].old.startswith("1 files, 1 bytes, modified ")


def test_a_changed_variable_is_told_with_its_values(store, monkeypatch):
    monkeypatch.delenv("MEMO_LANG", raising=False)
    said = explained(
        store, lambda: monkeypatch.setenv("MEMO_LANG", "de"), lambda: monkeypatch.setenv("MEMO_LANG", "en"),
        Env("MEMO_LANG"),
    )  # fmt: skip
    assert (said.reason, said.detail) == ("variable", "variable MEMO_LANG: 'de' -> 'en'")
    monkeypatch.delenv("MEMO_LANG")
    f = store.memoize(depends_on=[Env("MEMO_LANG")])(bare_of_one)
    assert f.explain(1).detail == "variable MEMO_LANG: 'de' -> unset"


def test_a_changed_file_that_is_an_argument_is_told_inside_it(store):
    f = store.memoize(annotated_by_file)
    write("a", "1")
    f("a")
    write("a", "23")
    said = f.explain("a")
    assert said.reason == "arguments"
    assert {difference.path for difference in said.differences} >= {'path["size"]', 'path["digest"]'}


def test_the_line_in_the_log_names_the_file(path):
    told = []
    with Store(path) as store:
        store.on("Miss", told.append)
        f = store.memoize(depends_on=[File("a")])(bare_of_one)
        f(1)
        write("a", "1")
        f(1)
    assert [miss.reason for miss in told] == ["new", "file"]
    assert told[1].detail.startswith("file a: missing -> 1 bytes")
