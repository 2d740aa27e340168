"""A function's syntax tree to a flat list of scalars that says what it does and nothing else.

Left out: positions, comments, formatting and quotes (a tree has none), docstrings and annotations that the code does
not read, the decorators of the function itself (what they return is looked at, not how they are written), and the
names of local variables, which are numbered in the order of their appearance. What the function reads from outside is
numbered too, and listed beside the form: `helpers.scale` and `scale` do the same where they lead to the same.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any, NamedTuple

from memostore.fingerprint.reads import Read, Reader
from memostore.fingerprint.scopes import (
    DEFINITIONS,
    FUNCTIONS,
    READS_NAMES,
    Function,
    Scope,
    imports_of,
    locals_of,
    names_bound_in_class,
    nodes_of,
    parameters_of,
    targets_of,
)

__all__ = ["READS_ANNOTATIONS", "READS_DOCSTRINGS", "Form", "normal_form"]

READS_DOCSTRINGS = frozenset({"__doc__", "getdoc", "help", "getsource"})
READS_ANNOTATIONS = frozenset({"__annotations__", "get_type_hints", "get_annotations", "signature"})

NEGATED: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.In: ast.NotIn, ast.Is: ast.IsNot}
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
SKIPPED_FIELDS = frozenset({"ctx", "type_comment", "kind", "type_ignores"})
BINDING_FIELDS = frozenset({"name", "names", "rest"})


class Form(NamedTuple):
    """The scalars that stand for a function, what it reads from outside, and what can't be told before it runs."""

    flat: list[Any]
    reads: list[Read]
    unseen: list[str]
    names: frozenset[str] = frozenset()  # all names, attributes and texts that it reads
    sets: frozenset[str] = frozenset()  # attributes that it sets


def normal_form(node: Function, free: frozenset[str] = frozenset()) -> Form:
    r"""Return what stands for a function. `free` are the variables that it has from functions around it.

    >>> parse = lambda text: normal_form(ast.parse(text).body[0])
    >>> parse("def f(a): return a + 1").flat == parse("def g(b):\n    'Adds.'\n    return (b + 1)  # one more").flat
    True
    >>> [str(read) for read in parse("def f(x): return helpers.scale(x, LIMIT)").reads]
    ['helpers.scale', 'LIMIT']
    """
    return _Writer(node, free).write(node)


class _Writer:
    def __init__(self, root: Function, free: frozenset[str]) -> None:
        self.root = root
        self.names_read = read = frozenset(_names_read(root))
        self.keeps_names = bool(read & READS_NAMES)
        self.keeps_docstrings = bool(read & READS_DOCSTRINGS)
        self.keeps_annotations = bool(read & READS_ANNOTATIONS)
        self.scopes: list[Scope] = []
        self.flat: list[Any] = []
        self.reader = Reader(root, free, self.scope_of)

    def write(self, node: Function) -> Form:
        self.function(node)
        sets = (inner.attr for inner in nodes_of(node) if isinstance(inner, ast.Attribute))
        stored = frozenset(sets) - self.names_read
        return Form(self.flat, list(self.reader.reads), self.reader.unseen, self.names_read, stored)

    def visit(self, node: ast.AST) -> None:
        """Write one node: its type, then its fields in their order."""
        if isinstance(node, ast.expr) and (number := self.reader.number_of(node)) is not None:
            self.flat += ("outside", number)
        elif isinstance(node, ast.Attribute) and (owner := self.reader.written_to(node)) is not None:
            self.flat += ("Attribute", type(node.ctx).__name__, str(owner), node.attr)
        elif isinstance(node, FUNCTIONS):
            self.function(node)
        elif isinstance(node, ast.Name):
            self.flat += ("Name", type(node.ctx).__name__, self.local(node.id))
        elif isinstance(node, COMPREHENSIONS):
            self.comprehension(node)
        elif isinstance(node, ast.JoinedStr):
            self.flat.append("JoinedStr")
            self.value([part for part in node.values if not _is_empty_text(part)], "values")
        elif isinstance(node, ast.UnaryOp) and (comparison := _negated(node)) is not None:
            self.visit(comparison)
        elif isinstance(node, ast.ClassDef):
            self.class_(node)
        elif isinstance(node, ast.AnnAssign) and not self.scopes[-1].is_class and not self.keeps_annotations:
            self.annotated(node)
        elif isinstance(node, (ast.Import, ast.ImportFrom)) and not self.scopes[-1].is_class:
            self.import_(node)
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
        self.scopes.append(Scope(locals_of(node, self.keeps_names), imports_of(node)))
        self.parameters(node)
        self.value(self.body_of(node), "body")
        self.scopes.pop()

    def comprehension(self, node: Any) -> None:
        """Write a comprehension: its variables are its own, its first iterable is evaluated in the scope around."""
        self.flat.append(type(node).__name__)
        self.visit(node.generators[0].iter)
        self.scopes.append(Scope(targets_of(node.generators, self.keeps_names), {}))
        self.fields(node)
        self.scopes.pop()

    def class_(self, node: ast.ClassDef) -> None:
        """Write a class: its names are attributes, and not seen from the functions inside."""
        self.flat += ("ClassDef", node.name)
        self.value([*node.decorator_list, *node.bases, *node.keywords], "bases")
        self.scopes.append(Scope(names_bound_in_class(node), {}, is_class=True))
        self.value(self.body_of(node), "body")
        self.scopes.pop()

    def defaults(self, args: ast.arguments) -> None:
        """Defaults are evaluated in the scope around; those of the root are in every call's key."""
        if args is not self.root.args:
            self.value([*args.defaults, *args.kw_defaults], "defaults")

    def parameters(self, node: Function) -> None:
        args = node.args
        self.flat += (len(args.posonlyargs), len(args.args), len(args.kwonlyargs), bool(args.vararg), bool(args.kwarg))
        for parameter in parameters_of(args):
            self.flat.append(parameter.arg if node is not self.root else self.local(parameter.arg))
            if self.keeps_annotations or (node is not self.root and getattr(node, "decorator_list", None)):
                self.value(parameter.annotation, "annotation")

    def import_(self, node: ast.Import | ast.ImportFrom) -> None:
        """Write an import for its effects only: what it binds is followed where it is read."""
        for alias in node.names:
            if (alias.asname or alias.name).partition(".")[0] not in self.names_read:
                self.flat += ("Import", getattr(node, "module", None), getattr(node, "level", 0), alias.name)

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

    def scope_of(self, name: str) -> Scope | None:
        """Return the scope that a local variable belongs to."""
        for distance, scope in enumerate(reversed(self.scopes)):
            if (name in scope.names or name in scope.imports) and not (distance and scope.is_class):
                return scope
        return None


def _negated(node: ast.UnaryOp) -> ast.Compare | None:
    """Return `a not in b` for `not a in b`, which formatters rewrite."""
    inner = node.operand
    if not isinstance(node.op, ast.Not) or not isinstance(inner, ast.Compare) or len(inner.ops) != 1:
        return None
    opposite = NEGATED.get(type(inner.ops[0]))
    return None if opposite is None else ast.Compare(inner.left, [opposite()], inner.comparators)


def _is_empty_text(part: ast.expr) -> bool:
    return isinstance(part, ast.Constant) and not part.value  # Python 3.12.1 has some in its f-strings


def _is_docstring(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _names_read(root: ast.AST) -> Iterator[str]:
    for node in nodes_of(root):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
            yield node.value  # as in getattr(f, "__doc__")
