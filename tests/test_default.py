"""`@memoize` without a store: where its results go, and that nothing is opened before the first call."""

import sqlite3
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import memostore
from memostore import InvalidArgument, MemostoreWarning, default_store, memoize


@pytest.fixture(autouse=True)
def url(tmp_path, monkeypatch):
    """Let the default store be a file of this test's own."""
    path = tmp_path / "cache" / "default.db"
    monkeypatch.setenv("MEMOSTORE_URL", str(path))
    yield path
    for store in memostore.default._opened.values():
        store.close()
    memostore.default._opened.clear()


def test_memoize_keeps_results_in_the_default_store(url):
    @memoize
    def f(x):
        return x + 1

    assert f(1) == f(1) == 2
    assert f.cache_info() == (1, 1, None, 1)
    assert default_store().find(function=f)[0].arguments == {"x": 1}
    assert default_store().path == url


def test_the_called_form_takes_the_options_of_a_store():
    @memoize(ttl="7d", tags=("nightly",), ignore=["verbose"])
    def f(x, verbose=False):
        return x

    assert f(1, verbose=True) == f(1) == 1
    assert f.entry(1).tags == ("nightly",)
    assert f.cache_parameters()["ttl"] == 604800.0


def test_nothing_is_opened_or_created_before_the_first_call(url):
    @memoize
    def f(x):
        return x

    class Shape:
        @memoize
        def area(self):
            return 1

    f.cache_parameters(), repr(f), f.__wrapped__(1), f.__name__, Shape().area
    assert memostore.default._opened == {}
    assert not url.parent.exists()
    f(1)
    assert url.exists()


@pytest.mark.parametrize("face", ["key", "is_cached", "lookup", "entry", "invalidate", "refresh"])
def test_a_face_opens_it_too(face, url):
    f = memoize(lambda x: x)
    getattr(f, face)(1)
    assert url.exists()


def test_bad_options_are_refused_without_opening_it(url):
    for options in ({"ttl": -1}, {"unknown": 1}, {"ignore": ["y"]}):
        with pytest.raises(InvalidArgument):
            memoize(**options)(lambda x: x)
    assert not url.exists()


def test_one_store_for_all(url):
    assert default_store() is default_store()
    memoize(name="one")(lambda: 1)()
    memoize(name="two")(lambda: 2)()
    assert default_store().stats().functions == 2


def test_threads_that_come_first_together_open_one_store():
    barrier = threading.Barrier(8)

    def opened(_):
        barrier.wait()
        return default_store()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(map(id, pool.map(opened, range(8))))) == 1


def test_a_url_may_be_of_sqlite(url, tmp_path, monkeypatch):
    monkeypatch.setenv("MEMOSTORE_URL", f"sqlite:///{tmp_path}/other.db")
    memoize(lambda: 1)()
    assert (tmp_path / "other.db").exists()
    assert not url.exists()


def test_the_variable_is_read_when_the_store_is_opened(url, tmp_path, monkeypatch):
    f = memoize(lambda: 1)
    monkeypatch.setenv("MEMOSTORE_URL", str(tmp_path / "later.db"))
    f()
    assert (tmp_path / "later.db").exists()
    assert default_store().path == tmp_path / "later.db"


def test_a_store_that_was_closed_is_opened_again():
    f = memoize(name="f")(lambda: 1)
    f()
    default_store().close()
    assert not default_store().closed
    assert memoize(name="f")(f.__wrapped__).is_cached()


def test_in_the_users_cache_directory(tmp_path, monkeypatch):
    monkeypatch.delenv("MEMOSTORE_URL")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    memoize(lambda: 1)()
    assert (tmp_path / "xdg" / "memostore" / "memostore.db").exists()


def test_a_url_that_can_not_be_used_is_an_error_at_the_first_call(monkeypatch):
    f = memoize(lambda: 1)
    monkeypatch.setenv("MEMOSTORE_URL", "mysql://somewhere/db")
    with pytest.raises(InvalidArgument, match="mysql"):
        f()


def test_a_cache_directory_that_can_not_be_made_costs_a_warning_and_no_result(tmp_path, monkeypatch):
    """A home that may not be written to, as in many a container, stops no program."""
    (tmp_path / "file").write_text("not a directory")
    monkeypatch.setenv("MEMOSTORE_URL", str(tmp_path / "file" / "memo.db"))
    f = memoize(lambda x: x + 1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            results = [f(1), f(1)]
        except memostore.MemostoreError as error:
            results = str(error)
    if isinstance(results, str):  # a path that can never work is said so, by name
        assert "memo.db" in results
    else:
        assert results == [2, 2]
        assert [w.category for w in caught] == [MemostoreWarning]


SCRIPT = """
from memostore import memoize

@memoize
def f(x):
    print("computing", x)
    return x * 2

print(f(21))
"""


def test_a_script_run_twice_computes_once(tmp_path, url):
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    root = str(Path(memostore.__file__).parent.parent)
    environment = {"MEMOSTORE_URL": str(url), "PYTHONPATH": root, "PATH": "/usr/bin:/bin"}
    run = [
        subprocess.run([sys.executable, str(path)], env=environment, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert run == ["computing 21\n42\n", "42\n"]
    with sqlite3.connect(url) as connection:
        rows = connection.execute("SELECT function, hit_count FROM entries").fetchall()
    connection.close()
    assert rows == [("script.f", 1)]
