"""The steps of a call whose elements are remembered one by one: those that are missing are computed together.

What is here is written once, for plain and for coroutine functions: `batched` is a generator of the steps that
`driving` takes.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from memostore.batches.given import Given, given
from memostore.batches.returned import Unfit, Unlike, element_of, put_together, stored, taken_apart, unwrapped
from memostore.calls import Caller
from memostore.driving import Done, Run, Steps, Work
from memostore.errors import InvalidArgument
from memostore.explain import Question
from memostore.fingerprint import CodeVersion
from memostore.keys.binding import is_misfit, signature_of
from memostore.keys.call import AskedKey, call_key, changing_part, untyped
from memostore.keys.elements import content_keys, element_keys, element_prefix
from memostore.keys.inputs import InputState, changed_since, noting
from memostore.keys.preview import preview_json
from memostore.keys.rules import rule_for
from memostore.remembering import REFRESH, Missing, Result
from memostore.tally import Tallies

__all__ = ["BatchCall", "Batcher", "batched"]

# A result that stands in several places of a batch is copied for each, unless nobody could tell.
UNCHANGING = frozenset({int, float, complex, str, bool, bytes, type(None)})


class Batcher:
    """What is worked out once, at a function's first call: how its calls are taken apart."""

    def __init__(self, caller: Caller, over: str, batch_size: int | None) -> None:
        self.caller = caller
        self.over = over
        self.batch_size = batch_size
        parameters = list(signature_of(caller.function).parameters.values())
        named = {parameter.name: parameter for parameter in parameters}
        self._position = None if named[over].kind is named[over].KEYWORD_ONLY else list(named).index(over)
        if over not in caller.names or caller.is_keyed_by(over):
            raise InvalidArgument(
                f"over={over!r}: each element of it is a part of a key, so NoKey, KeyBy and File can't annotate it"
            )
        self.place = caller.names.index(over)
        self.names = (f"{over}[...]", *(name for name in caller.names if name != over))

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any], values: tuple[Any, ...] | None = None) -> BatchCall:
        """Return a call; raise InvalidArgument where its batch is none."""
        values = self.caller.bound(args, kwargs) if values is None else values
        version = self.caller.code.current()
        return BatchCall(self, version, values, args, kwargs, given(values[self.place], self.over, version.name))

    def replaced(self, args: Any, kwargs: Any, part: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return a call's arguments with something else in the batch's place."""
        position = self._position
        if position is not None and position < len(args):
            return (*args[:position], part, *args[position + 1 :]), kwargs
        if position is not None and position == len(args) and self.over not in kwargs:
            return (*args, part), kwargs  # it may be a parameter that can't be named
        return args, {**kwargs, self.over: part}


class BatchCall:
    """One call: its batch, the key of each element, and what is known of them so far.

    The different elements of the batch have numbers, in the order in which they come for the first time.
    """

    def __init__(
        self, batcher: Batcher, version: CodeVersion, values: tuple[Any, ...], args: Any, kwargs: Any, batch: Given
    ) -> None:
        self.batcher = batcher
        self.caller = batcher.caller
        self.version = version
        self.values = values
        self.args = args
        self.kwargs = kwargs
        self.batch = batch
        self.keys: list[bytes] = []  # by number, as the following
        self.places: Sequence[int] = []  # where each element comes for the first time
        self.found: list[Any] = []  # what is stored of each, or has been computed, else Missing
        self.missing: list[int] = []  # the numbers of those that have to be computed
        self._order: Sequence[int] | None = None  # the number of the element at each place; None: there are no repeats
        self._arguments: dict[int, str] = {}
        self._tags: dict[int, tuple[str, ...]] = {}
        self._unsteady: dict[int, str] = {}
        self._read: list[InputState] = []
        self._is_faulty = False

    # Keys

    def element_keys(self) -> list[bytes]:
        """Return the key of each element: equal ones exactly where calls with one element each would have equal ones.

        The kind of the batch counts too: what is found is returned as what the function returned for such a one.
        """
        caller, place = self.caller, self.batcher.place
        prefix = element_prefix(caller.prefix_of(self.version), place)
        rules, name, batch = caller.rules, self.version.name, self.batch
        if caller.options.key is not None:
            base = call_key(prefix, (batch.kind,), self.batcher.names[:1], name, rules)
            return element_keys(base, list(map(self._keyed, batch.elements)), "key(...)", name, rules)
        values = caller.keyed(self.values)
        base = call_key(prefix, (batch.kind, *values[:place], *values[place + 1 :]), self.batcher.names, name, rules)
        if batch.contents is not None and self._is_plain(rules):
            keys = content_keys(base, batch.contents)
        else:
            elements = batch.elements if batch.contents is None else list(batch.value)
            elements = elements if caller.options.typed else [untyped((element,))[0] for element in elements]
            keys = element_keys(base, elements, self.batcher.over, name, rules)
        return keys if type(base) is bytes else list(map(AskedKey, keys))

    def _keyed(self, element: Any) -> Any:
        args, kwargs = self.batcher.replaced(self.args, self.kwargs, element)
        return self.caller.options.key(*args, **kwargs)  # type: ignore[misc]

    def _is_plain(self, rules: Callable[[type], Any]) -> bool:
        """Say whether a store was told nothing else about an array's elements."""
        kind = type(self.batch.value[0])
        return rules(kind) is rule_for(kind)

    def take_keys(self) -> None:
        """Find out which elements there are."""
        keys = self.element_keys()
        if len(set(keys)) == len(keys):
            self.keys, self.places = keys, range(len(keys))
            return
        numbers: dict[bytes, int] = {}
        places: list[int] = []
        for place, key in enumerate(keys):
            if key not in numbers:
                numbers[key] = len(places)
                places.append(place)
        self.keys, self.places = list(numbers), places
        self._order = list(map(numbers.__getitem__, keys))

    # Looking

    def look(self, refreshing: bool) -> None:
        """Find what is stored, and prepare to compute what is not."""
        with noting() as read:
            self.take_keys()
        if refreshing:
            self.found, missing = [REFRESH] * len(self.keys), dict.fromkeys(range(len(self.keys)), REFRESH)
        else:
            self.found, missing = self.caller.store.recall_many(self.keys, self.version)
        self.missing = list(missing)
        if missing:
            self._prepare(missing, read)

    def _prepare(self, missing: dict[int, Missing], read: list[InputState]) -> None:
        """Take note, before the function can change it, of all that is stored beside the missing results."""
        misses = [(self.keys[number], reason) for number, reason in missing.items()]
        self._is_faulty = any(reason.reason == "fault" for reason in missing.values())
        names, numbers = self.caller.names, dict(zip((key for key, _ in misses), self.missing, strict=True))
        self.caller.store.missed_many(misses, self.version, lambda key: partial(self.question, numbers[key]))
        self._arguments = {number: preview_json(names, self._values_with(number)) for number in self.missing}
        self._tags = {number: self._tags_with(number) for number in self.missing}
        if self.caller.asks or any(type(key) is not bytes for key, _ in misses):
            with noting() as read:
                self._find_unsteady()
        self._read = [*read, *self.caller.inputs(self.version)]

    def _values_with(self, number: int) -> tuple[Any, ...]:
        """Return the values of the call with one element in the batch's place."""
        values, at = self.values, self.batcher.place
        return (*values[:at], self.batch.elements[self.places[number]], *values[at + 1 :])

    def _tags_with(self, number: int) -> tuple[str, ...]:
        """Return the tags of a call with one element in the batch's place."""
        options = self.caller.options
        if not callable(options.tags):
            return options.tags
        element = self.batch.elements[self.places[number]]
        return options.tags_of(*self.batcher.replaced(self.args, self.kwargs, element))

    def question(self, number: int) -> Question:
        """Return what `explain` is asked of an element."""

        def key_of(code: Any) -> bytes:
            under = BatchCall(self.batcher, code, self.values, self.args, self.kwargs, self.batch)
            return under.element_keys()[self.places[number]]

        values = self._values_with(number)
        return Question(self.version, self.caller.names, values, key_of, self.keys[number], tuple, ())

    def _find_unsteady(self) -> None:
        """Take the keys anew: a key that is another one each time would never be found again."""
        again = self.batcher.call(self.args, self.kwargs)
        again.places, names, rules = self.places, self.caller.names, self.caller.rules
        keys = again.element_keys()
        for number in self.missing:
            if keys[self.places[number]] != self.keys[number]:
                part = changing_part(self._values_with(number), again._values_with(number), names, rules)
                part = "key(...)" if self.caller.options.key else part
                self._unsteady[number] = f"{part} has another key each time it is taken"

    # Computing

    def groups(self) -> Iterator[list[int]]:
        """Yield the numbers of the elements that one call of the function is to compute."""
        size = self.batcher.batch_size or max(1, len(self.missing))
        for start in range(0, len(self.missing), size):
            yield self.missing[start : start + size]

    def part(self, numbers: list[int]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments that compute some of the elements; all of them are the batch itself."""
        if self.is_whole(numbers):
            return self.args, self.kwargs
        return self.batcher.replaced(self.args, self.kwargs, self.batch.pick([self.places[one] for one in numbers]))

    def is_whole(self, numbers: list[int]) -> bool:
        """Say whether these elements are the whole batch."""
        return len(numbers) == self.batch.length

    def keep(self, numbers: list[int], result: Any, seconds: float) -> None:
        """Store what the function returned for some elements; raise InvalidArgument where that is no batch."""
        index = self.batch.index
        if index is not None and not self.is_whole(numbers):
            index = index.take([self.places[number] for number in numbers])
        try:
            form, values = taken_apart(result, index, len(numbers))
        except Unfit as error:
            raise InvalidArgument(f"{self.version.name}, memoized over {self.batcher.over!r}: {error}") from None
        for number, value in zip(numbers, stored(form, values), strict=True):
            self.found[number] = value
        self._store(numbers, seconds / len(numbers))

    def _store(self, numbers: list[int], seconds: float) -> None:
        store, options = self.caller.store, self.caller.options
        changed = changed_since(self._read)
        kept = []
        for number in numbers:
            key, value = self.keys[number], self.found[number]
            if changed is not None:
                store.skip(key, self.version, changed, "changed")
            elif number in self._unsteady:
                store.skip(key, self.version, self._unsteady[number], "unsteady")
            elif options.cache_if is not None and not options.cache_if(element_of(value)):
                store.skip(key, self.version, "cache_if said no", warns=False)
            else:
                kept.append((key, Result(value, seconds, self._arguments[number], self._tags[number])))
        if kept and not self._is_faulty:  # one that could not be read a moment ago is not waited for again
            store.keep_many(kept, self.version, options)

    # The answer

    def answer(self) -> Any:
        """Return the results of all elements in their order; raise Unlike where they can't be parts of one whole."""
        form, results = unwrapped(self.found)
        if self._order is not None:
            results = _repeated(results, self._order)
        return put_together(form, results, self.batch.index)

    def unlike(self, error: Unlike) -> None:
        """Tell that the function was called for the whole batch, and why."""
        self.caller.store.skip(
            self.keys[0], self.version,
            f"for parts of a batch it returned {error}, so it was called for all of it at once; what it returns for an "
            "element must not depend on the others", "unlike",
        )  # fmt: skip

    def count(self, tallies: Tallies) -> None:
        """Count the elements that were found, and the others, each once in a call."""
        tallies.misses.add_many(len(self.missing))
        tallies.hits.add_many(len(self.found) - len(self.missing))


def batched(
    batcher: Batcher, args: tuple[Any, ...], kwargs: dict[str, Any], refreshing: bool, tallies: Tallies
) -> Steps:
    """Take the steps of one call."""
    function = batcher.caller.function
    try:
        values = batcher.caller.bind(*args, **kwargs)
    except TypeError as error:
        if not is_misfit(error):
            raise
        return (yield Run(function, args, kwargs))  # type: ignore[no-any-return] # it says best what does not fit
    call = batcher.call(args, kwargs, values)
    if not call.batch.length:
        return (yield Run(function, args, kwargs))  # type: ignore[no-any-return] # it knows what nothing looks like
    yield Work(call.look, (refreshing,))
    call.count(tallies)
    for numbers in call.groups():
        started = batcher.caller.store.clock()
        done = yield Run(function, *call.part(numbers))
        if done.error is not None:
            return done  # type: ignore[no-any-return]
        yield Work(call.keep, (numbers, done.value, batcher.caller.store.clock() - started))
        if call.is_whole(numbers):
            return done  # type: ignore[no-any-return] # the very object that the function returned
    try:
        return Done((yield Work(call.answer)))
    except Unlike as error:
        call.unlike(error)
    return (yield Run(function, args, kwargs))  # type: ignore[no-any-return]


def _repeated(results: list[Any], order: Iterable[int]) -> list[Any]:
    """Return the result at each place, each an object of its own, as the function would return it."""
    seen: set[int] = set()
    made = []
    for number in order:
        result = results[number]
        made.append(_copy(result) if number in seen and type(result) not in UNCHANGING else result)
        seen.add(number)
    return made


def _copy(value: Any) -> Any:
    try:
        return pickle.loads(pickle.dumps(value, 5))  # takes a third of the time of copy.deepcopy
    except Exception:  # noqa: BLE001 # what can't be pickled is not stored either: there is one of it
        return value
