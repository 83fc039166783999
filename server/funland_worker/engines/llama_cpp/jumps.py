"""How many tokens that a format leaves no choice of are computed at once (ADR 0129)."""

from __future__ import annotations

_LEAST = 2
"""Forced tokens from which a run pays: one is computed with the next that is chosen."""


def run_length(forced: int, writing: int, *, parted: bool) -> int:
    """How many of a text's tokens a pass computes, of which `forced` were not chosen and one was,
    beside so many texts that write, itself included.

    Where texts have parts or states of their own, llama.cpp computes runs of another length than
    the others' in a go of their own, which takes hardly less for few tokens than for many: so a run
    must be as long as the pass is wide, or it takes more from the others than it gains.
    """
    if forced < _LEAST or (parted and forced < writing):
        return 1
    return 1 + forced
