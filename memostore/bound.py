"""Memoized methods bound to their receiver, as functions become bound methods."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

if TYPE_CHECKING:
    from memostore.explain import Explanation
    from memostore.memo import Memo
    from memostore.records import Entry, StoredCall
    from memostore.tally import CacheInfo

__all__ = ["Bindable", "BoundMemo", "MemoClassmethod"]

P = ParamSpec("P")
P2 = ParamSpec("P2")
R = TypeVar("R")
T = TypeVar("T")


class BoundMemo(Generic[P, R]):
    """A memoized method of one instance: its faces take the call's arguments without the instance."""

    __slots__ = ("__func__", "__self__", "__weakref__")

    TAKE_ARGUMENTS = frozenset({
        "key", "is_cached", "check_call_in_cache", "lookup", "entry", "explain", "refresh", "invalidate", "_look",
        "_adopt",
    })  # fmt: skip

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

    def map(self, iterable: Iterable[Any], /, *more: Iterable[Any], **options: Any) -> list[R]:
        """Call the method for each item: see `Memo.map`, whose options it takes."""
        return type(self.__func__).map(self, iterable, *more, **options)  # type: ignore[no-any-return]

    if TYPE_CHECKING:  # what `Memo` says of the same faces, without the receiver

        __name__: str
        __qualname__: str

        def key(self, /, *args: P.args, **kwargs: P.kwargs) -> str: ...
        def is_cached(self, /, *args: P.args, **kwargs: P.kwargs) -> bool: ...
        def check_call_in_cache(self, /, *args: P.args, **kwargs: P.kwargs) -> bool: ...
        @overload
        def lookup(self, /, *args: P.args, **kwargs: P.kwargs) -> R | None: ...
        @overload
        def lookup(self, /, *args: Any, default: T, **kwargs: Any) -> R | T: ...
        def lookup(self, /, *args: Any, **kwargs: Any) -> Any: ...
        def entry(self, /, *args: P.args, **kwargs: P.kwargs) -> Entry | None: ...
        def explain(self, /, *args: P.args, **kwargs: P.kwargs) -> Explanation: ...
        def refresh(self, /, *args: P.args, **kwargs: P.kwargs) -> R: ...
        def invalidate(self, /, *args: P.args, **kwargs: P.kwargs) -> int: ...
        def results(
            self, frame: bool = False, *, all_versions: bool = False, values: bool = True
        ) -> Iterator[StoredCall]: ...
        def cache_info(self) -> CacheInfo: ...
        def cache_clear(self) -> None: ...
        def cache_parameters(self) -> dict[str, Any]: ...
        @property
        def memo_name(self) -> tuple[str, str]: ...
        @property
        def memo_names(self) -> list[tuple[str, str]]: ...
        @property
        def __wrapped__(self) -> Callable[..., R]: ...
    else:

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


class _Mypy:
    """The type of nothing: only mypy takes it for that of a method's first parameter."""


class Bindable(Generic[P, R]):
    """What is bound to an instance when it is reached through one, as functions are."""

    # Type checkers see the bare function, wherever @classmethod or @staticmethod stands: the first shows by a parameter
    # that takes the owner, the second does not show. mypy does not look at that parameter here, and takes the first of
    # these wherever a class is asked: it checks no arguments then.
    @overload
    def __get__(self: Bindable[Concatenate[_Mypy, P2], R], instance: None, owner: Any = None) -> Memo[..., R]: ...
    @overload
    def __get__(self: Bindable[Concatenate[type[T], P2], R], instance: None, owner: type[T]) -> BoundMemo[P2, R]: ...
    @overload
    def __get__(self, instance: None, owner: Any = None) -> Self: ...
    @overload
    def __get__(self: Bindable[Concatenate[Any, P2], R], instance: object, owner: Any = None) -> BoundMemo[P2, R]: ...
    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Bind to an instance, as functions do."""
        return self if instance is None else BoundMemo(self, instance)


class MemoClassmethod(classmethod):  # type: ignore[type-arg] # its own parameters are of no use here
    """A classmethod whose faces take the call's arguments without the class, on every Python."""

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return BoundMemo(self.__func__, owner if owner is not None else type(instance))
