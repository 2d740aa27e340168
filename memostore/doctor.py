"""What can be seen at once to be wrong, or worth doing, with a store: a list of findings, each with a remedy.

A finding is a "warning" where results, or the store itself, are in danger, "advice" where something could be better,
and "ok" where all is well.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from memostore.backends.protocol import Backend, Execute, Health
from memostore.errors import StoreError
from memostore.schema import REVISION

__all__ = ["SEVERITIES", "Finding", "examined"]

SEVERITIES = ("ok", "advice", "warning")

BROKEN_RESET = ((3, 7, 0), (3, 51, 3))  # from, and before: SQLite's WAL-reset bug
MANY_VERSIONS = 20
FREE_SHARE, FREE_FROM = 0.25, 10_000_000  # of the file, and bytes, before vacuum is worth it
LOG_FROM = 64_000_000  # bytes; a checkpoint keeps the log at 16 MB
DISK_LEFT = 200_000_000  # bytes
NEVER_HIT_SHARE, NEVER_HIT_FROM, OLD = 0.5, 100, 30 * 86400.0  # share, entries, seconds
MISSES_FROM = 10  # calls of a function that stores nothing
AHEAD = 60.0  # seconds that another computer's clock may be ahead
LIBRARIES = (
    "zstandard", "cloudpickle", "numpy", "pandas", "polars", "pyarrow", "scipy", "scikit-learn", "torch", "pydantic",
    "attrs", "msgspec",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: `severity` is "ok", "advice" or "warning", `advice` what to do, "" for nothing."""

    severity: str
    about: str
    what: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """The store that is looked at, and the time by its clock."""

    backend: Backend
    now: float

    def look(self, text: str, **params: float) -> Sequence[Any]:
        """Return the rows of a question."""

        def ask(execute: Execute) -> Sequence[Any]:
            return execute(text, params)

        return self.backend.look(ask)


Check = Iterator[Finding]


def examined(backend: Backend, now: float) -> list[Finding]:
    """Return what there is to say about a store, the worst first. A check that fails is a finding itself."""
    findings: list[Finding] = []
    for check in CHECKS:
        try:
            findings += check(Case(backend, now))
        except StoreError as error:
            findings.append(Finding("warning", check.__name__.replace("_", " "), str(error), "see whether it lasts"))
    return sorted(findings, key=lambda finding: -SEVERITIES.index(finding.severity))


def database(case: Case) -> Check:
    """Look at the file, its engine and its disk."""
    health = case.backend.health()
    yield _integrity(health)
    yield _engine(health)
    yield _journal(health)
    yield _space(health)
    yield from _disk(health)
    yield from _permissions(health)


def _integrity(health: Health) -> Finding:
    if not health.complaints:
        return Finding("ok", "integrity", f"the engine's quick check of {_size(health.size)} found nothing")
    first, more = health.complaints[0], len(health.complaints) - 1
    return Finding(
        "warning", "integrity", f"the file is damaged: {first}{f', and {more} more' if more else ''}",
        "copy the file away, then let the shell of SQLite save what it can: .recover",
    )  # fmt: skip


def _engine(health: Health) -> Finding:
    first, fixed = BROKEN_RESET
    if health.engine.startswith("SQLite") and first <= health.engine_version < fixed:
        return Finding(
            "advice", "engine", f"{health.engine} has a rare bug that can damage a file when several connections "
            f"write and reset the write-ahead log at the same moment",
            "where several processes write one store: use a Python that brings SQLite 3.51.3 or newer",
        )  # fmt: skip
    return Finding("ok", "engine", health.engine)


def _journal(health: Health) -> Finding:
    if health.network is not None:
        return Finding(
            "warning", "file system", f"the file lies on {health.network}, a network file system: locks and the "
            f"write-ahead log do not work there between computers",
            "keep the store on a local disk of each computer",
        )  # fmt: skip
    if health.journal_mode not in ("wal", "memory"):
        return Finding(
            "advice", "journal", f"journal_mode is {health.journal_mode}: readers wait for whoever writes",
            "open the store once for writing where its directory can be written to; or: PRAGMA journal_mode = WAL",
        )  # fmt: skip
    if health.log_size > LOG_FROM:
        return Finding(
            "advice", "journal", f"the write-ahead log has grown to {_size(health.log_size)}",
            "a reader that never ends keeps it from being reset: look for a query or a process that hangs",
        )  # fmt: skip
    return Finding("ok", "journal", f"{health.journal_mode}, {_size(health.log_size)} in the log")


def _space(health: Health) -> Finding:
    if health.free >= FREE_FROM and health.free >= FREE_SHARE * health.size:
        what = f"{_size(health.free)} of {_size(health.size)} are space of removed entries"
        return Finding("advice", "space", what, "give it back: `memostore vacuum`")
    return Finding("ok", "space", f"{_size(health.size)}, of which {_size(health.free)} are free for new entries")


def _disk(health: Health) -> Check:
    if health.disk_free is not None and health.disk_free < DISK_LEFT:
        what = f"the disk has {_size(health.disk_free)} left: results will soon not be stored"
        yield Finding("warning", "disk", what, "evict, then vacuum: `memostore evict --to SIZE`, `memostore vacuum`")


