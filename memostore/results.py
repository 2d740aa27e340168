"""The side of a store that shows the stored calls of a function with their results, and counts no hit of it.

The ids are read first, in one short look; then page by page what stands beside the results, and each result by itself.
So no transaction is open while the caller works with a result, and what is stored meanwhile is not among them.
"""

from __future__ import annotations

import json
import struct
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import memostore.codec as codec
from memostore.backends.protocol import Backend, Execute, binding_of
from memostore.driving import Done
from memostore.errors import CorruptEntry, MissingExtra, Unloadable
from memostore.explain.lookup import moment
from memostore.keys.preview import preview
from memostore.raised import StoredError, revived
from memostore.recording import items_of, player_of
from memostore.records import StoredCall
from memostore.telling import Teller

if TYPE_CHECKING:
    import pandas  # type: ignore[import-untyped]

    from memostore.aliases import Alias

__all__ = ["ShowsResults", "Source", "framed"]

PAGE = 500  # entries read at a time, without their results

FROM = """
FROM entry JOIN function ON function.id = entry.function_id JOIN code ON code.id = entry.code_id
"""
IDS = f"""
SELECT entry.created, entry.priority, entry.id {FROM}
WHERE function.module = :module AND function.qualname = :qualname
  AND (:fingerprint IS NULL OR (code.fingerprint = :fingerprint AND code.version = :version))
  AND (entry.expires IS NULL OR entry.expires > :now)
"""
BESIDE = f"""
SELECT entry.id, entry.key, function.module, function.qualname, code.fingerprint, entry.arguments, entry.created,
       entry.compute_seconds, entry.size, entry.hit_count {FROM}
WHERE entry.id IN ({{ids}})
"""
TAGS = "SELECT entry_id, name FROM tag WHERE entry_id IN ({ids}) ORDER BY name"

# The columns of a frame beside those of the arguments, in their order. `error` is there where one is stored, and `code`
# where all versions are.
BESIDE_ARGUMENTS = ("result", "error", "compute_seconds", "size", "hit_count", "created", "code")

Call = dict[str, Any]  # the fields of a StoredCall that is being put together


class Source(NamedTuple):
    """Where a function's results are stored: under a name, by one version of its code, or by all (no fingerprint).

    `added` are parameters that this version did not have, with the defaults that its results stand for.
    """

    module: str
    qualname: str
    fingerprint: bytes | None = None
    version: str = ""
    added: dict[str, Any] = {}  # noqa: RUF012 # never written to

    @classmethod
    def of(cls, alias: Alias) -> Source:
        """Return the source of results that stand for a function's present code."""
        code, added = alias.version, {name: preview(value) for name, value in alias.added.items()}
        return cls(code.module, code.qualname, code.fingerprint, repr(code.scope.version), added)


class ShowsResults:
    """Stored calls with their results. The counted hits are written first."""

    _backend: Backend
    _teller: Teller
    _now: Callable[[], float]

    def flush(self) -> None:
        """Write the hits and misses that are counted in memory."""
        raise NotImplementedError

    def results_of(self, sources: Sequence[Source], values: bool) -> Iterator[StoredCall]:
        """Return an iterator over the stored calls of some sources, the oldest first; without `values`, no results.

        What can't be loaded is left out; when the iterator ends, a warning says how much that was.
        """
        self.flush()
        numbers = self._backend.look(lambda ask: _numbers(ask, sources, self._now()))
        return self._calls(numbers, sources, values)

    def _calls(self, numbers: array[int], sources: Sequence[Source], values: bool) -> Iterator[StoredCall]:
        lost = _Lost(len(numbers))
        for start in range(0, len(numbers), PAGE):
            page = numbers[start : start + PAGE]
            for call in self._backend.look(lambda ask, page=page: _page(ask, page, sources)):  # type: ignore[misc]
                try:
                    done = _loaded(self._backend, bytes.fromhex(call["key"]), sources[0].qualname) if values else Done()
                except Unloadable as error:
                    lost.add(call, error)
                    continue
                if done is not None:
                    yield StoredCall(**call, result=done.value, error=done.error)
        if lost.count:
            self._teller.warn(sources[0].qualname, f"{lost.count} {lost.first}", str(lost))


