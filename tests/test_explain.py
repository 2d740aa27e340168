"""`f.explain(...)`: the reason of every miss, what is told of a hit, and that asking changes nothing."""

from __future__ import annotations

import dataclasses
import json
import os
import sqlite3
import threading
from contextlib import closing

import pytest

from memostore import Explanation, InvalidArgument, MemostoreWarning, Store, events
from memostore.explain import Change
from memostore.explain.manifest import Manifest, changes, reason_of
from memostore.origin import here

pytestmark = pytest.mark.filterwarnings("error::memostore.MemostoreWarning")

REASONS = {
    "hit", "stored", "new", "arguments", "code", "package", "file", "variable", "version", "expired", "evicted",
    "invalidated", "cleared", "skipped", "corrupt", "unloadable", "unkeyable", "fault", "off",
}  # fmt: skip


def load(path, config=None):
    return f"{path} {config}"


def damage(path, value=b"\x00"):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE entry SET value = ?", [value])


def self_checked(path):
    """Give a damaged entry a checksum that fits, as a value of a class that is gone would have."""
    from memostore.backends.protocol import binding_of
    from memostore.codec import checksum

    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        row = connection.execute("SELECT key, codec, created, expires, value FROM entry").fetchone()
        connection.execute("UPDATE entry SET checksum = ?", [checksum(binding_of(*row[:4]), [row[4]])])


def same_named(store, body, **options):
    """Memoize a function of the one name prep.f."""
    return store.memoize(name="prep.f", **options)(body)


# A hit


def test_a_hit_tells_when_from_what_where_and_how_often(store, clock):
    f = store.memoize(ttl="1d")(load)
    f("a.csv", config={"lr": 0.1})
    clock.advance(60)
    f("a.csv", {"lr": 0.1}), f("a.csv", {"lr": 0.1})
    said = f.explain("a.csv", {"lr": 0.1})
    assert said.is_hit
    assert (said.reason, said.key, said.arguments) == ("hit", f.key("a.csv", {"lr": 0.1}), said.entry.arguments)
    assert (said.entry.hit_count, said.entry.last_hit.timestamp()) == (2, clock())
    assert (said.entry.host, said.user_name, said.script) == tuple(here().as_dict().values())
    assert said.entry.expires.timestamp() == clock() - 60 + 86400
    assert said.stored_code.fingerprint == said.code == said.entry.code
    assert said.stored_code.first_seen.timestamp() == clock() - 60
    text = str(said)
    assert text.startswith(f"{__name__}.load: a hit\n")
    for part in ("stored 2026-04-01 12:00:00 UTC", "served 2 times", 'config={"lr": 0.1}', here().host, "2026-04-02"):
        assert part in text


def test_hits_that_are_not_written_yet_count(store, monkeypatch):
    f = store.memoize(load)
    f("a")
    store.flush()
    monkeypatch.setattr(store, "flush", lambda: None)
    f("a"), f("a"), f("b")
    assert f.explain("a").entry.hit_count == 2
    assert "served 2 times" in str(f.explain("a"))


def test_asking_counts_nothing_and_writes_nothing(store, path, snapshot):
    f = store.memoize(load)
    f("a"), f("b")
    store.invalidate(args={"path": "b"})
    store.flush()
    before = snapshot(path.parent)
    for argument in ("a", "b", "c"):
        str(f.explain(argument))
    assert snapshot(path.parent) == before
    assert (f.cache_info().hits, f.cache_info().misses) == (0, 2)
    assert store.find(args={"path": "a"})[0].hit_count == 0


def test_asking_runs_neither_the_function_nor_a_large_values_pickle(store, runs):
    @store.memoize
    def f(x):
        runs.append(x)
        return Loud(), os.urandom(200_000)

    f(1)
    assert f.explain(1).is_hit
    f.explain(2)
    assert runs == [1]


class Loud:
    def __setstate__(self, state):
        raise AssertionError("loaded")

    def __getstate__(self):
        return {"a": 1}


# Misses


def test_never_called(store):
    said = store.memoize(load).explain("a")
    assert (said.reason, said.is_hit, said.entry, said.tombstone, said.detail) == ("new", False, None, None, "")
    assert str(said) == f"{__name__}.load: a miss: never called before"


