"""`python -m memostore.cli`: the command `memostore` where its script is not on the PATH."""

from __future__ import annotations

from memostore.cli import main

if __name__ == "__main__":
    main(prog_name="memostore")
