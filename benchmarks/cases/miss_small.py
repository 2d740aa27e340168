"""A call never made before, computed and stored; equally many for every peer, so that all stores grow alike."""

from __future__ import annotations

from benchmarks import raw
from benchmarks.frame import FUNCTION, Bar, Benchmark, Sampler, Subject
from benchmarks.peers import BARE, MEMOIZERS
from benchmarks.timing import timed
from benchmarks.work import executions, fresh

CALLS = 500  # enough for a checkpoint of the raw WAL, too, in each sample


def prepare(subject: Subject, seconds: float) -> Sampler:
    batches = fresh(CALLS)
    warm = subject.arguments(next(batches))
    timed(subject, warm)
    if subject.memoizes and executions(subject.call, warm):
        raise RuntimeError("calls were computed again: nothing was stored, these are no misses")
    return lambda: timed(subject, subject.arguments(next(batches)))


BENCHMARK = Benchmark(
    name="miss_small",
    measures="a miss of a small call (int, int -> int): computed and stored, the function's own time included",
    peers=(*MEMOIZERS, raw.Insert(), BARE),
    prepare=prepare,
    bars=(Bar("at most", 1.6, raw.NAME, less=FUNCTION),),
)
