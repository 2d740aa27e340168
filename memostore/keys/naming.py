"""What functions, classes and modules are called: the same name in every process.

A script's module is `__main__` when it is run and `prep` when it is imported; under multiprocessing's spawn it is
`__mp_main__`. All three are the same code, and get the name that an import would give.
"""

from __future__ import annotations

import sys
import types
from pathlib import PurePath
from typing import Any

__all__ = ["function_name", "lasting_name", "module_name", "module_of", "type_name"]

# Where some versions of Python define what is public, and stays, somewhere else.
MOVED = {"pathlib._local": "pathlib", "pathlib._abc": "pathlib"}


def module_name(name: str) -> str:
    """Return a module's name, with the running script's own name for `__main__` where it has one."""
    if name not in ("__main__", "__mp_main__"):
        return MOVED.get(name, name)
    module = sys.modules.get(name)
    spec = getattr(module, "__spec__", None)
    if spec is not None and spec.name not in ("__main__", "__mp_main__"):
        return str(spec.name).removesuffix(".__main__")
    path = getattr(module, "__file__", None)
    return PurePath(path).stem if path else "__main__"


def module_of(value: Any) -> str:
    """Return the name of the module that a class or function says it is of, "builtins" where it says none."""
    name = getattr(value, "__module__", None)
    return module_name(name) if isinstance(name, str) else "builtins"  # of types in C it may be a descriptor


def type_name(kind: type) -> str:
    """Return what identifies a class in keys; the colon keeps a module `a.b` from a class `b` in `a`.

    >>> import fractions
    >>> type_name(fractions.Fraction)
    'fractions:Fraction'
    """
    return f"{module_of(kind)}:{kind.__qualname__}"


def function_name(function: Any) -> tuple[str, str]:
    """Return a function's module and qualified name; of a callable object, those of its class."""
    named = function if hasattr(function, "__qualname__") else type(function)
    return module_of(named), named.__qualname__

def lasting_name(function: types.FunctionType) -> tuple[str, str]:
    """Return the module and qualified name of a package's function: those that its code has, where they lead to it.

    From Python 3.13 on, attrs gives one function of its own to each class, and renames it each time.
    """
    code_name, names = function.__code__.co_qualname, function.__globals__
    if function.__qualname__ != code_name and names.get(code_name) is function:
        return names["__name__"], code_name
    return function.__module__, function.__qualname__
