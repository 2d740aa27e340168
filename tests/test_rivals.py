"""One name for two functions: in modules, notebook cells, scripts. They share no result; where they were told to, and
do not do the same, their user is told.
"""

import inspect
import linecache
import operator
import sys
import warnings

import pytest

from memostore import MemostoreWarning, Store


def counts(memo):
    return memo.cache_info()[:2]


class Notebook:
    """Cells as IPython runs them: each is a file of its own that is nowhere but in linecache."""

    def __init__(self, **names):
        self.names = {"__name__": "notebook_of_tests", **names}
        self.count = 0

    def cell(self, source):
        self.count += 1
        name = f"<ipython-input-{self.count}-{id(self)}>"
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        exec(compile(source, name, "exec"), self.names)
        return self.names


def test_a_cell_that_is_run_again_hits_and_an_edited_one_is_computed(store, runs):
    notebook = Notebook(memoize=store.memoize, runs=runs)
    notebook.cell("def helper(x): return x + 1")
    cell = "@memoize\ndef f(x):\n    runs.append(x)\n    return helper(x)\nresult = f(1)"
    assert notebook.cell(cell)["result"] == notebook.cell("# once more\n" + cell)["result"] == 2
    assert runs == [1]
    assert notebook.cell(cell.replace("helper(x)", "helper(x) * 10"))["result"] == 20
    notebook.cell("def helper(x): return x + 2")
    assert notebook.cell("result = f(1)")["result"] == 30
    assert runs == [1, 1, 1]
    assert store.find(function="notebook_of_tests.f")[0].function == "notebook_of_tests.f"


@pytest.mark.parametrize("code", ["deep", "body"])
def test_functions_of_one_name_in_two_cells_never_share_a_result(store, code):
    notebook = Notebook(memoize=store.memoize, code=code)
    notebook.cell("@memoize(code=code)\ndef f(x): return x + 1\nfirst = f")
    names = notebook.cell("@memoize(code=code)\ndef f(x): return x + 2\nsecond = f")
    assert [names["first"](1), names["second"](1), names["first"](1)] == [2, 3, 2]
    assert names["first"].key(1) != names["second"].key(1)


@pytest.mark.parametrize("code", ["deep", "body", "version"])
def test_functions_of_one_name_in_two_modules_never_share_a_result(store, code):
    source = "@memoize(code=code, version=1)\ndef f(x): return x + n"
    both = {"memoize": store.memoize, "code": code}
    one, other = {**both, "__name__": "a", "n": 1}, {**both, "__name__": "b", "n": 2}
    exec(source, one), exec(source, other)
    assert [one["f"](1), other["f"](1), one["f"](1)] == [2, 3, 2]


def two_cells(store, first, second, **options):
    """Run two cells that each define an `f`, and keep both."""
    notebook = Notebook(memoize=store.memoize, options=options)
    notebook.cell(f"@memoize(**options)\ndef f(x): return {first}\none = f")
    names = notebook.cell(f"@memoize(**options)\ndef f(x): return {second}\nother = f")
    return names["one"], names["other"]


def test_two_living_functions_that_claim_one_version_are_told_once(store):
    one, other = two_cells(store, "x + 1", "x * 10", code="version", version=1)
    assert one(1) == 2
    with pytest.warns(MemostoreWarning) as told:
        assert other(1) == 2  # as code="version" has it
    assert len(told) == 1
    message = str(told[0].message)
    assert message.startswith("notebook_of_tests.f: two functions that do not do the same have this name and code='ver")
    assert "f in <ipython-input-1-" in message
    assert "f in <ipython-input-2-" in message
    assert "Give one of them name='...'" in message
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (other.key(1), one(2), other(3)) == (one.key(1), 3, 30)


SILENT = {
    "the same code": ("x + 1", "x + 1", {"code": "version", "version": 1}),
    "deep": ("x + 1", "x * 10", {"code": "deep"}),
    "bodies that differ": ("x + 1", "x * 10", {"code": "body"}),
}


