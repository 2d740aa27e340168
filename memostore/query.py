"""Questions about what is stored, and removal by the same filters: SQLAlchemy Core, the same for every backend.

Importing this module imports SQLAlchemy; the store does so when the first question is asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    case,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.exc import ArgumentError

from memostore.config import duration, size
from memostore.errors import InvalidArgument
from memostore.keys.naming import function_name, module_name
from memostore.keys.preview import preview
from memostore.records import Entry, FunctionStats, Stats
from memostore.schema import views
from memostore.schema.tables import code, daily, entry, function, origin, tag, tombstone
from memostore.tombstones import ARGUMENTS_KEPT, KEPT

__all__ = [
    "FILTERS",
    "bury_entries",
    "condition",
    "count_entries",
    "described",
    "find_entries",
    "functions",
    "remove_entries",
    "totals",
]

Calls = list[tuple[bytes, dict[str, Any] | None]]  # key and arguments of each

HIDDEN = {"id", "value", "checksum", "priority", "origin_id"}
SHOWN = [column for column in entry.c if column.name not in HIDDEN]

FILTER_SHOWN = 64  # characters of one filter's value

full_name: ColumnElement[str] = function.c.module + "." + function.c.qualname


@dataclass(frozen=True)
class Moment:
    """The time that ages are counted from."""

    now: float


def by_function(value: Any, _: Moment) -> ColumnElement[bool]:
    """Match a function object, a full or a qualified name, or a pattern with `*` and `?`."""
    if isinstance(value, str) and value:
        return _by_name(value)
    if callable(value):
        names = getattr(value, "memo_names", None) or [function_name(value)]
        return or_(*(and_(function.c.module == module, function.c.qualname == name) for module, name in names))
    raise InvalidArgument(f"function={value!r} must be a function, or a name as text, such as 'prep.load' or 'prep.*'")


def _by_name(text: str) -> ColumnElement[bool]:
    head, _, rest = text.partition(".")
    name = f"{module_name(head)}.{rest}" if rest else text
    if "*" in name or "?" in name:
        return full_name.bool_op("GLOB")(name.replace("[", "[[]"))  # LIKE would not tell upper from lower case
    return or_(full_name == name, function.c.qualname == text)


def by_code(value: Any, _: Moment) -> ColumnElement[bool]:
    """Match the beginning of a code fingerprint in hex."""
    text = _hex(value, "code", "the hex digits of a fingerprint, or its first ones")
    return func.lower(func.hex(code.c.fingerprint)).startswith(text)


def by_key(value: Any, _: Moment) -> ColumnElement[bool]:
    """Match the beginning of a key in hex."""
    return _key_begins(entry, value)


def _key_begins(table: Table, value: Any) -> ColumnElement[bool]:
    text = _hex(value, "key", "the hex digits of a key, or its first ones")
    first, last = (int(text[:16].ljust(16, fill), 16) >> 1 for fill in "0f")
    number = table.c.id if table is entry else table.c.entry_id
    return and_(number.between(first, last), func.lower(func.hex(table.c.key)).startswith(text))


def by_tag(value: Any, _: Moment) -> ColumnElement[bool]:
    """Match entries that carry a tag."""
    text = _text(value, "tag", "a tag's name")
    return entry.c.id.in_(select(tag.c.entry_id).where(tag.c.name == text))


def by_age(value: Any, moment: Moment) -> ColumnElement[bool]:
    """Match entries stored longer ago than a span of time."""
    return entry.c.created < moment.now - duration(value, "older_than")


def by_disuse(value: Any, moment: Moment) -> ColumnElement[bool]:
    """Match entries neither stored nor hit within a span of time."""
    return func.coalesce(entry.c.last_hit, entry.c.created) < moment.now - duration(value, "unused_for")


def by_size(value: Any, _: Moment) -> ColumnElement[bool]:
    """Match entries whose value takes more than so many bytes."""
    return entry.c.size > size(value, "larger_than")


def by_arguments(value: Any, _: Moment) -> ColumnElement[bool]:
    """Match entries whose call had these values for these parameters."""
    return and_(*(_argument(name, preview(wanted)) for name, wanted in checked_arguments(value).items()))


def checked_arguments(value: Any) -> Mapping[str, Any]:
    """Return a mapping of arguments; raise InvalidArgument for what is none."""
    if not isinstance(value, Mapping) or not value or not all(isinstance(name, str) for name in value):
        raise InvalidArgument(f'args={value!r} must be a mapping of parameters to values, such as {{"lr": 0.1}}')
    return value


def _argument(name: str, wanted: Any) -> ColumnElement[bool]:
    """Compare as JSON text: 1 and 1.0 differ, as they do in keys."""
    quoted = name.replace('"', '\\"')
    found = func.json_extract(entry.c.arguments, f'$."{quoted}"')
    kind = func.json_type(entry.c.arguments, f'$."{quoted}"')
    if isinstance(wanted, (dict, list)):
        return found == func.json(json.dumps(wanted, ensure_ascii=False))
    wanted_kind = str(wanted).lower() if isinstance(wanted, bool) else JSON_TYPES[type(wanted)]
    return and_(kind == wanted_kind, found.is_not_distinct_from(wanted))


JSON_TYPES: dict[type, str] = {int: "integer", float: "real", str: "text", type(None): "null"}


def by_expression(value: Any, _: Moment) -> ColumnElement[bool]:
    """Match a SQLAlchemy expression over the columns of `Store.entries`."""
    try:
        chosen = select(views.entries.c.key).where(value)
    except ArgumentError as error:
        raise InvalidArgument(
            f"where={value!r} must be a SQLAlchemy expression over store.entries.c, such as store.entries.c.size > 1000"
        ) from error
    return func.lower(func.hex(entry.c.key)).in_(chosen)


FILTERS: dict[str, Callable[[Any, Moment], ColumnElement[bool]]] = {
    "function": by_function,
    "code": by_code,
    "key": by_key,
    "tag": by_tag,
    "older_than": by_age,
    "unused_for": by_disuse,
    "larger_than": by_size,
    "args": by_arguments,
    "where": by_expression,
}


def condition(filters: Mapping[str, Any], now: float) -> list[ColumnElement[bool]]:
    """Return the SQL conditions of the filters that are given (not None); raise InvalidArgument for unknown ones."""
    unknown = filters.keys() - FILTERS.keys()
    if unknown:
        raise InvalidArgument(f"unknown filter {', '.join(sorted(unknown))}: the filters are {', '.join(FILTERS)}")
    return [FILTERS[name](value, Moment(now)) for name, value in filters.items() if value is not None]


def described(filters: Mapping[str, Any]) -> str:
    """Return filters as people would write them, for the log and the tombstones.

    >>> described({"function": "prep.load", "older_than": "7d", "tag": None})
    "function='prep.load', older_than='7d'"
    """
    given = {name: value for name, value in filters.items() if value is not None}
    return ", ".join(f"{name}={_described(value)}" for name, value in sorted(given.items()))


def named(value: Any) -> str:
    """Return the name that a `function` filter means."""
    return value if isinstance(value, str) else ".".join(getattr(value, "memo_name", None) or function_name(value))


def _described(value: Any) -> str:
    if callable(value):
        value = named(value)
    text = " ".join(str(value).split()) if isinstance(value, ColumnElement) else repr(value)
    return text if len(text) <= FILTER_SHOWN else f"{text[:FILTER_SHOWN]}…"


def find_entries(connection: Connection, conditions: list[ColumnElement[bool]], limit: int | None) -> list[Entry]:
    """Return the matching entries, newest first."""
    tags = select(func.json_group_array(tag.c.name)).where(tag.c.entry_id == entry.c.id).scalar_subquery()
    statement = (
        select(*SHOWN, function.c.module, function.c.qualname, code.c.fingerprint, origin.c.host, tags.label("tags"))
        .join(function, function.c.id == entry.c.function_id)
        .join(code, code.c.id == entry.c.code_id)
        .outerjoin(origin, origin.c.id == entry.c.origin_id)
        .where(and_(true(), *conditions))
        .order_by(entry.c.created.desc(), entry.c.priority.desc(), entry.c.id)
        .limit(limit)
    )
    return [_entry(row) for row in connection.execute(statement)]


def the_key(beginning: str, known: Calls) -> bytes:
    """Return the one key that begins so; raise InvalidArgument where there is none, or are several."""
    keys = {key.hex() for key, _ in known}
    if not keys:
        raise InvalidArgument(f"key={beginning!r}: no entry's key begins so, nor that of one whose removal is noted")
    if len(keys) > 1:
        raise InvalidArgument(f"key={beginning!r}: several keys begin so, {', '.join(sorted(keys)[:5])}")
    return bytes.fromhex(keys.pop())


def known_entries(connection: Connection, filters: Mapping[str, Any], limit: int) -> Calls:
    """Return key and arguments of the entries that a `function` or a `key` names, the newest first."""
    rows = select(entry.c.key, entry.c.arguments).where(*condition(filters, 0.0))
    rows = rows.join(function, function.c.id == entry.c.function_id).order_by(entry.c.created.desc(), entry.c.id)
    return [(row.key, _arguments_of(row)) for row in connection.execute(rows.limit(limit))]


def known_tombstones(connection: Connection, filters: Mapping[str, Any], limit: int) -> Calls:
    """Return the same of tombstones."""
    named = [by_function(value, Moment(0.0)) for name, value in filters.items() if name == "function"]
    named += [_key_begins(tombstone, value) for name, value in filters.items() if name == "key"]
    rows = select(tombstone.c.key, tombstone.c.arguments).where(*named)
    rows = rows.join(function, function.c.id == tombstone.c.function_id).order_by(tombstone.c.number.desc())
    return [(row.key, _arguments_of(row)) for row in connection.execute(rows.limit(limit))]


def matching_ids(conditions: list[ColumnElement[bool]]) -> Select[Any]:
    """Return the statement that selects the ids of matching entries."""
    return (
        select(entry.c.id)
        .join(function, function.c.id == entry.c.function_id)
        .join(code, code.c.id == entry.c.code_id)
        .where(and_(true(), *conditions))
    )


def count_entries(connection: Connection, conditions: list[ColumnElement[bool]]) -> int:
    """Return how many entries match."""
    return int(connection.scalar(select(func.count()).select_from(matching_ids(conditions).subquery())) or 0)


def bury_entries(connection: Connection, conditions: list[ColumnElement[bool]], why: Mapping[str, Any]) -> None:
    """Write the tombstones of the matching entries, of many only the newest. `why`: gone, reason, detail, origin_id."""
    last = connection.scalar(select(func.coalesce(func.max(tombstone.c.number), 0)))
    newest = matching_ids(conditions).order_by(entry.c.created.desc(), entry.c.id).limit(KEPT).subquery()
    place = func.row_number().over(order_by=(entry.c.created, entry.c.id))
    kept = case((func.length(entry.c.arguments) <= ARGUMENTS_KEPT, entry.c.arguments))
    copied = [entry.c[name] for name in ("key", "function_id", "code_id", "created")]
    rows = select(
        entry.c.id.label("entry_id"), *copied, kept.label("arguments"), (literal(last) + place).label("number"),
        *(literal(value).label(name) for name, value in why.items()),
    ).join(newest, newest.c.id == entry.c.id)  # fmt: skip
    connection.execute(insert(tombstone).from_select([column.name for column in rows.selected_columns], rows))


def remove_entries(connection: Connection, conditions: list[ColumnElement[bool]]) -> int:
    """Remove the matching entries; return how many there were."""
    return connection.execute(delete(entry).where(entry.c.id.in_(matching_ids(conditions)))).rowcount


def functions(connection: Connection) -> list[FunctionStats]:
    """Return the figures of each function, the one that takes most space first."""
    statement = select(views.functions).order_by(views.functions.c.size.desc(), views.functions.c.function)
    return [_function_stats(row) for row in connection.execute(statement)]


def totals(connection: Connection, file_size: int) -> Stats:
    """Return the store's totals, from the small tables that are kept up to date."""
    sums = (func.coalesce(func.sum(function.c[name]), 0) for name in ("entries", "bytes", "seconds"))
    count, entries, taken, seconds = connection.execute(select(func.count(), *sums)).one()
    hits, misses, saved = connection.execute(
        select(*(func.coalesce(func.sum(daily.c[name]), 0) for name in ("hits", "misses", "seconds_saved")))
    ).one()
    return Stats(entries, taken, count, hits, misses, float(saved), float(seconds), file_size)


