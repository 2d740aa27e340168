"""A default that changes while the program runs: its calls are true, and its user is told, once."""

import warnings
from pathlib import Path

import pytest

from memostore import File, KeyBy, MemostoreWarning


def counts(memo):
    return memo.cache_info()[:2]


def test_a_function_that_changes_its_own_default_is_computed_each_time_and_told_so(store):
    @store.memoize
    def collected(x, seen=[]):  # noqa: B006
        seen.append(x)
        return len(seen)

    with pytest.warns(MemostoreWarning) as told:
        assert [collected(1), collected(1), collected(1)] == [1, 2, 3]
    assert len(told) == 1
    assert "the default of 'seen' (write seen=None and make it inside the function" in str(told[0].message)
    assert "ignore=['seen']" in str(told[0].message)
    assert told[0].filename == __file__
    assert store.find() == []


def test_such_a_function_s_results_are_true_in_the_next_process(script):
    script.write("""
        import warnings
        from memostore import Store
        warnings.simplefilter("ignore")

        @Store("memo.db").memoize
        def collected(x, seen=[]):
            seen.append(x)
            return len(seen)

        print(collected(1), collected(1))
    """)
    assert script.run().stdout == script.run().stdout == "1 2\n"


def test_a_default_that_changes_between_calls_is_told_and_keyed_by_its_content(store):
    config = {"scale": 1}

    @store.memoize
    def scaled(x, config=config):
        return x * config["scale"]

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [scaled(2), scaled(2)] == [2, 2]
    config["scale"] = 10
    with pytest.warns(MemostoreWarning, match=r"the default of 'config' .* is not what it was"):
        assert scaled(2) == 20
    with warnings.catch_warnings():  # once is enough
        warnings.simplefilter("error")
        assert [scaled(2), scaled(2, {"scale": 10})] == [20, 20]
        config["scale"] = 100
        assert scaled(2) == 200
        config["scale"] = 1
        assert scaled(2) == 2
    assert counts(scaled) == (4, 3)


@pytest.mark.parametrize("options", [{"ignore": ["seen"]}, {"key": lambda x, seen: x}], ids=["ignore", "key"])
def test_a_default_that_is_no_part_of_the_key_may_change(store, options):
    if "key" in options:
        options = {"key": lambda x, seen=None: x}

    @store.memoize(**options)
    def collected(x, seen=[]):  # noqa: B006
        seen.append(x)
        return x

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [collected(1), collected(1), collected(2)] == [1, 1, 2]
    assert counts(collected) == (1, 2)


def test_mutable_defaults_that_stay_as_they_are_are_nobody_s_business(store):
    @store.memoize
    def f(x, a=[1], b={"a": {1}}, c=(1, [2])):  # noqa: B006
        return x

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [f(1), f(2), f(1), f(1, [1])] == [1, 2, 1, 1]
    assert counts(f) == (2, 2)


def test_a_file_that_is_a_default_is_meant_to_change(store, tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("one")

    @store.memoize
    def words(path=File(path)):  # noqa: B008
        return Path(path).read_text()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first = words()
        path.write_text("one two")
        assert (first, words()) == ("one", "one two")


def test_a_default_that_counts_by_a_function_of_it_may_change(store):
    @store.memoize
    def f(x, log: KeyBy[list, type] = []):  # noqa: B006
        log.append(x)
        return x

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [f(1), f(1)] == [1, 1]
    assert counts(f) == (1, 1)
