"""The store held to a dictionary with a clock: whatever is done, in whatever order, both say the same."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from memostore import Store

pytestmark = pytest.mark.filterwarnings("error::memostore.MemostoreWarning")

NAMES = st.sampled_from(["a", "b", "c", 1, 1.0, True, None, ("a", 1)])
ARGUMENTS = st.integers(0, 4)
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.binary(max_size=8),
    st.lists(st.integers(), max_size=3),
    st.sampled_from([b"\x00" * 70_000, "large" * 40_000]),
)  # fmt: skip
SPANS = st.sampled_from([1, 2, 8, 64])
TTLS = st.one_of(st.none(), SPANS)
TAGS = st.lists(st.sampled_from(["x", "y"]), max_size=2, unique=True)
LIMITS = st.sampled_from([1, 3, 6, 1000])

FUNCTION_TTL = 16
FUNCTION_TAG = "called"


@dataclass
class Held:
    """What the dictionary knows of an entry. The dictionary's own order is that of the last use."""

    value: object
    created: float
    expires: float | None
    tags: tuple[str, ...]
    used: float | None = None
    hits: int = 0


class Model(RuleBasedStateMachine):
    template: Path

    def __init__(self):
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="memostore-model-"))
        self.path = self.directory / "memo.db"
        shutil.copy(self.template, self.path)
        self.now = 1_000_000.0
        self.held: dict[tuple, Held] = {}
        self.runs = 0
        self.hits = self.misses = 0

    @initialize(limit=LIMITS)
    def open(self, limit):
        self.limit = limit
        self.store = Store(self.path, max_entries=limit, clock=lambda: self.now, on_error="raise")

        def compute(x):
            self.runs += 1
            return [x, self.runs]

        # By key: what the closure holds changes, and does not count.
        self.f = self.store.memoize(key=lambda x: x, name="model.f", version=1, ttl=FUNCTION_TTL, tags=[FUNCTION_TAG])(
            Computing(compute)
        )
        self.g = self.store.memoize(key=lambda x: x, name="model.g", version=1)(Computing(compute))

    def teardown(self):
        try:
            if hasattr(self, "store"):
                self.look()
                self.store.close()
        finally:
            shutil.rmtree(self.directory)

    # The dictionary's side

    def alive(self, key):
        held = self.held.get(key)
        return held is not None and (held.expires is None or held.expires > self.now)

    def use(self, key):
        held = self.held.pop(key)
        self.held[key] = held
        held.hits += 1
        held.used = self.now if held.used is None else max(held.used, self.now)
        self.hits += 1
        return held.value

    def keep(self, key, value, ttl, tags):
        self.held.pop(key, None)
        self.held[key] = Held(value, self.now, None if ttl is None else self.now + ttl, tuple(sorted(tags)))
        if len(self.held) > self.limit:
            self.drop(lambda other: not self.alive(other) and other != key)
            for oldest in list(self.held)[: max(0, len(self.held) - self.limit)]:
                del self.held[oldest]

    def drop(self, condition):
        gone = [key for key in self.held if condition(key)]
        for key in gone:
            del self.held[key]
        return len(gone)

    # Values under names

    @rule(name=NAMES, value=VALUES, ttl=TTLS, tags=TAGS)
    def put(self, name, value, ttl, tags):
        self.store.put(name, value, ttl=ttl, tags=tags)
        self.keep(("name", repr(name)), value, ttl, tags)

    @rule(name=NAMES)
    def get(self, name):
        key = ("name", repr(name))
        expected = self.use(key) if self.alive(key) else "absent"
        found = self.store.get(name, "absent")
        assert found == expected
        assert type(found) is type(expected)

    @rule(name=NAMES)
    def contains(self, name):
        assert (name in self.store) == self.alive(("name", repr(name)))

    @rule(name=NAMES)
    def delete(self, name):
        assert self.store.delete(name) == (self.held.pop(("name", repr(name)), None) is not None)

    # Memoized calls

    @rule(which=st.sampled_from("fg"), x=ARGUMENTS)
    def call(self, which, x):
        key, runs = (which, x), self.runs
        result = getattr(self, which)(x)
        if self.alive(key):
            assert result == self.use(key)
            assert self.runs == runs
        else:
            assert result == [x, runs + 1]
            self.computed(key, result)

    @rule(which=st.sampled_from("fg"), x=ARGUMENTS)
    def refresh(self, which, x):
        result = getattr(self, which).refresh(x)
        assert result == [x, self.runs]
        self.computed((which, x), result)

    def computed(self, key, result):
        self.misses += 1
        self.keep(key, result, *((FUNCTION_TTL, [FUNCTION_TAG]) if key[0] == "f" else (None, [])))

    @rule(which=st.sampled_from("fg"), x=ARGUMENTS)
    def lookup(self, which, x):
        expected = self.use((which, x)) if self.alive((which, x)) else "absent"
        assert getattr(self, which).lookup(x, default="absent") == expected

    @rule(which=st.sampled_from("fg"), x=ARGUMENTS)
    def is_cached(self, which, x):
        assert getattr(self, which).is_cached(x) == self.alive((which, x))

    @rule(which=st.sampled_from("fg"), x=ARGUMENTS)
    def invalidate_call(self, which, x):
        assert getattr(self, which).invalidate(x) == (self.held.pop((which, x), None) is not None)

    # Time

    @rule(seconds=SPANS)
    def advance(self, seconds):
        self.now += seconds

    @rule()
    def expire(self):
        assert self.store.expire() == self.drop(lambda key: not self.alive(key))

    # Removing

    @rule(entries=st.integers(0, 6))
    def evict(self, entries):
        expected = self.drop(lambda key: not self.alive(key))
        oldest = list(self.held)[: max(0, len(self.held) - entries)]
        assert self.store.evict(entries=entries) == expected + self.drop(oldest.__contains__)

    @rule(tag=st.sampled_from(["x", "y", FUNCTION_TAG]), dry_run=st.booleans())
    def invalidate_tag(self, tag, dry_run):
        self.removes({"tag": tag}, lambda key: tag in self.held[key].tags, dry_run)

    @rule(age=SPANS, dry_run=st.booleans())
    def invalidate_older(self, age, dry_run):
        self.removes({"older_than": age}, lambda key: self.held[key].created < self.now - age, dry_run)

    @rule(span=SPANS)
    def invalidate_unused(self, span):
        self.removes(
            {"unused_for": span}, lambda key: (self.held[key].used or self.held[key].created) < self.now - span
        )

    @rule(which=st.sampled_from("fg"))
    def invalidate_function(self, which):
        self.removes({"function": getattr(self, which)}, lambda key: key[0] == which)

    @rule(x=ARGUMENTS)
    def invalidate_arguments(self, x):
        self.removes({"args": {"x": x}}, lambda key: key[0] in "fg" and key[1] == x)

    def removes(self, filters, condition, dry_run=False):
        count = self.store.invalidate(**filters, dry_run=dry_run)
        assert count == (sum(map(condition, self.held)) if dry_run else self.drop(condition))

    @rule()
    def clear(self):
        assert self.store.clear() == len(self.held)
        self.held.clear()

    # Processes come and go

    @rule(limit=LIMITS)
    def reopen(self, limit):
        self.store.close()
        self.open(limit)

    @rule(name=NAMES, value=VALUES)
    def another_store_puts(self, name, value):
        self.store.flush()
        with Store(self.path, clock=lambda: self.now, max_entries=self.limit) as other:
            other.put(name, value)
        self.keep(("name", repr(name)), value, None, [])

    @rule(name=NAMES)
    def another_store_gets(self, name):
        self.store.flush()
        key = ("name", repr(name))
        expected = self.use(key) if self.alive(key) else "absent"
        with Store(self.path, clock=lambda: self.now) as other:
            assert other.get(name, "absent") == expected

    # What holds at any time. Not an invariant: asking writes the counted hits, and would hide what waiting does.

    @rule()
    def look(self):
        found = {key_of(entry): entry for entry in self.store.find()}
        assert found.keys() == self.held.keys()
        for key, entry in found.items():
            held = self.held[key]
            assert (entry.tags, entry.hit_count) == (held.tags, held.hits)
            assert entry.created.timestamp() == held.created
            assert (entry.expires and entry.expires.timestamp()) == held.expires
            assert (entry.last_hit and entry.last_hit.timestamp()) == held.used
        stats = self.store.stats()
        assert (stats.entries, stats.hits, stats.misses) == (len(self.held), self.hits, self.misses)
        assert stats.size == sum(entry.size for entry in found.values())


class Computing:
    """A callable that is the same function whatever it holds."""

    def __init__(self, compute):
        self.compute = compute

    def __call__(self, x):
        return self.compute(x)

    def __memo_key__(self):
        return "computing"


def key_of(entry):
    """The dictionary's key of an entry."""
    if entry.module == "model":
        return entry.qualname, entry.arguments["x"]
    name = entry.arguments["name"]
    return "name", repr(tuple(name) if isinstance(name, list) else name)


@pytest.mark.parametrize("examples", [60, pytest.param(3000, marks=pytest.mark.stress)])
def test_the_store_is_a_dictionary_with_a_clock(empty_store, examples):
    machine = type("Model", (Model,), {"template": empty_store})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
