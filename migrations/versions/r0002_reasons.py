"""Where entries were made, the version= they were stored under, and tombstones of those that are gone.

`entry` and `code` are made anew and not altered: a new column would come to stand behind `entry.value`, and reading it
would touch every page of the value; and a UNIQUE constraint of SQLite can't be changed.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
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

VIEWS = {
    "entries": f"""
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
        entry.codec AS codec,
        (SELECT host FROM origin WHERE origin.id = entry.origin_id) AS host
    FROM entry
    JOIN function ON function.id = entry.function_id
    JOIN code ON code.id = entry.code_id
    """,
    "functions": f"""
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
        (SELECT count(DISTINCT fingerprint) FROM code WHERE function_id = function.id) AS versions
    FROM function
    """,
}

CODE_COLUMNS = "id, function_id, fingerprint, source, manifest, first_seen"
ENTRY_COLUMNS = (
    "id, key, function_id, code_id, created, expires, last_hit, hit_count, size, compute_seconds, priority, codec, "
    "checksum, arguments, value"
)


def upgrade() -> None:
    """Make the new tables, and the two old ones anew with all their rows."""
    if op.get_bind().exec_driver_sql("PRAGMA foreign_keys").scalar():
        raise RuntimeError("foreign keys must be off: removing a table would remove what refers to it")
    for name in VIEWS:
        op.execute(f"DROP VIEW {name}")
    create_origin()
    replace_code()
    replace_entry()
    create_tombstone()
    create_facts()
    for statement in (*TRIGGERS, *VIEWS.values()):
        op.execute(statement)


def reference(table: str, target: str, *, nullable: bool = False) -> sa.Column[int]:
    """Return the column by which a row refers to another table. When what it refers to goes, it goes or forgets it.

    The constraint is named for what the table will be called.
    """
    name = op.f(f"fk_{table}_{target}_id")
    key = sa.ForeignKey(f"{target}.id", ondelete="SET NULL" if nullable else "CASCADE", name=name)
    return sa.Column(f"{target}_id", Identity, key, nullable=nullable)


def create_origin() -> None:
    """Create the places that entries are made at."""
    op.create_table(
        "origin",
        sa.Column("id", Identity, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("user_name", sa.Text, nullable=False),
        sa.Column("script", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_origin"),
        sa.UniqueConstraint("host", "user_name", "script", name="uq_origin_host_user_name_script"),
    )


def replace_code() -> None:
    """Let one code have a row for each version=."""
    op.create_table(
        "new_code",
        sa.Column("id", Identity, nullable=False),
        reference("code", "function"),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("version", sa.Text, nullable=False, server_default=sa.text("''")),
        sa.Column("source", sa.Text),
        sa.Column("manifest", sa.Text, nullable=False),
        sa.Column("first_seen", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_code"),
        sa.UniqueConstraint("function_id", "fingerprint", "version", name="uq_code_function_id_fingerprint_version"),
    )
    put_in_place("code", CODE_COLUMNS)


def replace_entry() -> None:
    """Give entries an origin, and an index by function and time in place of that by function."""
    op.create_table(
        "new_entry",
        sa.Column("id", Identity, nullable=False, autoincrement=False),
        sa.Column("key", sa.LargeBinary, nullable=False),
        reference("entry", "function"),
        reference("entry", "code"),
        reference("entry", "origin", nullable=True),
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
    put_in_place("entry", ENTRY_COLUMNS)
    op.create_index("ix_entry_function_id_created", "entry", ["function_id", "created"])
    op.create_index("ix_entry_priority", "entry", ["priority"])
    given = sa.text("expires IS NOT NULL")
    op.create_index("ix_entry_expires", "entry", ["expires"], sqlite_where=given, postgresql_where=given)


def put_in_place(name: str, columns: str) -> None:
    """Fill a new table from the old one and let it take its name; indexes and triggers go with the old one."""
    op.execute(f"INSERT INTO new_{name} ({columns}) SELECT {columns} FROM {name} ORDER BY id")
    op.drop_table(name)
    op.rename_table(f"new_{name}", name)


def create_tombstone() -> None:
    """Create what is noted of entries that are gone."""
    op.create_table(
        "tombstone",
        sa.Column("number", Identity, nullable=False, autoincrement=False),
        sa.Column("entry_id", sa.BigInteger, nullable=False),
        sa.Column("key", sa.LargeBinary, nullable=False),
        reference("tombstone", "function"),
        reference("tombstone", "code"),
        reference("tombstone", "origin", nullable=True),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("gone", sa.Double, nullable=False),
        sa.Column("reason", sa.String(16), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("arguments", sa.Text),
        sa.PrimaryKeyConstraint("number", name="pk_tombstone"),
        sa.UniqueConstraint("entry_id", name="uq_tombstone_entry_id"),
    )


def create_facts() -> None:
    """Create what is remembered of the users' code, so that it need not be parsed again in each process."""
    op.create_table(
        "facts",
        sa.Column("id", Identity, nullable=False),
        sa.Column("code", sa.LargeBinary, nullable=False),
        sa.Column("facts", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_facts"),
        sa.UniqueConstraint("code", name="uq_facts_code"),
    )
