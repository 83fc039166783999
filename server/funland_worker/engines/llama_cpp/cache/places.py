"""Where in a prompt a state is worth to be kept, of models whose state can't go back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from funland_worker.engines.llama_cpp.cache.store import SHORTEST
from funland_worker.engines.stand_ins import whole

APART = 16
"""Tokens that are computed again rather than kept: each place ends a pass."""

_ROLE = 8
"""Marks that are as near as this belong together: what stands between is who speaks."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Behind how many tokens a state is kept, and for whom."""

    at: int
    shared: bool
    """Whether other texts than this one's next turn may begin there."""


def message_ends(
    tokens: Sequence[int], is_mark: Callable[[int], bool], is_end: Callable[[int], bool]
) -> list[int]:
    """How many tokens stand before the end of each message, as far as a vocabulary's marks show it.

    A message ends behind a mark of an end, and before another mark that does not stand beside one:
    many templates mark only where a message begins. What asks for the answer is no message.
    """
    ends: list[int] = []
    before = -1
    for place, token in enumerate(tokens):
        if token < 0 or not is_mark(token):
            continue
        if is_end(token) and place:
            ends.append(place + 1)
        elif place - before > _ROLE:
            ends.append(place)
        before = place
    return ends


def places(tokens: Sequence[int], ends: Sequence[int], *, known: int, leaves: int) -> list[Place]:
    """Where the state of a prompt is kept on the way, in order.

    Before what asks for the answer, since the next turn may write the answer otherwise, as without
    its thoughts; if no mark shows that, or it is far, then at the prompt's end. Where the prompt
    leaves a text that is known. And behind the first message, which other chats may have too.

    Args:
        tokens: The prompt.
        ends: Where its messages end.
        known: How many of its tokens are computed already.
        leaves: How many of its tokens another text begins with, if no state is kept there.
    """
    last = len(tokens) - 1
    inside = [end for end in ends if end <= last]
    wanted = [Place(end, shared=False) for end in inside[-1:]]
    if not inside or last - inside[-1] > SHORTEST:
        wanted.append(Place(last, shared=False))
    if leaves > known + SHORTEST:
        wanted.append(Place(leaves, shared=True))
    wanted += [Place(end, shared=True) for end in inside[:1]]
    kept: list[Place] = []
    for place in wanted:
        far = all(abs(place.at - other) >= APART for other in (known, *(one.at for one in kept)))
        behind = known < place.at == whole(tokens, place.at)
        if far and behind and place.at >= SHORTEST:
            kept.append(place)
    return sorted(kept)


def reachable(places: Sequence[Place], computed: int, length: int) -> int:
    """Where a text that has `computed` tokens can stop for another that begins with `length` of
    its tokens: at one of its places, if that is as good, or just there. 0: it is beyond."""
    if length <= computed:
        return 0
    at = max((place.at for place in places if computed < place.at <= length), default=0)
    return at if length - at <= APART else length