def test_called_with_other_arguments_names_the_nearest_call_and_the_path(store, clock):
    f = store.memoize(load)
    f("b.csv", {"optimizer": {"name": "sgd", "lr": 0.5}})
    f("a.csv", {"optimizer": {"name": "sgd", "lr": 0.1}})
    clock.advance(1)
    f("c.csv", {"optimizer": {"name": "adam", "lr": 0.1}})
    said = f.explain("a.csv", {"optimizer": {"name": "sgd", "lr": 0.01}})
    assert said.reason == "arguments"
    assert said.entry.arguments["path"] == "a.csv"
    assert said.detail == 'config["optimizer"]["lr"]: 0.1 -> 0.01'
    assert said.detail in str(said)
    assert said.as_dict()["differences"] == [
        {"path": 'config["optimizer"]["lr"]', "kind": "changed", "old": 0.1, "new": 0.01}
    ]


def test_of_calls_equally_near_the_newest_is_told(store, clock):
    f = store.memoize(load)
    for name in ("a", "b", "c"):
        f(name)
        clock.advance(1)
    assert f.explain("d").entry.arguments["path"] == "c"


def test_a_difference_in_what_is_not_shown_is_said_to_be_there(store):
    f = store.memoize(load)
    f(list(range(100)))
    said = f.explain(list(range(1, 101)))
    assert (said.reason, said.differences) == ("arguments", ())
    assert "differ in a part that is not shown" in said.detail
    assert said.detail in str(said)


def test_the_nearest_call_may_be_one_whose_result_is_gone(store):
    f = store.memoize(load)
    f("a")
    store.clear()
    said = f.explain("b")
    assert (said.reason, said.entry, said.tombstone.reason) == ("arguments", None, "cleared")
    assert "gone too" in str(said)


def test_other_functions_and_values_under_names_do_not_count(store):
    store.put("a", 1)
    store.memoize(lambda path: path)("a")
    assert store.memoize(load).explain("a").reason == "new"


def test_changed_code_is_shown_as_a_diff(store, clock):
    def first(x):
        return x + 1

    def second(x):
        return x + 2

    f = same_named(store, first)
    f(1)
    clock.advance(60)
    said = same_named(store, second).explain(1)
    assert said.reason == "code"
    assert (said.entry.code, said.stored_code.fingerprint) == (f.explain(1).code, f.explain(1).code)
    (change,) = [change for change in said.changes if change.diff]
    assert {"-    return x + 1", "+    return x + 2"} <= set(change.diff.splitlines())
    assert change.name in said.detail
    assert "stored 2026-04-01 12:00:00 UTC" in change.diff
    assert "return x + 2" in str(said)


def test_of_several_older_codes_the_one_used_last_is_told(store, clock):
    bodies = [lambda x: x + 1, lambda x: x + 2, lambda x: x + 3]
    for body in bodies[:2]:
        same_named(store, body)(1)
        clock.advance(60)
    same_named(store, bodies[0])(1)
    store.flush()
    said = same_named(store, bodies[2]).explain(1)
    assert said.entry.code == same_named(store, bodies[0]).explain(1).code
    assert said.entry.hit_count == 1


def test_the_older_codes_result_may_be_gone(store):
    same_named(store, lambda x: x + 1)(1)
    store.clear()
    said = same_named(store, lambda x: x + 2).explain(1)
    assert (said.reason, said.entry, said.tombstone.reason) == ("code", None, "cleared")
    assert "it was stored" in str(said)


def test_a_changed_version_is_told_whichever_was_the_last(store):
    body = lambda x: x + 1  # noqa: E731
    for version in (1, 2):
        same_named(store, body, version=version)(1)
    said = same_named(store, body, version=3).explain(1)
    assert (said.reason, said.detail) == ("version", "version=: 2 -> 3")
    assert same_named(store, body).explain(1).detail == "version=: 2 -> None"
    assert same_named(store, body, version="2").explain(1).detail == "version=: 2 -> '2'"


def test_a_version_is_remembered_although_another_one_was_stored_first(store, clock):
    body = lambda x: x + 1  # noqa: E731
    same_named(store, body, version=1)(1)
    same_named(store, body, version=2)(2)
    assert same_named(store, body, version=3).explain(2).detail == "version=: 2 -> 3"
    assert store.functions()[0].versions == 1


