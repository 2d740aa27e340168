"""Alembic's entry: runs on the connection that memostore hands over, or on the URL of `alembic -x url=...`."""

from alembic import context
from sqlalchemy import create_engine
from sqlalchemy.engine import Connection

from memostore.schema.tables import metadata


def run(connection: Connection) -> None:
    """Run the migrations on one connection; the caller's transaction, if there is one, holds them all."""
    context.configure(
        connection=connection, target_metadata=metadata, transactional_ddl=True, compare_server_default=True
    )
    with context.begin_transaction():
        context.run_migrations()


def run_by_url() -> None:
    """Serve a developer's `alembic -x url=sqlite:///some.db ...` on the command line."""
    url = context.get_x_argument(as_dictionary=True).get("url")
    if not url:
        raise SystemExit("name the database: alembic -x url=sqlite:///results.db check")
    with create_engine(url).connect() as connection:
        run(connection)


handed_over = context.config.attributes.get("connection")
if handed_over is None:
    run_by_url()
else:
    run(handed_over)
