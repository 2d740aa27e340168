"""The function that every peer remembers, and the calls made of it."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from types import FrameType
from typing import Any

Pair = tuple[int, int]


def multiply(a: int, b: int) -> int:
    return a * b


def pairs(number: int, seed: int = 7) -> list[Pair]:
    """Return that many different pairs of six-digit integers, in random order, the same ones for every peer."""
    draw = random.Random(seed)
    return [(a, draw.randrange(100_000, 1_000_000)) for a in draw.sample(range(100_000, 1_000_000), number)]


def fresh(number: int, start: int = 1_000_000) -> Iterator[list[Pair]]:
    """Yield lists of that many pairs; no pair ever comes twice."""
    for first in count(start, number):
        yield [(first + i, 7919) for i in range(number)]


def executions(call: Callable[[Any, Any], object], arguments: Sequence[tuple[Any, Any]]) -> int:
    """Return how often `multiply` itself runs while `call` is called with each of the arguments.

    A profile hook counts, so that the function stays free of counters, which would cost time and enter fingerprints.
    """
    seen = 0

    def hook(frame: FrameType, event: str, _: object) -> None:
        nonlocal seen
        seen += event == "call" and frame.f_code is multiply.__code__

    sys.setprofile(hook)
    try:
        for a, b in arguments:
            call(a, b)
    finally:
        sys.setprofile(None)
    return seen
