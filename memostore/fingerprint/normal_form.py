"""A function's syntax tree to a flat list of scalars that says what it does and nothing else.

Left out: positions, comments, formatting and quotes (a tree has none), docstrings and annotations that the code does
not read, the decorators of the function itself (what they return is looked at, not how they are written), and the
names of local variables, which are numbered in the order of their appearance.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

__all__ = ["normal_form"]

# Code that asks for its own variables by name does depend on how they are called.
READS_NAMES = frozenset(
    {"locals", "vars", "dir", "eval", "exec", "globals", "_getframe", "currentframe", "stack", "trace", "f_locals"}
)
READS_DOCSTRINGS = frozenset({"__doc__", "getdoc", "help", "getsource"})
READS_ANNOTATIONS = frozenset({"__annotations__", "get_type_hints", "get_annotations", "signature"})

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
SKIPPED_FIELDS = frozenset({"ctx", "type_comment", "kind", "type_ignores"})
BINDING_FIELDS = frozenset({"name", "names", "rest", "asname"})


def normal_form(node: Function) -> list[Any]:
    r"""Return the scalars that stand for a function.

    >>> parse = lambda text: normal_form(ast.parse(text).body[0])
    >>> parse("def f(a): return a + 1") == parse("def g(b):\n    'Adds.'\n    return (b + 1)  # one more")
    True
    """
    return _Writer(node).write(node)


class _Writer:
    def __init__(self, root: Function) -> None:
        self.root = root
        read = set(_names_read(root))
        self.keeps_names = bool(read & READS_NAMES)
        self.keeps_docstrings = bool(read & READS_DOCSTRINGS)
        self.keeps_annotations = bool(read & READS_ANNOTATIONS)
        self.scopes: list[_Scope] = []
        self.flat: list[Any] = []

    def write(self, node: Function) -> list[Any]:
        self.function(node)
        return self.flat

    def visit(self, node: ast.AST) -> None:
        """Write one node: its type, then its fields in their order."""
        if isinstance(node, FUNCTIONS):
            self.function(node)
        elif isinstance(node, ast.Name):
            self.flat += ("Name", type(node.ctx).__name__, self.local(node.id))
        elif isinstance(node, COMPREHENSIONS):
            self.comprehension(node)
        elif isinstance(node, ast.ClassDef):
            self.class_(node)
        elif isinstance(node, ast.AnnAssign) and not self.scopes[-1].is_class and not self.keeps_annotations:
            self.annotated(node)
        else:
            self.flat.append(type(node).__name__)
            self.fields(node)

    def fields(self, node: ast.AST) -> None:
        for name, value in ast.iter_fields(node):
            if name not in SKIPPED_FIELDS and not (name == "type_params" and not value):
                self.value(value, "module" if isinstance(node, ast.alias) and name == "name" else name)

    def value(self, value: Any, field: str) -> None:
        if isinstance(value, ast.AST):
            self.visit(value)
        elif isinstance(value, list):
            self.flat += ("[", len(value))
            for item in value:
                self.value(item, field)
        elif isinstance(value, str) and field in BINDING_FIELDS:
            self.flat.append(self.local(value))
        else:
            self.flat.append(value)

    def function(self, node: Function) -> None:
        """Write a function in a scope of its own. Names of parameters count where calls inside may go by them."""
        self.flat.append(type(node).__name__ if node is not self.root else "root")
        if isinstance(node, DEFINITIONS) and node is not self.root:
            self.flat.append(node.name)
            self.value(node.decorator_list, "decorator_list")
        self.defaults(node.args)
        self.scopes.append(_Scope({} if self.keeps_names else _locals_of(node)))
        self.parameters(node)
        self.value(self.body_of(node), "body")
        self.scopes.pop()

    def comprehension(self, node: Any) -> None:
        """Write a comprehension: its variables are its own, its first iterable is evaluated in the scope around."""
        self.flat.append(type(node).__name__)
        self.visit(node.generators[0].iter)
        targets = [name for generator in node.generators for name in _targets_of(generator)]
        self.scopes.append(_Scope({} if self.keeps_names else _numbered(targets)))
        self.fields(node)
        self.scopes.pop()

    def class_(self, node: ast.ClassDef) -> None:
        """Write a class: its names are attributes, and not seen from the functions inside."""
        self.flat += ("ClassDef", node.name)
        self.value([*node.decorator_list, *node.bases, *node.keywords], "bases")
        names = [name for inner in _own_nodes(node) for name in _bound_by(inner)]
        self.scopes.append(_Scope({name: name for name in names}, is_class=True))
        self.value(self.body_of(node), "body")
        self.scopes.pop()

    def defaults(self, args: ast.arguments) -> None:
        """Defaults are evaluated in the scope around; those of the root are in every call's key."""
        if args is not self.root.args:
            self.value([*args.defaults, *args.kw_defaults], "defaults")

    def parameters(self, node: Function) -> None:
        args = node.args
        self.flat += (len(args.posonlyargs), len(args.args), len(args.kwonlyargs), bool(args.vararg), bool(args.kwarg))
        for parameter in _parameters(args):
            self.flat.append(parameter.arg if node is not self.root else self.local(parameter.arg))
            if self.keeps_annotations or (node is not self.root and getattr(node, "decorator_list", None)):
                self.value(parameter.annotation, "annotation")

    def annotated(self, node: ast.AnnAssign) -> None:
        """An annotated assignment inside a function does what a plain one does."""
        if node.value is not None:
            self.flat.append("Assign")
            self.value([node.target], "targets")
            self.visit(node.value)

    def body_of(self, node: Any) -> Any:
        body = node.body
        if not isinstance(body, list):
            return body
        if not self.keeps_docstrings and _is_docstring(body[0]):
            body = body[1:]
        return [statement for statement in body if not isinstance(statement, ast.Pass)]

    def local(self, name: str) -> Any:
        """Return a local variable's number with its scope's distance, or the name of anything else."""
        for distance, scope in enumerate(reversed(self.scopes)):
            if name in scope.names and not (distance and scope.is_class):
                return f"{distance}:{scope.names[name]}"
        return name


