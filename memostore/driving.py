"""The steps of a call, and who takes them: a thread, an event loop, a generator or an asynchronous generator.

What a call does is written once (`computing`, `streaming`), as a generator of steps that never blocks by itself. It is
sent what each step came to, and returns a `Done`. A driver takes the steps in its own way: `drive` one after the other
in the caller's thread, `drive_async` without keeping an event loop waiting.

>>> def doubled(function, x):
...     done = yield Run(function, (x,), {})
...     return done if done.error is not None else Done(2 * done.value)
>>> drive(doubled(abs, -4))
8
"""

from __future__ import annotations

import contextvars
import functools
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator
from typing import TYPE_CHECKING, Any, NamedTuple

from memostore.flight import Flight, waiting

if TYPE_CHECKING:
    import asyncio

__all__ = [
    "Done", "Emit", "Pause", "Run", "Step", "Steps", "Wait", "Work", "drive", "drive_async", "drive_async_generator",
    "drive_generator",
]  # fmt: skip


class Done(NamedTuple):
    """What the user's code came to: a value, or an error that it raised.

    Errors travel as values: thrown into a generator, a StopIteration would become a RuntimeError.
    """

    value: Any = None
    error: BaseException | None = None

    @property
    def is_nothing(self) -> bool:
        """Whether it is None, and no error."""
        return self.value is None and self.error is None

    def outcome(self) -> Any:
        """Return the value, or raise the error."""
        if self.error is not None:
            raise self.error
        return self.value


class Run(NamedTuple):
    """Run the user's code: on an event loop, await what it returns. The answer is a `Done`."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def take(self) -> Done:
        """Run the function here."""
        try:
            return Done(self.function(*self.args, **self.kwargs))
        except BaseException as error:  # noqa: BLE001 # it is raised again, when the steps have ended
            return Done(None, _from_the_function(error))

    async def take_on_loop(self) -> Done:
        """Call the function and await what it returns."""
        try:
            return Done(await self.function(*self.args, **self.kwargs))
        except BaseException as error:  # noqa: BLE001 # as above; a cancelled task's steps end in order
            return Done(None, _from_the_function(error))


class Work(NamedTuple):
    """Do the store's own work: reading, writing, hashing files. On an event loop a thread does it.

    A task that is cancelled meanwhile lets the work come to its end. The answer is what the function returns.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...] = ()

    def take(self) -> Any:
        """Do the work here."""
        return self.function(*self.args)

    async def take_on_loop(self) -> Any:
        """Let a thread do the work."""
        import asyncio  # slow, and here it has been imported already

        loop = _loop()
        if loop is None:
            return self.take()
        try:
            work = functools.partial(contextvars.copy_context().run, self.function, *self.args)
            working = loop.run_in_executor(None, work)
        except RuntimeError:  # the loop's threads have ended
            return self.take()
        return await asyncio.shield(working)


class Wait(NamedTuple):
    """Wait for another's flight, for so many seconds at the most (None: as long as it takes).

    The answer says whether it has landed; it is False, too, where waiting would never end.
    """

    flight: Flight
    seconds: float | None = None

    def take(self) -> bool:
        """Block until the flight has landed."""
        with waiting(self.flight) as is_safe:
            landed = threading.Event()
            self.flight.watch(landed.set)
            return is_safe and landed.wait(self.seconds)

    async def take_on_loop(self) -> bool:
        """Await the landing."""
        import asyncio  # slow

        loop = _loop()
        with waiting(self.flight) as is_safe:
            if not is_safe or loop is None:
                return False
            landed = asyncio.Event()
            self.flight.watch(lambda: _call_soon(loop, landed.set))
            try:
                await asyncio.wait_for(landed.wait(), self.seconds)
            except TimeoutError:
                return False
            return True


