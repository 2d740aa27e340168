"""Rules for NumPy: arrays by dtype, shape and content, whatever their strides, memory order, flags or history."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.machinery import ExtensionFileLoader
from typing import Any

from memostore.digest import digest_buffer, digest_chunks
from memostore.keys.encoding import Rule, Unkeyable, Walk, encode_tagged
from memostore.keys.libraries import ITSELF, added_attributes, encode_data
from memostore.keys.naming import type_name
from memostore.keys.state import State

__all__ = ["digest_array", "rule_for"]

X87_MANTISSA = 63  # bits; a long double of 80 bits in 16 bytes

# A strided array is brought into order piece by piece. Tiles of a few pages' width keep the processor's caches in use:
# measured on 100 MB in Fortran order, 35 ms where one copy takes 85 ms and twice the memory.
SLAB = 4 << 20  # bytes
TILE = 256  # items of the last axis

# Where ufuncs live that are not found in the module that defines them, or in more than one: the public place.
UFUNC_HOMES = ("numpy", "numpy.strings", "scipy.special")

MASKED_OWN = frozenset({
    "_mask", "_fill_value", "_hardmask", "_sharedmask", "_isfield", "_baseclass", "_optinfo", "_basedict",
})  # fmt: skip


def rule_for(base: type) -> Rule | None:
    """Return the rule of one of NumPy's classes and of its subclasses, or None where a base may have one."""
    return BY_NAME.get(base.__qualname__)


def _array(value: Any) -> Walk:
    import numpy

    # A memmap is an array that happens to lie in a file; other subclasses (masked, matrix) behave differently.
    kind = type(value)
    is_plain = kind is numpy.ndarray or kind is numpy.memmap
    plain = numpy.ndarray.view(value, numpy.ndarray)
    return encode_data(
        b"N", numpy.ndarray if is_plain else kind, "numpy",
        ((".dtype", ""), _dtype_parts(plain.dtype)), ((".shape", ""), plain.shape), (ITSELF, _content(plain)),
        ((".__dict__", ""), None if is_plain else _array_attributes(value)),
    )  # fmt: skip


def _array_attributes(value: Any) -> Any:
    import numpy

    if isinstance(value, numpy.ma.MaskedArray):
        # What lies under the mask is in the content: `.data` shows it. A view is asked for the fill value, since asking
        # writes it down. A mask of nothing and no mask are one: pickle makes the one of the other.
        mask, fill_value = numpy.ma.getmaskarray(value), value.view().fill_value
        return (mask, fill_value, value.hardmask, added_attributes(value, MASKED_OWN))
    return added_attributes(value, ())


def _dtype_parts(dtype: Any) -> Any:
    """Return a dtype as plain parts; of records, the name, dtype, offset and title of each field."""
    if dtype.subdtype is not None:
        return (_dtype_parts(dtype.base), dtype.shape)
    if dtype.names is not None:
        fields = [(name, _dtype_parts(dtype.fields[name][0]), *dtype.fields[name][1:]) for name in dtype.names]
        text: Any = (fields, dtype.itemsize, type_name(dtype.type))
    elif dtype.kind == "T":
        text = ("T", getattr(dtype, "na_object", ...), dtype.coerce)
    elif dtype.kind in "Mm":
        # Their byte order does not count, unlike others': no pickle of an array keeps it, whatever its protocol.
        text = dtype.str.lstrip("<>=")
    else:
        text = dtype.str if dtype.isbuiltin != 2 else (dtype.str, type_name(dtype.type))  # 2: another library's dtype
    return (text, dict(dtype.metadata)) if dtype.metadata else text


def _content(array: Any) -> Any:
    """Return what stands for an array's content: a digest of its bytes, or its objects as a list."""
    if array.dtype.names is not None:  # field by field: the padding between fields is never initialised
        return [_content(array[name]) for name in array.dtype.names]
    if array.dtype.hasobject or array.dtype.kind == "T":
        return array.ravel().tolist()
    return digest_array(array)


