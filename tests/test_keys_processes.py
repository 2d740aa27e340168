"""Keys are the same in every process: under other hash seeds, as a script or imported, optimised or not, elsewhere."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import memostore

# A project's module: run as a script it prints the keys of many values, imported it has the same functions and classes.
PROJECT = """
import array, collections, copy, dataclasses, datetime, decimal, enum, fractions, functools, json, operator, pathlib
import pickle, random, re, sys, types, uuid, zoneinfo

from memostore import Store

store = Store(":memory:")


@store.memoize
def f(value, more=None):
    return value


@store.memoize
def g(value, *, kind={"x", "y", "z"}):
    names = {"a", "b", "c"}
    class Inner:
        def method(self):
            self.one = self.two = self.three = 1
    return [Inner for name in names if name in {"a", "b", "c", "d"}], lambda name: name in {"p", "q", "r"}


class Plain:
    def __init__(self, **attributes):
        vars(self).update(attributes)

    @store.memoize
    def method(self, x):
        return x

    def __reduce__(self):
        return functools.partial(build, Plain), (), vars(self)


def build(kind):
    return kind()


@dataclasses.dataclass
class Point:
    x: object
    y: object = None


class Slots:
    __slots__ = ("a", "b", "c")

    def __init__(self):
        self.a = self.b = self.c = {"s", "l", "o", "t"}


class Colour(enum.Enum):
    RED = 1


class Words(frozenset):
    pass


def adder(n):
    def add(x, *, names=frozenset({"a", "b", "c"})):
        return x + n if x not in {"k", "l", "m"} else n
    return add


names = ["alpha", "beta", "gamma", "delta"]
looped = []
looped.append({(name,): [looped, name] for name in names})
VALUES = {
    "text": "abc", "numbers": [1, 1.0, True, 2**70, -0.0, float("nan"), 1j], "bytes": b"abc" * 50, "set": set(names),
    "frozensets": frozenset({frozenset(names), frozenset(names[:2])}), "words": Words(names),
    "dict": {name: {name} for name in names}, "mixed dict": {1: "a", "1": "b", None: "c", (1,): {*names}, b"x": 1},
    "set of tuples": {(name, 1) for name in names},
    "dict of sets": {frozenset(names): 1, frozenset(names[:1]): 2},
    "object": Plain(names=set(names), point=Point({1, 2})), "slots": Slots(), "dataclass": Point({*names}, [1]),
    "enum": Colour.RED,
    "class": Point, "function": adder, "closure": adder({*names}), "lambda": lambda x: x in {*"abc"},
    "bound method": Plain(a=1).__reduce__, "partial": functools.partial(adder, n=set(names)), "builtin": len,
    "lru_cache": functools.lru_cache(adder(2)), "itemgetter": operator.itemgetter(*names), "module": re,
    "path": pathlib.Path("a/b"), "regex": re.compile("a+", re.I),
    "date": datetime.datetime(2020, 1, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
    "numbers, exact": [decimal.Decimal("1.10"), fractions.Fraction(1, 3), uuid.UUID(int=7)], "range": range(5),
    "counter": collections.Counter(names), "ordered": collections.OrderedDict.fromkeys(names), "looped": looped,
    "deque": collections.deque(names, 9),
    "defaultdict": collections.defaultdict(set, {name: {*names} for name in names}),
    "proxy": types.MappingProxyType({name: 1 for name in names}), "random": random.Random(3),
    "array": array.array("d", [1.5]),
    "exception": ValueError(frozenset(names)), "long": ["x" * 10_000, b"y" * 100_000],
}


def library_values():
    import numpy, pandas
    frame = pandas.DataFrame({"a": [1, 2], "t": ["x", None], "c": pandas.Categorical(["u", "v"]), "o": [{*names}, 1]})
    return {
        "numpy": numpy.arange(12.0).reshape(3, 4).T, "texts": numpy.array(["a", "bcd"]),
        "objects": numpy.array([{*names}, None]),
        "structured": numpy.zeros(2, [("a", "i4"), ("b", "O")]), "generator": numpy.random.default_rng(5),
        "ufunc": numpy.add,
        "frame": frame, "series": frame["t"], "index": frame.index, "time": pandas.Timestamp("2020", tz="UTC"),
        "nullable": pandas.array([1, None], dtype="Int64"), "masked": numpy.ma.array([1, 2], mask=[0, 1]),
    }


def keys():
    found = {name: f.key(value) for name, value in {**VALUES, **library_values()}.items()}
    found["put"] = f.key(1, more={*names})
    found["code"], found["method"] = g.key(1), Plain(b={*names}).method.key({*names})
    found["fingerprint of a closure"] = store.memoize(adder({*names})).key(1)
    return found


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps({name: f.key(value) for name, value in pickle.load(open(sys.argv[1], "rb")).items()}))
    else:
        print(json.dumps(keys()))
"""

PICKLES = """
import pickle, project
unpicklable = {"closure", "lambda", "lru_cache", "looped", "proxy", "module"}
values = {name: value for name, value in project.VALUES.items() if name not in unpicklable}
with open("values.pickle", "wb") as file:
    pickle.dump({**values, **project.library_values()}, file)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    (folder / "project.py").write_text(PROJECT)
    return folder


def run(folder, *arguments, seed, cwd=None):
    paths = [str(folder), str(Path(memostore.__file__).parent.parent)]
    environment = {**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, env=environment, cwd=cwd or folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def expected(folder):
    """The keys as a script computes them under one hash seed."""
    return json.loads(run(folder, "project.py", seed=1))


def differing(expected, found):
    assert expected.keys() == found.keys()
    return ", ".join(name for name, key in expected.items() if found[name] != key)


def test_under_another_hash_seed(folder, expected):
    assert differing(expected, json.loads(run(folder, "project.py", seed=2))) == ""


def test_imported_optimised_and_from_another_directory(folder, expected, tmp_path):
    source = "import json, project; print(json.dumps(project.keys()))"
    assert differing(expected, json.loads(run(folder, "-OO", "-c", source, seed=3, cwd=tmp_path))) == ""


def test_of_a_project_that_lies_elsewhere(expected, tmp_path):
    (tmp_path / "project.py").write_text("# moved\n\n\n" + PROJECT)
    assert differing(expected, json.loads(run(tmp_path, "-m", "project", seed=4))) == ""


def test_of_values_that_another_process_pickled(folder, expected):
    run(folder, "-c", PICKLES, seed=5)
    found = json.loads(run(folder, "project.py", "values.pickle", seed=6))
    assert found.keys() >= {"object", "frame", "dict", "random"}
    assert [name for name, key in found.items() if key != expected[name]] == []


def test_all_of_them_differ(expected):
    assert len(set(expected.values())) == len(expected)
