"""The documentation does what it says.

Each page is run from top to bottom in one namespace, in an empty directory, with MEMOSTORE_URL pointing there:

- a `python` block is run; a `text` block after it is compared with what it printed;
- a `sql` block is run on the page's `store`; a `text` block after it is compared with the rows, set as the sqlite3
  shell does with `-header -column`;
- a block below `<!-- not run: reason -->` is left out.

A page's functions belong to the module that it names in `<!-- module: name -->`.
"""

import contextlib
import io
import linecache
import os
import re
import shlex
import subprocess
import sys
import types
import warnings
from dataclasses import dataclass
from pathlib import Path

import pytest

import memostore.default
from memostore import MemostoreWarning
from memostore.cli import main

ROOT = Path(__file__).parent.parent
DOCS = sorted((ROOT / "docs").rglob("*.md"))
RUN = [ROOT / "README.md", *DOCS]
PAGES = [*RUN, ROOT / "CHANGELOG.md", ROOT / "examples" / "README.md", ROOT / "benchmarks" / "README.md"]

COMMENT = re.compile(r"<!-- (.*?) -->")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def by_name(page: Path) -> str:
    return str(page.relative_to(ROOT))


each_page = pytest.mark.parametrize("page", PAGES, ids=by_name)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, the number of its first line, and the comment above it."""

    language: str
    text: str
    line: int
    comment: str

    @property
    def is_run(self) -> bool:
        return self.language in ("python", "sql") and not self.comment.startswith("not run: ")


def blocks_of(page: Path) -> list[Block]:
    """Return a page's blocks, which begin at the margin, in their order."""
    found: list[Block] = []
    language, start, above = None, 0, ""
    lines = page.read_text().splitlines()
    for number, line in enumerate(lines, 1):
        if language is not None:
            if line == "```":
                text = "".join(f"{line}\n" for line in lines[start : number - 1])
                found.append(Block(language, text, start + 1, above))
                language, above = None, ""
        elif line.startswith("```"):
            language, start = line[3:], number
        elif line.strip():
            comment = COMMENT.fullmatch(line)
            above = comment[1] if comment else ""
    assert language is None, f"{by_name(page)}: the block after line {start} has no end"
    return found


def prose_of(page: Path) -> str:
    """Return a page's text without its blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)


def module_of(page: Path) -> str:
    named = re.search(r"<!-- module: (\w+) -->", page.read_text())
    return named[1] if named else "page"


def run_python(block: Block, page: Path, namespace: dict) -> str:
    """Run a block as lines of the page, so that tracebacks and inspect.getsource find it; return what it printed."""
    source = "\n" * (block.line - 1) + block.text
    filename = f"{by_name(page)} from line {block.line}"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(source, filename, "exec"), namespace)
    return printed.getvalue()


def in_columns(rows: list[dict]) -> str:
    """Set rows as `sqlite3 -header -column` does."""
    if not rows:
        return ""
    cells = [list(rows[0]), *(["" if value is None else str(value) for value in row.values()] for row in rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(cells[0]))]
    cells.insert(1, ["-" * width for width in widths])
    lines = ("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in cells)
    return "".join(f"{line}\n" for line in lines)


def run_block(block: Block, page: Path, namespace: dict) -> str:
    if block.language == "sql":
        return in_columns(namespace["store"].sql(block.text))
    return run_python(block, page, namespace)


def outputs(page: Path) -> list[tuple[Block, Block | None, str]]:
    """Run a page; return each block that was run with the block after it and what it printed."""
    name = module_of(page)
    module = sys.modules[name] = types.ModuleType(name)
    blocks = blocks_of(page)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", MemostoreWarning)
            return [
                (block, following, run_block(block, page, vars(module)))
                for block, following in zip(blocks, [*blocks[1:], None], strict=False)
                if block.is_run
            ]
    finally:
        del sys.modules[name]


@pytest.fixture
def directory(tmp_path, monkeypatch):
    """An empty current directory; the default store is in it, and closed at the end."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEMOSTORE_URL", str(tmp_path / "default.db"))
    yield tmp_path
    opened = memostore.default._opened.get(str(tmp_path / "default.db"))
    if opened is not None:
        opened.close()


