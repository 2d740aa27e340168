"""Keys of other libraries' data: one key for equal values whatever their history, another for each different value."""

import collections
import copy
import datetime
import functools
import importlib
import json
import os
import pickle
import subprocess
import sys
import types
import zoneinfo
from pathlib import Path

import hypothesis.extra.numpy as numpy_st
import hypothesis.extra.pandas as pandas_st
import numpy
import pandas
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import memostore
from memostore import Store, UnkeyableArgument

STORE = Store(":memory:")
quick = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


@STORE.memoize
def f(value):
    return value


key = f.key


def optional(name):
    """Return a library, or a stand-in: what needs it is skipped where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


attrs, msgspec, pydantic = optional("attrs"), optional("msgspec"), optional("pydantic")
polars, pyarrow, torch, xarray = optional("polars"), optional("pyarrow"), optional("torch"), optional("xarray")
sklearn, sparse, special = optional("sklearn"), optional("scipy.sparse"), optional("scipy.special")


class Unit(numpy.ndarray):
    """An array with a unit, as NumPy's own guide to subclassing makes one."""

    def __array_finalize__(self, source):
        self.unit = getattr(source, "unit", None)


class Metres(numpy.float64):
    pass


if pydantic:

    class Model(pydantic.BaseModel):
        x: int = 1
        tags: set[str] = {"a", "b", "c"}
        _seen: int = pydantic.PrivateAttr(0)

        @functools.cached_property
        def double(self):
            return self.x * 2

        @pydantic.computed_field
        @functools.cached_property
        def triple(self) -> int:
            return self.x * 3

    class Open(pydantic.BaseModel, extra="allow", frozen=True):
        x: int = 1

    class Numbers(pydantic.RootModel[list[int]]):
        pass


if msgspec:

    class Struct(msgspec.Struct, frozen=True, cache_hash=True, dict=True):
        x: object
        y: object = 2

    class Tagged(msgspec.Struct, tag=True, kw_only=True):
        x: object


if attrs:

    @attrs.define(unsafe_hash=True, cache_hash=True)
    class Slotted:
        x: object

        @functools.cached_property
        def double(self):
            return self.x * 2

    @attrs.define(slots=False)
    class Open_:
        x: object


if torch:

    class Net(torch.nn.Module):
        def __init__(self, width=3):
            super().__init__()
            self.width = width
            self.layers = torch.nn.Sequential(torch.nn.Linear(2, width), torch.nn.Dropout(0.5))
            self.register_buffer("mean", torch.ones(2, dtype=torch.bfloat16))


def with_(value, **attributes):
    for name, attribute in attributes.items():
        setattr(value, name, attribute)
    return value


def used(value, *uses):
    for use in uses:
        use(value)
    return value


def inner(array):
    """Return the same items as every other one of a larger array: nothing lies together."""
    holder = numpy.zeros(tuple(2 * n for n in array.shape), array.dtype)
    view = holder[(..., *(slice(None, None, 2) for _ in array.shape))]
    view[...] = array
    return view


LARGE = numpy.arange(3 << 20, dtype="f8").reshape(1536, 2048)
LAID_OUT = numpy.dtype({"names": ["a", "b"], "formats": ["u1", "<u4"], "offsets": [0, 4]})


def csr(order=(0, 1, 2), index="i4", **changes):
    """Return [[3, 1, 0], [0, 0, 2]], whose first row's entries lie in any order."""
    data, columns = numpy.array([1.0, 3.0, 2.0])[list(order)], numpy.array([1, 0, 2], index)[list(order)]
    return sparse.csr_array((data, columns, numpy.array([0, 2, 3], index)), shape=(2, 3))


def coo(data=(1.0, 2.0), rows=(0, 1), columns=(2, 0), kind="coo_array"):
    return getattr(sparse, kind)((numpy.array(data), (numpy.array(rows), numpy.array(columns))), shape=(2, 3))


def dia(corner):
    return sparse.dia_array((numpy.array([[1.0, 2.0, 3.0], [corner, 4.0, 5.0]]), [0, 1]), shape=(3, 3))


def seeded(make):
    torch.manual_seed(7)
    return make()


def hooked(n_before):
    """Return a module with a hook, made after others: hooks are numbered through the whole process."""
    for _ in range(n_before):
        torch.nn.Identity().register_forward_hook(print)
    module = torch.nn.Identity()
    module.register_forward_hook(print)
    return module


