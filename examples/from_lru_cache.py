"""From functools.lru_cache to memostore: which modules of the standard library are alike?

    python examples/from_lru_cache.py [store]

Run it twice. lru_cache forgets with the process and computes everything again; memostore has it in one SQLite file
("from_lru_cache.db" if you name none).
"""

import bz2
import difflib
import gzip
import inspect
import json.decoder
import json.encoder
import lzma
import re
import shlex
import sys
import time
from collections.abc import Callable
from functools import lru_cache
from itertools import combinations
from typing import Any

from memostore import Store

# Before -----------------------------------------------------------------------------------------------------------


@lru_cache
def likeness_before(left: str, right: str) -> float:
    """How much of two texts is the same, from 0 to 1."""
    return difflib.SequenceMatcher(None, words(left), words(right), autojunk=False).ratio()


@lru_cache
def kind_before(value: object) -> str:
    return type(value).__name__


@lru_cache
def divisors_before(number: int) -> list[int]:
    return [divisor for divisor in range(1, number + 1) if number % divisor == 0]


# After ------------------------------------------------------------------------------------------------------------

store = Store(sys.argv[1] if len(sys.argv) > 1 else "from_lru_cache.db")


@store.memoize
def likeness(left: str, right: str) -> float:
    """How much of two texts is the same, from 0 to 1."""
    return difflib.SequenceMatcher(None, words(left), words(right), autojunk=False).ratio()


@store.memoize
def kind(value: object) -> str:
    return type(value).__name__


@store.memoize
def divisors(number: int) -> list[int]:
    return [divisor for divisor in range(1, number + 1) if number % divisor == 0]


@store.memoize(ttl="500ms")
def load_now() -> float:
    """What the machine is doing: true for a moment."""
    return time.process_time()


# The same work with both ------------------------------------------------------------------------------------------


def words(text: str) -> list[str]:
    return re.findall(r"\w+|[^\w\s]", text)


def compare(function: Any, sources: dict[str, str]) -> tuple[float, str, str]:
    """The most alike pair. Prints how long it took, and how many pairs were computed."""
    before, start = function.cache_info().misses, time.perf_counter()
    best = max((function(sources[a], sources[b]), a, b) for a, b in combinations(sources, 2))
    seconds, computed = time.perf_counter() - start, function.cache_info().misses - before
    print(f"{computed:3} pairs computed in {seconds:.3f} s", end="")
    return best


def answer(function: Callable[[Any], Any], argument: Any) -> Any:
    try:
        return function(argument)
    except TypeError as error:
        return f"TypeError: {error}"


def spoiled(function: Callable[[int], list[int]]) -> list[int]:
    """The second answer, after the caller has changed the first."""
    function(6).append(-1)
    return function(6)


def hit_time(function: Callable[[int], Any], repeats: int = 2000) -> str:
    function(6)
    start = time.perf_counter()
    for _ in range(repeats):
        function(6)
    return f"{(time.perf_counter() - start) / repeats * 1e6:.2f} microseconds"


def expiry() -> str:
    first, at_once = load_now(), load_now()
    time.sleep(0.6)
    return f"the same at once: {at_once == first}, and after its time: {load_now() == first}"


def both(title: str, before: object, after: object) -> None:
    print(f"\n{title}\n  lru_cache  {before}\n  memostore  {after}")


def main() -> None:
    modules = (bz2, gzip, lzma, json.decoder, json.encoder, shlex)
    sources = {module.__name__: inspect.getsource(module) for module in modules}
    print(f"The {len(sources) * (len(sources) - 1) // 2} pairs of {len(sources)} modules, asked for twice")
    for name, function in (("lru_cache", likeness_before), ("memostore", likeness)):
        print(f"  {name} ", end="")
        compare(function, sources)
        print(", then", end="")
        best, left, right = compare(function, sources)
        print()
    print(f"  {left} and {right} are the most alike: {best:.0%}")

    values = (1, 1.0, True)
    both("What is 1, 1.0, True?", [kind_before(value) for value in values], [kind(value) for value in values])
    both("A list as the argument", answer(kind_before, [1, 2]), answer(kind, [1, 2]))
    both("The divisors of 6, after the caller has appended -1 to them", spoiled(divisors_before), spoiled(divisors))
    both("A time to live of half a second", "has none", expiry())
    both("The price of a hit", hit_time(divisors_before), hit_time(divisors))

    print("\nWhat memostore knows about it (lru_cache: cache_info() of this process)")
    for row in store.sql("select qualname, entries, hits, misses, round(saved_seconds, 2) as saved from functions"):
        print("  ", *(f"{name} {value}" for name, value in row.items()))


if __name__ == "__main__":
    main()
