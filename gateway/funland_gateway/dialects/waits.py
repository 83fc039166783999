"""What the reader of a stream waits for, told in comments that clients of older APIs pass over."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any, Final

from funland.v1.inference_pb2 import Loading, Prefill
from funland_gateway.streams import sse_comment

_PAUSE_SECONDS: Final = 0.25
_FIRST_SECONDS: Final = 1.0
"""A call that fails sooner still has a status of its own: a comment begins the answer."""
_UNITS: Final = ("B", "kB", "MB", "GB", "TB")


class Waits:
    """The latest that the events of one stream told of waiting."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        """`clock` gives seconds."""
        self._clock = clock
        self._next = clock() + _FIRST_SECONDS
        self._text = ""

    def see(self, event: Any) -> bool:
        """Takes an event, of `StreamChat` or any other RPC that has such among its own; says
        whether it tells how far a load or a prompt is."""
        kind = event.WhichOneof("event")
        if kind == "loading":
            self._text = loading_text(event.loading)
            return True
        if kind == "prefill" and event.prefill.done < event.prefill.total:
            self._text = prefill_text(event.prefill)
            return True
        self._text = f"queued {event.queued.position}" if kind == "queued" else ""
        return False

    def answered(self) -> None:
        """Something else was sent: the answer has begun."""
        self._next = min(self._next, self._clock())

    def news(self) -> bytes:
        """What was seen, as an SSE comment; nothing if the latest was sent just now, or the answer
        had better not begin yet."""
        now = self._clock()
        if now < self._next:
            return b""
        self._next = now + _PAUSE_SECONDS
        return sse_comment(self._text)

    def told(self) -> bytes:
        """The same after a long silence, in which there may be nothing to tell."""
        return sse_comment(self._text or "waiting")


def loading_text(loading: Loading) -> str:
    """`loading tiny 42% (1.2 of 2.9 GB)`, or what is known."""
    text = f"loading {loading.model}"
    total = loading.total_bytes
    if loading.stage == Loading.WAITING and loading.waiting_for:
        return f"{text}, waits: {' '.join(loading.waiting_for.split())}"
    if loading.stage == Loading.PREPARING:
        return f"{text}, preparing"
    if not loading.HasField("fraction"):
        return f"{text} ({_amount(total, total)})"
    done = _amount(loading.done_bytes, total).partition(" ")[0]
    return f"{text} {int(100 * loading.fraction)}% ({done} of {_amount(total, total)})"


def prefill_text(prefill: Prefill) -> str:
    """`prefill 512/2048 (cached 128)`."""
    return f"prefill {prefill.done}/{prefill.total} (cached {prefill.cached})"


def _amount(count: int, total: int) -> str:
    """Bytes in the unit that fits `total`."""
    step = 0
    while total >= 1000 ** (step + 1) and step < len(_UNITS) - 1:
        step += 1
    amount = f"{count / 1000**step:.1f}" if step else str(count)
    return f"{amount} {_UNITS[step]}"
