"""Parts of functions as the walk through their code goes by them, and what it has to know from its beginning."""

from __future__ import annotations

import functools
import inspect
import types
from typing import Any, NamedTuple

from memostore.fingerprint.normal_form import READS_ANNOTATIONS, READS_DOCSTRINGS
from memostore.fingerprint.origins import origin_of
from memostore.fingerprint.records import RECORDS
from memostore.fingerprint.resolve import Nothing
from memostore.keys.encoding import SCALARS
from memostore.keys.naming import function_name

__all__ = [
    "ASKS", "DISPATCHING", "NO_HINTS", "Callee", "Hints", "Unit", "belongs_to", "closure_of", "full_name",
    "is_foreign_module", "parameters_of_code",
]  # fmt: skip

ASKS = {
    "docs": READS_DOCSTRINGS, "annotations": READS_ANNOTATIONS, "module": frozenset({"__module__"}),
    "subclasses": frozenset({"__subclasses__"}),
}  # fmt: skip


DISPATCHING: types.CodeType = functools.singledispatch(lambda _: None).__code__  # type: ignore[attr-defined]


class Unit:
    """A function's code with the namespace that it reads, apart from what one function object carries."""

    __slots__ = ("code", "function", "namespace")

    def __init__(self, function: types.FunctionType) -> None:
        self.code = function.__code__
        self.namespace = function.__globals__
        self.function = function

    @property
    def name(self) -> str:
        """The function's full name."""
        return ".".join(function_name(self.function))


class Callee:
    """A function as those see it that only call it: by what it does."""

    __slots__ = ("function",)

    def __init__(self, function: types.FunctionType) -> None:
        self.function = function


class Hints(NamedTuple):
    """What a first walk finds out that the walk needs to know from its beginning."""

    lazily: frozenset[tuple[int, str, str]] = frozenset()  # namespace, name and first value of globals filled in
    asks: frozenset[str] = frozenset()  # what some function reads of others: docs, annotations, module, subclasses
    records: frozenset[str] = frozenset()  # attributes that are set on the way and read nowhere

    def joined(self, other: Hints) -> Hints:
        """Return what either of two walks has found out."""
        return Hints(self.lazily | other.lazily, self.asks | other.asks, self.records | other.records)


NO_HINTS = Hints()


def parameters_of_code(code: types.CodeType) -> tuple[str, ...]:
    """Return the names of a function's parameters: calls that are not seen may go by them."""
    starred = bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + starred]


def closure_of(function: types.FunctionType, written: frozenset[str]) -> list[Any]:
    """Return what a function's closure holds, but for the records that it only writes; of a dispatching function, what
    is registered: its closure holds a cache of that too.
    """
    if function.__code__ is DISPATCHING:
        return [dict(function.registry)]  # type: ignore[attr-defined]
    contents: list[Any] = []
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            content = cell.cell_contents
        except ValueError:  # the variable has not been assigned yet
            content = Nothing("unset")
        contents.append(Nothing("record") if name in written and type(content) in RECORDS else content)
    return contents


def belongs_to(value: Any, name: str, module: types.ModuleType) -> bool:
    """Say whether a name in a module is defined there: a function, a class, or a scalar."""
    if name.startswith("__"):
        return False
    return type(value) in SCALARS or (callable(value) and getattr(value, "__module__", None) == module.__name__)


def full_name(value: Any) -> str:
    """Return the full name of a function, class or module, "" for anything else."""
    if isinstance(value, types.ModuleType):
        return value.__name__
    return ".".join(function_name(value)) if isinstance(value, (types.FunctionType, type)) else ""


def is_foreign_module(value: Any) -> bool:
    """Say whether a value is a module that is not the user's own."""
    return isinstance(value, types.ModuleType) and not origin_of(value).is_own
