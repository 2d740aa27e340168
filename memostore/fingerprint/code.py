"""Functions and classes as values: a call's argument, a default, what a closure holds.

Such a value counts by its name and by what it does: a function that is given another function may return its name.
"""

from __future__ import annotations

import types
from typing import Any

from memostore.fingerprint.facts import facts_of
from memostore.fingerprint.live import code_behind
from memostore.fingerprint.units import DISPATCHING, closure_of, parameters_of_code
from memostore.keys.encoding import CodeOf, Walk, encode_sequence, scalar
from memostore.keys.naming import function_name
from memostore.keys.rules import register

__all__ = ["encode_body"]


def encode_body(code: types.CodeType) -> bytes:
    """Return what a function does, without its parameters' names: a call's key goes by their places."""
    facts = facts_of(code)
    return facts.form + scalar([str(read) for read in facts.reads])


def encode_code(code: types.CodeType) -> bytes:
    """Encode a code object with its name and parameters: calls that we do not see may go by them."""
    return b"x" + scalar((code.co_name, *parameters_of_code(code))) + encode_body(code)


def encode_function(function: types.FunctionType) -> Walk:
    """Encode a function: its name, its code with all that it reaches, its defaults and its closure."""
    parts: list[Any] = [*function_name(function), function.__code__, function.__defaults__, function.__kwdefaults__]
    parts += closure_of(function, facts_of(function.__code__).written)
    hidden = ("register", "dispatch", "registry") if function.__code__ is DISPATCHING else ()  # they lead to a cache
    parts.append({n: item for n, item in vars(function).items() if not n.startswith("_") and n not in hidden})
    return encode_sequence(b"Y", [*parts, CodeOf(function)])


def encode_module(module: types.ModuleType) -> Walk:
    """Encode a module by its name, and one of the user's own by its content."""
    return encode_sequence(b"i", [module.__name__, CodeOf(module)])


register(types.ModuleType, encode_module)
register(types.CodeType, encode_code)
register(types.FunctionType, encode_function)
register(CodeOf, lambda marker: code_behind(marker.owner))
