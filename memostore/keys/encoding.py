"""Any value to canonical bytes: equal values give equal bytes, in every process, whatever the object's history.

Each node of a value becomes a tag and a framed payload. A node whose bytes grow past INLINE is replaced by its digest,
so that shared substructure costs no more than once and nothing grows with depth. The walk keeps a stack of its own:
nesting is bounded by memory, not by Python's recursion limit.

How one type is encoded is a rule: a function that takes the value and returns bytes (a leaf), or a generator that
yields `(step, child)`, receives the child's bytes, and returns the node's. `step` says how the child is reached, for
messages: a format and its subject, `("[{!r}]", key)`.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Generator, Iterable
from operator import itemgetter
from typing import Any, TypeVar

from memostore.digest import digest, frame
from memostore.errors import UnkeyableArgument
from memostore.keys.ranking import colours_of

__all__ = [
    "SCALARS",
    "Attempt",
    "CodeOf",
    "Encoder",
    "Rule",
    "Step",
    "Unkeyable",
    "Walk",
    "asks_the_class",
    "encode_attempt",
    "encode_pairs",
    "encode_sequence",
    "encode_tagged",
    "encode_unordered",
    "scalar",
    "shown",
]

Step = tuple[str, Any]
Walk = Generator[tuple[Step, Any], bytes, bytes]
Rule = Callable[[Any], "bytes | Walk"]
AnyRule = TypeVar("AnyRule", bound=Rule)

# Exact types only: a subclass may mean something else. `marshal` version 2 writes these deterministically in C and
# tells 1, 1.0, True and -0.0 apart. bytes are not here, so that large ones are hashed in place.
SCALARS: frozenset[type] = frozenset({int, float, complex, str, bool, type(None), type(...)})

ASKING: set[Rule] = set()  # rules that run code of a value's class

SHOWN = 80  # characters of a dictionary's key in a message
INLINE = 64  # bytes; a digest with its tag takes 33


def scalar(value: Any) -> bytes:
    """Encode one exact scalar, or a tuple or list of exact scalars."""
    return marshal.dumps(value, 2)


def leaf(value: Any) -> bytes:
    """Encode one exact scalar as a node of its own."""
    return compact(b"m" + scalar(value))


def compact(encoded: bytes) -> bytes:
    """Replace a long encoding by its digest."""
    return encoded if len(encoded) <= INLINE else b"#" + digest(encoded)


def asks_the_class(rule: AnyRule) -> AnyRule:
    """Mark a rule that runs code of a value's class, or of the user's, which may answer otherwise the next time."""
    ASKING.add(rule)
    return rule


class Unkeyable(Exception):
    """Raised by rules: what the value is, without knowledge of where it stands."""


class Attempt:
    """A value that may turn out to be unkeyable: `instead` is asked for the bytes that then stand for it."""

    __slots__ = ("instead", "value")

    def __init__(self, value: Any, instead: Callable[[UnkeyableArgument], bytes]) -> None:
        self.value = value
        self.instead = instead


class CodeOf:
    """Stands for the code behind a value: a class, or a function's code with the globals that it reads.

    Its rule comes from `fingerprint`, which stands above this module.
    """

    __slots__ = ("owner",)

    def __init__(self, owner: Any) -> None:
        self.owner = owner


class Unordered:
    """What a rule yields before it walks items that have no order: they are put into one where it makes a difference.

    `of` returns what an item is sorted by.
    """

    __slots__ = ("is_ordered", "items", "of")

    def __init__(self, items: Iterable[Any], of: Callable[[Any], Any] = lambda item: item) -> None:
        self.items = list(items)
        self.of = of
        self.is_ordered = False


class Frame:
    """A node whose children are being encoded."""

    __slots__ = ("before", "identity", "reaches", "step", "value", "walk")

    def __init__(self, walk: Walk, value: Any, depth: int, before: int) -> None:
        self.walk = walk
        self.value = value  # kept alive: the memo goes by id
        self.identity = id(value)
        self.reaches = depth  # the outermost node on the stack that this one refers back to
        self.before = before  # how many open nodes there were when this one began
        self.step: Step = ("", None)


class Encoder:
    """One encoding. Holds the memo of nodes seen, so it is made anew for every call.

    `asked` says afterwards whether code of a class had a part in it.
    """

    def __init__(self, rule_for: Callable[[type], Rule]) -> None:
        self.rule_for = rule_for
        self.asked = False
        self.unordered = self.cyclic = False
        self.colours: dict[int, bytes] | None = None
        self.stack: list[Frame] = []
        self.depths: dict[int, int] = {}
        self.memo: dict[int, bytes] = {}
        self.codes: dict[
            int, bytes
        ] = {}  # of what has been asked for its code: to find that it is unchanged takes time
        # Finished nodes that refer to an unfinished one: their number, and the outermost depth they refer to.
        self.open: dict[int, tuple[int, int]] = {}
        self.kept: list[Any] = []

    def encode(self, value: Any) -> bytes:
        """Return the canonical bytes of a value; raise UnkeyableArgument with the path of what has none."""
        encoded = self._walk(value)
        if self.unordered and self.cyclic:  # both in one value are rare
            ranked = Encoder(self.rule_for)
            ranked.colours = colours_of(value, ranked.leaf_or_walk)
            encoded = ranked._walk(value)
        return encoded

    def _walk(self, value: Any) -> bytes:
        self._push(_only(value), object())
        outcome: bytes | None = None
        while self.stack:
            try:
                outcome = self._run(outcome)
            except Unkeyable as problem:
                outcome = self._give_up(str(problem), problem.__cause__)
            except Exception as error:  # noqa: BLE001 # a class's own code, run by a rule, may raise anything
                outcome = self._give_up(f"its state can't be read: {type(error).__name__}", error)
        assert outcome is not None  # noqa: S101 # the loop ends on a finished node
        return outcome

    def _run(self, outcome: bytes | None) -> bytes | None:
        """Go on until the walk's end, with the bytes of the child that was asked for last."""
        stack = self.stack
        while stack:
            try:
                stack[-1].step, child = stack[-1].walk.send(outcome)  # type: ignore[arg-type]
            except StopIteration as done:
                outcome = self._finish(stack.pop(), done.value)
            else:
                outcome = self._begin(child)
        return outcome

    def _give_up(self, problem: str, cause: BaseException | None) -> bytes:
        """Go back to the innermost Attempt, and return what it has to say instead; raise where there is none."""
        error = UnkeyableArgument(f"{self._path()}: {problem}")
        error.__cause__ = cause
        while self.stack:
            node = self.stack.pop()
            del self.depths[node.identity]
            while len(self.open) > node.before:
                self.open.popitem()
            if isinstance(node.value, Attempt):
                return compact(node.value.instead(error))
        raise error from cause

    def _begin(self, value: Any) -> bytes | None:
        """Return the bytes of a leaf or of a node met before; push any other node and return None."""
        kind = type(value)
        if kind in SCALARS:
            return leaf(value)
        if kind is Unordered:
            return self._order(value)
        if kind is CodeOf and id(value.owner) in self.codes:
            return self.codes[id(value.owner)]
        identity = id(value)
        if identity in self.memo:
            return self.memo[identity]
        if identity in self.depths:
            return self._refer_up(self.depths[identity])
        if identity in self.open:
            return self._refer_aside(*self.open[identity])
        rule = self.rule_for(kind)
        node = rule(value)
        if isinstance(node, bytes):
            if kind is CodeOf:
                self.kept.append(value.owner)
                self.codes[id(value.owner)] = node = compact(node)
            return compact(node)
        if rule in ASKING:
            self.asked = True
        self._push(node, value)
        return None

    def leaf_or_walk(self, value: Any) -> bytes | Walk:
        """Return the bytes or the walk of one value, without regard to what was met before."""
        kind = type(value)
        if kind is Unordered:
            return b""
        return leaf(value) if kind in SCALARS else self.rule_for(kind)(value)

    def _order(self, request: Unordered) -> bytes:
        """Put items into the order of their colours, where these are known."""
        colours = self.colours
        if colours is None:
            self.unordered = True
        else:
            request.items.sort(key=lambda item: colours.get(id(request.of(item)), b""))
            request.is_ordered = True
        return b""

    def _push(self, walk: Walk, value: Any) -> None:
        self.depths[id(value)] = len(self.stack)
        self.stack.append(Frame(walk, value, len(self.stack), len(self.open)))

    def _refer_up(self, depth: int) -> bytes:
        """Encode a reference to an unfinished node, counted upwards from here: a copy gives the same number."""
        self.cyclic = True
        self.stack[-1].reaches = min(self.stack[-1].reaches, depth)
        return b"^" + scalar(len(self.stack) - depth)

    def _refer_aside(self, number: int, reaches: int) -> bytes:
        """Encode a reference to a finished node of the same cycle, counted backwards."""
        self.stack[-1].reaches = min(self.stack[-1].reaches, reaches)
        return b"@" + scalar(len(self.open) - number)

    def _finish(self, node: Frame, encoded: bytes) -> bytes:
        """Return a node's bytes; remember them unless they depend on where in a cycle the walk came in."""
        result = compact(encoded)
        del self.depths[node.identity]
        self.kept.append(node.value)
        if node.reaches < len(self.stack):
            self.stack[-1].reaches = min(self.stack[-1].reaches, node.reaches)
            self.open[node.identity] = (len(self.open), node.reaches)
        else:
            self.memo[node.identity] = result
            while len(self.open) > node.before:
                self.open.popitem()
        return result

    def _path(self) -> str:
        return "".join(format_.format(subject) for format_, subject in (frame.step for frame in self.stack))


