"""`NoKey[T]`, `KeyBy[T, function]` and `File`: what a parameter's annotation says about its part in the key.

The first two are `Annotated` types: a type checker sees T. An annotation that is text (as under `from __future__ import
annotations`) is read piece by piece, so that a name in it that exists for type checkers only does no harm: of
`NoKey[Model]` only `NoKey` has to be there.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib
import inspect
import itertools
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, ForwardRef, Optional, TypeVar, Union, get_args, get_origin

from memostore.errors import InvalidArgument
from memostore.keys.inputs import File
from memostore.keys.naming import function_name

__all__ = ["AS_TEXT", "KeyBy", "NoKey", "marked"]

T = TypeVar("T")
UNIONS = (Union, types.UnionType)

# From 3.14 on annotations are evaluated when they are asked for, and may name what does not exist yet.
AS_TEXT: dict[str, Any] = {}
AS_FAR_AS_KNOWN: dict[str, Any] = {}
if sys.version_info >= (3, 14):
    FORMATS: Any = importlib.import_module("annotationlib").Format
    AS_TEXT = {"annotation_format": FORMATS.STRING}
    AS_FAR_AS_KNOWN = {"annotation_format": FORMATS.FORWARDREF}


class KeyedBy:
    """The mark that `KeyBy` leaves in an annotation. `or_none`: None stands for itself, beside values of the type."""

    __slots__ = ("function", "or_none")

    def __init__(self, function: Callable[[Any], Any], or_none: bool = False) -> None:
        if not callable(function):
            raise InvalidArgument(f"KeyBy[...] takes a type and a function, such as KeyBy[Model, version_of], "
                                  f"not {function!r}")  # fmt: skip
        self.function = function
        self.or_none = or_none


class NoneGiven:
    """What stands in a key for a value whose function returned None, where None itself may be given too."""


if TYPE_CHECKING:
    from typing import Annotated as KeyBy

    NoKey = Annotated[T, "left out of the key"]
else:

    class NoKey:
        """Annotate a parameter as `NoKey[T]` to leave it out of the key, as `ignore=` does.

        >>> from memostore import Store
        >>> @Store(":memory:").memoize
        ... def mean(numbers: list[int], verbose: NoKey[bool] = False) -> float:
        ...     return sum(numbers) / len(numbers)
        >>> mean.key([1, 2]) == mean.key([1, 2], verbose=True)
        True
        """

        def __class_getitem__(cls, kind):
            return Annotated[kind, cls]

    class KeyBy:
        """Annotate a parameter as `KeyBy[T, function]` to have `function(value)` stand for its value in the key.

        >>> from memostore import Store
        >>> @Store(":memory:").memoize
        ... def first_line(text: KeyBy[str, str.casefold]) -> str:
        ...     return text.splitlines()[0]
        >>> first_line.key("One") == first_line.key("ONE")
        True
        """

        def __class_getitem__(cls, given):
            if not isinstance(given, tuple) or len(given) != 2:
                raise InvalidArgument(f"KeyBy[...] takes a type and a function, not {given!r}")
            return Annotated[given[0], KeyedBy(given[1])]


def marked(function: Callable[..., Any]) -> tuple[frozenset[str], dict[str, Callable[[Any], Any]]]:
    """Return the parameters that are left out by NoKey, and those keyed by a function, with what to apply to them.

    Raises InvalidArgument where an annotation names two functions, or one that is not there.
    """
    left_out: set[str] = set()
    keyed: dict[str, Callable[[Any], Any]] = {}
    for parameter in _annotated_parameters(function):
        where = f"parameter {parameter.name!r} of {'.'.join(function_name(function))}"
        marks = list(_marks(parameter.annotation, _Names(function, where)))
        if any(mark is NoKey for mark in marks):
            left_out.add(parameter.name)
        elif marks:
            keyed[parameter.name] = _application(marks, parameter.kind, where)
    return frozenset(left_out), keyed


def _annotated_parameters(function: Any) -> list[inspect.Parameter]:
    try:
        signature = inspect.signature(function, follow_wrapped=False, **AS_FAR_AS_KNOWN)
    except Exception:  # noqa: BLE001 # a built-in tells none; from 3.14 on, annotations are code that may fail
        return []
    return [p for p in signature.parameters.values() if p.annotation is not p.empty]


def _application(marks: list[Any], kind: Any, where: str) -> Callable[[Any], Any]:
    """Return what turns a parameter's value, or each of its values under a star, into what is keyed instead."""
    if len(marks) > 1:
        raise InvalidArgument(f"{where} has more than one KeyBy: write one, around the whole type")
    apply = functools.partial(_apply, marks[0], where)
    if kind is inspect.Parameter.VAR_POSITIONAL:
        return lambda values: tuple(map(apply, values))
    if kind is inspect.Parameter.VAR_KEYWORD:
        return lambda values: {name: apply(value) for name, value in values.items()}
    return apply


