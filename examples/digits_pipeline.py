"""Handwritten digits: features, a scikit-learn pipeline and a parameter sweep that are computed once.

    python examples/digits_pipeline.py [store]

The first run takes some seconds, each later one a fraction of a second: all of it is in one SQLite file ("digits.db" if
you name none). Then change something, a number in PARTS, a line of `edges`, and run it again: what your change touches
is computed, the rest is not.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier, NeighborhoodComponentsAnalysis
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler

from memostore import Store

DIRECTIONS = (4, 8)
PARTS = (8, 16)
NEIGHBOURS = (1, 3, 5)

store = Store(sys.argv[1] if len(sys.argv) > 1 else "digits.db")


@store.memoize
def edges(images: np.ndarray, directions: int, window: int = 4) -> np.ndarray:
    """Each image as histograms of the directions of its edges, in overlapping windows, beside its pixels."""
    rows = []
    for image in images:
        down, across = np.gradient(image)
        strength, direction = np.hypot(down, across), np.arctan2(down, across) % np.pi
        corners = product(range(0, image.shape[0] - window + 1, window // 2), repeat=2)
        parts = [np.s_[top : top + window, left : left + window] for top, left in corners]
        counts = [np.histogram(direction[p], directions, (0, np.pi), weights=strength[p])[0] for p in parts]
        histogram = np.concatenate(counts)
        rows.append(np.concatenate([image.ravel() / 16, histogram / (np.linalg.norm(histogram) + 1e-9)]))
    return np.array(rows)


@store.memoize(ignore=["memory"])
def accuracy(features: np.ndarray, labels: np.ndarray, parts: int, neighbours: int, memory: Store) -> float:
    """The cross-validated accuracy of one setting. The fitted transformers are remembered too: that is `memory`."""
    steps = [
        ("scale", MinMaxScaler()),
        ("project", NeighborhoodComponentsAnalysis(parts, init="pca", max_iter=5, random_state=0)),
        ("classify", KNeighborsClassifier(neighbours)),
    ]
    return float(cross_val_score(Pipeline(steps, memory=memory), features, labels, cv=3, error_score="raise").mean())


def sweep(images: np.ndarray, labels: np.ndarray, neighbours: tuple[int, ...]) -> tuple[float, int, int, int]:
    """The best setting: its accuracy, directions, parts and neighbours."""
    return max(
        (accuracy(edges(images, directions), labels, parts, k, memory=store), directions, parts, k)
        for directions, parts, k in product(DIRECTIONS, PARTS, neighbours)
    )


@contextmanager
def step(title: str) -> Iterator[None]:
    """Print how long a step took, and how many results it computed and found."""
    before, start = store.stats(), time.perf_counter()
    yield
    seconds, after = time.perf_counter() - start, store.stats()
    computed, found = after.misses - before.misses, after.hits - before.hits
    print(f"{title:<28}{seconds:7.2f} s{computed:10} computed{found:6} from the store")


def main() -> None:
    images, labels = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8)
    with step("features"):
        for directions in DIRECTIONS:
            edges(images, directions)
    with step(f"sweep, neighbours {NEIGHBOURS}"):
        sweep(images, labels, NEIGHBOURS)
    with step("sweep, neighbours 7 as well"):  # fits no transformer anew: the pipelines differ in their last step only
        best, directions, parts, neighbours = sweep(images, labels, (*NEIGHBOURS, 7))
    print(f"best: {best:.1%} with {directions=}, {parts=}, {neighbours=}\n")

    stats = store.stats()
    print(f"{store.path}: {stats.entries} results of {stats.functions} functions, {stats.size / 1e6:.1f} MB,")
    print(f"{stats.hits} hits, which saved {stats.saved_seconds:.1f} s so far\n")
    query = """
        select qualname, count(*) as results, sum(hit_count) as hits, sum(size) as bytes,
               round(sum(compute_seconds), 2) as seconds
        from entries group by qualname order by seconds desc
    """
    for row in store.sql(query):
        print("  ".join(f"{name} {value}" for name, value in row.items()))


if __name__ == "__main__":
    main()