def stepped(lr):
    net = seeded(Net)
    optimizer = torch.optim.Adam(net.parameters(), lr=lr)
    net.layers(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    optimizer.zero_grad()  # gradients count, and no pickle keeps them
    return optimizer


def multi(*names):
    return pandas.MultiIndex.from_tuples([(name, 1) for name in names], names=["a", "b"])


def nested_arrow():
    values = [{"a": [1, None], "m": [("k", "v")]}, None, {"a": [], "m": None}, {"a": None, "m": []}]
    kind = pyarrow.struct([("a", pyarrow.list_(pyarrow.int8())), ("m", pyarrow.map_("string", "string"))])
    return pyarrow.array(values, kind)


def hidden(under):
    """Return [1, null, 3] with any number under the null."""
    data = pyarrow.py_buffer(numpy.array([1, under, 3], "i8"))
    return pyarrow.Array.from_buffers(pyarrow.int64(), 3, [pyarrow.py_buffer(bytes([0b101])), data])


def frame(**changes):
    return polars.DataFrame({"n": [1, None, 3], "t": ["a", None, "ccc"], "l": [[1, 2], None, []], **changes})


EQUAL = {
    "numpy": {
        "Fortran order": lambda: (LARGE, numpy.asfortranarray(LARGE)),
        "items apart": lambda: (LARGE[::2, ::2], LARGE[::2, ::2].copy()),
        "three axes": lambda: (LARGE.reshape(8, 192, 2048).T, LARGE.reshape(8, 192, 2048).T.copy()),
        "one row": lambda: (LARGE[None].T, LARGE[None].T.copy()),
        "one axis": lambda: (LARGE.ravel()[::3], LARGE.ravel()[::3].copy()),
        "nested objects": lambda: [numpy.array([numpy.arange(3)[::step], None], object) for step in (1, 1)],
        "mask of nothing": lambda: (numpy.ma.array([1]), numpy.ma.array([1], mask=[False])),
        "fill value asked for": lambda: (numpy.ma.array([1]), used(numpy.ma.array([1]), lambda a: a.fill_value)),
        "byte order of dates": lambda: [numpy.array(["2020"], order + "M8[s]") for order in "<>"],
        "vectorized": lambda: (
            numpy.vectorize(len, [int]), used(numpy.vectorize(len, [int]), lambda v: v(numpy.array(["a", "bc"]))),
        ),
        "read-only": lambda: (numpy.arange(3), used(numpy.arange(3), lambda a: a.setflags(write=False))),
        "long texts": lambda: [numpy.array(["a", "x" * 100], numpy.dtypes.StringDType()) for _ in range(2)],
    },
    "pandas": {
        "unused levels": lambda: (multi("p", "r"), multi("p", "q", "r").delete(1)),
        "order of levels": lambda: (multi("p", "q"), multi("q", "p")[::-1]),
        "runs of sparse": lambda: [pandas.arrays.SparseArray([0, 1, 1], kind=kind) for kind in ("block", "integer")],
        "texts, chunks": lambda: (
            pandas.Series(["a", None, "b"], dtype="str"),
            pandas.concat([pandas.Series(part, dtype="str") for part in (["a", None], ["b"])], ignore_index=True),
        ),
        "texts, sliced": lambda: (pandas.Series(["a", "b"]), pandas.Series(["x", "a", "b"])[1:].reset_index(drop=True)),
        "caches": lambda: (
            pandas.Index(["a", "b"]),
            used(pandas.Index(["a", "b"]), lambda i: (i.get_loc("b"), i.is_unique, i.sort_values())),
        ),
        "dtypes' caches": lambda: (pandas.Int64Dtype(), used(pandas.Int64Dtype(), lambda d: d.numpy_dtype)),
        "categories' caches": lambda: (
            pandas.CategoricalDtype(["a"]),
            used(pandas.CategoricalDtype(["a"]), hash, lambda d: d.categories.is_unique),
        ),
        "one column at a time": lambda: (
            pandas.DataFrame(numpy.ones((3, 2)), columns=["a", "b"]),
            used(pandas.DataFrame({"a": numpy.ones(3)}), lambda d: d.insert(1, "b", numpy.ones(3))),
        ),
        "transposed": lambda: (pandas.DataFrame([[1, 2], [3, 4]]), pandas.DataFrame([[1, 3], [2, 4]]).T),
    },
    "pyarrow": {
        "chunks": lambda: [pyarrow.chunked_array(c, "int64")
            for c in ([[1, None, 3]], [[1], [], [None, 3]], [hidden(2)])],
        "no chunks": lambda: [pyarrow.chunked_array(chunks, "string") for chunks in ([], [[]], [[], []])],
        "slices": lambda: (pyarrow.array(["b", None, "c"]), pyarrow.array(["aa", "b", None, "c", "d"])[1:4]),
        "slices of numbers": lambda: (pyarrow.array([3, 4]), pyarrow.array([1, 2, 3, 4, 5])[2:4]),
        "slices of bits": lambda: (pyarrow.array([True, None]), pyarrow.array([False] * 3 + [True, None])[3:]),
        "under a null": lambda: (hidden(2), hidden(5), pyarrow.array([1, None, 3])),
        "nested": lambda: (nested_arrow()[1:], pyarrow.concat_arrays([nested_arrow()[1:2], nested_arrow()[2:]])),
        "dictionaries": lambda: (
            pyarrow.chunked_array([pyarrow.array(["a", "b", "a"]).dictionary_encode()]),
            pyarrow.chunked_array([pyarrow.array(part).dictionary_encode() for part in (["a"], ["b", "a"])]),
        ),
        "tables": lambda: (
            pyarrow.table({"a": [1, 2], "b": ["x", "y"]}),
            pyarrow.concat_tables([pyarrow.table({"a": [n], "b": [t]}) for n, t in ((1, "x"), (2, "y"))]),
        ),
        "scalars": lambda: (pyarrow.scalar("b"), pyarrow.array(["a", "b"])[1]),
        "buffers": lambda: (pyarrow.py_buffer(b"abc"), pyarrow.py_buffer(b"xabc").slice(1)),
    },
    "polars": {
        "chunks": lambda: (frame(), polars.concat([frame()[:1], frame()[1:]], rechunk=False)),
        "slices": lambda: (frame()[1:], frame().filter(polars.Series([False, True, True]))),
        "flags": lambda: (polars.Series([1, 2]), polars.Series([1, 2]).set_sorted()),
        "categories": lambda: (
            polars.Series(["a", "b"], dtype=polars.Categorical),
            polars.Series(["zz", "b", "a", "b"], dtype=polars.Categorical)[2:],
        ),
        "under a null": lambda: [
            polars.select(polars.when(polars.Series([True, False])).then(polars.Series([1, n])))
            for n in (2, 5)
        ],
    },
    "scipy.sparse": {
        "order within a row": lambda: (csr(), csr((1, 0, 2)), used(csr(), lambda a: a.sort_indices())),
        "width of indices": lambda: (csr(), csr(index="i8")),
        "flags": lambda: (csr(), used(csr(), lambda a: (a.has_sorted_indices, a.has_canonical_format, a @ a.T))),
        "order of entries": lambda: (coo(), coo((2.0, 1.0), (1, 0), (0, 2))),
        "order of diagonals": lambda: (
            sparse.dia_array(([[1, 2], [3, 4]], [0, 1]), shape=(2, 2)),
            sparse.dia_array(([[3, 4], [1, 2]], [1, 0]), shape=(2, 2)),
        ),
        "corners of diagonals": lambda: (dia(8.0), dia(9.0)),
        "by way of another format": lambda: (coo().todok(), coo().tolil().todok()),
    },
    "scipy.special": {
        "ufunc": lambda: (special.expit, pickle.loads(pickle.dumps(special.expit))),
    },
    "torch": {
        "strides": lambda: (torch.arange(6).reshape(2, 3).T, torch.arange(6).reshape(2, 3).T.contiguous()),
        "shared storage": lambda: (torch.arange(6)[2:4], torch.tensor([2, 3])),
        "conjugate": lambda: (torch.tensor([1 - 1j]), torch.tensor([1 + 1j]).conj()),
        "graph": lambda: (torch.tensor([2.0], requires_grad=True), torch.tensor([1.0], requires_grad=True) * 2),
        "half": lambda: [torch.ones(2, dtype=torch.bfloat16)[::step] for step in (1, 1)],
        "sparse, coalesced": lambda: [
            torch.sparse_coo_tensor([list(order)], [float(n) for n in order], (3,)) for order in ((0, 1), (1, 0))
        ],
        "modules": lambda: (seeded(Net), seeded(Net)),
        "loaded": lambda: (seeded(Net), used(Net(), lambda net: net.load_state_dict(seeded(Net).state_dict()))),
        "hooks": lambda: (hooked(0), hooked(3)),
        "optimizers": lambda: (stepped(0.1), stepped(0.1)),
        "generators": lambda: [torch.Generator().manual_seed(5) for _ in range(2)],
    },
    "pydantic": {
        "cached properties": lambda: (Model(x=2), used(Model(x=2), lambda m: (m.double, m.triple, repr(m)))),
        "order of fields": lambda: (Open(x=1, a=1, b=2), Open(b=2, a=1, x=1)),
    },
    "msgspec": {"cached hash": lambda: (Struct("a"), used(Struct("a"), hash))},
    "attrs": {"caches": lambda: (Slotted("a"), used(Slotted("a"), hash, lambda v: v.double))},
    "sklearn": {
        "bunch": lambda: [sklearn.utils.Bunch(**items) for items in ({"a": 1, "b": 2}, {"b": 2, "a": 1})],
        "vectorizers": lambda: (vectorizer(), vectorizer(), used(vectorizer(), lambda v: v.transform(["a pear"]))),
        "search trees": lambda: (neighbours(), used(neighbours(), lambda n: n.predict([[1.5]]))),
    },
    "xarray": {
        "caches": lambda: (
            xarray.DataArray([1, 2], {"x": [3, 4]}),
            used(xarray.DataArray([1, 2], {"x": [3, 4]}), lambda a: (a.sel(x=3), a.to_series(), a.indexes)),
        ),
    },
}  # fmt: skip

DIFFERENT = {
    "numpy": {
        "dtypes": lambda: [
            numpy.dtype(LAID_OUT), numpy.dtype([("a", "u1"), ("b", "<u4")]), numpy.dtype([("a", "u1"), ("b", ">u4")]),
            numpy.dtype((numpy.record, [("a", "u1"), ("b", "<u4")])), numpy.dtype([(("t", "a"), "u1"), ("b", "<u4")]),
            numpy.dtype("i4", metadata={"a": 1}), numpy.dtype("i4"), numpy.dtype("M8[s]"), numpy.dtype("M8[ms]"),
            numpy.dtype("m8[s]"), numpy.dtype("M8"), numpy.dtype("M8[2s]"), numpy.dtypes.StringDType(),
            numpy.dtypes.StringDType(na_object=None), numpy.dtypes.StringDType(na_object="None"),
            numpy.dtypes.StringDType(coerce=False),
        ],
        "layouts": lambda: [numpy.zeros(1, LAID_OUT), numpy.zeros(1, [("a", "u1"), ("b", "<u4")])],
        "items of records": lambda: [
            numpy.zeros(1, [("a", "i4")]),
            numpy.zeros(1, [("a", "i4")]).view(numpy.dtype((numpy.record, [("a", "i4")]))),
        ],
        "classes": lambda: [
            numpy.arange(3), numpy.arange(3).view(Unit), with_(numpy.arange(3).view(Unit), unit="m"),
            numpy.ma.array(numpy.arange(3)), with_(numpy.ma.array(numpy.arange(3)), unit="m"), numpy.float64(1),
            Metres(1), with_(Metres(1), unit=1), numpy.poly1d([1]), numpy.poly1d([2]), numpy.poly1d([1], variable="z"),
        ],
        "under a mask, which `.data` shows": lambda: [numpy.ma.array([1, n], mask=[0, 1]) for n in (2, 3)],
        "one item of many": lambda: [
            numpy.asfortranarray(LARGE), used(numpy.asfortranarray(LARGE), lambda a: a.__setitem__((900, 999), -1)),
            LARGE.T,
        ],
        "ufuncs": lambda: [numpy.add, numpy.strings.str_len, numpy.strings.isalpha, "add", len],
        "random states": lambda: [
            numpy.random.RandomState(1), used(numpy.random.RandomState(1), lambda r: r.normal()),
            numpy.random.default_rng(1), numpy.random.PCG64(1), numpy.random.PCG64DXSM(1), numpy.random.MT19937(1),
            numpy.random.Generator(numpy.random.MT19937(1)), used(numpy.random.default_rng(1), lambda r: r.random()),
            used(numpy.random.default_rng(1), lambda r: r.spawn(1)), numpy.random.SeedSequence(1),
            numpy.random.SeedSequence(1, spawn_key=(1,)), used(numpy.random.SeedSequence(1), lambda s: s.spawn(1)),
        ],
    },
    "pandas": {
        "zones of one name": lambda: [
            pandas.Series(pandas.to_datetime(["2020"], utc=True).tz_convert(zone))
            for zone in (datetime.timezone(datetime.timedelta(hours=hours), "X") for hours in (0, 1))
        ],
        "units": lambda: [pandas.Series(pandas.to_datetime(["2020"]).as_unit(unit)) for unit in ("s", "ms", "ns")],
        "storage of texts": lambda: [
            pandas.Series(["a"], dtype=pandas.StringDtype(storage, na_value=na))
            for storage in ("python", "pyarrow") for na in (pandas.NA, numpy.nan)
        ],
        "texts and not": lambda: [
            pandas.Series(items, dtype=dtype)
            for items in (["a", "bc"], ["ab", "c"], ["a", None], ["a", ""], [None, "a"])
            for dtype in ("str", "string", object)
        ],
        "dtypes": lambda: [
            pandas.Int64Dtype(), pandas.Int32Dtype(), pandas.Float64Dtype(), pandas.BooleanDtype(),
            pandas.StringDtype(), "Int64",
            pandas.PeriodDtype("M"), pandas.PeriodDtype("Y"), pandas.DatetimeTZDtype("ns", "UTC"), pandas.SparseDtype(),
            pandas.DatetimeTZDtype("s", "UTC"), pandas.SparseDtype(fill_value=0.0), pandas.IntervalDtype("i8", "left"),
            pandas.IntervalDtype("i8", "right"), pandas.CategoricalDtype(["a"]), pandas.CategoricalDtype(["a"], True),
            pandas.CategoricalDtype(), pandas.StringDtype(na_value=numpy.nan), pandas.ArrowDtype(pyarrow.int64()),
        ],
        "frequencies": lambda: [
            pandas.date_range("2020", periods=1, freq=freq)
            for freq in ("D", "B", pandas.offsets.CDay(), pandas.offsets.CDay(holidays=["2021-01-01"]))
        ],
        "attributes": lambda: [
            pandas.Series([1]), with_(pandas.Series([1]), attrs={"a": 1}), pandas.Series([1], name="a"),
            pandas.Series([1]).set_flags(allows_duplicate_labels=False),
        ],
        "arrow": lambda: [
            pandas.Series(pandas.array([1, None], dtype=dtype))
            for dtype in ("Int64", "int64[pyarrow]", "Float64", "double[pyarrow]")
        ],
    },
    "pyarrow": {
        "values": lambda: [
            pyarrow.array(items, kind)
            for items in ([], [None], [None, None], [1, None], [None, 1], [1], [0, None])
            for kind in ("int8", "uint8", "int64", "float64", pyarrow.decimal128(5, 1), "date32", "date64")
        ],
        "texts": lambda: [
            pyarrow.array(items, kind)
            for items in (["a", "bc"], ["ab", "c"], ["abc", ""], ["abc", None], ["abc"])
            for kind in ("string", "large_string", "binary", "large_binary", pyarrow.string_view())
        ],
        "types": lambda: [
            pyarrow.array([], kind) for kind in (
                pyarrow.timestamp("s"), pyarrow.timestamp("ms"), pyarrow.timestamp("s", "UTC"), pyarrow.null(),
                pyarrow.struct([pyarrow.field("a", pyarrow.int8(), nullable=False)]), pyarrow.struct([("a", "int8")]),
                pyarrow.struct([pyarrow.field("a", pyarrow.int8(), metadata={"k": "v"})]),
                pyarrow.list_(pyarrow.int8()),
                pyarrow.struct([("a", "int8"), ("b", "int8")]), pyarrow.struct([("a: int8, b", "int8")]),
                pyarrow.list_(pyarrow.field("x", pyarrow.int8())), pyarrow.list_(pyarrow.int8(), 2),
                pyarrow.dictionary("int8", pyarrow.string()),
                pyarrow.dictionary("int8", pyarrow.string(), ordered=True),
            )
        ],
        "nested": lambda: [
            pyarrow.array(items, pyarrow.list_(pyarrow.int8()))
            for items in ([[1], [2]], [[1, 2], []], [[], [1, 2]], [[1, 2]], [[1, 2], None], [[1, None]],
                [[1, 2], [None]])
        ],
        "structs": lambda: [
            pyarrow.array(items, pyarrow.struct([("a", "int8")])) for items in ([{"a": None}], [None], [{"a": 1}])
        ],
        "dictionaries": lambda: [
            pyarrow.DictionaryArray.from_arrays(numpy.array(indices, "i1"), words)
            for indices, words in (([0], ["a", "b"]), ([0], ["a"]), ([1], ["b", "a"]), ([1], ["a", "b"]))
        ],
        "containers": lambda: [
            pyarrow.array([1]), pyarrow.chunked_array([[1]]), pyarrow.table({"a": [1]}), pyarrow.table({"b": [1]}),
            pyarrow.record_batch({"a": [1]}), pyarrow.table({"a": [1]}).schema, pyarrow.field("a", pyarrow.int64()),
            pyarrow.table({"a": [1]}).replace_schema_metadata({"k": "v"}), pyarrow.int64(), pyarrow.scalar(1), [1], 1,
            pyarrow.table({"a": [1], "b": [2]}), pyarrow.table({"b": [2], "a": [1]}), pyarrow.scalar(None, "int64"),
        ],
        "unions and runs": lambda: [
            pyarrow.UnionArray.from_sparse(pyarrow.array(codes, "int8"),
                [pyarrow.array([1, 2]), pyarrow.array(["1", "2"])])
            for codes in ([0, 1], [1, 0], [0, 0])
        ] + [pyarrow.RunEndEncodedArray.from_arrays([1, 3], [1, n]) for n in (2, 3)],
        "extensions": lambda: [
            pyarrow.array([b"a" * 16], pyarrow.uuid()), pyarrow.array([b"b" * 16], pyarrow.uuid()),
            pyarrow.array([b"a" * 16], pyarrow.binary(16)),
        ],
    },
    "polars": {
        "values": lambda: [
            polars.Series(items, dtype=dtype)
            for items in ([], [None], [None, None], [1, None], [None, 1], [1], [0, None])
            for dtype in (polars.Int8, polars.UInt8, polars.Int64, polars.Float64, polars.Decimal(5, 1), polars.Int128)
        ],
        "texts": lambda: [
            polars.Series(items, dtype=dtype) for items in (["a", "b"], ["ab", ""], ["ab", None], ["ab"], ["b", "a"])
            for dtype in (polars.String, polars.Categorical)
        ] + [polars.Series([b"a", b"b"]), polars.Series([b"ab", b""])],
        "enums": lambda: [polars.Series(["a"], dtype=polars.Enum(names)) for names in (["a"], ["a", "b"], ["b", "a"])],
        "many enums": lambda: [
            polars.Series(["0"], dtype=polars.Enum([str(n) for n in range(1000) if n != left_out]))
            for left_out in (500, 501)
        ],
        "times": lambda: [
            polars.Series([0], dtype=dtype) for dtype in (
                polars.Datetime("ms"), polars.Datetime("us"), polars.Datetime("us", "UTC"), polars.Duration("us"),
                polars.Date, polars.Time,
            )
        ],
        "nested": lambda: [
            polars.Series(items, dtype=polars.List(polars.Int8))
            for items in ([[1], [2]], [[1, 2], []], [[], [1, 2]], [[1, 2]], [[1, 2], None], [[1, None]],
                [[1, 2], [None]])
        ] + [
            polars.Series([[1, 2], [3, n]], dtype=polars.Array(polars.Int8, 2)) for n in (4, 5, None)
        ] + [
            polars.Series(items, dtype=polars.Struct({"a": polars.Int8}))
            for items in ([{"a": None}], [None], [{"a": 1}])
        ],
        "frames": lambda: [
            frame(), frame().rename({"n": "m"}), frame().select("t", "n", "l"), frame(n=[1, None, 4]), frame()["n"],
            frame(n=polars.Series([1, None, 3], dtype=polars.Int32)), polars.DataFrame(), [1, None, 3],
            polars.Series("m", [1, None, 3]), frame(o=polars.Series([{1}, {2}, {3}], dtype=polars.Object)),
        ],
        "dtypes and expressions": lambda: [
            polars.Int64, polars.Int32, polars.Datetime("us"), polars.Datetime("ns"), polars.List(polars.Int8),
            polars.List(polars.Int16), polars.Enum(["a"]), polars.Enum(["b"]), polars.col("a"), polars.col("b"),
            polars.col("a") + 1,
        ],
    },
    "scipy.sparse": {
        "formats": lambda: [csr().asformat(name) for name in ("csr", "csc", "bsr", "coo", "dok", "lil", "dia")],
        "classes": lambda: [sparse.csr_array(csr()), sparse.csr_matrix(csr()), csr().toarray()],
        "entries": lambda: [
            sparse.csr_array((numpy.ones(3), [0, 1, 2], [0, 2, 3]), shape=(2, 3)),
            sparse.csr_array((numpy.ones(3), [0, 1, 2], [0, 1, 3]), shape=(2, 3)),
            csr(), csr() * 2, csr().astype("f4"), coo(), coo((1.0, 2.0), (0, 1), (2, 1)),
            coo((1.0, 2.0), (0, 0), (2, 0)),
            coo((1.0, 2.0, 0.0), (0, 1, 1), (2, 0, 1)), coo((0.5, 0.5, 2.0), (0, 0, 1), (2, 2, 0)),
            coo(kind="coo_matrix"), with_(coo(), unit="m"), coo().tolil() * 2, coo().todok() * 2, dia(1.0),
            dia(1.0) * 2,
            coo().T,
        ],
    },
    "scipy.special": {"ufuncs": lambda: [special.expit, special.logit, numpy.exp, special.gamma]},
    "torch": {
        "tensors": lambda: [
            torch.ones(2), torch.ones(2, dtype=torch.float64), torch.ones(1, 2), torch.zeros(2), -torch.zeros(2),
            torch.ones(2, requires_grad=True), torch.nn.Parameter(torch.ones(2)), torch.ones(2, dtype=torch.bfloat16),
            torch.ones(2, dtype=torch.float16), torch.ones(2, dtype=torch.int16), torch.ones(2, device="meta"),
            [1.0, 1.0],
            torch.ones(2).numpy(), torch.ones(2).to_sparse(), torch.ones(2, 2).to_sparse_csr(), torch.ones(0),
            torch.ones(2, 2).to_sparse_csc(), torch.ones(2, dtype=torch.complex128),
            torch.ones(2, dtype=torch.complex64),
            with_(torch.ones(2), unit="m"), with_(torch.ones(2, requires_grad=True), grad=torch.ones(2)),
            torch.sparse_coo_tensor([[0, 0]], [0.5, 0.5], (2,)), torch.sparse_coo_tensor([[0]], [1.0], (2,)),
            torch.ones(2, dtype=torch.float8_e4m3fn), torch.ones(2, dtype=torch.bool), torch.tensor(1.0),
        ],
        "modules": lambda: [
            seeded(Net), seeded(Net).eval(), seeded(lambda: Net(4)), used(seeded(Net), lambda n: n.mean.add_(1)),
            used(seeded(Net), lambda n: n.layers.append(torch.nn.ReLU())), seeded(Net).double(), hooked(0),
            used(seeded(Net), lambda n: with_(n.layers[1], p=0.1)), torch.nn.Identity(), torch.nn.ReLU(),
            torch.nn.Tanh(),
            seeded(Net).requires_grad_(False),
        ],
        "others": lambda: [
            torch.float32, torch.float64, torch.device("cpu"), torch.device("cuda", 0), torch.device("cuda", 1),
            torch.strided,
            torch.sparse_coo, torch.contiguous_format, torch.Size([1]), (1,), torch.Generator().manual_seed(1),
            torch.Generator().manual_seed(2), stepped(0.1), stepped(0.2),
        ],
    },
    "pydantic": {
        "models": lambda: [
            Model(), Model(x=1), Model(x=2), with_(Model(), _seen=1), Open(), Open(x=1, a=1), Open(x=1, a=2),
            Open(x=1, b=1),
            Numbers([1]), Numbers([2]), {"x": 1}, Open.model_construct(x="1"),
        ],
    },
    "msgspec": {
        "structs": lambda: [
            Struct(1), Struct(2), Struct(1, 3), Struct(1.0), with_dict(Struct(1), unit="m"), Tagged(x=1), (1, 2),
            {"x": 1},
        ],
    },
    "attrs": {"classes": lambda: [Slotted(1), Slotted(2), Open_(1), with_(Open_(1), y=1), with_(Open_(1), y=2)]},
    "sklearn": {
        "bunches": lambda: [
            sklearn.utils.Bunch(a=1), sklearn.utils.Bunch(a=2), sklearn.utils.Bunch(b=1), {"a": 1},
            sklearn.utils.Bunch(),
        ],
    },
    "xarray": {
        "arrays": lambda: [
            xarray.DataArray([1, 2], {"x": [3, 4]}), xarray.DataArray([1, 2], dims="x"),
            xarray.DataArray([1, 2], dims="y"),
            xarray.DataArray([1, 2], {"x": [3, 5]}), xarray.DataArray([1, 2], {"x": [3, 4]}, name="a"),
            xarray.DataArray([1, 2], {"x": [3, 4]}, attrs={"u": "m"}), xarray.DataArray([1, 2], {"x": [3, 4]}).variable,
            xarray.DataArray([1, 2], {"x": [3, 4]}).drop_indexes("x"), xarray.Dataset({"a": ("x", [1, 2])}),
            xarray.Dataset({"b": ("x", [1, 2])}), xarray.Dataset({"a": ("x", [1, 3])}), xarray.Dataset(),
        ],
    },
}  # fmt: skip


def with_dict(value, **attributes):
    vars(value).update(attributes)
    return value


def estimators():
    from sklearn import cluster, ensemble, linear_model, neighbors, neural_network, pipeline, preprocessing, svm

    rows = numpy.random.RandomState(0).rand(30, 3)
    classes = numpy.arange(30) % 3
    made = [
        linear_model.LogisticRegression(),
        ensemble.RandomForestClassifier(n_estimators=3, random_state=1),
        ensemble.HistGradientBoostingClassifier(max_iter=2, random_state=1),
        neighbors.KNeighborsClassifier(),
        svm.SVC(random_state=1),
        cluster.KMeans(2, n_init=1, random_state=numpy.random.RandomState(1)),
        neural_network.MLPClassifier((3,), max_iter=20, random_state=1),
        pipeline.make_pipeline(preprocessing.StandardScaler(), linear_model.Ridge()),
    ]
    return {type(each).__name__: each for each in made}, rows, classes


def fitted():
    import warnings

    unfitted, rows, classes = estimators()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so few iterations converge to nothing
        return {name: each.fit(rows, classes) for name, each in unfitted.items()}


def vectorizer():
    from sklearn.feature_extraction import text

    return text.TfidfVectorizer(stop_words=["an"]).fit(["an apple", "a pear"])  # notes down the address of its words


def neighbours():
    from sklearn import neighbors

    return neighbors.KNeighborsClassifier(2, algorithm="kd_tree").fit([[0.0], [1.0], [2.0]], [0, 1, 1])


def bunch():
    return sklearn.utils.Bunch(data=numpy.arange(3), names=["a"])


# What goes through pickle and copies, and is made anew in another process.
VALUES = {
    "numpy": lambda: {
        "big-endian dates": numpy.array(["2020", "NaT"], ">M8[s]"),
        "big-endian": numpy.arange(3, dtype=">i4"),
        "empty": numpy.zeros((0, 3)),
        "no dimension": numpy.array(1.5),
        "long doubles": numpy.arange(3, dtype="g"),
        "laid out": numpy.zeros(2, LAID_OUT),
        "record": numpy.rec.array([(1, "a")], [("n", "i4"), ("t", "U1")])[0],
        "void": numpy.void(b"abc"),
        "records": numpy.rec.array([(1, "a")], [("n", "i4"), ("t", "U1")]),
        "masked": numpy.ma.array([1, 2], mask=[0, 1], fill_value=9),
        "masked constant": numpy.ma.masked,
        "chararray": numpy.char.array(["a", "b"]),
        "objects": numpy.array([{"a", "b", "c"}, numpy.arange(2), None, "x"], object),
        "texts": numpy.array(["a", None], numpy.dtypes.StringDType(na_object=None)),
        "dtype": numpy.dtype(LAID_OUT),
        "polynomial": numpy.poly1d([1, 2]),
        "modern polynomial": numpy.polynomial.Polynomial([1, 2]),
        "vectorized": numpy.vectorize(len),
        "ufunc": numpy.strings.str_len,
        "RandomState": used(numpy.random.RandomState(3), lambda r: r.normal()),
        "generator": numpy.random.default_rng(3),
        "Philox": numpy.random.Philox(3),
        "seed": numpy.random.SeedSequence([1, 2], spawn_key=(3,)),
    },
    "pandas": lambda: {
        "texts": pandas.DataFrame({"a": ["x", None], "b": pandas.Series(["y", "z"], dtype="string")}),
        "python texts": pandas.Series(["x", None], dtype=pandas.StringDtype("python")),
        "objects": pandas.Series(["x", None, {"a", "b", "c"}], dtype=object),
        "categories": pandas.Categorical(["u", "v"], ["w", "v", "u"], ordered=True),
        "multi": multi("p", "q", "r").delete(1),
        "nullable": pandas.DataFrame({"a": pandas.array([1, None]), "b": pandas.array([True, None])}),
        "sparse": pandas.Series(pandas.arrays.SparseArray([0.0, 1.0, numpy.nan])),
        "intervals": pandas.interval_range(0, 3),
        "periods": pandas.period_range("2020", periods=3, freq="M"),
        "zones": pandas.Series(pandas.date_range("2020", periods=2, tz="Europe/Berlin", unit="s")),
        "zone": pandas.Series(pandas.date_range("2020", periods=2, tz=zoneinfo.ZoneInfo("Asia/Tokyo"))),
        "arrow": pandas.Series([1, None], dtype="int64[pyarrow]"),
        "business days": pandas.date_range("2020", periods=2, freq=pandas.offsets.CDay(holidays=["2021-01-01"])),
        "attrs": with_(pandas.DataFrame({1: [1]}), attrs={"a": {1, 2}}),
        "scalars": [pandas.Timestamp("2020", tz="UTC"), pandas.NaT, pandas.NA, pandas.Period("2020", "M")],
        "dtypes": [pandas.CategoricalDtype(["a"]), pandas.StringDtype(), pandas.Int64Dtype(), pandas.Series([1]).dtype],
        "offset": pandas.offsets.MonthEnd(2),
    },
    "pyarrow": lambda: {
        "nested": nested_arrow(),
        "table": pyarrow.table({"a": [1, None], "b": ["x", "y"]}, metadata={"k": "v"}),
        "batch": pyarrow.record_batch({"a": [1, None]}),
        "dictionary": pyarrow.array(["a", None, "b"]).dictionary_encode(),
        "schema": pyarrow.schema([pyarrow.field("a", pyarrow.int8(), metadata={"k": "v"})]),
        "view": pyarrow.array(["a", None, "b" * 20], pyarrow.string_view()),
        "scalar": pyarrow.scalar([1, 2]),
        "type": pyarrow.list_(pyarrow.int8()),
        "uuid": pyarrow.array([b"a" * 16, None], pyarrow.uuid()),
        "runs": pyarrow.RunEndEncodedArray.from_arrays([1, 3], [1, None]),
        "intervals": pyarrow.array([(1, 2, 3)], pyarrow.month_day_nano_interval()),
        "buffer": pyarrow.py_buffer(b"abc"),
    },
    "polars": lambda: {
        "frame": frame(),
        "enum": polars.Series(["a", None], dtype=polars.Enum(["a", "b"])),
        "category": polars.Series(["a", None, "b"], dtype=polars.Categorical),
        "struct": polars.Series([{"a": 1, "b": "x"}, None]),
        "arrays": polars.Series([[1, 2], None], dtype=polars.Array(polars.Int8, 2)),
        "times": polars.Series([datetime.datetime(2020, 1, 1), None]),
        "decimals": polars.Series(["1.10", None]).cast(polars.Decimal(10, 2)),
        "nothing": polars.Series([None, None]),
        "dtype": polars.Datetime("us", "UTC"),
        "expression": polars.col("a") + 1,
    },
    "scipy.sparse": lambda: (
        {name: csr((1, 0, 2)).asformat(name) for name in ("csr", "csc", "bsr", "coo", "dok", "lil")}
        | {"dia": dia(1.0), "one axis": sparse.coo_array(([1.0], ([2],)), shape=(3,))}
    ),
    "scipy.special": lambda: {"ufunc": special.expit},
    "torch": lambda: {
        "tensor": torch.arange(6.0).reshape(2, 3),
        "half": torch.ones(2, dtype=torch.bfloat16),
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "sparse": torch.eye(3).to_sparse(),
        "net": seeded(Net),
        "LSTM": seeded(lambda: torch.nn.LSTM(2, 2)),
        "normalized": seeded(lambda: torch.nn.BatchNorm1d(2)),
        "optimizer": stepped(0.1),
        "generator": torch.Generator().manual_seed(3),
        "dtype": torch.bfloat16,
        "device": torch.device("cpu"),
        "largest": torch.max(torch.eye(2), 0),
    },
    "pydantic": lambda: {"model": Model(x=2), "open": Open(x=1, a={"p", "q", "r"}), "root": Numbers([1])},
    "msgspec": lambda: {"struct": Struct({"p", "q", "r"}), "tagged": Tagged(x=1), "unset": Struct(msgspec.UNSET)},
    "attrs": lambda: {"slotted": Slotted({"p": 1}), "open": Open_({"p", "q", "r"})},
    "sklearn": lambda: {
        "bunch": bunch(),
        "vectorizer": vectorizer(),
        **fitted(),
        **{f"unfitted {name}": each for name, each in estimators()[0].items()},
    },
    "xarray": lambda: {
        "array": xarray.DataArray([1, 2], {"x": [3, 4]}, attrs={"a": 1}),
        "dataset": xarray.Dataset({"a": (("x", "y"), [[1, 2]])}, {"x": ["p"]}),
    },
}


def pickled(value):
    return pickle.loads(pickle.dumps(value, 5))  # the first protocol in which NumPy keeps the byte order of numbers


def library_of(name):
    return pytest.importorskip(name)


def cases(table):
    return [pytest.param(library, name, id=f"{library}: {name}") for library, named in table.items() for name in named]


@pytest.mark.parametrize(("library", "name"), cases(EQUAL))
def test_equal_values_have_one_key(library, name):
    library_of(library)
    assert len({key(value) for value in EQUAL[library][name]()}) == 1


@pytest.mark.parametrize(("library", "name"), cases(DIFFERENT))
def test_different_values_have_different_keys(library, name):
    library_of(library)
    by_key = collections.defaultdict(list)
    for place, value in enumerate(DIFFERENT[library][name]()):
        by_key[key(value)].append(place)
    together = [places for places in by_key.values() if len(places) > 1]
    assert not together, f"values at these places share a key: {together}"


@functools.cache
def made(library):
    """The values of a library and their keys, made once."""
    values = VALUES[library]()
    return values, {name: key(value) for name, value in values.items()}


@pytest.mark.parametrize("library", VALUES)
def test_pickles_and_copies_have_the_key_of_the_original(library):
    library_of(library)
    values, keys = made(library)
    for way in (copy.copy, copy.deepcopy, pickled):
        assert [name for name, value in values.items() if key(way(value)) != keys[name]] == []


@pytest.mark.parametrize("library", VALUES)
def test_values_made_again_have_the_same_key(library):
    library_of(library)
    assert {name: key(value) for name, value in VALUES[library]().items()} == made(library)[1]


# xarray's own pickling changes its values, and PyTorch's differs from one time to the next.
@pytest.mark.parametrize("library", [library for library in VALUES if library not in ("xarray", "torch")])
def test_a_key_does_not_change_its_value(library):
    library_of(library)
    values = VALUES[library]()
    for name, value in values.items():
        before = pickle.dumps(value)
        key(value)
        assert pickle.dumps(value) == before, name


def test_fitting_changes_an_estimators_key():
    pytest.importorskip("sklearn")
    keys = made("sklearn")[1]
    assert len(set(keys.values())) == len(keys)


ELSEWHERE = f"""
import importlib, json
tests = importlib.import_module({__name__!r})
libraries = [name for name in tests.VALUES if tests.optional(name)]
print(json.dumps({{name: tests.made(name)[1] for name in libraries}}))
"""


def test_keys_are_the_same_in_another_process_under_another_hash_seed():
    folders = [str(Path(__file__).parents[len(__name__.split(".")) - 1]), str(Path(memostore.__file__).parents[1])]
    environment = {**os.environ, "PYTHONHASHSEED": "12", "PYTHONPATH": os.pathsep.join(folders)}
    command = [sys.executable, "-W", "ignore", "-c", ELSEWHERE]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    here = {name: made(name)[1] for name in VALUES if optional(name)}
    assert json.loads(done.stdout.splitlines()[-1]) == here


def test_what_could_change_unseen_is_refused():
    with pytest.raises(UnkeyableArgument, match="ufunc"):
        key(numpy.frompyfunc(lambda x: x + 1, 1, 1))


def test_plans_of_polars_are_refused():
    pytest.importorskip("polars")
    with pytest.raises(UnkeyableArgument, match=r"collect\(\)"):
        key({"plan": frame().lazy()})
    with pytest.raises(UnkeyableArgument, match="Python function"):
        key(polars.col("a").map_batches(print, return_dtype=polars.Int64))


def test_keys_of_polars_do_not_depend_on_numpy(monkeypatch):
    pytest.importorskip("polars")
    expected = {name: key(value) for name, value in VALUES["polars"]().items()}

    def without_numpy(series, **_):
        raise ModuleNotFoundError

    monkeypatch.setattr(polars.Series, "to_numpy", without_numpy)
    assert {name: key(value) for name, value in VALUES["polars"]().items()} == expected


def test_storages_and_scripts_of_torch_are_refused():
    pytest.importorskip("torch")
    for value in (torch.ones(2).untyped_storage(), torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)):
        with pytest.raises(UnkeyableArgument):
            key(value)


