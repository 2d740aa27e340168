"""The compiled binder does what `inspect.Signature.bind` does, for every signature and call that can be written."""

import functools
import inspect
import keyword

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memostore import InvalidArgument, Store
from memostore.keys.binding import Binder

Kind = inspect.Parameter
quick = settings(max_examples=150, deadline=None, derandomize=True)

# Names that a careless implementation uses itself, and some that look special.
NAMES = (
    "self", "cls", "args", "kwargs", "key", "k", "value", "name", "default", "ttl", "bind", "function", "ignored",
    "_ignored",
    "_", "__x", "match", "print", "values", "größe", "x", "y",
)  # fmt: skip
STORE = Store(None)
ORDER = [Kind.POSITIONAL_ONLY, Kind.POSITIONAL_OR_KEYWORD, Kind.VAR_POSITIONAL, Kind.KEYWORD_ONLY, Kind.VAR_KEYWORD]


@st.composite
def signatures(draw):
    names = draw(st.permutations(NAMES))
    kinds = sorted(draw(st.lists(st.sampled_from(ORDER), max_size=6)), key=ORDER.index)
    parameters, defaults_began = [], False
    for name, kind in zip(names, kinds, strict=False):
        if kind in (Kind.VAR_POSITIONAL, Kind.VAR_KEYWORD):
            if any(p.kind is kind for p in parameters):
                continue
            parameters.append(Kind(name, kind))
            continue
        with_default = draw(st.booleans()) or (defaults_began and kind is not Kind.KEYWORD_ONLY)
        defaults_began = defaults_began or (with_default and kind is not Kind.KEYWORD_ONLY)
        parameters.append(Kind(name, kind, default=f"default of {name}" if with_default else Kind.empty))
    return inspect.Signature(parameters)


def function_of(signature):
    """Compile a function with a signature: it returns its locals."""
    namespace = {}
    exec(f"def generated{signature}:\n    return dict(locals())", namespace)
    return namespace["generated"]


@st.composite
def calls(draw, signature):
    args = tuple(draw(st.lists(st.integers(0, 9), max_size=len(signature.parameters) + 1)))
    names = [*signature.parameters, "unknown", "more"]
    kwargs = draw(st.dictionaries(st.sampled_from(names), st.integers(10, 19), max_size=4))
    return args, kwargs


def bound_by_python(function, args, kwargs):
    """Return the function's parameters as a call fills them, or None where it does not fit.

    The function is asked, not `inspect.Signature.bind` alone: older ones refuse `f(x=1)` of `def f(x=0, /, **k)`.
    """
    try:
        return function(*args, **kwargs)
    except TypeError:
        return None


def bound_by_inspect(function, args, kwargs):
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
    except TypeError:
        return None
    bound.apply_defaults()
    return bound.arguments


@quick
@given(st.data())
def test_values_are_those_that_the_function_gets(data):
    signature = data.draw(signatures())
    function = function_of(signature)
    binder = Binder.of(function)
    assert binder.names == tuple(signature.parameters)
    for _ in range(4):
        args, kwargs = data.draw(calls(signature))
        expected = bound_by_python(function, args, kwargs)
        if expected is None:
            with pytest.raises(TypeError):
                binder.bind(*args, **kwargs)
        else:
            values = dict(zip(binder.names, binder.bind(*args, **kwargs), strict=True))
            assert values == expected
            assert values == (bound_by_inspect(function, args, kwargs) or expected)


@quick
@given(st.data())
def test_ignored_parameters_are_left_out_and_nothing_else(data):
    signature = data.draw(signatures())
    takes_any = any(p.kind is Kind.VAR_KEYWORD for p in signature.parameters.values())
    choice = st.sampled_from([*signature.parameters, *(["more", "unknown"] if takes_any else [])] or ["none"])
    ignored = set(data.draw(st.lists(choice, max_size=3))) if signature.parameters else set()
    function = function_of(signature)
    binder = Binder.of(function, ignored)
    args, kwargs = data.draw(calls(signature))
    expected = bound_by_python(function, args, kwargs)
    if expected is not None:
        kept = {
            name: {k: v for k, v in value.items() if k not in ignored} if isinstance(value, dict) else value
            for name, value in expected.items()
            if name not in ignored
        }
        assert dict(zip(binder.names, binder.bind(*args, **kwargs), strict=True)) == kept


