"""What `memoize` has in common with `functools.lru_cache`, and where it differs on purpose.

What is shared is one test for both, so that the specification is held to the original too. The second part asks each
difference of both.
"""

import contextlib
import copy
import functools
import gc
import inspect
import pickle
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

from memostore import InvalidArgument, Store

STORE = Store(":memory:")


def lru(function=None, **options):
    """Be `lru_cache` with the two settings that memoize has by default."""
    decorate = functools.lru_cache(maxsize=None, **{"typed": True, **options})
    return decorate if function is None else decorate(function)


@pytest.fixture(params=["lru_cache", "memoize"])
def cached(request, store):
    return lru if request.param == "lru_cache" else store.memoize


both_names = ["lru_cache", "memoize"]
both_decorators = pytest.mark.parametrize("decorate", [functools.lru_cache, STORE.memoize], ids=both_names)


@lru
def by_lru(x: int, y: int = 2) -> int:
    """Add, by lru_cache."""
    return x + y


@STORE.memoize
def by_memoize(x: int, y: int = 2) -> int:
    """Add, by memoize."""
    return x + y


class Kept:
    """Methods of every kind, under both decorators, where pickle finds them."""

    @lru
    def method_by_lru(self, x):
        return x

    @STORE.memoize
    def method_by_memoize(self, x):
        return x

    @staticmethod
    @lru
    def static_by_lru(x):
        return x

    @staticmethod
    @STORE.memoize
    def static_by_memoize(x):
        return x


AT_THE_TOP = {
    "lru_cache": by_lru, "memoize": by_memoize,
    "lru_cache's method": Kept.method_by_lru, "memoize's method": Kept.method_by_memoize,
    "lru_cache's static method": Kept.static_by_lru, "memoize's static method": Kept.static_by_memoize,
}  # fmt: skip
each_at_the_top = pytest.mark.parametrize("wrapper", AT_THE_TOP.values(), ids=AT_THE_TOP)
functions_at_the_top = pytest.mark.parametrize("wrapper", [by_lru, by_memoize], ids=both_names)


def in_threads(*actions):
    """Run actions in a thread each, as closely together as threads go; return their results in order."""
    start = threading.Barrier(len(actions))

    def run(action):
        start.wait(10)
        return action()

    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(len(actions)) as pool:
            return list(pool.map(run, actions))
    finally:
        sys.setswitchinterval(switch)


# Shared: decorating


@both_decorators
def test_bare_and_called_decorators_do_the_same(decorate):
    @decorate
    def bare(x):
        return [x]

    @decorate()
    def called(x):
        return [x]

    for function in (bare, called):
        function.cache_clear()
        assert function(1) == function(1) == [1]
        assert function.cache_info()[:2] == (1, 1)


def test_the_wrapper_has_the_function_s_looks(cached):
    def area(width: float, height: float = 1.0) -> float:
        """Return an area."""
        return width * height

    area.unit = "m"
    area.__deprecated__ = "use surface"
    wrapper = cached(area)
    assert wrapper.__wrapped__ is area
    for name in functools.WRAPPER_ASSIGNMENTS:
        assert getattr(wrapper, name) == getattr(area, name)
    assert (wrapper.unit, wrapper.__deprecated__) == ("m", "use surface")
    assert inspect.signature(wrapper) == inspect.signature(area)
    assert inspect.unwrap(wrapper) is area
    assert inspect.getsource(wrapper) == inspect.getsource(area)
    assert callable(wrapper)


def test_the_function_under_the_wrapper_can_be_called_past_the_cache(cached):
    f = cached(lambda x: x + 1)
    assert f.__wrapped__(1) == 2
    assert f.cache_info() == (0, 0, None, 0)
    f(1)
    assert f.__wrapped__(1) == 2
    assert f.cache_info() == (0, 1, None, 1)


def test_a_decorator_above_or_below_is_a_part_of_what_is_called(cached):
    def twice(function):
        @functools.wraps(function)
        def inner(*args, **kwargs):
            return 2 * function(*args, **kwargs)

        return inner

    above, below = twice(cached(lambda x: x + 1)), cached(twice(lambda x: x + 1))
    assert [above(1), below(1), above(1), below(1)] == [4, 4, 4, 4]
    assert above.__wrapped__.cache_info()[:2] == below.cache_info()[:2] == (1, 1)


