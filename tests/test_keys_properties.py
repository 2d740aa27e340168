"""Laws of keys, on generated values: equal values have equal keys, a change in one place gives another key.

`described` is the law written down a second time, slowly and plainly: nested tuples that are equal exactly where two
values are. Keys are held to it, on values that are built to differ in one place, or not at all.
"""

import array
import ast
import collections
import copy
import datetime
import decimal
import enum
import fractions
import functools
import hashlib
import math
import os
import pathlib
import pickle
import re
import struct
import subprocess
import sys
import types
import uuid
from dataclasses import dataclass, fields
from pathlib import Path

import hypothesis.extra.numpy as numpy_st
import hypothesis.extra.pandas as pandas_st
import numpy
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import memostore
from memostore import Store, UnkeyableArgument
from memostore.keys.preview import preview_json
from memostore.keys.rules import encode

quick = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
quicker = settings(quick, max_examples=60)

STORE = Store(":memory:")


@STORE.memoize
def f(value):
    return value


key = f.key


class Colour(enum.Enum):
    RED = 1
    BLUE = "1"


@dataclass
class Point:
    x: object
    y: object


@dataclass(frozen=True)
class Corner:
    x: object
    y: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    x: object


class Bits(enum.Flag):
    A = 1
    B = 2


class Couple(collections.namedtuple("Couple", "x y")):  # a subclass of a named tuple is what is wanted
    __slots__ = ()


class Word(str):
    __slots__ = ()


HOUR = datetime.timedelta(hours=1)


def failed(kind, argument, notes):
    error = kind(argument)
    for note in notes:
        error.add_note(note)
    return error


def described(value):
    """Return nested tuples that are equal exactly where two values may not be told apart."""
    kind = type(value)
    name = kind.__qualname__
    if kind is float:
        return name, struct.pack("<d", value)
    if kind is complex:
        return name, struct.pack("<dd", value.real, value.imag)
    if kind in (list, tuple, collections.deque, Couple):
        return name, getattr(value, "maxlen", None), tuple(map(described, value))
    if kind in (set, frozenset):
        return name, frozenset(map(described, value))
    if kind in (dict, collections.Counter):
        return name, frozenset((described(k), described(v)) for k, v in value.items())
    if kind is collections.OrderedDict:
        return name, tuple((described(k), described(v)) for k, v in value.items())
    if kind in (Point, Corner, Parcel):
        return name, tuple(described(getattr(value, field.name)) for field in fields(value))
    if kind in (types.SimpleNamespace, collections.UserList, collections.ChainMap):
        return name, *map(described, vars(value).values())
    if kind is functools.partial:
        return name, value.func.__name__, described(value.args), described(value.keywords)
    if isinstance(value, BaseException):
        return name, described(value.args), tuple(getattr(value, "__notes__", ()))
    if kind is re.Pattern:
        return name, described(value.pattern), value.flags
    if kind is array.array:
        return name, value.typecode, value.tobytes()
    if kind is slice:
        return name, described((value.start, value.stop, value.step))
    if kind is numpy.ndarray:
        content = tuple(map(described, value.ravel().tolist())) if value.dtype == object else value.tobytes()
        return name, value.dtype.str, value.shape, content
    if isinstance(value, decimal.Decimal):
        return name, value.as_tuple()
    if isinstance(value, (datetime.datetime, datetime.time)):
        return name, value.isoformat(), value.fold, repr(value.tzinfo)
    return name, str(value)


