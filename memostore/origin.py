"""Where this process runs: what an entry, and the tombstone of one, says of its origin."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict, dataclass
from functools import cache

__all__ = ["Origin", "here"]

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Origin:
    """A host, a user and a script; the script is "" where Python was started without one."""

    host: str
    user_name: str
    script: str

    def as_dict(self) -> dict[str, str]:
        """Return the fields by name."""
        return asdict(self)


@cache
def here() -> Origin:
    """Return the origin of what this process does.

    >>> sorted(here().as_dict())
    ['host', 'script', 'user_name']
    """
    return Origin(*map(_storable, (_host(), _user(), _script())))


def _host() -> str:
    if hasattr(os, "uname"):
        return os.uname().nodename or UNKNOWN
    import platform  # slow

    return platform.node() or UNKNOWN


def _user() -> str:
    try:
        import pwd  # not everywhere

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError, OSError):
        return str(os.getuid()) if hasattr(os, "getuid") else UNKNOWN


def _script() -> str:
    """Return the script's path; "" for `python -c`, and for a session at a prompt."""
    name = sys.argv[0] if sys.argv else ""
    return "" if name in ("", "-c", "-m") else os.path.abspath(name)


def _storable(text: str) -> str:
    """Return text that a database takes: file names may hold what is no Unicode."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
