"""The deep fingerprint within one process: what changes between two calls, how much of the code counts, and renames."""

import itertools
import json
import sys
import textwrap
import types

import numpy
import pytest

from memostore import InvalidArgument
from memostore.fingerprint import FunctionCode, Scope, code_version

FILES = itertools.count()


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Makes modules of the user's own, each in a file."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(text: str, name: str | None = None) -> types.ModuleType:
        name = name or f"project_{next(FILES)}"
        path = tmp_path / f"{name}.py"
        path.write_text(textwrap.dedent(text))
        made = types.ModuleType(name)
        made.__file__ = str(path)
        exec(compile(path.read_text(), str(path), "exec"), vars(made))
        monkeypatch.setitem(sys.modules, name, made)
        return made

    return make


def seen(version) -> list[str]:
    return [definition["name"].partition(".")[2] for definition in json.loads(version.manifest)["definitions"]]


def unseen(version) -> list[str]:
    return json.loads(version.manifest)["unseen"]


# What counts from the next call on

CHANGES = {
    "a global": ("N = 2\ndef f(x): return x * N", "N", 3),
    "a helper": ("def g(x): return x\ndef f(x): return g(x)", "g", lambda x: -x),
    "an item of a small dictionary": ("T = {'a': 1}\ndef f(x): return T", "T['b']", 1),
    "an item of a nested list": ("T = [[1], 2]\ndef f(x): return T", "T[0][0]", 3),
    "an attribute of a class": ("class C:\n n = 1\ndef f(x): return C.n", "C.n", 3),
    "a new attribute of a class": ("class C:\n n = 1\ndef f(x): return C()", "C.m", 3),
    "a method": ("class C:\n def m(self): return 1\ndef f(x): return C().m()", "C.m", lambda self: 2),
    "an attribute of an object": ("class C: pass\nc = C()\nc.n = 1\ndef f(x): return c.n", "c.n", 3),
    "an attribute in a slot": ("class C: __slots__ = ('n',)\nc = C()\nc.n = 1\ndef f(x): return c", "c.n", 3),
    "a helper's default": ("def g(x, n=1): return n\ndef f(x): return g(x)", "g.__defaults__", (2,)),
    "a helper's code": ("def g(x): return 1\ndef f(x): return g(x)", "g.__code__", (lambda x: 2).__code__),
    "a built-in name": ("def f(x): return len(x)", "len", lambda x: 0),
    "a table of functions": ("T = {'a': len}\ndef f(x): return T['a'](x)", "T['a']", max),
    "a small array": ("import numpy\nA = numpy.zeros(3)\ndef f(x): return A", "A[1]", 1),
}


@pytest.mark.parametrize(("text", "place", "value"), CHANGES.values(), ids=CHANGES)
def test_a_change_counts_from_the_next_call_on(module, text, place, value):
    made = module(text)
    code = FunctionCode(made.f)
    before = code.current().fingerprint
    assert code.current().fingerprint == before
    exec(f"{place} = value", vars(made) | {"value": value}) if "." in place or "[" in place else setattr(
        made, place, value
    )
    assert code.current().fingerprint != before


def test_a_value_rebound_to_an_equal_one_is_no_change(module):
    made = module("N = 1000\nT = {'a': [1.5]}\ndef f(x): return x * N, T")
    code = FunctionCode(made.f)
    before = code.current().fingerprint
    made.N, made.T = int("1000"), {"a": [float("1.5")]}
    assert code.current().fingerprint == before


def test_what_is_not_reached_is_not_looked_at(module):
    made = module("N, M = 1, 2\ndef g(x): return M\ndef f(x): return N")
    code = FunctionCode(made.f)
    before = code.current()
    made.M, made.g = 3, None
    assert code.current() is before


def test_a_large_global_counts_by_content_and_is_looked_at_once(module):
    text = "import numpy\nA = numpy.zeros(100_000)\ndef f(x): return A.sum()"
    made, other = module(text), module(text)
    code = FunctionCode(made.f)
    assert code.current().fingerprint == code_version(other.f).fingerprint
    made.A[7] = 1  # documented: what is mutated in place is not seen beyond 64 kB
    assert code.current().fingerprint == code_version(other.f).fingerprint
    made.A = numpy.ones(100_000)
    assert code.current().fingerprint != code_version(other.f).fingerprint


