"""The work that `memostore demo` does: which functions of Python's standard library are alike?

Three steps of unequal cost, each remembered by a decorator, as in any script. (Here they use the default store; with
`store = Store("results.db")`, the decorator reads `@store.memoize`.) A module's source is part of the arguments, so
an edited module is analysed anew, and every other is not.
"""

from __future__ import annotations

import ast
import io
import os
import sysconfig
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import combinations
from pathlib import Path
from typing import TypedDict

from memostore import memoize

__all__ = ["Function", "Likeness", "Measures", "Module", "compare", "measure", "modules", "parse", "related"]

# Tests, other people's packages, and tables written by a generator: much text that says little.
SKIPPED = {"__pycache__", "dist-packages", "encodings", "ensurepip", "idlelib", "lib2to3", "pydoc_data"}
SKIPPED |= {"site-packages", "test", "tests", "turtledemo"}
BRANCHES = (ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.BoolOp, ast.comprehension)
SMALL = 40  # syntax nodes; shorter functions are alike by chance
ALIKE = 0.75  # of 1: from here on two functions count as twins
TELLING = 60  # names that stand for a module: those it uses most
COMMON = 8  # modules; a name that more of them use says nothing about any two


class Module(TypedDict):
    """A module of the standard library: its dotted name and its source."""

    name: str
    source: str


@dataclass(frozen=True)
class Function:
    """A function in a module; its shape is its syntax in source order, blind to the names of its variables."""

    name: str
    branches: int
    shape: tuple[str, ...]


@dataclass(frozen=True)
class Measures:
    """A module in numbers, with its hardest function and the names that it uses most."""

    lines: int
    comments: int
    tokens: int
    functions: int
    hardest: str
    branches: int
    names: tuple[str, ...]


@dataclass(frozen=True)
class Likeness:
    """How alike two modules are: how many functions of the first have a twin in the second, and the closest two."""

    twins: int
    of: int
    closest: float
    left: str
    right: str


@memoize(tags=("demo",))
def parse(module: Module) -> list[Function]:
    """Return the functions that a module defines."""
    return [
        Function(name, 1 + sum(isinstance(part, BRANCHES) for part in ast.walk(node)), tuple(shape(node)))
        for name, node in functions(ast.parse(module["source"]))
    ]


@memoize(tags=("demo",))
def measure(module: Module) -> Measures:
    """Return the size, the hardest function and the vocabulary of a module."""
    kinds: Counter[int] = Counter()
    names: Counter[str] = Counter()
    for token in tokenize.generate_tokens(io.StringIO(module["source"]).readline):
        kinds[token.type] += 1
        if token.type == tokenize.NAME and len(token.string) > 3:
            names[token.string] += 1
    found = parse(module)
    hardest = max(found, key=lambda function: function.branches, default=Function("", 0, ()))
    return Measures(
        lines=module["source"].count("\n"),
        comments=kinds[tokenize.COMMENT],
        tokens=kinds.total(),
        functions=len(found),
        hardest=hardest.name,
        branches=hardest.branches,
        names=tuple(name for name, _ in names.most_common(TELLING)),
    )


@memoize(tags=("demo",))
def compare(left: Module, right: Module) -> Likeness:
    """Return how many functions of one module have a twin in another, and the closest two."""
    ours, others = ([found for found in parse(module) if len(found.shape) >= SMALL] for module in (left, right))
    best = [max((twin(function, other) for other in others), default=NO_TWIN) for function in ours]
    twins = sum(likeness >= ALIKE for likeness, _, _ in best)
    return Likeness(twins, len(ours), *max(best, default=NO_TWIN))


NO_TWIN = (0.0, "", "")


def twin(ours: Function, other: Function) -> tuple[float, str, str]:
    """Return the likeness of two functions, from 0 to 1, and their names; cheap upper bounds are tried first."""
    matcher = SequenceMatcher(None, ours.shape, other.shape, autojunk=False)
    if matcher.real_quick_ratio() < ALIKE or matcher.quick_ratio() < ALIKE:
        return NO_TWIN
    return matcher.ratio(), ours.name, other.name


def functions(node: ast.AST, prefix: str = "") -> Iterator[tuple[str, ast.AST]]:
    """Yield each function and method below a node, with its qualified name."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + child.name, child
        yield from functions(child, f"{prefix}{child.name}." if isinstance(child, ast.ClassDef) else prefix)


def shape(node: ast.AST) -> Iterator[str]:
    """Yield a function's syntax in source order: kinds of nodes, and the names of attributes."""
    yield node.attr if isinstance(node, ast.Attribute) else type(node).__name__
    for child in ast.iter_child_nodes(node):
        yield from shape(child)


def modules(limit: int | None = None) -> list[Module]:
    """Return the modules of the running Python's standard library, or a number of them spread over the alphabet."""
    root = Path(sysconfig.get_path("stdlib"))
    paths = list(sources(root))
    if limit is not None and limit < len(paths):
        paths = [paths[index * len(paths) // limit] for index in range(limit)]
    return [{"name": ".".join(path.relative_to(root).with_suffix("").parts), "source": read(path)} for path in paths]


def sources(root: Path) -> Iterator[Path]:
    """Yield the Python files below a directory, in order, without those of no interest."""
    for folder, below, files in os.walk(root):
        below[:] = sorted(set(below) - SKIPPED)
        yield from (Path(folder, name) for name in sorted(files) if name.endswith(".py"))


def read(path: Path) -> str:
    """Return a Python file's text in the encoding that it declares."""
    with tokenize.open(path) as file:
        return file.read()


def related(measures: dict[str, Measures], count: int) -> list[tuple[str, str]]:
    """Return the pairs of modules that share the most names which few others use."""
    users: defaultdict[str, list[str]] = defaultdict(list)
    for module, measured in sorted(measures.items()):
        for name in measured.names:
            users[name].append(module)
    shared: Counter[tuple[str, str]] = Counter()
    for found in users.values():
        if len(found) <= COMMON:
            shared.update(combinations(found, 2))
    return [pair for pair, _ in sorted(shared.items(), key=lambda item: (-item[1], item[0]))[:count]]