def _only(value: Any) -> Walk:
    return (yield ("{}", ""), value)


def encode_attempt(attempt: Attempt) -> Walk:
    """Encode the value as if there were no attempt around it."""
    return (yield ("{}", ""), attempt.value)


def encode_sequence(tag: bytes, items: Iterable[Any]) -> Walk:
    """Encode items in their order."""
    parts = []
    for index, item in enumerate(items):
        parts.append(frame(tag, (yield ("[{!r}]", index), item)))
    return tag + scalar(len(parts)) + b"".join(parts)


def encode_unordered(tag: bytes, items: Iterable[Any]) -> bytes | Walk:
    """Encode items whose order does not count."""
    items = list(items)
    if SCALARS.issuperset(map(type, items)):
        return _unordered(tag, sorted(map(leaf, items)))
    return _encode_in_some_order(tag, Unordered(items))


def _encode_in_some_order(tag: bytes, group: Unordered) -> Walk:
    yield ("{}", "{...}"), group
    parts = []
    for item in group.items:
        parts.append((yield ("{}", "{...}"), item))
    return _unordered(tag, parts if group.is_ordered else sorted(parts))


def _unordered(tag: bytes, parts: list[bytes]) -> bytes:
    return tag + scalar(len(parts)) + b"".join(frame(tag, part) for part in parts)