@pytest.mark.parametrize(("first", "second", "options"), SILENT.values(), ids=SILENT)
def test_two_functions_that_can_be_told_apart_or_are_the_same_are_not_told(store, first, second, options):
    one, other = two_cells(store, first, second, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert one(1) == eval(first, {"x": 1})
        assert other(1) == eval(second, {"x": 1})


def test_two_functions_with_versions_names_or_stores_of_their_own_are_not_told(store):
    with warnings.catch_warnings(), Store(":memory:") as elsewhere:
        warnings.simplefilter("error")
        for number, memoize in enumerate((store.memoize, store.memoize, elsewhere.memoize)):
            names = {"__name__": "m", "memoize": memoize, "options": {"code": "version", "version": min(number, 1)}}
            exec(f"@memoize(**options)\ndef f(x): return x + {number}\nresult = f(1)", names)
            assert names["result"] == 1 + number
        kept = [store.memoize(code="version", name=f"n{n}")(lambda x, n=n: x + n) for n in range(2)]
        assert [f(1) for f in kept] == [1, 2]


def test_a_function_that_takes_the_place_of_an_older_one_is_not_told(store):
    notebook = Notebook(memoize=store.memoize)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for body in ("x + 1", "x * 10"):
            notebook.cell(f"@memoize(code='version', version=1)\ndef f(x): return {body}\nresult = f(1)")
    assert notebook.names["result"] == 2


def test_bodies_that_are_equal_and_helpers_that_are_not(store):
    """Two scripts of one name, run in one process."""
    source = "@memoize(code='body')\ndef f(x): return helper(x)"
    scripts = [{"__name__": "job", "memoize": store.memoize, "helper": helper} for helper in (abs, operator.neg)]
    for names in scripts:
        exec(source, names)
    assert scripts[0]["f"](-1) == 1
    with pytest.warns(MemostoreWarning, match="this name and code='body'"):
        scripts[1]["f"](-1)


def test_two_closures_of_one_function_under_one_version(store):
    def made(n):
        return store.memoize(code="version", version=1)(lambda x: x + n)

    one, other = made(1), made(2)
    assert one(1) == 2
    with pytest.warns(MemostoreWarning, match="code='version'"):
        other(1)


@pytest.mark.parametrize("code", ["deep", "body"])
def test_closures_that_hold_other_things_are_told_apart_by_them(store, code):
    def made(n):
        return store.memoize(code=code)(lambda x: x + n)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kept = [made(n) for n in range(3)]
        assert [f(1) for f in kept] == [1, 2, 3]


def test_two_stores_of_one_file_are_one_place(path):
    with Store(path) as store, Store(path) as again:
        one = store.memoize(code="version", name="n")(lambda x: x + 1)
        other = again.memoize(code="version", name="n")(lambda x: x + 2)
        one(1)
        with pytest.warns(MemostoreWarning, match=r"<lambda> in .*test_rivals\.py, line"):
            other(1)


# Scripts


def test_a_function_of_a_script_is_hit_by_the_second_run(script):
    script.write("""
        from memostore import Store

        def helper(x):
            return x + 1

        @Store("memo.db").memoize
        def f(x):
            print("computing")
            return helper(x)

        print(f(1), f.memo_name)
    """)
    assert script.run().stdout == "computing\n2 ('job', 'f')\n"
    assert script.run().stdout == "2 ('job', 'f')\n"


@pytest.mark.parametrize(
    ("options", "second"),
    [("", "10"), ("code='body'", "10"), ("code='version', version=1", "2"), ("code='version', name='second.f'", "10")],
    ids=["deep", "body", "version", "version and a name"],
)
def test_scripts_of_one_file_name_in_two_directories(script, tmp_path, options, second):
    """They have one name, as a script and its import have. With code="version", only `name=` tells them apart."""
    seen = []
    for directory, body in (("one", "x + 1"), ("two", "x * 10")):
        script.directory = tmp_path / directory
        script.directory.mkdir()
        script.path = script.directory / "job.py"
        given = options if directory == "two" or "name" not in options else "code='version'"
        script.write(f"""
            from memostore import Store

            @Store("../memo.db").memoize({given})
            def f(x):
                return {body}

            print(f(1))
        """)
        seen.append(script.run().stdout.strip())
    assert seen == ["2", second]


def test_a_notebook_of_ipython(store, tmp_path, monkeypatch):
    interactiveshell = pytest.importorskip("IPython.core.interactiveshell")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    settings = pytest.importorskip("traitlets.config").Config()
    settings.HistoryManager.enabled = False  # it would write a file, by a thread that stays
    shell = interactiveshell.InteractiveShell(config=settings)
    shell.user_ns["memoize"] = store.memoize
    main = sys.modules["__main__"]
    try:
        run(shell, "def helper(x): return x + 1")
        cell = "@memoize\ndef f(x):\n    return helper(x)\nresults.append(f(1))"
        run(shell, "results = []")
        run(shell, cell)
        run(shell, cell.replace("    return", "    # said twice\n    return"))
        f = shell.user_ns["f"]
        assert counts(f) == (1, 0)
        assert "# said twice" in inspect.getsource(f)
        run(shell, "def helper(x): return x + 10\nresults.append(f(1))")
        run(shell, cell.replace("helper(x)", "-x"))
        assert shell.user_ns["results"] == [2, 2, 11, -1]
    finally:
        sys.modules["__main__"] = main


def run(shell, cell):
    shell.run_cell(cell, store_history=True).raise_error()
