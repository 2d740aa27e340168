"""The public API as type checkers see it: right uses with the types that they have, and wrong ones, to be errors.

tests/test_typing.py has mypy and pyright read this file; nothing runs it. Each `type: ignore` stands at a line that is
wrong: were it accepted one day, the checker would say that the comment is of no use.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, assert_type

import memostore
from memostore import Entry, Env, Explanation, File, Finding, FunctionStats, KeyBy, NoKey, Stats, Store
from memostore.bound import BoundMemo
from memostore.events import Evicted, Hit
from memostore.memo import Memo
from memostore.tally import CacheInfo
from memostore.testing import Clock, fresh_default, memory_store

store = Store("results.db", max_size="1GB", max_entries=1000, eviction="lfu", timeout=0.5)


# Functions


def first(x: int, y: str = "") -> int:
    return x + len(y)


@store.memoize
def bare(x: int, y: str = "") -> list[float]:
    return [x, len(y)]


@store.memoize(
    ttl=timedelta(days=1), ignore=["y"], typed=False, code="body", version=2, name="m.f", tags=("a",), max_size="1MB",
    max_entries=10, cache_if=lambda found: bool(found), depends_on=[File("a.csv"), Env("LANG")], ignore_code=[bare],
    formerly=["old"], new_defaults=True, key=first,
)  # fmt: skip
def called(x: int, y: str = "") -> list[float]:
    return [x, len(y)]


@memostore.memoize
def by_default(x: int) -> str:
    return str(x)


@memostore.memoize(ttl="7d")
def by_default_called(x: int) -> str:
    return str(x)


@store.memoize()
def called_without_options(x: int) -> str:
    return str(x)


@store.cache
def by_joblibs_word(x: int) -> str:
    return str(x)


def functions() -> None:
    assert_type(bare(1), list[float])
    assert_type(bare(x=1, y="a"), list[float])
    assert_type(called(1, "a"), list[float])
    assert_type(by_default(1), str)
    assert_type(by_default_called(1), str)
    assert_type(called_without_options(1), str)
    assert_type(by_joblibs_word(1), str)
    assert_type(store.memoize(len)([1]), int)
    as_before: Callable[[int], str] = by_default
    as_before(1)
    bare("a")  # type: ignore[arg-type]
    bare()  # type: ignore[call-arg]
    bare(1, z=2)  # type: ignore[call-arg]
    called("a")  # type: ignore[arg-type]
    by_default("a")  # type: ignore[arg-type]
    by_default_called()  # type: ignore[call-arg]
    text: str = bare(1)  # type: ignore[assignment]
    text.upper()


# What is beside a function


def faces() -> None:
    assert_type(bare.key(1), str)
    assert_type(bare.is_cached(1, y="a"), bool)
    assert_type(bare.check_call_in_cache(1), bool)
    assert_type(bare.lookup(1), list[float] | None)
    assert_type(bare.lookup(1, default=0), list[float] | int)
    assert_type(bare.entry(1), Entry | None)
    assert_type(bare.explain(1), Explanation)
    assert_type(bare.refresh(1), list[float])
    assert_type(bare.invalidate(1), int)
    assert_type(bare.cache_info(), CacheInfo)
    assert_type(bare.cache_info().hits, int)
    assert_type(bare.cache_info().maxsize, int | None)
    assert_type(bare.cache_info().saved_seconds, float)
    assert_type(bare.cache_parameters(), dict[str, Any])
    assert_type(bare.memo_name, tuple[str, str])
    assert_type(bare.memo_names, list[tuple[str, str]])
    assert_type(bare.__wrapped__(1), list[float])
    assert_type(bare.__name__, str)
    bare.cache_clear()
    bare.key("a")  # type: ignore[arg-type]
    bare.is_cached("a")  # type: ignore[arg-type]
    bare.check_call_in_cache()  # type: ignore[call-arg]
    bare.lookup("a")  # type: ignore[call-overload]
    bare.entry(1, 2)  # type: ignore[arg-type]
    bare.explain(z=1)  # type: ignore[call-arg]
    bare.refresh()  # type: ignore[call-arg]
    bare.invalidate("a")  # type: ignore[arg-type]
    bare.no_such_face()  # type: ignore[attr-defined]


# Options


def options() -> None:
    store.memoize(tll="1h")  # type: ignore[call-overload]
    store.memoize(ttl=[1])  # type: ignore[call-overload]
    store.memoize(ignore=1)  # type: ignore[call-overload]
    store.memoize(key="x")  # type: ignore[call-overload]
    store.memoize(typed="no")  # type: ignore[call-overload]
    store.memoize(code="shallow")  # type: ignore[call-overload]
    store.memoize(version=1.5)  # type: ignore[call-overload]
    store.memoize(max_entries="1")  # type: ignore[call-overload]
    store.memoize(max_size=1.5)  # type: ignore[call-overload]
    store.memoize(60)  # type: ignore[call-overload]
    memostore.memoize(tll="1h")  # type: ignore[call-overload]
    memostore.memoize(tags=5)  # type: ignore[call-overload]
    Store("results.db", max_sise="1GB")  # type: ignore[call-arg]
    Store("results.db", max_entries="many")  # type: ignore[arg-type]
    Store()  # type: ignore[call-arg]


# Methods


class Model:
    @store.memoize
    def method(self, x: int) -> str:
        return str(x)

    @store.memoize(ttl=60)
    def method_with_options(self, x: int) -> str:
        return str(x)

    @store.memoize
    @classmethod
    def above_classmethod(cls, x: int) -> str:
        return str(x)

    @classmethod
    @store.memoize(ttl=60)
    def below_classmethod(cls, x: int) -> str:
        return str(x)

    @store.memoize
    @staticmethod
    def above_staticmethod(x: int) -> str:
        return str(x)

    @staticmethod
    @store.memoize(ttl=60)
    def below_staticmethod(x: int) -> str:
        return str(x)

    @property
    @store.memoize
    def below_property(self) -> int:
        return 1

    def inside(self) -> None:
        assert_type(self.method(1), str)
        assert_type(self.above_classmethod(1), str)


class Finer(Model):
    pass


def methods(model: Model, finer: Finer, kind: type[Model]) -> None:
    assert_type(model.method, BoundMemo[[int], str])  # type: ignore[assert-type] # by the name of the parameter too
    assert_type(model.method(1), str)
    assert_type(model.method(x=1), str)
    assert_type(model.method_with_options(1), str)
    assert_type(finer.method(1), str)
    assert_type(model.above_classmethod(1), str)
    assert_type(model.below_classmethod(1), str)
    assert_type(model.below_property, int)
    # through the class
    assert_type(Model.method(model, 1), str)
    assert_type(Model.method.cache_info().hits, int)
    assert_type(Model.above_classmethod(1), str)
    assert_type(Model.below_classmethod(1), str)
    assert_type(Finer.above_classmethod(1), str)
    assert_type(kind.above_classmethod(1), str)
    assert_type(Model.above_classmethod.key(1), str)
    assert_type(Model.above_staticmethod(1), str)
    assert_type(Model.below_staticmethod(1), str)
    assert_type(Model.above_staticmethod.is_cached(1), bool)
    model.method("a")  # type: ignore[arg-type]
    model.method()  # type: ignore[call-arg]
    model.method(model, 1)  # type: ignore[call-arg, arg-type]
    model.method_with_options("a")  # type: ignore[arg-type]
    model.above_classmethod("a")  # type: ignore[arg-type]
    model.below_classmethod()  # type: ignore[call-arg]


def faces_of_methods(model: Model) -> None:
    assert_type(model.method.key(1), str)
    assert_type(model.method.is_cached(x=1), bool)
    assert_type(model.method.check_call_in_cache(1), bool)
    assert_type(model.method.lookup(1), str | None)
    assert_type(model.method.lookup(1, default=0), str | int)
    assert_type(model.method.entry(1), Entry | None)
    assert_type(model.method.explain(1), Explanation)
    assert_type(model.method.refresh(1), str)
    assert_type(model.method.invalidate(1), int)
    assert_type(model.method.cache_info().hits, int)
    assert_type(model.method.cache_parameters(), dict[str, Any])
    assert_type(model.method.memo_name, tuple[str, str])
    assert_type(model.method.memo_names, list[tuple[str, str]])
    assert_type(model.method.__name__, str)
    assert_type(model.above_classmethod.key(1), str)
    model.method.cache_clear()
    model.method.key("a")  # type: ignore[arg-type]
    model.method.key(model, 1)  # type: ignore[call-arg, arg-type]
    model.method.is_cached()  # type: ignore[call-arg]
    model.method.lookup("a")  # type: ignore[call-overload]
    model.method.entry(1, 2)  # type: ignore[call-arg]
    model.method.explain(y=1)  # type: ignore[call-arg]
    model.method.refresh("a")  # type: ignore[arg-type]
    model.method.invalidate()  # type: ignore[call-arg]
    model.method.no_such_face()  # type: ignore[attr-defined]


# Coroutines and generators


@store.memoize
async def fetched(url: str) -> bytes:
    return url.encode()


@memostore.memoize(ttl="1h")
async def fetched_by_default(url: str) -> bytes:
    return url.encode()


@store.memoize
def counted(most: int) -> Iterator[int]:
    yield from range(most)


@store.memoize(ttl="1h")
async def streamed(most: int) -> AsyncIterator[int]:
    for n in range(most):
        yield n


class Client:
    @store.memoize
    async def fetched(self, url: str) -> bytes:
        return url.encode()

    @store.memoize
    def described(self, url: str) -> dict[str, Any]:
        return {"url": url}

    @store.memoize
    def counted(self, most: int) -> Iterator[int]:
        yield from range(most)


async def coroutines(client: Client) -> None:
    assert_type(await fetched("a"), bytes)
    assert_type(await fetched_by_default("a"), bytes)
    assert_type(await fetched.refresh("a"), bytes)
    assert_type(await client.fetched("a"), bytes)
    assert_type(await client.fetched.refresh("a"), bytes)
    assert_type(client.described("a"), dict[str, Any])
    assert_type(client.described.key("a"), str)
    assert_type(Client.described(client, "a"), dict[str, Any])
    assert_type(fetched.key("a"), str)
    await fetched(1)  # type: ignore[arg-type]
    await client.fetched(1)  # type: ignore[arg-type]
    fetched.is_cached(1)  # type: ignore[arg-type]
    fetched("a").decode()  # type: ignore[attr-defined]


async def generators(client: Client) -> None:
    for n in counted(3):
        assert_type(n, int)
    for n in client.counted(3):
        assert_type(n, int)
    async for m in streamed(3):
        assert_type(m, int)
    assert_type(counted(3), Iterator[int])
    assert_type(streamed(3), AsyncIterator[int])
    counted("a")  # type: ignore[arg-type]
    streamed("a")  # type: ignore[arg-type]


# What a parameter's annotation says


@store.memoize
def annotated(path: File, model: KeyBy[Model, id], verbose: NoKey[bool] = False) -> int:
    assert_type(verbose, bool)
    assert_type(model, Model)
    with open(path) as file:
        return len(file.read())


def calls_of_annotated(model: Model) -> None:
    assert_type(annotated(File("a.csv"), model), int)
    assert_type(annotated(File(Path("a.csv")), model, verbose=True), int)
    annotated(File("a.csv"), "model")  # type: ignore[arg-type]
    annotated(File("a.csv"), model, verbose="yes")  # type: ignore[arg-type]
    File(1)  # type: ignore[arg-type]
    Env(1)  # type: ignore[arg-type]
    assert_type(Env("LANG").name, str)


# The store


def asked() -> None:
    with Store(":memory:") as opened:
        assert_type(opened, Store)
        assert_type(opened.find(), list[Entry])
        assert_type(opened.find(function=bare, tag="a", older_than="7d", limit=3), list[Entry])
        assert_type(opened.find(where=opened.entries.c.hit_count == 0, args={"x": 1}), list[Entry])
        assert_type(opened.find()[0].created, datetime)
        assert_type(opened.find()[0].arguments, dict[str, Any] | None)
        assert_type(opened.invalidate(function="m.*", unused_for=timedelta(days=7), dry_run=True), int)
        assert_type(opened.sql("SELECT 1 AS one"), list[dict[str, Any]])
        assert_type(opened.sql("SELECT :x AS x", {"x": 1}), list[dict[str, Any]])
        assert_type(opened.sql("SELECT ? AS x", [1]), list[dict[str, Any]])
        assert_type(opened.stats(), Stats)
        assert_type(opened.stats().hits, int)
        assert_type(opened.functions(), list[FunctionStats])
        assert_type(opened.doctor(), list[Finding])
        assert_type(opened.explain(bare, args={"x": 1}), Explanation)
        assert_type(opened.evict(to="1GB", entries=10), int)
        assert_type(opened.expire(), int)
        assert_type(opened.clear(), int)
        assert_type(opened.vacuum(), int)
        assert_type(opened.path, Path | None)
        opened.find(functoin=bare)  # type: ignore[call-arg]
        opened.find(tag=1)  # type: ignore[arg-type]
        opened.find(limit="3")  # type: ignore[arg-type]
        opened.invalidate(older_then="7d")  # type: ignore[call-arg]
        opened.sql(1)  # type: ignore[arg-type]


def kept() -> None:
    store.put(("weights", 3), [0.1], ttl="1h", tags=["a"])
    store.put("name", 1, ttl=[1])  # type: ignore[arg-type]
    assert_type("name" in store, bool)
    assert_type(store.delete("name"), bool)
    assert_type(memostore.default_store(), Store)
    with store.disabled(), store.refreshing():
        pass


def note_hit(hit: Hit) -> None:
    assert_type(hit.saved, float)


def note_eviction(evicted: Evicted) -> None:
    assert_type(evicted.policy, str)


def hooks() -> None:
    store.on(Hit, note_hit)
    store.on("Evicted", note_eviction)
    store.on(Evicted, note_hit)  # type: ignore[arg-type]
    store.on(int, print)  # type: ignore[type-var]


def registered() -> None:
    store.register_key(Path, str)
    store.register_key("Path", str)  # type: ignore[arg-type]


# Tests of one's own code


def tests() -> None:
    clock = Clock()
    clock.advance("1h")
    assert_type(clock.now, datetime)
    with memory_store(clock) as opened:
        assert_type(opened, Store)
    with fresh_default() as default:
        assert_type(default, Store)
    memory_store(clock="noon")  # type: ignore[arg-type]


# A memoized function where one is asked for


def takes_memo(memo: Memo[[int], str]) -> str:
    return memo(1)


def handed_on() -> None:
    takes_memo(by_default)
    takes_memo(bare)  # type: ignore[arg-type]


# Options of every shape of call


def hours(found: str) -> str:
    return "1h" if found else "2h"


def tags_of(x: int) -> tuple[str, ...]:
    return (str(x),)


@store.memoize(
    ttl=hours, stale_for="1h", refresh_ahead=timedelta(minutes=1), cache_errors=(KeyError, OSError),
    error_ttl=60, single_flight="30s", track="files", tags=tags_of,
)  # fmt: skip
def every_option(x: int) -> str:
    return str(x)


store.memoize(track="folders")  # type: ignore[call-overload]
store.memoize(cache_errors="KeyError")  # type: ignore[call-overload]


# Batches


@store.memoize_batch(over="texts", batch_size=64, ttl="7d", max_entries=1000)
def embed(texts: list[str], model: str = "small") -> list[list[float]]:
    return [[float(len(text))] for text in texts]


@memostore.memoize_batch(over="texts")
async def embed_async(texts: list[str]) -> list[int]:
    return [len(text) for text in texts]


async def batches() -> None:
    assert_type(embed(["a"]), list[list[float]])
    assert_type(await embed_async(["a"]), list[int])
    assert_type(embed.keys(["a"], model="large"), list[str])
    assert_type(embed.is_cached(["a"]), bool)
    assert_type(embed.cache_info(), CacheInfo)
    embed([1])  # type: ignore[list-item]
    embed(["a"], size="large")  # type: ignore[call-arg]


# Many calls


def many() -> None:
    assert_type(by_default.map([1, 2, 3], executor="threads", progress=True), list[str])
    for stored in by_default.results():
        assert_type(stored, memostore.StoredCall)
        assert_type(stored.arguments, dict[str, Any])
    by_default.map(1)  # type: ignore[arg-type]
