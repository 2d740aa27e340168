"""`store.doctor()`: what it sees in a store, how bad it finds it, and what it says to do."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
from click.testing import CliRunner

import memostore.doctor as doctor
from memostore import Finding, Store
from memostore.backends.protocol import Health
from memostore.backends.sqlite_health import network_file_system
from memostore.cli import main
from memostore.schema import REVISION

pytestmark = pytest.mark.filterwarnings("error::memostore.MemostoreWarning")

WELL = Health(
    engine="SQLite 3.51.3", engine_version=(3, 51, 3), journal_mode="wal", complaints=(), size=1_000_000, free=0,
    log_size=0, written=0.0, mode=0o600, network=None, disk_free=10**12,
)  # fmt: skip


def load(path):
    return path


def about(findings, name):
    return [finding for finding in findings if finding.about == name]


def seen(store, name):
    (finding,) = about(store.doctor(), name)
    return finding


def change(path, text, *params):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(text, params)


# The whole


def test_a_store_that_is_well_gets_no_warning(store):
    store.memoize(load)("a")
    findings = store.doctor()
    assert {finding.severity for finding in findings} <= {"ok", "advice"}
    names = ["engine", "integrity", "journal", "space", "permissions", "revision", "libraries"]
    assert sorted(finding.about for finding in findings) == sorted(names)


def test_the_worst_comes_first_and_all_but_what_is_well_has_a_remedy(store, path):
    os.chmod(path, 0o666)
    findings = store.doctor()
    order = [doctor.SEVERITIES.index(finding.severity) for finding in findings]
    assert order == sorted(order, reverse=True)
    assert order[0] == 2
    assert all(bool(finding.advice) == (finding.severity != "ok") for finding in findings)


def test_looking_changes_nothing(store, path, snapshot):
    store.memoize(load)("a")
    store.flush()
    before = snapshot(path.parent)
    store.doctor()
    assert snapshot(path.parent) == before


@pytest.mark.parametrize("where", [None, ":memory:"])
def test_a_store_without_a_file_can_be_looked_at(where):
    with Store(where) as store:
        assert not [finding for finding in store.doctor() if finding.severity == "warning"]


def test_a_check_that_fails_is_a_warning_and_hides_no_other(store, path):
    change(path, "DROP TABLE daily")
    findings = store.doctor()
    assert about(findings, "not stored")[0].severity == "warning"
    assert about(findings, "libraries")


# The file


def judged(**state):
    """The findings of a file in some state."""

    class Backend:
        def health(self):
            return replace(WELL, **state)

    return {finding.about: finding for finding in doctor.database(doctor.Case(Backend(), 0.0))}


def test_a_file_that_is_well_is_well():
    assert {finding.severity for finding in judged().values()} == {"ok"}


@pytest.mark.parametrize(
    ("state", "name", "severity", "words"),
    [
        ({"engine_version": (3, 40, 1)}, "engine", "advice", "3.51.3"),
        ({"engine_version": (3, 51, 2)}, "engine", "advice", "3.51.3"),
        ({"engine_version": (3, 6, 23)}, "engine", "ok", ""),
        ({"complaints": ("row 3 missing", "b", "c")}, "integrity", "warning", "recover"),
        ({"journal_mode": "delete"}, "journal", "advice", "WAL"),
        ({"log_size": 500_000_000}, "journal", "advice", "hangs"),
        ({"network": "nfs4"}, "file system", "warning", "local disk"),
        ({"free": 900_000_000, "size": 10**9}, "space", "advice", "vacuum"),
        ({"free": 900_000, "size": 10**6}, "space", "ok", ""),
        ({"disk_free": 1000}, "disk", "warning", "evict"),
        ({"mode": 0o644}, "permissions", "warning", "600"),
        ({"mode": 0o660}, "permissions", "warning", "600"),
        ({"mode": 0o640}, "permissions", "ok", ""),
    ],
)
def test_the_state_of_a_file_is_judged(state, name, severity, words):
    finding = judged(**state)[name]
    assert finding.severity == severity
    assert words in finding.advice


def test_damage_is_seen(store, path):
    for n in range(200):
        store.put(n, os.urandom(500))
    store.close()
    with path.open("r+b") as file:
        file.seek(-3 * 4096, os.SEEK_END)
        file.write(b"\xff" * 4096 * 3)
    with Store(path, read_only=True) as damaged:
        assert about(damaged.doctor(), "integrity")[0].severity == "warning"


def test_a_file_that_all_can_read_is_seen(store, path):
    os.chmod(path, 0o644)
    assert seen(store, "permissions").severity == "warning"


MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
31 30 8:2 / /home/local rw shared:3 - xfs /dev/sdb1 rw
30 22 0:40 / /home rw shared:2 - nfs4 server:/home rw
32 22 0:41 / /mnt/my\\040share rw - cifs //server/share rw
nonsense
"""


