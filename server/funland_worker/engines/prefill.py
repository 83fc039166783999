"""How many prompt tokens a step may compute beside the sequences that are already writing."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

LARGEST_PASS = 512
"""Rows of one pass; more gain nothing."""
LONGEST_RUN = 256
"""Rows of one text in a pass, but for what `evened` adds: attention computes the whole square of a
run, of which half is masked, so longer ones take more time for each row."""

_SMALLEST = 64
_FEWEST = 8
_TELLING = 16
"""Prompt tokens from which a step tells what one costs, and not what a step costs."""

_SHORTER = 4
"""How many times shorter than the first prompt in line one is that goes before it."""
_MOST_PASSED_OVER = 3
"""Passes in a row in which the first in line gets nothing."""
_MUCH_LONGER = 512
"""By how many tokens a prompt is longer than what is written beside it, if it stands alone."""
_PAUSE_MS = 50.0
_MOST = 16.0
_SLOPE = 16.0
"""By how much longer the pause is for each prompt beyond the first, over those that write."""
_WEIGHT = 0.5
_STRETCH = 0.25
"""By how much of what it may have a run is longer, if that saves the prompt a pass."""


def first(lacking: Sequence[int], passed_over: int) -> int:
    """Which prompt begins a pass, by its place in the line, given how many tokens each still lacks,
    and for how many passes in a row the first has got nothing.

    Who asks something short need not wait for somebody's book: that is over a little later, and the
    answer is there at once. Of four passes the book gets one, whatever else comes.
    """
    shortest = min(range(len(lacking)), key=lambda place: lacking[place])
    if passed_over < _MOST_PASSED_OVER and _SHORTER * lacking[shortest] <= lacking[0]:
        return shortest
    return 0


def evened(wanted: int, most: int) -> int:
    """How many tokens of a prompt that wants so many a pass computes, of which it may compute
    `most`: about as many in each of its passes, and up to a quarter more than it may.

    Else many a prompt ends with a run of a few tokens, which costs hardly less than a whole one,
    and the tokens of all that write beside it.
    """
    runs = max(1, ceil(wanted / most - _STRETCH))
    return ceil(wanted / runs)


def apart(prompts: Sequence[int], writing: Sequence[int]) -> bool:
    """Whether prompts of which so many tokens are computed have passes of their own beside texts
    that write, of so many: else these cost as if each were as long as the longest prompt."""
    return bool(prompts and writing) and max(prompts) - max(writing) >= _MUCH_LONGER


class PrefillBudget:
    """Keeps the pause that prompts put between two tokens of the others near 50 ms, or near what
    their own step takes, if that is more: so they slow down to half.

    When several prompts come at once, the pause is up to 16 times as long, the more of them there
    are for each that writes. Prompts take as long in few passes as in many, but each pass computes
    the others' tokens too, which cost the less the more write together: so it is over sooner.

    A budget in tokens alone would be too small for a tiny model and too large for a big one, so the
    cost of a prompt token is measured as it goes.
    """

    def __init__(self) -> None:
        self._ms_per_token: float | None = None
        self._pass_ms: float | None = None
        """What a step takes beside the tokens of those that write."""

    def tokens(self, *, prompts: int, writing: int) -> int:
        """The budget of the next step for so many prompts, beside so many texts that write."""
        if not writing:
            return LARGEST_PASS
        if self._ms_per_token is None:
            return _SMALLEST
        pause = max(_PAUSE_MS, self._decode_ms(writing))
        pause *= min(_MOST, max(1.0, _SLOPE * (prompts - 1) / writing))
        return max(_SMALLEST, min(LARGEST_PASS, int(pause / self._ms_per_token)))

    def beside(self, writing: int) -> int:
        """The budget for prompts that nobody waits for, beside so many texts that write: what takes
        as long as their own step, but no more than 50 ms; or a few tokens."""
        if self._ms_per_token is None:
            return _FEWEST
        pause = min(_PAUSE_MS, self._decode_ms(writing))
        return max(_FEWEST, min(LARGEST_PASS, int(pause / self._ms_per_token)))

    def measured(self, prompt_tokens: int, milliseconds: float, *, writing: int) -> None:
        """Learns from a step of so many prompt tokens, beside so many texts that write."""
        if prompt_tokens == 0:
            rest = max(0.0, milliseconds - writing * (self._ms_per_token or 0.0))
            self._pass_ms = _moved(self._pass_ms, rest)
        elif prompt_tokens >= _TELLING:
            others = min(self._decode_ms(writing), milliseconds / 2) if writing else 0.0
            cost = (milliseconds - others) / prompt_tokens
            self._ms_per_token = _moved(self._ms_per_token, cost)

    def _decode_ms(self, writing: int) -> float:
        """What a step for so many that write takes, as far as is known."""
        return (self._pass_ms or 0.0) + writing * (self._ms_per_token or 0.0)


def _moved(average: float | None, value: float) -> float:
    """A moving average after one more value."""
    return value if average is None else average + _WEIGHT * (value - average)
