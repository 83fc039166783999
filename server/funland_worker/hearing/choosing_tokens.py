"""Which token a Whisper may write next, as it was trained: timestamps stand in pairs and grow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_NEVER = -np.inf


@dataclass(frozen=True, slots=True)
class Marks:
    """Tokens with a meaning, by their numbers."""

    end: int
    no_timestamps: int
    first_time: int
    """Those from here on are timestamps."""
    never: tuple[int, ...] = ()
    never_first: tuple[int, ...] = ()
    latest_first: int = 50
    """How many steps of 20 ms after the beginning the first timestamp may say."""


def allowed(
    scores: NDArray[np.float32], written: Sequence[int], marks: Marks
) -> NDArray[np.float32]:
    """The logarithms of probabilities of what may follow what is written; all else is minus
    infinity.

    Args:
        scores: [vocabulary], as the network gives them.
        written: What stands behind the prompt.
        marks: The model's.
    """
    kept = scores.astype(np.float32)
    times = marks.first_time
    kept[[marks.no_timestamps, *marks.never]] = _NEVER
    if not written:
        kept[list(marks.never_first)] = _NEVER
        kept[:times] = _NEVER
        kept[times + marks.latest_first + 1 :] = _NEVER
        return log_softmax(kept)
    last = written[-1] >= times
    paired = len(written) == 1 or written[-2] >= times
    told = [token for token in written if token >= times]
    if last and paired:
        kept[times:] = _NEVER  # a text follows a pair
    elif last:
        kept[: marks.end] = _NEVER  # another timestamp follows, or the end
    if told:
        kept[times : told[-1] if last and not paired else told[-1] + 1] = _NEVER
    likely = log_softmax(kept)
    if _log_sum(likely[times:]) > float(likely[:times].max()):
        likely[:times] = _NEVER
        return log_softmax(likely)
    return likely


def log_softmax(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """The logarithms of probabilities; some scores may be minus infinity, but not all."""
    most = scores.max()
    return scores - (most + np.log(np.exp(scores - most).sum()))


def _log_sum(likely: NDArray[np.float32]) -> float:
    """The logarithm of the sum of what these are the logarithms of; all may be minus infinity."""
    most = likely.max()
    if most == _NEVER:
        return float(most)
    return float(most + np.log(np.exp(likely - most).sum()))


def chosen(likely: NDArray[np.float32], temperature: float, chance: np.random.Generator) -> int:
    """The likeliest, or with some temperature one by chance."""
    if temperature <= 0:
        return int(likely.argmax())
    weights = np.exp(log_softmax(likely / np.float32(temperature)).astype(np.float64))
    return int(chance.choice(len(weights), p=weights / weights.sum()))
