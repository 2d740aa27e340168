"""Rules for pyarrow: by type, length and values, whatever the chunks, slices, buffers, and what lies under a null.

A column is a list of chunks. Each of its buffers (validity, lengths, values) is digested as if the chunks were one, in
place where there are no nulls. Lengths stand for offsets, since offsets depend on where a slice begins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from memostore.digest import digest_buffer, digest_chunks
from memostore.keys.encoding import Rule, Walk, encode_tagged
from memostore.keys.libraries import ITSELF, encode_data

__all__ = ["column_parts", "rule_for"]

BITS = 8  # of a byte


def rule_for(base: type) -> Rule | None:
    """Return the rule of one of pyarrow's classes and of its subclasses, or None where a base may have one."""
    return BY_NAME.get(base.__qualname__)


def column_parts(column: Any) -> tuple[Any, Any]:
    """Return an Array or a ChunkedArray as plain parts: its type, and what holds its content."""
    import pyarrow  # type: ignore[import-untyped, import-not-found, unused-ignore]

    chunks = column.chunks if hasattr(column, "chunks") else [column]
    try:
        content: Any = _content(chunks, column.type)
    except pyarrow.ArrowNotImplementedError:  # pyarrow can't filter or convert values of some rare types
        content = column.to_pylist()
    return (_type_parts(column.type), content)


def _content(chunks: list[Any], kind: Any) -> tuple[Any, ...]:
    """Return (length, which items are there, their values). Nulls are left out, with what lies under them."""
    import pyarrow

    for matches, plain in PLAINER:
        if matches(pyarrow.types, kind):
            return _content([plain(chunk, kind) for chunk in chunks], plain(pyarrow.nulls(0, kind), kind).type)
    chunks = [chunk for chunk in chunks if len(chunk)] or chunks[:1]
    length, n_null = sum(map(len, chunks)), sum(chunk.null_count for chunk in chunks)
    if not length and not pyarrow.types.is_dictionary(kind):
        return (0,)
    if not n_null:
        return (length, None, _values(chunks, kind))
    present = _digest_bits(chunk.is_valid() for chunk in chunks)
    return (length, present, _values([chunk.drop_null() for chunk in chunks], kind))


