"""Orders documents by what a model gave them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from funland.v1.inference_pb2 import RankedDocument


def ranking(scores: Sequence[float], *, cosines: bool) -> list[RankedDocument]:
    """The documents, the best first and equal ones in their order; the scores are cosines, or
    those of a ranking head."""
    ranked = [
        RankedDocument(index=index, score=_share(raw, cosine=cosines), raw_score=raw)
        for index, raw in enumerate(scores)
    ]
    ranked.sort(key=lambda document: -document.raw_score)
    return ranked


def _share(raw: float, *, cosine: bool) -> float:
    """A score from 0 to 1."""
    if cosine:
        return min(max(raw, 0.0), 1.0)
    # Of a power that can't be too large for a float.
    small = math.exp(-abs(raw))
    return (1 if raw >= 0 else small) / (1 + small)
