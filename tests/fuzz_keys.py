"""Throw random values at the encoder: a key or an UnkeyableArgument may come out, and nothing else.

    python tests/fuzz_keys.py --inputs 10000000 --seed 1

Values are built out of parts that are ordinary, odd or hostile: objects that lie about what they are, that answer
pickle with anything, that raise wherever they can, that hold themselves. Prints how many were keyed and refused.
"""

from __future__ import annotations

import argparse
import array
import collections
import datetime
import decimal
import enum
import fractions
import functools
import io
import itertools
import math
import operator
import pathlib
import random
import re
import sys
import threading
import time
import types
import typing
import uuid
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from memostore import UnkeyableArgument
from memostore.keys.preview import preview_json
from memostore.keys.rules import encode

AGAIN_EVERY = 50  # one input in so many is encoded twice: the outcome must be the same


class Colour(enum.Enum):
    RED = 1
    ODD = ("a", 2.5)


class Bits(enum.Flag):
    A = 1
    B = 2


@dataclass
class Point:
    x: Any
    y: Any = None


@dataclass(frozen=True, slots=True)
class Slotted:
    x: Any


class Slots:
    __slots__ = ("__weakref__", "a", "b")

    def __init__(self, a: Any) -> None:
        self.a = a


class Reduced:
    """Answers pickle with anything."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def __reduce_ex__(self, protocol: Any) -> Any:
        if isinstance(self.answer, type) and issubclass(self.answer, BaseException):
            raise self.answer
        return self.answer


class State:
    """Pickles as any state."""

    def __init__(self, state: Any) -> None:
        self.state = state

    def __getstate__(self) -> Any:
        return self.state


class Keyed:
    """Is keyed by anything."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def __memo_key__(self) -> Any:
        return self.answer


class Liar:
    """Is whatever it is asked for, and raises whatever it likes."""

    def __init__(self, value: Any) -> None:
        self.__dict__["value"] = value

    __class__ = property(lambda self: self.value)  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        return self.value

    def __eq__(self, other: object) -> bool:
        raise ArithmeticError

    def __hash__(self) -> int:
        return 1

    def __len__(self) -> int:
        return -1

    def __iter__(self) -> Any:
        return self.value

    def __repr__(self) -> str:
        raise LookupError

    __str__ = __format__ = __repr__  # type: ignore[assignment]


class Raising:
    """Raises whenever an attribute is looked up, but for what the interpreter finds on the type."""

    def __getattribute__(self, name: str) -> Any:
        raise KeyError(name)


class OddMeta(type):
    """A metaclass whose classes have no names that are texts."""

    @property
    def __module__(cls) -> Any:  # type: ignore[override]
        return 5

    def __eq__(cls, other: object) -> bool:
        return NotImplemented

    def __hash__(cls) -> int:
        raise TypeError


class OddlyMade(metaclass=OddMeta):
    pass


class LyingText(str):
    def __str__(self) -> str:
        raise ValueError

    __hash__ = str.__hash__

    def encode(self, *_: Any) -> Any:
        return 5


class LyingInt(int):
    def __index__(self) -> Any:
        return "5"

    __int__ = __index__


class LyingDict(dict):
    def items(self) -> Any:
        return 5

    __iter__ = keys = __len__ = items  # type: ignore[assignment]

    def __missing__(self, key: Any) -> Any:
        return key


class Words(list):
    __slots__ = ("unit",)


class Couple(typing.NamedTuple):
    x: Any
    y: Any


class OddTuple(tuple):
    n_fields = _fields = 5
    __reduce_ex__ = 5


class Error(Exception):
    pass


def closure(value: Any) -> Callable[[], Any]:
    return lambda: value


def generator(value: Any) -> Any:
    yield from value


