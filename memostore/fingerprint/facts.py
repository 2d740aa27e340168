"""What there is to know of a code object, worked out once: its form, and what it reads from outside.

By its source where that is what runs, else by its bytecode. Source is better: the compiler's output depends on the
Python version, on -O, and here and there on line breaks.
"""

from __future__ import annotations

import ast
import sys
import types
import weakref
from collections.abc import Iterator

from memostore.digest import digest
from memostore.fingerprint.bytecode import encode_bytecode, reads_of_bytecode
from memostore.fingerprint.lazy import made_lazily
from memostore.fingerprint.normal_form import READS_ANNOTATIONS, normal_form
from memostore.fingerprint.records import attributes_only_written, names_only_written
from memostore.fingerprint.shelf import Facts, from_shelf, to_shelf
from memostore.fingerprint.source import definition_of
from memostore.keys.encoding import Encoder, scalar
from memostore.keys.rules import register, rule_for

__all__ = ["Facts", "facts_of"]


class _Known:
    """Facts of code objects, by identity: equal ones may come from other files, or from none."""

    def __init__(self) -> None:
        self._by_id: dict[int, tuple[weakref.ref[types.CodeType], Facts]] = {}

    def get(self, code: types.CodeType) -> Facts | None:
        found = self._by_id.get(id(code))
        return found[1] if found is not None and found[0]() is code else None

    def put(self, code: types.CodeType, facts: Facts) -> None:
        number = id(code)
        self._by_id[number] = (weakref.ref(code, lambda _: self._by_id.pop(number, None)), facts)


# A code object never changes.
KNOWN = _Known()


def facts_of(code: types.CodeType) -> Facts:
    """Return what is known of a code object."""
    facts = KNOWN.get(code)
    if facts is None:
        facts = from_shelf(code)
        if facts is None:
            facts = _facts(code)
            if not READS_ANNOTATIONS & facts.names:  # these are no part of a code object
                to_shelf(code, facts)
        KNOWN.put(code, facts)
    return facts


def _facts(code: types.CodeType) -> Facts:
    definition = definition_of(code)
    if definition is None:
        version = repr(sys.version_info[:2]).encode()  # of the standard library and the compiler
        encoded = Encoder(rule_for).encode(_Bytecode(code))
        return Facts(
            b"bytecode" + version + digest(encoded), tuple(reads_of_bytecode(code)), names=frozenset(_names_in(code))
        )
    node = definition.node
    form = normal_form(node, frozenset(code.co_freevars))
    is_lambda = isinstance(node, ast.Lambda)
    return Facts(
        b"source" + digest(scalar(form.flat)), tuple(form.reads), tuple(form.unseen),
        names_only_written(node) if code.co_freevars else frozenset(), made_lazily(node), form.names, form.sets,
        Facts._field_defaults["receiver"] if is_lambda else attributes_only_written(node),  # type: ignore[arg-type]
    )  # fmt: skip


def _names_in(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names_in(constant)


class _Bytecode:
    """Marks a code object whose bytecode is to be encoded."""

    def __init__(self, code: types.CodeType) -> None:
        self.code = code


register(_Bytecode, lambda marked: encode_bytecode(marked.code))
