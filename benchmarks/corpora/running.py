"""Processes for the scripts: forked from two servers, whose hash seeds differ, or started one by one."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from benchmarks.corpora.cases import Case, Launch

ROOT = Path(__file__).resolve().parents[2]
SEEDS = ("1", "2")  # of the first run and of the second
CHILD = "benchmarks.corpora.child"


@dataclass(frozen=True)
class Ran:
    """What came of one run of a script."""

    output: str
    errors: str
    executed: dict[str, int]
    raised: str | None


class Runner(Protocol):
    def run(self, request: dict[str, Any]) -> Ran: ...

    def close(self) -> None: ...


def request(case: Case, project: Path, launch: Launch, cache: str, directory: Path) -> dict[str, Any]:
    """Return what a process has to know in order to run a case's script with a cache in a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    name, _, value = launch.env.partition("=")
    return {
        "script": str(project / launch.run), "cwd": str(project / launch.cwd), "env": {name: value} if name else {},
        "sites": [str(project / path) for path in launch.site.split()], "python": launch.python.split(),
        "cache": cache, "directory": str(directory), "needs": case.needs, "hashseed": launch.hashseed,
    }  # fmt: skip


class Server:
    """Forks a child for each script. Those that need other options of Python get a process started for them."""

    def __init__(self, seed: str, caches: Sequence[str]) -> None:
        self._started = Started(seed)
        self._process = subprocess.Popen(
            [sys.executable, "-m", CHILD, *caches], cwd=ROOT, env=_environment(seed), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def run(self, request: dict[str, Any]) -> Ran:
        if request["python"] or request["hashseed"]:
            return self._started.run(request)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return Ran(**json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        self._process.communicate()


@contextlib.contextmanager
def servers(caches: Sequence[str]) -> Iterator[tuple[Runner, Runner]]:
    """Give two servers, for the first runs and for the second ones, and end them."""
    first, second = (Server(seed, caches) for seed in SEEDS)
    try:
        yield first, second
    finally:
        first.close()
        second.close()


class Started:
    """Starts a process for each script, as a shell would."""

    def __init__(self, seed: str) -> None:
        self._seed = seed

    def run(self, request: dict[str, Any]) -> Ran:
        done = subprocess.run(
            [sys.executable, *request["python"], "-m", CHILD, "once"], input=json.dumps(request) + "\n",
            env=_environment(request["hashseed"] or self._seed), cwd=ROOT, capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip
        if done.returncode or not done.stdout:
            return Ran("", done.stderr, {}, f"the process ended with status {done.returncode}: {done.stderr[-500:]}")
        return Ran(**json.loads(done.stdout.splitlines()[-1]))

    def close(self) -> None:
        """Nothing is left to end."""


def _environment(seed: str) -> dict[str, str]:
    path = os.pathsep.join(dict.fromkeys([str(ROOT), *(entry for entry in sys.path if entry)]))
    single = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    return {**os.environ, **single, "PYTHONPATH": path, "PYTHONHASHSEED": seed}
