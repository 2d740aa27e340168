"""Which variables a function writes to without reading them: its records and counters.

`calls.append(x)`, `seen[key] = 1` and `n += 1` leave no trace in the result, unless the variable is read elsewhere in
the function. A method called for its effect counts as writing only where the variable turns out to hold a built-in
container (`held.RECORDS`): another object's method could change the arguments that it is given.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

__all__ = ["names_only_written"]


def names_only_written(root: ast.AST) -> frozenset[str]:
    """Return the names that are written to in a tree and never read.

    >>> sorted(names_only_written(ast.parse("calls.append(x); n += 1; m[x] = n2")))
    ['calls', 'm', 'n']
    """
    writing = {id(name) for name in _written_through(root)}
    names = [node for node in ast.walk(root) if isinstance(node, ast.Name)]
    read = {name.id for name in names if isinstance(name.ctx, ast.Load) and id(name) not in writing}
    return frozenset(name.id for name in names) - read


def _written_through(root: ast.AST) -> Iterator[ast.expr]:
    """Yield the loads that serve to write: the receiver of a call for effect, the container of an item stored."""
    for node in ast.walk(root):
        if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
            yield node.value
        called = node.value.func if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else None
        if isinstance(called, ast.Attribute):
            yield called.value