def test_the_same_decorator_twice(cached, runs):
    inner = cached(lambda x: (runs.append(x), x)[1])
    outer = cached(inner)
    assert [outer(1), outer(1), inner(1)] == [1, 1, 1]
    assert runs == [1]
    assert outer.__wrapped__ is inner


def test_two_wrappers_of_one_function_count_for_themselves(cached):
    def f(x):
        return x

    one, other = cached(f), cached(f)
    one(1), one(1)
    assert one.cache_info()[:2] == (1, 1)
    assert other.cache_info()[:2] == (0, 0)
    assert one != other
    assert len({one, other, one}) == 2


# Shared: hits and misses


def test_the_second_call_is_a_hit(cached, runs):
    @cached
    def f(x, y):
        runs.append((x, y))
        return 10 * x + y

    assert [f(1, 2), f(2, 1), f(1, 2), f(1, 2), f(2, 1)] == [12, 21, 12, 12, 21]
    assert runs == [(1, 2), (2, 1)]
    assert f.cache_info() == (3, 2, None, 2)


def test_cache_info_is_a_tuple_of_four_that_have_names(cached):
    f = cached(lambda: 1)
    f(), f(), f()
    hits, misses, maxsize, currsize = info = f.cache_info()
    assert (info.hits, info.misses, info.maxsize, info.currsize) == (hits, misses, maxsize, currsize) == (2, 1, None, 1)
    assert info._fields == ("hits", "misses", "maxsize", "currsize")
    assert repr(info) == "CacheInfo(hits=2, misses=1, maxsize=None, currsize=1)"


def test_clearing_starts_anew(cached, runs):
    @cached
    def f(x):
        runs.append(x)
        return x

    f.cache_clear()
    f(1), f(1), f(2)
    assert f.cache_clear() is None
    assert f.cache_info() == (0, 0, None, 0)
    f(1)
    assert f.cache_info() == (0, 1, None, 1)
    assert runs == [1, 2, 1]


def test_clearing_inside_a_call(cached):
    @cached
    def f(x):
        f.cache_clear()
        return x

    assert [f(1), f(1), f(2)] == [1, 1, 2]


def test_none_is_a_result(cached, runs):
    @cached
    def f():
        runs.append(1)

    assert f() is f() is None
    assert runs == [1]


@pytest.mark.parametrize("result", [False, 0, "", (), NotImplemented, ...], ids=repr)
def test_results_that_are_false_or_odd_are_results(cached, result):
    f = cached(lambda: result)
    assert f() is f() is result or f() == result
    assert f.cache_info().misses == 1


def test_a_function_of_no_arguments_has_one_entry(cached):
    f = cached(lambda: 1)
    assert f() == f(**{}) == f(*[]) == 1  # noqa: PIE804
    assert f.cache_info() == (2, 1, None, 1)


def test_empty_keywords_are_no_keywords(cached):
    f = cached(lambda x: x)
    f(0), f(0, **{})  # noqa: PIE804
    assert f.cache_info()[:2] == (1, 1)


def test_star_arguments_and_one_tuple_differ(cached):
    @cached
    def f(*args):
        return args

    assert [f(1, 2), f((1, 2)), f(), f(()), f(1, 2)] == [(1, 2), ((1, 2),), (), ((),), (1, 2)]
    assert f.cache_info()[:2] == (1, 4)


def test_keywords_and_a_positional_dict_or_pairs_differ(cached):
    @cached
    def f(*args, **kwargs):
        return len(args), len(kwargs)

    assert [f(x=1), f(("x", 1)), f("x", 1), f((("x", 1),)), f(x=1)] == [(0, 1), (1, 0), (2, 0), (1, 0), (0, 1)]
    assert f.cache_info()[:2] == (1, 4)


def test_a_keyword_of_another_name_is_another_call(cached):
    f = cached(lambda **kwargs: sorted(kwargs))
    assert [f(a=1), f(b=1), f(a=1, b=1)] == [["a"], ["b"], ["a", "b"]]
    assert f.cache_info()[:2] == (0, 3)


def test_one_argument_of_a_built_in_type_is_not_taken_for_another(cached):
    f = cached(lambda x: (type(x).__name__, x))
    for value in (1, "1", b"1", 1.0, True, None, (1,), frozenset({1}), 1 + 0j, ("1",), "None", 0, "", False):
        assert f(value) == f(value) == (type(value).__name__, value)
    assert f.cache_info() == (14, 14, None, 14)


