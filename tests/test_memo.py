"""The wrapper, as a specification: what functools.lru_cache's users rely on, and what this one has beside it."""

import copy
import datetime
import functools
import inspect
import pickle
import sys
import threading
import typing
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from memostore import Entry, InvalidArgument, Store, UnkeyableArgument

STORE = Store(":memory:")


@pytest.fixture
def store():
    with Store(":memory:") as opened:
        yield opened


class Time:
    """A clock that goes when it is told to."""

    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self):
        return self.now


@STORE.memoize
def at_the_top(x, y=2):
    """Add, at the top of a module."""
    return x + y


@STORE.memoize(name="other.name")
def renamed(x):
    return x


class Shape:
    """Holds memoized methods of every kind, each decorator on either side."""

    def __init__(self, side):
        self.side = side

    @STORE.memoize
    def area(self, scale: int = 1) -> int:
        """Return the area."""
        return self.side**2 * scale

    @staticmethod
    @STORE.memoize
    def outer_static(x):
        return ("static", x)

    @STORE.memoize
    @staticmethod
    def inner_static(x):
        return ("static", x)

    @classmethod
    @STORE.memoize
    def outer_class(cls, x):
        return (cls.__name__, x)

    @STORE.memoize
    @classmethod
    def inner_class(cls, x):
        return (cls.__name__, x)

    @property
    @STORE.memoize
    def doubled(self):
        return self.side * 2


class Square(Shape):
    pass


@dataclass(frozen=True)
class Money:
    amount: int

    @STORE.memoize
    def times(self, n):
        return Money(self.amount * n)


def memoized(store, **options):
    """Return a memoized identity function and the list of the arguments that it was computed for."""
    calls = []

    @store.memoize(**options)
    def f(x, y=0):
        calls.append(x)
        return (x, y)

    return f, calls


# Calling


def test_bare_and_called_forms(store):
    def one(x):
        return x + 1

    for decorated in (store.memoize(one), store.memoize()(one), store.memoize(ttl=60)(one), store.cache(one)):
        assert decorated(1) == 2
        assert decorated.__wrapped__ is one


def test_the_second_call_computes_nothing(store):
    f, calls = memoized(store)
    assert [f(1), f(1), f(2), f(1)] == [(1, 0), (1, 0), (2, 0), (1, 0)]
    assert calls == [1, 2]


def test_all_ways_to_write_a_call_are_one_entry(store):
    f, calls = memoized(store)
    assert f(1) == f(x=1) == f(1, 0) == f(1, y=0) == f(y=0, x=1) == f(*[1], y=0) == (1, 0)
    assert calls == [1]
    assert f.cache_info().currsize == 1


@pytest.mark.parametrize(
    "value", [None, False, 0, "", (), [], {}, b"", ..., NotImplemented, float("nan"), Exception("x")], ids=repr
)
def test_every_value_is_a_value(store, value):
    f = store.memoize(lambda: value)
    first, second = f(), f()
    assert repr(first) == repr(second) == repr(value)
    assert f.cache_info()[:2] == (1, 1)


def test_a_miss_returns_the_very_object_and_a_hit_one_of_its_own(store):
    made = []

    @store.memoize
    def build():
        made.append([1])
        return made[-1]

    plain = store.memoize(name="plain")(lambda: [1])
    first = plain()
    first.append("changed by the caller")
    assert plain() == [1]
    second = plain()
    second.append("changed by the caller")
    assert plain() == [1]
    assert plain() is not plain()


def test_typed_is_the_default(store):
    f, calls = memoized(store)
    for x in (1, 1.0, True, "1", 1 + 0j):
        assert f(x) == (x, 0)
        assert type(f(x)[0]) is type(x)
    assert len(calls) == 5
    assert len({f.key(0.0), f.key(-0.0), f.key(0), f.key(False)}) == 4


