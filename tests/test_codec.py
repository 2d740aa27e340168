"""Values come back as they were, from the bytes that were written, or not at all."""

import collections
import dataclasses
import datetime
import decimal
import enum
import math
import pathlib
import pickle
import random
import threading

import numpy
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memostore import CorruptEntry, Store, Unloadable, Unstorable
from memostore.backends.protocol import binding_of
from memostore.codec import INLINE_LIMIT, PIECE, checksum, decode, decode_pieces, encode, verify_pieces

KEY = bytes(range(32))


@dataclasses.dataclass
class Point:
    x: object


class Colour(enum.Enum):
    RED = 1


class Pair(collections.namedtuple("Pair", "x y")):
    __slots__ = ()


class ByCloudpickleOnly:
    """A class whose instances pickle refuses, and cloudpickle takes: they hold a lambda."""

    def __init__(self):
        self.function = lambda x: x + 1


def stored(value, compress="auto", created=1.5, expires=None):
    """Return everything that a row and its chunks hold of a value."""
    payload = encode(value, compress)
    binding = binding_of(KEY, payload.codec, created, expires)
    pieces = [bytes(piece) for piece in payload.pieces]
    assert sum(map(len, pieces)) == payload.size
    return payload.codec, pieces, binding, checksum(binding, pieces)


def loaded(codec, pieces, binding, expected):
    if len(pieces) == 1 and "buffers" not in codec:
        one = decode(codec, pieces[0], binding, expected)
        decode_pieces(codec, iter(pieces), binding, expected)  # both ways lead to it
        return one
    return decode_pieces(codec, iter(pieces), binding, expected)


def round_trip(value, compress="auto"):
    return loaded(*stored(value, compress))


VALUES = {
    "None": None,
    "numbers": [1, 1.0, True, -0.0, 2**100, 1j, math.inf],
    "text": "größe \U0001f40d \ud800",
    "containers": {"a": [1, (2, {3}), frozenset({4})], 1: None, (1, 2): ...},
    "dataclass": Point([Point(1)]),
    "enum": Colour.RED,
    "named tuple": Pair(1, 2),
    "dates": [datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC), datetime.timedelta(1)],
    "decimal": decimal.Decimal("1.10"),
    "path": pathlib.PurePosixPath("a/b"),
    "function": math.sin,
    "class": Point,
    "ordered": collections.OrderedDict(b=1, a=2),
    "counter": collections.Counter("aab"),
    "empty": [[], {}, (), set(), "", b""],
    "bytearray": bytearray(b"abc"),
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_values_come_back_equal_and_of_their_type(value):
    assert round_trip(value) == value
    assert repr(round_trip(value)) == repr(value)
    assert type(round_trip(value)) is type(value)


def test_nan_and_the_sign_of_zero_come_back():
    nan, zero = round_trip([math.nan, -0.0])
    assert math.isnan(nan)
    assert math.copysign(1, zero) == -1


def test_sharing_and_cycles_come_back():
    inner = [1]
    value = {"a": inner, "b": inner}
    value["self"] = value
    back = round_trip(value)
    assert back["a"] is back["b"]
    assert back["self"] is back


BORDERS = sorted(
    size + step for size in (0, 1 << 10, INLINE_LIMIT, PIECE, 2 * PIECE) for step in (-1, 0, 1, 100) if size + step >= 0
)


@pytest.mark.parametrize("compress", ["auto", "never"])
@pytest.mark.parametrize("size", BORDERS)
def test_bytes_of_sizes_around_every_border(size, compress):
    value = random.Random(size).randbytes(size)
    codec, pieces, *_ = stored(value, compress)
    assert round_trip(value, compress) == value
    assert max(map(len, pieces)) <= PIECE
    assert "zstd" not in codec  # random bytes do not shrink