def test_expired(store, clock):
    f = store.memoize(ttl=10)(load)
    f("a")
    clock.advance(10)
    said = f.explain("a")
    assert (said.reason, said.entry.expires.timestamp()) == ("expired", clock())
    assert said.detail == "at 2026-04-01 12:00:10 UTC"
    store.expire()
    said = f.explain("a")
    assert (said.reason, said.entry, said.tombstone.reason) == ("expired", None, "expired")


def test_evicted_names_the_policy(path, clock):
    with Store(path, max_entries=1, eviction="cost", clock=clock) as store:
        f = store.memoize(load)
        f("a"), f("b")
        said = f.explain("a")
    assert (said.reason, said.tombstone.detail) == ("evicted", "cost")
    assert "by the policy cost" in str(said)


def test_invalidated_names_the_filters_and_from_where(store):
    f = store.memoize(tags=["nightly"])(load)
    f("a")
    store.invalidate(tag="nightly")
    said = f.explain("a")
    assert (said.reason, said.tombstone.detail) == ("invalidated", "tag='nightly'")
    assert (said.tombstone.host, said.tombstone.script) == (here().host, here().script)
    assert f"by tag='nightly', on {here().host}" in str(said)


def test_cleared(store):
    f = store.memoize(load)
    f("a")
    store.clear()
    assert f.explain("a").reason == "cleared"
    f("a")
    assert f.explain("a").is_hit


def test_not_stored_tells_why_as_long_as_this_process_knows(store):
    f = store.memoize(cache_if=lambda result: False)(load)
    f("a")
    assert (f.explain("a").reason, f.explain("a").error) == ("skipped", "cache_if said no")
    g = store.memoize(lambda x: (n for n in range(x)))
    with pytest.warns(MemostoreWarning):
        g(1)
    assert "generator" in str(g.explain(1))


def test_an_argument_of_another_key_each_time_is_told(store):
    numbers = iter(range(100))

    class Restless:
        def __memo_key__(self):
            return next(numbers)

    said = store.memoize(load).explain(Restless())
    assert (said.reason, "another key each time" in said.detail) == ("skipped", True)


def test_too_large_to_be_stored(path):
    with Store(path, max_size=1000, compress="never") as store:
        f = store.memoize(lambda n: bytes(n))
        with pytest.warns(MemostoreWarning):
            f(5000)
        assert "max_size=1000" in f.explain(5000).detail


def test_damaged(store, path):
    f = store.memoize(load)
    f("a")
    damage(path)
    said = f.explain("a")
    assert (said.reason, said.entry.arguments["path"]) == ("corrupt", "a")
    assert "checksum" in said.detail


def test_a_large_value_that_lacks_a_piece_is_damaged(store, path):
    f = store.memoize(lambda n: os.urandom(n))
    f(200_000)
    assert f.explain(200_000).is_hit
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM chunk")
    assert f.explain(200_000).reason == "corrupt"


def test_text_that_is_no_text_is_damage(store, path):
    f = store.memoize(load)
    f("a")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE entry SET codec = CAST(x'ff' AS TEXT)")
    assert f.explain("a").reason in ("corrupt", "fault")


def test_unloadable_tells_the_error(store, path):
    f = store.memoize(load)
    f("a")
    damage(path, b"cnowhere\nThing\n.")
    self_checked(path)
    said = f.explain("a")
    assert said.reason == "unloadable"
    assert "ModuleNotFoundError" in said.detail


def test_an_argument_that_cannot_be_keyed(store):
    f = store.memoize(load)
    said = f.explain(threading.Lock())
    assert (said.reason, said.key) == ("unkeyable", None)
    assert "path" in said.detail


def test_arguments_that_do_not_fit_are_pythons_error(store):
    with pytest.raises(TypeError, match="path"):
        store.memoize(load).explain()


def test_a_store_that_remembers_nothing():
    with Store(None) as store:
        assert store.memoize(load).explain("a").reason == "off"


