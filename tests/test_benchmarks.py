"""The frame of the benchmarks: one round of everything, its JSON and its tables; the timings are nobody's promise."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

ROOT = Path(__file__).parents[1]
pytest.importorskip("pyperf")
PEERS = {"memostore", "lru_cache", "pickle files", "joblib", "diskcache", "cachier", "sqlite3"}


def benchmarks(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """Run everything once, with a single short round, and return what was printed and the JSON that was written."""
    path = tmp_path_factory.mktemp("benchmarks") / "deep" / "out.json"
    done = benchmarks("--repeat", "1", "--seconds", "0.001", "--json", str(path))
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(path.read_text())


@pytest.fixture
def frame(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks import frame

    return frame


def test_json_tells_the_machine_and_every_sample(smoke):
    _, document = smoke
    assert {"python", "sqlite", "cpu_count", "platform", "pyperf"} <= document["machine"].keys()
    assert document["settings"]["repeat"] == 1
    assert [b["name"] for b in document["benchmarks"]] == ["hit_small", "miss_small"]
    for benchmark in document["benchmarks"]:
        for peer in benchmark["peers"].values():
            assert len(peer["samples"]) == 1
            assert peer["median"] == peer["samples"][0] > 0
            assert peer["version"]


def test_every_peer_is_measured_or_named_as_skipped(smoke):
    for benchmark in smoke[1]["benchmarks"]:
        assert benchmark["peers"].keys() | benchmark["skipped"].keys() >= PEERS
        assert {"memostore", "sqlite3", "lru_cache", "pickle files"} <= benchmark["peers"].keys()


def test_bars_carry_figures_that_follow_from_the_medians(smoke):
    hit, miss = smoke[1]["benchmarks"]
    assert hit["bars"][0]["bar"] == "at most 1.5 x sqlite3"
    medians = {name: peer["median"] for name, peer in hit["peers"].items()}
    assert hit["bars"][0]["figure"] == pytest.approx(medians["memostore"] / medians["sqlite3"])
    assert miss["bars"][0]["met"] == (miss["bars"][0]["figure"] <= 1.6)


def test_tables_show_peers_ratios_and_bars(smoke):
    printed, _ = smoke
    for word in ("hit_small", "miss_small", "lru_cache", "x memostore", "bars", "figure", "1.00"):
        assert word in printed


def test_a_benchmark_and_peers_can_be_chosen(tmp_path):
    path = tmp_path / "out.json"
    done = benchmarks("hit_small", "--repeat", "1", "--seconds", "0.001", "--peers", "lru_cache", "--json", str(path))
    assert done.returncode == 0, done.stderr
    (hit,) = json.loads(path.read_text())["benchmarks"]
    assert hit["peers"].keys() == {"memostore", "lru_cache"}
    assert {bar["met"] for bar in hit["bars"]} == {None}
    assert "not measured" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(("--peers", "jbolib"), "jbolib"), (("hit_smal",), "hit_smal"), (("--repeat", "0"), "--repeat")],
)
def test_what_does_not_exist_is_a_clear_error(arguments, named):
    done = benchmarks(*arguments)
    assert done.returncode == 2
    assert named in done.stderr


def test_a_peer_that_is_not_installed_is_named_with_the_remedy(frame, capsys):
    from rich.console import Console

    from benchmarks import report
    from benchmarks.peers import BARE, Library
    from benchmarks.timing import run

    absent = Library("no_such_library", lambda *_: pytest.fail("set up though absent"))
    benchmark = frame.Benchmark("one", "one", (BARE, absent), lambda subject, seconds: lambda: 1.0)
    result = run(benchmark, frame.Plan((BARE.name, absent.name), repeat=2, seconds=1), lambda: None)
    report.show([result], Console(width=100))
    assert 'skipped: no_such_library (not installed: pip install "memostore[bench]")' in capsys.readouterr().out
    assert result.samples == {BARE.name: [1.0, 1.0]}


def test_bars_judge_ratios(frame):
    medians = {"memostore": 5.0, "sqlite3": 3.0, "function": 0.5, "diskcache": 15.0}
    assert frame.Bar("at most", 1.6, "sqlite3", less="function").figure(medians) == 1.5
    assert frame.Bar("faster", 2, "diskcache").figure(medians) == 3.0
    assert frame.Bar("faster", 10, "joblib").figure(medians) is None
    assert frame.Bar("at most", 1.5, "sqlite3").met(1.5)
    assert not frame.Bar("faster", 2, "diskcache").met(1.9)


def test_a_stored_call_that_is_computed_again_is_no_hit(frame):
    from benchmarks.cases import hit_small
    from benchmarks.peers import Memoized
    from benchmarks.work import multiply

    with pytest.raises(RuntimeError, match="1000 of 1000 stored calls were computed again"):
        hit_small.prepare(Memoized(multiply), 0.001)


def test_the_readme_shows_the_newest_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT)
    readme = importlib.import_module("benchmarks.readme")
    text = readme.README.read_text()
    assert readme.section(readme.newest()) in text
    assert readme.stream_section(readme.newest(readme.RESULTS / "stream")) in text
    assert readme.batch_section(readme.newest(readme.RESULTS / "batch")) in text


@pytest.mark.parametrize(("name", "options"), [
    ("stream", ["--gigabytes", "0.02", "--alone"]), ("batch", ["--repeat", "1"]),
])  # fmt: skip
def test_the_benchmarks_of_streams_and_batches_run_and_write_what_they_show(name, options, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    module = importlib.import_module(f"benchmarks.{name}")
    if name == "batch":
        monkeypatch.setattr(module, "TEXTS", 3000)
    result = CliRunner().invoke(module.main, [*options, "--json", str(tmp_path / "r.json")])
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "r.json").read_text())["results"]
