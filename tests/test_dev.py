"""dev.py makes an environment once, installs what a command needs, and passes on arguments and exit codes."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

DEV = Path(__file__).parent.parent / "dev.py"


@pytest.fixture
def dev(tmp_path, monkeypatch):
    """The script as a module that stands in a directory of its own and only notes what it would run."""
    spec = importlib.util.spec_from_file_location("dev", DEV)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.ran, module.codes = [], {}

    def run(command):
        module.ran.append(command[1:])
        if command[1:3] == ["-m", "venv"]:
            python = module.Environment(Path(command[3])).python
            python.parent.mkdir(parents=True, exist_ok=True)
            python.touch()
            (Path(command[3]) / "pyvenv.cfg").touch()
        return next((code for word, code in module.codes.items() if word in command), 0)

    monkeypatch.setattr(module, "run", run)
    monkeypatch.setattr(module, "HERE", tmp_path)
    (tmp_path / "setup.cfg").write_text("one")
    (tmp_path / "memostore").mkdir()
    return module


def installs(dev) -> list[list[str]]:
    """What pip was told to install, and how."""
    return [command[5:] for command in dev.ran if command[:2] == ["-m", "pip"]]


def test_the_demo_is_installed_as_users_install_it(dev):
    assert dev.main(["demo", "--modules", "5"]) == 0
    assert installs(dev) == [["."]]
    assert dev.ran[-1] == ["-P", "-m", "memostore.cli", "demo", "--modules", "5"]


def test_the_tests_are_run_on_an_editable_installation_with_further_arguments(dev):
    assert dev.main(["test", "-k", "name", "tests/test_a.py"]) == 0
    assert installs(dev) == [["-e", ".[test]"]]
    assert dev.ran[-1][:3] == ["-m", "pytest", "-q"]
    assert dev.ran[-1][-3:] == ["-k", "name", "tests/test_a.py"]


def test_a_second_run_installs_nothing(dev):
    dev.main(["test"])
    del dev.ran[:]
    dev.main(["test"])
    dev.main(["demo"])
    assert installs(dev) == []
    assert len(dev.ran) == 2


def test_extras_add_up(dev):
    dev.main(["bench"])
    dev.main(["test"])
    assert installs(dev) == [["-e", ".[bench]"], ["-e", ".[bench,test]"]]


def test_changed_metadata_are_installed_anew(dev, tmp_path):
    dev.main(["test"])
    (tmp_path / "setup.cfg").write_text("two")
    dev.main(["test"])
    assert len(installs(dev)) == 2


def test_changed_sources_are_installed_anew_where_they_were_copied(dev, tmp_path):
    for command in ("demo", "test"):
        dev.main([command])
        del dev.ran[:]
        (tmp_path / "memostore" / f"{command}.py").write_text("changed = True")
        dev.main([command])
        assert len(installs(dev)) == (1 if command == "demo" else 0), command


def test_an_installation_that_failed_is_tried_again(dev):
    dev.codes["pip"] = 7
    with pytest.raises(dev.Failure, match="pip could not install") as failed:
        dev.main(["test"])
    assert failed.value.code == 7
    dev.codes.clear()
    dev.main(["test"])
    assert len(installs(dev)) == 2


def test_the_exit_code_of_the_command_is_passed_on(dev):
    dev.codes["pytest"] = 5
    with pytest.raises(dev.Failure, match=r"pytest .* ended with exit code 5") as failed:
        dev.main(["test"])
    assert failed.value.code == 5


def test_lint_stops_at_the_first_failure(dev):
    dev.codes["ruff"] = 1
    with pytest.raises(dev.Failure):
        dev.main(["lint"])
    assert not any("mypy" in command for command in dev.ran)


def test_a_directory_of_another_kind_is_left_alone(dev, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").touch()
    with pytest.raises(dev.Failure, match="not a virtual environment"):
        dev.main(["test", "--venv", str(tmp_path / "mine")])
    assert dev.ran == []


def test_a_build_directory_is_removed_only_if_it_was_not_there_before(dev, tmp_path, monkeypatch):
    noted = dev.run

    def run(command):
        (tmp_path / "build").mkdir(exist_ok=True)
        return noted(command)

    monkeypatch.setattr(dev, "run", run)
    dev.Environment(tmp_path / "venv").install([], editable=False)
    assert not (tmp_path / "build").exists()
    (tmp_path / "build").mkdir()
    dev.Environment(tmp_path / "venv").install([], editable=False)
    assert (tmp_path / "build").exists()


@pytest.mark.parametrize("version", [(3, 6, 15), (3, 10, 1)])
def test_an_older_python_is_told_so(version):
    code = f"import runpy, sys; sys.version_info = {version}; runpy.run_path({str(DEV)!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(
        f"dev.py: this is Python {'.'.join(map(str, version))}; memostore needs 3.11 or newer"
    )


def test_the_help_names_every_command(dev):
    documented = [line.split()[2] for line in dev.__doc__.splitlines() if line.startswith("    python3 dev.py ")]
    assert sorted(documented) == sorted(dev.EXTRAS)
