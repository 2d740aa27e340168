"""One module a benchmark; `registry.py` lists them."""
