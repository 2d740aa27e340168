"""What a function reads from outside itself, as its syntax tree tells: globals, imports, and attributes of these.

`helpers.scale` is one read, of a path of two names. Literals count as names where Python takes them as such:
`getattr(helpers, "scale")`, `importlib.import_module("helpers").scale`, `globals()["scale"]`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import NamedTuple

from memostore.fingerprint.records import written_through
from memostore.fingerprint.scopes import Function, Imported, Scope, nodes_of

__all__ = ["OWN_MODULE", "Read", "Reader"]

OWN_MODULE = "globals()"  # the root of a read of all that the function's module holds
SHOWN = 80  # characters of code in a note of what could not be followed
LOOKUPS = frozenset({"eval", "exec", "globals", "vars", "getattr", "__import__"})


class Read(NamedTuple):
    """One thing read: the global that it starts from, or what an import inside the function binds, and attributes."""

    root: str
    path: tuple[str, ...] = ()
    origins: tuple[Imported, ...] = ()
    written: bool = False  # read only to write to what is there: `calls.append(x)`
    called: bool = False  # read only to call it: what it is called matters to nobody

    def __str__(self) -> str:
        origins = "|".join(".".join(filter(None, ("." * o.level + o.module, o.name))) for o in self.origins)
        return ".".join((origins or self.root, *self.path))

    def of(self, attribute: str) -> Read:
        """Return the read of an attribute of what this one reads."""
        return self._replace(path=(*self.path, attribute))


class Reader:
    """Recognizes reads in the tree of one function, and numbers them in the order in which they are met."""

    def __init__(self, root: Function, free: frozenset[str], scope_of: Callable[[str], Scope | None]) -> None:
        self.reads: dict[Read, int] = {}
        self.unseen: list[str] = []
        self._free = free
        self._scope_of = scope_of
        self._callees = {id(node.func) for node in nodes_of(root) if isinstance(node, ast.Call)}
        self._writing = {id(node) for node in written_through(root)}

    def number_of(self, node: ast.expr) -> int | None:
        """Return the number of what a node reads from outside, None for a node of another kind."""
        read = self._read(node)
        if read is not None and id(node) in self._callees:
            read = read._replace(called=True)
        if read is None or (read.root == OWN_MODULE and not read.path):
            self.unseen += self._not_followed(node)
        return None if read is None else self.reads.setdefault(read, len(self.reads))

    def written_to(self, node: ast.Attribute) -> Read | None:
        """Return what an attribute is set on, if it is something outside: `Stats.calls += 1` does not read it."""
        return None if isinstance(node.ctx, ast.Load) else self._read(node.value)

    def _read(self, node: ast.expr) -> Read | None:
        read = self._found(node)
        return read._replace(written=True) if read is not None and id(node) in self._writing else read

    def _found(self, node: ast.expr) -> Read | None:
        if isinstance(node, ast.Name):
            return self._of_name(node.id) if isinstance(node.ctx, ast.Load) else None
        if isinstance(node, ast.Attribute):
            return self._of_attribute(node)
        if isinstance(node, ast.Call):
            return self._of_call(node)
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            return self._of_item(node)
        return None

    def _of_name(self, name: str) -> Read | None:
        scope = self._scope_of(name)
        if scope is not None:
            return Read("", origins=scope.imports[name]) if name in scope.imports else None
        return None if name in self._free else Read(name)

    def _of_attribute(self, node: ast.Attribute) -> Read | None:
        if not isinstance(node.ctx, ast.Load) or id(node.value) in self._writing:
            return None
        owner = self._read(node.value)
        return None if owner is None else owner.of(node.attr)

    def _of_call(self, node: ast.Call) -> Read | None:
        """Follow getattr(a, "b"), import_module("a.b"), __import__("a") and globals()."""
        called, args = self._called(node), node.args
        if node.keywords or called is None:
            return None
        if called == "globals" and not args:
            return Read(OWN_MODULE)
        if called == "getattr" and len(args) == 2 and (name := _literal(args[1])):  # object and name
            owner = self._read(args[0])
            return None if owner is None else owner.of(name)
        if called in ("import_module", "__import__") and len(args) == 1 and (name := _literal(args[0])):
            is_top = called == "__import__" and "." in name
            return None if name.startswith(".") else Read("", origins=(Imported(name, None, is_top=is_top),))
        return None

    def _of_item(self, node: ast.Subscript) -> Read | None:
        name = _literal(node.slice)
        if name is None or not isinstance(node.value, (ast.Call, ast.Attribute)):
            return None
        owner = self._read(node.value)
        if owner is not None and owner.root == OWN_MODULE and not owner.path:
            return Read(name)
        if owner is not None and (owner.root, owner.path) == ("sys", ("modules",)):
            return Read("", origins=(Imported(name, None),))
        return None

    def _called(self, node: ast.Call) -> str | None:
        """Return the name of a function that looks something up by a name, if a node calls one."""
        read = self._read(node.func)
        if read is None:
            return None
        last = (str(read).rpartition(".")[2]) if read.path or read.origins else read.root
        return last if last == "import_module" or (last in LOOKUPS and not read.path) else None

    def _not_followed(self, node: ast.expr) -> Iterator[str]:
        """Yield a note for a lookup by a name that is chosen at run time."""
        if not isinstance(node, ast.Call) or (called := self._called(node)) is None:
            return
        local = called in ("getattr", "vars") and (not node.args or self._read(node.args[0]) is None)
        if not local and not (called == "getattr" and len(node.args) > 1 and _literal(node.args[1])):
            yield ast.unparse(node)[:SHOWN]


def _literal(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
