"""Tombstones: a note of each of the entries that went last, so that a call can be told why its result is gone.

There are never more than MOST of them, whatever is removed at once. An entry that is saved anew takes its tombstone
away: a trigger sees to that, whoever writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from memostore.origin import here

if TYPE_CHECKING:
    from memostore.backends.protocol import Execute

__all__ = ["ARGUMENTS_KEPT", "KEPT", "MOST", "Burials", "origin_id", "trim"]

MOST: Final = 10_000  # tombstones in one store
EACH: Final = 100  # burials, after which the oldest are dropped: doing so at each would double their cost
KEPT: Final = MOST - EACH
ARGUMENTS_KEPT: Final = 1_000  # characters; longer previews of arguments are left out, so that all stay below 12 MB

ENTER_ORIGIN = """
INSERT INTO origin (host, user_name, script) VALUES (:host, :user_name, :script) ON CONFLICT DO NOTHING
"""
ORIGIN_ID = "SELECT id FROM origin WHERE host = :host AND user_name = :user_name AND script = :script"

BURY = f"""
INSERT INTO tombstone (number, entry_id, key, function_id, code_id, origin_id, created, gone, reason, detail, arguments)
SELECT (SELECT coalesce(max(number), 0) + 1 FROM tombstone), id, key, function_id, code_id, :origin_id, created,
       :gone, :reason, :detail, CASE WHEN length(arguments) <= {ARGUMENTS_KEPT} THEN arguments END
FROM entry WHERE id = :id
ON CONFLICT DO NOTHING
"""

LAST = "SELECT coalesce(max(number), 0) FROM tombstone"
TRIM = "DELETE FROM tombstone WHERE number <= :last - :kept"

ORIGIN_OF = "SELECT origin_id FROM entry WHERE id = :id"


def origin_id(execute: Execute) -> int:
    """Return the number of this process's origin, which is entered if it is not there yet."""
    names = here().as_dict()
    found = execute(ORIGIN_ID, names)
    if not found:
        execute(ENTER_ORIGIN, names)
        found = execute(ORIGIN_ID, names)
    return int(found[0][0])


def trim(execute: Execute) -> None:
    """Drop the oldest of too many."""
    execute(TRIM, {"last": execute(LAST, {})[0][0], "kept": KEPT})


class Burials:
    """Writes the tombstones of entries that one transaction is about to remove, one by one.

    `keep` is the id of the entry that they give way to, which knows where it was saved.
    """

    def __init__(self, execute: Execute, now: float, keep: int) -> None:
        self._execute = execute
        self._now = now
        self._keep = keep
        self._origin_id: int | None = None

    def add(self, number: int, reason: str, detail: str = "") -> None:
        """Note that the entry of this id goes now, and why."""
        if self._origin_id is None:
            self._origin_id = self._origin()
        values = {"id": number, "origin_id": self._origin_id, "gone": self._now, "reason": reason, "detail": detail}
        self._execute(BURY, values)
        last = self._execute(LAST, {})[0][0]
        if last % EACH == 0:
            self._execute(TRIM, {"last": last, "kept": KEPT})

    def _origin(self) -> int:
        saved_at = self._execute(ORIGIN_OF, {"id": self._keep})
        return int(saved_at[0][0]) if saved_at and saved_at[0][0] is not None else origin_id(self._execute)