def _apply(mark: KeyedBy, where: str, value: Any) -> Any:
    if mark.or_none and value is None:
        return None
    try:
        stands_for_it = mark.function(value)
    except Exception as error:
        by = "File, which annotates" if mark.function is File else "the function that KeyBy names for"
        error.add_note(f"raised by {by} {where}")
        raise
    return NoneGiven() if mark.or_none and stands_for_it is None else stands_for_it


def _marks(annotation: Any, names: _Names) -> Iterator[Any]:
    """Yield NoKey and KeyedBy marks that hold for a parameter as a whole: on its type, or on a member of a union."""
    if isinstance(annotation, ForwardRef):
        annotation = annotation.__forward_arg__
    if annotation is NoKey:
        yield annotation
    elif annotation is File:
        yield KeyedBy(File)
    elif isinstance(annotation, str):
        yield from _marks_in_text(annotation, names)
    elif get_origin(annotation) is Annotated:
        yield from _marks_among(annotation.__metadata__)
        yield from _marks(annotation.__origin__, names)
    elif get_origin(annotation) in UNIONS:
        parts = get_args(annotation)
        inner = itertools.chain.from_iterable(_marks(part, names) for part in parts)
        yield from _or_none(inner) if type(None) in parts else inner
    elif hasattr(type(get_origin(annotation) or annotation), "__value__"):  # `type Log = NoKey[Logger]`
        yield from _marks(names.value_of(get_origin(annotation) or annotation), names)


def _marks_among(metadata: Iterable[Any]) -> Iterator[Any]:
    for one in metadata:
        if one is NoKey or type(one) is KeyedBy:
            yield one
        elif one is File:
            yield KeyedBy(File)


def _or_none(marks: Iterable[Any]) -> Iterator[Any]:
    return (KeyedBy(mark.function, or_none=True) if type(mark) is KeyedBy else mark for mark in marks)


def _marks_in_text(text: str, names: _Names) -> Iterator[Any]:
    try:
        node = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError):  # an annotation may be any text
        return iter(())
    return _marks_in(node, names)


def _marks_in(node: ast.expr, names: _Names) -> Iterator[Any]:
    if isinstance(node, ast.Constant):
        yield from _marks(node.value, names)
    elif isinstance(node, ast.BinOp):
        yield from _marks_in_union([node.left, node.right], names)
    elif isinstance(node, (ast.Name, ast.Attribute)):
        yield from _marks(names.find(node), names)
    elif isinstance(node, ast.Subscript):
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        yield from _marks_in_subscript(names.find(node.value), parts, names)


def _marks_in_union(parts: list[ast.expr], names: _Names, *, optional: bool = False) -> Iterator[Any]:
    inner = itertools.chain.from_iterable(_marks_in(part, names) for part in parts)
    is_optional = optional or any(isinstance(part, ast.Constant) and part.value is None for part in parts)
    return _or_none(inner) if is_optional else inner


def _marks_in_subscript(base: Any, parts: list[ast.expr], names: _Names) -> Iterator[Any]:
    if base is NoKey:
        yield base
    elif base is KeyBy:
        yield KeyBy[None, *[names.need(part) for part in parts[1:]]].__metadata__[0]
        yield from _marks_in(parts[0], names)
    elif base is Annotated:
        yield from _marks_among(map(names.find, parts[1:]))
        yield from _marks_in(parts[0], names)
    elif base in UNIONS or base is Optional:
        yield from _marks_in_union(parts, names, optional=base is Optional)
    else:  # an alias with parameters, `Log = NoKey[T]`, used as `Log[Logger]`
        yield from _marks(base, names)


class _Names:
    """What the names in a function's annotations stand for. Where one is not there, None: it is no mark of ours."""

    def __init__(self, function: Any, where: str) -> None:
        self._where = where
        while isinstance(function, functools.partial):
            function = function.func
        function = getattr(function, "__func__", function)
        if callable(function) and not isinstance(function, types.FunctionType):
            function = type(function).__call__
        self._globals = getattr(function, "__globals__", {})
        self._cells = dict(_cells(function)) if isinstance(function, types.FunctionType) else {}

    def find(self, node: ast.expr) -> Any:
        """Return what an expression stands for, or None."""
        try:
            return self._evaluate(node)
        except Exception:  # noqa: BLE001 # a name for type checkers only, or whatever else an annotation may say
            return None

    def need(self, node: ast.expr) -> Any:
        """Return what an expression stands for; raise InvalidArgument where that is not there."""
        try:
            return self._evaluate(node)
        except Exception as error:
            raise InvalidArgument(
                f"{self._where}: KeyBy names the function {ast.unparse(node)}, which can't be found from here: {error}"
            ) from error

    def value_of(self, alias: Any) -> Any:
        """Return what a type alias stands for, or None."""
        try:
            return alias.__value__
        except Exception:  # noqa: BLE001 # it is evaluated only now
            return None

    def _evaluate(self, node: ast.expr) -> Any:
        code = compile(ast.Expression(node), "<annotation>", "eval")
        return eval(code, self._globals, self._cells)  # noqa: S307 # the user's own annotation, as typing evaluates it


def _cells(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with contextlib.suppress(ValueError):  # a variable that has not been assigned yet
            yield name, cell.cell_contents
