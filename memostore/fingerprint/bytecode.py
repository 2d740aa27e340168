"""A code object to canonical bytes where there is no source: a function made by exec, or edited since it was loaded.

Instructions are taken with their arguments resolved: a constant by value, a global by name, a local by number, a jump
by the instruction that it leads to. A docstring is never loaded by an instruction, so it drops out by itself, as do
line numbers, comments and the names of local variables.
"""

from __future__ import annotations

import dis
import types
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

from memostore.fingerprint.reads import Read
from memostore.fingerprint.scopes import READS_NAMES, Imported
from memostore.keys.encoding import SCALARS, Walk, scalar

__all__ = ["encode_bytecode", "reads_of_bytecode"]

# Generator, coroutine, *args, **kwargs: the flags that say what a call does. Others follow from the code or its file.
FLAGS_THAT_COUNT = 0x04 | 0x08 | 0x20 | 0x80 | 0x100 | 0x200

NOTES_OF_A_CLASS = frozenset({"__firstlineno__", "__static_attributes__"})
SILENT = frozenset({"EXTENDED_ARG", "CACHE", "NOP"})
JUMPS = frozenset(dis.hasjrel) | frozenset(dis.hasjabs)
LOCALS = frozenset(dis.haslocal)

READS_DOCSTRINGS = "__doc__"


def encode_bytecode(code: types.CodeType, with_docstring: bool = False) -> Walk:
    """Encode what a function does; parameters of the functions inside it with their names."""
    with_docstrings = with_docstring or READS_DOCSTRINGS in code.co_names
    instructions = _instructions(code)
    offsets = [instruction.offset for instruction in instructions]
    flat: list[Any] = [
        code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags & FLAGS_THAT_COUNT,
        *_exception_table(code, offsets), *_names_that_count(code, with_docstrings),
    ]  # fmt: skip
    for instruction in instructions:
        argument = _argument(instruction, offsets, code)
        if type(argument) in SCALARS:
            flat += (instruction.opname, argument)
        elif isinstance(argument, types.CodeType):
            inner = yield from encode_bytecode(argument, with_docstrings)
            flat += (instruction.opname, argument.co_name, argument.co_varnames[: _n_parameters(argument)], inner)
        else:
            flat += (instruction.opname, "encoded", (yield (" a constant of type {}", type(argument)), argument))
    return b"X" + scalar(flat)


def _instructions(code: types.CodeType) -> list[dis.Instruction]:
    """Return the instructions that do something; a class's note of its place, which 3.13 makes, is none of them."""
    found = [i for i in dis.get_instructions(code) if i.opname not in SILENT]
    notes = {n for n, i in enumerate(found) if i.opname == "STORE_NAME" and i.argval in NOTES_OF_A_CLASS}
    return [i for n, i in enumerate(found) if n not in notes and n + 1 not in notes]


def _n_parameters(code: types.CodeType) -> int:
    return code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4) + bool(code.co_flags & 8)


def _names_that_count(code: types.CodeType, with_docstring: bool) -> Iterator[Any]:
    read = set(code.co_names)
    if read & READS_NAMES:
        yield from (*code.co_varnames, *code.co_cellvars, *code.co_freevars)
    if with_docstring and code.co_consts and isinstance(code.co_consts[0], str):
        yield code.co_consts[0]


def _argument(instruction: dis.Instruction, offsets: list[int], code: types.CodeType) -> Any:
    if instruction.opcode in JUMPS:  # to the first instruction at or after an offset: prefixes of it are left out
        return bisect_left(offsets, instruction.argval)
    if instruction.opname == "KW_NAMES":  # 3.11 and 3.12, where dis gives the number of the constant
        return code.co_consts[instruction.arg or 0]
    if instruction.opcode in LOCALS or instruction.arg is None:
        return instruction.arg
    return instruction.argval


def _exception_table(code: types.CodeType, offsets: list[int]) -> list[int]:
    table = []
    for entry in dis._parse_exception_table(code):  # type: ignore[attr-defined] # there is no public reader of it
        places = (bisect_left(offsets, place) for place in (entry.start, entry.end, entry.target))
        table += [*places, entry.depth * 2 + entry.lasti]
    return table


def reads_of_bytecode(code: types.CodeType) -> Iterator[Read]:
    """Yield what a function and those inside it read from outside: globals with their attributes, and imports."""
    instructions = _instructions(code)
    for number, instruction in enumerate(instructions):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield Read(instruction.argval, tuple(_attributes_after(instructions, number)))
        elif instruction.opname == "IMPORT_NAME":
            yield from _imports_at(instructions, number)
        elif isinstance(instruction.argval, types.CodeType):
            yield from reads_of_bytecode(instruction.argval)


def _attributes_after(instructions: list[dis.Instruction], number: int) -> Iterator[str]:
    for instruction in instructions[number + 1 :]:
        if instruction.opname not in ("LOAD_ATTR", "LOAD_METHOD"):
            return
        yield instruction.argval


def _imports_at(instructions: list[dis.Instruction], number: int) -> Iterator[Read]:
    """Yield what an import brings: before it lie the dots and the names, and each name is then taken by itself."""
    module, level, names = (instructions[n].argval for n in (number, number - 2, number - 1))
    for name in names or (None,):
        yield Read("", origins=(Imported(module, name, level),))
