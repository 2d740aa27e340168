"""The tables, in SQLAlchemy Core. docs/schema.md explains each column; migrations/ creates them.

Times are seconds since 1970 (UTC) as floats: they are compared far more often than read. The views, which people
read, show them as ISO 8601 text.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

__all__ = [
    "chunk", "code", "daily", "edge", "entry", "facts", "function", "metadata", "origin", "piece", "read_file",
    "recording", "setting", "tag", "tombstone",
]  # fmt: skip

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite makes only INTEGER PRIMARY KEY an alias of the row's own number; BIGINT would cost a second index.
Identity = BigInteger().with_variant(Integer(), "sqlite")

setting = Table(
    "setting",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

function = Table(
    "function",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("module", Text, nullable=False),
    Column("qualname", Text, nullable=False),
    # Kept by triggers on entry, so that totals cost one look at this small table, whoever writes.
    Column("entries", BigInteger, nullable=False, server_default="0"),
    Column("bytes", BigInteger, nullable=False, server_default="0"),
    Column("seconds", Double, nullable=False, server_default="0"),
    UniqueConstraint("module", "qualname"),
)

code = Table(
    "code",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("function_id", ForeignKey("function.id", ondelete="CASCADE"), nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    # The repr of version=, which is a part of keys and not of the fingerprint; "" where revision 0001 wrote the row.
    Column("version", Text, nullable=False, server_default=text("''")),
    Column("source", Text),
    Column("manifest", Text, nullable=False),
    Column("first_seen", Double, nullable=False),
    UniqueConstraint("function_id", "fingerprint", "version"),
)

origin = Table(
    "origin",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("host", Text, nullable=False),
    Column("user_name", Text, nullable=False),
    Column("script", Text, nullable=False),
    UniqueConstraint("host", "user_name", "script"),
)

entry = Table(
    "entry",
    metadata,
    # The first 63 bits of the key: one B-tree instead of a table and a UNIQUE index on 32 bytes, which saves a quarter
    # of a hit. The whole key is compared too; two keys of one id (5e-8 at a million entries) displace each other.
    Column("id", Identity, primary_key=True, autoincrement=False),
    Column("key", LargeBinary, nullable=False),
    Column("function_id", ForeignKey("function.id", ondelete="CASCADE"), nullable=False),
    Column("code_id", ForeignKey("code.id", ondelete="CASCADE"), nullable=False),
    Column("origin_id", ForeignKey("origin.id", ondelete="SET NULL")),
    Column("created", Double, nullable=False),
    Column("expires", Double),
    # From then on a hit has the result computed anew in the background; NULL: only when it has expired.
    Column("refresh_at", Double),
    Column("last_hit", Double),
    Column("hit_count", BigInteger, nullable=False, server_default="0"),
    Column("size", BigInteger, nullable=False),
    Column("compute_seconds", Double, nullable=False),
    Column("priority", Double, nullable=False, index=True),
    Column("codec", String(32), nullable=False),
    Column("checksum", LargeBinary, nullable=False),
    Column("arguments", Text),
    # Last, so that reading the other columns never touches its overflow pages. NULL: the value is in chunk.
    Column("value", LargeBinary),
    CheckConstraint("size >= 0", name="size_not_negative"),
)
# The times make a function's newest entries cheap to find, and let the index grow at one end.
Index("ix_entry_function_id_created", entry.c.function_id, entry.c.created)
Index(
    "ix_entry_expires",
    entry.c.expires,
    sqlite_where=entry.c.expires.is_not(None),
    postgresql_where=entry.c.expires.is_not(None),
)

chunk = Table(
    "chunk",
    metadata,
    # A number of its own: incremental blob reading addresses a row by it.
    Column("id", Identity, primary_key=True),
    Column("entry_id", ForeignKey("entry.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
    UniqueConstraint("entry_id", "position"),
)

# The files that a call has read, of a function with track="files".
read_file = Table(
    "read_file",
    metadata,
    Column("entry_id", ForeignKey("entry.id", ondelete="CASCADE"), primary_key=True),
    Column("path", Text, primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("status", Text, nullable=False),
    sqlite_with_rowid=False,
)

# A stream that is too long for one piece. While it is being recorded it belongs to no entry, and nobody reads it.
recording = Table(
    "recording",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("entry_id", ForeignKey("entry.id", ondelete="CASCADE"), unique=True),
    Column("touched", Double, nullable=False),
)

piece = Table(
    "piece",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("recording_id", ForeignKey("recording.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("checksum", LargeBinary, nullable=False),
    Column("data", LargeBinary, nullable=False),
    UniqueConstraint("recording_id", "position"),
)

tag = Table(
    "tag",
    metadata,
    Column("entry_id", ForeignKey("entry.id", ondelete="CASCADE"), primary_key=True),
    Column("name", Text, primary_key=True, index=True),
    sqlite_with_rowid=False,
)

edge = Table(
    "edge",
    metadata,
    Column("user_id", ForeignKey("entry.id", ondelete="CASCADE"), primary_key=True),
    Column("used_id", ForeignKey("entry.id", ondelete="CASCADE"), primary_key=True, index=True),
    sqlite_with_rowid=False,
)

daily = Table(
    "daily",
    metadata,
    Column("function_id", ForeignKey("function.id", ondelete="CASCADE"), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("hits", BigInteger, nullable=False, server_default="0"),
    Column("misses", BigInteger, nullable=False, server_default="0"),
    Column("seconds_saved", Double, nullable=False, server_default="0"),
    sqlite_with_rowid=False,
)

tombstone = Table(
    "tombstone",
    metadata,
    # In the order of their removal: what is new is written, and what is old dropped, where others of its age are.
    Column("number", Identity, primary_key=True, autoincrement=False),
    Column("entry_id", BigInteger, nullable=False, unique=True),  # no reference: the entry is gone
    Column("key", LargeBinary, nullable=False),
    Column("function_id", ForeignKey("function.id", ondelete="CASCADE"), nullable=False),
    Column("code_id", ForeignKey("code.id", ondelete="CASCADE"), nullable=False),
    Column("origin_id", ForeignKey("origin.id", ondelete="SET NULL")),
    Column("created", Double, nullable=False),
    Column("gone", Double, nullable=False),
    Column("reason", String(16), nullable=False),
    Column("detail", Text, nullable=False),
    Column("arguments", Text),
)

facts = Table(
    "facts",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("code", LargeBinary, nullable=False, unique=True),
    Column("facts", LargeBinary, nullable=False),
)