def test_typed_tells_equal_numbers_apart_by_position_and_by_name(cached):
    f = cached(typed=True)(lambda x: x * x)
    squares = [f(3), f(3.0), f(x=4), f(x=4.0), f(True), f(1)]
    assert squares == [9, 9.0, 16, 16.0, 1, 1]
    assert list(map(type, squares)) == [int, float, int, float, int, int]
    assert f.cache_info().misses == 6


def test_untyped_takes_equal_numbers_for_one(cached):
    f = cached(typed=False)(lambda x, y: x * y)
    assert [f(1, 1), f(1.0, 1), f(True, 1.0), f(2, 1)] == [1, 1, 1, 2]
    assert f.cache_info()[:2] == (2, 2)


def test_untyped_still_tells_a_text_from_a_number(cached):
    f = cached(typed=False)(lambda x: type(x).__name__)
    assert [f(1), f("1"), f(b"1")] == ["int", "str", "bytes"]


def test_a_built_in_function(cached):
    length = cached(len)
    assert [length(text) for text in ("", "a", "bc", "a", "de", "")] == [0, 1, 2, 1, 2, 0]
    assert length.cache_info()[:2] == (2, 4)


def test_a_partial(cached):
    power = cached(functools.partial(pow, 2))
    assert [power(3), power(4), power(3)] == [8, 16, 8]
    assert power.cache_info()[:2] == (1, 2)


def test_cache_parameters_say_how_it_was_decorated(cached):
    parameters = cached(typed=False)(lambda: 1).cache_parameters()
    assert (parameters["maxsize"], parameters["typed"]) == (None, False)
    again = cached(typed=True)(lambda: 1)
    assert again.cache_parameters()["typed"] is True
    again.cache_parameters()["typed"] = False  # a copy
    assert again.cache_parameters()["typed"] is True


# Shared: exceptions


def test_exceptions_pass_unchanged_and_are_raised_each_time(cached, runs):
    @cached
    def letter(n):
        runs.append(n)
        return "abc"[n]

    assert letter(0) == "a"
    for _ in range(2):
        with pytest.raises(IndexError) as caught:
            letter(15)
        assert caught.value.__context__ is None
        assert caught.value.__cause__ is None
        assert caught.traceback[-1].name == "letter"
    assert runs == [0, 15, 15]
    assert letter.cache_info().currsize == 1
    assert letter(0) == "a"


def test_exceptions_inside_a_handler_keep_their_context(cached):
    @cached
    def fails():
        try:
            {}["first"]
        except KeyError as error:
            raise ValueError("second") from error

    with pytest.raises(ValueError, match="second") as caught:
        fails()
    assert isinstance(caught.value.__cause__, KeyError)


@pytest.mark.parametrize(("args", "kwargs"), [((), {}), ((1, 2, 3), {}), ((1,), {"z": 1}), ((1,), {"x": 1})])
def test_arguments_that_do_not_fit_are_the_function_s_own_error(cached, args, kwargs):
    def f(x, y=0):
        return x

    with pytest.raises(TypeError) as plain:
        f(*args, **kwargs)
    with pytest.raises(TypeError) as wrapped:
        cached(f)(*args, **kwargs)
    assert str(wrapped.value) == str(plain.value)


# Shared: recursion and calls from within


def test_recursion_by_position_and_by_name(cached):
    @cached
    def fibonacci(n):
        return n if n < 2 else fibonacci(n - 1) + fibonacci(n=n - 2)

    assert fibonacci(100) == 354224848179261915075

    @cached
    def by_name(n):
        return n if n < 2 else by_name(n=n - 1) + by_name(n=n - 2)

    assert [by_name(n=n) for n in range(16)] == [0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610]
    assert by_name.cache_info() == (28, 16, None, 16)


def test_recursion_of_some_depth_and_what_comes_after_too_much_of_it(cached):
    @cached
    def depth(n):
        return 0 if n == 0 else depth(n - 1) + 1

    with ThreadPoolExecutor(1) as fresh_stack:
        assert fresh_stack.submit(depth, 100).result() == 100
        with pytest.raises(RecursionError):
            fresh_stack.submit(depth, 100_000).result()
        assert fresh_stack.submit(depth, 100).result() == 100
        assert fresh_stack.submit(depth, 150).result() == 150