KEPT = Slots(1)
# Iterators give nothing: a class may have one read when it is asked for its state, and it is not full again.
LEAVES: list[Callable[[random.Random], Any]] = [
    lambda r: None, lambda r: True, lambda r: ..., lambda r: NotImplemented,
    lambda r: r.randrange(-3, 3), lambda r: r.getrandbits(200), lambda r: r.random(),
    lambda r: r.choice([0.0, -0.0, math.nan, math.inf, 1e308]), lambda r: complex(r.random(), -0.0),
    lambda r: r.choice(["", "a", "ab", "\0", "\ud800", "{}", "{0}", "é" * 50, "x" * 200]),
    lambda r: r.randbytes(r.randrange(5)), lambda r: bytearray(r.randbytes(3)), lambda r: memoryview(b"abc")[::-1],
    lambda r: range(r.randrange(3), 9), lambda r: slice(None, r.random()), lambda r: Colour.ODD, lambda r: Bits(3),
    lambda r: decimal.Decimal(r.choice(["1.10", "nan", "-inf", "snan"])), lambda r: fractions.Fraction(1, 3),
    lambda r: datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc, fold=r.randrange(2)),  # noqa: UP017
    lambda r: datetime.timedelta(r.randrange(9)), lambda r: uuid.UUID(int=r.getrandbits(128)),
    lambda r: pathlib.PurePosixPath("a"), lambda r: re.compile(b"a+"), lambda r: array.array("d", [1.5]),
    lambda r: random.Random(1), lambda r: io.BytesIO(b""), lambda r: io.StringIO(""), lambda r: iter([]),
    lambda r: itertools.repeat(1, 0), lambda r: generator(()), lambda r: threading.Lock(), lambda r: weakref.ref(KEPT),
    lambda r: object(), lambda r: len, lambda r: r.choice([int, Colour, OddlyMade, typing.Any, list[int], int | str]),
    lambda r: OddlyMade(), lambda r: Raising(), lambda r: math, lambda r: operator.itemgetter(1, "a"),
    lambda r: LyingText("a"), lambda r: LyingInt(5), lambda r: sys.flags, lambda r: time.gmtime(0),
    lambda r: collections.defaultdict, lambda r: type.__dict__["__name__"], lambda r: str.join, lambda r: "a".join,
    lambda r: typing.TypeVar("T"), lambda r: sys._getframe(), lambda r: print, lambda r: {}.keys(), lambda r: Error,
]  # fmt: skip
WRAPS: list[Callable[[random.Random, Any], Any]] = [
    lambda r, v: Point(v, r.random()), lambda r, v: Slotted(v), lambda r, v: Slots(v), lambda r, v: Reduced(v),
    lambda r, v: Reduced((list, v)), lambda r, v: Reduced((Point, (v,), v, v)), lambda r, v: Reduced((closure(v), ())),
    lambda r, v: Reduced((object.__new__, (Point,), {}, v, v, closure(v))), lambda r, v: State(v),
    lambda r, v: State((None, v)), lambda r, v: State((v, {"a": v})), lambda r, v: State({v: 1} if _hashes(v) else v),
    lambda r, v: Keyed(v), lambda r, v: Liar(v), lambda r, v: closure(v), lambda r, v: functools.partial(max, v, key=v),
    lambda r, v: types.SimpleNamespace(a=v), lambda r, v: Error(v), lambda r, v: Couple(v, v),
    lambda r, v: OddTuple((v,)),
    lambda r, v: LyingDict(a=v), lambda r, v: Words([v]), lambda r, v: collections.deque([v], 3),
    lambda r, v: collections.OrderedDict(a=v), lambda r, v: types.MappingProxyType({"a": v}),
    lambda r, v: collections.defaultdict(list, a=v), lambda r, v: collections.ChainMap({"a": v}),
    lambda r, v: collections.UserList([v]), lambda r, v: types.MethodType(print, v), lambda r, v: property(v, v),
    lambda r, v: staticmethod(v), lambda r, v: functools.partialmethod(print, v), lambda r, v: slice(v, v),
    lambda r, v: {1: v}.values(), lambda r, v: {1: v, "a": v}.items(), lambda r, v: _caused(v), lambda r, v: _noted(v),
    lambda r, v: _inside(v), lambda r, v: _function_with(v), lambda r, v: types.CellType(v),
    lambda r, v: type("Made", (), {"a": v})(), lambda r, v: Reduced(type("E", (Exception,), {"a": v})),
    lambda r, v: typing.Annotated[int, v], lambda r, v: map(v, []), lambda r, v: lambda x=v: x,
]  # fmt: skip


def _hashes(value: Any) -> bool:
    try:
        hash(value)
    except Exception:
        return False
    return True


def _caused(value: Any) -> Any:
    error = Error(1)
    error.__cause__ = Error(value)
    error.__cause__.__cause__ = error
    return error


def _noted(value: Any) -> Any:
    error = Error(1)
    error.__notes__ = value
    return error


def _inside(value: Any) -> Any:
    loop: list[Any] = [value]
    loop.append({"a": loop, 1: (loop,)})
    return loop


def _function_with(value: Any) -> Any:
    def function() -> None:
        """Do nothing."""

    function.attribute = value  # type: ignore[attr-defined]
    return function


def wrapped(chance: random.Random, value: Any) -> Any:
    """Return something that holds a value, or the value itself where that can't be made."""
    try:
        return chance.choice(WRAPS)(chance, value)
    except Exception:
        return value


def made(chance: random.Random, depth: int) -> Any:
    """Return a random value."""
    kind = chance.random()
    if depth <= 0 or kind < 0.4:
        return chance.choice(LEAVES)(chance)
    if kind < 0.7:
        return wrapped(chance, made(chance, depth - 1))
    items = [made(chance, depth - 1) for _ in range(chance.randrange(4))]
    if kind < 0.8:
        return chance.choice([list, tuple, collections.deque])(items)
    members = [item for item in items if type(item) is not OddlyMade and _hashes(item)]
    try:
        if kind < 0.9:
            return chance.choice([set, frozenset, dict.fromkeys])(members)
        return dict(zip(members, items, strict=False)) if kind < 0.95 else dict(zip("abc", items, strict=False))
    except Exception:  # two liars of one hash
        return items


def outcome(value: Any) -> Any:
    """Return a value's bytes, or None where it is refused."""
    try:
        return encode(value)
    except UnkeyableArgument as error:
        str(error)
        return None


def run(inputs: int, seed: int) -> collections.Counter[str]:
    """Encode so many random values; return how many were keyed and how many refused."""
    chance = random.Random(seed)
    counts: collections.Counter[str] = collections.Counter()
    for number in range(inputs):
        state = chance.getstate() if number % AGAIN_EVERY == 0 else None
        value = made(chance, chance.randrange(4))
        result = outcome(value)
        counts["refused" if result is None else "keyed"] += 1
        if state is not None:
            assert outcome(value) == result, f"another outcome the second time: {seed=} {number=}"
            assert preview_json(["value"], [value])
    return counts


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    started = time.perf_counter()
    done: collections.Counter[str] = collections.Counter()
    for seed in itertools.count(given.seed):
        done += run(min(10_000, given.inputs - done.total()), seed)
        if done.total() >= given.inputs:
            break
    print(f"{done.total()} inputs from seed {given.seed} in {time.perf_counter() - started:.0f} s: {dict(done)}")


if __name__ == "__main__":
    main()