def test_untyped_as_in_functools(store):
    f, calls = memoized(store, typed=False)
    assert [f(1), f(1.0), f(True), f(1 + 0j), f(x=1.0, y=0.0)] == [(1, 0)] * 5
    assert calls == [1]
    assert f.key("1") != f.key(1)
    assert f.key(0.5) != f.key(0)
    assert f.key(1j) != f.key(1)
    assert f.key(-0.0) == f.key(0)
    assert f.key(1e300) == f.key(10**300 - 10**300 + int(1e300))
    assert f.key(float("inf")) != f.key(float("-inf"))
    assert f.key(2**53) != f.key(2**53 + 1)
    assert not f.cache_parameters()["typed"]


def test_untyped_reaches_star_arguments(store):
    @store.memoize(typed=False)
    def f(*args, **kwargs):
        return 1

    assert f.key(1, a=2) == f.key(1.0, a=2.0) == f.key(True, a=2 + 0j)
    assert f.key(1, 2) != f.key(2, 1)


def test_exceptions_pass_and_are_not_remembered(store):
    calls = []

    @store.memoize
    def f(x):
        calls.append(x)
        raise ZeroDivisionError(f"number {len([*calls])}")

    with pytest.raises(ZeroDivisionError, match="number 1"):
        f(1)
    with pytest.raises(ZeroDivisionError, match="number 2"):
        f(1)
    assert store.find() == []
    assert f.cache_info()[:2] == (0, 2)


def test_the_traceback_of_an_exception_leads_to_the_function(store):
    @store.memoize
    def f(x):
        return 1 / x

    with pytest.raises(ZeroDivisionError) as caught:
        f(0)
    assert caught.traceback[-1].name == "f"
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_stops_a_program_passes_too(store, error):
    @store.memoize
    def f():
        raise error

    with pytest.raises(error):
        f()
    assert store.find() == []


@pytest.mark.parametrize(("args", "kwargs"), [((), {}), ((1, 2, 3), {}), ((1,), {"x": 1}), ((1,), {"z": 1})])
def test_a_call_that_does_not_fit_fails_as_the_function_does(store, args, kwargs):
    def f(x, y=0):
        return x

    with pytest.raises(TypeError) as plain:
        f(*args, **kwargs)
    memo = store.memoize(f)
    with pytest.raises(TypeError) as memoized_one:
        memo(*args, **kwargs)
    assert str(memoized_one.value) == str(plain.value)
    for face in (memo.key, memo.is_cached, memo.lookup, memo.entry, memo.refresh, memo.invalidate):
        with pytest.raises(TypeError):
            face(*args, **kwargs)
    assert memo.cache_info()[:2] == (0, 0)


def test_a_type_error_of_the_function_is_its_own(store):
    calls = []

    @store.memoize
    def f(x):
        calls.append(x)
        return len(x)

    with pytest.raises(TypeError, match=r"has no len\(\)"):
        f(5)
    assert calls == [5]


def test_recursion(store):
    @store.memoize
    def fibonacci(n):
        return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

    assert fibonacci(40) == 102334155
    assert fibonacci.cache_info().misses == 41
    assert [fibonacci(n) for n in range(16)] == [0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610]
    assert fibonacci.cache_info().misses == 41


def test_two_functions_that_call_each_other(store):
    @store.memoize
    def even(n):
        return n == 0 or odd(n - 1)

    @store.memoize
    def odd(n):
        return n != 0 and even(n - 1)

    assert even(20)
    assert odd(21)
    assert even.cache_info()[:2] == (1, 11)
    assert odd.cache_info()[:2] == (0, 11)


def test_one_function_memoized_with_two_stores(store):
    def f(x):
        return x

    with Store(":memory:") as other:
        one, two = store.memoize(f), other.memoize(f)
        one(1)
        assert one.is_cached(1)
        assert not two.is_cached(1)
        assert one.key(1) == two.key(1)


def test_stacked_decorators(store):
    f, calls = memoized(store)
    for outer in (
        functools.lru_cache(f),
        store.memoize(f),
        store.memoize(functools.lru_cache(f)),
        functools.partial(f),
    ):
        assert outer(1) == outer(1) == (1, 0)
    assert calls == [1]


def test_a_memoized_function_as_an_argument(store):
    def add(n):
        return store.memoize(lambda x: x + n)

    f = store.memoize(lambda function, x: function(x))
    assert (f(add(1), 1), f(add(2), 1), f(add(1), 1)) == (2, 3, 2)
    assert f.cache_info()[:2] == (1, 2)
    assert f.key(add(1), 1) != f.key(add(1).__wrapped__, 1)  # one has faces, the other has none