def test_functions_that_call_each_other(cached):
    @cached
    def even(n):
        return n == 0 or odd(n - 1)

    @cached
    def odd(n):
        return n != 0 and even(n - 1)

    assert even(30)
    assert not odd(30)
    assert even.cache_info().misses + odd.cache_info().misses == 31 + 31


def test_a_call_that_makes_the_same_call_while_it_runs(cached):
    once = [True]

    class Once:
        def __memo_key__(self):
            return "once"

        def taken(self):
            return once.pop() if once else False

    first = Once()

    @cached
    def f(x):
        return f".{f(x) if x == 20 and first.taken() else x}."

    for x in range(5):
        assert f(x) == f".{x}."
    assert f(20) == "..20.."
    assert f(20) in (".20.", "..20..")
    assert f.cache_info().currsize == 6


def test_an_argument_whose_equality_and_hash_call_the_function(cached):
    class Calling:
        def __init__(self, n):
            self.n = n

        def __hash__(self):
            if self.n:
                f(Calling(self.n - 1))
            return 7

        def __eq__(self, other):
            if self.n > 1:
                f(Calling(0))
            return isinstance(other, Calling) and self.n == other.n

    @cached
    def f(x):
        return x.n

    assert [f(Calling(n)) for n in (1, 2, 1, 2, 3, 3)] == [1, 2, 1, 2, 3, 3]
    assert f.cache_info().currsize == len({1, 2, 3, *([0] if cached is lru else [])})


# Shared: methods


def test_methods_share_one_cache_that_tells_receivers_apart(cached):
    class Number(int):
        @cached
        def plus(self, x):
            return self + 10 * x

    five, seven = Number(5), Number(7)
    assert [five.plus(1), seven.plus(1), five.plus(1), five.plus(2), Number(5).plus(1)] == [15, 17, 15, 25, 15]
    assert Number.plus.cache_info() == (2, 3, None, 3)
    assert five.plus.cache_info() == seven.plus.cache_info() == Number.plus.cache_info()
    five.plus.cache_clear()
    assert Number.plus.cache_info() == (0, 0, None, 0)


def test_a_method_called_by_its_class(cached):
    class Number(int):
        @cached
        def plus(self, x):
            return self + x

    assert Number.plus(Number(1), 2) == Number(1).plus(2) == 3
    assert Number.plus.cache_info()[:2] == (1, 1)


def test_class_methods_static_methods_and_properties_above_the_decorator(cached):
    class Shape:
        sides = 3

        @classmethod
        @cached
        def named(cls, x):
            return cls.__name__, cls.sides, x

        @staticmethod
        @cached
        def doubled(x):
            return 2 * x

        @property
        @cached
        def corners(self):
            return self.sides

        def __hash__(self):
            return 1

        def __eq__(self, other):
            return type(self) is type(other)

    class Square(Shape):
        sides = 4

    assert [Shape.named(1), Square.named(1), Square().named(1)] == [("Shape", 3, 1), ("Square", 4, 1), ("Square", 4, 1)]
    assert [Shape.doubled(2), Square().doubled(2), Shape().doubled(2)] == [4, 4, 4]
    assert Shape.doubled.cache_info()[:2] == (2, 1)
    assert [Shape().corners, Square().corners, Shape().corners] == [3, 4, 3]
    assert Shape.corners.fget.cache_info()[:2] == (1, 2)


def test_an_abstract_method_stays_abstract(cached):
    import abc

    class Base(abc.ABC):
        @cached
        @abc.abstractmethod
        def inner(self):
            return 1

        @abc.abstractmethod
        @cached
        def outer(self):
            return 1

    class Half(Base):
        def outer(self):
            return 2

    assert Base.__abstractmethods__ == {"inner", "outer"}
    with pytest.raises(TypeError, match="inner"):
        Half()


# Shared: copies and references


@functions_at_the_top
def test_a_function_at_the_top_of_a_module_works_there(wrapper):
    wrapper.cache_clear()
    assert wrapper(1) == wrapper(1) == 3
    assert wrapper.cache_info()[:2] == (1, 1)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@each_at_the_top
def test_a_wrapper_pickles_by_its_name_to_itself(wrapper, protocol):
    assert pickle.loads(pickle.dumps(wrapper, protocol)) is wrapper