def _entry(row: Any) -> Entry:
    return Entry(
        key=row.key.hex(), function=f"{row.module}.{row.qualname}", module=row.module, qualname=row.qualname,
        code=row.fingerprint.hex(), arguments=_arguments_of(row),
        tags=tuple(sorted(json.loads(row.tags))), created=_time(row.created), expires=_time_or_none(row.expires),
        last_hit=_time_or_none(row.last_hit), hit_count=row.hit_count, size=row.size,
        compute_seconds=row.compute_seconds, codec=row.codec, host=row.host,
        refresh_at=_time_or_none(row.refresh_at),
    )  # fmt: skip


def _arguments_of(row: Any) -> dict[str, Any] | None:
    return None if row.arguments is None else json.loads(row.arguments)


def _function_stats(row: Any) -> FunctionStats:
    values = dict(row._mapping)
    values.update({name: _parsed(values[name]) for name in ("first_seen", "last_hit")})
    return FunctionStats(**values)


def _parsed(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _time_or_none(seconds: float | None) -> datetime | None:
    return None if seconds is None else _time(seconds)


def _time(seconds: float) -> datetime:
    """Return a time that a calendar can show: a clock gone wild is shown as the last or first moment there is."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return (datetime.max if seconds > 0 else datetime.min).replace(tzinfo=UTC)


def _text(value: Any, argument: str, meaning: str) -> str:
    if not isinstance(value, str) or not value.isprintable() or not value:
        raise InvalidArgument(f"{argument}={value!r} must be {meaning}")
    return value


def _hex(value: Any, argument: str, meaning: str) -> str:
    text = _text(value, argument, meaning).lower()
    if not set(text) <= set("0123456789abcdef"):
        raise InvalidArgument(f"{argument}={value!r} must be {meaning}")
    return text