scalars = st.one_of(
    st.none(), st.booleans(), st.just(...), st.integers(-3, 3), st.integers(), st.floats(), st.complex_numbers(),
    st.sampled_from([0.0, -0.0, 1.0, math.inf, math.nan]), st.text(max_size=3), st.text("ab(,", max_size=3),
    st.binary(max_size=3), st.text("ab", max_size=2).map(Word), st.sampled_from(Colour),
    st.sampled_from(["0", "1", "None", "True", "", "\ud800"]),
)  # fmt: skip
plain = st.one_of(
    scalars, st.dates(), st.times(), st.datetimes(timezones=st.none() | st.timezones()), st.timedeltas(),
    st.decimals(allow_nan=False) | st.just(decimal.Decimal("nan")), st.fractions(), st.uuids(),
    st.builds(range, st.integers(0, 3), st.integers(0, 3)),
    st.text("ab/", min_size=1, max_size=5).map(pathlib.PurePosixPath), st.binary(max_size=3).map(bytearray),
    st.ip_addresses(), st.sampled_from(Bits), st.builds(Bits, st.integers(0, 3)),
    st.builds(slice, st.none() | st.integers(0, 2), st.integers(0, 2) | st.floats(0, 2)),
    st.builds(re.compile, st.sampled_from(["a", "b+"]), st.sampled_from([re.NOFLAG, re.IGNORECASE])),
    st.just(re.compile(b"a")), st.builds(array.array, st.sampled_from("bid"), st.lists(st.integers(0, 2), max_size=2)),
    st.timezones(), st.builds(datetime.timezone, st.timedeltas(-HOUR, HOUR), st.text("ab", min_size=1, max_size=1)),
)  # fmt: skip
hashable = st.recursive(
    plain.filter(lambda value: type(value) not in (bytearray, array.array, slice)),
    lambda inner: st.one_of(
        st.tuples(inner), st.tuples(inner, inner), st.frozensets(inner, max_size=3), st.builds(Corner, inner, inner),
        st.builds(Couple, inner, inner),
    ),
    max_leaves=4,
)  # fmt: skip
arrays = numpy_st.arrays(
    dtype=numpy_st.boolean_dtypes()
    | numpy_st.integer_dtypes()
    | numpy_st.floating_dtypes()
    | numpy_st.datetime64_dtypes(endianness="="),  # of times, NumPy's pickles keep no other byte order
    shape=numpy_st.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
)


def containers(inner):
    dicts = st.dictionaries(hashable, inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3)
    return st.one_of(
        st.lists(inner, max_size=3), st.lists(inner, max_size=3).map(tuple), dicts, st.sets(hashable, max_size=3),
        st.builds(Point, inner, inner), st.lists(inner, max_size=3).map(collections.deque),
        dicts.map(collections.OrderedDict), st.dictionaries(hashable, st.integers(-1, 1)).map(collections.Counter),
        st.builds(collections.deque, st.lists(inner, max_size=2), st.integers(2, 3)),
        st.builds(Parcel, x=inner), st.builds(types.SimpleNamespace, a=inner, b=inner),
        st.builds(collections.ChainMap, dicts, dicts), st.lists(inner, max_size=2).map(collections.UserList),
        st.builds(functools.partial, st.sampled_from([max, min]), inner, key=inner),
        st.builds(failed, st.sampled_from([ValueError, KeyError]), inner, st.lists(st.sampled_from("ab"), max_size=2)),
    )  # fmt: skip


values = st.recursive(plain | arrays, containers, max_leaves=8)


def twin(draw, value):
    """Return an equal value with another history: new objects, other insertion orders, other strides."""
    kind = type(value)
    if kind in (list, tuple, collections.deque, Couple):
        items = [twin(draw, item) for item in value]
        return Couple(*items) if kind is Couple else kind(items)
    if kind in (set, frozenset):
        return kind(draw(st.permutations([twin(draw, item) for item in value])))
    if kind is dict:
        pairs = [(twin(draw, k), twin(draw, v)) for k, v in value.items()]
        return dict(draw(st.permutations(pairs)))
    if kind is collections.OrderedDict:
        return kind((twin(draw, k), twin(draw, v)) for k, v in value.items())
    if kind in (Point, Corner):
        return kind(twin(draw, value.x), twin(draw, value.y))
    if kind is numpy.ndarray and value.ndim:
        wide = numpy.empty((*value.shape[:-1], 2 * value.shape[-1]), value.dtype)
        wide[..., ::2] = value
        return wide[..., ::2]
    if kind is str:
        return "".join(value)
    return copy.deepcopy(value)


def changed(draw, value):
    """Return the value with one place in it changed, or (rarely) not changed at all: `described` is the judge."""
    kind = type(value)
    if kind in (list, tuple, collections.deque) and value and draw(st.booleans()):
        items, place = list(value), draw(st.integers(0, len(value) - 1))
        items[place] = changed(draw, items[place])
        return kind(items)
    if kind in (dict, collections.OrderedDict) and value and draw(st.booleans()):
        chosen = draw(st.sampled_from(list(value)))
        if draw(st.booleans()):
            return kind((draw(hashable) if k is chosen else k, v) for k, v in value.items())
        return kind((k, changed(draw, v) if k is chosen else v) for k, v in value.items())
    if kind is Point and draw(st.booleans()):
        return draw(st.sampled_from([Point(changed(draw, value.x), value.y), Point(value.x, changed(draw, value.y))]))
    if kind is numpy.ndarray and value.size and draw(st.booleans()):
        other = value.copy()
        other.reshape(-1)[draw(st.integers(0, value.size - 1))] = draw(st.sampled_from([0, 1]))
        return other
    return draw(st.one_of(values, retyped(value)))


