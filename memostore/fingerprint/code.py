"""The canonical form of a code object: by its source where that is what runs, else by its bytecode.

Source is better: the compiler's output depends on the Python version, on -O, and here and there on line breaks.
"""

from __future__ import annotations

import types
from weakref import WeakKeyDictionary

from memostore.digest import digest
from memostore.fingerprint.bytecode import encode_bytecode
from memostore.fingerprint.normal_form import normal_form
from memostore.fingerprint.records import names_only_written
from memostore.fingerprint.source import definition_of
from memostore.keys.encoding import Encoder, Walk, encode_sequence, scalar
from memostore.keys.naming import function_name
from memostore.keys.rules import register, rule_for

__all__ = ["encode_body", "encode_function", "written_only"]

# A code object never changes, so it is encoded once.
BODIES: WeakKeyDictionary[types.CodeType, bytes] = WeakKeyDictionary()


def encode_body(code: types.CodeType) -> bytes:
    """Return what a function does, without its parameters' names: a call's key goes by their places."""
    known = BODIES.get(code)
    if known is None:
        known = BODIES[code] = _encoded(code)
    return known


def _encoded(code: types.CodeType) -> bytes:
    definition = definition_of(code)
    if definition is None:
        return b"bytecode" + digest(Encoder(rule_for).encode(_Bytecode(code)))
    return b"source" + digest(scalar(normal_form(definition.node)))


def written_only(code: types.CodeType) -> frozenset[str]:
    """Return the names of variables that a function, as its source tells, writes to and never reads."""
    definition = definition_of(code)
    return frozenset() if definition is None else names_only_written(definition.node)


class _Bytecode:
    """Marks a code object whose bytecode is to be encoded."""

    def __init__(self, code: types.CodeType) -> None:
        self.code = code


def encode_code(code: types.CodeType) -> bytes:
    """Encode a code object with its name and parameters: calls that we do not see may go by them."""
    n_parameters = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4) + bool(code.co_flags & 8)
    return b"x" + scalar((code.co_name, *code.co_varnames[:n_parameters])) + encode_body(code)


def encode_function(function: types.FunctionType) -> Walk:
    """Encode a function that is an argument, a default or in a closure: its name, code, defaults and cells."""
    cells = [_content(cell) for cell in function.__closure__ or ()]
    parts = [*function_name(function), function.__code__, function.__defaults__, function.__kwdefaults__, cells]
    return encode_sequence(b"Y", parts)


def _content(cell: types.CellType) -> tuple[object, ...]:
    try:
        return (cell.cell_contents,)
    except ValueError:  # the variable has not been assigned yet
        return ()


register(_Bytecode, lambda marked: encode_bytecode(marked.code))
register(types.CodeType, encode_code)
register(types.FunctionType, encode_function)