def test_a_large_global_is_encoded_once_in_a_process(module, monkeypatch):
    made = module("import numpy\nN = 1\nA = numpy.zeros(100_000)\ndef f(x): return A + N\ndef g(x): return A - N")
    code = FunctionCode(made.f)
    monkeypatch.setattr("memostore.keys.arrays.digest_buffer", None)  # what hashes an array would fail
    made.N = 2
    assert code.current() is not None
    assert code_version(made.g).fingerprint != code.current().fingerprint
    assert unseen(code.current()) == []


# What a function does to the state around it

STEADY = {
    "a list of calls": "CALLS = []\ndef f(x):\n CALLS.append(x)\n return x",
    "a counter": "N = 0\ndef f(x):\n global N\n N += 1\n return x",
    "a counter on a class": "class C:\n n = 0\ndef f(x):\n C.n += 1\n return x",
    "a counter in a method": "class C:\n n = 0\n def m(self): C.n += 1\ndef f(x):\n C().m()\n return x",
    "a counter on an object": "class C: m = 1\nc = C()\nc.n = 0\ndef g(): c.n += 1\ndef f(x):\n g()\n return c.m",
    "loading lazily": "M = None\ndef g():\n global M\n if M is None: M = [1]\n return M\ndef f(x): return g()",
    "loading lazily, read elsewhere": (
        "M = None\ndef g():\n global M\n if not M:\n  M = [1]\ndef f(x):\n g()\n return M[0]"
    ),
    "leaving early": (
        "M = None\ndef g():\n global M\n if M is not None: return M\n M = [1]\n return M\ndef f(x): return g()"
    ),
    "a memo table": "T = {}\ndef g(k):\n if k not in T: T[k] = k * 2\n return T[k]\ndef f(x): return g(x)",
    "a memo table that fails": (
        "T = {}\ndef g(k):\n try: return T[k]\n except KeyError:\n  T[k] = k * 2\n  return T[k]\ndef f(x): return g(x)"
    ),
    "a memo table with a start": (
        "T = {0: 0, 1: 1}\ndef g(n):\n if n not in T: T[n] = g(n - 1) + g(n - 2)\n return T[n]\ndef f(x): return g(x)"
    ),
    "a table to be emptied": (
        "T = {}\ndef clear(): T.clear()\ndef g(k):\n if k not in T: T[k] = k\n return T[k]\ndef f(x): return g(x)"
    ),
    "a cached property": (
        "import functools\nclass C:\n @functools.cached_property\n def p(self): return 1\nc = C()\ndef f(x): return c.p"
    ),
    "lru_cache": "import functools\n@functools.lru_cache\ndef g(x): return x\ndef f(x): return g(x)",
    "single dispatch": (
        "import functools\n@functools.singledispatch\ndef g(x): return 1\n@g.register\ndef _(x: int): return 2\n"
        "def f(x): return g(x)"
    ),
    "recursion": "def f(x): return 1 if x < 2 else x * f(x - 1)",
    "a logger": "import logging\nlog = logging.getLogger('a')\ndef f(x):\n log.debug('x')\n return x",
}


@pytest.mark.parametrize("text", STEADY.values(), ids=STEADY)
def test_what_a_function_only_notes_or_fills_in_does_not_count(module, text):
    made = module(text)
    code = FunctionCode(made.f)
    before = code.current().fingerprint
    made.f(3), made.f(4)
    assert code.current().fingerprint == before == code_version(made.f).fingerprint


UNSTEADY = {
    "a total that is returned": "N = 0\ndef f(x):\n global N\n N += x\n return N",
    "counts by key": "T = {}\ndef f(x):\n T[x] = T.get(x, 0) + 1\n return T[x]",
    "counts by way of a variable": (
        "T = {}\ndef f(x):\n n = T.get(x)\n if n is None: n = 0\n T[x] = n + 1\n return T[x]"
    ),
    "counts that begin where there are none": (
        "T = {}\ndef f(x):\n if x not in T: T[x] = 0\n T[x] += 1\n return T[x]"
    ),
    "groups": "T = {}\ndef f(x):\n T.setdefault(1, []).append(x)\n return len(T[1])",
    "a counter that is read": "class C:\n n = 0\ndef f(x):\n C.n += 1\n return C.n",
    "a limit": "N = 0\ndef f(x):\n global N\n if N < 10: N = N + 1\n return N",
}


