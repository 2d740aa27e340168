"""The side of a store that remembers what is known of the users' code, from one process to the next."""

from __future__ import annotations

from collections import deque
from functools import cached_property

from memostore.backends.protocol import Backend
from memostore.errors import StoreError

__all__ = ["KnowsCode"]


class KnowsCode:
    """A shelf for `memostore.fingerprint`. What is new waits in memory, and is written with the counted hits."""

    _backend: Backend

    @cached_property
    def _new_facts(self) -> deque[tuple[bytes, bytes]]:
        return deque()

    def facts(self, code: bytes) -> bytes | None:
        """Return what is remembered of a code object. Without it the code is parsed: a fault here is no matter."""
        try:
            return self._backend.facts(code)
        except StoreError:
            return None

    def keep_facts(self, code: bytes, facts: bytes) -> None:
        """Remember something of a code object."""
        if not self._backend.read_only:
            self._new_facts.append((code, facts))

    def _write_facts(self) -> None:
        waiting = [self._new_facts.popleft() for _ in range(len(self._new_facts))]
        if waiting:
            self._backend.keep_facts(waiting)
