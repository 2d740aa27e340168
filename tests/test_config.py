"""Durations and sizes as people write them, and messages that name the argument and what is allowed."""

import datetime
import decimal
import math
import pathlib

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memostore import InvalidArgument, MemostoreError, Store
from memostore.config import choice, count, default_url, duration, optional_duration, optional_size, size
from memostore.options import MemoizeOptions, Options

SECONDS = [
    (0, 0.0), (1, 1.0), (1.5, 1.5), (86400, 86400.0), (1e-9, 1e-9),
    ("90s", 90.0), ("15m", 900.0), ("15min", 900.0), ("12h", 43200.0), ("7d", 604800.0), ("2w", 1209600.0),
    ("250ms", 0.25),
    ("1.5h", 5400.0), ("0.1d", 8640.0), ("0s", 0.0), (" 7 d ", 604800.0), ("7D", 604800.0), ("12H", 43200.0),
    ("007d", 604800.0),
    (datetime.timedelta(days=1, milliseconds=500), 86400.5), (datetime.timedelta(0), 0.0),
    (numpy.float64(2.5), 2.5),
]  # fmt: skip


@pytest.mark.parametrize(("text", "seconds"), SECONDS, ids=[str(text) for text, _ in SECONDS])
def test_spans_of_time(text, seconds):
    assert duration(text, "ttl") == seconds
    assert type(duration(text, "ttl")) in (int, float, numpy.float64)


BYTES = [
    (0, 0), (1, 1), (10.0, 10), (2**40, 2**40), ("500b", 500), ("1kB", 1000), ("500kB", 500_000),
    ("2MB", 2_000_000),
    ("20GB", 20_000_000_000), ("1TB", 10**12), ("1KiB", 1024), ("1MiB", 1 << 20), ("2GiB", 2 << 30), ("1TiB", 1 << 40),
    ("1.5GB", 1_500_000_000), ("0.5KiB", 512), (" 2 gb ", 2_000_000_000), ("2GIB", 2 << 30), ("1.1GB", 1_100_000_000),
    ("0.1kB", 100), ("4.7GB", 4_700_000_000), ("2.3MB", 2_300_000),
]  # fmt: skip


@pytest.mark.parametrize(("text", "number"), BYTES, ids=str)
def test_sizes(text, number):
    assert size(text, "max_size") == number
    assert type(size(text, "max_size")) is int


def test_sizes_are_exact():
    assert size(2**53 + 1, "max_size") == 2**53 + 1
    assert size(2**63 - 1, "max_size") == 2**63 - 1


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.integers(0, 10**6),
    st.sampled_from([("kB", 10**3), ("MB", 10**6), ("GB", 10**9), ("KiB", 2**10), ("MiB", 2**20)]),
)
def test_sizes_with_any_unit(number, unit):
    assert size(f"{number}{unit[0]}", "max_size") == number * unit[1]


NO_DURATIONS = [
    -1, -0.001, "-1d", "", " ", "7", "d", "7 bananas", "7dd", "1d12h", "1e3s", "7,5h", "d7", "7d!", "1.d", ".5d",
    "+7d", "--", "nan", "infs",
    math.nan, math.inf, -math.inf, True, False, [], {}, object(), b"7d", 1j, 10**400, datetime.timedelta(-1),
    datetime.date(2020, 1, 1), decimal.Decimal(7), "7d\n8d", "٣" * 3, pathlib.Path("7d"), ("7d",),
]  # fmt: skip


@pytest.mark.parametrize("value", NO_DURATIONS, ids=[str(number) for number in range(len(NO_DURATIONS))])
def test_what_is_no_span_of_time(value):
    with pytest.raises(InvalidArgument) as caught:
        duration(value, "older_than")
    message = str(caught.value)
    assert message.startswith("older_than=")
    assert '"7d"' in message
    assert "timedelta" in message
    assert len(message) < 1000


NO_SIZES = [
    -1, "-1GB", "", "GB", "2", "2 bananas", "2 G", "2GBs", "1e3MB", "1.5", 1.5, math.nan, math.inf, True, [], None,
    object(),
    b"2GB", 2**63, 10**400, "99999999TB", "0.1b", "2,5GB", datetime.timedelta(1), decimal.Decimal(2),
]  # fmt: skip


@pytest.mark.parametrize("value", NO_SIZES, ids=[str(number) for number in range(len(NO_SIZES))])
def test_what_is_no_size(value):
    with pytest.raises(InvalidArgument) as caught:
        size(value, "larger_than")
    message = str(caught.value)
    assert message.startswith("larger_than=")
    assert '"20GB"' in message
    assert len(message) < 1000


