"""Which names a function binds, in which scope, and which of them by an import."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

__all__ = [
    "DEFINITIONS",
    "FUNCTIONS",
    "READS_NAMES",
    "Function",
    "Imported",
    "Scope",
    "imports_of",
    "locals_of",
    "names_bound_in_class",
    "nodes_of",
    "parameters_of",
    "targets_of",
]

# Code that asks for its own variables by name does depend on how they are called.
READS_NAMES = frozenset(
    {"locals", "vars", "dir", "eval", "exec", "globals", "_getframe", "currentframe", "stack", "trace", "f_locals"}
)

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Imported(NamedTuple):
    """Where an import statement inside a function takes a name from."""

    module: str
    name: str | None  # of `from module import name`; None for the module itself
    level: int = 0  # the dots of a relative import
    is_top: bool = False  # `import a.b` binds `a`


class Scope(NamedTuple):
    """The variables of a function, class or comprehension: what stands for each in the normal form."""

    names: Mapping[str, int | str]
    imports: Mapping[str, tuple[Imported, ...]]
    is_class: bool = False


def locals_of(node: Function, keep_names: bool) -> dict[str, int | str]:
    """Number a function's own variables in the order of their appearance, its parameters first."""
    names = dict.fromkeys(parameter.arg for parameter in parameters_of(node.args))
    elsewhere: set[str] = set()
    for inner in _own_nodes(node):
        if isinstance(inner, (ast.Global, ast.Nonlocal)):
            elsewhere.update(inner.names)
        if not isinstance(inner, ast.alias):  # what is bound by imports alone is followed, and needs no number
            names.update(dict.fromkeys(_bound_by(inner)))
    return _numbered((name for name in names if name not in elsewhere), keep_names)


def targets_of(generators: list[ast.comprehension], keep_names: bool) -> dict[str, int | str]:
    """Number the variables of a comprehension."""
    nodes = (node for generator in generators for node in ast.walk(generator.target))
    return _numbered((node.id for node in nodes if isinstance(node, ast.Name)), keep_names)


def _numbered(names: Iterable[str], keep_names: bool) -> dict[str, int | str]:
    return {name: name if keep_names else number for number, name in enumerate(dict.fromkeys(names))}


def names_bound_in_class(node: ast.ClassDef) -> dict[str, int | str]:
    """Return the attributes that a class's body binds; their names count."""
    return {name: name for inner in _own_nodes(node) for name in _bound_by(inner)}


def imports_of(node: Function) -> dict[str, tuple[Imported, ...]]:
    """Return the names that a function's own import statements bind, with where each may come from."""
    found: dict[str, tuple[Imported, ...]] = {}
    for inner in _own_nodes(node):
        for name, imported in _imported_by(inner):
            found[name] = (*found.get(name, ()), imported)
    return found


def _imported_by(node: ast.AST) -> Iterator[tuple[str, Imported]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.asname or "." not in alias.name:
                yield alias.asname or alias.name, Imported(alias.name, None)
            else:
                yield alias.name.partition(".")[0], Imported(alias.name, None, is_top=True)
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            yield alias.asname or alias.name, Imported(node.module or "", alias.name, node.level)


def parameters_of(args: ast.arguments) -> list[ast.arg]:
    """Return all parameters, in the order in which a code object names them but for the starred ones."""
    given = [*args.posonlyargs, *args.args, args.vararg, *args.kwonlyargs, args.kwarg]
    return [parameter for parameter in given if parameter is not None]


@lru_cache(maxsize=256)
def nodes_of(root: ast.AST) -> tuple[ast.AST, ...]:
    """Return all nodes of a tree, as ast.walk does; the same few trees are walked again and again."""
    found = [root]
    for node in found:
        for name in node._fields:
            child = getattr(node, name, None)
            if isinstance(child, ast.AST):
                found.append(child)
            elif isinstance(child, list):
                found += [item for item in child if isinstance(item, ast.AST)]
    return tuple(found)


@lru_cache(maxsize=256)
def _own_nodes(node: Function | ast.ClassDef) -> tuple[ast.AST, ...]:
    """Return the nodes of a function or class in the order of its text, without the functions and classes inside it."""
    found: list[ast.AST] = []
    stack: list[ast.AST] = list(reversed(node.body)) if isinstance(node.body, list) else [node.body]
    while stack:
        inner = stack.pop()
        found.append(inner)
        if isinstance(inner, ast.comprehension):  # its target belongs to the comprehension; a walrus does not
            stack += (*reversed(inner.ifs), inner.iter)
        elif not isinstance(inner, (*DEFINITIONS, ast.Lambda)):
            stack += reversed(list(ast.iter_child_nodes(inner)))
    return tuple(found)


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
