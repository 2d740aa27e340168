"""What can't be keyed is refused by name: which function, which argument, and the path to the culprit in it."""

import asyncio
import concurrent.futures
import contextvars
import functools
import hashlib
import io
import itertools
import logging
import mmap
import multiprocessing
import os
import queue
import random
import re
import selectors
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading
import types
import weakref
import zipfile
from dataclasses import dataclass

import numpy
import pandas
import pytest

from memostore import MemostoreError, Store, UnkeyableArgument

STORE = Store(":memory:")


@STORE.memoize
def train(config, *rest, seed=0, **more):
    return 1


@dataclass
class Job:
    name: str
    steps: object


class Slots:
    __slots__ = ("inner",)

    def __init__(self, inner):
        self.inner = inner


class Method:
    def __init__(self, inner):
        self.inner = inner

    def run(self):
        return self.inner


def generator():
    return (n for n in range(3))


def refusal(*args, **kwargs):
    with pytest.raises(UnkeyableArgument) as caught:
        train.key(*args, **kwargs)
    return str(caught.value)


PATHS = {
    "config": lambda g: g,
    "config[0]": lambda g: [g],
    "config[1][2]": lambda g: [0, (1, 2, g)],
    "config['callbacks'][0]": lambda g: {"callbacks": [g]},
    "config['a']['b']['c']": lambda g: {"x": 1, "a": {"b": {"c": g}}},
    "config[3]": lambda g: {1: 2, 3: g},
    "config[\"with 'quotes'\"]": lambda g: {"with 'quotes'": g},
    "config['{braces}']": lambda g: {"{braces}": g},
    "config.steps": lambda g: Job("a", g),
    "config.steps[0].steps['x']": lambda g: Job("a", [Job("b", {"x": g})]),
    "config.inner": Slots,
    "config.a": lambda g: types.SimpleNamespace(a=g),
    "config.args[1]": lambda g: functools.partial(max, 1, g),
    "config.keywords['key']": lambda g: functools.partial(max, key=g),
    "config.func": lambda g: functools.partial(Method(g).run),
    "config.__self__.inner": lambda g: Method(g).run,
}


@pytest.mark.parametrize(("path", "make"), PATHS.items(), ids=PATHS)
def test_the_path_leads_to_the_culprit(path, make):
    message = refusal(make(generator()))
    name = f"{train.__module__}.train"
    assert message.startswith(f"{name}: {path}")
    assert "a generator can't be keyed" in message


def test_the_example_of_the_issue():
    assert "train: config['callbacks'][0]: a generator " in refusal({"callbacks": [generator()]})


@pytest.mark.parametrize(
    ("args", "kwargs", "path"),
    [
        ((1,), {"seed": generator()}, "seed: a generator"),
        ((1, 2, generator()), {}, "rest[1]: a generator"),
        ((1,), {"depth": [generator()]}, "more['depth'][0]: a generator"),
        ((), {"config": generator()}, "config: a generator"),
    ],
    ids=["keyword", "one of *args", "one of **kwargs", "by name"],
)
def test_the_argument_is_named(args, kwargs, path):
    assert f"train: {path}" in refusal(*args, **kwargs)


KEPT = Method(1)


async def _nothing():
    """Do nothing."""


def _async_generator():
    async def numbers():
        yield 1

    return numbers()


def _in_a_loop(make):
    loop = asyncio.new_event_loop()
    made = make(loop)
    if isinstance(made, asyncio.Task):
        loop.run_until_complete(made)
    loop.close()
    return made


def _coroutine():
    async def nothing():
        """Do nothing."""

    coroutine = nothing()
    coroutine.close()
    return coroutine