class _Lost:
    """How many results could not be loaded, and the first of them."""

    def __init__(self, total: int) -> None:
        self.total, self.count, self.first = total, 0, ""

    def add(self, call: Call, error: Unloadable) -> None:
        self.count += 1
        self.first = self.first or f"key {call['key'][:12]}, arguments {json.dumps(call['arguments'])}: {error}"

    def __str__(self) -> str:
        return f"{self.count} of {self.total} results can't be loaded and are left out, the first of them {self.first}"


def _numbers(execute: Execute, sources: Iterable[Source], now: float) -> array[int]:
    """Return the ids of the entries of some sources, in the order in which they were stored.

    Where a clock stands still, the order is that of eviction, as in `find`.
    """
    rows = {tuple(row) for source in sources for row in execute(IDS, source._asdict() | {"added": None, "now": now})}
    return array("q", (number for *_, number in sorted(rows)))


def _page(execute: Execute, numbers: Iterable[int], sources: Iterable[Source]) -> list[Call]:
    """Return what stands beside the results of some entries, in the order of their ids here."""
    ids = ",".join(map(str, numbers))  # whole numbers: nothing that could be SQL
    tags: dict[int, list[str]] = {}
    for number, name in execute(TAGS.format(ids=ids), {}):
        tags.setdefault(number, []).append(name)
    added = {source[:3]: source.added for source in sources}
    rows = {row[0]: row for row in execute(BESIDE.format(ids=ids), {})}
    return [_call(rows[number], tags.get(number, ()), added) for number in numbers if number in rows]


def _call(row: Sequence[Any], tags: Iterable[str], added: dict[Any, dict[str, Any]]) -> Call:
    _, key, module, qualname, fingerprint, arguments, created, seconds, size, hits = row
    return {
        "arguments": _arguments(arguments) | added.get((module, qualname, fingerprint), {}),
        "created": moment(created), "compute_seconds": seconds, "size": size, "hit_count": hits,
        "tags": tuple(tags), "key": key.hex(), "code": fingerprint.hex(),
    }  # fmt: skip


def _arguments(text: str | None) -> dict[str, Any]:
    """Return stored arguments; none where they are damaged."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _loaded(backend: Backend, key: bytes, function: str) -> Done | None:
    """Return the value of a key or the error that it holds, checked as a hit's is, or None: it is gone.

    Raises Unloadable.
    """
    row = backend.fetch(key)
    pieces: Iterable[bytes] = ()
    if row is not None and row[1] is None:
        row, pieces = backend.fetch_pieces(key) or (None, ())
    if row is None:
        return None
    _, content, checksum, name, created, expires, _, _ = row
    try:
        if name.startswith(codec.STREAM):
            return Done(list(items_of(player_of(backend, key, row))))
        binding = binding_of(key, name, created, expires)
        if content is not None:
            return Done(codec.decode(name, content, binding, checksum))
        return Done(codec.decode_pieces(name, pieces, binding, checksum))
    except codec.HoldsError as held:
        return Done(None, _error(held.stored, function, created))
    except (TypeError, AttributeError, ValueError, struct.error) as error:  # a column that holds what is never written
        raise CorruptEntry(str(error)) from error


def _error(stored: Any, function: str, created: float) -> BaseException:
    if not isinstance(stored, StoredError):
        raise CorruptEntry("the entry holds no error")
    return revived(stored, function, created)


# As a table


def framed(calls: Iterable[StoredCall], leave_out: Iterable[str]) -> pandas.DataFrame:
    """Return calls as a pandas DataFrame: a column for each argument, then those of BESIDE_ARGUMENTS."""
    try:
        import pandas  # slow, and optional
    except ImportError as error:
        raise MissingExtra("results(frame=True) needs pandas: pip install pandas") from error
    listed = list(calls)
    left_out = {*leave_out, *(() if any(call.error for call in listed) else ("error",))}
    names = list(dict.fromkeys(name for call in listed for name in call.arguments))
    columns = {_column(name): [call.arguments.get(name) for call in listed] for name in names}
    for name in BESIDE_ARGUMENTS:
        if name not in left_out:
            columns[name] = [getattr(call, name) for call in listed]
    return pandas.DataFrame({name: pandas.Series(items) for name, items in columns.items()})


def _column(name: str) -> str:
    """Return the column of an argument: its name, with `_` behind it where that is another column's."""
    return f"{name}_" if name.rstrip("_") in BESIDE_ARGUMENTS else name