@pytest.mark.parametrize("on_error", ["compute", "raise"])
def test_a_store_that_cannot_be_read_is_told_and_never_raised(path, on_error):
    with Store(path, on_error=on_error) as store:
        f = store.memoize(load)
        f("a")
    said = f.explain("a")
    assert said.reason == "fault"
    assert "closed" in said.detail


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE code SET manifest = 'no json', source = NULL",
        "UPDATE code SET manifest = '[]'",
        "UPDATE code SET manifest = x'ff'",
        "UPDATE code SET first_seen = 'never'",
        "UPDATE entry SET arguments = 'no json'",
        "UPDATE entry SET arguments = x'ff'",
        "UPDATE entry SET created = 'long ago'",
        "UPDATE tombstone SET gone = 1e300, arguments = '[]'",
        "DROP TABLE tombstone",
        "DROP VIEW entries",
    ],
)
def test_rows_that_were_tampered_with_raise_nothing(store, path, change):
    f = same_named(store, lambda x: x + 1)
    f(1), f(2), f(3)
    f.invalidate(2)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(change)
    for asked in (f, same_named(store, lambda x: x + 9)):
        for argument in (1, 2, 4):
            said = asked.explain(argument)
            assert said.reason in REASONS
            assert str(said)
            json.loads(said.to_json())


# Methods and other shapes


class Model:
    def __init__(self, rate):
        self.rate = rate

    def predict(self, x):
        return self.rate * x


def test_a_method_is_asked_through_its_instance(store, monkeypatch):
    monkeypatch.setattr(Model, "predict", store.memoize(Model.predict))
    model = Model(2)
    model.predict(3)
    assert model.predict.explain(3).is_hit
    assert model.predict.explain(4).detail == "x: 3 -> 4"
    assert Model(5).predict.explain(3).reason == "arguments"


def test_ignored_parameters_are_no_difference(store):
    f = store.memoize(ignore=["config"])(load)
    f("a", config=1)
    assert f.explain("a", config=2).is_hit
    assert f.explain("b", config=2).detail == 'path: "a" -> "b"'


def test_a_key_of_ones_own(store):
    f = store.memoize(key=lambda path, config=None: path)(load)
    f("a", 1)
    assert f.explain("a", 2).is_hit
    assert f.explain("b", 1).reason == "arguments"


# Old names, new parameters


def test_a_result_under_an_old_name_is_a_hit(store):
    body = lambda x: x + 1  # noqa: E731
    store.memoize(name="prep.old")(body)(1)
    f = store.memoize(name="prep.new", formerly=["prep.old"])(body)
    said = f.explain(1)
    assert (said.reason, said.entry.function) == ("hit", "prep.old")
    assert f(1) == 2


def test_older_code_under_an_old_name_is_found(store):
    store.memoize(name="prep.old")(lambda x: x + 1)(1)
    said = store.memoize(name="prep.new", formerly=["prep.old"])(lambda x: x + 2).explain(1)
    assert (said.reason, said.entry.function) == ("code", "prep.old")


def test_a_result_from_before_a_parameter_is_a_hit_with_its_default(store):
    def f(x):
        return x

    first = same_named(store, f)
    first(1)

    def f(x, y=0):
        return x

    second = same_named(store, f, new_defaults=True)
    assert second.explain(1).is_hit
    assert second.explain(1, y=2).reason == "arguments"


# Manifests


def manifest(level="deep", packages=None, **texts):
    definitions = [
        {"name": f"prep.{name}", "kind": "constant" if name.isupper() else "function", "file": "prep.py", "line": 3,
         "digest": f"{hash(text):x}", "text": text} for name, text in texts.items()
    ]  # fmt: skip
    data = {"level": level, "version": None, "parameters": ["x"], "definitions": definitions,
            "packages": packages or {}, "unseen": []}  # fmt: skip
    return Manifest.parsed(json.dumps(data), None, "prep.f")


F = "def f(x):\n    return scale(x)\n"


def test_a_helper_that_changed_is_named_with_its_file():
    old = manifest(f=F, scale="def scale(x):\n    return x * 2\n")
    new = manifest(f=F, scale="def scale(x):\n    return x * 3\n")
    (change,) = changes(old, new, "stored")
    assert (change.kind, change.name, change.file, change.line) == ("function", "prep.scale", "prep.py", 3)
    assert change.diff.splitlines()[-2:] == ["-    return x * 2", "+    return x * 3"]
    assert str(change).startswith("prep.scale in prep.py:3: changed\n--- stored")
    assert reason_of((change,)) == "code"


def test_a_constant_is_told_by_its_values():
    (change,) = changes(manifest(f=F, LR="0.1"), manifest(f=F, LR="0.01"))
    assert str(change) == "prep.LR in prep.py:3: 0.1 -> 0.01"


