"""The side of a store that answers questions and removes what is asked: find, invalidate, stats, sql, vacuum."""

from __future__ import annotations

import inspect
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, Self, Unpack

import memostore.config as config
import memostore.eviction as eviction
import memostore.tombstones as tombstones
from memostore.aliases import VERSIONS, Earlier
from memostore.backends.protocol import Backend, Execute
from memostore.counters import Counters
from memostore.doctor import Finding, examined
from memostore.errors import InvalidArgument
from memostore.events import Evicted, Invalidated, Miss, Skipped
from memostore.explain import (
    BRIEF,
    Ask,
    Explanation,
    Question,
    explained,
    explained_by_arguments,
    explained_by_key,
    with_hits,
)
from memostore.filters import Filters
from memostore.fingerprint import CodeVersion
from memostore.options import check_known
from memostore.records import Entry, FunctionStats, Stats
from memostore.telling import Teller

if TYPE_CHECKING:
    from sqlalchemy import Connection, FromClause

    from memostore.remembering import Missing

__all__ = ["Catalogue"]

SKIPPED_KEPT = 1000  # keys whose results this process did not store, to say why
EXPLAINED_BY = 500  # entries among which the nearest is looked for


def _query() -> ModuleType:
    from memostore import query  # slow: brings SQLAlchemy

    return query


