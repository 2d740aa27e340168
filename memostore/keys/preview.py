"""The arguments of a call as JSON that people read and filter by. Bounded, and never runs a `repr` of the user's."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import json
import math
import os
from collections.abc import Iterable, Mapping
from typing import Any

from memostore.digest import digest
from memostore.keys.inputs import Env, File

__all__ = ["TEXT_LIMIT", "preview", "preview_json"]

TEXT_LIMIT = 200  # characters of one text
ITEM_LIMIT = 20  # items of one container
DEPTH_LIMIT = 4  # containers within containers
NODE_LIMIT = 100  # values of one call, all told

ENCODER = json.JSONEncoder(ensure_ascii=False)


def preview_json(names: Iterable[str], values: Iterable[Any]) -> str:
    """Return one call's arguments as a JSON object.

    >>> preview_json(["x", "path"], [1.5, b"abc"])
    '{"x": 1.5, "path": "<bytes, 3 bytes>"}'
    """
    budget = [NODE_LIMIT]
    return ENCODER.encode({name: _safely(value, budget) for name, value in zip(names, values, strict=True)})


def preview(value: Any) -> Any:
    """Return a small JSON value that stands for any value: itself where JSON has it, else what it is."""
    return _safely(value, [NODE_LIMIT])


def _safely(value: Any, budget: list[int]) -> Any:
    """Preview one argument; a class whose own methods fail is shown by its name."""
    try:
        return _preview(value, 0, budget)
    except Exception:  # noqa: BLE001 # len() and attributes run the user's code, and a preview is worth no error
        return f"<{type(value).__qualname__}>"


def _preview(value: Any, depth: int, budget: list[int]) -> Any:
    budget[0] -= 1
    if value is None or type(value) is bool:
        return value
    if type(value) is int:
        return value if abs(value) < 1 << 63 else _shortened(hex(value))
    if type(value) is float:
        return value if math.isfinite(value) else str(value)
    if isinstance(value, enum.Enum):
        return f"{type(value).__qualname__}.{value.name}"
    if type(value) is str:
        return _shortened(value)
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, os.PathLike) and type(value).__module__.startswith("pathlib"):
        return _shortened(str(value))
    if isinstance(value, (File, Env)):
        kind, _, name = value.label.partition(" ")
        return {kind: _shortened(name), **value.state().shown}
    return _container(value, depth, budget) if depth < DEPTH_LIMIT and budget[0] > 0 else _summary(value)


def _container(value: Any, depth: int, budget: list[int]) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name, None) for field in dataclasses.fields(value)}
    if type(value) is dict and len(value) <= ITEM_LIMIT and all(type(key) is str for key in value):
        return {_shortened(key): _preview(item, depth + 1, budget) for key, item in value.items()}
    if type(value) in (list, tuple) and len(value) <= ITEM_LIMIT:
        return [_preview(item, depth + 1, budget) for item in value]
    return _summary(value)


def _summary(value: Any) -> str:
    name = type(value).__qualname__
    if isinstance(value, type) or callable(value):
        return f"<{getattr(value, '__qualname__', name)}>"
    if isinstance(value, (bytes, bytearray)):
        return f"<{name}, {len(value)} bytes>"
    if isinstance(value, (list, tuple, set, frozenset, Mapping)):
        return f"<{name}, {len(value)} items>"
    return f"<{name}{_shape(value)}>"


def _shape(value: Any) -> str:
    """Describe an array or frame by the attributes that they all share."""
    if type(value).__module__.partition(".")[0] not in ("numpy", "pandas", "polars", "torch", "pyarrow", "scipy"):
        return ""
    dtype, shape = getattr(value, "dtype", None), getattr(value, "shape", None)
    return f" {dtype}" * (dtype is not None) + f" {'x'.join(map(str, shape or ()))}" * bool(shape)


def _shortened(text: str) -> str:
    """Return text that a database takes (no lone surrogates, as file names may have), of limited length."""
    text = text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
    if len(text) <= TEXT_LIMIT:
        return text
    return f"{text[:TEXT_LIMIT]}… ({len(text)} characters, {digest(text.encode()).hex()[:8]})"