def test_what_came_and_what_went():
    old, new = manifest(f=F, gone="def gone(): pass"), manifest(f=F, came="def came(): 1")
    assert [(c.name, c.how) for c in changes(old, new)] == [("prep.came", "added"), ("prep.gone", "removed")]


def test_what_only_moved_is_no_change():
    assert changes(manifest(f=F, here="def h(): pass"), manifest(f=F, there="def h(): pass")) == ()


def test_a_package_is_told_by_its_versions():
    old = manifest(f=F, packages={"numpy": "1.26.4", "scipy": "1.11"})
    new = manifest(f=F, packages={"numpy": "2.4.6", "pandas": "3.1"})
    found = changes(old, new)
    assert [str(change) for change in found] == [
        "package numpy: 1.26.4 -> 2.4.6", "package pandas: added, 3.1", "package scipy: removed, 1.11",
    ]  # fmt: skip
    assert reason_of(found) == "package"
    assert reason_of((*found, Change("function", "f"))) == "code"
    assert reason_of((Change("version", "version="),)) == "version"
    assert reason_of(()) == "code"


def test_files_and_variables_are_told_by_what_is_known_of_them():
    def inputs(**given):
        shown = {f"file {name}" if name.islower() else f"variable {name}": item for name, item in given.items()}
        return Manifest.parsed(json.dumps({"level": "deep", "inputs": shown}), F, "prep.f")

    same = {"size": 3, "digest": "aa"}
    old = inputs(a={**same, "modified": "then"}, b=same, c={"missing": True}, d=same,
                 KEY={"characters": 9, "digest": "aa"}, LANG={"value": ""})  # fmt: skip
    new = inputs(a={**same, "modified": "now"}, b={"files": 2, **same}, c={"unreadable": "PermissionError"},
                 e={"missing": True}, KEY={"characters": 9, "digest": "bb"}, LANG={"value": None})  # fmt: skip
    found = changes(old, new)
    assert [str(change) for change in found] == [
        "file b: 3 bytes, digest aa -> 2 files, 3 bytes, digest aa",
        "file c: missing -> can't be read (PermissionError)",
        "file d: removed, 3 bytes, digest aa", "file e: added, missing",
        "variable KEY: 9 characters, digest aa -> 9 characters, digest bb", "variable LANG: '' -> unset",
    ]  # fmt: skip
    assert [reason_of(found), reason_of(found[4:])] == ["file", "variable"]
    assert reason_of((*found, Change("package", "numpy"))) == "package"


def test_a_manifest_of_the_first_revision_is_the_functions_source():
    old = Manifest.parsed('{"level": "body", "seen": ["code"], "unseen": []}', F, "prep.f")
    new = manifest(f=F.replace("scale(x)", "scale(x) + 1"), scale="def scale(x): 1")
    first, second = changes(old, new)
    assert first.diff.splitlines()[-2:] == ["-    return scale(x)", "+    return scale(x) + 1"]
    assert str(second) == "the code counts by another rule: code='body' -> code='deep'"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "3",
        "{",
        '{"definitions": 3, "packages": [], "unseen": {}}',
        '{"definitions": [1, {"name": 2}]}',
        '{"inputs": [1]}',
        '{"inputs": {"file a": 3, "b": {}}}',
        None,
    ],
    ids=repr,
)
def test_a_manifest_that_cannot_be_read_covers_nothing(text):
    assert Manifest.parsed(text, None, "f").definitions == {}


def test_a_helper_and_a_constant_change_between_two_runs(script):
    text = """
        import sys
        from memostore import Store
        LIMIT = 10
        def scale(x):
            return x * 2
        store = Store("memo.db")
        @store.memoize
        def f(x):
            return scale(x) + LIMIT
        if sys.argv[1] == "run":
            f(1)
        print(f.explain(1))
        print(f.explain(1).reason)
    """
    script.write(text).run("run")
    assert script.run("ask").stdout.splitlines()[-1] == "hit"
    changed = script.write(text.replace("x * 2", "x * 3").replace("LIMIT = 10", "LIMIT = 20")).run("ask").stdout
    assert changed.splitlines()[-1] == "code"
    assert "scale in job.py:5: changed" in changed
    assert "-    return x * 2" in changed
    assert "LIMIT: 10 -> 20" in changed


# The record


