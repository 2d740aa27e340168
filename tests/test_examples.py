"""The examples run as their users run them, and what they print and store is what they claim."""

import os
import re
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
NEEDS = {
    "digits_pipeline": ("sklearn",),
    "from_lru_cache": (),
    "from_joblib": ("joblib", "numpy"),
    "from_pickle_decorator": ("numpy",),
}


@dataclass(frozen=True)
class Runs:
    """What one example printed the first and the second time, and the store that it left."""

    cold: str
    warm: str
    store: Path

    def query(self, text: str) -> list[tuple]:
        connection = sqlite3.connect(self.store)
        try:
            return connection.execute(text).fetchall()
        finally:
            connection.close()


def run_twice(name: str, folder: Path) -> Runs:
    for module in NEEDS[name]:
        pytest.importorskip(module, reason=f"{name}.py needs {module}")
    store = folder / "example.db"
    cold, warm = (run(name, store) for _ in range(2))
    return Runs(cold, warm, store)


def run(name: str, *arguments: object) -> str:
    command = [sys.executable, "-W", "error::UserWarning", EXAMPLES / f"{name}.py", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=arguments[0].parent, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.fixture(scope="module")
def digits(tmp_path_factory) -> Runs:
    return run_twice("digits_pipeline", tmp_path_factory.mktemp("digits"))


@pytest.fixture(scope="module")
def lru_cache(tmp_path_factory) -> Runs:
    return run_twice("from_lru_cache", tmp_path_factory.mktemp("lru_cache"))


@pytest.fixture(scope="module")
def joblib(tmp_path_factory) -> Runs:
    return run_twice("from_joblib", tmp_path_factory.mktemp("joblib"))


@pytest.fixture(scope="module")
def pickles(tmp_path_factory) -> Runs:
    return run_twice("from_pickle_decorator", tmp_path_factory.mktemp("pickles"))


def section(output: str, title: str) -> dict[str, str]:
    """The indented lines below a title: the first word of each, and what follows it."""
    lines = output[output.index(title) :].splitlines()[1:]
    indented = [line.split(maxsplit=1) for line in lines[: ([*lines, ""]).index("")]]
    return {words[0]: " ".join(words[1:]) for words in indented}


def steps(output: str) -> list[tuple[float, int, int]]:
    """The seconds, the results computed and the results found of each step of digits_pipeline."""
    found = re.findall(r"([\d.]+) s +(\d+) computed +(\d+) from the store", output)
    return [(float(seconds), int(computed), int(hits)) for seconds, computed, hits in found]


def test_every_example_is_tested_and_listed():
    scripts = {path.stem for path in EXAMPLES.glob("*.py")}
    assert scripts == set(NEEDS)
    text = (EXAMPLES / "README.md").read_text("utf-8")
    assert all(f"[{name}.py]({name}.py)" in text for name in scripts)


class TestDigits:
    def test_the_first_run_computes_each_setting_once(self, digits):
        computed = [computed for _, computed, _ in steps(digits.cold)]
        settings, scalers, projections = 2 * 2 * 3, 2 * 3, 2 * 2 * 3  # the last two in each of three folds
        assert computed == [2, settings + scalers + projections, 2 * 2]

    def test_a_wider_sweep_takes_the_fitted_transformers_from_the_store(self, digits):
        _, first, second = steps(digits.cold)
        assert second[1] == 4  # four accuracies, no transformer
        assert second[2] >= 4 * 3 * 2  # their pipelines' transformers were hits
        assert second[0] < first[0] / 2

    def test_the_second_run_computes_nothing(self, digits):
        assert [computed for _, computed, _ in steps(digits.warm)] == [0, 0, 0]

    def test_the_second_run_is_much_faster(self, digits):
        cold, warm = (sum(seconds for seconds, _, _ in steps(output)) for output in (digits.cold, digits.warm))
        assert warm < cold / 5

    def test_both_runs_find_the_same_best_setting(self, digits):
        best = re.search(r"best: .*", digits.cold)[0]
        assert best in digits.warm
        assert float(re.search(r"best: ([\d.]+)%", best)[1]) > 90

    def test_the_store_holds_what_was_computed(self, digits):
        counted = dict(digits.query("select qualname, count(*) from entries group by qualname"))
        assert counted.pop("edges") == 2
        assert counted.pop("accuracy") == 16
        assert list(counted.values()) == [18]  # scikit-learn's own function, whatever this version calls it

    def test_what_it_prints_of_the_store_is_what_the_store_says(self, digits):
        [(entries, size)] = digits.query("select count(*), sum(size) from entries")
        assert f"{entries} results of 3 functions, {size / 1e6:.1f} MB" in digits.warm
        assert "qualname accuracy  results 16" in digits.warm


class TestFromLruCache:
    def computed(self, output: str, tool: str) -> list[int]:
        line = re.search(rf"^ +{tool} +\d+ pairs.*", output, re.MULTILINE)[0]
        return [int(number) for number in re.findall(r"(\d+) pairs computed", line)]

    def test_both_remember_within_a_process(self, lru_cache):
        assert self.computed(lru_cache.cold, "lru_cache") == [15, 0]
        assert self.computed(lru_cache.cold, "memostore") == [15, 0]

    def test_only_memostore_remembers_beyond_it(self, lru_cache):
        assert self.computed(lru_cache.warm, "lru_cache") == [15, 0]
        assert self.computed(lru_cache.warm, "memostore") == [0, 0]

    @pytest.mark.parametrize("run", ["cold", "warm"])
    def test_typed_keys(self, lru_cache, run):
        told = section(getattr(lru_cache, run), "What is 1, 1.0, True?")
        assert told["memostore"] == "['int', 'float', 'bool']"
        assert told["lru_cache"] != told["memostore"]  # which of them it takes for one depends on Python's version

    @pytest.mark.parametrize("run", ["cold", "warm"])
    def test_unhashable_arguments(self, lru_cache, run):
        told = section(getattr(lru_cache, run), "A list as the argument")
        assert told["lru_cache"].startswith("TypeError: unhashable type")
        assert told["memostore"] == "list"

    @pytest.mark.parametrize("run", ["cold", "warm"])
    def test_results_that_callers_change(self, lru_cache, run):
        told = section(getattr(lru_cache, run), "The divisors of 6")
        assert told == {"lru_cache": "[1, 2, 3, 6, -1]", "memostore": "[1, 2, 3, 6]"}

    @pytest.mark.parametrize("run", ["cold", "warm"])
    def test_time_to_live(self, lru_cache, run):
        told = section(getattr(lru_cache, run), "A time to live")
        assert told["memostore"] == "the same at once: True, and after its time: False"

    def test_the_price_of_a_hit_is_told(self, lru_cache):
        told = section(lru_cache.warm, "The price of a hit")
        assert float(told["lru_cache"].split()[0]) < float(told["memostore"].split()[0])

    def test_what_it_prints_of_the_store_is_what_the_store_says(self, lru_cache):
        entries, misses = lru_cache.query("select entries, misses from functions where qualname = 'likeness'")[0]
        assert (entries, misses) == (15, 15)
        assert re.search(rf"qualname likeness entries {entries} hits \d+ misses {misses}", lru_cache.warm)


class TestFromJoblib:
    def test_both_compute_once_and_agree(self, joblib):
        pairs = set()
        for output, expected in ((joblib.cold, "all"), (joblib.warm, "none")):
            lines = re.findall(r"^  (?:joblib|memostore) .* s, (\d+) of (\d+) computed: (.*)", output, re.MULTILINE)
            assert [computed for computed, _, _ in lines] == [lines[0][1] if expected == "all" else "0"] * 2
            pairs |= {pair for _, _, pair in lines}
        assert len(pairs) == 1
        assert joblib.query("select distinct hit_count from entries where qualname like '%trigrams'") == [(1,)]

    @pytest.mark.parametrize("run", ["cold", "warm"])
    def test_what_counts_as_a_change(self, joblib, run):
        rows = re.findall(r"^  (\w[\w ]+?) +(computed|found) +(computed|found)$", getattr(joblib, run), re.MULTILINE)
        assert rows == [
            ("as written", "computed", "computed"),
            ("run again", "found", "found"),
            ("a comment added", "computed", "found"),
            ("the code changed", "computed", "computed"),
            ("changed back", "computed", "found"),
        ]

    def test_what_it_prints_of_the_store_is_what_the_store_says(self, joblib):
        text = "select count(*), sum(size) from entries where qualname like '%trigrams'"
        [(results, size)] = joblib.query(text)
        assert f"{{'width': 4096, 'results': {results}, 'bytes': {size}, " in joblib.warm


class TestFromPickleDecorator:
    def test_both_compute_once(self, pickles):
        for output, expected in ((pickles.cold, "10 of 10"), (pickles.warm, "0 of 10")):
            assert re.findall(r" s, (\d+ of \d+) computed", output) == [expected] * 2
        assert pickles.query("select distinct hit_count from entries") == [(1,)]

    @pytest.mark.parametrize("run", ["cold", "warm"])
    def test_arguments_that_print_alike(self, pickles, run):
        told = section(getattr(pickles, run), "A file's compressed size")
        same, different = (told[tool].split("%, then ") for tool in ("pickled", "memostore"))
        assert same[0] == same[1].rstrip("%") == different[0]
        assert int(different[1].rstrip("%")) > int(different[0]) + 20  # half of it is noise now

    @pytest.mark.parametrize("run", ["cold", "warm"])
    def test_a_corrected_function(self, pickles, run):
        told = section(getattr(pickles, run), "The mean of 1, 2 and 6")
        assert told == {"pickled": "0.9, then 0.9", "memostore": "0.9, then 3.0"}

    @pytest.mark.parametrize("run", ["cold", "warm"])
    def test_a_crash_while_writing(self, pickles, run):
        told = section(getattr(pickles, run), "A table, after a process died")
        assert told["pickled"].startswith(("EOFError", "UnpicklingError"))
        assert told["memostore"] == "100000 rows"

    def test_what_it_prints_of_the_store_is_what_the_store_says(self, pickles):
        [(results, size)] = pickles.query("select count(*), sum(size) from entries")
        assert f"'block': 2048, 'results': {results}, 'bytes': {size}, " in pickles.warm


def test_without_an_argument_the_store_is_in_the_current_directory(tmp_path):
    command = [sys.executable, EXAMPLES / "from_lru_cache.py"]
    environment = {**os.environ, "MEMOSTORE_URL": str(tmp_path / "unused.db")}
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, env=environment)
    assert (tmp_path / "from_lru_cache.db").exists()
    assert not (tmp_path / "unused.db").exists()