@quick
@given(st.data())
def test_all_ways_to_write_a_call_have_one_key(data):
    signature = data.draw(signatures())
    function = STORE.memoize(function_of(signature))
    args, kwargs = data.draw(calls(signature))
    arguments = bound_by_python(function.__wrapped__, args, kwargs)
    if arguments is None:
        with pytest.raises(TypeError):
            function.key(*args, **kwargs)
        return
    written_out = inspect.BoundArguments(signature, arguments)
    assert function.key(*written_out.args, **written_out.kwargs) == function.key(*args, **kwargs)
    reordered = dict(reversed(kwargs.items()))
    assert function.key(*args, **reordered) == function.key(*args, **kwargs)


def test_a_default_is_the_object_itself():
    default = object()
    binder = Binder.of(lambda x, y=default, *, z=default: None)
    assert binder.bind(1)[1] is default
    assert binder.bind(1)[2] is default


@pytest.mark.filterwarnings("ignore:.*the default of 'seen'")
def test_a_mutable_default_is_seen_as_it_is_at_the_call():
    store = Store(":memory:")

    @store.memoize
    def collected(x, seen=[]):  # noqa: B006 # the classic trap: the second call differs from the first
        seen.append(x)
        return list(seen)

    assert collected(1) == [1]
    assert collected(1) == [1, 1]
    assert collected(1, [1, 1]) == [1, 1, 1]


@pytest.mark.parametrize(
    "function",
    [
        functools.partial(lambda a, b, c=3: None, 1),
        functools.partial(lambda a, b, c=3: None, b=2),
        max,
        "text".join,
        dict.fromkeys,
        functools.lru_cache(lambda a, b=2: None),
    ],
    ids=["partial", "partial by name", "max", "str.join", "dict.fromkeys", "lru_cache"],
)
def test_callables_of_other_kinds_can_be_bound(function):
    binder = Binder.of(function)
    assert all(name.isidentifier() and not keyword.iskeyword(name) for name in binder.names)


def test_a_wrapper_is_bound_by_its_own_parameters():
    def scaled_by_ten(function):
        @functools.wraps(function)
        def inner(x, scale=10):
            return function(x, scale)

        return inner

    store = Store(":memory:")

    @store.memoize
    @scaled_by_ten
    def times(x, scale=1):
        return x * scale

    assert times(1) == 10
    assert times(1, 1) == 1
    assert times(1, 10) == 10
    assert times.key(1) == times.key(1, 10) != times.key(1, 1)


def test_a_wrapper_that_sets_a_default_itself():
    def scaled_by_ten(function):
        @functools.wraps(function)
        def inner(*args, **kwargs):
            kwargs.setdefault("scale", 10)
            return function(*args, **kwargs)

        return inner

    store = Store(":memory:")

    @store.memoize
    @scaled_by_ten
    def times(x, scale=1):
        return x * scale

    assert times(1) == 10
    assert times(1, scale=1) == 1


def test_a_wrapper_that_passes_an_argument_of_its_own():
    def with_session(function):
        @functools.wraps(function)
        def inner(*args):
            return function("session", *args)

        return inner

    store = Store(":memory:")
    load = with_session(lambda session, x: (session, x))
    plain, keyed = store.memoize(load), store.memoize(key=lambda x: x, name="keyed")(load)
    for memo in (plain, keyed):
        assert memo(1) == memo(1) == ("session", 1)
        assert memo.cache_info()[:2] == (1, 1)


@pytest.mark.parametrize("names", [["verbos"], ["x", "nothing"], ["verbose "]])
def test_a_parameter_to_ignore_that_is_not_there(names):
    store = Store(None)
    with pytest.raises(InvalidArgument, match=r"ignore=.*no parameter .*its parameters are 'x', 'verbose'"):
        store.memoize(ignore=names)(lambda x, verbose=False: None)


@pytest.mark.parametrize(
    "source", ["def f(**k)", "def f(_ignored=0, **kw)", "def f(ignored=0, **_)", "def f(k=1, *v, **rest)"]
)
def test_ignoring_keywords_of_any_name(source):
    namespace = {}
    exec(f"{source}: return 1", namespace)
    memo = Store(":memory:").memoize(ignore=["verbose"])(namespace["f"])
    assert memo.key(a=1, verbose=True) == memo.key(a=1, verbose=False) == memo.key(a=1) != memo.key(a=2)
    memo(a=1, verbose=True), memo(a=1, verbose=False)
    assert memo.cache_info()[:2] == (1, 1)
