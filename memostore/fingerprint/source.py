"""From a code object to the syntax tree that it was compiled from, if that is still what the file says.

A file may have been edited since it was imported. What counts is what runs: a definition is used only if compiling it
gives the very code object that is asked about.
"""

from __future__ import annotations
import __future__

import ast
import linecache
import textwrap
import threading
import types
from collections.abc import Iterator
from functools import lru_cache, reduce
from operator import or_
from typing import Any, NamedTuple

from memostore.fingerprint.scopes import Function

__all__ = ["Definition", "definition_of", "module_of", "source_text"]

PARSER = threading.RLock()
TRIES = 20
FILES_KEPT = 256
STATEMENTS_KEPT = 1024

# `from __future__ import ...` stands elsewhere in the file than the statement that it acts on.
FUTURE_FLAGS = reduce(or_, (getattr(__future__, name).compiler_flag for name in __future__.all_feature_names))


class Definition(NamedTuple):
    """A function's node, the statement at the top of its file that it stands in, and the names imported there."""

    node: Function
    statement: ast.stmt
    imports: ast.Import


def definition_of(code: types.CodeType) -> Definition | None:
    """Return the definition of a code object, or None where there is no source, or another one by now."""
    linecache.checkcache(code.co_filename)
    text = "".join(linecache.getlines(code.co_filename))
    for _ in range(TRIES):
        try:
            with PARSER:
                return _definition_in(text, code)
        except SystemError:  # 3.11 counts the depth of trees once for all threads, and ours is not the only parser
            continue
    return None


def _definition_in(text: str, code: types.CodeType) -> Definition | None:
    for definition in _parsed(text).get((code.co_name, code.co_firstlineno), ()):
        if _compiles_to(definition, code):
            return definition
    return None


def module_of(code: types.CodeType) -> ast.Module | None:
    """Return the tree of the file that a code object was compiled from."""
    with PARSER:
        return _tree("".join(linecache.getlines(code.co_filename)))


@lru_cache(maxsize=FILES_KEPT)
def _tree(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return None


@lru_cache(maxsize=FILES_KEPT)
def _parsed(text: str) -> dict[tuple[str, int], list[Definition]]:
    """Return the functions of a file by name and first line."""
    found: dict[tuple[str, int], list[Definition]] = {}
    tree = _tree(text)
    if tree is None:
        return found
    imports = _imports_of(tree)
    for statement in tree.body:
        for node in ast.walk(statement):
            if isinstance(node, Function):
                found.setdefault(_place(node), []).append(Definition(node, statement, imports))
    return found


def _imports_of(tree: ast.Module) -> ast.Import:
    """Return one import of all names imported at the file's top: the compiler treats calls on them apart."""
    names: dict[str, None] = {"__future__": None}
    stack: list[ast.AST] = list(tree.body)
    while stack:
        node = stack.pop()
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names.update({(alias.asname or alias.name).partition(".")[0]: None for alias in node.names})
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.expr)):
            stack += ast.iter_child_nodes(node)
    return ast.fix_missing_locations(ast.Import([ast.alias("memostore", name) for name in names if name != "*"]))


def _place(node: Function) -> tuple[str, int]:
    """Return what the compiler makes co_name and co_firstlineno of."""
    if isinstance(node, ast.Lambda):
        return "<lambda>", node.lineno
    return node.name, min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def _compiles_to(definition: Definition, code: types.CodeType) -> bool:
    codes = _compiled(definition.statement, definition.imports, code.co_flags & FUTURE_FLAGS)
    return any(inner == code and _is_at(inner, definition.node) for inner in codes)


@lru_cache(maxsize=STATEMENTS_KEPT)
def _compiled(statement: ast.stmt, imports: ast.Import, future_flags: int) -> list[types.CodeType]:
    """Return the code objects in a statement."""
    module = ast.Module(body=[imports, statement], type_ignores=[])
    try:
        compiled = compile(module, "<memostore>", "exec", flags=future_flags, dont_inherit=True)
    except (SyntaxError, ValueError):
        return []
    return list(_codes_in(compiled))


def _codes_in(code: types.CodeType) -> Iterator[types.CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from _codes_in(constant)


def _is_at(code: types.CodeType, node: Function) -> bool:
    """Tell lambdas that stand on one line apart by the columns of their instructions."""
    if not isinstance(node, ast.Lambda):
        return True
    body: Any = node.body
    start, end = (body.lineno, body.col_offset), (body.end_lineno, body.end_col_offset)
    places = [place for place in code.co_positions() if place[0] is not None and place[2] is not None][1:]
    spans = [((first, left), (last, right)) for first, last, left, right in places if (first, left) != (last, right)]
    return bool(spans) and min(span[0] for span in spans) == start and max(span[1] for span in spans) == end


def source_text(code: types.CodeType) -> str | None:
    """Return the lines that a code object was compiled from, with its decorators; None where they are not at hand."""
    definition = definition_of(code)
    if definition is None:
        return None
    lines = linecache.getlines(code.co_filename)
    return textwrap.dedent("".join(lines[code.co_firstlineno - 1 : definition.node.end_lineno]))
