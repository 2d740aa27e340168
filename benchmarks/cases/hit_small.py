"""A call whose result is stored: 1,000 different calls, in turn, in a process that has made them before."""

from __future__ import annotations

from benchmarks import raw
from benchmarks.frame import Bar, Benchmark, Sampler, Subject
from benchmarks.peers import MEMOIZERS
from benchmarks.timing import calibrated, timed
from benchmarks.work import executions, pairs

CALLS = 1_000


def prepare(subject: Subject, seconds: float) -> Sampler:
    arguments = subject.arguments(pairs(CALLS))
    timed(subject, arguments)
    if recomputed := executions(subject.call, arguments):
        raise RuntimeError(f"{recomputed} of {CALLS} stored calls were computed again: these are no hits")
    passes = calibrated(subject, arguments, seconds)
    return lambda: timed(subject, arguments, passes)


BENCHMARK = Benchmark(
    name="hit_small",
    measures="a hit of a small call (int, int -> int), counters, TTL and checksum on",
    peers=(*MEMOIZERS, raw.Select()),
    prepare=prepare,
    bars=(Bar("at most", 1.5, raw.NAME), Bar("faster", 2, "diskcache"), Bar("faster", 10, "joblib")),
)
