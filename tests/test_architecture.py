"""The house's rules: who may import whom, what is public, what a hit may load, and what must be explained."""

from __future__ import annotations

import ast
import configparser
import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest

import memostore

PACKAGE = Path(memostore.__file__).parent
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages([str(PACKAGE)], "memostore.")
    if not module.name.startswith("memostore.migrations")
)

# A module imports only from a lower floor. Rooms of one package share its floor,
# and may use each other without circles.
FLOORS = [
    {
        "errors", "events", "digest", "schema", "records", "bound", "filters", "origin", "flight", "callables",
        "looked", "_version",
    },
    {"config", "keys", "codec", "telling", "tombstones", "driving", "progress", "raised"},
    {"fingerprint", "options", "switches", "changing_defaults", "read_files", "batches"},
    {"aliases", "pools", "rivals", "tracking"},
    {"backends"},
    {"eviction", "query", "counters", "known_code", "explain", "doctor", "recording", "background"},
    {"catalogue", "function_limits", "remembering", "tally", "mapping", "results"},
    {"calls", "landing", "many", "batch_store"},
    {"computing", "streaming", "recalling", "keeping", "faces", "batching"},
    {"memo"},
    {"shapes"},
    {"wrapping", "batch_memo"},
    {"store"},
    {"default"},
    {"", "testing"},
    {"cli"},
]
FLOOR_OF = {room: number for number, floor in enumerate(FLOORS) for room in floor}

# What may be imported inside a function: it is slow, or optional, or both; the hit path and the opening do without.
SLOW = {
    "sqlalchemy", "alembic", "cloudpickle", "zstandard", "compression", "numpy", "pandas", "ctypes", "multiprocessing",
    "rich", "platform", "asyncio", "pwd", "concurrent.futures", "importlib.metadata", "polars", "pyarrow", "torch",
    "pytest",
    "memostore.query", "memostore.schema.tables", "memostore.schema.views", "memostore.backends.migration",
    "memostore.keys.arrays", "memostore.mapping",
}  # fmt: skip


def tree_of(module: str) -> ast.Module:
    return ast.parse(inspect.getsource(importlib.import_module(module)))


def is_for_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def imports_in(node: ast.AST, inside: bool = False):
    """Yield (module, whether inside a function) of each import, without those for type checkers."""
    for child in ast.iter_child_nodes(node):
        if is_for_types_only(child):
            continue
        if isinstance(child, ast.Import):
            yield from ((alias.name, inside) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "relative imports hide floors"
            yield from ((module, inside) for module in targets(child))
        yield from imports_in(child, inside or isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)))


def targets(node: ast.ImportFrom):
    """The modules that `from a import b, c` needs: a.b where that is a module, else a."""
    for alias in node.names:
        whole = f"{node.module}.{alias.name}"
        yield whole if whole in MODULES else node.module


def room_of(module: str) -> str:
    return module.removeprefix("memostore").removeprefix(".").partition(".")[0]


def own(module: str) -> bool:
    return module == "memostore" or module.startswith("memostore.")


def test_every_module_has_a_floor():
    assert {room_of(module) for module in MODULES} | {""} == set(FLOOR_OF)


@pytest.mark.parametrize("module", ["memostore", *MODULES])
def test_a_module_imports_only_from_lower_floors(module):
    room = room_of(module)
    for imported, _ in imports_in(tree_of(module)):
        if own(imported) and room_of(imported) != room:
            assert FLOOR_OF[room_of(imported)] < FLOOR_OF[room], f"{module} imports {imported}"


def test_no_modules_import_each_other_in_a_circle():
    graph = {module: {name for name, _ in imports_in(tree_of(module)) if name in MODULES} for module in MODULES}
    while graph:
        leaves = {module for module, needs in graph.items() if not needs & graph.keys() - {module}}
        assert leaves, f"a circle among {sorted(graph)}"
        graph = {module: needs for module, needs in graph.items() if module not in leaves}


@pytest.mark.parametrize("module", ["memostore", *MODULES])
def test_an_import_inside_a_function_is_of_something_slow_or_optional(module):
    for imported, inside in imports_in(tree_of(module)):
        if inside:
            allowed = imported in SLOW or imported.partition(".")[0] in SLOW
            assert allowed, f"{module} imports {imported} inside a function"


def test_the_faces_are_built_on_the_public_api_alone():
    """The command line asks as any user does; of what lies below it may know the meaning of a URL."""
    below = {"backends", "query", "eviction", "counters", "codec", "keys", "catalogue", "telling"}
    used = {
        imported
        for module in MODULES
        if room_of(module) == "cli"
        for imported, _ in imports_in(tree_of(module))
        if own(imported)
    }
    assert {imported for imported in used if room_of(imported) in below} <= {"memostore.backends.choose"}


# What is public


def names_defined(module: str) -> set[str]:
    """The public names that a module defines itself at its top: classes, functions, constants, not what it imports."""
    return {name for node in tree_of(module).body for name in names_of(node) if not name.startswith("_")}


