"""What the figures were measured on, as far as it matters: no host names, no paths."""

from __future__ import annotations

import os
import platform
import sqlite3

import pyperf  # type: ignore[import-untyped, unused-ignore]

FROM_PYPERF = ("cpu_model_name", "cpu_count", "cpu_affinity", "cpu_freq", "load_avg_1min", "mem_max_rss")


def describe() -> dict[str, object]:
    metadata = pyperf.Run([1.0], collect_metadata=True).get_metadata()
    return {
        "platform": platform.platform(),
        "machine": platform.machine(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "sqlite": sqlite3.sqlite_version,
        "pyperf": pyperf.__version__,
        "cpu_count": os.cpu_count(),
        **{name: metadata[name] for name in FROM_PYPERF if name in metadata},
    }


def load() -> float | None:
    """Return how many processes have wanted a processor, averaged over a minute."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
