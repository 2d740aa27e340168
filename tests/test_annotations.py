"""`NoKey[T]` and `KeyBy[T, function]`: what annotations say about a parameter's part in the key."""

from __future__ import annotations

import functools
import subprocess
import sys
import textwrap
import threading
import typing
from typing import Annotated, Optional, TypeVar, Union

import pytest

import memostore
from memostore import InvalidArgument, KeyBy, NoKey, Store

if typing.TYPE_CHECKING:
    from elsewhere import Logger

T = TypeVar("T")
Quiet = NoKey[bool]
Silent = NoKey[T]
ByLength = KeyBy[list, len]
store = Store(":memory:")


class Model:
    def __init__(self, version):
        self.version = version
        self.lock = threading.Lock()


def version_of(model):
    return model.version


def test_a_parameter_without_a_key():
    @store.memoize
    def load(name, log: NoKey[object]):
        log.append(name)
        return name

    log = []
    assert load("a", log) == load("a", ["other"]) == load(name="a", log=None) == "a"
    assert log == ["a"]
    assert load.cache_info()[:2] == (2, 1)
    assert load.key("a", 1) != load.key("b", 1)
    assert '"log"' not in store.find(function=load)[0].arguments


def test_a_parameter_keyed_by_a_function():
    @store.memoize
    def predict(model: KeyBy[Model, version_of], x):
        return model.version * x

    assert [predict(Model(version), 2) for version in (1, 1, 2)] == [2, 2, 4]
    assert predict.cache_info()[:2] == (1, 2)
    assert store.find(function=predict, args={"model": 2})


# Each line: an annotation that leaves the parameter out. As text and as an object.
LEFT_OUT = {
    "NoKey[int]": NoKey[int],
    "NoKey": NoKey,
    "NoKey[int] | None": NoKey[int] | None,
    "None | NoKey[int]": None | NoKey[int],
    "Optional[NoKey[int]]": Optional[NoKey[int]],  # noqa: UP045 # the old spelling is what is wanted
    "Union[int, NoKey[str]]": Union[int, NoKey[str]],  # noqa: UP007
    "Annotated[int, NoKey]": Annotated[int, NoKey],
    "Annotated[int, 'seconds', NoKey]": Annotated[int, "seconds", NoKey],
    "Annotated[NoKey[int], 'seconds']": Annotated[NoKey[int], "seconds"],
    "memostore.NoKey[int]": memostore.NoKey[int],
    "typing.Annotated[int, memostore.NoKey]": typing.Annotated[int, memostore.NoKey],
    "Quiet": Quiet,
    "Quiet | None": Quiet | None,
    "Silent": Silent,
    "Silent[int]": Silent[int],
    "'NoKey[int]'": "'NoKey[int]'",
    "NoKey['Logger']": NoKey["Logger"],
    "KeyBy[NoKey[int], abs]": KeyBy[NoKey[int], abs],
}
IN_THE_KEY = {
    "int": int,
    "list[NoKey[int]]": list[NoKey[int]],  # the list is an argument, whatever is said about what it holds
    "Annotated[int, 'NoKey']": Annotated[int, "NoKey"],
    "typing.Callable[[NoKey[int]], int]": typing.Callable[[NoKey[int]], int],
    "Literal['NoKey']": typing.Literal["NoKey"],
    "the number of NoKey": "the number of NoKey",
    "'nokey\\0'": "'nokey\\0'",
    "": "",
    "1 / 0": "1 / 0",
}


def annotated(annotation):
    def function(x, y=0):
        return x

    function.__annotations__["y"] = annotation
    return store.memoize(function)


@pytest.mark.parametrize("annotation", [*LEFT_OUT, *LEFT_OUT.values()], ids=[*LEFT_OUT, *map(str.lower, LEFT_OUT)])
def test_what_leaves_a_parameter_out(annotation):
    function = annotated(annotation)
    assert function.key(1, 2) == function.key(1, 3) == function.key(1) != function.key(2)


@pytest.mark.parametrize("annotation", [*IN_THE_KEY, *IN_THE_KEY.values()], ids=repr)
def test_what_does_not(annotation):
    function = annotated(annotation)
    assert len({function.key(1, 2), function.key(1, 3), function.key(1)}) == 3