def digest_array(array: Any) -> bytes:
    """Return the digest of an array's items in C order, in place where that is how they lie."""
    import numpy

    if array.dtype.kind in "Mm":
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
    if not array.size:
        return b""
    if array.dtype.char in "gG" and numpy.finfo(array.dtype).nmant == X87_MANTISSA:
        raw = numpy.ascontiguousarray(array).reshape(-1).view(numpy.uint8)
        return digest_buffer(numpy.ascontiguousarray(raw.reshape(-1, 16)[:, :10]).reshape(-1))  # the rest is padding
    if array.flags.c_contiguous or array.nbytes <= SLAB:
        return digest_buffer(_raw(numpy.ascontiguousarray(array)))
    return digest_chunks(map(_raw, _slabs(array)))


def _raw(array: Any) -> Any:
    """Return the bytes of a contiguous array, without a copy."""
    import numpy

    return array.reshape(-1).view(numpy.uint8)


def _slabs(array: Any) -> Iterator[Any]:
    """Yield the items of an array in C order, as contiguous pieces. A piece is overwritten by the next."""
    import numpy

    if array.nbytes <= SLAB:
        yield numpy.ascontiguousarray(array)
    elif array.ndim > 1 and array[0].nbytes > SLAB:
        for part in array:
            yield from _slabs(part)
    else:
        rows = max(1, SLAB // max(1, array[0].nbytes))
        piece = numpy.empty((rows, *array.shape[1:]), array.dtype)
        for start in range(0, len(array), rows):
            part = array[start : start + rows]
            for column in range(0, array.shape[-1] if array.ndim > 1 else 1, TILE):
                tile = (..., slice(column, column + TILE)) if array.ndim > 1 else ...
                piece[: len(part)][tile] = part[tile]
            yield piece[: len(part)]


def _numpy_scalar(value: Any) -> Walk:
    import numpy

    array = numpy.asarray(value)
    kind = type(value)
    own = kind.__module__.partition(".")[0] == "numpy"
    return encode_data(
        b"n", numpy.generic if own else kind, "numpy",
        ((".dtype", ""), _dtype_parts(array.dtype)), (ITSELF, _content(array)),
        ((".__dict__", ""), None if own else added_attributes(value, ())),
    )  # fmt: skip


def _dtype(value: Any) -> Walk:
    return encode_tagged(b"n", "numpy.dtype", (ITSELF, _dtype_parts(value)))


def _ufunc(value: Any) -> bytes:
    return b"u" + _ufunc_home(value, str(value.__name__)).encode()


def _ufunc_home(ufunc: Any, name: str) -> str:
    """Return a ufunc's module and name: a known one's public place, or the compiled module that made it.

    One that is made of a Python function does not show that function, and is nowhere under its own name.
    """
    compiled = sorted(module for module, found in list(sys.modules.items()) if _is_compiled(found))
    for module in (*UFUNC_HOMES, *compiled):
        if vars(sys.modules.get(module, sys)).get(name) is ufunc:
            return name if module == "numpy" else f"{module}.{name}"
    raise Unkeyable("a ufunc made of a Python function can't be keyed: pass the function")


def _is_compiled(module: Any) -> bool:
    return isinstance(getattr(getattr(module, "__spec__", None), "loader", None), ExtensionFileLoader)


def _vectorized(value: Any) -> Walk:
    """Encode what was vectorized: the ufuncs that its calls have made are its cache."""
    attributes = {name: item for name, item in vars(value).items() if name != "_ufunc"}
    return encode_data(b"O", type(value), "numpy", (ITSELF, State(attributes)))


def _random_state(value: Any) -> Walk:
    state = value.get_state(legacy=False)
    if not state["has_gauss"]:
        state["gauss"] = 0.0
    return _random(value, state)


def _generator(value: Any) -> Walk:
    return _random(value, value.bit_generator)


def _bit_generator(value: Any) -> Walk:
    return _random(value, (value.state, getattr(value, "seed_seq", None)))  # the seed counts: `spawn` draws from it


def _seed_sequence(value: Any) -> Walk:
    return _random(value, (value.entropy, value.spawn_key, value.pool_size, value.n_children_spawned))


def _random(value: Any, state: Any) -> Walk:
    return encode_data(b"n", type(value), "numpy", (ITSELF, state), (ITSELF, added_attributes(value, ())))


BY_NAME: dict[str, Rule] = {
    "ndarray": _array,
    "generic": _numpy_scalar,
    "dtype": _dtype,
    "ufunc": _ufunc,
    "vectorize": _vectorized,
    "RandomState": _random_state,
    "Generator": _generator,
    "BitGenerator": _bit_generator,
    "SeedSequence": _seed_sequence,
}
