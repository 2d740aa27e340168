"""Memoized methods bound to their receiver, as functions become bound methods."""

from __future__ import annotations

import functools
import inspect
import types
from typing import Any, Generic, ParamSpec, TypeVar

__all__ = ["BoundMemo", "MemoClassmethod"]

P = ParamSpec("P")
R = TypeVar("R")


class BoundMemo(Generic[P, R]):
    """A memoized method of one instance: its faces take the call's arguments without the instance."""

    __slots__ = ("__func__", "__self__", "__weakref__")

    TAKE_ARGUMENTS = frozenset(
        {
            "key", "keys", "is_cached", "check_call_in_cache", "missing", "lookup", "entry", "explain", "refresh",
            "invalidate",
        }
    )  # fmt: skip

    def __init__(self, memo: Any, instance: Any) -> None:
        self.__func__ = memo
        self.__self__ = instance

    @property
    def __doc__(self) -> str | None:  # type: ignore[override]
        """The method's docstring."""
        doc: str | None = self.__func__.__doc__
        return doc

    @property
    def __signature__(self) -> inspect.Signature:
        """The method's signature, without its receiver."""
        return inspect.signature(types.MethodType(self.__func__.__wrapped__, self.__self__))

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the memoized method."""
        return self.__func__(self.__self__, *args, **kwargs)  # type: ignore[no-any-return]

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self.__func__, name)
        return functools.partial(attribute, self.__self__) if name in self.TAKE_ARGUMENTS else attribute

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BoundMemo) and self.__func__ is other.__func__ and self.__self__ is other.__self__

    def __hash__(self) -> int:
        return hash((id(self.__func__), id(self.__self__)))

    def __reduce__(self) -> Any:
        """Pickle as the attribute of the instance, as bound methods are."""
        return getattr, (self.__self__, self.__func__.__name__)

    def __memo_key__(self) -> Any:
        """Stand, as an argument of another memoized call, for the method and its receiver."""
        return self.__func__, self.__self__

    def __repr__(self) -> str:
        return f"<bound {self.__func__!r} of {self.__self__!r}>"


class MemoClassmethod(classmethod):  # type: ignore[type-arg] # its own parameters are of no use here
    """A classmethod whose faces take the call's arguments without the class, on every Python."""

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return BoundMemo(self.__func__, owner if owner is not None else type(instance))