@pytest.mark.parametrize(
    "name",
    ["self", "cls", "key", "ttl", "default", "args", "kwargs", "function", "store", "value", "plan", "name", "names"],
)
def test_a_parameter_may_have_any_name(store, name):
    namespace = {}
    exec(f"def f({name}, more=0, *rest, **others): return [{name}, more, rest, others]", namespace)
    f = store.memoize(namespace["f"])
    call = {name: 1}
    assert f(**call) == f(1) == [1, 0, (), {}]
    assert f.is_cached(**call)
    assert f.key(**call) == f.key(1) == f.key(1, 0)
    assert f.lookup(**call) == [1, 0, (), {}]
    assert f.entry(**call).arguments == {name: 1, "more": 0, "rest": [], "others": {}}
    assert f.refresh(**call) == [1, 0, (), {}]
    assert f.invalidate(**call) == 1


def test_keyword_arguments_may_have_any_name(store):
    f = store.memoize(lambda **kwargs: kwargs)
    names = {"self": 1, "key": 2, "ttl": 3, "memo": 4, "values": 5, "not an identifier": 6, "args": 7, "kwargs": 8}
    assert f(**names) == f(**dict(reversed(names.items()))) == names
    assert f.cache_info()[:2] == (1, 1)
    assert f.key(**names) == f.key(**names) != f.key(**{**names, "self": 2})


# Looks


def test_the_wrapper_looks_like_the_function():
    assert at_the_top.__name__ == at_the_top.__qualname__ == "at_the_top"
    assert at_the_top.__doc__ == "Add, at the top of a module."
    assert at_the_top.__module__ == __name__
    assert at_the_top.__annotations__ == at_the_top.__wrapped__.__annotations__
    assert inspect.signature(at_the_top) == inspect.signature(at_the_top.__wrapped__)
    assert inspect.unwrap(at_the_top) is at_the_top.__wrapped__
    assert "def at_the_top" in inspect.getsource(at_the_top)
    assert "at_the_top" in repr(at_the_top)
    assert callable(at_the_top)


def test_type_hints_can_be_read(store):
    @store.memoize
    def f(x: "int") -> "list[str]":
        return [str(x)]

    assert typing.get_type_hints(f) == {"x": int, "return": list[str]}


def test_a_callable_without_a_name(store):
    memo = store.memoize(functools.partial(pow, 2))
    assert memo(10) == memo(10) == 1024
    assert memo.cache_info()[:2] == (1, 1)


def test_attributes_of_the_function_are_kept_and_hide_no_face(store):
    def f(x):
        return x

    f.unit, f.key, f.lookup, f._plan = "m", "mine", "mine", "mine"
    memo = store.memoize(f)
    assert memo.unit == "m"
    assert memo(1) == memo(1) == 1
    assert len(memo.key(1)) == 64
    assert memo.lookup(1) == 1


def test_cache_info_is_functools_four_fields(store):
    f, _ = memoized(store)
    assert f.cache_info() == (0, 0, None, 0)
    f(1), f(1), f(2)
    info = f.cache_info()
    assert info == (1, 2, None, 2)
    hits, misses, maxsize, currsize = info
    assert (info.hits, info.misses, info.maxsize, info.currsize) == (hits, misses, maxsize, currsize) == (1, 2, None, 2)
    assert info._fields == functools.lru_cache(len).cache_info()._fields
    assert isinstance(info, tuple)
    assert repr(info) == "CacheInfo(hits=1, misses=2, maxsize=None, currsize=2)"


def test_cache_info_has_size_and_saved_seconds_beside_them(store):
    seconds = [0.0]
    f, _ = memoized(store)
    assert (f.cache_info().size, f.cache_info().saved_seconds) == (0, 0.0)
    f(1)
    taken = f.entry(1)
    assert f.cache_info().size == taken.size > 0
    f(1), f(1), f(1)
    assert f.cache_info().saved_seconds == pytest.approx(3 * taken.compute_seconds, rel=0.01)
    assert seconds == [0.0]


