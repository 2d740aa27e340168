"""memostore.testing: a clock, a store in memory in the default store's place, and fixtures that restore what was."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import memostore
import memostore.default
from memostore import InvalidArgument, Store, default_store, memoize
from memostore.testing import Clock, fresh_default, memory_store

TUTORIAL = Path(__file__).parent.parent / "docs" / "tutorial.md"

# The clock


def test_a_clock_stands_still_until_it_is_turned():
    clock = Clock()
    assert clock() == clock() == datetime(2000, 1, 1, tzinfo=UTC).timestamp()
    clock.advance(1.5)
    clock.advance("1d")
    clock.advance(timedelta(hours=1))
    assert clock.now == datetime(2000, 1, 2, 1, 0, 1, 500_000, tzinfo=UTC)
    assert repr(clock) == "Clock(2000-01-02T01:00:01.500000+00:00)"


def test_a_clock_is_set_to_a_time():
    clock = Clock(1000)
    assert clock() == 1000.0
    clock.set(datetime(2026, 4, 1, tzinfo=UTC))
    assert clock() == datetime(2026, 4, 1, tzinfo=UTC).timestamp()
    clock.set(0.5)
    assert clock() == 0.5


@pytest.mark.parametrize("now", [datetime(2026, 4, 1), "2026-04-01", None, True, float("nan"), 1e300, [], 10**400])
def test_what_is_no_time(now):
    clock = Clock()
    with pytest.raises(InvalidArgument, match=r"^now="):
        clock.set(now)
    assert clock.now.year == 2000


@pytest.mark.parametrize("by", [-1, "1 fortnight", None])
def test_what_is_no_span_of_time(by):
    with pytest.raises(InvalidArgument, match=r"^by="):
        Clock().advance(by)


# The store


def test_a_memory_store_goes_by_a_clock_and_raises_faults():
    clock = Clock()
    with memory_store(clock, max_entries=2) as store:
        f = store.memoize(ttl="1h")(lambda x: x)
        f(1), f(2), f(3)
        assert [entry.created for entry in store.find()] == [clock.now] * 2
        clock.advance("1h")
        assert not f.is_cached(3)
    with pytest.raises(memostore.StoreError):
        f(3)


def test_a_memory_store_takes_the_options_of_a_store():
    with pytest.raises(InvalidArgument, match="no option 'max_sise'"):
        memory_store(max_sise=1)


# In the default store's place


@pytest.fixture(autouse=True)
def url(tmp_path, monkeypatch):
    """Let the default store be a file of this test's own."""
    monkeypatch.setenv("MEMOSTORE_URL", str(tmp_path / "default.db"))
    yield tmp_path / "default.db"
    for store in memostore.default._opened.values():
        store.close()
    memostore.default._opened.clear()


@pytest.fixture
def counted(runs):
    @memoize(name="project.counted")
    def f(x):
        runs.append(x)
        return len(runs)

    return f


def test_a_function_that_was_never_called_leaves_no_trace(counted, url):
    with fresh_default() as store:
        assert (counted(1), counted(1)) == (1, 1)
        assert default_store() is store
        assert store.stats().entries == 1
    assert not url.exists()
    assert counted(1) == 2
    assert default_store().path == url


def test_a_function_that_was_called_before_begins_anew_and_goes_on_where_it_was(counted):
    assert (counted(1), counted(1)) == (1, 1)
    with fresh_default():
        assert not counted.is_cached(1)
        assert counted.cache_info() == (0, 0, None, 0)
        assert (counted(1), counted(1)) == (2, 2)
    assert counted.cache_info() == (1, 1, None, 1)
    assert counted(1) == 1


def test_a_function_made_inside_goes_to_the_default_store_afterwards(runs):
    with fresh_default():
        f = memoize(name="project.inside")(lambda x: runs.append(x))
        f(1)
    f(1), f(1)
    assert runs == [1, 1]
    assert f.cache_info() == (1, 1, None, 1)


def test_each_block_has_an_empty_store(counted):
    for _ in range(2):
        with fresh_default() as store:
            assert store.find() == []
            counted(1)


def test_blocks_within_each_other(counted):
    with fresh_default() as outer:
        assert counted(1) == 1
        with fresh_default() as inner:
            assert (counted(1), default_store()) == (2, inner)
        assert (counted(1), default_store()) == (1, outer)


def test_all_threads_see_it(counted):
    with fresh_default() as store, ThreadPoolExecutor(1) as pool:
        assert pool.submit(counted, 1).result() == counted(1) == 1
        assert pool.submit(default_store).result() is store


