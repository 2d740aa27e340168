"""Which variables a function writes to without reading them: its records and counters.

`calls.append(x)`, `seen[key] = 1` and `n += 1` leave no trace in the result, unless the variable is read elsewhere in
the function. A method called for its effect counts as writing only where the variable turns out to hold a built-in
container (`RECORDS`): another object's method could change the arguments that it is given.
"""

from __future__ import annotations

import ast
import collections
from collections.abc import Iterator

from memostore.fingerprint.scopes import READS_NAMES, nodes_of

__all__ = ["RECORDS", "attributes_only_written", "names_only_written", "written_through"]

# Where a function only writes to one of these, nothing of it reaches the result.
RECORDS = frozenset({list, dict, set, int, float, collections.deque, collections.Counter, collections.defaultdict})

RETURN_NONE = frozenset({"append", "appendleft", "extend", "extendleft", "insert", "add", "update", "discard", "clear"})


def names_only_written(root: ast.AST) -> frozenset[str]:
    """Return the names that are written to in a tree and never read.

    >>> sorted(names_only_written(ast.parse("calls.append(x); n += 1; m[x] = n2")))
    ['calls', 'm', 'n']
    """
    if _reads_by_name(root):
        return frozenset()
    writing = {id(name) for name in written_through(root)}
    names = [node for node in nodes_of(root) if isinstance(node, ast.Name)]
    read = {name.id for name in names if isinstance(name.ctx, ast.Load) and id(name) not in writing}
    return frozenset(name.id for name in names) - read


def attributes_only_written(root: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[frozenset[str], frozenset[str]]:
    """Return the attributes of a method's receiver that are only written, and those that are read.

    None is only written where the receiver is used in any way but `self.name`, which could reach the whole object.

    >>> method = ast.parse("def m(self, x): self.calls += 1; self.log.append(x); return x * self.weight").body[0]
    >>> tuple(map(sorted, attributes_only_written(method)))
    (['calls', 'log'], ['weight'])
    """
    parameters = [*root.args.posonlyargs, *root.args.args]
    if not parameters:
        return frozenset(), frozenset()
    receiver = parameters[0].arg
    uses = [node for node in nodes_of(root) if isinstance(node, ast.Attribute) and _is_name(node.value, receiver)]
    if len(uses) != sum(_is_name(node, receiver) for node in nodes_of(root)) or _reads_by_name(
        root, READS_NAMES | {"super"}
    ):
        return frozenset(), frozenset()
    writing = {id(node) for node in written_through(root)}
    read = frozenset(use.attr for use in uses if isinstance(use.ctx, ast.Load) and id(use) not in writing)
    return frozenset(use.attr for use in uses) - read, read


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _reads_by_name(root: ast.AST, names: frozenset[str] = READS_NAMES) -> bool:
    return not names.isdisjoint(node.id for node in nodes_of(root) if isinstance(node, ast.Name))


def written_through(root: ast.AST) -> Iterator[ast.expr]:
    """Yield the loads that serve to write: the receiver of a call for effect, the container of an item stored."""
    if _reads_by_name(root):
        return
    for node in _nodes_that_fail_aloud(root):
        if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
            yield node.value
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp):
            yield from _updated(node.targets[0], node.value.left)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            yield from _receiver(node.value, any_method=True)
        elif isinstance(node, ast.Call):
            yield from _receiver(node, any_method=False)


def _nodes_that_fail_aloud(root: ast.AST) -> Iterator[ast.AST]:
    """Walk a tree without what stands in a `try` with handlers or under `with suppress(...)`: there, that a write fails
    is an answer.
    """
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        for name, value in ast.iter_fields(node):
            if not (name == "body" and _may_catch(node)):
                stack += [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, ast.AST)]


def _may_catch(node: ast.AST) -> bool:
    if isinstance(node, (ast.With, ast.AsyncWith)):  # `with lock:` catches nothing
        return any(isinstance(item.context_expr, ast.Call) for item in node.items)
    return isinstance(node, (ast.Try, ast.TryStar)) and bool(node.handlers)


def _receiver(call: ast.Call, any_method: bool) -> Iterator[ast.expr]:
    """Yield the receiver of a method whose result is dropped, or is None whatever the container holds."""
    if isinstance(call.func, ast.Attribute) and (any_method or call.func.attr in RETURN_NONE):
        yield call.func.value


def _updated(target: ast.expr, operand: ast.expr) -> Iterator[ast.expr]:
    """Yield what `n = n + 1` and `state[key] = state[key] + 1` read only to write it back."""
    if ast.dump(target).replace("Store()", "Load()") == ast.dump(operand):
        yield operand.value if isinstance(operand, ast.Subscript) else operand