def test_currsize_is_what_is_stored_and_hits_are_of_this_wrapper(tmp_path):
    def f(x):
        return x

    with Store(tmp_path / "memo.db") as one:
        one.memoize(f)(1)
    with Store(tmp_path / "memo.db") as two:
        memo = two.memoize(f)
        assert memo.cache_info() == (0, 0, None, 1)
        memo(1)
        assert memo.cache_info() == (1, 0, None, 1)


def test_cache_clear_forgets_this_function_alone(store):
    f, _ = memoized(store)
    other = store.memoize(name="other")(lambda x: x)
    f(1), f(1), f(2), other(1)
    assert f.cache_clear() is None
    assert f.cache_info() == (0, 0, None, 0)
    assert not f.is_cached(1)
    assert other.is_cached(1)
    assert f(1) == (1, 0)
    assert f.cache_info() == (0, 1, None, 1)


def test_cache_clear_before_the_first_call(store):
    f, _ = memoized(store)
    f.cache_clear()
    assert f.cache_info() == (0, 0, None, 0)


def test_cache_parameters(store):
    given = {
        "ttl": "1h", "ignore": ["y"], "key": len, "typed": False, "version": "v2", "name": "n", "tags": ["a", "b"],
        "track": "files",
        "cache_if": bool, "stale_for": "1m", "refresh_ahead": 60, "cache_errors": KeyError, "error_ttl": "2s",
        "single_flight": "1m", "max_size": "1kB", "max_entries": 5,
    }  # fmt: skip
    f, _ = memoized(store, **given)
    assert f.cache_parameters() == {
        "stale_for": 60.0, "refresh_ahead": 60.0, "cache_errors": (KeyError,), "error_ttl": 2.0, "single_flight": 60.0,
        "maxsize": 5, "max_size": 1000, "max_entries": 5,
        "typed": False, "ttl": 3600.0, "ignore": ("y",), "key": len, "code": "deep",
        "version": "v2", "depends_on": (), "ignore_code": (), "name": "n",
        "formerly": (), "new_defaults": False,
        "tags": ("a", "b"), "cache_if": bool, "track": "files",
    }  # fmt: skip
    plain = memoized(store)[0].cache_parameters()
    assert plain["maxsize"] is None
    assert plain["typed"] is True
    f.cache_parameters()["typed"] = True
    assert f.cache_parameters()["typed"] is False


# Copies


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_wrapper_pickles_by_name(protocol):
    assert pickle.loads(pickle.dumps(at_the_top, protocol)) is at_the_top
    assert pickle.loads(pickle.dumps(renamed, protocol)) is renamed
    assert pickle.loads(pickle.dumps(Shape.outer_static, protocol)) is Shape.outer_static


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_bound_methods_pickle_with_their_receiver(protocol):
    money = pickle.loads(pickle.dumps(Money(3).times, protocol))
    assert money(2) == Money(6)
    assert pickle.loads(pickle.dumps(Shape.inner_class, protocol))(1) == ("Shape", 1)


def test_a_local_wrapper_does_not_pickle(store):
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(memoized(store)[0])


def test_copies_are_the_wrapper_itself(store):
    f, _ = memoized(store)
    for wrapper in (f, at_the_top, Shape.outer_static):
        assert copy.copy(wrapper) is wrapper
        assert copy.deepcopy(wrapper) is wrapper
        assert copy.deepcopy([wrapper])[0] is wrapper


def test_a_wrapper_can_be_referred_to_weakly_and_is_freed(store):
    f, _ = memoized(store)
    f(1)
    reference = weakref.ref(f)
    assert reference() is f
    assert weakref.WeakSet([f])
    del f
    import gc

    gc.collect()
    assert reference() is None


def test_a_wrapper_hashes_and_compares_by_identity(store):
    f, g = store.memoize(len), store.memoize(len)
    assert len({f, g, f}) == 2
    assert f == f
    assert f != g


# Methods


def test_methods():
    two, three = Shape(2), Shape(3)
    assert (two.area(), two.area(1), two.area(scale=1), three.area(), Shape.area(two)) == (4, 4, 4, 9, 4)
    assert two.area.cache_info()[0] >= 3
    assert Shape(2).area.is_cached()  # another object of the same state
    two.side = 5
    assert two.area() == 25


