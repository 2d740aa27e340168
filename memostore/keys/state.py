"""Objects known only by the state that pickle would save: a canonical walk of that state, never the pickle bytes."""

from __future__ import annotations

import copyreg
import functools
import io
import sys
from collections.abc import Iterator
from typing import Any

from memostore.keys.encoding import (
    CodeOf,
    Rule,
    Step,
    Unkeyable,
    Walk,
    asks_the_class,
    encode_pairs,
    encode_tagged,
    scalar,
)
from memostore.keys.naming import module_of, type_name

__all__ = [
    "Recorder",
    "State",
    "described",
    "encode_default",
    "encode_instance",
    "encode_object",
    "encode_recorder",
    "encode_state",
    "object_rule",
    "own_slots",
    "own_state",
]


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


def object_rule(kind: Any) -> Rule:
    """Return the rule of a class that has no other: whether or not its own code says what is saved of it."""
    own_code = ("__reduce_ex__", "__reduce__", "__getstate__")
    is_default = all(getattr(kind, name) is getattr(object, name) for name in own_code)
    asks = not is_default or hasattr(kind, "__getnewargs_ex__") or hasattr(kind, "__getnewargs__")
    return encode_object if asks or kind in copyreg.dispatch_table else encode_default


def encode_default(value: Any) -> Walk:
    """Encode an object whose class leaves it to Python what is saved of it: the class and the attributes."""
    try:
        reduced: Any = object.__reduce_ex__(value, 4)
    except TypeError as error:  # of a type in C that keeps its state to itself
        raise Unkeyable(described(value)) from error
    return encode_instance(b"D", type(value), (("{}", ""), _state_parts(value, reduced[2])))


@asks_the_class
def encode_object(value: Any) -> Walk:
    """Encode an object by what `copyreg` or its class would have pickle save of it."""
    reducer = copyreg.dispatch_table.get(type(value))
    try:
        reduced = value.__reduce_ex__(4) if reducer is None else reducer(value)
    except Exception as error:  # a class may raise anything here; TypeError is what unpicklable ones do
        raise Unkeyable(described(value)) from error
    if isinstance(reduced, str):
        module = module_of(value)
        return encode_instance(b"g", type(value), (("{}", ""), (module, reduced)))
    if len(reduced) < 2 or type(reduced[1]) is not tuple:  # an iterator could be used up, or have no end
        raise Unkeyable(described(value))
    if isinstance(value, BaseException) and reduced[2:] == ({},):
        reduced = reduced[:2]  # whether an error has a dictionary depends on whether anybody has looked
    return _reduced(value, *reduced)


def _reduced(
    value: Any, factory: Any, args: Any, state: Any = None, items: Any = None, pairs: Any = None, setter: Any = None
) -> Walk:
    return encode_instance(
        b"O", type(value),
        ((" its factory", ""), _factory(factory)),
        ((" its arguments", ""), args),
        (("{}", ""), _state_parts(value, state)),
        (("{}", ""), own_state(value) if _is_hidden(type(value), factory, setter) else None),
        ((" its state's setter", ""), setter),
        (("{}", ""), None if items is None else list(items)),
        (("{}", ""), None if pairs is None else [(key, item) for key, item in pairs]),
        ((".__cause__", ""), value.__cause__ if issubclass(type(value), BaseException) else None),
    )  # fmt: skip


def _factory(factory: Any) -> Any:
    """Return what makes the object; of pickle's own helpers, which do nothing but call the class, only the name."""
    return factory.__qualname__ if getattr(factory, "__module__", None) == "copyreg" else factory


def _is_hidden(kind: type, factory: Any, setter: Any) -> bool:
    """Say whether an object has attributes that its reduced form need not show: where a closure in it may hold the
    object itself, or where the class that reduces it knows nothing of what a subclass adds.
    """
    if getattr(factory, "__closure__", None) or getattr(setter, "__closure__", None):
        return True
    return _inherits_reduction(kind)


@functools.lru_cache(maxsize=4096)
def _inherits_reduction(kind: type) -> bool:
    """Say whether a class takes its reduction from one of the standard library, as a subclass of `date` does."""
    for base in kind.__mro__[:-1]:
        if "__reduce_ex__" in vars(base) or "__reduce__" in vars(base):
            return base is not kind and module_of(base).partition(".")[0] in sys.stdlib_module_names
    return False


def own_state(value: Any) -> Any:
    """Return the attributes of an instance of a built-in's subclass, those in slots too."""
    return _state_parts(value, object.__getstate__(value))


def own_slots(value: Any) -> dict[str, Any]:
    """Return what is assigned in an object's slots, by name."""
    state = object.__getstate__(value)
    return state[1] if type(state) is tuple else {}


def _state_parts(value: Any, state: Any) -> Any:
    """Return a pickle state with the dictionaries in it marked as attributes."""
    if type(state) is tuple and len(state) == 2:
        return State({}, tuple(_marked(value, part) for part in state))
    return _marked(value, state)


def _marked(value: Any, part: Any) -> Any:
    if type(part) is not dict:
        return part
    attributes = _without_derived(value, part)
    return State(attributes) if attributes or not part else None  # the state of an object that has no attributes


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
    if issubclass(type(value), io.IOBase):
        return "an open file can't be keyed: pass its path"
    name = type(value).__qualname__
    article = "an" if name[0].lower() in "aeiou" else "a"
    advice = "; pass a list of what it gives" if issubclass(type(value), Iterator) else ""
    return f"{article} {name} can't be keyed{advice}"
