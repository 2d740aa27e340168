"""From a home-made pickle decorator to memostore: where in a file is the information?

    python examples/from_pickle_decorator.py [store]

Run it twice: both remember. What the fifteen lines of the decorator can't know is shown below: arguments that print
alike, a function that was corrected, a process that died while it wrote. The store is "from_pickle_decorator.db" if
you name none; the decorator's pickles are put in a directory beside it.
"""

import hashlib
import lzma
import os
import pickle
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np

from memostore import Store

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

# Before -----------------------------------------------------------------------------------------------------------


def pickled(folder: Path) -> Decorator:
    """The decorator as one finds it in many projects."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            arguments = repr((args, sorted(kwargs.items())))
            path = folder / f"{function.__name__}-{hashlib.md5(arguments.encode()).hexdigest()}.pickle"
            if path.exists():
                with path.open("rb") as file:
                    return pickle.load(file)
            result = function(*args, **kwargs)
            folder.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                pickle.dump(result, file)
            return result

        return wrapper

    return decorate


# After: `store = Store("results.db")`, and `@store.memoize` where it said `@pickled(folder)` ----------------------


def analysis(remember: Decorator) -> Callable[..., Any]:
    """The same work with either decorator."""

    @remember
    def profile(data: np.ndarray, block: int) -> list[float]:
        """How far each block of a file can be compressed, as a share of its size."""
        blocks = [data[start : start + block].tobytes() for start in range(0, len(data), block)]
        return [len(lzma.compress(piece)) / len(piece) for piece in blocks]

    return profile


# Three ways to a wrong answer -------------------------------------------------------------------------------------


def noisy(remember: Decorator, data: np.ndarray) -> str:
    """Profile a file, then the same file with noise in its middle: NumPy prints the two alike."""
    noise = data.copy()
    middle = slice(len(data) // 4, 3 * len(data) // 4)
    noise[middle] = np.random.default_rng(0).integers(0, 256, len(noise[middle]))
    answers = [analysis(remember)(file, len(data)) for file in (data, noise)]
    return ", then ".join(f"{share:.0%}" for [share] in answers)


def corrected(remember: Decorator) -> str:
    """Compute a mean with a slip in it, correct the function, ask again."""

    @remember
    def mean(numbers: list[float]) -> float:
        return sum(numbers) / 10

    first = mean([1.0, 2.0, 6.0])

    @remember
    def mean(numbers: list[float]) -> float:
        return sum(numbers) / len(numbers)

    return f"{first}, then {mean([1.0, 2.0, 6.0])}"


class PowerCut:
    """Ends the process when it is about to be pickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        os._exit(1)


def squares(remember: Decorator) -> list[int]:
    """A table of squares. In the process that `after_a_crash` starts, the power fails when half of it is pickled."""

    @remember
    def table(count: int) -> list[Any]:
        rows: list[Any] = [number * number for number in range(count)]
        return [*rows, PowerCut()] if "die" in sys.argv else rows

    return table(100_000)


def after_a_crash(remember: Decorator, name: str, folder: str) -> str:
    """Let a second process die while it stores the table, then ask for the table here."""
    subprocess.run([sys.executable, __file__, "die", name, folder], check=False)
    try:
        return f"{len(squares(remember))} rows"
    except (EOFError, pickle.UnpicklingError) as error:
        return f"{type(error).__name__}: {error}"


def die(name: str, folder: Path) -> None:
    with Store(folder / "results.db") as store:
        squares({"pickled": pickled(folder), "memostore": store.memoize}[name])


def main() -> None:
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "from_pickle_decorator.db")
    store, pickles = Store(path), path.with_suffix(".pickles")
    names = ("argparse", "ast", "_pydecimal", "doctest", "inspect", "optparse", "pydoc", "shutil", "tarfile", "typing")
    files = [Path(sysconfig.get_path("stdlib"), f"{name}.py") for name in names]
    files = [np.frombuffer(file.read_bytes(), np.uint8) for file in files if file.exists()]

    print(f"The profiles of {len(files)} modules of the standard library, with each")
    for name, remember, computed in (
        ("pickled  ", pickled(pickles), lambda: len(list(pickles.glob("*")))),
        ("memostore", store.memoize, lambda: store.stats().misses),
    ):
        before, start = computed(), time.perf_counter()
        for file in files:
            analysis(remember)(file, block=2048)
        seconds = time.perf_counter() - start
        print(f"  {name}  {seconds:.3f} s, {computed() - before} of {len(files)} computed")

    with tempfile.TemporaryDirectory() as folder, Store(Path(folder, "results.db")) as other:
        decorators = {"pickled": pickled(Path(folder)), "memostore": other.memoize}
        print("\nA file's compressed size, and that of the file with noise in its middle")
        for name, remember in decorators.items():
            print(f"  {name:<9}  {noisy(remember, files[0])}")
        print("\nThe mean of 1, 2 and 6, before and after a slip in the function is corrected")
        for name, remember in decorators.items():
            print(f"  {name:<9}  {corrected(remember)}")
        print("\nA table, after a process died while it wrote it")
        for name, remember in decorators.items():
            print(f"  {name:<9}  {after_a_crash(remember, name, folder)}")

    print("\nWhat is inside?")
    print(f"  pickled    {len(list(pickles.iterdir()))} files, such as {min(pickles.iterdir()).name}")
    query = """
        select qualname, json_extract(arguments, '$.block') as block, count(*) as results, sum(size) as bytes,
               round(sum(compute_seconds), 3) as seconds
        from entries group by qualname, block
    """
    print("  memostore ", *store.sql(query))


if __name__ == "__main__":
    if sys.argv[1:2] == ["die"]:
        die(sys.argv[2], Path(sys.argv[3]))
    else:
        main()
