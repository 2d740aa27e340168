"""The options of `memoize`, checked when a function is decorated."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, TypedDict

import memostore.config as config
from memostore.errors import InvalidArgument

__all__ = ["BatchOptions", "MemoizeOptions", "Options", "check_known", "checked_options"]


Span = float | str | timedelta | None


class BatchOptions(TypedDict, total=False):
    """The options that `memoize` and `memoize_batch` have in common, as type checkers know them."""

    ttl: Span | Callable[..., Any]
    ignore: Iterable[str]
    key: Callable[..., Any] | None
    typed: bool
    code: Literal["deep", "body", "version"]
    version: str | int | None
    depends_on: list[Any] | tuple[Any, ...]
    ignore_code: list[Any] | tuple[Any, ...]
    name: str | None
    tags: Iterable[str] | Callable[..., Iterable[str]]
    cache_if: Callable[[Any], bool] | None
    max_size: int | str | None
    max_entries: int | None


class MemoizeOptions(BatchOptions, total=False):
    """The options of `memoize`, as type checkers know them."""

    stale_for: Span
    refresh_ahead: Span
    formerly: Iterable[str]
    new_defaults: bool
    cache_errors: type[Exception] | tuple[type[Exception], ...]
    error_ttl: Span
    single_flight: bool | float | str | timedelta
    track: Literal["files"] | None


@dataclass(frozen=True, slots=True)
class Options:
    """The options of one memoized function, checked. Spans of time are seconds."""

    ttl: float | Callable[[Any], Any] | None = None
    stale_for: float | None = None
    refresh_ahead: float | None = None
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
    tags: tuple[str, ...] | Callable[..., Iterable[str]] = ()
    cache_if: Callable[[Any], bool] | None = None
    cache_errors: tuple[type[Exception], ...] = ()
    error_ttl: float | None = None
    single_flight: bool | float = True
    max_size: int | None = None
    max_entries: int | None = None
    track: str | None = None

    @classmethod
    def checked(cls, **given: Any) -> Options:
        """Return the options; raise InvalidArgument that names the one that can't be used."""
        options = cls(**{name: CHECKS[name](value, name) for name, value in given.items()})
        _check_times(options)
        return options

    @property
    def refreshes(self) -> bool:
        """Whether a result may be computed anew in the background."""
        return self.stale_for is not None or self.refresh_ahead is not None

    @property
    def patience(self) -> float | None:
        """How many seconds to wait for another's computation; None for as long as it takes."""
        return None if self.single_flight is True else float(self.single_flight)

    def tags_of(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str, ...]:
        """Return the tags of a call."""
        return _texts(self.tags(*args, **kwargs), "tags(...)") if callable(self.tags) else self.tags

    def ttl_of(self, result: Any) -> float | None:
        """Return the seconds that a result is good for, 0 where it is not to be stored; None for no end."""
        if not callable(self.ttl):
            return self.ttl
        given = self.ttl(result)
        return None if given is None else config.duration(given, "ttl(...)")

    def times(self, ttl: float | None, now: float) -> tuple[float | None, float | None]:
        """Return when a result that is stored now expires, and from when on it is to be computed anew."""
        if ttl is None:
            return None, None
        end = now + ttl
        refresh_at = max(now, end - (self.refresh_ahead or 0.0)) if self.refreshes else None
        return end + (self.stale_for or 0.0), refresh_at


def _check_times(options: Options) -> None:
    for argument in ("stale_for", "refresh_ahead"):
        if getattr(options, argument) is not None and options.ttl is None:
            raise InvalidArgument(f"{argument} counts from the end of ttl: give ttl= as well")
    ahead = options.refresh_ahead
    if ahead is not None and not callable(options.ttl) and options.ttl is not None and ahead >= options.ttl:
        raise InvalidArgument(f"refresh_ahead={ahead!r} must be shorter than ttl={options.ttl!r} (seconds)")
    if options.error_ttl is not None and not options.cache_errors:
        raise InvalidArgument("error_ttl is for errors that are stored: say which with cache_errors=(NotFound,)")


def _function(value: Any, argument: str) -> Any:
    if value is not None and not callable(value):
        raise InvalidArgument(f"{argument}={value!r} must be a function, or None")
    return value


def _ttl(value: Any, argument: str) -> Any:
    return value if callable(value) else config.optional_duration(value, argument)


def _version(value: Any, argument: str) -> Any:
    if value is not None and (isinstance(value, bool) or not isinstance(value, (str, int))):
        raise InvalidArgument(f"{argument}={value!r} must be text or a whole number, or None")
    return value


def _name(value: Any, argument: str) -> Any:
    is_name = isinstance(value, str) and value.strip(".") and value.isprintable() and "*" not in value
    if value is not None and not is_name:
        raise InvalidArgument(f"{argument}={value!r} must be text such as 'features' or 'project.features', or None")
    return value


def _errors(value: Any, argument: str) -> tuple[type[Exception], ...]:
    kinds = value if isinstance(value, tuple) else (value,)
    for kind in kinds:
        if not (isinstance(kind, type) and issubclass(kind, Exception)):
            raise InvalidArgument(
                f"{argument}={value!r} must be a class of errors or a tuple of them, such as (KeyError, NotFound)"
            )
    return kinds


def _track(value: Any, argument: str) -> str | None:
    if value is not None and not (isinstance(value, str) and value == "files"):
        raise InvalidArgument(f"{argument}={value!r} must be 'files', or None")
    return value


def _single_flight(value: Any, argument: str) -> bool | float:
    return value if isinstance(value, bool) else config.duration(value, argument)


def _listed(value: Any, argument: str) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise InvalidArgument(
            f"{argument}={value!r} must be a list of functions, classes, modules, or texts that name these"
        )
    return tuple(value)


def _code(ignore_code: Any, argument: str) -> tuple[Any, ...]:
    listed = _listed(ignore_code, argument)
    for item in listed:
        if not (isinstance(item, (str, types.ModuleType)) or callable(item)) or item == "":
            raise InvalidArgument(f"ignore_code holds {item!r}: it takes functions, classes, modules, or their names")
    return listed


def _texts(value: Any, argument: str) -> tuple[str, ...]:
    texts = tuple(value) if isinstance(value, Iterable) and not isinstance(value, str) else (None,)
    if not all(isinstance(text, str) and text and text.isprintable() for text in texts):
        raise InvalidArgument(f"{argument}={value!r} must be a list or tuple of texts, such as ['verbose']")
    return tuple(dict.fromkeys(str(text) for text in texts))


def _tags(value: Any, argument: str) -> Any:
    return value if callable(value) else _texts(value, argument)


# By option: what checks its value and returns what is kept of it.
CHECKS: dict[str, Callable[[Any, str], Any]] = {
    "ttl": _ttl,
    "stale_for": config.optional_duration,
    "refresh_ahead": config.optional_duration,
    "ignore": _texts,
    "key": _function,
    "typed": config.flag,
    "code": lambda value, argument: config.choice(value, config.CODE_LEVELS, argument),
    "version": _version,
    "depends_on": _listed,
    "ignore_code": _code,
    "name": _name,
    "formerly": _texts,
    "new_defaults": config.flag,
    "tags": _tags,
    "cache_if": _function,
    "cache_errors": _errors,
    "error_ttl": config.optional_duration,
    "single_flight": _single_flight,
    "max_size": config.optional_size,
    "max_entries": config.count,
    "track": _track,
}


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
