"""The corpora of `tests/corpus`, pairs of calls and edits of projects, put to memostore and its peers."""
