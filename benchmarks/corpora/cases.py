"""Cases as the files of `tests/corpus` have them: a project, what is done to it between two runs, what must follow.

A file of cases is text. `tests/corpus/README.md` describes its form; this module reads it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

CORPUS = Path(__file__).resolve().parents[2] / "tests" / "corpus"
CORPORA = ("pairs", "edits")

# By the outcome that a case names: whether its second run must find the result, and whether that is only so because
# the project asked for it, against what the uncached result does.
OUTCOMES = {
    "same": (True, False),
    "hit": (True, False),
    "same by request": (True, True),
    "hit by request": (True, True),
    "different": (False, False),
    "recompute": (False, False),
    "different by request": (False, True),
    "recompute by request": (False, True),
}
HEAD = re.compile(r"^== *(\w+) *\| *([\w ]+?) *\| *(.+)$", re.MULTILINE)
PART = re.compile(r"^-- *(.*?) *$\n?", re.MULTILINE)
LAUNCHES = ("run", "cwd", "python", "env", "site", "hashseed")


@dataclass(frozen=True)
class Launch:
    """How a script is started; paths are relative to the project."""

    run: str = "main.py"
    cwd: str = "."
    python: str = ""
    env: str = ""
    site: str = ""
    hashseed: str = ""


@dataclass(frozen=True)
class Step:
    """One thing that is done to the project between the runs: its verb, what it is done to, and with what."""

    verb: str
    path: str
    text: str = ""


@dataclass(frozen=True)
class Case:
    """One case. `first` and `second` are how often memoized functions run in each run, where the case says so."""

    name: str
    corpus: str
    clause: str
    outcome: str
    title: str
    files: dict[str, str]
    before: Launch = Launch()
    after: Launch = Launch()
    steps: tuple[Step, ...] = ()
    needs: tuple[str, ...] = ()
    only: str | None = None
    first: dict[str, int] | None = None
    second: dict[str, int] | None = None

    @property
    def hits(self) -> bool:
        return OUTCOMES[self.outcome][0]

    @property
    def by_request(self) -> bool:
        return OUTCOMES[self.outcome][1]


@dataclass
class _Draft:
    """What has been read of a case so far."""

    files: dict[str, str] = field(default_factory=dict)
    header: dict[str, str] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    later: dict[str, str] = field(default_factory=dict)


def load(corpus: str, folder: Path = CORPUS) -> list[Case]:
    """Return the cases of a corpus in the order of its files; raise ValueError for two of one name."""
    cases = [case for path in sorted((folder / corpus).glob("*.txt")) for case in read(path)]
    names = [case.name for case in cases]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"two cases have one name: {', '.join(sorted(twice))}")
    return cases


def read(path: Path) -> list[Case]:
    """Return the cases of one file."""
    heads = list(HEAD.finditer(text := path.read_text()))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    shared = text[: heads[0].start()] if heads else ""
    return [_case(path, head, shared, text[head.end() + 1 : end]) for head, end in zip(heads, ends, strict=True)]


def _case(path: Path, head: re.Match[str], shared: str, text: str) -> Case:
    name, outcome, title = head.groups()
    if outcome not in OUTCOMES:
        raise ValueError(f"{path.name}: {name}: the outcome {outcome!r} is none of {', '.join(OUTCOMES)}")
    draft = _Draft()
    _take_parts(draft, shared)
    _take_parts(draft, text)
    header, before = draft.header, Launch(**_launch(draft.header))
    if path.parent.name == "pairs":
        before, draft.later = replace(before, run="a.py"), {**draft.later, "run": "b.py"}
    return Case(
        name, path.parent.name, path.stem, outcome, title, draft.files, before, replace(before, **draft.later),
        tuple(draft.steps), tuple(header.get("needs", "").split()), header.get("for"),
        _counts(header.get("first")), _counts(header.get("second")),
    )  # fmt: skip


def _take_parts(draft: _Draft, text: str) -> None:
    """Read a case's parts, or those in front of a file's first case, which all its cases have."""
    begin, *parts = PART.split(text)
    draft.header |= _pairs(begin)
    for title, content in zip(parts[::2], parts[1::2], strict=True):
        word, _, path = title.partition(" ")
        if word == "then" and path:
            draft.steps.append(Step("write", path, _tidy(content)))
        elif word == "then":
            _take_steps(draft, content)
        elif word in ("a", "b"):
            draft.files[f"{word}.py"] = _script(content)
        elif word == "more":
            draft.files[path] += "\n" + _tidy(content)
        else:
            draft.files[title] = _tidy(content)


def _take_steps(draft: _Draft, content: str) -> None:
    for line in content.strip().splitlines():
        verb, _, rest = line.partition(" ")
        if verb.rstrip(":") in LAUNCHES:
            draft.later[verb.rstrip(":")] = rest.strip()
            continue
        path, _, text = rest.partition(":" if verb == "in" else "=>")
        draft.steps.append(Step(verb, path.strip(), text.strip().replace("\\n", "\n")))


def _script(content: str) -> str:
    """Return a script that prints what the last line of a pair's half gives."""
    *lines, last = content.strip().splitlines()
    return "\n".join(["from calls import *", *lines, f"print(repr({last}))", ""])


def _tidy(content: str) -> str:
    return content.strip("\n") + "\n" if content.strip() else ""


def _pairs(text: str) -> dict[str, str]:
    lines = [line.partition(":") for line in text.strip().splitlines() if line and not line.startswith("#")]
    return {name.strip(): value.strip() for name, _, value in lines}


def _launch(header: dict[str, str]) -> dict[str, str]:
    return {name: header[name] for name in LAUNCHES if name in header}


def _counts(text: str | None) -> dict[str, int] | None:
    if text is None:
        return None
    return {name: int(count) for name, _, count in (word.partition("=") for word in text.split())}