@pytest.mark.parametrize(
    ("place", "kind"),
    [("/data/memo.db", None), ("/home/me/memo.db", "nfs4"), ("/home/local/memo.db", None), ("/homes/memo.db", None),
     ("/mnt/my share/memo.db", "cifs")],
)  # fmt: skip
def test_a_network_file_system_is_known_by_its_mount(tmp_path, place, kind):
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    assert network_file_system(tmp_path.__class__(place), mounts) == kind


def test_where_nothing_tells_of_mounts_a_file_system_is_taken_for_local(tmp_path):
    assert network_file_system(tmp_path / "memo.db", tmp_path / "nothing") is None


# What is stored


def test_entries_of_the_future_are_seen(store, clock):
    clock.advance(86400 * 3)
    store.put("a", 1)
    clock.advance(-86400 * 3)
    finding = seen(store, "clock")
    assert (finding.severity, finding.what[:9]) == ("warning", "1 entry o")
    assert "3 days" in finding.what


def test_what_a_fingerprint_cannot_see_is_listed_by_function(store, path):
    store.memoize(load)("a")
    change(path, "UPDATE code SET manifest = ?", json.dumps({"unseen": ["prep.f: getattr(helpers, ...)"]}))
    finding = seen(store, f"{__name__}.load")
    assert finding.severity == "advice"
    assert "getattr(helpers" in finding.what
    assert "depends_on" in finding.advice


@pytest.mark.parametrize("manifest", ["", "[]", "3", '{"unseen": 3}', '{"unseen": null}'])
def test_a_manifest_that_cannot_be_read_lists_nothing(store, path, manifest):
    store.memoize(load)("a")
    change(path, "UPDATE code SET manifest = ?", manifest)
    assert about(store.doctor(), f"{__name__}.load") == []


def test_many_versions_of_the_code_are_seen(store, path):
    store.memoize(load)("a")
    for n in range(doctor.MANY_VERSIONS):
        change(
            path, "INSERT INTO code (function_id, fingerprint, manifest, first_seen) SELECT function_id, ?, '{}', 0 "
            "FROM code LIMIT 1", n.to_bytes(32, "big"),
        )  # fmt: skip
    assert "21 versions" in seen(store, f"{__name__}.load").what


def test_entries_that_nobody_asks_for_are_seen(store, clock):
    f = store.memoize(load)
    for n in range(doctor.NEVER_HIT_FROM):
        f(n)
    for n in range(10):
        f(n)
    assert about(store.doctor(), f"{__name__}.load") == []
    clock.advance(doctor.OLD + 1)
    assert "90 of its 100 entries" in seen(store, f"{__name__}.load").what


def test_a_function_whose_results_are_never_stored_is_seen(store):
    f = store.memoize(cache_if=lambda result: False)(load)
    for n in range(doctor.MISSES_FROM):
        f(n)
    assert "never a result" in seen(store, f"{__name__}.load").what


# The command


def run(path, *options):
    result = CliRunner().invoke(main, ["-s", str(path), "doctor", *options])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_the_command_shows_all_and_ends_well(store, path):
    result = run(path)
    assert result.exit_code == 0
    assert "integrity" in result.output


def test_the_command_ends_with_1_where_there_is_a_warning(store, path):
    os.chmod(path, 0o666)
    result = run(path)
    assert result.exit_code == 1
    assert "-> chmod 600" in result.output
    data = json.loads(run(path, "--json").stdout)
    assert data["findings"][0] == {
        "severity": "warning", "about": "permissions", "what": data["findings"][0]["what"],
        "advice": data["findings"][0]["advice"],
    }  # fmt: skip


def test_a_store_of_an_older_revision_is_a_finding(store, path):
    store.close()
    change(path, "UPDATE alembic_version SET version_num = '0001'")
    result = run(path)
    assert result.exit_code == 1
    assert "migrate" in result.output


def test_a_file_that_is_no_store_is_a_finding(tmp_path):
    other = tmp_path / "other.db"
    other.write_bytes(b"no database" * 100)
    result = run(other, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["findings"][0]["about"] == "file"


def test_a_store_that_is_not_there_is_an_error(tmp_path):
    result = run(tmp_path / "nothing.db")
    assert result.exit_code == 1
    assert "there is no store" in result.output


def test_a_finding_is_a_frozen_record():
    finding = Finding("ok", "revision", REVISION)
    assert finding.advice == ""
    with pytest.raises(AttributeError):
        finding.what = "x"