@pytest.mark.parametrize("size", [PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 5])
def test_large_compressible_bytes_around_the_borders_of_pieces(size):
    value = (b"all work and no play " * (size // 21 + 1))[:size]
    codec, pieces, *_ = stored(value)
    assert codec == "pickle+zstd"
    assert sum(map(len, pieces)) < size / 20
    assert round_trip(value) == value


@pytest.mark.parametrize("items", [PIECE // 8 - 1, PIECE // 8, PIECE // 8 + 1, 3 * PIECE // 8])
@pytest.mark.parametrize("compress", ["auto", "never"])
def test_arrays_around_the_borders_of_pieces(items, compress):
    for array in (numpy.arange(items), numpy.random.default_rng(1).random(items)):
        back = round_trip(array, compress)
        assert back.dtype == array.dtype
        assert (back == array).all()


DTYPES = [
    "?",
    "i1",
    "i2",
    "i4",
    "i8",
    "u1",
    "u2",
    "u4",
    "u8",
    "f2",
    "f4",
    "f8",
    "g",
    "c8",
    "c16",
    ">i4",
    ">f8",
    "M8[s]",
    "M8[ns]",
    "m8[D]",
    "U3",
    "S3",
    "V3",
]


@pytest.mark.parametrize("length", [0, 5, 40_000], ids=["empty", "small", "large"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_of_every_dtype(dtype, length):
    array = numpy.arange(length).astype("i8").astype("S3").astype(dtype) if dtype == "V3" else numpy.arange(length) % 2
    array = array.astype(dtype)
    back = round_trip(array)
    assert back.dtype == array.dtype
    assert back.dtype.str == array.dtype.str
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()


LARGE = numpy.arange(90_000.0).reshape(300, 300)
ARRAYS = {
    "C order": LARGE,
    "Fortran order": numpy.asfortranarray(LARGE),
    "strided": LARGE[::2, ::3],
    "backwards": LARGE[::-1],
    "transposed": LARGE.T,
    "broadcast": numpy.broadcast_to(numpy.arange(300.0), (300, 300)),
    "no dimension": numpy.array(1.5),
    "many dimensions": LARGE.reshape(2, 3, 5, 10, 300),
    "empty": numpy.zeros((0, 3)),
    "objects": numpy.array([1, "a", None, [2]], object),
    "structured": numpy.array([(1, "a"), (2, "b")], [("n", "i4"), ("t", "U1")]),
    "texts": numpy.array(["a", "bcd" * 100], numpy.dtypes.StringDType()),
    "masked": numpy.ma.array([1, 2, 3], mask=[0, 1, 0], fill_value=9),
    "scalar": numpy.float32(1.5),
}


@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
@pytest.mark.parametrize("compress", ["auto", "never"])
def test_arrays_of_every_form(array, compress):
    back = round_trip(array, compress)
    assert type(back) is type(array)
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.tolist() == array.tolist()


def test_fortran_order_stays():
    back = round_trip(numpy.asfortranarray(LARGE))
    assert back.flags.f_contiguous
    assert not back.flags.c_contiguous


@pytest.mark.parametrize("array", [numpy.arange(5), LARGE, LARGE + 0.1], ids=["small", "large", "other"])
def test_arrays_from_the_store_can_be_written_to(array):
    """On a hit a caller may do with an array what it does on a miss."""
    back = round_trip([array, array[1:]])[0]
    assert back.flags.writeable
    back[0] = 7
    assert (round_trip([array])[0] == array).all()


def test_arrays_share_no_memory_with_what_was_stored():
    source = LARGE.copy()
    codec, pieces, binding, expected = stored(source)
    source[:] = 0
    assert (loaded(codec, pieces, binding, expected) == LARGE).all()


def test_several_large_buffers_keep_their_places():
    value = {"a": LARGE, "b": [LARGE + 1, bytearray(100_000)], "c": LARGE.astype("f4"), "again": LARGE}
    back = round_trip(value)
    assert (back["a"] == LARGE).all()
    assert (back["b"][0] == LARGE + 1).all()
    assert back["b"][1] == bytearray(100_000)
    assert back["c"].dtype == "f4"


def test_a_picklebuffer_comes_back_as_bytes_like():
    assert bytes(round_trip(pickle.PickleBuffer(b"x" * 100_000))) == b"x" * 100_000


def frame(rows):
    return pandas.DataFrame(
        {
            "n": range(rows),
            "x": [0.5] * rows,
            "t": ["a", None] * (rows // 2),
            "c": pandas.Categorical(["u", "v"] * (rows // 2)),
            "d": pandas.date_range("2020", periods=rows, freq="s", tz="Europe/Berlin"),
            "i": pandas.array([1, None] * (rows // 2), dtype="Int64"),
        },
        index=pandas.Index(range(rows, 0, -1), name="row"),
    )


@pytest.mark.parametrize("rows", [0, 2, 50_000])
def test_frames(rows):
    pandas.testing.assert_frame_equal(round_trip(frame(rows)), frame(rows))
    pandas.testing.assert_series_equal(round_trip(frame(rows)["d"]), frame(rows)["d"])


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    )
)
def test_any_value_of_builtins(value):
    assert round_trip(value) == value


# How


def test_a_small_value_is_its_pickle_and_nothing_else():
    codec, pieces, *_ = stored({"a": 1})
    assert codec == "pickle"
    assert pickle.loads(pieces[0]) == {"a": 1}


@pytest.mark.parametrize(
    ("value", "codec"),
    [
        (b"a" * 5000, "pickle+zstd"),
        ("text " * 1000, "pickle+zstd"),
        (list(range(10_000)), "pickle+zstd"),
        (numpy.zeros(100_000), "pickle+buffers+zstd"),
        (random.Random(1).randbytes(5000), "pickle"),
        (numpy.random.default_rng(1).random(100_000), "pickle+buffers"),
        (b"a" * 500, "pickle"),
    ],
    ids=["bytes", "text", "list", "zeros", "random bytes", "random array", "small"],
)
def test_compression_is_used_where_it_pays(value, codec):
    found, pieces, *_ = stored(value)
    assert found == codec
    if "zstd" in codec:
        assert sum(map(len, pieces)) < len(pickle.dumps(value, 5)) * 0.75
    assert "zstd" not in stored(value, "never")[0]


def test_a_payload_knows_whether_it_is_inline():
    assert encode(b"abc").inline == pickle.dumps(b"abc", 5)
    assert encode(random.Random(1).randbytes(INLINE_LIMIT + 1)).inline is None
    assert encode(numpy.random.default_rng(1).random(100_000)).inline is None


def test_lambdas_and_local_classes_go_by_cloudpickle():
    by = 3
    codec, *_ = stored(lambda x: x * by)
    assert codec == "cloudpickle"
    assert round_trip(lambda x: x * by)(4) == 12
    assert round_trip(ByCloudpickleOnly()).function(1) == 2

    class Local:
        def __init__(self, x):
            self.x = x

    assert round_trip(Local(5)).x == 5
    large = round_trip([lambda: LARGE, LARGE])
    assert (large[0]() == large[1]).all()


class Refuses:
    def __init__(self, error):
        self.error = error

    def __reduce__(self):
        raise self.error


def _nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


UNSTORABLE = {
    "generator": lambda: (n for n in range(3)),
    "lock": threading.Lock,
    "open file": lambda: open(__file__),  # noqa: SIM115
    "in a list": lambda: [1, {"a": threading.Lock()}],
    "TypeError": lambda: Refuses(TypeError("no")),
    "ValueError": lambda: Refuses(ValueError("no")),
    "KeyError": lambda: Refuses(KeyError("no")),
    "too deep": lambda: _nested(100_000),
}


@pytest.mark.parametrize("make", UNSTORABLE.values(), ids=UNSTORABLE)
def test_what_can_not_be_stored_says_why(make):
    value = make()
    with pytest.raises(Unstorable, match=r"pickle \(.+\)"):
        encode(value)
    if hasattr(value, "close"):
        value.close()


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_is_no_reason_not_to_stop(error):
    with pytest.raises(error):
        encode(Refuses(error()))


class Vanishing:
    """Can be stored, and not be loaded."""

    def __reduce__(self):
        return _fails, ()


def _fails():
    raise RuntimeError("the class has changed")


class Falling:
    def __init__(self, error):
        self.error = error

    def __reduce__(self):
        return _raise, (self.error,)


def _raise(error):
    raise error


@pytest.mark.parametrize(
    "error", [KeyError("x"), ImportError("gone"), AttributeError("gone"), RecursionError(), MemoryError()]
)
def test_what_can_not_be_loaded_is_unloadable_and_not_corrupt(error):
    for value in (Falling(error), [LARGE, Falling(error)]):
        codec, pieces, binding, expected = stored(value)
        with pytest.raises(Unloadable, match=type(error).__name__) as caught:
            loaded(codec, pieces, binding, expected)
        assert not isinstance(caught.value, CorruptEntry)


# Damage

DAMAGED = {
    "pickle": [1, "two", 3.0, None],
    "zstd": ["the same words again and again"] * 100,
    "cloudpickle": lambda x: x + 1,
    "buffers": numpy.random.default_rng(1).integers(0, 255, 70_000, "u1"),
    "buffers+zstd": numpy.arange(20_000),
    "pieces": random.Random(1).randbytes(PIECE + 1000),
}


def flips(length, limit, seed=0):
    """Return places of bits: all of them, or the first and last and a choice of the others."""
    every = range(8 * length)
    if 8 * length <= limit:
        return every
    chosen = random.Random(seed).sample(every, limit)
    return [*range(32), *chosen, *range(8 * length - 8, 8 * length)]


def flipped(data, bit):
    damaged = bytearray(data)
    damaged[bit // 8] ^= 1 << (bit % 8)
    return bytes(damaged)


@pytest.mark.parametrize("value", DAMAGED.values(), ids=DAMAGED)
def test_a_flipped_bit_of_the_payload_is_noticed(value):
    codec, pieces, binding, expected = stored(value)
    for number, piece in enumerate(pieces):
        for bit in flips(len(piece), 3000 if len(piece) < 10_000 else 10):
            damaged = [flipped(p, bit) if n == number else p for n, p in enumerate(pieces)]
            with pytest.raises(CorruptEntry):
                decode_pieces(codec, iter(damaged), binding, expected)
            if len(pieces) == 1:
                with pytest.raises(CorruptEntry):
                    decode(codec, damaged[0], binding, expected)
            assert not verify_pieces(damaged, binding, expected)


@pytest.mark.parametrize("value", DAMAGED.values(), ids=DAMAGED)
def test_a_flipped_bit_of_key_codec_times_or_checksum_is_noticed(value):
    codec, pieces, binding, expected = stored(value, created=1.7e9, expires=1.8e9)
    for bit in flips(len(binding), 600 if len(pieces[0]) < 10_000 else 10):
        damaged = flipped(binding, bit)
        with pytest.raises(CorruptEntry):
            decode_pieces(codec, iter(pieces), damaged, expected)
        if len(pieces) == 1:
            with pytest.raises(CorruptEntry):
                decode(codec, pieces[0], damaged, expected)
    for bit in range(64):
        with pytest.raises(CorruptEntry):
            decode_pieces(codec, iter(pieces), binding, flipped(expected, bit))


@pytest.mark.parametrize("value", DAMAGED.values(), ids=DAMAGED)
def test_a_codec_that_was_changed_is_noticed_before_anything_is_loaded(value):
    codec, pieces, _, expected = stored(value)
    names = ["pickle", "pickle+zstd", "pickle+buffers", "pickle+buffers+zstd", "cloudpickle", "", "marshal", "PICKLE"]
    names += [flipped(codec.encode(), bit).decode("latin-1") for bit in range(8 * len(codec))]
    for name in set(names) - {codec}:
        binding = binding_of(KEY, name, 1.5, None)
        with pytest.raises(CorruptEntry):
            decode_pieces(name, iter(pieces), binding, expected)
        with pytest.raises(CorruptEntry):
            decode(name, pieces[0], binding, expected)


@pytest.mark.parametrize("value", DAMAGED.values(), ids=DAMAGED)
def test_pieces_lost_doubled_cut_or_in_another_order_are_noticed(value):
    codec, pieces, binding, expected = stored(value)
    damages = [
        [],
        pieces[:-1],
        [*pieces, pieces[-1]],
        [*pieces, b"x"],
        [pieces[0][:-1], *pieces[1:]],
        [b"", *pieces[1:]],
    ]
    damages += [pieces[::-1], [*pieces[1:], pieces[0]]] if len(pieces) > 1 else []
    for damaged in damages:
        with pytest.raises(CorruptEntry):
            decode_pieces(codec, iter(damaged), binding, expected)
        assert not verify_pieces(damaged, binding, expected)
    assert verify_pieces(pieces, binding, expected)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.sampled_from(["pickle", "pickle+zstd", "pickle+buffers", "pickle+buffers+zstd"]),
    st.lists(st.binary(max_size=200), max_size=3),
)
def test_rubbish_is_refused_in_every_codec(codec, pieces):
    binding = binding_of(KEY, codec, 1.5, None)
    expected = flipped(checksum(binding, pieces), 0)
    with pytest.raises(CorruptEntry):
        decode_pieces(codec, iter(pieces), binding, expected)


class Detonator:
    def __reduce__(self):
        return pytest.fail, ("a payload that does not match its checksum was unpickled",)


def test_nothing_is_unpickled_before_the_checksum_is_right():
    payload = pickle.dumps(Detonator(), 5)
    header = b"\x02\0\0\0" + len(payload).to_bytes(8, "little") + (5).to_bytes(8, "little")
    binding = binding_of(KEY, "pickle", 1.5, None)
    with pytest.raises(CorruptEntry):
        decode("pickle", payload, binding, bytes(8))
    for codec, pieces in (("pickle", [payload]), ("pickle+buffers", [header, payload, b"12345"])):
        with pytest.raises(CorruptEntry):
            decode_pieces(codec, iter(pieces), binding, bytes(8))


def test_a_compressed_piece_that_claims_to_be_huge_is_not_expanded():
    """A frame of a few bytes that says that it holds 2 GiB costs no memory, even where its checksum is right."""
    codec, pieces, *_ = stored(b"a" * 5000)
    bomb = pieces[0][:4] + b"\xa0" + (2 << 30).to_bytes(4, "little") + pieces[0][6:]
    binding = binding_of(KEY, codec, 1.5, None)
    with pytest.raises(CorruptEntry, match="compressed piece"):
        decode(codec, bomb, binding, checksum(binding, [bomb]))


def test_a_compressed_piece_that_really_is_too_large_is_not_expanded():
    from memostore import codec

    bomb = codec._zstd().compress(bytes(100 * PIECE))
    binding = binding_of(KEY, "pickle+zstd", 1.5, None)
    with pytest.raises(CorruptEntry, match="impossible size"):
        decode("pickle+zstd", bomb, binding, checksum(binding, [bomb]))


def test_sound_pieces_are_expanded_after_damaged_ones():
    codec, pieces, binding, expected = stored(b"abc" * 5000)
    assert codec.endswith("+zstd")
    for cut in range(0, len(pieces[0]), 3):
        damaged = pieces[0][:cut]
        with pytest.raises(CorruptEntry):
            decode(codec, damaged, binding, checksum(binding, [damaged]))
        assert decode(codec, pieces[0], binding, expected) == b"abc" * 5000


def test_threads_compress_and_expand_at_the_same_time():
    """What is kept for it is used again, and would mix their bytes if two threads had the same."""
    wrong = []
    start = threading.Barrier(8)

    def work(number):
        value = [number] * 200_000
        start.wait()
        for _ in range(20):
            codec, pieces, binding, expected = stored(value)
            found = decode_pieces(codec, iter(pieces), binding, expected)
            if "+zstd" not in codec or found != value:
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_checksum_belongs_to_one_key_one_codec_and_one_pair_of_times():
    bindings = [
        binding_of(KEY, "pickle", 1.5, None),
        binding_of(KEY, "pickle", 1.5, 1e300),
        binding_of(KEY, "pickle", 1.5, 1.5),
        binding_of(KEY, "pickle", 1.6, None),
        binding_of(KEY, "pickle+zstd", 1.5, None),
        binding_of(KEY[::-1], "pickle", 1.5, None),
    ]
    assert len({checksum(binding, [b"a"]) for binding in bindings}) == len(bindings)


@pytest.mark.parametrize(
    "value", [b"abc" * 10, numpy.random.default_rng(1).random(20_000)], ids=["inline", "in chunks"]
)
def test_a_row_that_was_tampered_with_costs_a_computation(value, tmp_path):
    """End to end: a bit flipped in any column that matters leads to the right value, with nothing raised."""
    import sqlite3

    path = tmp_path / "memo.db"
    changes = [
        "created = created + 1",
        "expires = 9e9",
        "codec = 'pickle+zstd'",
        "codec = 'cloudpickle'",
        "checksum = x'0000000000000000'",
        "checksum = x''",
    ]
    changes += (
        ["value = substr(value, 1, length(value) - 1) || x'00'", "value = x''"] if isinstance(value, bytes) else []
    )
    with Store(path, clock=lambda: 1.7e9) as store:
        memo = store.memoize(name="f")(lambda: value)
        for number, change in enumerate(changes):
            memo()
            with sqlite3.connect(path) as connection:
                connection.execute(f"UPDATE entry SET {change}")
            connection.close()
            assert numpy.array_equal(memo(), value), change
            assert memo.cache_info().misses == number + 2, change