def retyped(value):
    """Return a strategy of values that are close to one: of another type, another shape, one level up or down."""
    near = [(value,), [value], [[value]], {"a": value}]
    if isinstance(value, (list, tuple, collections.deque, set, frozenset)):
        items = list(value)
        near += [tuple(items), items, collections.deque(items), items[::-1], items[:-1], [*items, *items], [items, []]]
    if isinstance(value, dict):
        near += [list(value.items()), collections.OrderedDict(value), list(value), dict(list(value.items())[:-1])]
    if isinstance(value, (int, float)) and math.isfinite(value):
        near += [int(value), float(value) if abs(value) < 1e300 else 0.0, bool(value), str(value), -value, value + 1]
    if isinstance(value, str):
        near += [
            value + "a",
            value[:-1],
            value.encode("utf-8", "surrogatepass"),
            list(value),
            Word(value),
            value.upper(),
        ]
    if isinstance(value, numpy.ndarray):
        near += [value.T, value.ravel(), value.tolist(), value.reshape(1, *value.shape), value.astype(object)]
    if isinstance(value, Point):
        near += [(value.x, value.y), Point(value.y, value.x), {"x": value.x, "y": value.y}]
    return st.sampled_from(near)


@quick
@given(values)
def test_equal_after_a_round_trip_through_pickle(value):
    assert key(value) == key(pickle.loads(pickle.dumps(value, 5)))


def test_equal_in_another_process_under_another_hash_seed(tmp_path):
    drawn = []

    @settings(quick, max_examples=250, database=None)
    @given(values)
    def draw(value):
        drawn.append(value)

    draw()
    (tmp_path / "values.pickle").write_bytes(pickle.dumps(drawn, 5))
    script = "import sys, pickle, hashlib; from memostore.keys.rules import encode; "
    script += "print([hashlib.sha256(encode(v)).hexdigest() for v in pickle.load(open(sys.argv[1], 'rb'))])"
    root = Path(__file__).parent.parent
    paths = os.pathsep.join(map(str, [root, Path(memostore.__file__).parent.parent]))
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "values.pickle"], cwd=root, capture_output=True, text=True,
        env={**os.environ, "PYTHONHASHSEED": "4711", "PYTHONPATH": paths}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found, expected = ast.literal_eval(done.stdout), [hashlib.sha256(encode(value)).hexdigest() for value in drawn]
    assert [value for value, one, other in zip(drawn, found, expected, strict=True) if one != other] == []
    assert len(drawn) > 200


@quick
@given(values)
def test_equal_after_a_copy(value):
    assert key(value) == key(copy.deepcopy(value)) == key(copy.copy(value))


@quick
@given(st.data())
def test_equal_whatever_the_history(data):
    value = data.draw(values)
    other = twin(data.draw, value)
    assume(described(value) == described(other))  # sets of nan may shrink
    assert key(value) == key(other)


@settings(quick, max_examples=300)
@given(st.data())
def test_one_place_changed_gives_another_key(data):
    value = data.draw(values)
    other = changed(data.draw, value)
    assert (key(value) == key(other)) == (described(value) == described(other))


@quick
@given(st.lists(values, min_size=2, max_size=6))
def test_keys_part_values_as_the_law_does(drawn):
    by_key, by_law = collections.defaultdict(list), collections.defaultdict(list)
    for place, value in enumerate(drawn):
        by_key[key(value)].append(place)
        by_law[described(value)].append(place)
    assert list(by_key.values()) == list(by_law.values())


@quick
@given(values, values)
def test_two_arguments_are_not_run_together(one, other):
    @STORE.memoize
    def two(a, b):
        return None

    if described(one) != described(other):
        assert two.key(one, other) != two.key(other, one)
    assert two.key(one, other) == two.key(b=other, a=one)


trees = st.recursive(st.sampled_from("ab"), lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=6)


@settings(quick, max_examples=300)
@given(trees, trees)
def test_small_trees_of_two_letters_never_collide(one, other):
    assert (key(one) == key(other)) == (one == other)


