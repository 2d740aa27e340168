"""The public views as SQLAlchemy selectables. Their SQL is in migrations/; docs/schema.md documents each column.

They have a MetaData of their own: Alembic compares tables with the database, and a view is not a table.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, MetaData, Table, Text

__all__ = ["entries", "functions", "history", "metadata"]

metadata = MetaData()

entries = Table(
    "entries",
    metadata,
    Column("key", Text, primary_key=True),
    Column("function", Text),
    Column("module", Text),
    Column("qualname", Text),
    Column("code", Text),
    Column("arguments", Text),
    Column("tags", Text),
    Column("created", Text),
    Column("expires", Text),
    Column("refresh_at", Text),
    Column("last_hit", Text),
    Column("hit_count", BigInteger),
    Column("size", BigInteger),
    Column("compute_seconds", Double),
    Column("codec", Text),
    Column("host", Text),
)

functions = Table(
    "functions",
    metadata,
    Column("function", Text, primary_key=True),
    Column("module", Text),
    Column("qualname", Text),
    Column("entries", BigInteger),
    Column("size", BigInteger),
    Column("hits", BigInteger),
    Column("misses", BigInteger),
    Column("saved_seconds", Double),
    Column("compute_seconds", Double),
    Column("first_seen", Text),
    Column("last_hit", Text),
    Column("versions", BigInteger),
)

history = Table(
    "history",
    metadata,
    Column("day", Text, primary_key=True),
    Column("function", Text, primary_key=True),
    Column("module", Text),
    Column("qualname", Text),
    Column("hits", BigInteger),
    Column("misses", BigInteger),
    Column("saved_seconds", Double),
)