class Pause(NamedTuple):
    """Let some seconds pass."""

    seconds: float

    def take(self) -> None:
        """Sleep."""
        time.sleep(self.seconds)

    async def take_on_loop(self) -> None:
        """Await the time."""
        import asyncio  # slow

        if _loop() is None:
            return self.take()
        return await asyncio.sleep(self.seconds)


class Emit(NamedTuple):
    """Hand an item to the consumer of a generator. The answer is a `Done`: what was sent, or thrown, in return."""

    item: Any


Step = Run | Work | Wait | Pause | Emit
Steps = Generator[Any, Any, Done]


class _Taking:
    """Steps that are being taken: what the last one came to is sent to them, or thrown into them."""

    __slots__ = ("_advance", "_answer", "_steps", "done")

    def __init__(self, steps: Steps) -> None:
        self.done = Done()
        self._steps = steps
        self.answer(None)

    def next(self) -> Any:
        """Return the next step, None after the last one: `done` is then what they come to."""
        try:
            return self._advance(self._answer)
        except StopIteration as end:
            self.done = end.value
            return None

    def answer(self, answer: Any) -> None:
        """Tell the steps what the last one came to."""
        self._advance: Callable[[Any], Any] = self._steps.send
        self._answer = answer

    def fail(self, step: Any, error: BaseException) -> None:
        """Tell the steps of an error: of the user's code, and of a consumer, it is an answer."""
        if type(step) is Run:
            self.answer(Done(None, _from_the_function(error)))
        elif type(step) is Emit:
            self.answer(Done(None, error))
        else:
            self._advance, self._answer = self._steps.throw, error


def drive(steps: Steps) -> Any:
    """Take the steps in this thread; return what they come to, or raise it."""
    taking = _Taking(steps)
    while (step := taking.next()) is not None:
        try:
            # Here, and not in a method: a recursive function has one frame less at each of its calls.
            taking.answer(Done(step.function(*step.args, **step.kwargs)) if type(step) is Run else step.take())
        except BaseException as error:  # noqa: BLE001 # the steps have to know of it
            taking.fail(step, error)
    return taking.done.outcome()


async def drive_async(steps: Steps) -> Any:
    """Take the steps on the running event loop."""
    taking = _Taking(steps)
    while (step := taking.next()) is not None:
        try:
            taking.answer(await step.take_on_loop())
        except BaseException as error:  # noqa: BLE001 # the steps have to know of it
            taking.fail(step, error)
    return taking.done.outcome()


def drive_generator(steps: Steps) -> Generator[Any, Any, Any]:
    """Take the steps in this thread, as a generator of what they emit."""
    taking = _Taking(steps)
    while (step := taking.next()) is not None:
        try:
            taking.answer(Done((yield step.item)) if type(step) is Emit else step.take())
        except BaseException as error:  # noqa: BLE001 # what is thrown in, GeneratorExit too, is an answer
            taking.fail(step, error)
    return taking.done.outcome()


async def drive_async_generator(steps: Steps) -> AsyncGenerator[Any, Any]:
    """Take the steps on the running event loop, as an asynchronous generator of what they emit."""
    taking = _Taking(steps)
    while (step := taking.next()) is not None:
        try:
            taking.answer(Done((yield step.item)) if type(step) is Emit else await step.take_on_loop())
        except BaseException as error:  # noqa: BLE001 # what is thrown in, GeneratorExit too, is an answer
            taking.fail(step, error)
    taking.done.outcome()


def _loop() -> asyncio.AbstractEventLoop | None:
    """Return the running loop; None under another library's, where everything is done at once."""
    import asyncio  # slow

    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _call_soon(loop: asyncio.AbstractEventLoop, wake: Callable[[], object]) -> None:
    try:
        loop.call_soon_threadsafe(wake)
    except RuntimeError:  # the loop has been closed: nobody waits there any more
        pass


def _from_the_function(error: BaseException) -> BaseException:
    """Leave the driver's own frame out of the traceback: it comes into it when the error is raised again."""
    if error.__traceback__ is not None:
        error.__traceback__ = error.__traceback__.tb_next
    return error
