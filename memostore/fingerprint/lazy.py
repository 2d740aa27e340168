"""Which globals a module fills in by itself where they are still empty: a model loaded at its first use, a memo table.

What such a global holds is made by the code that asks for it. That it is empty in one process and filled in another,
or empty at the first call and filled at the second, changes no result.

    def model():                            def area(name):
        global _model                           if name not in AREAS:
        if _model is None:                          AREAS[name] = compute(name)
            _model = load()                     return AREAS[name]
        return _model
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import lru_cache

from memostore.fingerprint.scopes import nodes_of

__all__ = ["initial_of", "made_lazily"]

ENDS = (ast.Return, ast.Raise, ast.Continue, ast.Break)
ABSENCES = frozenset({"KeyError", "NameError", "LookupError"})
CHANGING = frozenset({
    "append", "appendleft", "extend", "extendleft", "insert", "add", "update", "discard", "remove", "pop", "popitem",
    "popleft", "sort", "reverse", "setdefault", "clear",
})  # fmt: skip
EMPTY_CALLS = frozenset({"dict", "list", "set", "OrderedDict"})


def made_lazily(root: ast.AST) -> frozenset[str]:
    r"""Return the names that a function assigns, or stores items in, only where it has found that nothing is there.

    >>> function = "def f(k):\n global a\n if a is None: a = 1\n if k not in t: t[k] = 1\n n[k] += 1"
    >>> sorted(made_lazily(ast.parse(function)))
    ['a', 't']
    """
    if not any(map(_may_fill, nodes_of(root))):
        return frozenset()
    reader = _Reader(root)
    reader.block(getattr(root, "body", []) if isinstance(getattr(root, "body", []), list) else [], frozenset())
    return frozenset(reader.guarded - reader.changed)


def _may_fill(node: ast.AST) -> bool:
    if isinstance(node, ast.Subscript):
        return not isinstance(node.ctx, ast.Load)
    return isinstance(node, ast.Global) or (isinstance(node, ast.Attribute) and node.attr == "setdefault")


@lru_cache(maxsize=1024)
def initial_of(module: ast.Module, name: str) -> str | None:
    """Return what a global is before it is filled in, as a text; None where more than lazy functions change it."""
    top = [node for statement in module.body for node in _outside_functions(statement)]
    assigned = [node for node in top if isinstance(node, (ast.Assign, ast.AnnAssign)) and name in _targets(node)]
    if len(assigned) != 1 or assigned[0].value is None or not _is_literal(assigned[0].value):
        return None
    initial = ast.unparse(assigned[0].value)
    if _changes(top, name, {initial}, but=assigned[0]):
        return None
    functions = (node for node in nodes_of(module) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))
    for function in functions:
        if _changes(list(nodes_of(function)), name, {initial}) and name not in made_lazily(function):
            return None
    return initial


def _outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _outside_functions(child)


def _targets(node: ast.Assign | ast.AnnAssign) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _is_literal(value: ast.expr) -> bool:
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and not (value.args or value.keywords):
        return value.func.id in EMPTY_CALLS
    try:
        ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError):
        return False
    return True


def _changes(nodes: Iterable[ast.AST], name: str, initials: set[str], but: ast.AST | None = None) -> bool:
    """Say whether any of some nodes changes what a name holds; to empty it again is no change."""
    for node in nodes:
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node is not but and name in _targets(node):
            if node.value is None or ast.unparse(node.value) not in initials:
                return True
        elif isinstance(node, ast.AugAssign) and _root(node.target) == name:
            return True
        elif isinstance(node, (ast.Subscript, ast.Attribute)) and not isinstance(node.ctx, ast.Load):
            if _root(node) == name:
                return True
        elif isinstance(node, ast.Call) and _is_change_of(node.func, name):
            return True
    return False


def _is_change_of(method: ast.expr, name: str) -> bool:
    return isinstance(method, ast.Attribute) and method.attr in CHANGING - {"clear"} and _root(method) == name


class _Reader:
    """Reads the statements of a function in their order, with the names that were found to be empty so far."""

    def __init__(self, root: ast.AST) -> None:
        self.declared = {name for node in nodes_of(root) if isinstance(node, ast.Global) for name in node.names}
        self.guarded: set[str] = set()
        self.changed: set[str] = set()
        self.taken: dict[str, str] = {}  # local variables, by what they were taken from: `found = t.get(k)`

    def block(self, statements: list[ast.stmt], asked: frozenset[str]) -> None:
        for statement in statements:
            if isinstance(statement, ast.If):
                names = asked | self._asked_in(statement.test)
                self.block(statement.body, names)
                self.block(statement.orelse, names)
                asked = names if isinstance(statement.body[-1], ENDS) else asked
            elif isinstance(statement, ast.Try):
                asked = self._try(statement, asked)
            elif isinstance(getattr(statement, "body", None), list):
                self.block(statement.body, asked)  # type: ignore[attr-defined] # a loop, a with, a function
                self.block(getattr(statement, "orelse", []), asked)
            else:
                self._simple(statement, asked)

    def _try(self, statement: ast.Try, asked: frozenset[str]) -> frozenset[str]:
        self.block(statement.body, asked)
        tried = asked | {n.id for s in statement.body for n in ast.walk(s) if isinstance(n, ast.Name)}
        for handler in statement.handlers:
            catches = isinstance(handler.type, ast.Name) and handler.type.id in ABSENCES
            self.block(handler.body, tried if catches else asked)
        self.block([*statement.orelse, *statement.finalbody], asked)
        catches_all = all(isinstance(h.type, ast.Name) and h.type.id in ABSENCES for h in statement.handlers)
        return tried if catches_all and isinstance(statement.body[-1], ENDS) else asked

    def _simple(self, statement: ast.stmt, asked: frozenset[str]) -> None:
        value = getattr(statement, "value", None)
        for name in self._stored_by(statement):
            read = {self.taken.get(n.id, n.id) for n in ast.walk(value or statement) if isinstance(n, ast.Name)}
            is_new = isinstance(statement, (ast.Assign, ast.AnnAssign)) and not (value and name in read)
            (self.guarded if name in asked and is_new else self.changed).add(name)
        for node in ast.walk(statement):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGING:
                self._called(node, node.func, statement)
        if isinstance(statement, ast.Assign) and (source := _taken_from(statement.value)):
            self.taken.update(dict.fromkeys(_targets(statement), source))

    def _stored_by(self, statement: ast.stmt) -> Iterator[str]:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load) and node.id in self.declared:
                yield node.id
            elif isinstance(node, (ast.Subscript, ast.Attribute)) and not isinstance(node.ctx, ast.Load):
                yield from filter(None, [_root(node)])

    def _called(self, call: ast.Call, method: ast.Attribute, statement: ast.stmt) -> None:
        """Take note of a method that changes its receiver. `t.setdefault(k, v)` stores only what was not there."""
        name = _root(method)
        if name is None:
            return
        used = isinstance(statement, (ast.Return, ast.Assign)) and getattr(statement, "value", None) is call
        fills = method.attr == "setdefault" and used and not isinstance(call.args[-1], (ast.List, ast.Dict, ast.Set))
        (self.guarded if fills and isinstance(method.value, ast.Name) else self.changed).add(name)

    def _asked_in(self, test: ast.expr) -> frozenset[str]:
        """Return the names that a test asks about: `a is None`, `not a`, `k in t`, `(found := t.get(k)) is None`."""
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            test = test.operand
        if isinstance(test, ast.BoolOp):
            return frozenset().union(*map(self._asked_in, test.values))
        sides = [test]
        if isinstance(test, ast.Compare):
            asks = isinstance(test.ops[0], (ast.Is, ast.IsNot, ast.In, ast.NotIn))
            sides = [test.left, *test.comparators] if asks else []
        found = (_taken_from(side.value) if isinstance(side, ast.NamedExpr) else _name(side) for side in sides)
        return frozenset(self.taken.get(name, name) for name in found if name)


def _name(node: ast.expr) -> str | None:
    return node.id if isinstance(node, ast.Name) else None


def _taken_from(value: ast.expr) -> str | None:
    """Return the name of the table that `t.get(k)` asks."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "get":
        return _name(value.func.value) if len(value.args) == 1 and not value.keywords else None
    return None


def _root(target: ast.expr) -> str | None:
    while isinstance(target, (ast.Subscript, ast.Attribute)):
        target = target.value
    return _name(target)
