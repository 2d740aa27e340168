"""Alembic migrations, shipped as memostore.migrations."""
