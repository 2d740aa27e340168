"""`store.register_key(type, function)`: what stands in this store's keys for the instances of a type."""

import collections
import enum
import pickle
import subprocess
import sys
import threading
import types
from pathlib import Path

import pytest

import memostore
from memostore import InvalidArgument, Store, UnkeyableArgument


class Model:
    def __init__(self, version):
        self.version = version
        self.lock = threading.Lock()


class Forest(Model):
    pass


class Tree(Model):
    def __memo_key__(self):
        return ("tree", self.version)


class Oak(Tree):
    pass


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


def version_of(model):
    return model.version


def memoized(store, name="f"):
    return store.memoize(name=name)(lambda value, more=None: 1)


@pytest.fixture
def store():
    store = Store(":memory:")
    store.register_key(Model, version_of)
    return store


def test_instances_are_keyed_by_the_function(store):
    f = memoized(store)
    assert f.key(Model(1)) == f.key(Model(1)) != f.key(Model(2))
    f(Model(1)), f(Model(1)), f(Model(2))
    assert f.cache_info()[:2] == (1, 2)


def test_wherever_they_stand(store):
    f = memoized(store)

    def holding(number):
        space = types.SimpleNamespace(model=Model(number))
        return [{"a": (Model(number),)}, {Model(number): 1}, space, collections.deque([Model(number)])]

    assert f.key(holding(1)) == f.key(holding(1)) != f.key(holding(2))
    assert f.key(1, more=Model(1)) == f.key(1, more=Model(1)) != f.key(1, more=Model(2))


def test_a_receiver_too(store):
    class Service(Model):
        @store.memoize
        def ask(self, question):
            return question

    assert Service(1).ask.key("?") == Service(1).ask.key("?") != Service(2).ask.key("?")


def test_the_class_counts_beside_it(store):
    f = memoized(store)
    assert len({f.key(Model(1)), f.key(Forest(1)), f.key(1), f.key("1"), f.key(Model("1"))}) == 5


def test_subclasses_but_for_those_with_a_key_of_their_own(store):
    f = memoized(store)
    assert f.key(Forest(1)) == f.key(Forest(1)) != f.key(Forest(2))
    assert f.key(Tree(1)) == memoized(Store(":memory:")).key(Tree(1))
    store.register_key(Forest, lambda forest: forest.version % 2)
    assert f.key(Forest(1)) == f.key(Forest(3)) != f.key(Forest(2))
    assert f.key(Model(1)) != f.key(Model(3))


def test_it_goes_before_the_memo_key_of_the_class_itself(store):
    f = memoized(store)
    store.register_key(Tree, lambda tree: tree.version % 2)
    assert f.key(Tree(1)) == f.key(Tree(3)) != f.key(Tree(2))
    assert f.key(Oak(1)) == f.key(Oak(3))


def test_of_enums_and_of_subclasses_of_built_ins():
    class Words(list):
        pass

    store = Store(":memory:")
    store.register_key(Colour, lambda colour: 0)
    store.register_key(Words, len)
    f = memoized(store)
    assert f.key(Colour.RED) == f.key(Colour.BLUE)
    assert f.key(Words("ab")) == f.key(Words("cd")) != f.key(Words("a"))
    assert f.key([1]) != f.key([2])


def test_two_stores_may_differ(store):
    plain, other = Store(":memory:"), Store(":memory:")
    other.register_key(Model, lambda model: 0)
    assert memoized(other).key(Model(1)) == memoized(other).key(Model(2))
    assert memoized(store).key(Model(1)) != memoized(store).key(Model(2))
    with pytest.raises(UnkeyableArgument, match="lock"):
        memoized(plain).key(Model(1))


def test_after_the_first_call(store):
    f = memoized(store)
    before = f.key(Model(3))
    store.register_key(Model, lambda model: model.version % 2)
    assert f.key(Model(3)) == f.key(Model(1)) != before


def test_names_of_put_and_get(store):
    store.put(Model(1), "one")
    assert store.get(Model(1)) == "one"
    assert Model(2) not in store
    assert store.delete(Model(1))


def test_what_it_returns_is_keyed_by_the_same_rules(store):
    store.register_key(Forest, lambda forest: {"model": Model(forest.version), "by": [1.0]})
    f = memoized(store)
    assert f.key(Forest(1)) == f.key(Forest(1)) != f.key(Forest(2))


def test_what_it_returns_or_raises_can_make_the_argument_unkeyable(store):
    store.register_key(Model, lambda model: model.lock if model.version else 1 / 0)
    f = memoized(store)
    with pytest.raises(UnkeyableArgument, match=r"f: value\[0\] by its registered key: a lock"):
        f([Model(1)])
    with pytest.raises(UnkeyableArgument, match=r"f: value\[0\].*ZeroDivisionError") as caught:
        f([Model(0)])
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize("kind", [int, str, float, bool, type(None), list, dict, tuple, set, bytes, object, type])
def test_built_in_types_are_refused(kind):
    with pytest.raises(InvalidArgument, match=f"kind={kind.__qualname__}: .* always keyed by their content"):
        Store(None).register_key(kind, repr)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(("Model", len), "kind='Model' must be a class"), ((Model(1), len), "kind=.* must be a class"),
     ((list[int], len), "must be a class"), ((Model, "version"), "must be a function of an instance of Model")],
)  # fmt: skip
def test_what_can_not_be_used(arguments, words):
    with pytest.raises(InvalidArgument, match=words):
        Store(None).register_key(*arguments)


def test_a_copy_in_another_process_has_them_too(tmp_path):
    store = Store(tmp_path / "store.db")
    store.register_key(Model, version_of)
    again = pickle.loads(pickle.dumps(store))
    assert memoized(again).key(Model(1)) == memoized(store).key(Model(1))
    again.register_key(Model, lambda model: 0)
    assert memoized(again).key(Model(1)) != memoized(store).key(Model(1))


def test_the_same_key_in_another_process():
    script = """if 1:
        from memostore import Store
        class Model:
            def __init__(self, version): self.version, self.seen = version, object()
        store = Store(":memory:")
        store.register_key(Model, lambda model: {model.version, "a", "b"})
        print(store.memoize(name="f")(lambda value: 1).key([Model(1)]))
    """
    root = str(Path(memostore.__file__).parent.parent)
    keys = {
        subprocess.run(
            [sys.executable, "-c", script], env={"PYTHONHASHSEED": seed, "PYTHONPATH": root},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in "12"
    }  # fmt: skip
    assert len(keys) == 1


def test_threads_that_register_while_others_call():
    store = Store(":memory:")
    store.register_key(Model, version_of)
    f, wrong = memoized(store), []
    expected = f.key(Model(1))

    def call():
        for _ in range(300):
            if f.key(Model(1)) != expected:
                wrong.append(1)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(100):
        store.register_key(type(f"Other{number}", (), {}), id)
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_registration_holds_for_receivers_and_closures(store):
    class Model:
        def __init__(self, version):
            self.version, self.lock = version, iter(())

        def predict(self, x):
            return self.version * x

    store.register_key(Model, lambda model: model.version)
    assert store.memoize(Model(1).predict).key(3) == store.memoize(Model(1).predict).key(3)
    assert store.memoize(Model(1).predict).key(3) != store.memoize(Model(2).predict).key(3)

    def made(model):
        return store.memoize(lambda x: model.predict(x))

    assert made(Model(1)).key(3) != made(Model(2)).key(3)
