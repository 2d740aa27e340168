"""The first tables, their counting triggers and the public views.

Written out here rather than taken from memostore.schema: a migration stays as it was released.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Identity = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

COUNTING_TRIGGERS = (
    """
    CREATE TRIGGER entry_added AFTER INSERT ON entry BEGIN
        UPDATE function SET entries = entries + 1, bytes = bytes + NEW.size, seconds = seconds + NEW.compute_seconds
        WHERE id = NEW.function_id;
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

VIEWS = (
    f"""
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
        {ISO.format("entry.last_hit")} AS last_hit,
        entry.hit_count AS hit_count,
        entry.size AS size,
        entry.compute_seconds AS compute_seconds,
        entry.codec AS codec
    FROM entry
    JOIN function ON function.id = entry.function_id
    JOIN code ON code.id = entry.code_id
    """,
    f"""
    CREATE VIEW functions AS SELECT
        function.module || '.' || function.qualname AS function,
        function.module AS module,
        function.qualname AS qualname,
        function.entries AS entries,
        function.bytes AS size,
        coalesce((SELECT sum(hits) FROM daily WHERE function_id = function.id), 0) AS hits,
        coalesce((SELECT sum(misses) FROM daily WHERE function_id = function.id), 0) AS misses,
        coalesce((SELECT sum(seconds_saved) FROM daily WHERE function_id = function.id), 0.0) AS saved_seconds,
        function.seconds AS compute_seconds,
        {ISO.format("(SELECT min(first_seen) FROM code WHERE function_id = function.id)")} AS first_seen,
        {ISO.format("(SELECT max(last_hit) FROM entry WHERE function_id = function.id)")} AS last_hit,
        (SELECT count(*) FROM code WHERE function_id = function.id) AS versions
    FROM function
    """,
    """
    CREATE VIEW history AS SELECT
        daily.day AS day,
        function.module || '.' || function.qualname AS function,
        function.module AS module,
        function.qualname AS qualname,
        daily.hits AS hits,
        daily.misses AS misses,
        daily.seconds_saved AS saved_seconds
    FROM daily
    JOIN function ON function.id = daily.function_id
    """,
)


def upgrade() -> None:
    """Create everything."""
    create_catalogue()
    create_entry()
    create_parts_of_entry()
    create_daily()
    for statement in (*COUNTING_TRIGGERS, *VIEWS):
        op.execute(statement)


def cascading(target: str) -> sa.ForeignKey:
    """Return a reference whose row goes when its target goes."""
    return sa.ForeignKey(target, ondelete="CASCADE")


def create_catalogue() -> None:
    """Create what is known about functions, and the store's own settings."""
    op.create_table(
        "setting",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_setting"),
    )
    op.create_table(
        "function",
        sa.Column("id", Identity, nullable=False),
        sa.Column("module", sa.Text, nullable=False),
        sa.Column("qualname", sa.Text, nullable=False),
        sa.Column("entries", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("bytes", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("seconds", sa.Double, nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("id", name="pk_function"),
        sa.UniqueConstraint("module", "qualname", name="uq_function_module_qualname"),
    )
    op.create_table(
        "code",
        sa.Column("id", Identity, nullable=False),
        sa.Column("function_id", Identity, cascading("function.id"), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("source", sa.Text),
        sa.Column("manifest", sa.Text, nullable=False),
        sa.Column("first_seen", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_code"),
        sa.UniqueConstraint("function_id", "fingerprint", name="uq_code_function_id_fingerprint"),
    )


def create_entry() -> None:
    """Create the table of stored results."""
    op.create_table(
        "entry",
        sa.Column("id", Identity, nullable=False, autoincrement=False),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("function_id", Identity, cascading("function.id"), nullable=False),
        sa.Column("code_id", Identity, cascading("code.id"), nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("expires", sa.Double),
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
    op.create_index("ix_entry_function_id", "entry", ["function_id"])
    op.create_index("ix_entry_priority", "entry", ["priority"])
    given = sa.text("expires IS NOT NULL")
    op.create_index("ix_entry_expires", "entry", ["expires"], sqlite_where=given, postgresql_where=given)


def create_parts_of_entry() -> None:
    """Create what hangs on an entry: its value's pieces, its tags, and which entries it used."""
    op.create_table(
        "chunk",
        sa.Column("id", Identity, nullable=False),
        sa.Column("entry_id", Identity, cascading("entry.id"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_chunk"),
        sa.UniqueConstraint("entry_id", "position", name="uq_chunk_entry_id_position"),
    )
    op.create_table(
        "tag",
        sa.Column("entry_id", Identity, cascading("entry.id"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("entry_id", "name", name="pk_tag"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_tag_name", "tag", ["name"])
    op.create_table(
        "edge",
        sa.Column("user_id", Identity, cascading("entry.id"), nullable=False),
        sa.Column("used_id", Identity, cascading("entry.id"), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "used_id", name="pk_edge"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_edge_used_id", "edge", ["used_id"])


def create_daily() -> None:
    """Create the history of hits and misses per function and day."""
    op.create_table(
        "daily",
        sa.Column("function_id", Identity, cascading("function.id"), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("hits", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("misses", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("seconds_saved", sa.Double, nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("function_id", "day", name="pk_daily"),
        sqlite_with_rowid=False,
    )
