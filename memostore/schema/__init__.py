"""The database's layout: what marks a file as ours, and the revision that this code expects.

The tables (`schema.tables`) need SQLAlchemy, which costs 140 ms to import. A hit and the opening of an existing store
need only what is on this page, so the tables are imported where somebody asks a question.
"""

from __future__ import annotations

__all__ = ["APPLICATION_ID", "PAGE_SIZE", "REVISION"]

# "Memo" in ASCII; SQLite keeps it in the file's header, where `file(1)` and we can read it.
APPLICATION_ID = 0x4D656D6F

# The newest migration in migrations/versions; a test holds the two together.
REVISION = "0003"

# Bytes; set before the first table, fixed for the life of a file. Of 4, 8 and 16 KiB the smallest makes a small save
# twice as fast as the largest, and costs a large value, which travels in chunks, a tenth.
PAGE_SIZE = 4096
