"""Rules for xarray: by dimensions, variables, coordinates and attributes, whatever is cached or was loaded when."""

from __future__ import annotations

from typing import Any

from memostore.keys.encoding import Rule, Walk
from memostore.keys.libraries import encode_data, is_of, library_name

__all__ = ["rule_for"]


def rule_for(base: type) -> Rule | None:
    """Return the rule of one of xarray's classes and of its subclasses, or None where a base may have one."""
    return BY_NAME.get(base.__qualname__)


def _variable(value: Any) -> Walk:
    return encode_data(
        b"x", type(value), "xarray",
        ((".dims", ""), tuple(value.dims)), ((".data", ""), value.data), *_described(value),
    )  # fmt: skip


def _array(value: Any) -> Walk:
    return encode_data(
        b"x", type(value), "xarray",
        ((".name", ""), value.name), ((".variable", ""), value.variable), *_coordinates(value),
    )  # fmt: skip


def _dataset(value: Any) -> Walk:
    variables = {name: value[name].variable for name in value.data_vars}
    return encode_data(
        b"x", type(value), "xarray",
        ((".data_vars", ""), variables), ((".dims", ""), list(value.sizes)), *_coordinates(value), *_described(value),
    )  # fmt: skip


def _coordinates(value: Any) -> tuple[Any, ...]:
    """Return the steps to the coordinates, and to the kinds of the indexes: of xarray's own, these hold the labels."""
    coordinates = {name: coordinate.variable for name, coordinate in value.coords.items()}
    indexes = {name: _index(index) for name, index in value.xindexes.items()}
    return (((".coords", ""), coordinates), ((".xindexes", ""), indexes))


def _index(index: Any) -> Any:
    return library_name(type(index)) if is_of(type(index), "xarray") else index


def _described(value: Any) -> tuple[Any, ...]:
    return (((".attrs", ""), value.attrs), ((".encoding", ""), value.encoding))


BY_NAME: dict[str, Rule] = {
    "Variable": _variable,
    "DataArray": _array,
    "Dataset": _dataset,
}
