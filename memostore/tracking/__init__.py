"""Which files a piece of code opens for reading while it runs, seen by an audit hook of the process.

Seen is what Python itself opens or lists, in this context: not what compiled libraries, other processes, or threads do
that have not taken the context over. A context variable and not an attribute of the thread, so that what is seen while
a coroutine runs is its own.
"""

from memostore.tracking.collector import Collector, Ignoring, collecting, count_as_read, still_hold
from memostore.tracking.context import unseen

__all__ = ["Collector", "Ignoring", "collecting", "count_as_read", "still_hold", "unseen"]
