"""Why a call hits or misses: what is stored, or was, beside what the call asks for.

The questions are portable SQL through a backend's `look`: nothing is written, no hit is counted, and SQLAlchemy is not
needed, so that the line in the log costs a script no import.
"""

from memostore.explain.judge import BRIEF, FULL, Depth, explained, switched_off, with_hits
from memostore.explain.question import Ask, Question
from memostore.explain.records import Change, Difference, Explanation, StoredCode, Tombstone
from memostore.explain.stored import explained_by_arguments, explained_by_key

__all__ = [
    "BRIEF",
    "FULL",
    "Ask",
    "Change",
    "Depth",
    "Difference",
    "Explanation",
    "Question",
    "StoredCode",
    "Tombstone",
    "explained",
    "explained_by_arguments",
    "explained_by_key",
    "switched_off",
    "with_hits",
]
