"""The options of `memoize`, checked when a function is decorated."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

import memostore.config as config
from memostore.errors import InvalidArgument

__all__ = ["MemoizeOptions", "Options", "check_known", "checked_options"]


class MemoizeOptions(TypedDict, total=False):
    """The options of `memoize`, as type checkers know them."""

    ttl: Any
    ignore: Iterable[str]
    key: Callable[..., Any] | None
    typed: bool
    code: Literal["deep", "body", "version"]
    version: str | int | None
    depends_on: list[Any] | tuple[Any, ...]
    ignore_code: list[Any] | tuple[Any, ...]
    name: str | None
    formerly: Iterable[str]
    new_defaults: bool
    tags: Iterable[str]
    cache_if: Callable[[Any], bool] | None
    track: Literal["files"] | None


@dataclass(frozen=True, slots=True)
class Options:
    """The options of one memoized function, checked."""

    ttl: float | None = None
    ignore: tuple[str, ...] = ()
    key: Callable[..., Any] | None = None
    typed: bool = True
    code: str = "deep"
    version: str | int | None = None
    depends_on: tuple[Any, ...] = ()
    ignore_code: tuple[Any, ...] = ()
    name: str | None = None
    formerly: tuple[str, ...] = ()
    new_defaults: bool = False
    tags: tuple[str, ...] = ()
    cache_if: Callable[[Any], bool] | None = None
    track: str | None = None

    @classmethod
    def checked(
        cls, *, ttl: Any = None, ignore: Any = (), key: Any = None, typed: Any = True, code: Any = "deep",
        version: Any = None, depends_on: Any = (), ignore_code: Any = (), name: Any = None, tags: Any = (),
        cache_if: Any = None, formerly: Any = (), new_defaults: Any = False, track: Any = None,
    ) -> Options:  # fmt: skip
        """Return the options; raise InvalidArgument that names the one that can't be used."""
        for argument, function in (("key", key), ("cache_if", cache_if)):
            if function is not None and not callable(function):
                raise InvalidArgument(f"{argument}={function!r} must be a function, or None")
        for argument, flag in (("typed", typed), ("new_defaults", new_defaults)):
            if not isinstance(flag, bool):
                raise InvalidArgument(f"{argument}={flag!r} must be True or False")
        config.choice(code, config.CODE_LEVELS, "code")
        if track is not None and (not isinstance(track, str) or track != "files"):
            raise InvalidArgument(f"track={track!r} must be 'files', or None")
        if version is not None and (isinstance(version, bool) or not isinstance(version, (str, int))):
            raise InvalidArgument(f"version={version!r} must be text or a whole number, or None")
        if name is not None and not (
            isinstance(name, str) and name.strip(".") and name.isprintable() and "*" not in name
        ):
            raise InvalidArgument(f"name={name!r} must be text such as 'features' or 'project.features', or None")
        return cls(
            config.optional_duration(ttl, "ttl"), _texts(ignore, "ignore"), key, typed, code, version,
            _listed(depends_on, "depends_on"), _code(ignore_code),
            name, _texts(formerly, "formerly"), new_defaults, _texts(tags, "tags"), cache_if, track,
        )  # fmt: skip


def _listed(value: Any, argument: str) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise InvalidArgument(
            f"{argument}={value!r} must be a list of functions, classes, modules, or texts that name these"
        )
    return tuple(value)


def _code(ignore_code: Any) -> tuple[Any, ...]:
    listed = _listed(ignore_code, "ignore_code")
    for item in listed:
        if not (isinstance(item, (str, types.ModuleType)) or callable(item)) or item == "":
            raise InvalidArgument(f"ignore_code holds {item!r}: it takes functions, classes, modules, or their names")
    return listed


def _texts(value: Any, argument: str) -> tuple[str, ...]:
    texts = tuple(value) if isinstance(value, Iterable) and not isinstance(value, str) else (None,)
    if not all(isinstance(text, str) and text and text.isprintable() for text in texts):
        raise InvalidArgument(f"{argument}={value!r} must be a list or tuple of texts, such as ['verbose']")
    return tuple(dict.fromkeys(str(text) for text in texts))


def checked_options(options: dict[str, Any]) -> Options:
    """Return the options; raise InvalidArgument that lists them all where one is unknown."""
    check_known(options, Options.__dataclass_fields__, "memoize()")
    return Options.checked(**options)


def check_known(options: Iterable[str], known: Iterable[str], owner: str) -> None:
    """Raise InvalidArgument for options that are not known, naming them and all that are."""
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise InvalidArgument(
            f"{owner} has no option {', '.join(map(repr, unknown))}: its options are {', '.join(known)}"
        )
