"""What a memoized function and a store say to each other: the protocol that lets `memo` stand below `store`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, Unpack

from memostore.aliases import Earlier
from memostore.explain import Ask, Explanation, Question
from memostore.filters import Filters
from memostore.fingerprint import CodeVersion
from memostore.flight import Flights
from memostore.keys.registered import RuleFor
from memostore.options import Options
from memostore.read_files import ReadFile
from memostore.recording import Player, Recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from memostore.records import Entry, StoredCall
    from memostore.results import Source

__all__ = [
    "CHANGED", "CORRUPT", "DUE", "EXPIRED", "FAULT", "LARGE", "NEW", "RAISED", "REFRESH", "UNLOADABLE", "Missing",
    "Remembers", "Result", "Times", "is_missing",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Missing:
    """Why there is no value: an answer of `Remembers.recall` that no function can return.

    Two are hits of another kind, which ordinary hits pay nothing for: DUE has a `value` that is to be computed anew in
    the background, RAISED has the error that the function raised.
    """

    reason: str
    value: Any = None


Times = tuple[float | None, float | None]  # when an entry expires, and from when on it is to be computed anew

NEW: Final = Missing("new")
EXPIRED: Final = Missing("expired")
CORRUPT: Final = Missing("corrupt")
UNLOADABLE: Final = Missing("unloadable")
FAULT: Final = Missing("fault")
REFRESH: Final = Missing("refresh")
CHANGED: Final = Missing("file")  # one that the call has read
LARGE: Final = Missing("large")  # it is there, and reading it takes its time
DUE: Final = "due"
RAISED: Final = "raised"


def is_missing(found: Any) -> bool:
    """Say whether an answer of `recall` or `replay` is none: neither a value nor a hit of another kind."""
    return type(found) is Missing and found.reason not in (DUE, RAISED)


@dataclass(frozen=True, slots=True)
class Result:
    """What a call just came to, with what is stored beside it; `error` is what it raised."""

    value: Any
    seconds: float
    arguments: str
    tags: tuple[str, ...] = ()
    error: BaseException | None = None
    files: tuple[ReadFile, ...] = ()


class Remembers(Protocol):
    """What a wrapper needs of a store."""

    flights: Flights

    def recall(self, key: bytes, version: CodeVersion, whole: bool = True) -> Any:
        """Return the stored value, or Missing with the reason; without `whole`, LARGE for a value in pieces."""

    def replay(self, key: bytes, version: CodeVersion) -> Player | Missing:
        """Return what reads a stored stream, or Missing with the reason; Missing may be DUE with one."""

    def is_due(self, key: bytes) -> bool:
        """Say whether a result is to be computed anew before it expires."""

    @property
    def stores(self) -> bool:
        """Whether results can be stored at all."""

    def claim(self, key: bytes) -> bool:
        """Claim a key among the processes of this computer; say whether it is ours now."""

    def give_back(self, key: bytes) -> None:
        """Let other processes claim a key."""

    def missed(self, key: bytes, version: CodeVersion, missing: Missing, ask: Ask | None = None) -> None:
        """Take note of a miss; `ask` makes the question that tells more than the bare reason."""

    def explain_call(self, question: Question) -> Explanation:
        """Say why a call would hit or miss."""

    @property
    def url(self) -> str:
        """Where the entries are; "sqlite://" for a store in memory."""

    @property
    def rule_for(self) -> RuleFor:
        """What finds the rule by which a type's values are keyed."""

    def recall_many(self, keys: Sequence[bytes], version: CodeVersion) -> tuple[list[Any], dict[int, Missing]]:
        """Return the stored value of each of some different keys, and why some have none, by their places."""

    def holds_many(self, keys: Collection[bytes]) -> set[bytes]:
        """Return the keys whose results are stored and have not expired."""

    def missed_many(
        self, misses: Iterable[tuple[bytes, Missing]], version: CodeVersion, ask: Callable[[bytes], Ask]
    ) -> None:
        """Take note of misses."""

    def keep_many(self, results: list[tuple[bytes, Result]], version: CodeVersion, options: Options) -> None:
        """Store results that can be stored."""

    def skip(self, key: bytes, version: CodeVersion, reason: str, kind: str = "skipped", *, warns: bool = True) -> bool:
        """Tell that a result is returned and not stored; warn once for each function and kind of reason."""

    def advise(self, version: CodeVersion, kind: str, advice: str) -> None:
        """Warn once for each function and kind of advice."""

    def keep(self, key: bytes, version: CodeVersion, result: Result, options: Options) -> bool:
        """Store a result if it can be stored; say whether it was."""

    def recorder(self, key: bytes) -> Recorder | None:
        """Return what records a stream, None where nothing can be stored."""

    def record(self, key: bytes, version: CodeVersion, options: Options, recorder: Recorder) -> bool:
        """Write the pieces of a stream that are full; say whether to go on recording."""

    def keep_stream(
        self, key: bytes, version: CodeVersion, result: Result, options: Options, recorder: Recorder
    ) -> bool:
        """Store a stream that has come to its end; say whether it was stored."""

    def give_up(self, recorder: Recorder) -> None:
        """Drop a recording."""

    def facts(self, code: bytes) -> bytes | None:
        """Return what is remembered of a code object."""

    def keep_facts(self, code: bytes, facts: bytes) -> None:
        """Remember something of a code object."""

    def code_versions(self, module: str, qualname: str) -> list[Earlier]:
        """Return the versions of a function's code that results are stored under."""

    def enter_code(self, version: CodeVersion) -> None:
        """Write down that a version of a function's code is in use."""

    def holds(self, key: bytes, tracked: bool = False) -> bool:
        """Say whether a call's result is stored and good; with `tracked`, the files that it has read count too."""

    def clock(self) -> float:
        """Return the seconds that computing is timed by."""

    def find(self, **filters: Unpack[Filters]) -> list[Entry]:
        """Return entries."""

    def invalidate(self, **filters: Unpack[Filters]) -> int:
        """Remove entries."""

    def held_by(self, module: str, qualname: str) -> tuple[int, int, float]:
        """Return the number and bytes of a function's entries, and the seconds that its hits have saved."""

    def results_of(self, sources: Sequence[Source], values: bool) -> Iterator[StoredCall]:
        """Return the stored calls of some names and versions of the code, the oldest first."""
