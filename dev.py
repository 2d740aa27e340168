#!/usr/bin/env python3
"""Run the demo, the tests and the checks from a bare clone, with nothing but Python 3.11 or newer.

    python3 dev.py demo     the demo
    python3 dev.py test     the tests            (python3 dev.py test -k name: further arguments go to pytest)
    python3 dev.py lint     ruff and mypy
    python3 dev.py bench    the benchmarks
    python3 dev.py all      lint, test and demo

Each makes a virtual environment beside this file (`.venv-3.11` for Python 3.11), or where `--venv DIR` says, and
installs the project there with what the command needs. Later runs find it installed and start at once.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

# Up here, before the first annotation that an older Python could not read.
if sys.version_info < (3, 11):  # noqa: UP036 # this file is what an older Python is given
    this = ".".join(map(str, sys.version_info[:3]))
    sys.exit(f"dev.py: this is Python {this}; memostore needs 3.11 or newer, as in: python3.13 dev.py test")

HERE = Path(__file__).resolve().parent
MARKER = "memostore-installed.json"

# What decides whether an installation is still the right one: of an editable one the metadata, of a plain one, which
# holds a copy, the sources too.
METADATA = ("setup.cfg", "setup.py", "pyproject.toml")
SOURCES = ("memostore", "migrations")

# By command: the extras of setup.cfg that it needs. mypy reads the types of what the tests install (NumPy, pandas).
EXTRAS = {"demo": [], "test": ["test"], "lint": ["lint", "test"], "bench": ["bench"], "all": ["lint", "test"]}
WORKERS = min(os.cpu_count() or 1, 4)


class Failure(Exception):
    """What went wrong, for the last line on stderr, and the exit code."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


class Environment:
    """A virtual environment with the project in it, and a marker file that says what was installed."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.marker = directory / MARKER
        scripts = directory / ("Scripts" if os.name == "nt" else "bin")
        self.python = scripts / ("python.exe" if os.name == "nt" else "python")

    def provide(self, extras: list[str]) -> None:
        """Make the environment and install the project, as far as that has not been done before."""
        installed = self.installed()
        if installed is not None and set(extras) <= set(installed["extras"]):
            return
        self.create()
        wanted = sorted({*extras, *(installed["extras"] if installed else [])})
        editable = bool(wanted) or bool(installed and installed["editable"])
        self.install(wanted, editable)
        self.mark(wanted, editable)

    def installed(self) -> dict[str, Any] | None:
        """Return what the marker says, or None where it is out of date or there is none."""
        try:
            found: dict[str, Any] = json.loads(self.marker.read_text())
            current = found["digest"] == digest(found["editable"]) and found["python"] == sys.version
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return found if current and self.python.exists() else None

    def create(self) -> None:
        """Make the environment, or mend one that was left half made; never touch a directory of another kind."""
        there = self.directory.exists()
        if there and any(self.directory.iterdir()) and not (self.directory / "pyvenv.cfg").exists():
            raise Failure(f"{self.directory} is not empty and not a virtual environment: name another with --venv")
        self.marker.unlink(missing_ok=True)
        say(f"making a virtual environment in {self.directory}" if not there else f"checking {self.directory}")
        code = run([sys.executable, "-m", "venv", str(self.directory)])
        if code or not self.python.exists():
            hint = "on Debian and Ubuntu, `apt install python3-venv` brings what is missing"
            raise Failure(f"python -m venv failed; {hint}", code or 1)

    def install(self, extras: list[str], editable: bool) -> None:
        """Install the project with some extras."""
        project = f".[{','.join(extras)}]" if extras else "."
        say(f"pip install {'-e ' if editable else ''}{project}")
        build = HERE / "build"
        is_ours = not build.exists()
        code = run([
            str(self.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
            *(["-e"] if editable else []), project,
        ])  # fmt: skip
        if is_ours:  # what setuptools leaves would get into the next wheel, even after a file was removed here
            shutil.rmtree(build, ignore_errors=True)
        if code:
            raise Failure("pip could not install the project: see above (the first time it needs the network)", code)

    def mark(self, extras: list[str], editable: bool) -> None:
        """Write down what is installed now."""
        found = {"extras": extras, "editable": editable, "digest": digest(editable), "python": sys.version}
        self.marker.write_text(json.dumps(found))


def digest(editable: bool) -> str:
    """Return the digest of the files that an installation depends on."""
    files = [HERE / name for name in METADATA]
    if not editable:
        files += sorted(path for name in SOURCES for path in (HERE / name).rglob("*.py"))
    hasher = hashlib.sha256()
    for path in files:
        hasher.update(hashlib.sha256(path.read_bytes()).digest() if path.exists() else b"absent")
    return hasher.hexdigest()


def commands(name: str, python: str, rest: list[str]) -> list[list[str]]:
    """Return the command lines that a command stands for."""
    demo = [python, "-P", "-m", "memostore.cli", "demo"]  # -P: run what is installed, not what lies here
    test = [python, "-m", "pytest", "-q", "-n", str(WORKERS), *rest]
    lint = [[python, "-m", "ruff", "check", "."], [python, "-m", "mypy"]]
    return {
        "demo": [[*demo, *rest]],
        "test": [test],
        "lint": lint,
        "bench": [[python, "-m", "benchmarks", *rest]],
        "all": [*lint, test, demo],
    }[name]


def run(command: list[str]) -> int:
    """Run a command in the project's directory; return its exit code."""
    sys.stdout.flush()
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH")}
    try:
        return subprocess.run(command, cwd=HERE, env=environment, check=False).returncode
    except OSError as error:
        raise Failure(f"{command[0]} can't be run: {error}") from error


def say(message: str) -> None:
    """Say what is being done, on stderr: stdout belongs to the command."""
    print(f"dev.py: {message}", file=sys.stderr, flush=True)


def parsed(arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Return the command with its options, and what goes on to the tool behind it."""
    parser = argparse.ArgumentParser(
        prog="dev.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("command", choices=sorted(EXTRAS))
    here = f".venv-{sys.version_info[0]}.{sys.version_info[1]}"
    parser.add_argument("--venv", metavar="DIR", type=Path, help=f"the virtual environment (default: {here})")
    known, rest = parser.parse_known_args(arguments)
    known.venv = (known.venv or HERE / here).absolute()
    return known, rest


def main(arguments: list[str]) -> int:
    """Run one command; return the exit code."""
    known, rest = parsed(arguments)
    environment = Environment(known.venv)
    environment.provide(EXTRAS[known.command])
    for command in commands(known.command, str(environment.python), rest):
        code = run(command)
        if code:
            raise Failure(f"`{' '.join(command[2:])}` ended with exit code {code}", code)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Failure as failure:
        say(str(failure))
        sys.exit(failure.code)
    except KeyboardInterrupt:
        sys.exit(130)