def test_faces_of_a_bound_method_take_the_call_without_the_receiver():
    shape = Shape(7)
    assert not shape.area.is_cached(3)
    assert shape.area.lookup(3, default="none") == "none"
    assert shape.area(3) == 147
    assert shape.area.key(3) == shape.area.key(scale=3) == Shape.area.key(shape, 3)
    assert shape.area.is_cached(3)
    assert shape.area.check_call_in_cache(3)
    assert shape.area.lookup(3) == 147
    assert shape.area.entry(3).function == f"{__name__}.Shape.area"
    assert shape.area.refresh(3) == 147
    assert shape.area.invalidate(3) == 1
    assert not shape.area.is_cached(3)


def test_a_bound_method_looks_like_one():
    method = Shape(2).area
    assert method.__name__ == "area"
    assert method.__qualname__ == "Shape.area"
    assert method.__doc__ == "Return the area."
    assert str(inspect.signature(method)) == "(scale: int = 1) -> int"
    assert str(inspect.signature(Shape.area)) == "(self, scale: int = 1) -> int"
    assert method.__self__.side == 2
    assert method.cache_parameters()["maxsize"] is None
    with pytest.raises(AttributeError, match="nothing"):
        method.nothing  # noqa: B018


def test_bound_methods_compare_by_their_receiver():
    shape, other = Shape(2), Shape(2)
    assert shape.area == shape.area
    assert hash(shape.area) == hash(shape.area)
    assert shape.area != other.area
    assert weakref.ref(method := shape.area)() is method


def test_static_and_class_methods_with_the_decorators_in_either_order():
    for receiver in (Shape, Shape(1), Square, Square(1)):
        kind = receiver if isinstance(receiver, type) else type(receiver)
        assert receiver.outer_static(1) == receiver.inner_static(1) == ("static", 1)
        assert receiver.outer_class(1) == receiver.inner_class(1) == (kind.__name__, 1)
    for memo in (Shape.outer_static, Shape.inner_static):
        assert memo.cache_info()[:2] == (3, 1)
    assert Shape.inner_class.is_cached(1)
    assert Square(5).inner_class.is_cached(1)
    assert Shape.inner_class.key(1) != Square.inner_class.key(1)
    assert Shape.inner_class.lookup(1) == ("Shape", 1)
    assert Shape.outer_static.key(1) == Shape(1).outer_static.key(1)


def test_a_property_above():
    shape = Shape(4)
    before = Shape.doubled.fget.cache_info()
    assert (shape.doubled, shape.doubled, Shape(4).doubled) == (8, 8, 8)
    after = Shape.doubled.fget.cache_info()
    assert (after.hits - before.hits, after.misses - before.misses) == (2, 1)


def test_inherited_and_overridden_methods(store):
    class Base:
        @store.memoize
        def name(self):
            return type(self).__name__

    class Child(Base):
        @store.memoize
        def name(self):
            return "child of " + super().name()

    class Other(Base):
        pass

    assert Base().name() == "Base"
    assert Child().name() == Child().name() == "child of Child"
    assert Other().name() == Other().name() == "Other"


def test_receivers_with_slots_equality_and_no_hash(store):
    class Vector:
        __slots__ = ("x",)
        __hash__ = None

        def __init__(self, x):
            self.x = x

        def __eq__(self, other):
            return True

        @store.memoize
        def doubled(self):
            return self.x * 2

    assert (Vector(1).doubled(), Vector(2).doubled(), Vector(1).doubled()) == (2, 4, 2)
    assert Vector.doubled.cache_info()[:2] == (1, 2)


def test_frozen_dataclasses():
    assert Money(2).times(3) == Money(2).times(3) == Money(6)
    assert Money(2).times.key(3) != Money(3).times.key(3)


def test_a_wrapper_as_an_attribute_of_an_instance_binds_nothing(store):
    class Holder:
        def __init__(self):
            self.f = store.memoize(lambda x: x + 1)

    assert Holder().f(1) == 2


# Faces