class Catalogue:
    """What `Store` can be asked. Buffered hits are written before every question."""

    _backend: Backend
    _counters: Counters
    _skipped: deque[tuple[bytes, str]]
    _clock: Callable[[], float] = time.time
    _teller: Teller
    _rank = eviction.POLICIES["lru"]

    def __new__(cls, *_: Any, **options: Any) -> Self:
        """Refuse options that there are not, saying which there are."""
        parameters = inspect.signature(cls.__init__).parameters.values()
        check_known(options, [p.name for p in parameters if p.name != "self"], cls.__name__)
        self = super().__new__(cls)
        self._skipped = deque(maxlen=SKIPPED_KEPT)
        return self

    def flush(self) -> None:
        """Write the hits and misses that are counted in memory."""
        raise NotImplementedError

    @property
    def entries(self) -> FromClause:
        """The view `entries` as a SQLAlchemy selectable, for `where=` and for statements of one's own.

        >>> from memostore import Store
        >>> with Store(":memory:") as store:
        ...     store.put("model", b"x" * 5000)
        ...     len(store.find(where=store.entries.c.hit_count == 0))
        1
        """
        from memostore.schema.views import entries  # slow: brings SQLAlchemy

        return entries

    def find(self, *, limit: int | None = None, **filters: Unpack[Filters]) -> list[Entry]:
        """Return the entries that pass every filter, newest first; without a filter, all of them.

        Filters: `function` (a function, or the text of its full name, its qualified name, or a pattern with `*`),
        `code` and `key` (the first hex digits), `tag`, `older_than` and `unused_for` (seconds, timedelta, "7d"),
        `larger_than` (bytes, "2MB"), `args` (a mapping of arguments), `where` (a SQLAlchemy expression over
        `store.entries.c`). `limit` is a number of entries. Raises InvalidArgument for anything else.

        >>> from memostore import Store
        >>> store = Store(":memory:")
        >>> @store.memoize(tags=("nightly",))
        ... def double(x):
        ...     return 2 * x
        >>> double(4), double(5)
        (8, 10)
        >>> [entry.arguments for entry in store.find(tag="nightly", args={"x": 4})]
        [{'x': 4}]
        """
        query = _query()
        limit = config.count(limit, "limit")
        conditions = query.condition(filters, self._now())
        self.flush()
        with self._backend.reading() as connection:
            found: list[Entry] = query.find_entries(connection, conditions, limit)
            return found

    def invalidate(self, *, dry_run: bool = False, **filters: Unpack[Filters]) -> int:
        """Remove the entries that pass every filter (those of `find`); return how many.

        With `dry_run=True` nothing is removed. Raises InvalidArgument without a filter: `clear()` removes all.

        >>> from memostore import Store
        >>> with Store(":memory:") as store:
        ...     store.put("a", 1)
        ...     store.invalidate(older_than="7d"), store.invalidate(larger_than=0)
        (0, 1)
        """
        query = _query()
        conditions = query.condition(filters, self._now())
        if not conditions:
            raise InvalidArgument(
                f"invalidate() needs a filter: {', '.join(query.FILTERS)}. To remove everything, call clear()"
            )
        by = ", ".join(sorted(name for name, value in filters.items() if value is not None))
        return self._remove(conditions, by, ("invalidated", query.described(filters)), dry_run)

    def clear(self) -> int:
        """Remove every entry; return how many. What is known about functions, and their history, stays."""
        return self._remove([], "clear", ("cleared", ""), dry_run=False)

    def expire(self, *, dry_run: bool = False) -> int:
        """Remove the entries whose TTL has passed; return how many. With `dry_run=True`, only count them."""
        from memostore.schema.tables import entry  # slow: brings SQLAlchemy

        return self._remove([entry.c.expires <= self._now()], "expire", ("expired", ""), dry_run)

    def evict(self, to: int | str | None = None, entries: int | None = None, *, dry_run: bool = False) -> int:
        """Evict by the store's policy until at most `to` bytes ("1GB") or `entries` entries are left; return how many.

        Entries whose TTL has passed go first, in any case. Bytes are counted as by `max_size`.
        With `dry_run=True` nothing is removed. Raises InvalidArgument where neither is given.
        """
        limits = _limits(to, entries)
        self.flush()

        def run(execute: Execute) -> list[Evicted]:
            return eviction.evict_to(execute, limits, self._rank, eviction.NOTHING, self._now())

        evicted = self._run_writing(run, commit=not dry_run)
        if not dry_run:
            for event in evicted:
                self._teller.emit(event)
        return len(evicted)

    def explain(
        self, function: Any = None, *, args: Mapping[str, Any] | None = None, key: str | None = None
    ) -> Explanation:
        """Say what is stored for a call, or was, without the function: an `Explanation`.

        Name the call by `key`, its first hex digits, or by `function`, as for `find`, and `args`, a mapping of
        arguments; those left out may be anything. What the code is now is not known here: `f.explain(...)` tells
        whether a call would hit. Raises InvalidArgument where neither is given.

        >>> from memostore import Store
        >>> store = Store(":memory:")
        >>> @store.memoize
        ... def double(x):
        ...     return 2 * x
        >>> double(4)
        8
        >>> store.explain(double, args={"x": 4}).reason, store.explain(double, args={"x": 5}).detail
        ('stored', 'x: 4 -> 5')
        """
        if (key is None) == (function is None) or (key is not None and args):
            raise InvalidArgument('explain() needs either a function, and args={"x": 4}, or key="3f2a..."')
        query, filters = _query(), {"key": key} if function is None else {"function": function}
        wanted = query.checked_arguments(args) if args else {}
        self.flush()
        with self._backend.reading() as connection:
            stored = query.known_entries(connection, filters, EXPLAINED_BY)
            gone = query.known_tombstones(connection, filters, EXPLAINED_BY)
        if key is not None:
            return explained_by_key(query.the_key(key, [*stored, *gone]), self._backend, self._now())
        return explained_by_arguments(query.named(function), wanted, stored, gone, self._backend, self._now())

    def explain_call(self, question: Question) -> Explanation:
        """Say why a call would hit or miss; serve `f.explain(...)`. Writes nothing, and raises no fault."""
        said = explained(question, self._backend, self._now(), skipped=self._why_skipped)
        if said.entry is None or said.key is None:
            return said
        hits, last = self._counters.waiting(bytes.fromhex(said.entry.key))
        return with_hits(said, hits, last)

    def doctor(self) -> list[Finding]:
        """Look at what can be seen at once to be wrong, or worth doing; return a `Finding` for each, the worst first.

        >>> from memostore import Store
        >>> with Store(":memory:") as store:
        ...     [finding.what for finding in store.doctor() if finding.about == "revision"]
        ['0003, the newest']
        """
        self.flush()
        return examined(self._backend, self._now())

    def stats(self) -> Stats:
        """Return the store's totals: entries, bytes, functions, hits, misses and seconds saved."""
        self.flush()
        with self._backend.reading() as connection:
            totals: Stats = _query().totals(connection, self._backend.size_on_disk())
            return totals

    def functions(self) -> list[FunctionStats]:
        """Return the figures of every function that has been memoized in this store, the largest first."""
        self.flush()
        with self._backend.reading() as connection:
            rows: list[FunctionStats] = _query().functions(connection)
            return rows

    def sql(self, text: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> list[dict[str, Any]]:
        """Run one SELECT and return its rows as dictionaries.

        It runs on a connection of its own that can only read, under a limit of 30 seconds; the views `entries`,
        `functions` and `history` are documented in docs/schema.md. Raises QueryError for SQL that is wrong, that
        writes, or that reaches outside.

        >>> from memostore import Store
        >>> with Store(":memory:") as store:
        ...     store.put("a", 1)
        ...     store.sql("SELECT function, hit_count FROM entries WHERE size < ?", [1000])
        [{'function': 'memostore.Store.put', 'hit_count': 0}]
        """
        columns, rows = self._run_sql(text, params)
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def code_versions(self, module: str, qualname: str) -> list[Earlier]:
        """Return the versions of a function's code that results are stored under."""
        name = {"module": module, "qualname": qualname}
        rows = self._teller.guarded("reading", lambda: self._backend.look(lambda ask: ask(VERSIONS, name)))
        return [Earlier.of(*row) for row in rows or ()]

    def enter_code(self, version: CodeVersion) -> None:
        """Write down that a version of a function's code is in use."""
        if not self._backend.read_only:
            self._teller.guarded("saving", lambda: self._backend.enter_code(version, self._now()))

    def vacuum(self) -> int:
        """Give the space of removed entries back to the file system; return how many bytes."""
        self.flush()
        return self._backend.vacuum()

    @property
    def revision(self) -> str:
        """The revision of the database's schema."""
        return self._backend.revision()

    def _now(self) -> float:
        return float(self._clock())

    def missed(self, key: bytes, version: CodeVersion, missing: Missing, ask: Ask | None = None) -> None:
        """Count a miss and tell the hooks, with more than the bare reason if there are any."""
        self._counters.add((version, self._now(), None, 0.0))
        if self._teller.listens(Miss):
            self._teller.emit(self._miss(key, version, missing.reason, ask))

    def _miss(self, key: bytes, version: CodeVersion, reason: str, ask: Ask | None) -> Miss:
        """Return the event of a miss, which says which it was. That must cost a call no more than time."""
        if ask is None or reason not in ("new", "expired", "file"):
            return Miss(key.hex(), version.name, reason)
        try:
            said = explained(ask(), self._backend, self._now(), skipped=self._why_skipped, depth=BRIEF)
        except Exception as error:  # noqa: BLE001 # methods of the user's classes may do anything a second time
            return Miss(key.hex(), version.name, reason, f"not explained: {error!r}")
        if said.is_hit:  # stored, or changed back, since then
            return Miss(key.hex(), version.name, reason)
        return Miss(key.hex(), version.name, said.reason, said.detail)

    def skip(self, key: bytes, version: CodeVersion, reason: str, kind: str = "skipped", *, warns: bool = True) -> bool:
        """Tell that a result is returned but not stored, and remember why; return False."""
        self._skipped.append((key, reason))
        self._teller.emit(Skipped(key.hex(), version.name, reason))
        if warns:
            text = f"{version.name}: the result is returned but not stored: {reason}"
            self._teller.warn(version.name, kind, text)
        return False

    def advise(self, version: CodeVersion, kind: str, advice: str) -> None:
        """Warn once for each function and kind of advice."""
        self._teller.warn(version.name, kind, f"{version.name}: {advice}")

    def _why_skipped(self, key: bytes) -> str | None:
        return next((reason for skipped, reason in reversed(self._skipped.copy()) if skipped == key), None)

    def _run_sql(self, text: str, params: Any) -> tuple[list[str], list[tuple[Any, ...]]]:
        self.flush()
        return self._backend.query(text, params, config.SQL_TIME_LIMIT)

    def _remove(self, conditions: list[Any], by: str, why: tuple[str, str], dry_run: bool) -> int:
        """Remove entries, and leave tombstones that say why: a reason and its detail."""
        self.flush()
        query = _query()
        if dry_run:
            with self._backend.reading() as connection:
                return int(query.count_entries(connection, conditions))
        with self._backend.writing() as connection:
            execute = _execute_on(connection)
            origin_id = tombstones.origin_id(execute)
            grave = {"gone": self._now(), "reason": why[0], "detail": why[1], "origin_id": origin_id}
            query.bury_entries(connection, conditions, grave)
            count = int(query.remove_entries(connection, conditions))
            tombstones.trim(execute)
        self._teller.emit(Invalidated(count, by))
        return count

    def _run_writing(self, run: Callable[[Execute], list[Evicted]], commit: bool) -> list[Evicted]:
        with self._backend.writing() as connection:
            evicted = run(_execute_on(connection))
            if not commit:
                connection.rollback()
            return evicted


def _execute_on(connection: Connection) -> Execute:
    from sqlalchemy import text  # slow

    def execute(statement: str, params: Mapping[str, Any]) -> Sequence[Any]:
        result = connection.execute(text(statement), params)
        return result.fetchall() if result.returns_rows else []

    return execute


def _limits(to: Any, entries: Any) -> eviction.Limits:
    if to is None and entries is None:
        raise InvalidArgument('evict() needs a limit: to="1GB" or entries=1000. To remove everything, call clear()')
    if entries is not None and (isinstance(entries, bool) or not isinstance(entries, int) or entries < 0):
        raise InvalidArgument(f"entries={entries!r} must be a whole number, 0 or more")
    return eviction.Limits(None if to is None else config.size(to, "to"), entries)
