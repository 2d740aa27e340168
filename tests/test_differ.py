"""The differ of arguments: every difference is found and named by its path, and nothing else is."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memostore.explain.differ import differences, differing, nearest, parsed
from memostore.explain.records import ABSENT
from memostore.keys.preview import preview

SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from([0.0, -0.0, 1.0, 0.1, "", "a", "1"]))
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", 'c"', ""]), inner, max_size=3)
    ),
    max_leaves=8,
)
ARGUMENTS = st.dictionaries(st.sampled_from(["x", "y", "config"]), VALUES, max_size=3)


def shown(old, new):
    return [str(difference) for difference in differences(old, new)]


def applied(old, found):
    """Change a copy of the old arguments as the differences say."""
    whole = copy.deepcopy(old)
    for difference in found:
        *way, last = difference.steps
        place = whole
        for step in way:
            place = place[step]
        if difference.kind == "removed":
            del place[last]
        elif difference.kind == "added" and isinstance(place, list):
            assert last == len(place)
            place.append(copy.deepcopy(difference.new))
        else:
            place[last] = copy.deepcopy(difference.new)
    return whole


def exact(value):
    """A form that tells 1, 1.0 and True apart, and 0.0 and -0.0, and not the order of a dict."""
    if isinstance(value, dict):
        return {name: exact(item) for name, item in value.items()}
    return [exact(item) for item in value] if isinstance(value, list) else (type(value).__name__, repr(value))


@given(ARGUMENTS, ARGUMENTS)
def test_the_differences_lead_from_the_old_arguments_to_the_new(old, new):
    assert exact(applied(old, differences(old, new))) == exact(new)


@given(ARGUMENTS, ARGUMENTS)
def test_each_difference_tells_what_was_there(old, new):
    for difference in differences(old, new):
        place = old
        for step in difference.steps[:-1]:
            place = place[step]
        if difference.kind == "added":
            assert difference.old is ABSENT
        else:
            assert exact(place[difference.steps[-1]]) == exact(difference.old)


@given(ARGUMENTS)
def test_equal_arguments_do_not_differ(arguments):
    assert differences(arguments, copy.deepcopy(arguments)) == ()
    assert differing(arguments, copy.deepcopy(arguments)) == 0


@given(ARGUMENTS, ARGUMENTS)
def test_as_many_parameters_differ_as_have_differences(old, new):
    assert differing(old, new) == len({difference.steps[0] for difference in differences(old, new)})


def test_the_path_leads_inside():
    old = {"x": 1, "config": {"optimizer": {"name": "sgd", "lr": 0.1}, "layers": [64, 32]}}
    new = {"x": 1, "config": {"optimizer": {"name": "sgd", "lr": 0.01}, "layers": [64, 32, 16]}}
    assert shown(old, new) == ['config["optimizer"]["lr"]: 0.1 -> 0.01', 'config["layers"][2]: added, 16']
    assert shown(new, old)[1] == 'config["layers"][2]: removed, was 16'


@pytest.mark.parametrize(
    ("old", "new"), [(1, 1.0), (1, True), (0.0, -0.0), ("1", 1), (None, False), ([], {})], ids=repr
)
def test_what_keys_tell_apart_differs(old, new):
    (difference,) = differences({"x": old}, {"x": new})
    assert (difference.path, difference.kind) == ("x", "changed")


def test_the_order_of_a_dict_is_no_difference():
    assert differences({"x": {"a": 1, "b": 2}}, {"x": {"b": 2, "a": 1}}) == ()


def test_a_parameter_that_came_or_went():
    assert shown({"x": 1}, {"x": 1, "lr": None}) == ["lr: added, null"]
    assert shown({"x": 1, "lr": None}, {"x": 1}) == ["lr: removed, was null"]


def test_long_values_are_shortened_where_they_are_shown():
    (line,) = shown({"x": "a" * 150}, {"x": "b" * 150})
    assert len(line) < 180
    assert "…" in line


def test_previews_of_two_long_texts_differ_although_their_beginnings_do_not():
    old, new = preview("a" * 5000 + "b"), preview("a" * 5000 + "c")
    assert differing({"x": old}, {"x": new}) == 1


def test_the_nearest_differs_in_the_fewest_parameters_and_comes_first():
    calls = [({"x": 1, "y": 1}, "both"), ({"x": 9, "y": 1}, "one"), ({"x": 9, "y": 3}, "one, older")]
    assert nearest(calls, {"x": 9, "y": 2}) == "one"
    assert nearest(calls[:1], {"x": 9, "y": 2}) == "both"
    assert nearest([], {"x": 1}) is None


@pytest.mark.parametrize("text", [None, "", "{", "[1]", "3", b"\xff", 7], ids=repr)
def test_arguments_that_cannot_be_read_are_none(text):
    assert parsed(text) is None