def test_key(store):
    f, _ = memoized(store)
    assert f.key(1) == f.key(x=1, y=0)
    assert len(bytes.fromhex(f.key(1))) == 32
    assert f.key(1) != f.key(2)
    f(1)
    assert store.find()[0].key == f.key(1)
    assert store.sql("SELECT key FROM entries") == [{"key": f.key(1)}]


def test_looking_computes_nothing_and_counts_nothing(store):
    f, calls = memoized(store)
    assert not f.is_cached(1)
    assert f.lookup(1) is None
    assert f.lookup(1, default=5) == 5
    assert f.entry(1) is None
    assert f.key(1)
    assert calls == []
    assert f.cache_info() == (0, 0, None, 0)
    f(1)
    assert f.is_cached(1)
    assert f.check_call_in_cache(1)
    assert f.entry(1).hit_count == 0
    assert calls == [1]


def test_lookup_counts_the_hits_that_it_gives(store):
    f, _ = memoized(store)
    f(1)
    assert f.lookup(1) == (1, 0)
    assert f.lookup(x=1, default=None) == (1, 0)
    assert f.cache_info()[:2] == (2, 1)
    assert f.entry(1).hit_count == 2


def test_lookup_tells_none_from_nothing(store):
    nothing = object()
    f = store.memoize(lambda: None)
    assert f.lookup(default=nothing) is nothing
    f()
    assert f.lookup(default=nothing) is None


def test_lookup_where_the_function_has_a_parameter_named_default(store):
    f = store.memoize(lambda x, default=1: (x, default))
    assert f.lookup(1, default=2) is None
    f(1, default=2)
    assert f.lookup(1, default=2) == (1, 2)
    assert f.lookup(1) is None


def test_entry():
    clock = Time()
    with Store(":memory:", clock=clock) as store:
        f = store.memoize(ttl="1h", tags=("b", "a"))(lambda x: x)
        f([1, "a"])
        clock.now += 60
        f([1, "a"])
        entry = f.entry([1, "a"])
    assert isinstance(entry, Entry)
    assert entry.arguments == {"x": [1, "a"]}
    assert entry.tags == ("a", "b")
    assert entry.hit_count == 1
    assert entry.created == datetime.datetime.fromtimestamp(1_000_000, datetime.UTC)
    assert entry.last_hit - entry.created == datetime.timedelta(minutes=1)
    assert entry.expires - entry.created == datetime.timedelta(hours=1)
    assert entry.module == __name__
    assert entry.function == f"{entry.module}.{entry.qualname}"
    assert entry.compute_seconds >= 0
    assert entry.size > 0
    assert entry.codec == "pickle"


def test_refresh(store):
    results = iter(range(10))
    f = store.memoize(lambda x: next(results))
    assert f(1) == f(1) == 0
    assert f.refresh(1) == 1
    assert f(1) == 1
    assert f.refresh(2) == 2
    assert f(2) == 2
    assert f.cache_info() == (3, 3, None, 2)


def test_a_refresh_that_fails_leaves_the_entry(store):
    results = iter([1])
    f = store.memoize(lambda: next(results))
    assert f() == 1
    with pytest.raises(StopIteration):
        f.refresh()
    assert f() == 1


def test_invalidate(store):
    f, calls = memoized(store)
    f(1), f(2)
    assert f.invalidate(x=1) == 1
    assert f.invalidate(1) == 0
    assert f.invalidate(99) == 0
    assert not f.is_cached(1)
    assert f.is_cached(2)
    f(1)
    assert calls == [1, 2, 1]


# Options


def test_ttl():
    clock = Time()
    with Store(":memory:", clock=clock) as store:
        f, calls = memoized(store, ttl="1m")
        f(1)
        clock.now += 59.9
        assert f.is_cached(1)
        f(1)
        assert calls == [1]
        clock.now += 0.1
        assert not f.is_cached(1)
        assert f.lookup(1, default="gone") == "gone"
        f(1)
        assert calls == [1, 1]
        clock.now += 59
        assert f.is_cached(1)  # the time runs from the last computation


def test_without_ttl_nothing_ages():
    clock = Time()
    with Store(":memory:", clock=clock) as store:
        f, calls = memoized(store)
        f(1)
        clock.now += 1e9
        f(1)
        assert calls == [1]


