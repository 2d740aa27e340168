"""The pages that list things list all of them, and nothing that does not exist: docs/reference.md, docs/schema.md
and docs/architecture.md against the code and a database.
"""

import ast
import dataclasses
import inspect
import re
import sqlite3
from pathlib import Path

import pytest

import memostore
import memostore.eviction
from memostore import (
    Entry,
    Explanation,
    Finding,
    FunctionStats,
    Stats,
    Store,
    StoredCall,
    config,
    errors,
    events,
    query,
    testing,
)
from memostore.batch_memo import WITHOUT, BatchMemo
from memostore.cli import main
from memostore.memo import Memo
from memostore.options import BatchOptions, Options
from memostore.remembering import Remembers
from memostore.schema import tables, views
from memostore.tally import CacheInfo

ROOT = Path(__file__).parent.parent
REFERENCE, SCHEMA, ARCHITECTURE = (ROOT / "docs" / f"{name}.md" for name in ("reference", "schema", "architecture"))
CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)")  # no fence around a block


def section(page: Path, heading: str) -> str:
    """Return the text between a heading and the next one."""
    parts = re.split(r"^#+ (.*)$", page.read_text(), flags=re.MULTILINE)
    assert heading in parts[1::2], f"{page.name} has no heading {heading!r}"
    return parts[parts.index(heading) + 1]


def tables_of(text: str) -> list[list[list[str]]]:
    """Return the tables in a text, each the list of its rows of cells, the first the head."""
    found: list[list[list[str]]] = []
    inside = False
    for line in text.splitlines():
        if not line.startswith("|"):
            inside = False
            continue
        if not inside:
            found.append([])
        inside = True
        if not line.startswith("|---"):
            found[-1].append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return found


def table(page: Path, heading: str, column: str) -> dict[str, list[str]]:
    """Return the rows of the table below a heading that has a certain column, by the names in that column."""
    for head, *rows in tables_of(section(page, heading)):
        if column in head:
            names = [plain(row[head.index(column)]) for row in rows]
            assert len(set(names)) == len(names), f"{heading}: a name is there twice"
            return dict(zip(names, rows, strict=True))
    raise AssertionError(f"{page.name}, {heading}: no table of {column!r}")


def plain(cell: str) -> str:
    """Return the name in a cell: of `store.find(*, limit=None)`, find."""
    name = CODE.search(cell)
    assert name, cell
    return name[1].strip('"').partition("(")[0].rpartition(".")[2]


