"""From joblib.Memory to memostore: which modules of the standard library are about the same thing?

    python examples/from_joblib.py [store]

The words are the same: a Store goes where a Memory went, and `analysis` below runs with either. Run it twice: both
remember. What differs is what counts as a change of the code, and what can be asked about the results. The store is
"from_joblib.db" if you name none; joblib's directory is put beside it.
"""

import sys
import sysconfig
import tempfile
import time
import zlib
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Memory

from memostore import Store


def analysis(memory: Memory | Store) -> Callable[[dict[str, str]], tuple[int, str]]:
    """Before and after at once: not a line of this is written for one of the two."""

    @memory.cache(ignore=["verbose"])
    def trigrams(text: str, width: int, verbose: bool = False) -> np.ndarray:
        if verbose:
            print(f"    counting the trigrams of {len(text)} characters")
        counts = np.zeros(width)
        for start in range(len(text) - 2):
            counts[zlib.crc32(text[start : start + 3].encode()) % width] += 1
        return np.log1p(counts)

    @memory.cache
    def topics(table: np.ndarray, rank: int) -> np.ndarray:
        left, strength, _ = np.linalg.svd(table - table.mean(axis=0), full_matrices=False)
        return left[:, :rank] * strength[:rank]

    def run(texts: dict[str, str]) -> tuple[int, str]:
        computed = sum(not trigrams.check_call_in_cache(text, 4096) for text in texts.values())
        table = np.array([trigrams(text, 4096, verbose=False) for text in texts.values()])
        return computed, closest(topics(table, rank=5), list(texts))

    return run


def closest(places: np.ndarray, names: list[str]) -> str:
    """The two names whose directions differ least."""
    directions = places / np.linalg.norm(places, axis=1, keepdims=True)
    likeness = np.triu(directions @ directions.T, 1)
    row, column = np.unravel_index(likeness.argmax(), likeness.shape)
    return f"{names[row]} and {names[column]}"


# What counts as a change ------------------------------------------------------------------------------------------

AS_WRITTEN = """
def density(text):
    print("computing")
    return len(set(text)) / len(text)
"""
COMMENTED = AS_WRITTEN.replace("    return", "    # distinct characters per character\n    return")
CHANGED = AS_WRITTEN.replace("len(set(text))", "len(set(text.lower()))")

EDITS = [
    ("as written", AS_WRITTEN),
    ("run again", AS_WRITTEN),
    ("a comment added", COMMENTED),
    ("the code changed", CHANGED),
    ("changed back", AS_WRITTEN),
]


def follow(memory: Any, folder: Path) -> list[str]:
    """Save a module in each of its versions, load it as a new process would, and tell whether it had to compute."""
    outcomes = []
    for _, source in EDITS:
        path = folder / "density.py"
        path.write_text(source)
        namespace: dict[str, Any] = {"__name__": "density", "__file__": str(path)}
        exec(compile(source, str(path), "exec"), namespace)
        with redirect_stdout(StringIO()) as output:
            memory.cache(namespace["density"])("memostore")
        outcomes.append("computed" if "computing" in output.getvalue() else "found")
    return outcomes


def main() -> None:
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "from_joblib.db")
    memory, store = Memory(path.with_suffix(".joblib"), verbose=0), Store(path)

    folders = [Path(sysconfig.get_path("stdlib"), name) for name in ("json", "email")]
    files = [file for folder in folders for file in sorted(folder.glob("*.py"))]
    texts = {f"{file.parent.name}.{file.stem}": file.read_text("utf-8") for file in files}
    print(f"The same function over {len(texts)} modules, with each")
    for name, run in (("joblib   ", analysis(memory)), ("memostore", analysis(store))):
        start = time.perf_counter()
        computed, pair = run(texts)
        print(f"  {name}  {time.perf_counter() - start:.3f} s, {computed} of {len(texts)} computed: {pair}")

    print("\nA function in a module that is edited")
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder, "edits.db")) as edits:
        joblib = follow(Memory(folder, verbose=0), Path(folder))
        memostore = follow(edits, Path(folder))
    print(f"  {'':<18}{'joblib':<10}memostore")
    for (title, _), before, after in zip(EDITS, joblib, memostore, strict=True):
        print(f"  {title:<18}{before:<10}{after}")

    on_disk = [file for file in Path(memory.location).rglob("*") if file.is_file()]
    print(f"\nOn disk: joblib has {len(on_disk)} files, memostore one database")
    query = """
        select json_extract(arguments, '$.width') as width, count(*) as results, sum(size) as bytes,
               round(sum(compute_seconds), 3) as seconds
        from entries where function like '%trigrams' group by width
    """
    print("Asked with SQL:", *store.sql(query))


if __name__ == "__main__":
    main()
