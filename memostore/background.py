"""Taking steps in the background: a few threads for plain functions, tasks of the running loop for coroutines."""

from __future__ import annotations

import contextvars
import os
from typing import TYPE_CHECKING, Any, Final

from memostore.backends.connections import release_thread
from memostore.driving import Steps, drive, drive_async
from memostore.flight import detached
from memostore.tracking import unseen

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

__all__ = ["in_thread", "on_loop"]

THREADS: Final = 4

_pool: ThreadPoolExecutor | None = None
_tasks: set[asyncio.Task[Any]] = set()  # the loop itself holds its tasks weakly


def in_thread(steps: Steps) -> None:
    """Have steps taken by a thread, after those that are waiting. The process does not end before them."""
    global _pool  # made when it is needed
    if _pool is None:
        from concurrent.futures import ThreadPoolExecutor  # slow

        _pool = ThreadPoolExecutor(THREADS, "memostore-background")
    try:
        _pool.submit(contextvars.copy_context().run, _detached_drive, steps)
    except RuntimeError:  # the interpreter is shutting down
        steps.close()


def on_loop(steps: Steps) -> None:
    """Have steps taken by a task of the running loop. It is cancelled, as all others, when the loop ends."""
    import asyncio  # slow, and here it has been imported already

    context = contextvars.copy_context()
    context.run(_detach)
    try:
        task = asyncio.get_running_loop().create_task(drive_async(steps), context=context)
    except RuntimeError:  # another library's loop: a thread could not await what the function returns
        steps.close()
        return
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


def _detached_drive(steps: Steps) -> None:
    _detach()
    try:
        drive(steps)
    finally:
        release_thread()


def _detach() -> None:
    """Take note that what runs in this context from now on is no part of the calls that it was begun in."""
    detached()
    unseen()


def _forget() -> None:
    """In a forked child: the threads are not here."""
    global _pool  # as above
    _pool = None
    _tasks.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
