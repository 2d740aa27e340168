"""A code object to canonical bytes: what runs, without where it stands, what it is called and how it is documented.

Instructions are taken with their arguments resolved: a constant by value, a global by name, a local by number, a jump
by the instruction that it leads to. A docstring is never loaded by an instruction, so it drops out by itself, as do
line numbers, comments and the names of local variables.
"""

from __future__ import annotations

import dis
import types
from bisect import bisect_left
from typing import Any
from weakref import WeakKeyDictionary

from memostore.keys.encoding import SCALARS, Walk, encode_sequence, scalar
from memostore.keys.naming import function_name
from memostore.keys.rules import register

__all__ = ["encode_body", "encode_code", "encode_function"]

# 0x4000000 is CO_HAS_DOCSTRING, from 3.13 on.
FLAGS_THAT_COUNT = ~0x4000000

SILENT = frozenset({"EXTENDED_ARG", "CACHE", "NOP"})
JUMPS = frozenset(dis.hasjrel) | frozenset(dis.hasjabs)
LOCALS = frozenset(dis.haslocal)

# A code object never changes, so it is encoded once.
ENCODED: WeakKeyDictionary[types.CodeType, bytes] = WeakKeyDictionary()


def encode_body(code: types.CodeType) -> Walk:
    """Encode what a function does, without its parameters' names: a call's key goes by their places."""
    instructions = [i for i in dis.get_instructions(code) if i.opname not in SILENT]
    offsets = [instruction.offset for instruction in instructions]
    flat: list[Any] = [
        code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags & FLAGS_THAT_COUNT,
        *_exception_table(code, offsets),
    ]  # fmt: skip
    for instruction in instructions:
        argument = _argument(instruction, offsets)
        if type(argument) in SCALARS:
            flat += (instruction.opname, argument)
        else:
            flat += (instruction.opname, "encoded", (yield (" a constant of type {}", type(argument)), argument).hex())
    return b"X" + scalar(flat)


def encode_code(code: types.CodeType) -> bytes | Walk:
    """Encode a code object, with its parameters' names: calls that we do not see may go by them."""
    known = ENCODED.get(code)
    return _encode_named(code) if known is None else known


def _encode_named(code: types.CodeType) -> Walk:
    n_parameters = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4) + bool(code.co_flags & 8)
    body = yield from encode_body(code)
    ENCODED[code] = encoded = b"x" + scalar(code.co_varnames[:n_parameters]) + body
    return encoded


def _argument(instruction: dis.Instruction, offsets: list[int]) -> Any:
    if instruction.opcode in JUMPS:  # to the first instruction at or after an offset: prefixes of it are left out
        return bisect_left(offsets, instruction.argval)
    if instruction.opcode in LOCALS or instruction.arg is None:
        return instruction.arg
    return instruction.argval


def _exception_table(code: types.CodeType, offsets: list[int]) -> list[int]:
    table = []
    for entry in dis._parse_exception_table(code):  # type: ignore[attr-defined] # there is no public reader of it
        places = (bisect_left(offsets, place) for place in (entry.start, entry.end, entry.target))
        table += [*places, entry.depth * 2 + entry.lasti]
    return table


def encode_function(function: types.FunctionType) -> Walk:
    """Encode a function that is an argument, a default or in a closure: its name, code, defaults and cells."""
    cells = [_content(cell) for cell in function.__closure__ or ()]
    parts = [*function_name(function), function.__code__, function.__defaults__, function.__kwdefaults__, cells]
    return encode_sequence(b"Y", parts)


def _content(cell: types.CellType) -> Any:
    try:
        return (cell.cell_contents,)
    except ValueError:  # the variable has not been assigned yet
        return ()


register(types.CodeType, encode_code)
register(types.FunctionType, encode_function)
