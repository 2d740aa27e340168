"""What the tests share: a clock that can be turned, a store in a directory of its own, and scripts run as processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memostore import Store

collect_ignore = ["typing"]  # for type checkers; see test_typing.py

NOON = 1_775_044_800.0  # 2026-04-01T12:00:00Z


class Clock:
    """A clock that stands still until it is turned."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class Runs(list):
    """What a memoized function has computed. A closure may hold it: as a part of a key it stands for nothing."""

    def __memo_key__(self) -> str:
        return "runs"


class Script:
    """A script in a directory of its own, run in processes of their own, with the store in that directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.path = directory / "job.py"
        self.environment = {
            **os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
            "MEMOSTORE_URL": str(directory / "default.db"), "PYTHONUNBUFFERED": "1",
        }  # fmt: skip

    def write(self, text: str) -> Script:
        self.path.write_text(textwrap.dedent(text))
        return self

    def start(self, *args: object, options: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *options, str(self.path), *map(str, args)], cwd=self.directory, env=self.environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(
        self, *args: object, options: tuple[str, ...] = (), timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run to the end and return what was written; a failure shows its standard error."""
        with self.start(*args, options=options) as process:
            out, err = process.communicate(timeout=timeout)
        assert process.returncode == 0, err
        return subprocess.CompletedProcess(process.args, 0, out, err)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def runs() -> Runs:
    return Runs()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a store's file can be; it is not there yet."""
    return tmp_path / "memo.db"


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with nothing in it: copying it takes a tenth of the time that creating one does."""
    template = tmp_path_factory.mktemp("template") / "memo.db"
    Store(template).close()
    return template


@pytest.fixture
def store(path: Path, clock: Clock, empty_store: Path) -> Iterator[Store]:
    shutil.copy(empty_store, path)
    with Store(path, clock=clock) as opened:
        yield opened


@pytest.fixture
def script(tmp_path: Path) -> Script:
    return Script(tmp_path)


@pytest.fixture
def snapshot() -> Callable[[Path], dict[str, bytes]]:
    """The bytes of every file in a directory. A WAL's index (-shm) is left out: it is locks, and no content."""

    def taken(directory: Path) -> dict[str, bytes]:
        files = (file for file in sorted(directory.rglob("*")) if file.is_file())
        return {str(file.relative_to(directory)): file.read_bytes() for file in files if not file.name.endswith("-shm")}

    return taken
