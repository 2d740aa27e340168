"""A function to the digest of the code that determines its result, with the list of what was seen.

By default ("deep") that is the function's own body and all of the user's own code, constants and package versions that
it reaches; `reach` walks there, `watch` notices while the process runs that any of it has changed.
"""

from memostore.fingerprint.function import CodeVersion, FunctionCode, Scope, check_seen, code_version, stored_name
from memostore.fingerprint.receiver import receiver_view
from memostore.fingerprint.shelf import offer

__all__ = [
    "CodeVersion", "FunctionCode", "Scope", "check_seen", "code_version", "offer", "receiver_view", "stored_name",
]  # fmt: skip
