"""What the "coming from" pages say of memostore holds; what they say of others held for the versions they name."""

import contextlib
import functools
import importlib.metadata
import io
import re
from pathlib import Path

import pytest

from memostore import Store

PAGES = Path(__file__).parent.parent / "docs" / "coming_from"


@pytest.fixture
def store():
    with Store(":memory:") as store:
        yield store


def peer(name: str):
    """The library, if it is the version that the pages were written about."""
    module = pytest.importorskip(name)
    told = re.search(rf"{name} (\d+\.\d+)", (PAGES / "README.md").read_text("utf-8"))[1]
    installed = importlib.metadata.version(name)
    if not installed.startswith(f"{told}."):
        pytest.skip(f"the pages are about {name} {told}; {installed} is installed")
    return module


def computed_by(decorate, *calls) -> list[bool]:
    """For each call of a function f(a, b=2): whether it was computed. f changes nothing that it reads."""

    @decorate
    def f(a, b=2):
        print("computing")

    def computes(args, kwargs):
        with contextlib.redirect_stdout(io.StringIO()) as output:
            f(*args, **kwargs)
        return bool(output.getvalue())

    return [computes(args, kwargs) for args, kwargs in calls]


def edited(decorate) -> list[int]:
    """What a function returns, and what it returns after its code was changed."""

    @decorate
    def f(a):
        return a

    results = [f(1)]

    @decorate
    def f(a):
        return -a

    return [*results, f(1)]


def scaled(decorate) -> list[int]:
    """What a method returns of two instances that differ."""

    class Scale:
        def __init__(self, factor):
            self.factor = factor

        @decorate
        def apply(self, value):
            return self.factor * value

    return [Scale(2).apply(3), Scale(5).apply(3)]


FORMS = [((1,), {}), ((1, 2), {}), ((), {"a": 1})]
KINDS = [((1,), {}), ((1.0,), {}), ((True,), {})]
NESTED = [(((1,),), {}), (((True,),), {})]
DICTS = [(({1: 2, 3: 4},), {}), (({3: 4, 1: 2},), {})]
TEXTS = [((("ab", text),), {}) for text in ("ab", "".join(["a", "b"]))]
NOTHING = [((None,), {}), ((None,), {})]


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        (FORMS, [True, False, False]),
        (KINDS, [True, True, True]),
        (NESTED, [True, True]),
        (DICTS, [True, False]),
        (TEXTS, [True, False]),
        (NOTHING, [True, False]),  # f returns None
    ],
    ids=["forms", "kinds", "nested", "dicts", "texts", "none"],
)
def test_what_is_one_call_for_memostore(store, calls, expected):
    assert computed_by(store.memoize, *calls) == expected


def test_memostore_sees_a_changed_body_and_the_instance(store):
    assert edited(store.memoize) == [1, -1]
    assert scaled(store.memoize) == [6, 15]


def test_memostore_keeps_two_functions_of_one_name_apart(store):
    def make(sign):
        def f(a):
            return a * sign

        return f

    first, second = store.memoize(make(1)), store.memoize(make(-1))
    assert [first(1), second(1), first(1), second(1)] == [1, -1, 1, -1]


def test_self_can_be_left_out(store):
    class Model:
        def __init__(self, factor):
            self.factor = factor

        @store.memoize(ignore=["self"])
        def predict(self, x):
            return self.factor * x

    assert [Model(2).predict(3), Model(5).predict(3)] == [6, 6]


def test_lru_cache_on_top_of_a_memoized_function(store):
    @functools.lru_cache
    @store.memoize
    def f(a):
        return [a]

    assert f(1) is f(1)
    assert store.stats().hits == 0


def test_lru_cache():
    assert computed_by(functools.lru_cache, *FORMS) == [True, True, True]
    assert computed_by(functools.lru_cache(typed=True), *KINDS) == [True, True, True]
    assert computed_by(functools.lru_cache(typed=True), *NESTED) == [True, False]


def test_joblib(tmp_path):
    memory = peer("joblib").Memory
    for number, (calls, expected) in enumerate(
        [
            (FORMS, [True, False, False]),
            (KINDS, [True, True, True]),
            (DICTS, [True, False]),
            (NOTHING, [True, False]),
        ]
    ):
        assert computed_by(memory(tmp_path / str(number), verbose=0).cache, *calls) == expected


def test_diskcache(tmp_path):
    with peer("diskcache").Cache(tmp_path) as cache:
        assert computed_by(cache.memoize(name="forms"), *FORMS) == [True, True, True]
        assert computed_by(cache.memoize(name="dicts"), *DICTS) == [True, True]
        assert computed_by(cache.memoize(name="texts"), *TEXTS) == [True, True]
        assert computed_by(cache.memoize(name="none"), *NOTHING) == [True, False]
        by_name = cache.memoize(name="ignored", ignore={"b"})
        assert computed_by(by_name, ((1,), {"b": 2}), ((1,), {"b": 3}), ((1, 2), {}), ((1, 3), {})) == [
            True, False, True, True,
        ]  # fmt: skip
        assert edited(cache.memoize()) == [1, 1]
        assert (cache.size_limit, cache.eviction_policy) == (2**30, "least-recently-stored")


def test_cachier(tmp_path):
    cachier = peer("cachier").cachier
    for number, (calls, expected) in enumerate(
        [
            (FORMS, [True, False, False]),
            (KINDS, [True, True, True]),
            (DICTS, [True, True]),
            (TEXTS, [True, True]),
        ]
    ):
        decorate = cachier(cache_dir=str(tmp_path / str(number)), allow_none=True)
        assert computed_by(decorate, *calls) == expected
    assert computed_by(cachier(cache_dir=str(tmp_path / "none")), *NOTHING) == [True, True]
    assert edited(cachier(cache_dir=str(tmp_path / "edited"))) == [1, 1]
    assert scaled(cachier(cache_dir=str(tmp_path / "methods"))) == [6, 6]


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target
