"""The command `memostore`: what is stored, why, and what to throw away, asked in a shell.

Built on the public API alone. Neither SQLAlchemy nor rich is imported before a command needs it: a test holds
`memostore --help` to that.
"""

from __future__ import annotations

from memostore.cli.demo import demo
from memostore.cli.explaining import doctor, explain
from memostore.cli.group import main
from memostore.cli.listing import ls, path, show, sql, stats
from memostore.cli.maintain import migrate, vacuum
from memostore.cli.removing import evict, expire, invalidate

__all__ = ["main"]

for command in (demo, stats, ls, show, explain, invalidate, expire, evict, sql, doctor, vacuum, path, migrate):
    main.add_command(command)