@pytest.mark.parametrize("page", RUN, ids=by_name)
def test_a_page_prints_what_it_says(page, directory):
    for block, following, printed in outputs(page):
        if following is not None and following.language == "text" and not following.comment:
            assert printed == following.text, f"{by_name(page)}, line {following.line}"
        else:
            assert block.language == "sql" or not printed, f"{by_name(page)}, line {block.line}: output is not shown"


def test_pages_have_blocks_of_known_languages_only():
    known = {"python", "text", "sql", "sh", ""}
    found = {block.language for page in PAGES for block in blocks_of(page) if page.parent.name != "benchmarks"}
    assert found <= known


def test_the_readme_s_example_is_a_script_that_computes_once(directory):
    example, first, second = blocks_of(ROOT / "README.md")[:3]
    assert (example.language, first.language, second.language) == ("python", "text", "text")
    script = directory / "prep.py"
    script.write_text(example.text)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    for expected in (first, second):
        done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=True)
        assert (done.stdout, done.stderr) == (expected.text, "")


# Links


def anchors_of(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", prose_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def targets_of(page: Path) -> list[tuple[Path, str]]:
    links = [link.partition("#") for link in LINK.findall(prose_of(page)) if "://" not in link]
    return [((page.parent / path).resolve() if path else page, anchor) for path, _, anchor in links]


@each_page
def test_links_between_pages_lead_somewhere(page):
    for target, anchor in targets_of(page):
        assert target.exists(), f"{by_name(page)} links to {target}"
        assert not anchor or anchor in anchors_of(target), f"{by_name(page)} links to {by_name(target)}#{anchor}"


def test_every_page_is_reached_from_the_readme():
    reached: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached:
            reached.add(page)
            waiting += [target for target, _ in targets_of(page) if target.suffix == ".md"]
    assert not {by_name(page) for page in PAGES} - {by_name(page) for page in reached}


# Tests


def named_tests() -> list[tuple[str, str, str]]:
    found = [(page, *name) for page in DOCS for name in re.findall(r"`(test_\w+\.py)::(\w+)`", page.read_text())]
    return [(by_name(page), file, test) for page, file, test in found]


def test_every_test_that_a_page_names_exists():
    named = named_tests()
    assert len({test for _, _, test in named}) >= 70
    for page, file, test in named:
        assert f"\ndef {test}(" in (ROOT / "tests" / file).read_text(), f"{page}: {file}::{test}"


def test_the_page_on_shapes_names_all_tests_of_shapes():
    shown = {test for _, file, test in named_tests() if file == "test_shapes.py"}
    text = (ROOT / "tests" / "test_shapes.py").read_text()
    written, to_come = re.findall(r"^def (test_\w+)\(", text, re.MULTILINE), re.findall(r"xfail.*\ndef (\w+)", text)
    assert shown == set(written) - set(to_come)


# Commands


def command_lines() -> list[tuple[str, list[str]]]:
    return [
        (f"{by_name(page)}: {line}", shlex.split(line.removeprefix("$ "), comments=True))
        for page in PAGES
        for block in blocks_of(page)
        if block.language == "sh"
        for line in block.text.splitlines()
    ]


def test_every_memostore_command_in_the_pages_is_one_that_exists():
    lines = [(place, words[1:]) for place, words in command_lines() if words and words[0] == "memostore"]
    assert len(lines) >= 10
    for place, words in lines:
        name = next((word for word in words if word in main.commands), None)
        if name is not None:
            where = words.index(name)
            assert words[:where] == [] or words[0] in ("-s", "--store"), place
            main.commands[name].make_context(name, words[where + 1 :])  # raises click's UsageError
        else:
            assert words in (["--help"], ["--version"]), place


def test_every_dev_py_command_in_the_pages_is_one_that_exists():
    known = re.findall(r"^    python3 dev\.py (\w+) ", (ROOT / "dev.py").read_text(), re.MULTILINE)
    named = {words[2] for _, words in command_lines() if words[:2] == ["python3", "dev.py"]}
    assert {"demo", "test"} <= named <= set(known)


# What no page may say


@each_page
def test_a_page_names_no_machine_and_no_path_of_one(page):
    for word in ("/work/", "/tmp/", "/root/", "/home/"):
        assert word not in page.read_text(), f"{by_name(page)}: {word}"