def graph(edges, order):
    """Build lists and dicts that refer to one another in any way: cycles, sharing, all reachable from node 0."""
    nodes = [[] if number % 2 else {} for number in range(len(edges))]
    for number in order:
        for place, target in enumerate(edges[number]):
            if isinstance(nodes[number], list):
                nodes[number].append(nodes[target])
            else:
                nodes[number][(place,)] = nodes[target]
        if isinstance(nodes[number], dict) and order != sorted(order):
            nodes[number] = _reversed_in_place(nodes[number])
    return nodes[0]


def _reversed_in_place(mapping):
    pairs = list(mapping.items())[::-1]
    mapping.clear()
    mapping.update(pairs)
    return mapping


@st.composite
def graphs(draw):
    size = draw(st.integers(1, 6))
    return [draw(st.lists(st.integers(0, size - 1), max_size=3)) for _ in range(size)]


@quick
@given(graphs())
def test_cycles_and_sharing_of_every_form(edges):
    order = list(range(len(edges)))
    value = graph(edges, order)
    assert key(value) == key(copy.deepcopy(value)) == key(graph(edges, order[::-1]))


def bisimilar(one, other):
    """Say whether two graphs look alike to whoever walks them from node 0, however they share their nodes."""
    nodes = [(graph_, number) for graph_ in (0, 1) for number in range(len((one, other)[graph_]))]
    targets = {(g, n): [(g, target) for target in (one, other)[g][n]] for g, n in nodes}
    classes = {node: (node[1] % 2, len(targets[node])) for node in nodes}  # a list or a dict, of how many
    for _ in nodes:
        classes = {node: (classes[node], tuple(classes[target] for target in targets[node])) for node in nodes}
        numbers = {form: number for number, form in enumerate(dict.fromkeys(classes.values()))}
        classes = {node: numbers[form] for node, form in classes.items()}
    return classes[0, 0] == classes[1, 0]


@settings(quick, max_examples=300)
@given(graphs(), st.data())
def test_an_edge_that_leads_elsewhere_counts(edges, data):
    other = [list(targets) for targets in edges]
    changeable = [number for number, targets in enumerate(edges) if targets]
    assume(changeable)
    number = data.draw(st.sampled_from(changeable))
    place = data.draw(st.integers(0, len(edges[number]) - 1))
    other[number][place] = data.draw(st.integers(0, len(edges) - 1))
    order = list(range(len(edges)))
    if not bisimilar(edges, other):
        assert key(graph(edges, order)) != key(graph(other, order))


@quick
@given(graphs(), st.data())
def test_a_mark_in_a_cycle_counts_wherever_it_is(edges, data):
    marked = data.draw(st.integers(0, len(edges) - 1))
    reachable, rest = {0}, [0]
    while rest:
        fresh = set(edges[rest.pop()]) - reachable
        reachable |= fresh
        rest += fresh
    order = list(range(len(edges)))

    def with_mark(mark):
        nodes_seen = {}

        def walk(node, number):
            if number not in nodes_seen:
                nodes_seen[number] = node
                children = list(node if isinstance(node, list) else node.values())
                for child, target in zip(children, edges[number], strict=True):
                    walk(child, target)

        root = graph(edges, order)
        walk(root, 0)
        if marked in nodes_seen:
            node = nodes_seen[marked]
            node.append(mark) if isinstance(node, list) else node.update({"mark": mark})
        return root

    assert (key(with_mark(1)) == key(with_mark(2))) == (marked not in reachable)


frames = pandas_st.data_frames(
    columns=[
        pandas_st.column("n", dtype="int64"),
        pandas_st.column("x", dtype="float64"),
        pandas_st.column("t", elements=st.text(max_size=3)),
        pandas_st.column("o", elements=scalars, dtype=object),
    ],
    index=pandas_st.range_indexes(max_size=4) | pandas_st.indexes(elements=st.integers(0, 9), max_size=4),
)


@quicker
@given(frames)
def test_frames_after_pickle_and_copy(frame):
    assert key(frame) == key(pickle.loads(pickle.dumps(frame, 5))) == key(frame.copy()) == key(frame[list(frame)])


@quicker
@given(frames, st.data())
def test_frames_that_differ_in_a_cell(frame, data):
    assume(len(frame))
    row, column = data.draw(st.integers(0, len(frame) - 1)), data.draw(st.integers(0, 1))
    other = frame.copy()
    other.iloc[row, column] = 1 if frame.iloc[row, column] != 1 else 2
    assert key(frame) != key(other)
    assert key(frame) != key(frame.rename(columns={"x": "y"}))