def test_ignore(store):
    f, calls = memoized(store, ignore=["y"])
    assert f(1, y=1) == (1, 1)
    assert f(1, y=2) == f(1, 3) == f(1) == (1, 1)
    assert f(2, y=2) == (2, 2)
    assert calls == [1, 2]
    assert f.key(1, iter(())) == f.key(1)


def test_ignoring_everything_leaves_one_entry(store):
    f, calls = memoized(store, ignore=["x", "y"])
    assert f(1) == f(2) == f(3, 4) == (1, 0)
    assert calls == [1]


def test_ignoring_the_receiver(store):
    class Service:
        def __init__(self, connection):
            self.connection = connection

        @store.memoize(ignore=["self"])
        def ask(self, question):
            return question.upper()

    assert Service(threading.Lock()).ask("a") == Service(iter(())).ask("a") == "A"
    assert Service.ask.cache_info()[:2] == (1, 1)


def test_key_function(store):
    f, calls = memoized(store, key=lambda x, y=0: x["id"])
    assert f({"id": 1, "noise": 2}) == ({"id": 1, "noise": 2}, 0)
    assert f({"id": 1, "noise": 3}) == f(x={"id": 1}, y=5) == ({"id": 1, "noise": 2}, 0)
    assert f({"id": 2}) == ({"id": 2}, 0)
    assert len(calls) == 2
    assert f.entry({"id": 1}).arguments == {"x": {"id": 1, "noise": 2}, "y": 0}


def test_key_functions_results_are_typed(store):
    f, calls = memoized(store, key=lambda x, y=0: x)
    f(1), f(1.0), f(True)
    assert len(calls) == 3


def test_a_key_function_that_raises_stops_the_call(store):
    f, calls = memoized(store, key=lambda x, y=0: x["id"])
    with pytest.raises(KeyError, match="id"):
        f({})
    assert calls == []


def test_version(store):
    def f(x):
        return x

    versions = [None, 1, "1", 2, "a", ""]
    keys = {store.memoize(version=version)(f).key(1) for version in versions}
    assert len(keys) == len(versions)
    assert store.memoize(version="a")(f).key(1) == store.memoize(version="a")(f).key(1)


def test_name(store):
    one = store.memoize(name="project.features")(lambda x: x)
    other = store.memoize(name="project.features")(lambda x: x)
    one(1)
    assert other.is_cached(1)
    entry = one.entry(1)
    assert (entry.function, entry.module, entry.qualname) == ("project.features", "project", "features")
    assert store.memoize(name="features")(lambda x: x).memo_name == (__name__, "features")
    assert one.key(1) != store.memoize(name="project.others")(lambda x: x).key(1)


def test_one_name_for_two_functions_makes_two_entries(store):
    one, other = store.memoize(name="n")(lambda x: x + 1), store.memoize(name="n")(lambda x: x + 2)
    assert (one(1), other(1), one(1), other(1)) == (2, 3, 2, 3)


def test_tags(store):
    f, _ = memoized(store, tags=["nightly", "x", "nightly"])
    g = store.memoize(name="g")(lambda: 1)
    f(1), g()
    assert f.entry(1).tags == ("nightly", "x")
    assert [entry.key for entry in store.find(tag="nightly")] == [f.key(1)]
    assert store.invalidate(tag="nightly") == 1
    assert g.is_cached()


def test_tags_may_be_a_function_of_the_call(store):
    @store.memoize(tags=lambda path, lr=0.1: (path.partition("/")[0], f"lr={lr}"))
    def f(path, lr=0.1):
        return path

    f("train/a.csv")
    f("test/b.csv", lr=0.5)
    assert [entry.tags for entry in store.find(tag="train")] == [("lr=0.1", "train")]
    assert store.find(tag="lr=0.5")[0].arguments["path"] == "test/b.csv"


@pytest.mark.parametrize("tags", ["one", [1], None, [""]])
def test_a_tags_function_that_returns_no_texts_is_an_error_before_anything_is_computed(store, runs, tags):
    @store.memoize(tags=lambda x: tags)
    def f(x):
        runs.append(x)

    with pytest.raises(InvalidArgument, match=r"tags\(\.\.\.\)="):
        f(1)
    assert runs == []


