"""Run scripts of the corpora, each in a fresh process.

Imported are the libraries; a script's own modules never are, so a child that is forked from this process is as fresh as
one that is started, in a tenth of the time. `python -m benchmarks.corpora.child once` runs one script in this process.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import signal
import site
import sys
import tempfile
import threading
import traceback
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.corpora import caches

SECONDS = 60
LATE = ("none", "checkpointer")  # checkpointer takes the directory that it is imported in for the user's project


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Run one script; return what it printed, how often memoized functions ran, and what it raised."""
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    script = request["script"]
    sys.argv, sys.path[:0] = [script], [str(Path(script).parent)]
    for directory in request["sites"]:
        site.addsitedir(directory)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        executed, raised = _with_cache(script, request["cache"], Path(request["directory"]))
    return {"output": out.getvalue(), "errors": err.getvalue(), "executed": executed, "raised": raised}


def _with_cache(script: str, name: str, directory: Path) -> tuple[dict[str, int], str | None]:
    """Open a cache and run a script with it; return what was executed, and what was raised."""
    executed: dict[str, int] = {}
    try:
        cache = caches.CACHES[name](directory)
        caching = caches.install(cache)
        executed = caching.executed
        try:
            _execute(script, caching.profile)
        finally:
            cache.close()
    except BaseException as raised:  # noqa: BLE001 # whatever a project or a cache raises is an answer
        traceback.print_exc()
        return executed, "".join(traceback.format_exception_only(raised)).strip()
    return executed, None


def _execute(script: str, profile: Callable[..., None]) -> None:
    module = sys.modules["__main__"] = types.ModuleType("__main__")
    module.__file__ = script
    code = compile(Path(script).read_bytes(), script, "exec", dont_inherit=True)
    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        exec(code, vars(module))
    finally:
        sys.setprofile(None)


def _forked(request: dict[str, Any]) -> dict[str, Any]:
    """Run a script in a child of this process."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        _answer(request, writer)
    os.close(writer)
    with open(reader, "rb") as answers:
        answer = answers.read()
    status = os.waitpid(child, 0)[1]
    if answer:
        return json.loads(answer)  # type: ignore[no-any-return]
    return {"output": "", "errors": "", "executed": {}, "raised": f"the process ended with status {status}"}


def _answer(request: dict[str, Any], writer: int) -> None:
    """Run a script, write down what came of it, and end this process."""
    try:
        signal.alarm(SECONDS)
        os.dup2(os.open(os.devnull, os.O_RDWR), 1)  # what a library prints past sys.stdout must not get between answers
        os.write(writer, json.dumps(run(request)).encode())
    finally:
        os._exit(0)


def serve(ahead: list[str]) -> None:
    """Answer requests, a line of JSON each, until there are no more; the caches named are imported beforehand."""
    for name in ahead:
        if name not in LATE:
            importlib.import_module(name)
    with tempfile.TemporaryDirectory() as directory:
        if "memostore" in ahead:
            _prepare_store(Path(directory) / "empty.db")
        for line in sys.stdin:
            request = json.loads(line)
            for name in request["needs"]:
                importlib.import_module(name)
            print(json.dumps(_forked(request)), flush=True)


def _prepare_store(path: Path) -> None:
    """Have a child create an empty store, which costs more than all else that a case does."""
    child = os.fork()
    if not child:
        try:
            importlib.import_module("memostore").Store(path).close()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    if path.exists():
        caches.EMPTY.append(path)


def main() -> None:
    if sys.argv[1:] == ["once"]:
        print(json.dumps(run(json.loads(sys.stdin.readline()))), flush=True)
    else:
        serve(sys.argv[1:])


if __name__ == "__main__":
    main()