class _Scope(NamedTuple):
    names: Mapping[str, int | str]
    is_class: bool = False


def _is_docstring(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _names_read(root: ast.AST) -> Iterator[str]:
    for node in ast.walk(root):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):  # as in getattr(f, "__doc__")
            yield node.value


def _parameters(args: ast.arguments) -> list[ast.arg]:
    given = [*args.posonlyargs, *args.args, args.vararg, *args.kwonlyargs, args.kwarg]
    return [parameter for parameter in given if parameter is not None]


def _locals_of(node: Function) -> dict[str, int]:
    """Number a function's own variables in the order of their appearance, its parameters first."""
    names = dict.fromkeys(parameter.arg for parameter in _parameters(node.args))
    elsewhere: set[str] = set()
    for inner in _own_nodes(node):
        if isinstance(inner, (ast.Global, ast.Nonlocal)):
            elsewhere.update(inner.names)
        names.update(dict.fromkeys(_bound_by(inner)))
    return _numbered(name for name in names if name not in elsewhere)


def _numbered(names: Iterable[str]) -> dict[str, int]:
    return {name: number for number, name in enumerate(dict.fromkeys(names))}


def _targets_of(generator: ast.comprehension) -> Iterator[str]:
    for node in ast.walk(generator.target):
        if isinstance(node, ast.Name):
            yield node.id


def _own_nodes(node: Function | ast.ClassDef) -> Iterator[ast.AST]:
    """Walk a function or class in the order of its text, without entering the functions and classes inside it."""
    stack: list[ast.AST] = list(reversed(node.body)) if isinstance(node.body, list) else [node.body]
    while stack:
        inner = stack.pop()
        yield inner
        if isinstance(inner, ast.comprehension):  # its target belongs to the comprehension; a walrus does not
            stack += (*reversed(inner.ifs), inner.iter)
        elif not isinstance(inner, (*DEFINITIONS, ast.Lambda)):
            stack += reversed(list(ast.iter_child_nodes(inner)))


def _bound_by(node: ast.AST) -> list[str]:
    """Return the names that a node binds in its scope."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
        return [node.id]
    if isinstance(node, (*DEFINITIONS, ast.ExceptHandler, ast.MatchAs, ast.MatchStar)):
        return [node.name] if node.name else []
    if isinstance(node, ast.MatchMapping):
        return [node.rest] if node.rest else []
    if isinstance(node, ast.alias):
        return [(node.asname or node.name).partition(".")[0]]
    return []
