"""How many prompt tokens a step may compute beside the sequences that are already writing."""

from __future__ import annotations

LARGEST_PASS = 512
"""Rows of one pass; more gain nothing."""

_SMALLEST = 32
_PAUSE_MS = 50.0
_WEIGHT = 0.2


class PrefillBudget:
    """Keeps the pause that a prompt puts between two tokens of the others near 50 ms.

    A budget in tokens alone would be too small for a tiny model and too large for a big one, so the
    cost of a prompt token is measured as it goes.
    """

    def __init__(self) -> None:
        self._ms_per_token: float | None = None

    def tokens(self, *, others_decode: bool) -> int:
        """The budget of the next step."""
        if not others_decode or self._ms_per_token is None:
            return LARGEST_PASS if not others_decode else _SMALLEST
        return max(_SMALLEST, min(LARGEST_PASS, int(_PAUSE_MS / self._ms_per_token)))

    def measured(self, prompt_tokens: int, milliseconds: float) -> None:
        """Learns from a step that computed prompt tokens."""
        if prompt_tokens < _SMALLEST:
            return
        cost = milliseconds / prompt_tokens
        known = self._ms_per_token
        self._ms_per_token = cost if known is None else known + _WEIGHT * (cost - known)
