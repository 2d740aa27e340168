"""The nouns: a peer sets up a subject, a benchmark takes samples of it, a bar judges the result.

A new row is one module in `cases/` with a `Benchmark`, and one line in `registry.py`. A benchmark whose raw counterpart
is a statement of its own (a DELETE, a GROUP BY) brings it as a peer, as `raw.Select` and `raw.Insert` are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import pyperf  # type: ignore[import-untyped, unused-ignore]

from benchmarks.work import Pair

OURS = "memostore"
FUNCTION = "function"


class Subject(Protocol):
    """One peer, set up in a directory of its own and ready to be called."""

    @property
    def call(self) -> Callable[[Any, Any], object]: ...

    @property
    def memoizes(self) -> bool:
        """Tell whether a second equal call is a hit; not so for the bare function and the raw INSERT."""

    def arguments(self, pairs: Sequence[Pair]) -> Sequence[tuple[Any, Any]]:
        """Return what `call` takes for these pairs: themselves, or the keys and rows that a raw statement needs."""

    def settle(self) -> object:
        """Do now what the calls left for later, so that it counts for this peer and disturbs no other."""

    def close(self) -> object: ...


class Peer(Protocol):
    @property
    def name(self) -> str: ...

    def version(self) -> str | None:
        """Return the version, or None where it is not installed."""

    def setup(self, directory: Path) -> Subject: ...


Sampler = Callable[[], float]


@dataclass(frozen=True)
class Bar:
    """What a ratio must be: ours at most `limit` times `than`, or at least `limit` times faster than it."""

    kind: Literal["at most", "faster"]
    limit: float
    than: str
    less: str | None = None  # the peer whose time is taken off ours first: the function's own time
    of: str = OURS

    def __str__(self) -> str:
        if self.kind == "at most":
            return f"at most {self.limit:g} x {self.than}"
        return f"at least {self.limit:g} x faster than {self.than}"

    def figure(self, medians: dict[str, float]) -> float | None:
        """Return the ratio, or None where a peer that it needs was not measured."""
        if not {self.of, self.than, self.less or self.of} <= medians.keys():
            return None
        ours = medians[self.of] - (medians[self.less] if self.less else 0)
        return ours / medians[self.than] if self.kind == "at most" else medians[self.than] / ours

    def met(self, figure: float) -> bool:
        return figure <= self.limit if self.kind == "at most" else figure >= self.limit


@dataclass(frozen=True)
class Benchmark:
    name: str
    measures: str
    peers: tuple[Peer, ...]
    prepare: Callable[[Subject, float], Sampler]  # fills and warms; the float is how long a sample should last, seconds
    bars: tuple[Bar, ...] = ()


@dataclass(frozen=True)
class Plan:
    """How much to measure, of whom, and where."""

    peers: tuple[str, ...]
    repeat: int
    seconds: float
    directory: Path | None = None  # None: the system's temporary directory


@dataclass
class Result:
    """The samples of one benchmark: seconds an operation, a list for each peer with one sample for every round."""

    benchmark: Benchmark
    samples: dict[str, list[float]] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)

    def medians(self) -> dict[str, float]:
        return {peer: self._statistics(peer).median() for peer in self.samples}

    def spread(self, peer: str) -> float | None:
        """Return the median absolute deviation over the median; None for a single sample, which has no spread."""
        if len(self.samples[peer]) < 2:
            return None
        statistics = self._statistics(peer)
        return float(statistics.median_abs_dev() / statistics.median())

    def _statistics(self, peer: str) -> pyperf.Benchmark:
        return pyperf.Benchmark([pyperf.Run(self.samples[peer], metadata={"name": peer}, collect_metadata=False)])
