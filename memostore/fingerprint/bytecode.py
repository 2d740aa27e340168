"""A code object to canonical bytes: what runs, without where it stands, what it is called and how it is documented.

Instructions are taken with their arguments resolved: a constant by value, a global by name, a local by number, a jump
by the instruction that it leads to. A docstring is never loaded by an instruction, so it drops out by itself, as do
line numbers, comments and the names of local variables.
"""

from __future__ import annotations

import dis
import types
from typing import Any

from memostore.keys.encoding import Walk, encode_sequence
from memostore.keys.naming import function_name
from memostore.keys.rules import register

__all__ = ["content_of", "encode_code", "encode_function"]

# 0x4000000 is CO_HAS_DOCSTRING, from 3.13 on.
FLAGS_THAT_COUNT = ~0x4000000

JUMPS = frozenset(dis.hasjrel) | frozenset(dis.hasjabs)
LOCALS = frozenset(dis.haslocal)


def encode_code(code: types.CodeType) -> Walk:
    """Encode a code object, with the code objects inside it."""
    instructions = [i for i in dis.get_instructions(code) if i.opname not in ("EXTENDED_ARG", "CACHE", "NOP")]
    numbers = {instruction.offset: number for number, instruction in enumerate(instructions)}
    shape = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags & FLAGS_THAT_COUNT)
    handlers = _exception_table(code, numbers)
    return encode_sequence(b"X", [shape, handlers, *(_operation(i, numbers) for i in instructions)])


def _operation(instruction: dis.Instruction, numbers: dict[int, int]) -> tuple[Any, ...]:
    if instruction.opcode in JUMPS:
        return (instruction.opname, "to", _number_of(instruction.argval, numbers))
    if instruction.opcode in LOCALS or instruction.arg is None:
        return (instruction.opname, instruction.arg)
    return (instruction.opname, instruction.argval)


def _number_of(offset: int, numbers: dict[int, int]) -> int:
    """Return the number of the first instruction at or after an offset (jumps may lead to a prefix of one)."""
    following = [number for start, number in numbers.items() if start >= offset]
    return min(following, default=len(numbers))


def _exception_table(code: types.CodeType, numbers: dict[int, int]) -> list[tuple[int, int, int, int]]:
    parse = getattr(dis, "_parse_exception_table", None)
    if parse is None:
        return []
    places = [(e.start, e.end, e.target, e.depth * 2 + e.lasti) for e in parse(code)]
    return [(*(_number_of(offset, numbers) for offset in place[:3]), place[3]) for place in places]


def encode_function(function: types.FunctionType) -> Walk:
    """Encode a function that is an argument, a default or in a closure: its name, code, defaults and cells."""
    cells = [content_of(cell) for cell in function.__closure__ or ()]
    parts = [*function_name(function), function.__code__, function.__defaults__, function.__kwdefaults__, cells]
    return encode_sequence(b"Y", parts)


def content_of(cell: types.CellType) -> Any:
    """Return a closure cell's content in a tuple, or an empty tuple where it has none yet."""
    try:
        return (cell.cell_contents,)
    except ValueError:  # the variable has not been assigned yet
        return ()


register(types.CodeType, encode_code)
register(types.FunctionType, encode_function)