KINDS = {
    "a generator": generator,
    "an open file": lambda: open(__file__),  # noqa: SIM115 # closed by the collector, at once
    "a lock": threading.Lock,
    "a RLock": threading.RLock,
    "a Thread": lambda: threading.Thread(target=print),
    "an Event": threading.Event,
    "a Condition": threading.Condition,
    "a Semaphore": threading.Semaphore,
    "a Barrier": lambda: threading.Barrier(2),
    "a Timer": lambda: threading.Timer(1, print),
    "a _local": threading.local,
    "a Queue": queue.Queue,
    "a SimpleQueue": queue.SimpleQueue,
    "a socket": socket.socket,
    "a Cursor": lambda: sqlite3.connect(":memory:").cursor(),
    "an EpollSelector": selectors.EpollSelector,
    "a mmap": lambda: mmap.mmap(-1, 10),
    "a ThreadPoolExecutor": lambda: concurrent.futures.ThreadPoolExecutor(1),
    "a Future": concurrent.futures.Future,
    "a Process": lambda: multiprocessing.Process(target=print),
    "a Popen": lambda: subprocess.Popen([sys.executable, "-c", ""]),
    "a ContextVar": lambda: contextvars.ContextVar("a"),
    "a Context": contextvars.copy_context,
    "a Token": lambda: contextvars.ContextVar("b").set(1),
    "a Task": lambda: _in_a_loop(lambda loop: loop.create_task(_nothing())),
    "a Future of asyncio": lambda: _in_a_loop(lambda loop: loop.create_future()),
    "an event loop": lambda: _in_a_loop(lambda loop: loop),
    "a lock of asyncio": asyncio.Lock,
    "a ReferenceType": lambda: weakref.ref(Slots),
    "a ProxyType": lambda: weakref.proxy(KEPT),
    "a WeakSet": weakref.WeakSet,
    "a WeakKeyDictionary": weakref.WeakKeyDictionary,
    "a WeakValueDictionary": weakref.WeakValueDictionary,
    "a finalize": lambda: weakref.finalize(KEPT, print),
    "a _TemporaryFileWrapper": tempfile.NamedTemporaryFile,
    "a TemporaryDirectory": tempfile.TemporaryDirectory,
    "a ZipFile": lambda: zipfile.ZipFile(io.BytesIO(), "w"),
    "a SSLContext": lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
    "a StreamHandler": logging.StreamHandler,
    "a Match": lambda: re.match("a", "a"),
    "a HASH": hashlib.sha256,
    "a SystemRandom": random.SystemRandom,
    "a DirEntry": lambda: next(os.scandir(os.path.dirname(__file__))),
    "a cell": lambda: types.CellType(1),
    "a Connection": lambda: sqlite3.connect(":memory:"),
    "a map": lambda: map(str, []),
    "a zip": lambda: zip([], strict=True),
    "a count": itertools.count,
    "a list_iterator": lambda: iter([1]),
    "a coroutine": _coroutine,
    "a frame": lambda: __import__("sys")._getframe(),
    "a dict_keyiterator": lambda: iter({}),
    "an enumerate": lambda: enumerate([]),
    "a reversed": lambda: reversed("ab"),
    "an async_generator": _async_generator,
}


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_what_is_not_a_value_is_refused(make, request):
    value = make()
    message = refusal([value])
    assert "train: config[0]" in message
    assert "can't be keyed" in message
    if not request.node.callspec.id.endswith(("of asyncio", "event loop")):
        assert f" {request.node.callspec.id} can't be keyed" in message
    tidy = {subprocess.Popen: "wait", tempfile.TemporaryDirectory: "cleanup"}.get(type(value), "close")
    if hasattr(value, tidy):
        getattr(value, tidy)()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (generator, "pass a list of what it gives"),
        (lambda: map(str, []), "pass a list of what it gives"),
        (lambda: open(__file__), "pass its path"),  # noqa: SIM115
    ],
    ids=["generator", "map", "file"],
)
def test_the_message_says_what_to_do_instead(make, words):
    message = refusal(make())
    assert words in message
    assert "ignore=" in message
    assert "key=" in message


@pytest.mark.parametrize(
    "make",
    [
        lambda g: {g: 1},
        lambda g: {(1, g): 1},
        lambda g: frozenset([g]),
        lambda g: {1, (g,)},
        lambda g: numpy.array([1, g], object),
        lambda g: pandas.DataFrame({"a": [1, g]}),
        lambda g: pandas.Series([g], dtype=object),
        lambda g: lambda: g,
        lambda g: [Exception(g)],
    ],
    ids=["key", "in a key", "in a set", "deep in a set", "array", "frame", "series", "cell", "exception"],
)
def test_in_places_without_a_name_it_is_still_refused(make):
    message = refusal({"deep": make(generator())})
    assert "train: config['deep']" in message
    assert "a generator can't be keyed" in message


def test_it_is_a_type_error_and_of_our_tree():
    with pytest.raises(TypeError) as caught:
        train(generator())
    assert isinstance(caught.value, MemostoreError)


def test_the_call_is_refused_before_anything_is_consumed_or_computed():
    ran, items = [], iter([1, 2, 3])
    memo = Store(":memory:").memoize(lambda items: ran.append(1))
    with pytest.raises(UnkeyableArgument):
        memo(items)
    assert ran == []
    assert list(items) == [1, 2, 3]


def test_the_faces_refuse_alike():
    for face in (train.key, train.is_cached, train.lookup, train.entry, train.refresh, train.invalidate):
        with pytest.raises(UnkeyableArgument, match="config: a generator"):
            face(generator())


def test_ignore_and_key_make_it_possible():
    store = Store(":memory:")
    ignoring = store.memoize(ignore=["items"])(lambda name, items: list(items))
    keyed = store.memoize(key=lambda name, items: name, name="keyed")(lambda name, items: list(items))
    for memo in (ignoring, keyed):
        assert memo("a", iter([1])) == [1]
        assert memo("a", iter([2])) == [1]
        assert memo("b", iter([2])) == [2]


def test_a_key_function_that_returns_what_can_not_be_keyed():
    memo = Store(":memory:").memoize(key=lambda x: [x])(lambda x: 1)
    with pytest.raises(UnkeyableArgument, match=r"key\(\.\.\.\)\[0\]: a generator"):
        memo(generator())


def test_a_name_that_can_not_be_keyed():
    store = Store(":memory:")
    for action in (lambda n: store.put(n, 1), store.get, store.delete, store.__contains__):
        with pytest.raises(UnkeyableArgument, match=r"name\[0\]: a generator"):
            action([generator()])


def test_a_receiver_that_can_not_be_keyed():
    class Service:
        def __init__(self):
            self.lock = threading.Lock()

        @STORE.memoize
        def ask(self, question):
            return question

    with pytest.raises(UnkeyableArgument, match=r"Service\.ask: self\.lock: a lock"):
        Service().ask("?")


def test_a_long_key_of_a_dictionary_makes_no_long_message():
    assert len(refusal({"x" * 10**6: generator()})) < 2000


def test_nothing_is_remembered_about_a_refused_call():
    store = Store(":memory:")
    memo = store.memoize(lambda x: 1)
    with pytest.raises(UnkeyableArgument):
        memo(generator())
    assert memo.cache_info() == (0, 0, None, 0)
    assert store.find() == []
