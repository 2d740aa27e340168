"""Objects known only by the state that pickle would save: a canonical walk of that state, never the pickle bytes."""

from __future__ import annotations

import copyreg
import datetime
import decimal
import fractions
import functools
import io
import random
from collections.abc import Iterator
from typing import Any

from memostore.keys.encoding import CodeOf, Step, Unkeyable, Walk, encode_pairs, encode_tagged, scalar
from memostore.keys.naming import module_name, type_name

__all__ = [
    "Recorder",
    "State",
    "described",
    "encode_instance",
    "encode_object",
    "encode_recorder",
    "encode_state",
    "own_state",
]


# Their pickles leave out the attributes that a subclass adds.
FORGETFUL = (
    datetime.date, datetime.time, datetime.timedelta, datetime.tzinfo, decimal.Decimal, fractions.Fraction,
    random.Random,
)  # fmt: skip


class State:
    """An object's attributes, so that messages say `.name` where a dict's would say `['name']`."""

    def __init__(self, attributes: dict[Any, Any], parts: tuple[Any, ...] = ()) -> None:
        self.attributes = attributes
        self.parts = parts  # of a state in two parts, those of the dictionary and those of the slots


class Recorder:
    """An object whose attributes of some names are to be left out."""

    def __init__(self, value: Any, names: frozenset[str]) -> None:
        self.value = value
        self.names = names


def encode_instance(tag: bytes, kind: type, *children: tuple[Step, Any]) -> Walk:
    """Encode an object by its class, by name and by code, and by what it holds."""
    return encode_tagged(tag, type_name(kind), ((" its class", ""), CodeOf(kind)), *children)


def encode_recorder(recorder: Recorder) -> Walk:
    """Encode an object as if some attributes were not there. One that pickles in its own way is taken whole."""
    value = recorder.value
    kind: Any = type(value)
    if kind.__reduce_ex__ is not object.__reduce_ex__ or kind.__getstate__ is not object.__getstate__:
        return encode_tagged(b"r", "whole", (("{}", ""), value))
    attributes = {name: item for name, item in vars(value).items() if name not in recorder.names}
    slots = object.__getstate__(value)
    others = slots[1] if isinstance(slots, tuple) else None
    return encode_instance(b"R", type(value), (("{}", ""), _marked(value, attributes)), (("{}", ""), others))


def encode_object(value: Any) -> Walk:
    """Encode an object by what `copyreg` or its class would have pickle save of it."""
    reducer = copyreg.dispatch_table.get(type(value))
    try:
        reduced = value.__reduce_ex__(4) if reducer is None else reducer(value)
    except Exception as error:  # a class may raise anything here; TypeError is what unpicklable ones do
        raise Unkeyable(described(value)) from error
    if isinstance(reduced, str):
        module = module_name(getattr(value, "__module__", None) or "")
        return encode_instance(b"g", type(value), (("{}", ""), (module, reduced)))
    return _reduced(value, *reduced)


def _reduced(
    value: Any, factory: Any, args: Any, state: Any = None, items: Any = None, pairs: Any = None, setter: Any = None
) -> Walk:
    return encode_instance(
        b"O", type(value),
        ((" its factory", ""), _factory(factory)),
        ((" its arguments", ""), (*args, _hidden(value, factory))),
        (("{}", ""), _state_parts(value, state)),
        (("{}", ""), own_state(value) if isinstance(value, FORGETFUL) else None),
        ((" its state's setter", ""), setter),
        (("{}", ""), None if items is None else list(items)),
        (("{}", ""), None if pairs is None else [(key, item) for key, item in pairs]),
    )  # fmt: skip


def _factory(factory: Any) -> Any:
    """Return what makes the object; of pickle's own helpers, which do nothing but call the class, only the name."""
    return factory.__qualname__ if getattr(factory, "__module__", None) == "copyreg" else factory


def _hidden(value: Any, factory: Any) -> Any:
    """Return the attributes of an object whose factory has a closure, which may hold the object itself."""
    return getattr(value, "__dict__", None) if getattr(factory, "__closure__", None) else None


def own_state(value: Any) -> Any:
    """Return the attributes of an instance of a built-in's subclass, those in slots too."""
    return _state_parts(value, object.__getstate__(value))


def _state_parts(value: Any, state: Any) -> Any:
    """Return a pickle state with the dictionaries in it marked as attributes."""
    if isinstance(state, tuple) and len(state) == 2:
        return State({}, tuple(_marked(value, part) for part in state))
    return _marked(value, state)


def _marked(value: Any, part: Any) -> Any:
    return State(_without_derived(value, part)) if type(part) is dict else part


def _without_derived(value: Any, attributes: dict[Any, Any]) -> dict[Any, Any]:
    """Leave out what `functools.cached_property` has put beside the attributes: it follows from them."""
    kind: Any = type(value)
    derived = _cached_properties(kind)
    return {name: attribute for name, attribute in attributes.items() if name not in derived}


@functools.lru_cache(maxsize=4096)
def _cached_properties(kind: Any) -> frozenset[str]:
    members = (member for base in kind.__mro__ for member in vars(base).items())
    return frozenset(name for name, member in members if isinstance(member, functools.cached_property))


def encode_state(state: State) -> Walk:
    """Encode attributes by name."""
    if state.parts:
        return encode_tagged(b"a", "parts", *((("{}", ""), part) for part in state.parts))
    if {str}.issuperset(map(type, state.attributes)):
        return _named(state.attributes)
    return encode_pairs(b"a", state.attributes.items())


def _named(attributes: dict[str, Any]) -> Walk:
    parts = []
    for name in sorted(attributes):
        encoded = yield (".{}", name), attributes[name]
        parts.append(scalar((name, len(encoded))) + encoded)
    return b"A" + b"".join(parts)


def described(value: Any) -> str:
    """Return a value's type as messages name it: "a generator", "an open file"."""
    if isinstance(value, io.IOBase):
        return "an open file can't be keyed: pass its path"
    name = type(value).__qualname__
    article = "an" if name[0].lower() in "aeiou" else "a"
    advice = "; pass a list of what it gives" if isinstance(value, Iterator) else ""
    return f"{article} {name} can't be keyed{advice}"