@pytest.mark.parametrize("text", UNSTEADY.values(), ids=UNSTEADY)
def test_what_a_function_reads_back_counts(module, text):
    made = module(text)
    code = FunctionCode(made.f)
    before = code.current().fingerprint
    assert made.f(3) != made.f(4) or made.f(3) != made.f(3)
    assert code.current().fingerprint != before


def test_a_table_that_others_fill_counts(module):
    text = "T = {}\ndef put(k, v): T[k] = v\ndef g(k):\n if k not in T: T[k] = k\n return T[k]\ndef f(x): return g(x)"
    made = module(text)
    code = FunctionCode(made.f)
    before = code.current().fingerprint
    made.put(3, "other")
    assert code.current().fingerprint != before


def test_an_array_in_a_helpers_closure_counts(module):
    text = (
        "import numpy\ndef made(a):\n def h(x): return a * x\n return h\n"
        "h = made(numpy.array([1, 2]))\ndef f(x): return h(x)"
    )
    one, other = code_version(module(text).f), code_version(module(text.replace("[1, 2]", "[1, 3]")).f)
    assert one.fingerprint != other.fingerprint
    assert unseen(one) == []


def test_an_object_without_a_hash_can_be_ignored(module):
    made = module("class C:\n __eq__ = dict.__eq__\n def __call__(self, x): return x\nc = C()\ndef f(x): return c(x)")
    assert level(made, "deep", ignored=(made.c,)) != level(made, "deep")


LOCKED = """
import threading
class Client:
    def __init__(self): self.lock, self.rate = threading.Lock(), 2
    def scale(self, x): return x
client = Client()
def f(x): return client.scale(x)
"""


@pytest.mark.parametrize("edit", [("return x", "return -x"), ("), 2", "), 3")])
def test_of_an_object_that_holds_a_lock_the_rest_counts(module, edit):
    one, other = code_version(module(LOCKED).f), code_version(module(LOCKED.replace(*edit, 1)).f)
    assert one.fingerprint != other.fingerprint
    assert any("lock" in note for note in unseen(one))
    assert one.fingerprint == code_version(module(LOCKED).f).fingerprint


# The manifest


def test_the_manifest_lists_what_was_seen(module):
    made = module(
        """
        import enum, numpy
        RATE = 0.5
        class Base:
            def run(self): return RATE
        class Model(Base):
            limit = 3
        class Color(enum.Enum):
            RED = 1
        def helper(x): return Model().run()
        def f(x): return helper(x), Color.RED, numpy.zeros(3)
        """
    )
    version = code_version(made.f)
    assert seen(version)[:2] == ["f", "helper"]
    assert set(seen(version)) == {"f", "helper", "Base.run", "RATE", "Base", "Model", "Color"}
    manifest = json.loads(version.manifest)
    assert manifest["packages"] == {"numpy": numpy.__version__}
    assert manifest["level"] == "deep"
    assert manifest["parameters"] == ["x"]
    by_name = {one["name"].partition(".")[2]: one for one in manifest["definitions"]}
    assert by_name["helper"]["text"] == "def helper(x): return Model().run()\n"
    assert by_name["helper"]["file"] == made.__file__
    assert by_name["RATE"]["text"] == "0.5"


NOT_FOLLOWED = {
    "getattr": ("import {m} as m\ndef f(x): return getattr(m, x)(1)", "getattr(m, x)"),
    "eval": ("def f(x): return eval(x)", "eval(x)"),
    "import": ("import importlib\ndef f(x): return importlib.import_module(x)", "importlib.import_module(x)"),
    "globals": ("def f(x): return globals()[x]", "globals()"),
    "an open file": ("F = open(__file__)\ndef f(x): return F", "an open file"),
}


@pytest.mark.parametrize(("text", "named"), NOT_FOLLOWED.values(), ids=NOT_FOLLOWED)
def test_what_can_not_be_followed_is_named_as_unseen(module, text, named):
    helpers = module("def g(x): return x")
    made = module(text.replace("{m}", helpers.__name__))
    assert any(named in note for note in unseen(code_version(made.f)))


