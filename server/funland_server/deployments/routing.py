"""Which of several processes answers a call: the one that has computed the prompt's beginning, else
the least busy. Pure, but for what it remembers."""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from funland.worker.v1.worker_pb2 import Conversation, Submit

_CHUNK: Final = 512
"""Bytes of a prompt that are compared as a whole."""
_MOST_CHUNKS: Final = 1024
"""What of a prompt is compared at all: half a megabyte."""
_MOST_KNOWN: Final = 16384
"""Chunks that are remembered of a process; the oldest go first."""
_DIGEST: Final = 8

Beginning = tuple[bytes, ...]
"""Of a prompt: for each chunk a digest of it and of all before it. So two prompts begin with the
same chunks as long as their digests are the same, and one look at a digest tells of all before."""


@dataclass(frozen=True, slots=True)
class Busy:
    """How busy a process is."""

    calls: int
    """That it answers now, those included that wait there."""
    slots: int
    """How many it computes at once."""
    chosen: int = 0
    """When it was last chosen, in any unit; lower is longer ago."""


class Recent:
    """The beginnings that a process has computed lately."""

    def __init__(self, most: int = _MOST_KNOWN) -> None:
        self._most = most
        self._known: OrderedDict[bytes, None] = OrderedDict()

    def note(self, beginning: Beginning) -> None:
        """Remembers a prompt. Its first chunks are forgotten last, since others share those."""
        for digest in reversed(beginning):
            self._known[digest] = None
            self._known.move_to_end(digest)
        while len(self._known) > self._most:
            self._known.popitem(last=False)

    def shared(self, beginning: Beginning) -> int:
        """How many of a prompt's chunks were computed there, from the first on."""
        for count, digest in enumerate(beginning):
            if digest not in self._known:
                return count
        return len(beginning)

    def forget(self) -> None:
        """Forgets all: the process is another."""
        self._known.clear()


def choose(busy: Sequence[Busy], shared: Sequence[int]) -> int:
    """The index of the process for a call, of at least one.

    The one that shares the longest beginning, unless it is so much busier than the least busy that
    the call is better off without the cache: by more than half of its slots, or with all of them
    taken where others have some left. Of equal ones the one that was not chosen for longest.
    """
    least = min(one.calls for one in busy)

    def order(index: int) -> tuple[int, int]:
        return busy[index].calls, busy[index].chosen

    longest = max(shared)
    if longest:
        best = min((at for at, count in enumerate(shared) if count == longest), key=order)
        margin = max(1, busy[best].slots // 2)
        full = busy[best].calls >= busy[best].slots and busy[best].calls > least
        if busy[best].calls - least <= margin and not full:
            return best
    return min(range(len(busy)), key=order)


def beginning(submit: Submit) -> Beginning:
    """A generation's, whatever kind of prompt it has."""
    digest = _digest(b"", _circumstances(submit))
    found: list[bytes] = []
    for chunk in _chunks(submit):
        digest = _digest(digest, chunk)
        found.append(digest)
        if len(found) == _MOST_CHUNKS:
            break
    return tuple(found)


def _digest(before: bytes, chunk: bytes) -> bytes:
    return blake2b(chunk, digest_size=_DIGEST, key=before).digest()


def _circumstances(submit: Submit) -> bytes:
    """What changes all that is computed, from the first token on."""
    asked = submit.conversation
    around = Conversation(tools=asked.tools, template_arguments=asked.template_arguments)
    adapters = b"".join(
        one.SerializeToString(deterministic=True) for one in submit.options.adapters
    )
    return around.SerializeToString(deterministic=True) + b"\0" + adapters


def _chunks(submit: Submit) -> Iterator[bytes]:
    match submit.WhichOneof("input"):
        case "conversation":
            for message in submit.conversation.messages:
                yield from _parted(message.SerializeToString(deterministic=True))
        case "tokens":
            yield from _parted(array("i", submit.tokens.tokens).tobytes())
        case _:
            yield from _parted((submit.prompt or submit.message).encode())


def _parted(content: bytes) -> Iterator[bytes]:
    for begin in range(0, len(content), _CHUNK):
        yield content[begin : begin + _CHUNK]
