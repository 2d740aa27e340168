"""When a result is to be computed anew before it expires, the files that a call read, and streams in pieces.

`entry` is made anew and not altered: a new column would come to stand behind `entry.value`, and reading it would touch
every page of the value.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

Identity = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

TRIGGERS = (
    """
    CREATE TRIGGER entry_added AFTER INSERT ON entry BEGIN
        UPDATE function SET entries = entries + 1, bytes = bytes + NEW.size, seconds = seconds + NEW.compute_seconds
        WHERE id = NEW.function_id;
        DELETE FROM tombstone WHERE entry_id = NEW.id;
    END
    """,
    """
    CREATE TRIGGER entry_removed AFTER DELETE ON entry BEGIN
        UPDATE function SET entries = entries - 1, bytes = bytes - OLD.size,
            seconds = CASE WHEN entries = 1 THEN 0 ELSE seconds - OLD.compute_seconds END
        WHERE id = OLD.function_id;
    END
    """,
    """
    CREATE TRIGGER entry_resized AFTER UPDATE OF size, function_id, compute_seconds ON entry BEGIN
        UPDATE function SET entries = entries - 1, bytes = bytes - OLD.size,
            seconds = CASE WHEN entries = 1 THEN 0 ELSE seconds - OLD.compute_seconds END
        WHERE id = OLD.function_id;
        UPDATE function SET entries = entries + 1, bytes = bytes + NEW.size, seconds = seconds + NEW.compute_seconds
        WHERE id = NEW.function_id;
    END
    """,
)

ISO = "strftime('%Y-%m-%dT%H:%M:%fZ', {}, 'unixepoch')"

# Not json_group_array: SQLite refuses JSON functions in a view where the schema is not trusted.
QUOTED_TAG = """ '"' || replace(replace(tag.name, '\\', '\\\\'), '"', '\\"') || '"' """

ENTRIES = f"""
    CREATE VIEW entries AS SELECT
        lower(hex(entry.key)) AS key,
        function.module || '.' || function.qualname AS function,
        function.module AS module,
        function.qualname AS qualname,
        lower(hex(code.fingerprint)) AS code,
        entry.arguments AS arguments,
        (SELECT '[' || coalesce(group_concat({QUOTED_TAG}), '') || ']'
         FROM tag WHERE tag.entry_id = entry.id) AS tags,
        {ISO.format("entry.created")} AS created,
        {ISO.format("entry.expires")} AS expires,
        {ISO.format("entry.refresh_at")} AS refresh_at,
        {ISO.format("entry.last_hit")} AS last_hit,
        entry.hit_count AS hit_count,
        entry.size AS size,
        entry.compute_seconds AS compute_seconds,
        entry.codec AS codec,
        (SELECT host FROM origin WHERE origin.id = entry.origin_id) AS host
    FROM entry
    JOIN function ON function.id = entry.function_id
    JOIN code ON code.id = entry.code_id
    """

OLD_COLUMNS = (
    "id, key, function_id, code_id, origin_id, created, expires, last_hit, hit_count, size, compute_seconds, priority, "
    "codec, checksum, arguments, value"
)


def upgrade() -> None:
    """Make the new tables, and `entry` anew with all its rows."""
    if op.get_bind().exec_driver_sql("PRAGMA foreign_keys").scalar():
        raise RuntimeError("foreign keys must be off: removing a table would remove what refers to it")
    views = op.get_bind().exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'view'").all()
    for name, _ in views:
        op.execute(f"DROP VIEW {name}")
    replace_entry()
    create_read_file()
    create_recording()
    create_piece()
    for statement in (*TRIGGERS, *(sql if name != "entries" else ENTRIES for name, sql in views)):
        op.execute(statement)


def reference(table: str, target: str, *, nullable: bool = False, forgets: bool = False) -> sa.Column[int]:
    """Return the column by which a row refers to another table. When what it refers to goes, it goes or forgets it.

    The constraint is named for what the table will be called.
    """
    name = op.f(f"fk_{table}_{target}_id")
    key = sa.ForeignKey(f"{target}.id", ondelete="SET NULL" if forgets else "CASCADE", name=name)
    return sa.Column(f"{target}_id", Identity, key, nullable=nullable)


def replace_entry() -> None:
    """Give entries the time from which they are to be computed anew."""
    op.create_table(
        "new_entry",
        sa.Column("id", Identity, nullable=False, autoincrement=False),
        sa.Column("key", sa.LargeBinary, nullable=False),
        reference("entry", "function"),
        reference("entry", "code"),
        reference("entry", "origin", nullable=True, forgets=True),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("expires", sa.Double),
        sa.Column("refresh_at", sa.Double),
        sa.Column("last_hit", sa.Double),
        sa.Column("hit_count", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("compute_seconds", sa.Double, nullable=False),
        sa.Column("priority", sa.Double, nullable=False),
        sa.Column("codec", sa.String(32), nullable=False),
        sa.Column("checksum", sa.LargeBinary, nullable=False),
        sa.Column("arguments", sa.Text),
        sa.Column("value", sa.LargeBinary),
        sa.PrimaryKeyConstraint("id", name="pk_entry"),
        sa.CheckConstraint("size >= 0", name=op.f("ck_entry_size_not_negative")),
    )
    op.execute(f"INSERT INTO new_entry ({OLD_COLUMNS}) SELECT {OLD_COLUMNS} FROM entry ORDER BY id")
    op.drop_table("entry")
    op.rename_table("new_entry", "entry")
    op.create_index("ix_entry_function_id_created", "entry", ["function_id", "created"])
    op.create_index("ix_entry_priority", "entry", ["priority"])
    given = sa.text("expires IS NOT NULL")
    op.create_index("ix_entry_expires", "entry", ["expires"], sqlite_where=given, postgresql_where=given)


def create_read_file() -> None:
    """Create what is noted of the files that a call has read."""
    op.create_table(
        "read_file",
        reference("read_file", "entry"),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("entry_id", "path", name="pk_read_file"),
        sqlite_with_rowid=False,
    )


def create_recording() -> None:
    """Create the streams that are being recorded, or belong to an entry."""
    op.create_table(
        "recording",
        sa.Column("id", Identity, nullable=False),
        reference("recording", "entry", nullable=True),
        sa.Column("touched", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_recording"),
        sa.UniqueConstraint("entry_id", name="uq_recording_entry_id"),
    )


def create_piece() -> None:
    """Create the pieces of streams."""
    op.create_table(
        "piece",
        sa.Column("id", Identity, nullable=False),
        reference("piece", "recording"),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("checksum", sa.LargeBinary, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_piece"),
        sa.UniqueConstraint("recording_id", "position", name="uq_piece_recording_id_position"),
    )
