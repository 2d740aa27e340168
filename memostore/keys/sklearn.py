"""Rules for scikit-learn. Estimators, fitted or not, are keyed by the state that pickle would save, as any object is.

Here are those whose state tells more than what they are: counts of questions asked, and the address of a word list.
"""

from __future__ import annotations

from typing import Any

from memostore.keys.encoding import Rule, Walk
from memostore.keys.libraries import ITSELF, encode_data
from memostore.keys.state import State, encode_instance, encode_object

__all__ = ["rule_for"]

COUNTS = slice(7, 11)  # of a search tree's state of 13 parts: how many nodes its queries have visited
PARTS = 13


def rule_for(base: type) -> Rule | None:
    """Return the rule of one of scikit-learn's classes and of its subclasses, or None where a base may have one."""
    return BY_NAME.get(base.__qualname__)


def _bunch(value: Any) -> Walk:
    """Encode a Bunch by its items, which are its attributes: of its `__dict__`, a pickle keeps nothing."""
    return encode_data(b"U", type(value), "sklearn", (ITSELF, dict(dict.items(value))))


def _vectorizer(value: Any) -> Walk:
    """Encode a vectorizer without the `id` of the stop words that it has checked, which is an address."""
    state = value.__getstate__()
    if type(state) is not dict:
        return encode_object(value)
    attributes = {name: item for name, item in state.items() if name != "_stop_words_id"}
    return encode_instance(b"O", type(value), (ITSELF, State(attributes)))


def _search_tree(value: Any) -> Walk:
    """Encode a KDTree or BallTree without the counts of its queries."""
    state = value.__getstate__()
    if type(state) is not tuple or len(state) != PARTS:
        return encode_object(value)
    return encode_instance(b"O", type(value), (ITSELF, (state[: COUNTS.start], state[COUNTS.stop :])))


BY_NAME: dict[str, Rule] = {
    "Bunch": _bunch,
    "_VectorizerMixin": _vectorizer,
    "BinaryTree": _search_tree,
    "BinaryTree32": _search_tree,
    "BinaryTree64": _search_tree,
}