def test_cache_if(store):
    f, calls = memoized(store, cache_if=lambda result: result[0] is not None)
    assert f(None) == f(None) == (None, 0)
    assert f(1) == f(1) == (1, 0)
    assert calls == [None, None, 1]
    assert f.cache_info() == (1, 3, None, 1)


def test_a_refused_result_leaves_the_entry_that_is_there(store):
    results = iter([1, None, 2])
    f = store.memoize(cache_if=lambda result: result is not None)(lambda: next(results))
    assert f() == 1
    assert f.refresh() is None
    assert f() == 1


# What can be memoized


def generator():
    yield 1


REFUSED = {
    "class": (Shape, "the class Shape"),
    "built-in class": (dict, "the class dict"),
    "number": (5, "takes a function, not 5; options go by name"),
    "text": ("7d", "takes a function, not '7d'; options go by name"),
    "staticmethod of a class": (staticmethod(Shape), "the class Shape"),
    "classmethod of a number": (classmethod(5), "a int in another member"),
}


@pytest.mark.parametrize(("function", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_plain_call_is_refused_when_decorated(store, function, words):
    for decorate in (store.memoize, store.memoize(ttl=60), store.cache):
        with pytest.raises(InvalidArgument) as caught:
            decorate(function)
        assert words in str(caught.value)


def test_plain_wrappers_around_generators_are_plain_calls(store):
    @store.memoize
    @functools.wraps(generator)
    def listed():
        return list(generator())

    assert listed() == listed() == [1]
    assert listed.cache_info()[:2] == (1, 1)


@pytest.mark.parametrize(
    "function", [len, max, str.upper, "a-b".split, functools.partial(int, base=2)], ids=lambda f: type(f).__name__
)
def test_built_ins_can_be_memoized(store, function):
    memo = store.memoize(function)
    argument = "-" if getattr(function, "__name__", "") == "split" else "101"
    assert memo(argument) == memo(argument) == function(argument)
    assert memo.cache_info()[:2] == (1, 1)


def test_objects_with_a_call_can_be_memoized(store):
    class Adder:
        def __init__(self, n):
            self.n = n

        def __call__(self, x):
            return x + self.n

    one, two = store.memoize(Adder(1)), store.memoize(Adder(2))
    assert (one(1), two(1), one(1)) == (2, 3, 2)
    assert store.memoize(Adder(1)).is_cached(1)


def test_objects_that_have_every_attribute_can_be_memoized(store):
    """A mock's attributes are no reason to take it for a memoized function."""
    from unittest.mock import Mock

    mock = Mock(return_value=5)
    memo = store.memoize(mock)
    assert memo(1) == 5
    mock.assert_called_once_with(1)


# Threads


def test_many_threads_get_the_right_results_and_right_counts(store):
    f = store.memoize(lambda x: x * x)
    calls = [n % 20 for n in range(600)]
    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(f, calls)) == [n * n for n in calls]
    finally:
        sys.setswitchinterval(switch)
    info = f.cache_info()
    assert info.hits + info.misses == 600
    assert info.misses >= info.currsize == 20


def test_threads_that_call_for_the_first_time_together(store):
    barrier = threading.Barrier(8)
    f = store.memoize(lambda x: x)

    def first(n):
        barrier.wait()
        return f(n % 2)

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(first, range(8))) == [0] * 4 + [1] * 4
    assert f.cache_info().currsize == 2


def test_a_call_inside_another_thread_than_the_stores(store):
    f, calls = memoized(store)
    f(1)
    found = []
    thread = threading.Thread(target=lambda: found.append(f(1)))
    thread.start()
    thread.join()
    assert found == [(1, 0)]
    assert calls == [1]


def test_recursion_from_several_threads(store):
    @store.memoize
    def depth(n):
        return 0 if n == 0 else depth(n - 1) + 1

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(depth, [30] * 8)) == [30] * 8


def test_faces_refuse_what_calls_refuse(store):
    f, _ = memoized(store)
    with pytest.raises(UnkeyableArgument):
        f(x for x in ())