def test_generic_graphs_images_and_formulas_have_stable_keys():
    networkx, sympy, image = optional("networkx"), optional("sympy"), optional("PIL.Image")
    if networkx:
        graphs = [networkx.Graph([(1, 2), (2, 3)]) for _ in range(2)]
        networkx.pagerank(graphs[1]), graphs[1].adj, graphs[1].edges, graphs[1].degree
        assert key(graphs[0]) == key(graphs[1]) != key(networkx.Graph([(1, 2)]))
    if sympy:
        x = sympy.Symbol("x", positive=True)
        assert key(x**2 + 1) == key(used(x**2 + 1, hash, sympy.simplify, str)) != key(x**2 + 2)
    if image:
        images = [image.new("RGB", (2, 2), colour) for colour in ((1, 2, 3), (1, 2, 3), (1, 2, 4))]
        assert key(images[0]) == key(images[1]) != key(images[2])


dtypes = st.one_of(
    numpy_st.scalar_dtypes(),
    numpy_st.unicode_string_dtypes(max_len=3),
    numpy_st.byte_string_dtypes(max_len=3),
    numpy_st.array_dtypes(numpy_st.scalar_dtypes(), max_size=3),
)
arrays = dtypes.flatmap(lambda dtype: numpy_st.arrays(dtype, numpy_st.array_shapes(min_dims=0, min_side=0, max_side=4)))


