"""What functions, classes and modules are called: the same name in every process.

A script's module is `__main__` when it is run and `prep` when it is imported; under multiprocessing's spawn it is
`__mp_main__`. All three are the same code, and get the name that an import would give.
"""

from __future__ import annotations

import sys
from pathlib import PurePath
from typing import Any

__all__ = ["function_name", "module_name", "type_name"]


def module_name(name: str) -> str:
    """Return a module's name, with the running script's own name for `__main__` where it has one."""
    if name not in ("__main__", "__mp_main__"):
        return name
    module = sys.modules.get(name)
    spec = getattr(module, "__spec__", None)
    if spec is not None and spec.name not in ("__main__", "__mp_main__"):
        return str(spec.name).removesuffix(".__main__")
    path = getattr(module, "__file__", None)
    return PurePath(path).stem if path else "__main__"


def type_name(kind: type) -> str:
    """Return what identifies a class in keys; the colon keeps a module `a.b` from a class `b` in `a`.

    >>> import fractions
    >>> type_name(fractions.Fraction)
    'fractions:Fraction'
    """
    return f"{module_name(kind.__module__)}:{kind.__qualname__}"


def function_name(function: Any) -> tuple[str, str]:
    """Return a function's module and qualified name; of a callable object, those of its class."""
    named = function if hasattr(function, "__qualname__") else type(function)
    return module_name(getattr(named, "__module__", None) or "builtins"), named.__qualname__