def test_names_in_literals_are_followed(module):
    helpers = module("def g(x): return x\ndef h(x): return x")
    made = module(f"import {helpers.__name__} as m\ndef f(x): return getattr(m, 'g')(x)")
    version = code_version(made.f)
    assert (unseen(version), seen(version)) == ([], ["f", "g"])


EVERY_KIND = """
import abc, dataclasses, enum, functools, math, typing
LIMITS = {"low": [1, 2.5], "high": (None, "x")}
_model = None
@functools.lru_cache
def cached(x: int) -> float: return math.sqrt(x)
def model():
    global _model
    if _model is None: _model = [n for n in range(3) if n not in (1,)]
    return _model
@dataclasses.dataclass(order=True)
class Point:
    x: int = 1
    y: list = dataclasses.field(default_factory=list)
    def norm(self): return cached(self.x)
class Color(enum.IntEnum):
    RED = 1
    def mix(self): return Color.RED
class Base(abc.ABC):
    rate = 0.5
    @abc.abstractmethod
    def run(self, x): ...
    @property
    def double(self): return self.rate * 2
class Child(Base, typing.Generic[typing.TypeVar("T")]):
    def run(self, x): return super().double + x
class Pair(typing.NamedTuple):
    a: int = 1
class Options(typing.TypedDict): rate: int
class Speaks(typing.Protocol):
    def say(self) -> str: ...
def f(x, *, n=2):
    'Everything that a project is made of.'
    with open(x) as file:
        match Point(n):
            case Point(x=1): found = {k: v for k, v in LIMITS.items() if not k in file}
            case _: found = lambda y: f"{y!r:>{n}}"
    return model(), Color.RED, Child(), Pair(), isinstance(found, Speaks), Options(rate=1)
"""


def test_a_fingerprint_is_the_same_on_every_python(module):
    # Where this has to change, results of earlier versions are left behind, and FORMAT in shelf.py has to change too.
    assert code_version(module(EVERY_KIND, "every_kind").f).fingerprint.hex()[:16] == "4fc8422194ef7cba"


# How much counts

TWO_LEVELS = "N = 1\ndef g(x): return N\ndef f(x): return g(x)"


def level(made, name, **options):
    return FunctionCode(made.f, None, Scope(name, **options)).version.fingerprint


def test_levels(module):
    one, other = module(TWO_LEVELS), module(TWO_LEVELS.replace("N = 1", "N = 2"))
    body = module(TWO_LEVELS.replace("return g(x)", "return g(x) + 0"))
    assert level(one, "deep") != level(other, "deep")
    assert level(one, "body") == level(other, "body") != level(body, "body")
    assert level(one, "version") == level(other, "version") == level(body, "version")


def test_ignored_code_does_not_count(module):
    one, other = module(TWO_LEVELS), module(TWO_LEVELS.replace("return N", "return -N"))
    assert level(one, "deep", ignored=(one.g,)) == level(other, "deep", ignored=(other.g,))
    assert level(one, "deep", ignored=(f"{one.__name__}.g",)) == level(
        other, "deep", ignored=(f"{other.__name__}.g",)
    )
    assert level(one, "deep", ignored=(f"{one.__name__}.N",)) != level(other, "deep", ignored=(f"{other.__name__}.N",))


def test_what_a_function_depends_on_counts(module):
    one, other = module(TWO_LEVELS), module(TWO_LEVELS.replace("return N", "return -N"))
    assert level(one, "version", depends_on=(one.g,)) != level(other, "version", depends_on=(other.g,))
    assert level(one, "version", depends_on=(one,)) != level(other, "version", depends_on=(other,))
    assert level(one, "body", depends_on=("numpy",)) != level(one, "body", depends_on=("pandas",))
    assert level(one, "body", depends_on=(1,)) != level(one, "body", depends_on=(1.0,))


def test_a_dependency_that_can_not_be_keyed_is_an_error_at_the_first_call(store):
    @store.memoize(depends_on=[iter([])])
    def f(x):
        return x

    with pytest.raises(InvalidArgument, match=r"depends_on holds list_iterator.*can't be keyed"):
        f(1)


@pytest.mark.parametrize(
    "options",
    [{"code": "all"}, {"code": None}, {"depends_on": len}, {"ignore_code": "f"}, {"ignore_code": [1]},
     {"formerly": "f"}, {"formerly": [1]}, {"new_defaults": 1}],
)  # fmt: skip
def test_an_option_that_can_not_be_used_is_named(store, options):
    with pytest.raises(InvalidArgument, match=next(iter(options))):
        store.memoize(**options)(len)