@quick
@given(arrays)
def test_arrays_up_to_pickle_copies_and_memory_order(array):
    expected = key(array)
    ways = (copy.copy, copy.deepcopy, lambda array: array.copy("F"), inner)
    assert {key(way(array)) for way in (*ways, pickled)} == {expected}


@quick
@given(arrays, st.data())
def test_arrays_that_differ_in_one_item(array, data):
    assume(array.size and array.dtype.itemsize and array.dtype.names is None)
    raw = bytearray(array.tobytes())
    raw[data.draw(st.integers(0, array.size - 1)) * array.dtype.itemsize] ^= 1
    assert key(numpy.frombuffer(bytes(raw), array.dtype).reshape(array.shape)) != key(array)


columns = [
    pandas_st.column("n", dtype="i8"),
    pandas_st.column("x", dtype="f8"),
    pandas_st.column("t", elements=st.text("ab\0\u20ac", max_size=2) | st.none(), dtype=object),
    pandas_st.column("d", elements=st.datetimes(datetime.datetime(1980, 1, 1), datetime.datetime(2100, 1, 1))),
]
frames = pandas_st.data_frames(columns, index=pandas_st.range_indexes(max_size=5))


def retyped(frame):
    return frame.assign(t=frame["t"].astype("str"), c=frame["t"].astype("category"), i=frame["n"].astype("Int64"))


