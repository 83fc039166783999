"""For how many texts a model keeps states, each of which is whole from the start.

A text's keys and values grow with it, and share what room there is. A state does not: a Mamba with
25 MB of it would take 1.6 GB for 32 texts and as many that ended. So states get as much memory as
the weights, or a gigabyte, and hold as many texts as that has room for.

Where texts are guessed, each has one more state for each token ahead, to go back to.
"""

from __future__ import annotations

from typing import Final

from funland.v1.inference_pb2 import Speculation
from funland.v1.models_pb2 import LoadSettings

_LEAST_BYTES: Final = 1024**3
_MOST_TEXTS: Final = 256
"""llama.cpp's limit."""


_AHEAD: Final = 8
"""The contract's default of `Speculation.max_tokens`."""


def states_each(settings: LoadSettings) -> int:
    """How many states a text has in a model that is loaded so. Only the load shows whether
    llama.cpp can go back to them: if not there is one alone, and room is left."""
    wanted = settings.speculation
    guesses = wanted.method or (Speculation.DRAFT_MODEL if settings.draft_model else None)
    if guesses in (None, Speculation.NONE):
        return 1
    return 1 + (wanted.max_tokens if wanted.HasField("max_tokens") else _AHEAD)


def slots_for(slots: int, state_bytes: int, weights_bytes: int) -> int:
    """How many texts run at once where nobody asked for so many: `slots`, or as many as fit beside
    one that has ended."""
    if state_bytes <= 0:
        return slots
    return max(1, min(slots, _fitting(state_bytes, weights_bytes) - 1))


def texts_held(slots: int, state_bytes: int, weights_bytes: int) -> int:
    """How many have a state: those that run, one that has ended, and of those that ended as many
    more as run, as far as there is room."""
    fitting = _fitting(state_bytes, weights_bytes)
    return min(max(slots + 1, min(2 * slots + 1, fitting)), _MOST_TEXTS)


def _fitting(state_bytes: int, weights_bytes: int) -> int:
    return max(_LEAST_BYTES, weights_bytes) // state_bytes