# The code of arguments counts as much as a function's own


def test_the_class_of_an_argument_counts_by_its_code(module, store):
    text = "class C:\n def __init__(self): self.n = 1\n def m(self): return 1\ndef f(c): return c.m()"
    one = module(text, "shapes")
    keys = [store.memoize(one.f).key(one.C()), store.memoize(one.f, code="body").key(one.C())]
    other = module(text.replace("return 1", "return 2"), "shapes")
    again = [store.memoize(other.f).key(other.C()), store.memoize(other.f, code="body").key(other.C())]
    assert keys[0] != again[0]
    assert keys[1] == again[1]


def test_a_function_given_as_an_argument_counts_by_what_it_reaches(module, store):
    made = module("N = 1\ndef g(x): return N\ndef f(h): return h(1)")
    f = store.memoize(made.f)
    before = f.key(made.g)
    assert f.key(made.g) == before
    made.N = 2
    assert f.key(made.g) != before


# Renames, and new parameters

OLD = "def f(x): return x * 2"


def test_a_new_name_finds_what_is_stored_under_the_old_one(module, store):
    old = module(OLD, "old_place")
    assert store.memoize(old.f)(3) == 6
    new = module(OLD.replace("f(", "g("), "new_place")
    g = store.memoize(new.g, formerly=["old_place.f"])
    plain = store.memoize(new.g)
    assert (g.is_cached(3), plain.is_cached(3), g.is_cached(4)) == (True, False, False)
    assert g(3) == 6
    assert g.cache_info()[:2] == (1, 0)
    assert g.entry(3).function == "old_place.f"
    assert g.lookup(3) == 6
    assert g.invalidate(3) == 1
    assert not g.is_cached(3)


def test_a_new_name_clears_and_finds_both(module, store):
    old, new = module(OLD, "old_place"), module(OLD.replace("f(", "g("), "new_place")
    store.memoize(old.f)(3)
    g = store.memoize(new.g, formerly=["old_place.f"])
    g(4)
    assert len(store.find(function=g)) == 2
    assert g.cache_info().currsize == 2
    g.cache_clear()
    assert store.find() == []


def test_other_code_under_the_old_name_is_not_taken(module, store):
    old, new = module(OLD, "old_place"), module("def g(x): return x * 3", "new_place")
    store.memoize(old.f)(3)
    assert store.memoize(new.g, formerly=["old_place.f"])(3) == 9


NEW = "def f(x, scale=2): return x * scale"


def test_a_new_parameter_with_its_default_keeps_older_results(module, store):
    store.memoize(module(OLD, "place").f)(3)
    f = store.memoize(module(NEW, "place").f, new_defaults=True)
    assert f.is_cached(3)
    assert f.is_cached(3, scale=2)
    assert not f.is_cached(3, scale=4)
    assert (f(3), f(3, 4), f(3, 2)) == (6, 12, 6)
    assert f.cache_info()[:2] == (2, 1)


def test_without_saying_so_a_new_parameter_leaves_older_results_behind(module, store):
    store.memoize(module(OLD, "place").f)(3)
    assert not store.memoize(module(NEW, "place").f).is_cached(3)


def test_only_the_first_version_with_a_new_parameter_inherits(module, store):
    store.memoize(module(OLD, "place").f)(3)
    assert store.memoize(module(NEW, "place").f, new_defaults=True)(3) == 6
    edited = store.memoize(module(NEW.replace("x * scale", "x * scale + 1"), "place").f, new_defaults=True)
    assert edited(3) == 7


def test_only_the_first_version_of_a_generator_with_a_new_parameter_inherits(module, store):
    def items(text):
        return list(store.memoize(module(text, "place").f, new_defaults=True)(3))

    new = "def f(x, scale=2): yield x * scale"
    assert items("def f(x): yield x * 2") == items(new) == [6]
    assert items(new.replace("x * scale", "x * scale + 1")) == [7]


def test_a_parameter_without_a_default_inherits_nothing(module, store):
    store.memoize(module(OLD, "place").f)(3)
    assert not store.memoize(module("def f(x, scale): return x * scale", "place").f, new_defaults=True).is_cached(3, 2)