def _values(chunks: list[Any], kind: Any) -> Any:
    import pyarrow

    if not chunks or pyarrow.types.is_null(kind):
        return None
    if pyarrow.types.is_boolean(kind):
        return _digest_bits(chunks)
    for matches, values in VALUES:
        if matches(pyarrow.types, kind):
            return values(chunks, kind)
    if kind.num_fields == 0:
        return digest_chunks(_fixed(chunk, kind.bit_width // BITS) for chunk in chunks)
    return [value for chunk in chunks for value in chunk.to_pylist()]


def _digest_bits(chunks: Any) -> bytes:
    """Return the digest of booleans, one byte each: a slice of their bits may begin in the middle of a byte."""
    import pyarrow

    return digest_chunks(_fixed(chunk.cast(pyarrow.uint8()), 1) for chunk in chunks)


def _fixed(chunk: Any, width: int) -> memoryview:
    """Return the values of a chunk without nulls, of a type of `width` bytes, in place."""
    buffer = chunk.buffers()[1]
    start = chunk.offset * width
    return memoryview(buffer or b"").cast("B")[start : start + len(chunk) * width]


def _texts(chunks: list[Any], kind: Any) -> Any:
    import pyarrow.compute  # type: ignore[import-untyped, import-not-found, unused-ignore]

    width = 8 if "large" in str(kind) else 4
    lengths = digest_chunks(_fixed(pyarrow.compute.binary_length(chunk), width) for chunk in chunks)
    return (lengths, digest_chunks(map(_text_bytes, chunks)))


def _text_bytes(chunk: Any) -> memoryview:
    """Return the bytes of a chunk's texts, in place: from the first one's offset to the last one's end."""
    _, offsets, data = chunk.buffers()
    if not len(chunk) or data is None:
        return memoryview(b"")
    numbers = memoryview(offsets).cast("B").cast("q" if "large" in str(chunk.type) else "i")
    return memoryview(data).cast("B")[numbers[chunk.offset] : numbers[chunk.offset + len(chunk)]]


def _lists(chunks: list[Any], kind: Any) -> Any:
    import pyarrow.compute

    lengths = _content([pyarrow.compute.list_value_length(chunk) for chunk in chunks], pyarrow.int64())
    return (lengths[-1], _content([chunk.flatten() for chunk in chunks], kind.value_type))


def _structs(chunks: list[Any], kind: Any) -> Any:
    columns = zip(*(chunk.flatten() for chunk in chunks), strict=True)
    return [_content(list(column), kind.field(number).type) for number, column in enumerate(columns)]


def _dictionaries(chunks: list[Any], kind: Any) -> Any:
    """Return what the indices and the dictionary hold: its order can be seen. Chunks are given one dictionary first."""
    import pyarrow

    chunks = pyarrow.chunked_array(chunks, type=kind).unify_dictionaries().chunks
    indices = _content([chunk.indices for chunk in chunks], kind.index_type)
    return (indices, _content([chunk.dictionary for chunk in chunks[:1]], kind.value_type))


def _unions(chunks: list[Any], _: Any) -> Any:
    return [
        (code, value)
        for chunk in chunks
        for code, value in zip(chunk.type_codes.to_pylist(), chunk.to_pylist(), strict=True)
    ]


def _without_views(chunk: Any, kind: Any) -> Any:
    import pyarrow

    return chunk.cast(pyarrow.large_string() if pyarrow.types.is_string_view(kind) else pyarrow.large_binary())


def _pairs(chunk: Any, kind: Any) -> Any:
    """Return a chunk of maps as lists of pairs."""
    import pyarrow

    return chunk.cast(pyarrow.list_(pyarrow.struct([kind.key_field, kind.item_field])))


def _without_runs(chunk: Any, _: Any) -> Any:
    import pyarrow.compute

    return pyarrow.compute.run_end_decode(chunk)


# Types whose content is that of a plainer type.
PLAINER: tuple[tuple[Callable[[Any, Any], bool], Callable[[Any, Any], Any]], ...] = (
    (lambda _, kind: hasattr(kind, "storage_type"), lambda chunk, _: chunk.storage),
    (lambda types, kind: types.is_string_view(kind) or types.is_binary_view(kind), _without_views),
    (lambda types, kind: types.is_map(kind), _pairs),
    (lambda types, kind: types.is_run_end_encoded(kind), _without_runs),
)

VALUES: tuple[tuple[Callable[[Any, Any], bool], Callable[[list[Any], Any], Any]], ...] = (
    (lambda types, kind: types.is_string(kind) or types.is_binary(kind), _texts),
    (lambda types, kind: types.is_large_string(kind) or types.is_large_binary(kind), _texts),
    (lambda types, kind: types.is_struct(kind), _structs),
    (lambda types, kind: types.is_dictionary(kind), _dictionaries),
    (lambda types, kind: types.is_union(kind), _unions),
    (lambda types, kind: types.is_nested(kind), _lists),
)


def _type_parts(kind: Any) -> Any:
    """Return a type as plain parts: its text, and of the types within it what the text leaves out."""
    within: list[Any] = [_field_parts(kind.field(number)) for number in range(kind.num_fields)]
    if hasattr(kind, "storage_type"):
        within.append(_type_parts(kind.storage_type))
        if hasattr(kind, "__arrow_ext_serialize__"):  # defined in Python, and so with code of its own
            within += [kind.extension_name, kind.__arrow_ext_serialize__(), type(kind)]
    elif hasattr(kind, "index_type"):
        within += [_type_parts(kind.index_type), _type_parts(kind.value_type)]
    return (str(kind), *within)


def _field_parts(field: Any) -> tuple[Any, ...]:
    return (field.name, _type_parts(field.type), field.nullable, field.metadata)


def _schema_parts(schema: Any) -> tuple[Any, ...]:
    return (list(map(_field_parts, schema)), schema.metadata)


def _scalar_parts(scalar: Any) -> tuple[Any, Any]:
    import pyarrow

    try:
        return column_parts(pyarrow.repeat(scalar, 1))
    except pyarrow.ArrowNotImplementedError:
        return (_type_parts(scalar.type), scalar.as_py())


def _table(value: Any) -> Walk:
    columns = zip(value.schema.names, value.columns, strict=True)
    children = ((("[{!r}]", name), column_parts(column)) for name, column in columns)
    schema = ((".schema", ""), _schema_parts(value.schema))
    return encode_data(b"w", type(value), "pyarrow", ((".num_rows", ""), value.num_rows), schema, *children)


def _by(name: str, parts: Callable[[Any], Any]) -> Rule:
    """Make the rule of a family of classes, one for each type: the type is among the parts, the class need not be."""
    return lambda value: encode_tagged(b"w", f"pyarrow.{name}", (ITSELF, parts(value)))


BY_NAME: dict[str, Rule] = {
    "Table": _table,
    "RecordBatch": _table,
    "Array": _by("Array", column_parts),
    "ChunkedArray": _by("ChunkedArray", column_parts),
    "Scalar": _by("Scalar", _scalar_parts),
    "Schema": _by("Schema", _schema_parts),
    "Field": _by("Field", _field_parts),
    "DataType": _by("DataType", _type_parts),
    "Buffer": _by("Buffer", digest_buffer),
}
