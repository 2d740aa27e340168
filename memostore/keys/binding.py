"""One call, however it is written, to one tuple of values in the order of the parameters.

Python's own argument binding does the work: for each signature a small function is compiled that takes the same
parameters and returns them as a tuple. `inspect.Signature.bind` gives the same and takes twenty times as long.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from types import FunctionType, MappingProxyType
from typing import Any

from memostore.errors import InvalidArgument
from memostore.keys.annotations import AS_TEXT, marked

__all__ = ["Binder", "check_ignored", "is_misfit", "signature_of"]

Kind = inspect.Parameter

STARS: dict[Any, str] = {Kind.VAR_POSITIONAL: "*", Kind.VAR_KEYWORD: "**"}


class Binder:
    """The compiled binding of one function.

    >>> binder = Binder.of(lambda x, y=2, *rest, z=0, **more: None)
    >>> binder.bind(1, z=5), binder.names
    ((1, 2, (), 5, {}), ('x', 'y', 'rest', 'z', 'more'))
    """

    def __init__(
        self, signature: inspect.Signature, ignore: Iterable[str] = (), left_out: frozenset[str] = frozenset(),
        keyed: Mapping[str, Callable[[Any], Any]] = MappingProxyType({}),
    ) -> None:  # fmt: skip
        """`left_out` and `keyed` are what the annotations say: parameters without a part in the key, and what turns a
        parameter's value into what is keyed instead.
        """
        self.keyed = keyed
        parameters = list(signature.parameters.values())
        ignored = frozenset(ignore)
        self.names = tuple(p.name for p in parameters if p.name not in ignored | left_out)
        self.bind: Callable[..., tuple[Any, ...]] = _compile(parameters, self.names, ignored, keyed)
        self.by_content = tuple(name for name in self.names if name not in keyed)
        # Whether the first value is the first argument itself, as who looks for a method's receiver there expects.
        self.keeps_first = bool(parameters) and self.names[:1] == (parameters[0].name,) and self.names[0] not in keyed

    @classmethod
    def of(cls, function: Callable[..., Any], ignore: Iterable[str] = ()) -> Binder:
        """Return the binder of a function; raise InvalidArgument where `ignore` names what it does not take."""
        ignore = tuple(ignore)
        signature = signature_of(function)
        check_ignored(signature, ignore)
        binder = cls(signature, ignore, *marked(function))
        if isinstance(function, FunctionType):  # the dict itself: who changes it in place changes what is called
            binder.bind.__kwdefaults__ = function.__kwdefaults__
        return binder

    def values(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """Return the call's values, or None where the arguments do not fit the signature."""
        try:
            return self.bind(*args, **kwargs)
        except TypeError as error:
            if not is_misfit(error):
                raise
            return None


def is_misfit(error: TypeError) -> bool:
    """Say whether `bind`, called right where the error was caught, raised it for arguments that do not fit.

    If not, a function that KeyBy names did: that is called inside `bind`, one frame further down.
    """
    return error.__traceback__ is None or error.__traceback__.tb_next is None


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """Return the signature that a call must fit, or that of `(*args, **kwargs)` where a built-in tells none.

    Not that of what the function wraps, nor one that it only claims to have (`__signature__`): a decorator may have
    other defaults, or pass arguments of its own.
    """
    try:
        return inspect.signature(_without_claim(function), follow_wrapped=False, **AS_TEXT)
    except ValueError:
        return inspect.Signature([Kind("args", Kind.VAR_POSITIONAL), Kind("kwargs", Kind.VAR_KEYWORD)])


def _without_claim(function: Any) -> Any:
    if not isinstance(function, FunctionType) or "__signature__" not in vars(function):
        return function
    bare = FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )
    bare.__kwdefaults__, bare.__annotations__ = function.__kwdefaults__, function.__annotations__
    return bare


def check_ignored(signature: inspect.Signature, ignore: tuple[str, ...]) -> None:
    """Raise InvalidArgument for names in `ignore` that no call could pass."""
    takes_any = any(p.kind is Kind.VAR_KEYWORD for p in signature.parameters.values())
    unknown = [name for name in ignore if name not in signature.parameters]
    if unknown and not takes_any:
        raise InvalidArgument(
            f"ignore={list(ignore)!r}: the function has no parameter {', '.join(map(repr, unknown))}; "
            f"its parameters are {', '.join(map(repr, signature.parameters)) or 'none'}"
        )


def _compile(
    parameters: list[inspect.Parameter],
    names: tuple[str, ...],
    ignored: frozenset[str],
    keyed: Mapping[str, Callable[[Any], Any]],
) -> Any:
    """Compile `def bind(<the same parameters>): return (<their values>,)`."""
    spare = "_" * (1 + max((len(p.name) for p in parameters), default=0))  # longer than any parameter's name
    results = [_result(p, ignored, keyed, spare) for p in parameters if p.name in names]
    source = f"def bind({_parameter_list(parameters)}): return ({''.join(r + ', ' for r in results)})"
    namespace: dict[str, Any] = {"__builtins__": {}, spare + "ignored": ignored}
    namespace.update({f"{spare}by_{name}": apply for name, apply in keyed.items()})
    # The text holds identifiers out of a signature and nothing else; a default's value never becomes text.
    exec(compile(source, "<memostore binding>", "exec"), namespace)  # noqa: S102 # as dataclasses and namedtuple do
    bind = namespace["bind"]
    given = [p for p in parameters if p.default is not Kind.empty]
    bind.__defaults__ = tuple(p.default for p in given if p.kind is not Kind.KEYWORD_ONLY)
    bind.__kwdefaults__ = {p.name: p.default for p in given if p.kind is Kind.KEYWORD_ONLY}
    return bind


def _result(parameter: inspect.Parameter, ignored: frozenset[str], keyed: Iterable[str], spare: str) -> str:
    name = result = parameter.name
    if parameter.kind is Kind.VAR_KEYWORD and ignored:
        result = f"{{{spare}k: {name}[{spare}k] for {spare}k in {name} if {spare}k not in {spare}ignored}}"
    return f"{spare}by_{name}({result})" if name in keyed else result


def _parameter_list(parameters: list[inspect.Parameter]) -> str:
    parts: list[str] = []
    previous: Any = None
    for parameter in parameters:
        if previous is Kind.POSITIONAL_ONLY and parameter.kind is not Kind.POSITIONAL_ONLY:
            parts.append("/")
        if parameter.kind is Kind.KEYWORD_ONLY and previous not in (Kind.KEYWORD_ONLY, Kind.VAR_POSITIONAL):
            parts.append("*")
        stars = STARS.get(parameter.kind, "")
        parts.append(stars + parameter.name + ("=None" if parameter.default is not Kind.empty else ""))
        previous = parameter.kind
    return ", ".join([*parts, "/"] if previous is Kind.POSITIONAL_ONLY else parts)