def public(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


def fields(kind: type) -> list[str]:
    return [field.name for field in dataclasses.fields(kind)]


# reference.md


def test_the_arguments_of_store():
    documented = table(REFERENCE, "Opening a store", "argument")
    parameters = list(inspect.signature(Store).parameters.values())
    assert list(documented) == [parameter.name for parameter in parameters]
    for parameter in parameters[1:-1]:
        assert documented[parameter.name][1] == f"`{parameter.default!r}`".replace("'", '"'), parameter.name


def test_the_eviction_policies():
    assert set(table(REFERENCE, "Opening a store", "eviction")) == set(memostore.eviction.POLICIES)


def test_the_numbers_in_prose():
    text = section(REFERENCE, "Opening a store") + section(REFERENCE, "The store's methods")
    assert f"{config.ENTRY_OVERHEAD} bytes" in text
    assert f"{config.SQL_TIME_LIMIT:g} seconds" in text


def test_the_options_of_memoize():
    documented = table(REFERENCE, "Decorating", "option")
    assert list(documented) == fields(Options)
    for field in dataclasses.fields(Options):
        assert documented[field.name][1] == f"`{field.default!r}`", field.name


def test_the_options_of_memoize_batch():
    documented = table(REFERENCE, "Batches", "option")
    assert list(documented) == ["over", "batch_size", *BatchOptions.__annotations__]
    for name in BatchOptions.__annotations__:
        assert documented[name][1] == f"`{Options.__dataclass_fields__[name].default!r}`", name


def test_every_option_of_memoize_is_one_of_memoize_batch_or_has_a_reason_not_to_be():
    assert {*fields(Options)} == {*BatchOptions.__annotations__} | {*WITHOUT}


def test_the_faces_of_a_batch_function():
    assert set(table(REFERENCE, "Batches", "attribute")) == public(BatchMemo) | {"__wrapped__"}


def test_the_faces_of_a_memoized_function():
    assert set(table(REFERENCE, "Memoized functions", "attribute")) == public(Memo) | {"__wrapped__"}
    extra = set(CacheInfo.__annotations__)
    assert list(table(REFERENCE, "Memoized functions", "field")) == [*CacheInfo._fields, *sorted(extra, key=len)]


def test_the_methods_of_store():
    for_wrappers_only = public(Remembers) - {"find", "invalidate", "url"}
    documented = table(REFERENCE, "The store's methods", "attribute")
    assert set(documented) == public(Store) - for_wrappers_only


def test_the_parameters_of_the_methods_of_store():
    for name, row in table(REFERENCE, "The store's methods", "attribute").items():
        written = re.search(r"\((.*)\)`", row[0])
        if written:
            method = inspect.signature(getattr(Store, name))
            shown = [p.replace(annotation=inspect.Parameter.empty) for p in list(method.parameters.values())[1:]]
            assert f"({written[1]})" == str(inspect.Signature(shown)), name


def test_the_filters():
    assert list(table(REFERENCE, "Filters", "filter")) == list(query.FILTERS)


def test_the_explanations():
    from memostore.explain import Change, Difference, StoredCode, Tombstone
    from memostore.explain.wording import HEADS

    assert set(table(REFERENCE, "Explanations", "reason")) == set(HEADS)
    rows = table(REFERENCE, "Explanations", "field")
    assert list(rows) == fields(Explanation)
    for name, kind, own in (
        ("stored_code", StoredCode, set()), ("tombstone", Tombstone, set()), ("changes", Change, set()),
        ("differences", Difference, {"path"}),
    ):  # fmt: skip
        assert set(CODE.findall(rows[name][1])) - {"version="} == (set(fields(kind)) | own) - {"steps"}, name


@pytest.mark.parametrize("kind", [Entry, StoredCall, FunctionStats, Stats, Finding], ids=lambda kind: kind.__name__)
def test_the_records(kind):
    after = section(REFERENCE, "Records").partition(f"`{kind.__name__}` is")[2]
    assert [plain(row[0]) for row in tables_of(after)[0][1:]] == fields(kind)


def test_the_events():
    documented = table(REFERENCE, "Events", "event")
    assert set(documented) == set(events.EVENTS)
    for name, row in documented.items():
        assert CODE.findall(row[2]) == fields(events.EVENTS[name]), name
        assert row[1] == memostore.events.logging.getLevelName(events.LEVELS[events.EVENTS[name]]), name


def test_the_errors():
    documented = table(REFERENCE, "Errors", "error")
    assert set(documented) == set(errors.__all__)
    for name, row in documented.items():
        assert row[1].split(", ") == [base.__name__ for base in getattr(errors, name).__bases__], name


def test_what_there_is_for_tests():
    assert set(table(REFERENCE, "Testing", "name")) == set(testing.__all__) | public(testing.Clock)


def test_the_commands():
    documented = table(REFERENCE, "The command", "command")
    assert list(documented) == list(main.commands)
    filters = set(re.findall(r"`(--[a-z-]+)[` ]", section(REFERENCE, "The command").partition("The filters are ")[2]))
    filters -= {"--json"}
    for name, row in documented.items():
        options = {p.opts[-1] if p.opts[-1].startswith("--") else p.opts[0] for p in main.commands[name].params}
        options = {option for option in options if option.startswith("--")}
        named = set(CODE.findall(row[1])) | (filters if "filters" in row[1] else set())
        assert named == options, name
        choices = [c for p in main.commands[name].params for c in getattr(p.type, "choices", ())]
        assert set(choices) <= set(CODE.findall(row[2])), name


def test_everything_that_the_package_exports():
    assert set(memostore.__all__) <= set(re.findall(r"\w+", " ".join(CODE.findall(REFERENCE.read_text()))))


def test_the_environment_variables():
    documented = set(table(REFERENCE, "The environment", "variable"))
    sources = "".join(path.read_text() for path in (ROOT / "memostore").rglob("*.py"))
    assert documented == set(re.findall(r'environ(?:\.get\(|\[)"(\w+)"', sources))


# schema.md


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    path = tmp_path_factory.mktemp("schema") / "empty.db"
    Store(path).close()
    with sqlite3.connect(path) as connection:
        yield connection
    connection.close()


def columns(database: sqlite3.Connection, name: str) -> list[str]:
    return [row[1] for row in database.execute(f"PRAGMA table_info({name})")]


def names(database: sqlite3.Connection, kind: str) -> set[str]:
    return {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = ?", [kind])}


def headings(kind: str) -> set[str]:
    return set(re.findall(rf"^### {kind} (\w+)$", SCHEMA.read_text(), re.MULTILINE))


def test_every_view_has_its_section(database):
    assert headings("View") == names(database, "view") == set(views.metadata.tables)


def test_every_table_has_its_section(database):
    assert headings("Table") | {"alembic_version"} == names(database, "table")
    assert headings("Table") == set(tables.metadata.tables)


@pytest.mark.parametrize("name", sorted(views.metadata.tables))
def test_the_columns_of_a_view(database, name):
    documented = table(SCHEMA, f"View {name}", "column")
    assert list(documented) == columns(database, name) == list(views.metadata.tables[name].columns.keys())
    kinds = {"TEXT": "text", "BIGINT": "integer", "DOUBLE": "real"}
    for column in views.metadata.tables[name].columns:
        assert documented[column.name][1] == kinds[str(column.type)], column


@pytest.mark.parametrize("name", sorted(tables.metadata.tables))
def test_the_columns_of_a_table(database, name):
    assert list(table(SCHEMA, f"Table {name}", "column")) == columns(database, name)


def test_every_column_has_a_meaning():
    for name in re.findall(r"^### ((?:View|Table) \w+)$", SCHEMA.read_text(), re.MULTILINE):
        assert all(row[-1] for row in table(SCHEMA, name, "column").values()), name


def test_there_are_enough_queries():
    assert SCHEMA.read_text().count("```sql") >= 12


# architecture.md


def test_the_floors_are_those_that_the_imports_are_tested_by():
    floors = table(ARCHITECTURE, "The floors", "modules")
    documented = {name: int(row[0]) for name, row in floors.items()}
    tested = ast.parse((ROOT / "tests" / "test_architecture.py").read_text())
    assigned = next(
        node.value for node in tested.body if isinstance(node, ast.Assign) and node.targets[0].id == "FLOORS"
    )
    held = {room or "__init__": floor for floor, rooms in enumerate(ast.literal_eval(assigned)) for room in rooms}
    assert documented == held
