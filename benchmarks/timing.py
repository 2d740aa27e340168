"""Taking samples: every round takes one of each peer, so that whatever the machine does meanwhile hits all alike.

pyperf's Runner would finish one peer, in processes of its own, before it began the next; so the rounds are ours, and
pyperf gives the statistics (`frame.Result`) and the description of the machine (`machine`).
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter_ns
from typing import Any

from benchmarks.frame import Benchmark, Plan, Result, Sampler, Subject

HINT = 'not installed: pip install "memostore[bench]"'


def timed(subject: Subject, arguments: Sequence[tuple[Any, Any]], passes: int = 1) -> float:
    """Return the seconds a call takes, over `passes` rounds of all arguments, what `settle` has to do included."""
    call = subject.call
    begin = perf_counter_ns()
    for _ in range(passes):
        for a, b in arguments:
            call(a, b)
    subject.settle()
    return (perf_counter_ns() - begin) / 1e9 / (passes * len(arguments))


def calibrated(subject: Subject, arguments: Sequence[tuple[Any, Any]], seconds: float) -> int:
    """Return how many passes over the arguments last about `seconds`; as in pyperf, found by doubling."""
    passes = 1
    while (lasted := timed(subject, arguments, passes) * passes * len(arguments)) < seconds / 2:
        passes *= 2
    return max(1, round(passes * seconds / lasted))


def run(benchmark: Benchmark, plan: Plan, tick: Callable[[], Any]) -> Result:
    """Return the samples of the plan's peers, each in a fresh directory; `tick` is called after each round."""
    result = Result(benchmark)
    with ExitStack() as stack:
        samplers = _samplers(result, plan, stack)
        for number in range(plan.repeat):
            for name in _rotated(list(samplers), number):
                gc.collect()
                result.samples[name].append(samplers[name]())
            tick()
    return result


def _samplers(result: Result, plan: Plan, stack: ExitStack) -> dict[str, Sampler]:
    samplers = {}
    for peer in result.benchmark.peers:
        if peer.name not in plan.peers:
            continue
        version = peer.version()
        if version is None:
            result.skipped.append(peer.name)
            continue
        place = TemporaryDirectory(prefix="benchmark-", dir=plan.directory, ignore_cleanup_errors=True)
        subject = peer.setup(Path(stack.enter_context(place)))
        stack.callback(subject.close)
        samplers[peer.name] = result.benchmark.prepare(subject, plan.seconds)
        result.samples[peer.name], result.versions[peer.name] = [], version
    return samplers


def _rotated(names: list[str], by: int) -> list[str]:
    """Return the names with another one first in each round: nobody always runs after the same neighbour's rubbish."""
    by %= max(1, len(names))
    return names[by:] + names[:by]
