"""What mypy and pyright, at their strictest, say about uses of the public API: those in tests/typing/api.py."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
EXAMPLES = HERE / "typing" / "api.py"
PROJECT = HERE / "typing" / "pyrightconfig.json"



def mypy(file: Path, cache: Path) -> list[str]:
    return ["mypy", "--strict", "--config-file=", "--cache-dir", str(cache), str(file)]


def pyright(file: Path, _: Path) -> list[str]:
    """The project is that of the examples' directory, which a file given by name would leave."""
    settings = file.with_name("pyrightconfig.json")
    settings.write_text(PROJECT.read_text().replace("../..", HERE.parent.as_posix()))
    return ["pyright", "--project", str(settings), "--pythonpath", sys.executable]


CHECKERS = {"mypy": mypy, "pyright": pyright}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(params=CHECKERS)
def check(request, tmp_path, cache):
    """Run a checker over a copy of the examples with some lines more; return its exit code and what it says."""
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed: pip install '.[test]'")

    def checked(*more: str) -> tuple[int, str]:
        file = tmp_path / "api.py"
        file.write_text("\n".join([EXAMPLES.read_text(), *more, ""]))
        command = [sys.executable, "-m", *CHECKERS[request.param](file, cache)]
        environment = {**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1", "MYPYPATH": str(HERE.parent)}
        done = subprocess.run(command, cwd=HERE.parent, env=environment, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    return checked


def test_right_uses_have_the_types_that_they_should_and_wrong_ones_are_errors(check):
    code, said = check()
    assert code == 0, said


def test_the_check_would_say_what_is_wrong(check):
    wrong = (
        "bare('a')",
        "assert_type(bare(1), list[int])  # it is list[float]",
        "bare(1)  # type: ignore[arg-type]",  # there is no error to ignore
    )
    code, said = check(*wrong)
    first = len(EXAMPLES.read_text().splitlines()) + 2
    assert code == 1, said
    assert [f"api.py:{first + n}:" in said for n in range(len(wrong))] == [True] * len(wrong), said
