"""An order for what has none: the members of a set that are in a cycle with one another.

The bytes of such a member depend on where the walk met the cycle first, so they can't be what the members are sorted
by. Each node gets a colour instead: at first by what it is without its children, then, round after round, by its
colour and those of its children, until no round tells more nodes apart. Colours follow from the value alone. They only
say who comes first: two nodes of one colour may differ all the same, and the walk itself then tells them apart.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from memostore.digest import digest, frame

__all__ = ["colours_of"]

ROUNDS = 100  # a longer cycle of nodes that look alike costs a needless miss, not a wrong hit

Begin = Callable[[Any], Any]


def colours_of(root: Any, begin: Begin) -> dict[int, bytes]:
    """Return the colour of everything that can be reached from a value, by `id`.

    `begin` returns a value's bytes, or the walk that asks for its children.
    """
    nodes: dict[int, _Node] = {}
    rest = [root]
    while rest:
        value = rest.pop()
        if id(value) not in nodes:
            node = nodes[id(value)] = _Node(value, begin)
            rest.extend(child for _, child in node.children)
    colours = {identity: node.shape for identity, node in nodes.items()}
    known = 0
    for _ in range(ROUNDS):
        told_apart = len(set(colours.values()))
        if told_apart == known:
            break
        known = told_apart
        colours = {identity: node.colour(colours) for identity, node in nodes.items()}
    return colours


class _Node:
    """A value with its children, and with its bytes as they are where all children are alike."""

    def __init__(self, value: Any, begin: Begin) -> None:
        self.value = value  # kept alive: colours go by id
        self.children: list[tuple[bytes, Any]] = []
        self.shape = digest(self._explore(begin))

    def _explore(self, begin: Begin) -> bytes:
        try:
            walk = begin(self.value)
            if isinstance(walk, bytes):
                return walk
            (step, subject), child = next(walk)
            while True:
                self.children.append((step.format(subject).encode(errors="backslashreplace"), child))
                (step, subject), child = walk.send(b"?")
        except StopIteration as done:
            return bytes(done.value)
        except Exception:  # noqa: BLE001 # what can't be keyed is told by the walk itself
            return b"unkeyable"

    def colour(self, colours: dict[int, bytes]) -> bytes:
        """Return this node's colour in the next round."""
        parts = sorted(frame(b"s", step) + colours[id(child)] for step, child in self.children)
        return digest(colours[id(self.value)] + b"".join(parts))