@each_at_the_top
def test_a_copy_of_a_wrapper_is_the_wrapper(wrapper):
    assert copy.copy(wrapper) is wrapper
    assert copy.deepcopy(wrapper) is wrapper
    assert copy.deepcopy({"f": [wrapper]})["f"][0] is wrapper


def test_a_local_wrapper_copies_and_does_not_pickle(cached):
    local, partial = cached(lambda x: x), cached(functools.partial(pow, 2))
    for wrapper in (local, partial):
        assert copy.copy(wrapper) is copy.deepcopy(wrapper) is wrapper
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(local)


def test_wrappers_can_be_referred_to_weakly_and_go_when_nobody_has_them(cached):
    class Owner:
        @cached
        def method(self, x):
            return x

        @staticmethod
        @cached
        def static(x):
            return x

    function = cached(lambda x: x)
    function(1), Owner.static(1)
    references = [weakref.ref(wrapper) for wrapper in (function, Owner.method, Owner.static)]
    assert all(reference() is not None for reference in references)
    del function, Owner
    gc.collect()
    assert all(reference() is None for reference in references)


# Shared: threads


def test_threads_with_keys_of_their_own(cached):
    @cached
    def f(x, y):
        return 3 * x + y

    def calls(k):
        return lambda: [f(k, 0) for _ in range(11)]

    assert in_threads(*map(calls, range(5))) == [[3 * k] * 11 for k in range(5)]
    assert f.cache_info() == (5 * 11 - 5, 5, None, 5)


def test_threads_with_the_same_keys(cached):
    f = cached(lambda x: [x, x * x])
    results = in_threads(*[lambda: [f(n % 4) for n in range(40)]] * 6)
    assert results == [[[n % 4, (n % 4) ** 2] for n in range(40)]] * 6
    info = f.cache_info()
    assert info.hits + info.misses == 240
    assert (info.currsize, info.misses >= 4) == (4, True)


def test_threads_that_clear_while_others_call(cached):
    f = cached(lambda x: x + 1)

    def clear():
        for _ in range(20):
            f.cache_clear()
        return []

    results = in_threads(clear, *[lambda: [f(n) for n in range(10)]] * 4)
    assert results == [[], *[list(range(1, 11))] * 4]
    f.cache_clear()
    assert f.cache_info() == (0, 0, None, 0)


def test_threads_that_recurse(cached):
    @cached
    def fibonacci(n):
        return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

    assert in_threads(*[lambda: fibonacci(20)] * 4) == [6765] * 4


def test_an_exception_in_one_thread_is_not_another_s(cached):
    @cached
    def inverse(x):
        return 1 / x

    def fails():
        with contextlib.suppress(ZeroDivisionError):
            inverse(0)
        return "raised"

    assert in_threads(fails, lambda: inverse(2), fails, lambda: inverse(2)) == ["raised", 0.5, "raised", 0.5]


# Where memoize differs on purpose. Each test asks both.


def misses(decorate, function, *calls):
    """Return how many of the calls, each a tuple of arguments or a dict of keywords, are computed."""
    wrapper = decorate(function)
    for call in calls:
        wrapper(**call) if isinstance(call, dict) else wrapper(*call)
    return wrapper.cache_info().misses


def test_differs_an_argument_without_a_hash_is_keyed_by_its_content(store):
    with pytest.raises(TypeError, match="unhashable"):
        lru(sum)([1, 2])
    assert misses(store.memoize, lambda x: x, ([1, 2],), ([1, 2],), ([2, 1],), ({"a": {1}},), ({"a": {1}},)) == 3


def test_differs_ways_to_write_a_call_are_one_entry(store):
    def f(x, y=0):
        return x

    calls = (1,), {"x": 1}, (1, 0), {"x": 1, "y": 0}, {"y": 0, "x": 1}
    assert misses(lru, f, *calls) == 5
    assert misses(store.memoize, f, *calls) == 1


def test_differs_the_order_of_keywords_does_not_count(store):
    """As that of a dict that is an argument does not: a function whose result hangs on it takes a list of pairs."""
    calls = {"a": 1, "b": 2}, {"b": 2, "a": 1}
    assert misses(lru, lambda **kwargs: sorted(kwargs), *calls) == 2
    assert misses(store.memoize, lambda **kwargs: sorted(kwargs), *calls) == 1


