"""Whose code something is: the user's own project's, an installed package's, the standard library's, or memostore's.

What counts of each differs: the content of the user's own code, the version of a package, and of the standard library
the name alone. A package installed in editable mode lies outside `site-packages`: it is the user's own.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import site
import sys
import types
from enum import Enum
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

from memostore.keys.naming import module_of

if TYPE_CHECKING:
    from importlib.metadata import Distribution

__all__ = ["Origin", "Owner", "origin_of", "origin_of_file", "origin_of_module"]


class Owner(Enum):
    """Who keeps a piece of code."""

    USER = "user"
    PACKAGE = "package"
    STANDARD = "standard library"
    MEMOSTORE = "memostore"


class Origin(NamedTuple):
    """The owner of a piece of code; for a package its name, as it is imported, and its version."""

    owner: Owner
    package: str = ""
    version: str = ""

    @property
    def is_own(self) -> bool:
        """Whether the code is the user's own."""
        return self.owner is Owner.USER


OWN = Origin(Owner.USER)
STANDARD = Origin(Owner.STANDARD)
MEMOSTORE = Origin(Owner.MEMOSTORE)

PACKAGE_DIRECTORIES = frozenset({"site-packages", "dist-packages"})


def origin_of(value: Any) -> Origin:
    """Return whose code a function, class or module is."""
    if isinstance(value, types.ModuleType):
        return origin_of_module(value.__name__)
    if isinstance(value, types.FunctionType):
        return origin_of_file(value.__code__.co_filename, module_of(value))
    return origin_of_module(module_of(value))


def origin_of_module(name: str) -> Origin:
    """Return whose code a module is, without importing it."""
    top = name.partition(".")[0]
    if top == "memostore":
        return MEMOSTORE
    if top in sys.builtin_module_names:
        return STANDARD
    file = _file_of(name)
    if file is None:
        return STANDARD if top in sys.stdlib_module_names else OWN
    return origin_of_file(file, name)


def _file_of(name: str) -> str | None:
    module = sys.modules.get(name)
    if module is not None:
        paths = list(getattr(module, "__path__", ()))
        return getattr(module, "__file__", None) or (f"{paths[0]}/__init__.py" if paths else None)
    try:
        spec = importlib.util.find_spec(name.partition(".")[0])  # of a submodule, its package would be imported
    except (ImportError, ValueError, AttributeError):
        return None
    return spec.origin if spec is not None else None


def origin_of_file(file: str, module: str) -> Origin:
    """Return whose code a module in a file is."""
    top = module.partition(".")[0]
    if top == "memostore":
        return MEMOSTORE
    owner, place = _owner_of_file(file)
    if owner is not Owner.PACKAGE:
        return Origin(owner)
    package = place.partition("/")[0].partition(".")[0]
    version = version_of(package, place)
    return OWN if version is None else Origin(Owner.PACKAGE, package, version)  # a file that nobody has installed


@functools.lru_cache(maxsize=4096)
def _owner_of_file(file: str) -> tuple[Owner, str]:
    """Return a file's owner, and of an installed one its place below `site-packages`."""
    if file.startswith("<frozen "):
        return Owner.STANDARD, ""
    path = PurePath(file)
    for number, part in enumerate(path.parts[:-1], 1):
        if part in PACKAGE_DIRECTORIES:
            return Owner.PACKAGE, "/".join(path.parts[number:])
    for directory in _directories_of_packages():
        if path.is_relative_to(directory):
            return Owner.PACKAGE, path.relative_to(directory).as_posix()
    is_standard = any(path.is_relative_to(directory) for directory in _directories_of_python())
    return (Owner.STANDARD if is_standard else Owner.USER), ""


@functools.cache
def _directories_of_packages() -> tuple[str, ...]:
    return (*site.getsitepackages(), site.getusersitepackages())


@functools.cache
def _directories_of_python() -> tuple[str, ...]:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"  # sysconfig.get_paths() takes 1 ms
    compiled = os.path.join(sys.base_exec_prefix, sys.platlibdir, version)
    return tuple({os.path.dirname(os.__file__), compiled})


def version_of(package: str, place: str = "") -> str | None:
    """Return the version of the distribution that a package, by its name in imports, comes from; None for none.

    `place`: a file of it, which tells distributions apart that share a namespace package.
    """
    found = _distributions_with(package)
    if len(found) > 1:
        found = [one for one in found if _lists(one, f"\n{place},")] or found
    if len(found) == 1 and _plain(found[0].name) == _plain(package):
        return found[0].version
    return " ".join(sorted(f"{one.name} {one.version}" for one in found)) or None


@functools.cache
def _distributions_with(package: str) -> list[Distribution]:
    """Return the distributions, such as scikit-learn, that have brought a package, such as sklearn.

    `importlib.metadata.packages_distributions()` parses all lists of all that is installed: 20 times slower.
    """
    import importlib.metadata as metadata  # slow: it brings the parser of mail messages

    try:
        return [metadata.distribution(package)]
    except (metadata.PackageNotFoundError, ValueError):
        pass
    everything = metadata.distributions()
    return [one for one in everything if _lists(one, f"\n{package}/") or _lists(one, f"\n{package}.")]


def _lists(distribution: Distribution, text: str) -> bool:
    return text in _files_of(distribution)


@functools.lru_cache(maxsize=256)
def _files_of(distribution: Distribution) -> str:
    return "\n" + (distribution.read_text("RECORD") or distribution.read_text("installed-files.txt") or "")


def _plain(name: str) -> str:
    """Return a distribution's name as it is compared: `typing_extensions` and `typing-extensions` are one."""
    return name.lower().replace("-", "_").replace(".", "_")
