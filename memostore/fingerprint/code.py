"""The canonical form of a code object: by its source where that is what runs, else by its bytecode.

Source is better: the compiler's output depends on the Python version, on -O, and here and there on line breaks.
"""

from __future__ import annotations

import ast
import collections
import types
import weakref

from memostore.digest import digest
from memostore.fingerprint.bytecode import encode_bytecode
from memostore.fingerprint.normal_form import normal_form
from memostore.fingerprint.records import attributes_only_written, names_only_written
from memostore.fingerprint.source import definition_of
from memostore.keys.encoding import Encoder, Walk, encode_sequence, scalar
from memostore.keys.naming import function_name
from memostore.keys.rules import register, rule_for

__all__ = ["RECORDS", "encode_body", "encode_function", "receiver_records", "written_only"]

# Where a function only writes to one of these (`calls.append(x)`, `n += 1`), nothing of it reaches the result.
RECORDS = frozenset({list, dict, set, int, float, collections.deque, collections.Counter, collections.defaultdict})


class _Known:
    """What is known of code objects, by identity: equal ones may come from other files, or from none."""

    def __init__(self) -> None:
        self._by_id: dict[int, tuple[weakref.ref[types.CodeType], bytes]] = {}

    def get(self, code: types.CodeType) -> bytes | None:
        found = self._by_id.get(id(code))
        return found[1] if found is not None and found[0]() is code else None

    def put(self, code: types.CodeType, encoded: bytes) -> None:
        number = id(code)
        self._by_id[number] = (weakref.ref(code, lambda _: self._by_id.pop(number, None)), encoded)


# A code object never changes, so it is encoded once.
BODIES = _Known()


def encode_body(code: types.CodeType) -> bytes:
    """Return what a function does, without its parameters' names: a call's key goes by their places."""
    known = BODIES.get(code)
    if known is None:
        known = _encoded(code)
        BODIES.put(code, known)
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


def receiver_records(code: types.CodeType) -> tuple[frozenset[str], frozenset[str]]:
    """Return which attributes of its first argument a function only writes, and which it reads, as its source tells."""
    definition = definition_of(code)
    if definition is None or isinstance(definition.node, ast.Lambda):
        return frozenset(), frozenset()
    return attributes_only_written(definition.node)


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
    code = function.__code__
    written = written_only(code) if code.co_freevars else frozenset()
    named = zip(code.co_freevars, function.__closure__ or (), strict=True)
    cells = [_content(cell, is_written=name in written) for name, cell in named]
    parts = [*function_name(function), function.__code__, function.__defaults__, function.__kwdefaults__, cells]
    parts.append({name: item for name, item in vars(function).items() if not name.startswith("_")})
    return encode_sequence(b"Y", parts)


def _content(cell: types.CellType, is_written: bool) -> tuple[object, ...]:
    try:
        content = cell.cell_contents
        return ("written",) if is_written and type(content) in RECORDS else (content,)
    except ValueError:  # the variable has not been assigned yet
        return ()


register(_Bytecode, lambda marked: encode_bytecode(marked.code))
register(types.CodeType, encode_code)
register(types.FunctionType, encode_function)
