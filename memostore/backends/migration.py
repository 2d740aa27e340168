"""Alembic, run on a connection of ours inside a transaction of ours. Imported only when there is work for it."""

from __future__ import annotations

import importlib.util
import sqlite3
from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from memostore.schema import APPLICATION_ID

__all__ = ["config_for", "is_known", "set_up"]


def config_for(connection: Connection | None = None) -> Config:
    """Return Alembic's settings, which find the migrations wherever the package is installed."""
    spec = importlib.util.find_spec("memostore.migrations")
    assert spec is not None  # noqa: S101 # part of this distribution
    assert spec.origin is not None  # noqa: S101 # a regular package
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(spec.origin).parent).replace("%", "%%"))
    return config


def is_known(revision: str) -> bool:
    """Say whether a revision is one of ours (an empty one is a store without tables)."""
    known = {script.revision for script in ScriptDirectory.from_config(config_for()).walk_revisions()}
    return not revision or revision in known


def set_up(connection: sqlite3.Connection, is_done: Callable[[], bool]) -> None:
    """Create or upgrade the schema in one transaction, unless somebody else has done it by the time we hold the lock.

    The file's mark is set in the same transaction: a file that carries it has all its tables.
    """
    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)
    try:
        with engine.connect() as wrapped:
            wrapped.exec_driver_sql("BEGIN IMMEDIATE")
            if not is_done():
                command.upgrade(config_for(wrapped), "head")
                wrapped.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
            wrapped.commit()
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.Error):
            raise error.orig from error
        raise
