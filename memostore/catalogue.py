"""The side of a store that answers questions and removes what is asked: find, invalidate, stats, sql, vacuum."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, Self

import memostore.config as config
import memostore.eviction as eviction
from memostore.backends.protocol import Backend, Execute
from memostore.errors import InvalidArgument
from memostore.events import Evicted, Invalidated
from memostore.options import check_known
from memostore.records import Entry, FunctionStats, Stats
from memostore.telling import Teller

if TYPE_CHECKING:
    from sqlalchemy import FromClause

__all__ = ["Catalogue"]


def _query() -> ModuleType:
    from memostore import query  # slow: brings SQLAlchemy

    return query


class Catalogue:
    """What `Store` can be asked. Buffered hits are written before every question."""

    _backend: Backend
    _clock: Callable[[], float] = time.time
    _teller: Teller
    _rank = eviction.POLICIES["lru"]

    def __new__(cls, *_: Any, **options: Any) -> Self:
        """Refuse options that there are not, saying which there are."""
        parameters = inspect.signature(cls.__init__).parameters.values()
        check_known(options, [p.name for p in parameters if p.name != "self"], cls.__name__)
        return super().__new__(cls)

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

    def find(self, *, limit: int | None = None, **filters: Any) -> list[Entry]:
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

    def invalidate(self, *, dry_run: bool = False, **filters: Any) -> int:
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
        return self._remove(conditions, by, dry_run)

    def clear(self) -> int:
        """Remove every entry; return how many. What is known about functions, and their history, stays."""
        return self._remove([], "clear", dry_run=False)

    def expire(self, *, dry_run: bool = False) -> int:
        """Remove the entries whose TTL has passed; return how many. With `dry_run=True`, only count them."""
        from memostore.schema.tables import entry  # slow: brings SQLAlchemy

        return self._remove([entry.c.expires <= self._now()], "expire", dry_run)

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

    def _run_sql(self, text: str, params: Any) -> tuple[list[str], list[tuple[Any, ...]]]:
        self.flush()
        return self._backend.query(text, params, config.SQL_TIME_LIMIT)

    def _remove(self, conditions: list[Any], by: str, dry_run: bool) -> int:
        self.flush()
        if dry_run:
            with self._backend.reading() as connection:
                return int(_query().count_entries(connection, conditions))
        with self._backend.writing() as connection:
            count = int(_query().remove_entries(connection, conditions))
        self._teller.emit(Invalidated(count, by))
        return count

    def _run_writing(self, run: Callable[[Execute], list[Evicted]], commit: bool) -> list[Evicted]:
        from sqlalchemy import text  # slow

        with self._backend.writing() as connection:

            def execute(statement: str, params: Mapping[str, Any]) -> Sequence[Any]:
                result = connection.execute(text(statement), params)
                return result.fetchall() if result.returns_rows else []

            evicted = run(execute)
            if not commit:
                connection.rollback()
            return evicted


def _limits(to: Any, entries: Any) -> eviction.Limits:
    if to is None and entries is None:
        raise InvalidArgument('evict() needs a limit: to="1GB" or entries=1000. To remove everything, call clear()')
    if entries is not None and (isinstance(entries, bool) or not isinstance(entries, int) or entries < 0):
        raise InvalidArgument(f"entries={entries!r} must be a whole number, 0 or more")
    return eviction.Limits(None if to is None else config.size(to, "to"), entries)