def _permissions(health: Health) -> Check:
    if health.mode is None:
        return
    if health.mode & 0o022:
        yield Finding(
            "warning", "permissions", f"others may write the file (mode {health.mode:o}): loading a result can run "
            f"what they put there", "chmod 600, or 640, and the same for what lies beside it",
        )  # fmt: skip
    elif health.mode & 0o004:
        what = f"everybody on this computer can read the results (mode {health.mode:o})"
        yield Finding("warning", "permissions", what, "chmod 600")
    else:
        yield Finding("ok", "permissions", f"mode {health.mode:o}")


def revision(case: Case) -> Check:
    """Look at the schema's revision."""
    found = case.backend.revision()
    if found == REVISION:
        yield Finding("ok", "revision", f"{found}, the newest")
    else:
        yield Finding("warning", "revision", f"{found or 'none'}, and not {REVISION}", "`memostore migrate`")


AHEAD_OF_TIME = "SELECT count(*), max(created) FROM entry WHERE created > :limit"


def clock(case: Case) -> Check:
    """Look for entries from the future: a clock was wrong, or is."""
    ((count, last),) = case.look(AHEAD_OF_TIME, limit=case.now + AHEAD)
    if count:
        what = (
            f"{_count(count, 'entry')} of the future, up to {_span(last - case.now)} ahead: TTLs are wrong by that much"
        )
        yield Finding("warning", "clock", what, "set the clock; `memostore invalidate` what was stored by a wrong one")


UNSEEN = """
SELECT function.module, function.qualname, code.manifest FROM code
JOIN function ON function.id = code.function_id
WHERE code.id IN (SELECT max(id) FROM code GROUP BY function_id)
ORDER BY function.module, function.qualname
"""


def unseen(case: Case) -> Check:
    """Look for what fingerprints can't follow, by the newest version of each function's code."""
    for module, qualname, manifest in case.look(UNSEEN):
        names = _unseen_in(manifest)
        if names:
            yield Finding(
                "advice", f"{module}.{qualname}", f"its fingerprint can't see {'; '.join(names)}",
                "name what it leads to in depends_on=[...], or change version= when it changes",
            )  # fmt: skip


def _unseen_in(manifest: str) -> list[str]:
    try:
        return [str(name) for name in json.loads(manifest).get("unseen") or ()]
    except (TypeError, ValueError, AttributeError):
        return []


VERSIONS = """
SELECT function.module, function.qualname, count(*) AS versions FROM code
JOIN function ON function.id = code.function_id
GROUP BY function.id HAVING count(*) >= :limit ORDER BY versions DESC
"""


def versions(case: Case) -> Check:
    """Look for functions whose code has changed often: the results of old code stay until they are removed."""
    for module, qualname, count in case.look(VERSIONS, limit=MANY_VERSIONS):
        what = f"{count} versions of its code have stored results"
        yield Finding("advice", f"{module}.{qualname}", what, "remove what is of no use: `invalidate --older-than 30d`")


USELESS = """
SELECT function.module, function.qualname, function.entries, count(entry.id), coalesce(sum(entry.size), 0)
FROM function JOIN entry ON entry.function_id = function.id
WHERE function.entries >= :least AND entry.hit_count = 0 AND entry.created < :before
GROUP BY function.id HAVING count(entry.id) >= :share * function.entries
ORDER BY 5 DESC
"""


def never_hit(case: Case) -> Check:
    """Look for functions most of whose entries are old and were never asked for again."""
    given = {"least": NEVER_HIT_FROM, "before": case.now - OLD, "share": NEVER_HIT_SHARE}
    for module, qualname, entries, count, size in case.look(USELESS, **given):
        what = f"{count:,} of its {entries:,} entries, {_size(size)}, were never hit in 30 days"
        yield Finding(
            "advice", f"{module}.{qualname}", what, "give it a ttl=, the store a max_size=, or do not memoize it"
        )


NOT_STORED = """
SELECT function.module, function.qualname, sum(daily.misses) FROM function
JOIN daily ON daily.function_id = function.id
WHERE function.entries = 0 AND NOT EXISTS (SELECT 1 FROM code WHERE code.function_id = function.id)
GROUP BY function.id HAVING sum(daily.misses) >= :limit ORDER BY 3 DESC
"""


def not_stored(case: Case) -> Check:
    """Look for functions that are called and have never stored a result."""
    for module, qualname, misses in case.look(NOT_STORED, limit=MISSES_FROM):
        what = f"{misses:,} calls, and never a result that was stored"
        yield Finding(
            "advice", f"{module}.{qualname}", what, "f.explain(...) after a call says why, and so does a warning"
        )


def libraries(_: Case) -> Check:
    """Look at which optional libraries are installed."""
    import importlib.metadata as metadata  # slow: it brings the parser of mail messages

    there = []
    for name in LIBRARIES:
        try:
            there.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    yield Finding("ok", "libraries", ", ".join(there) or "none of the optional ones")


CHECKS: tuple[Callable[[Case], Check], ...] = (
    database, revision, clock, unseen, versions, never_hit, not_stored, libraries,
)  # fmt: skip


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun if number == 1 else 'entries'}"


def _span(seconds: float) -> str:
    for unit, length in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{seconds:,.0f} seconds"


def _size(count: int) -> str:
    for unit, length in (("GB", 1000**3), ("MB", 1000**2), ("kB", 1000)):
        if count >= length:
            return f"{count / length:.1f} {unit}"
    return f"{count} B"