def test_the_record_is_frozen_and_its_json_is_whole(store):
    f = store.memoize(load)
    f("a")
    for said in (f.explain("a"), f.explain("b"), f.explain(object)):
        data = json.loads(said.to_json())
        assert data == said.as_dict()
        assert set(data) == {field.name for field in dataclasses.fields(Explanation)} | {"is_hit", "detail"}
    with pytest.raises(dataclasses.FrozenInstanceError):
        said.reason = "hit"


def test_every_reason_has_words(store):
    from memostore.explain.wording import HEADS

    assert set(HEADS) == REASONS
    assert all(str(Explanation("f", reason)) for reason in REASONS)


def test_stored_text_cannot_steer_a_terminal(store):
    f = store.memoize(load)
    f("\x1b[31mred")
    assert "\x1b" not in str(f.explain("a")) + f.explain("a").detail


# Without the function


def test_a_stored_result_is_found_by_its_arguments_alone(store):
    f = store.memoize(load)
    f("a.csv", config=3)
    said = store.explain(f"{__name__}.load", args={"path": "a.csv"})
    assert (said.reason, said.is_hit, said.entry.key) == ("stored", False, f.key("a.csv", 3))
    assert store.explain(load, args={"path": "a.csv", "config": 4}).detail == "config: 3 -> 4"
    assert store.explain("load").reason == "stored"
    assert store.explain("nothing", args={"x": 1}).reason == "new"


def test_a_result_that_is_gone_is_found_by_its_arguments_and_its_key(store):
    f = store.memoize(load)
    f("a.csv")
    key = f.key("a.csv")
    f.cache_clear()
    for said in (store.explain(load, args={"path": "a.csv"}), store.explain(key=key[:10])):
        assert (said.reason, said.function) == ("invalidated", f"{__name__}.load")
    assert store.explain(load, args={"path": "b.csv"}).reason == "arguments"


def test_a_key_names_an_entry_by_its_first_digits(store):
    f = store.memoize(load)
    f("a"), f("b")
    assert store.explain(key=f.key("a")[:12]).entry.arguments["path"] == "a"
    with pytest.raises(InvalidArgument, match="no entry's key"):
        store.explain(key="0" * 20)


@pytest.mark.parametrize(
    "wrong",
    [{}, {"function": "f", "key": "ab"}, {"key": "ab", "args": {"x": 1}}, {"key": "xyz"}, {"key": 3},
     {"function": 3}, {"function": "f", "args": [1]}, {"function": "f", "args": "x"}],
    ids=repr,
)  # fmt: skip
def test_a_question_that_names_no_call_is_refused(store, wrong):
    with pytest.raises(InvalidArgument):
        store.explain(**wrong)


def test_asking_by_key_unpickles_nothing(store, path):
    f = store.memoize(load)
    f("a")
    damage(path, b"cnowhere\nThing\n.")
    self_checked(path)
    assert store.explain(key=f.key("a")).reason == "stored"
    damage(path)
    assert store.explain(key=f.key("a")).reason == "corrupt"


# The event of a miss


def test_a_miss_is_told_with_its_reason_and_detail(store, clock):
    misses = []
    store.on("Miss", misses.append)
    f = store.memoize(ttl=10)(load)
    f("a"), f("b")
    clock.advance(10)
    f("b")
    store.clear()
    f("a")
    assert [(miss.reason, miss.detail) for miss in misses[:3]] == [
        ("new", ""), ("arguments", 'path: "a" -> "b"'), ("expired", "at 2026-04-01 12:00:10 UTC"),
    ]  # fmt: skip
    assert misses[3].reason == "cleared"


def test_nothing_is_worked_out_where_nobody_listens(store, monkeypatch):
    def fails(*_, **__):
        raise AssertionError("asked")

    monkeypatch.setattr("memostore.catalogue.explained", fails)
    f = store.memoize(load)
    f("a"), f("b")
    assert f.cache_info().misses == 2


def test_an_explanation_that_fails_costs_the_call_nothing(store, monkeypatch):
    def fails(*_, **__):
        raise RuntimeError("no")

    monkeypatch.setattr("memostore.catalogue.explained", fails)
    misses = []
    store.on(events.Miss, misses.append)
    assert store.memoize(load)("a") == "a None"
    assert (misses[0].reason, misses[0].detail) == ("new", "not explained: RuntimeError('no')")