def test_it_ends_with_an_error_too(counted, url):
    assert counted(1) == 1
    with pytest.raises(ZeroDivisionError), fresh_default():
        counted(1) / 0
    assert counted(1) == 1
    assert default_store().path == url


def test_methods_take_part(runs):
    class Shape:
        @memoize
        def area(self):
            runs.append("area")

        @staticmethod
        @memoize
        def of(x):
            runs.append("of")

    for _ in range(2):
        with fresh_default():
            Shape().area(), Shape().area(), Shape.of(1), Shape.of(1)
    assert runs == ["area", "of"] * 2


def test_functions_of_other_stores_stay_where_they_are(store, runs):
    f = store.memoize(lambda x: runs.append(x))
    f(1)
    with fresh_default() as fresh:
        f(1)
        assert fresh.find() == []
    assert runs == [1]


def test_a_function_that_is_gone_is_not_held():
    before = len(memostore.default._made)
    f = memoize(lambda x: x)
    assert len(memostore.default._made) == before + 1
    with fresh_default():
        f(1)
    del f
    import gc

    gc.collect()
    assert len(memostore.default._made) <= before


# The fixtures, in a pytest of their own

USERS = """
from memostore import default_store, memoize

runs = []

@memoize(ttl="1d")
def load(x):
    runs.append(x)
    return x

def test_one(memo_store):
    assert default_store() is memo_store
    load(1), load(1)
    assert runs == [1]
    assert memo_store.stats().entries == 1
    assert False, "on purpose"

def test_two(memo_store, memo_clock):
    assert not memo_store.find()
    load(1), load(1)
    assert runs == [1, 1]
    memo_clock.advance("1d")
    load(1)
    assert runs == [1, 1, 1]

def test_three():
    assert default_store().path.name == "default.db"
    load(1), load(1)
    assert runs == [1, 1, 1, 1]
"""


@pytest.mark.parametrize(
    "conftest",
    ['pytest_plugins = ["memostore.testing"]', "from memostore.testing import memo_clock, memo_store"],
    ids=["plugin", "import"],
)
def test_the_fixtures_restore_themselves_even_after_a_test_that_fails(script, conftest):
    (script.directory / "conftest.py").write_text(conftest)
    (script.directory / "test_users.py").write_text(USERS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_users.py"]
    done = subprocess.run(command, cwd=script.directory, env=script.environment, capture_output=True, text=True)
    assert "1 failed, 2 passed" in done.stdout, done.stdout + done.stderr
    assert "on purpose" in done.stdout


def test_the_tutorial_s_test_passes(script):
    for name in ("conftest", "test_weather"):
        place = {"conftest": "as conftest.py", "test_weather": "as a test"}[name]
        text = TUTORIAL.read_text().partition(f"<!-- not run: {place} in tests/test_testing.py -->\n```python\n")[2]
        (script.directory / f"{name}.py").write_text(text.partition("```\n")[0])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_weather.py"]
    done = subprocess.run(command, cwd=script.directory, env=script.environment, capture_output=True, text=True)
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_memostore_needs_no_pytest(script):
    out = script.write("""
        import sys
        sys.modules["pytest"] = None
        import memostore.testing
        from memostore.testing import Clock, fresh_default
        with fresh_default(Clock(0)) as store:
            store.put("a", 1)
        print([name for name in dir(memostore.testing) if name.startswith("memo_")])
        try:
            from memostore.testing import memo_store
        except memostore.MissingExtra as error:
            print(error)
    """).run()
    assert out.stdout.splitlines()[-1] == "the fixture memo_store needs pytest: pip install pytest"


def test_importing_it_does_not_load_pytest(script):
    out = script.write("""
        import sys
        import memostore.testing
        print("pytest" in sys.modules, [name for name in dir(memostore.testing) if name.startswith("memo_")])
        try:
            memostore.testing.memo_stoer
        except AttributeError as error:
            print(error)
    """).run()
    assert out.stdout.splitlines() == ["False []", "module 'memostore.testing' has no attribute 'memo_stoer'"]


def test_memostore_does_not_load_it(script):
    out = script.write("import sys, memostore\nprint('memostore.testing' in sys.modules)").run()
    assert out.stdout == "False\n"


def test_a_store_takes_the_clock(tmp_path):
    clock = Clock()
    with Store(tmp_path / "memo.db", clock=clock) as store:
        store.put("a", 1, ttl="1d")
        clock.advance("1d")
        assert "a" not in store
