"""The filters of `find`, `invalidate` and what is built on them, as type checkers know them. `query` applies them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

__all__ = ["Filters"]


class Filters(TypedDict, total=False):
    """Every filter may be left out; None is the same."""

    function: Callable[..., Any] | str | None
    code: str | None
    key: str | None
    tag: str | None
    older_than: float | str | timedelta | None
    unused_for: float | str | timedelta | None
    larger_than: int | str | None
    args: Mapping[str, Any] | None
    where: ColumnElement[bool] | None