def names_of(node: ast.AST) -> list[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [node.target.id]
    return []


def test_the_packages_all_is_exactly_its_public_names():
    submodules = {"migrations", *(name.split(".")[1] for name in MODULES)}
    visible = {name for name in vars(memostore) if not name.startswith("_") and name not in submodules}
    assert visible | {"__version__"} == set(memostore.__all__)
    assert memostore.__all__ == sorted(memostore.__all__)


@pytest.mark.parametrize("module", [module for module in MODULES if not module.endswith("__main__")])
def test_all_names_what_is_there_and_is_in_order(module):
    loaded = importlib.import_module(module)
    listed = getattr(loaded, "__all__", None)
    if listed is None:
        assert names_defined(module) - {"metadata"} == set(), f"{module} has no __all__"
        return
    assert [name for name in listed if not hasattr(loaded, name)] == []
    assert len(listed) == len(set(listed))


PUBLIC = ["errors", "events", "records", "config", "digest", "store", "default", "memo", "counters"]


@pytest.mark.parametrize("room", PUBLIC)
def test_a_public_module_lists_every_class_and_function_that_it_defines(room):
    module = f"memostore.{room}"
    nodes = [node for node in tree_of(module).body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    defined = {node.name for node in nodes if not node.name.startswith("_")}
    assert defined - set(importlib.import_module(module).__all__) == set()


def test_every_error_is_exported_at_the_top():
    from memostore import errors

    assert set(errors.__all__) <= set(memostore.__all__)
    assert all(getattr(memostore, name) is getattr(errors, name) for name in errors.__all__)


def test_no_module_is_imported_for_a_private_name_of_another():
    for module in MODULES:
        for node in ast.walk(tree_of(module)):
            if isinstance(node, ast.ImportFrom) and own(node.module or ""):
                private = [
                    alias.name for alias in node.names if alias.name.startswith("_") and alias.name != "__version__"
                ]
                assert private in ([], ["_version"]), f"{module} imports {private} of {node.module}"


# What is explained


def public_nodes(body, name: str):
    """Every public function, class and method that a module defines, with its name. An overload is only for types."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            if not any(ast.unparse(decorator) in ("overload", "typing.overload") for decorator in node.decorator_list):
                yield f"{name}.{node.name}", node
            if isinstance(node, ast.ClassDef):
                yield from public_nodes(node.body, f"{name}.{node.name}")


@pytest.mark.parametrize("module", ["memostore", *MODULES])
def test_everything_public_says_what_it_is(module):
    tree = tree_of(module)
    silent = [name for name, node in public_nodes(tree.body, module) if not ast.get_docstring(node)]
    assert silent == []
    assert ast.get_docstring(tree)


def test_the_docstrings_of_the_main_faces_show_an_example():
    shown = {name for name in FACES if ">>>" in inspect.getdoc(getattr(memostore.Store, name))}
    assert shown >= {"put", "find", "invalidate", "sql", "on"}
    assert ">>>" in memostore.Store.__doc__


FACES = [
    "memoize", "put", "get", "delete", "find", "invalidate", "clear", "expire", "evict", "stats", "functions", "sql",
    "vacuum", "on", "flush", "close",
]  # fmt: skip


def test_the_store_has_every_face():
    missing = [
        name for name in [*FACES, "cache", "entries", "path", "url", "closed"] if not hasattr(memostore.Store, name)
    ]
    assert missing == []


def test_the_package_is_typed():
    assert (PACKAGE / "py.typed").is_file()


# Size


def test_modules_and_functions_stay_small():
    for module in MODULES:
        source = inspect.getsource(importlib.import_module(module))
        assert source.count("\n") <= 350, module
        long = [
            node.name
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.FunctionDef) and statements_of(node) > 45
        ]
        assert long == [], f"{module}: {long}"


def statements_of(function: ast.FunctionDef) -> int:
    """The lines of a function without its signature and docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


# What a hit loads


def loaded_by(script, text: str) -> set[str]:
    """The modules that a script imports, as `python -X importtime` lists them."""
    done = script.write(text).run(options=("-X", "importtime"))
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}


HIT = """
    from memostore import Store
    with Store("memo.db", max_size="1GB", eviction="lru") as store:
        @store.memoize(ttl="7d", tags=["x"])
        def f(x, y=1): return x + y
        assert f(1) == 2
        assert f.is_cached(1)
        assert store.get("a", "none") == "none"
"""


def test_a_script_that_only_hits_loads_neither_sqlalchemy_nor_alembic(script):
    script.write(HIT).run()
    loaded = {name.partition(".")[0] for name in loaded_by(script, HIT)}
    assert "memostore" in loaded
    assert not loaded & {
        "sqlalchemy",
        "alembic",
        "mako",
        "numpy",
        "pandas",
        "cloudpickle",
        "zstandard",
        "click",
        "rich",
        "asyncio",
        "ctypes",
    }


def test_a_script_that_only_hits_through_the_default_store_loads_neither(script):
    text = """
        from memostore import memoize
        @memoize
        def f(x): return x
        assert f(1) == 1
    """
    script.write(text).run()
    assert not {name.partition(".")[0] for name in loaded_by(script, text)} & {"sqlalchemy", "alembic"}


def test_importing_memostore_loads_nothing_that_is_not_needed_for_a_hit(script):
    loaded = {name.partition(".")[0] for name in loaded_by(script, "import memostore")}
    assert not loaded & {"sqlalchemy", "alembic", "numpy", "pandas", "cloudpickle", "zstandard", "click", "rich"}


def test_a_store_of_none_opens_nothing(script):
    loaded = loaded_by(script, "from memostore import Store\nf = Store(None).memoize(len)\nassert f('abc') == 3")
    assert not {name.partition(".")[0] for name in loaded} & {"sqlalchemy", "alembic"}


def test_every_package_is_shipped():
    settings = configparser.ConfigParser()
    settings.read(PACKAGE.parent / "setup.cfg")
    listed = {name for name in settings["options"]["packages"].split() if not name.startswith("memostore.migrations")}
    there = {".".join(path.parent.relative_to(PACKAGE.parent).parts) for path in PACKAGE.rglob("__init__.py")}
    assert listed == there