def test_differs_numbers_are_typed_unless_told_otherwise(store):
    calls = (1, 1), (1.0, 1), (True, 1)  # of a single int, lru_cache happens to make a key of another form
    assert misses(functools.lru_cache, lambda x, y: x, *calls) == 1
    assert misses(store.memoize, lambda x, y: x, *calls) == 3


def test_differs_types_count_inside_containers_too(store):
    calls = ((1,),), ((1.0,),), ((True,),), ((-0.0,),), ((0.0,),)
    assert misses(lru, repr, *calls) == 2
    assert misses(store.memoize, repr, *calls) == 5


def test_differs_content_counts_and_not_what_equality_and_hash_say(store):
    class Loose:
        def __init__(self, x):
            self.x = x

        def __eq__(self, other):
            return True

        def __hash__(self):
            return 1

    assert misses(lru, lambda o: o.x, (Loose(1),), (Loose(2),)) == 1
    assert misses(store.memoize, lambda o: o.x, (Loose(1),), (Loose(2),), (Loose(2),)) == 2


def test_differs_objects_of_equal_content_are_one_argument(store):
    class Plain:
        def __init__(self, x):
            self.x = x

    assert misses(lru, lambda o: o.x, (Plain(1),), (Plain(1),)) == 2
    assert misses(store.memoize, lambda o: o.x, (Plain(1),), (Plain(1),)) == 1


def test_differs_the_receiver_of_a_method_is_not_kept_alive(store):
    for decorate, is_kept in ((lru, True), (store.memoize, False)):

        class Large:
            @decorate
            def size(self):
                return 1

        large = Large()
        large.size()
        reference = weakref.ref(large)
        del large
        gc.collect()
        assert (reference() is not None) is is_kept


def test_differs_a_hit_is_a_copy_so_that_callers_may_change_it(store):
    plain, memo = lru(lambda: [1]), store.memoize(lambda: [1])
    plain().append("changed"), memo().append("changed")
    assert plain() == [1, "changed"]
    assert memo() == [1]
    assert plain() is plain()
    assert memo() is not memo()


def test_differs_there_is_no_limit_unless_one_is_given_by_another_name(store):
    assert functools.lru_cache(lambda: 1).cache_parameters() == {"maxsize": 128, "typed": False}
    parameters = store.memoize(lambda: 1).cache_parameters()
    assert (parameters["maxsize"], parameters["typed"], parameters["ttl"]) == (None, True, None)
    assert store.memoize(max_entries=128)(lambda: 1).cache_parameters()["maxsize"] == 128
    with pytest.raises(InvalidArgument, match="no option 'maxsize': its options are ttl"):
        store.memoize(maxsize=128)


def test_differs_a_change_of_the_code_it_reaches_counts(store):
    namespace = {"__name__": "somewhere", "helper": lambda x: x + 1}
    exec("def f(x): return helper(x)", namespace)
    plain, memo = lru(namespace["f"]), store.memoize(namespace["f"])
    assert (plain(1), memo(1)) == (2, 2)
    namespace["helper"] = lambda x: x + 10
    assert (plain(1), memo(1)) == (2, 11)


def test_differs_currsize_counts_what_is_stored_by_whomever(store):
    def f(x):
        return x

    one, other = store.memoize(f), store.memoize(f)
    one(1)
    assert other.cache_info() == (0, 0, None, 1)
    assert other(1) == 1
    assert other.cache_info() == (1, 0, None, 1)
    plain, second = lru(f), lru(f)
    plain(1)
    assert second.cache_info() == (0, 0, None, 0)


def test_differs_a_function_may_run_twice_for_a_key_that_its_own_code_has_a_part_in(store):
    """`__memo_key__` and `__reduce__` may call the memoized function, as `__hash__` may with lru_cache."""

    class Marked:
        def __init__(self, n):
            self.n = n

        def __memo_key__(self):
            return self.n if self.n == 0 else (self.n, f(Marked(self.n - 1)))


    class Pickled:
        def __init__(self, n):
            self.n = n

        def __reduce__(self):
            return Pickled, (self.n, *([f(Pickled(self.n - 1))] if self.n else []))

    @store.memoize
    def f(x):
        return x.n

    for kind in (Marked, Pickled):
        assert [f(kind(n)) for n in (2, 1, 2, 0)] == [2, 1, 2, 0]
    assert f.cache_info().currsize == 6