@pytest.mark.parametrize(
    "annotation",
    ["KeyBy[Missing, len]", "Optional[KeyBy['Missing', len]]", "KeyBy[list, len] | Missing", "ByLength",
     "Annotated[KeyBy[Missing, lambda items: len(items)], Missing]"],
)  # fmt: skip
def test_a_function_in_an_annotation_that_is_text(annotation):
    function = annotated(annotation)
    assert function.key(1, [1, 2]) == function.key(1, [3, 4]) == function.key(1, (5, 6)) != function.key(1, [1])


def test_a_name_that_is_there_for_type_checkers_only():
    @store.memoize
    def load(x, log: NoKey[Logger], other: Logger | None = None):
        return x

    assert load.key(1, 2) == load.key(1, 3) != load.key(1, 3, 4)


def test_a_function_of_the_place_where_the_annotation_stands():
    def first(items):
        return items[0]

    @store.memoize
    def load(x: KeyBy[list, first]):
        return first(x)

    assert load.key([1, 2]) == load.key([1, 3]) != load.key([2, 2])


def test_a_function_that_can_not_be_found():
    @store.memoize
    def load(model: KeyBy[Model, not_there]):  # noqa: F821
        return 1

    with pytest.raises(InvalidArgument, match=r"parameter 'model' of .*load: KeyBy names the function not_there"):
        load(1)


def test_starred_parameters():
    @store.memoize
    def every(*words: KeyBy[str, str.lower], **sizes: KeyBy[list, len]):
        return 1

    @store.memoize
    def none(x, *words: NoKey[str], **options: NoKey[object]):
        return 1

    assert every.key("A", "b", k=[1], l=[]) == every.key("a", "B", l=(), k=[2]) != every.key("a", "b", k=[], l=[1])
    assert every.key("a") != every.key("a", "a")
    assert none.key(1) == none.key(1, "a", "b", x2=2) != none.key(2)


def test_with_ignore_beside_it():
    @store.memoize(ignore=["a", "y"])
    def load(x: NoKey[int], y, z: KeyBy[int, abs], **more):
        return 1

    assert load.key(1, 2, 3, a=1) == load.key(2, 3, -3) != load.key(1, 2, 3, b=1)


def test_a_left_out_name_leaves_nothing_out_of_other_keywords():
    @store.memoize
    def load(x: NoKey[int], /, **more):
        return more

    assert load(1, x=2) == {"x": 2}
    assert load(1, x=3) == {"x": 3}


def test_methods():
    class Service:
        calls = 0

        def __init__(self, name):
            self.name = name

        @store.memoize
        def ask(self, question: KeyBy[str, str.lower], timeout: NoKey[float] = 1):
            return self.name + question

        @store.memoize
        def shared(self: NoKey[Service], x):
            self.calls += 1
            return x

        @classmethod
        @store.memoize
        def make(cls, log: NoKey[object]):
            return cls.__name__

    one, other = Service("a"), Service("b")
    assert one.ask("X") == one.ask("x", 2) == "aX"
    assert other.ask("x") == "bx"
    assert one.shared(1) == other.shared(1) == 1
    assert (one.calls, other.calls) == (1, 0)
    assert Service.make(1) == Service.make(2) == "Service"
    assert Service.make.cache_info()[:2] == (1, 1)


def test_a_method_that_counts_its_calls_on_itself_and_leaves_an_argument_out():
    class Counter:
        def __init__(self):
            self.calls = 0

        @store.memoize
        def double(self, x, log: NoKey[object] = None):
            self.calls += 1
            return 2 * x

    counter = Counter()
    assert [counter.double(3), counter.double(3, "log"), counter.calls] == [6, 6, 1]


def test_callables_of_other_kinds():
    class Adder:
        def __call__(self, x, log: NoKey[object] = None):
            return x

        def add(self, x, log: NoKey[object] = None):
            return x

    for function in (Adder(), Adder().add, functools.partial(Adder(), 1), functools.partial(Adder().add, 1)):
        memo = store.memoize(name=f"adder{id(function)}")(function)
        rest = () if isinstance(function, functools.partial) else (1,)
        assert memo.key(*rest, log=1) == memo.key(*rest, log=2)


