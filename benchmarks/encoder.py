"""What a function that embeds texts does, without a model to fetch: one layer of a transformer, its weights drawn.

It is a fraction of real ones: small sentence encoders have six such layers, of half as many numbers again.
"""

from __future__ import annotations

from typing import Any
from zlib import crc32

__all__ = ["Encoder"]

WIDTH, INNER, WORDS, KNOWN = 256, 1024, 12, 8192


class Encoder:
    """Embeds texts, each by itself: their first WORDS words in, WIDTH float32 for each text out."""

    def __init__(self) -> None:
        import numpy

        draw = numpy.random.default_rng(7)

        def weights(rows: int, columns: int) -> Any:
            return draw.standard_normal((rows, columns), "f4") / rows**0.5

        self.table = weights(KNOWN, WIDTH)
        self.query, self.key, self.value, self.out = (weights(WIDTH, WIDTH) for _ in range(4))
        self.widen, self.narrow = weights(WIDTH, INNER), weights(INNER, WIDTH)

    def __call__(self, texts: list[str]) -> Any:
        import numpy

        at_once = 1000  # texts whose numbers fit beside each other
        parts = [self._encoded(texts[start : start + at_once]) for start in range(0, len(texts), at_once)]
        return numpy.concatenate(parts)

    def _encoded(self, texts: list[str]) -> Any:
        import numpy

        numbers = [[crc32(word.encode()) % KNOWN for word in text.split()[:WORDS]] for text in texts]
        words = self.table[[[*row, *[0] * (WORDS - len(row))] for row in numbers]]
        scores = (words @ self.query) @ (words @ self.key).transpose(0, 2, 1) / WIDTH**0.5
        shares = numpy.exp(scores - scores.max(axis=2, keepdims=True))
        shares /= shares.sum(axis=2, keepdims=True)
        words = words + (shares @ (words @ self.value)) @ self.out
        words = words + numpy.maximum(words @ self.widen, 0) @ self.narrow
        whole = words.mean(axis=1)
        return whole / numpy.linalg.norm(whole, axis=1, keepdims=True)
