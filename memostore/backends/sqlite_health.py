"""The state of an SQLite file: what PRAGMAs, the files beside it, and the file system tell."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from pathlib import Path

from memostore.backends.protocol import Health

__all__ = ["health_of", "network_file_system"]

ROWS = 20  # complaints of quick_check that are read
MOUNTS = Path("/proc/self/mountinfo")  # Linux
NETWORK = frozenset({
    "9p", "afs", "beegfs", "ceph", "cifs", "fuse.glusterfs", "fuse.s3fs", "fuse.sshfs", "gfs2", "glusterfs", "gpfs",
    "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "smb2", "smb3", "smbfs", "vboxsf", "virtiofs",
})  # fmt: skip


def health_of(connection: sqlite3.Connection, path: Path | None) -> Health:
    """Return the state of a database; `path` is None for one in memory."""
    pages, size, free = (_pragma(connection, name) for name in ("page_count", "page_size", "freelist_count"))
    there = path is not None and path.exists()
    return Health(
        engine=f"SQLite {sqlite3.sqlite_version}",
        engine_version=sqlite3.sqlite_version_info,
        journal_mode=str(_pragma(connection, "journal_mode")),
        complaints=_complaints(connection),
        size=int(pages) * int(size),
        free=int(free) * int(size),
        log_size=_size(path.with_name(path.name + "-wal")) if path is not None else 0,
        written=path.stat().st_mtime if path is not None and there else None,
        mode=stat.S_IMODE(path.stat().st_mode) if path is not None and there and os.name == "posix" else None,
        network=network_file_system(path, MOUNTS) if path is not None else None,
        disk_free=shutil.disk_usage(path.parent).free if path is not None and there else None,
    )


def network_file_system(path: Path, mounts: Path) -> str | None:
    """Return the kind of network file system that a path lies on, None for a local one or where nothing tells.

    `mounts` is the kernel's list: the fifth field of a line is where something is mounted, what follows the dash its
    kind.
    """
    best, kind = "", ""
    for line in _lines(mounts):
        before, _, after = line.partition(" - ")
        where = before.split()[4].encode().decode("unicode_escape")  # blanks are written as \040
        inside = f"{os.path.realpath(path)}/".startswith(where.rstrip("/") + "/")
        if inside and len(where) >= len(best):  # of two mounts at one place, the later one is seen
            best, kind = where, after.split()[0]
    return kind if kind in NETWORK else None


def _lines(mounts: Path) -> list[str]:
    try:
        text = mounts.read_text(errors="backslashreplace")
    except OSError:
        return []
    return [line for line in text.splitlines() if " - " in line and len(line.split()) > 6]


def _pragma(connection: sqlite3.Connection, name: str) -> int | str:
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    found: int | str = value
    return found


def _complaints(connection: sqlite3.Connection) -> tuple[str, ...]:
    try:
        rows = [str(row[0]) for row in connection.execute(f"PRAGMA quick_check({ROWS})")]
    except sqlite3.DatabaseError as error:
        return (str(error),)
    return () if rows == ["ok"] else tuple(rows)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
