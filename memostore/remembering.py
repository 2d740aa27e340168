"""What a memoized function and a store say to each other: the protocol that lets `memo` stand below `store`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from memostore.aliases import Earlier
from memostore.explain import Ask, Explanation, Question
from memostore.fingerprint import CodeVersion
from memostore.keys.registered import RuleFor
from memostore.options import Options

if TYPE_CHECKING:
    from memostore.records import Entry

__all__ = ["Missing", "Remembers", "Result"]


@dataclass(frozen=True, slots=True)
class Missing:
    """Why there is no value: an answer of `Remembers.recall` that no function can return."""

    reason: str


@dataclass(frozen=True, slots=True)
class Result:
    """A value just computed, with what is stored beside it."""

    value: Any
    seconds: float
    arguments: str


class Remembers(Protocol):
    """What a wrapper needs of a store."""

    def recall(self, key: bytes, version: CodeVersion) -> Any:
        """Return the stored value, or Missing with the reason."""

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

    def missed(self, key: bytes, version: CodeVersion, missing: Missing, ask: Ask | None = None) -> None:
        """Take note of a miss; `ask` makes the question that tells more than the bare reason."""

    def explain_call(self, question: Question) -> Explanation:
        """Say why a call would hit or miss."""

    @property
    def rule_for(self) -> RuleFor:
        """What finds the rule by which a type's values are keyed."""

    def skip(self, key: bytes, version: CodeVersion, reason: str, kind: str = "skipped", *, warns: bool = True) -> None:
        """Tell that a result is returned and not stored; warn once for each function and kind of reason."""

    def keep(self, key: bytes, version: CodeVersion, result: Result, options: Options) -> None:
        """Store a result if it can be stored."""

    def facts(self, code: bytes) -> bytes | None:
        """Return what is remembered of a code object."""

    def keep_facts(self, code: bytes, facts: bytes) -> None:
        """Remember something of a code object."""

    def code_versions(self, module: str, qualname: str) -> list[Earlier]:
        """Return the versions of a function's code that results are stored under."""

    def enter_code(self, version: CodeVersion) -> None:
        """Write down that a version of a function's code is in use."""

    def holds(self, key: bytes) -> bool:
        """Say whether a call's result is stored and has not expired."""

    def clock(self) -> float:
        """Return the seconds that computing is timed by."""

    def find(self, **filters: Any) -> list[Entry]:
        """Return entries."""

    def invalidate(self, **filters: Any) -> int:
        """Remove entries."""

    def held_by(self, module: str, qualname: str) -> tuple[int, int, float]:
        """Return the number and bytes of a function's entries, and the seconds that its hits have saved."""