def encode_pairs(tag: bytes, pairs: Iterable[tuple[Any, Any]]) -> Walk:
    """Encode keys and values, in the order of the encoded keys."""
    group = Unordered(pairs, itemgetter(0))
    if not SCALARS.issuperset(type(key) for key, _ in group.items):
        yield ("{}", ""), group
    keyed = []
    for key, value in group.items:
        keyed.append(((yield (" key {!r}", shown(key)), key), key, value))
    parts = []
    for encoded, key, value in keyed if group.is_ordered else sorted(keyed, key=itemgetter(0)):
        parts.append(frame(b"k", encoded) + frame(b"v", (yield ("[{!r}]", shown(key)), value)))
    return tag + scalar(len(parts)) + b"".join(parts)


def encode_tagged(tag: bytes, name: str, *children: tuple[Step, Any]) -> Walk:
    """Encode a node of a named type with its children."""
    parts = [frame(b"n", name.encode())]
    for step, child in children:
        parts.append(frame(tag, (yield step, child)))
    return tag + b"".join(parts)


def shown(key: Any) -> Any:
    """Return a dict's key as messages may show it: a scalar as it is, of anything else only the type."""
    if type(key) is str and len(key) > SHOWN:
        return key[:SHOWN] + "..."
    return key if type(key) in SCALARS else type(key)
