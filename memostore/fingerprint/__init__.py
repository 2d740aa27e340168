"""A function to the digest of the code that determines its result, with the list of what was seen.

Today that is the function's own body, its closure, and the functions that it is wrapped around ("body"); `manifest`
is where everything else that it reaches will be listed.
"""

from memostore.fingerprint.function import CodeVersion, code_version
from memostore.fingerprint.receiver import receiver_view

__all__ = ["CodeVersion", "code_version", "receiver_view"]
