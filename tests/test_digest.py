"""The one digest: framed, so that nothing runs together; the same for a buffer however it is given."""

import itertools

import blake3
import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memostore.digest import DIGEST_SIZE, PARALLEL_FROM, digest, digest_buffer, digest_parts, frame

quick = settings(max_examples=200, deadline=None, derandomize=True)
tags = st.binary(min_size=1, max_size=1)


def unframed(data):
    """Read one frame back: its tag, its payload, and what follows."""
    length = int.from_bytes(data[1:9], "little")
    return data[:1], data[9 : 9 + length], data[9 + length :]


@quick
@given(tags, st.binary(), st.binary())
def test_a_frame_says_where_it_ends(tag, payload, rest):
    assert unframed(frame(tag, payload) + rest) == (tag, payload, rest)


@quick
@given(tags, st.lists(st.binary(max_size=3), max_size=4), st.lists(st.binary(max_size=3), max_size=4))
def test_parts_never_run_together(tag, one, other):
    assert (digest_parts(tag, one) == digest_parts(tag, other)) == (one == other)


def test_small_parts_in_every_split():
    splits = [
        tuple(b"abc"[i:j] for i, j in itertools.pairwise((0, *cuts, 3)))
        for size in range(4)
        for cuts in itertools.combinations_with_replacement(range(4), size)
    ]
    assert len({digest_parts(b"x", parts) for parts in splits}) == len(set(splits)) > 20


def test_the_tag_counts():
    assert len({digest_parts(tag, [b"a"]) for tag in (b"a", b"b", b"\0", b"\xff")}) == 4


def test_it_is_blake3():
    assert digest(b"abc") == blake3.blake3(b"abc").digest()
    assert digest(b"").hex() == "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
    assert len(digest(b"")) == len(digest_parts(b"x", [])) == DIGEST_SIZE == 32


def test_keys_of_this_version_are_those_of_every_version():
    """What is stored today is found tomorrow: these bytes may never change."""
    assert frame(b"s", b"abc") == b"s\x03\0\0\0\0\0\0\0abc"
    assert digest_parts(b"x", [b"a", b"bc"]) == digest(b"x\x01\0\0\0\0\0\0\0ax\x02\0\0\0\0\0\0\0bc")


@pytest.mark.parametrize("size", [0, 1, 1000, PARALLEL_FROM - 1, PARALLEL_FROM, PARALLEL_FROM + 1, 3 * PARALLEL_FROM])
def test_a_buffer_has_one_digest_however_it_is_given(size):
    data = numpy.random.default_rng(size).bytes(size)
    expected = digest(data)
    array = numpy.frombuffer(data, "u1")
    for buffer in (data, bytearray(data), memoryview(data), array):
        assert digest_buffer(buffer) == expected


def test_every_byte_of_a_large_buffer_counts():
    data = bytearray(2 * PARALLEL_FROM)
    found = {digest_buffer(data)}
    for place in (0, PARALLEL_FROM - 1, PARALLEL_FROM, len(data) - 1):
        data[place] = 1
        found.add(digest_buffer(data))
        data[place] = 0
    assert len(found) == 5


def test_a_buffer_is_not_copied(monkeypatch):
    import tracemalloc

    data = numpy.zeros(8 << 20, "u1")
    tracemalloc.start()
    digest_buffer(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20