def test_none_and_zero_where_a_limit_may_be_absent():
    assert optional_duration(None, "ttl") is None
    assert optional_size(None, "max_size") is None
    assert count(None, "max_entries") is None
    for check, value in (
        (optional_duration, 0),
        (optional_duration, "0s"),
        (optional_size, 0),
        (optional_size, "0MB"),
        (count, 0),
    ):
        with pytest.raises(InvalidArgument, match=r"^name=.*None"):
            check(value, "name")


@pytest.mark.parametrize("value", [-1, 0, 1.0, True, "5", [1], math.nan])
def test_what_is_no_count(value):
    with pytest.raises(InvalidArgument, match=r"^max_entries=.*above 0"):
        count(value, "max_entries")
    assert count(5, "max_entries") == 5


@pytest.mark.parametrize("value", ["LRU", "", None, 1, ["lru"], "lru ", b"lru"])
def test_what_is_no_choice(value):
    with pytest.raises(InvalidArgument, match=r"^eviction=.*choose one of 'lru', 'fifo'"):
        choice(value, ("lru", "fifo"), "eviction")
    assert choice("lru", ("lru", "fifo"), "eviction") == "lru"


BAD_OPTIONS = [
    ("ttl", -1, "a span of time"), ("ttl", "2 bananas", "a span of time"), ("ttl", 0, "above 0"),
    ("ttl", True, "a span of time"),
    ("ttl", [], "a span of time"), ("ignore", "verbose", "list or tuple of texts"),
    ("ignore", [1], "list or tuple of texts"),
    ("ignore", 5, "list or tuple of texts"), ("ignore", [""], "list or tuple of texts"),
    ("ignore", None, "list or tuple of texts"),
    ("ignore", ["nothing"], "no parameter 'nothing'"), ("tags", "nightly", "list or tuple of texts"),
    ("tags", ["a\nb"], "list or tuple of texts"), ("tags", [None], "list or tuple of texts"),
    ("key", "x", "a function"),
    ("cache_if", 1, "a function"), ("typed", 1, "True or False"), ("typed", None, "True or False"),
    ("typed", "no", "True or False"),
    ("version", 1.5, "text or a whole number"), ("version", True, "text or a whole number"),
    ("version", [], "text or a whole number"),
    ("name", "", "text such as"), ("name", 1, "text such as"), ("name", "a*", "text such as"),
    ("name", ".", "text such as"),
]  # fmt: skip


@pytest.mark.parametrize(("option", "value", "words"), BAD_OPTIONS, ids=[f"{o}={v!r}" for o, v, _ in BAD_OPTIONS])
def test_bad_options_of_memoize_are_refused_when_the_function_is_decorated(option, value, words):
    store = Store(None)
    with pytest.raises(InvalidArgument) as caught:
        store.memoize(**{option: value})(lambda x: x)
    assert str(caught.value).startswith(f"{option}=")
    assert words in str(caught.value)
    assert isinstance(caught.value, (ValueError, MemostoreError))


def test_an_unknown_option_is_refused_with_a_list_of_the_known():
    with pytest.raises(
        InvalidArgument, match=r"no option 'tll': .*ttl, stale_for, .*ignore, key, typed, code, version, .*name"
    ):
        Store(None).memoize(tll=5)


def test_options_may_be_any_iterable_of_texts():
    options = Store(None).memoize(ignore=(n for n in ["x"]), tags={"a"})(lambda x: x).cache_parameters()
    assert options["ignore"] == ("x",)
    assert options["tags"] == ("a",)


@pytest.mark.parametrize(
    ("url", "home", "cache", "expected"),
    [
        ("/tmp/x.db", "/home/u", None, "/tmp/x.db"),
        ("sqlite:///x.db", "/home/u", "/cache", "sqlite:///x.db"),
        (None, "/home/u", "/cache", "/cache/memostore/memostore.db"),
        (None, "/home/u", None, "/home/u/.cache/memostore/memostore.db"),
        ("", "/home/u", "", "/home/u/.cache/memostore/memostore.db"),
    ],
)
def test_where_the_default_store_is(url, home, cache, expected, monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    for name, value in (("MEMOSTORE_URL", url), ("HOME", home), ("XDG_CACHE_HOME", cache)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert pathlib.PurePath(default_url()) == pathlib.PurePath(expected)


def test_type_checkers_know_all_options():
    assert set(MemoizeOptions.__annotations__) == set(Options.__dataclass_fields__)
