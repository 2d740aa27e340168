"""All benchmarks, in the order in which they run and are shown."""

from __future__ import annotations

from benchmarks.cases import hit_small, miss_small

BENCHMARKS = {module.BENCHMARK.name: module.BENCHMARK for module in (hit_small, miss_small)}
PEERS = tuple(dict.fromkeys(peer.name for benchmark in BENCHMARKS.values() for peer in benchmark.peers))