structured = numpy_st.arrays(
    dtype=numpy_st.array_dtypes(
        numpy_st.integer_dtypes() | numpy_st.boolean_dtypes() | numpy_st.unicode_string_dtypes()
    ),
    shape=numpy_st.array_shapes(max_dims=2, max_side=3),
)


@quicker
@given(structured)
def test_structured_arrays_after_pickle_and_copy(array):
    assert key(array) == key(pickle.loads(pickle.dumps(array, 5))) == key(numpy.asfortranarray(array))


class Anything:
    """Pickles as anything whatever, right or wrong."""

    def __init__(self, answer):
        self.answer = answer

    def __reduce_ex__(self, protocol):
        return self.answer


class AnyState:
    state = None  # pickle does not restore an empty state

    def __init__(self, state):
        self.state = state

    def __getstate__(self):
        return self.state

    def __setstate__(self, state):
        self.state = state


odd = st.recursive(
    values | st.sampled_from([int, len, object(), lambda: 1, math, iter(()), Colour, NotImplemented, Exception("x")]),
    lambda inner: (
        st.builds(Anything, inner)
        | st.builds(Anything, st.lists(inner, max_size=7).map(tuple))
        | st.builds(
            Anything, st.tuples(st.sampled_from([int, list, Point]), st.lists(inner, max_size=2).map(tuple), inner)
        )
        | st.builds(AnyState, inner)
        | st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=2), inner, max_size=2)
    ),
    max_leaves=6,
)


def outcome(value):
    """Return a value's key, or the message of its refusal; nothing else may be raised."""
    try:
        return key(value)
    except UnkeyableArgument as error:
        return str(error)


@settings(quick, max_examples=300)
@given(odd)
def test_no_value_crashes_the_encoder(value):
    first, again = outcome(value), outcome(value)
    assert first == again
    assert len(first) == 64 or "test_keys_properties.f: value" in first
    assert preview_json(["value"], [value])


@quick
@given(values, values)
def test_states_of_every_form_count(one, other):
    assert key(AnyState(one)) == key(pickle.loads(pickle.dumps(AnyState(one), 5)))
    if described(one) != described(other):
        assert key(AnyState(one)) != key(AnyState(other))


@quick
@given(st.data())
def test_pairs_of_dictionaries_as_a_state(data):
    mappings = st.dictionaries(st.sampled_from(["a", "b"]), st.integers(0, 1), max_size=2)
    one, other = (data.draw(st.tuples(mappings, mappings) | mappings | st.tuples(st.none(), mappings)) for _ in "12")
    assert (key(AnyState(one)) == key(AnyState(other))) == (one == other)


@quicker
@given(st.integers(), st.fractions(), st.decimals(allow_nan=False), st.uuids())
def test_numbers_of_other_types_never_meet(integer, fraction, number, identity):
    all_of_one = [
        integer, float(integer % 1000), fractions.Fraction(integer), decimal.Decimal(integer % 10**9), str(integer),
        fraction, number, identity, uuid.UUID(int=identity.int).hex,
    ]  # fmt: skip
    laws = {described(value) for value in all_of_one}
    assert len({key(value) for value in all_of_one}) == len(laws)


@pytest.mark.parametrize("value", [[], {}, Point(1, 2)], ids=["list", "dict", "object"])
def test_a_value_that_holds_itself(value):
    def holding(inner):
        outer = copy.copy(value)
        if isinstance(outer, list):
            outer.append(inner if inner is not None else outer)
        elif isinstance(outer, dict):
            outer[1] = inner if inner is not None else outer
        else:
            outer.x = inner if inner is not None else outer
        return outer

    assert key(holding(None)) == key(copy.deepcopy(holding(None)))
    assert key(holding(None)) != key(holding(1))


@pytest.mark.parametrize("inputs", [5_000, pytest.param(10_000_000, marks=pytest.mark.stress)])
def test_hostile_values_are_keyed_or_refused(inputs):
    script = Path(__file__).with_name("fuzz_keys.py")
    environment = {**os.environ, "PYTHONPATH": str(Path(memostore.__file__).parent.parent)}
    done = subprocess.run(
        [sys.executable, script, "--inputs", str(inputs)], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{inputs} inputs")
