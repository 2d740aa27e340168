"""Batches as functions are given them and return them: taken apart into elements, and put together again."""