def test_the_default_is_keyed_by_the_function_too():
    @store.memoize
    def load(x: KeyBy[str, str.lower] = "A"):
        return 1

    assert load.key() == load.key("a") == load.key("A") != load.key("b")


def test_none_beside_the_type_stands_for_itself():
    @store.memoize
    def load(model: KeyBy[Model, version_of] | None = None):
        return model and model.version

    assert [load(), load(Model(1)), load(Model(2)), load(Model(None)), load(None)] == [None, 1, 2, None, None]
    assert load.cache_info()[:2] == (1, 4)
    assert load.key(Model(None)) == load.key(Model(None)) != load.key(None)


def test_none_within_the_type_is_the_functions():
    assert annotated(KeyBy[int | None, lambda x: x or 0]).key(1, None) == annotated("KeyBy[int, abs]").key(1, 0)


@pytest.mark.parametrize("error", [ValueError, TypeError, KeyError, memostore.UnkeyableArgument])
def test_what_the_function_raises_reaches_the_caller(error):
    def failing(model):
        raise error("no such version")

    ran = []

    def function(y):
        ran.append(1)

    function.__annotations__["y"] = KeyBy[Model, failing]
    load = store.memoize(function)
    for face in (load, load.key, load.is_cached, load.lookup, load.refresh, load.invalidate, load.entry):
        with pytest.raises(error, match="no such version") as caught:
            face(1)
        assert "raised by the function that KeyBy names for parameter 'y' of" in caught.value.__notes__[0]
    assert ran == []
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        load()


def test_what_the_function_returns_must_be_a_value():
    with pytest.raises(memostore.UnkeyableArgument, match="y: a generator can't be keyed"):
        annotated(KeyBy[object, lambda y: (n for n in y)])(1, [])


@pytest.mark.parametrize("given", ["KeyBy[int]", "KeyBy[int, 1]", "KeyBy[int, abs, abs]", "KeyBy[int, abs][int]"])
def test_what_can_not_be_meant(given):
    with pytest.raises((InvalidArgument, TypeError)):
        eval(given)
    if given != "KeyBy[int, abs][int]":
        with pytest.raises(InvalidArgument):
            annotated(given).key(1)


def test_two_functions_for_one_parameter():
    with pytest.raises(InvalidArgument, match=r"parameter 'y' of .* has more than one KeyBy"):
        annotated(KeyBy[int, abs] | KeyBy[str, len]).key(1)


def test_they_are_the_type_itself_to_others():
    def function(x: NoKey[int], y: KeyBy[str, len]):
        return x

    assert typing.get_type_hints(function) == {"x": int, "y": str}


def test_under_a_type_statement():
    if sys.version_info < (3, 12):
        pytest.skip("type statements are of Python 3.12")
    source = "type Log = NoKey[int]\ntype By[T] = KeyBy[T, len]\ntype Odd = Missing\n"
    namespace = {"NoKey": NoKey, "KeyBy": KeyBy, "store": store}
    exec(source + "def f(x: Odd, log: Log, y: By[list] = ()): return 1", namespace)
    memo = store.memoize(namespace["f"])
    assert memo.key(1, 2, [1]) == memo.key(1, 3, [2]) != memo.key(1, 2, [])


def test_without_future_annotations(tmp_path):
    script = """
        from memostore import KeyBy, NoKey, Store

        def main():
            def length(items): return len(items)

            @Store(":memory:").memoize
            def f(x, items: KeyBy[list, length], log: NoKey["Missing"] = None, **more: NoKey[int]): return x

            print(f.key(1, [2], 3, a=4) == f.key(1, [3], 4) != f.key(1, []))

        main()
    """
    (tmp_path / "script.py").write_text(textwrap.dedent(script))
    done = subprocess.run([sys.executable, tmp_path / "script.py"], capture_output=True, text=True, check=False)
    assert done.stdout == "True\n", done.stderr