def in_pieces(frame):
    """Return the same frame put together from its rows, and then from its columns."""
    rows = pandas.concat([frame.iloc[:1], frame.iloc[1:]])
    return pandas.concat([rows[[name]] for name in frame], axis=1)


@quick
@given(frames)
def test_frames_up_to_pickle_copies_and_pieces(frame):
    for each in (frame, retyped(frame)):
        assert {key(way(each)) for way in (copy.copy, copy.deepcopy, pickled)} == {key(each)}
    assert key(in_pieces(frame)) == key(frame)


@quick
@given(frames.filter(len), st.data())
def test_frames_that_differ_in_one_cell(frame, data):
    row, name = data.draw(st.integers(0, len(frame) - 1)), data.draw(st.sampled_from(["n", "x", "t"]))
    changed = frame.copy()
    old = frame.at[row, name]
    changed.at[row, name] = {"n": lambda: old ^ 1, "x": lambda: 1.5 if old == 0.5 else 0.5, "t": lambda: f"{old}c"}[
        name
    ]()
    assume(pickle.dumps(changed.at[row, name]) != pickle.dumps(old))
    assert key(changed) != key(frame)
    assert key(retyped(changed)) != key(retyped(frame))


def test_attributes_on_a_frame_count():
    assert key(with_attribute(pandas.DataFrame({"a": [1]}))) != key(pandas.DataFrame({"a": [1]}))


def with_attribute(frame):
    object.__setattr__(frame, "unit", types.SimpleNamespace(name="m"))
    return frame
