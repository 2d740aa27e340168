"""Objects known only by the state that pickle would save: a canonical walk of that state, never the pickle bytes."""

from __future__ import annotations

import functools
import io
from collections.abc import Iterator
from typing import Any

from memostore.keys.encoding import Unkeyable, Walk, encode_tagged, scalar
from memostore.keys.naming import module_name, type_name

__all__ = ["State", "described", "encode_object", "encode_state", "state_without_derived"]


def encode_object(value: Any) -> Walk:
    """Encode an object by the state that pickle would save, walked canonically; the pickle bytes are never used."""
    try:
        reduced = value.__reduce_ex__(4)
    except Exception as error:  # a class may raise anything here; TypeError is what unpicklable ones do
        raise Unkeyable(described(value)) from error
    if isinstance(reduced, str):
        return encode_tagged(b"g", type_name(type(value)), (("{}", ""), reduced))
    return _reduced(value, *reduced)


def _reduced(
    value: Any, factory: Any, args: Any, state: Any = None, items: Any = None, pairs: Any = None, *_: Any
) -> Walk:
    return encode_tagged(
        b"O", type_name(type(value)),
        ((" its factory", ""), _factory_name(factory)),
        ((" its arguments", ""), tuple(args)),
        (("{}", ""), State(state_without_derived(value, state))),
        (("{}", ""), None if items is None else list(items)),
        (("{}", ""), None if pairs is None else dict(pairs)),
    )  # fmt: skip


def _factory_name(factory: Any) -> str:
    return f"{module_name(getattr(factory, '__module__', '') or '')}.{getattr(factory, '__qualname__', factory)}"


class State:
    """An object's state, so that messages say `.name` where a dict's would say `['name']`."""

    def __init__(self, state: Any) -> None:
        self.state = state


def encode_state(value: State) -> Walk:
    state = value.state
    slots: Any = {}
    if isinstance(state, tuple) and len(state) == 2 and isinstance(state[1], dict):
        state, slots = state
    if type(state) is dict or state is None:
        return _attributes({**(state or {}), **slots})
    return encode_tagged(b"S", "state", (("{}", ""), state), (("{}", ""), slots))


def _attributes(attributes: dict[Any, Any]) -> Walk:
    parts = []
    for name in sorted(attributes, key=str):
        encoded = yield (".{}", name), attributes[name]
        parts.append(scalar((str(name), len(encoded))) + encoded)
    return b"A" + b"".join(parts)


def state_without_derived(value: Any, state: Any) -> Any:
    """Leave out what `functools.cached_property` has put beside the attributes: it follows from them."""
    if type(state) is not dict:
        return state
    kind = type(value)
    return {
        name: attribute
        for name, attribute in state.items()
        if not isinstance(getattr(kind, name, None) if isinstance(name, str) else None, functools.cached_property)
    }


def described(value: Any) -> str:
    """Return a value's type as messages name it: "a generator", "an open file"."""
    if isinstance(value, io.IOBase):
        return "an open file can't be keyed: pass its path"
    name = type(value).__qualname__
    article = "an" if name[0].lower() in "aeiou" else "a"
    advice = "; pass a list of what it gives" if isinstance(value, Iterator) else ""
    return f"{article} {name} can't be keyed{advice}"
