"""What all messages of a chat took together: no I/O."""

from __future__ import annotations

from typing import Final

from funland.v1.inference_pb2 import Finish, Timings, Usage

_ADDED: Final = (
    "prompt_tokens", "completion_tokens", "total_tokens", "cached_prompt_tokens",
    "reasoning_tokens", "drafted_tokens", "accepted_tokens",
)  # fmt: skip
_TIMES: Final = ("queue_ms", "prompt_ms", "decode_ms")


class Total:
    """The sum of what each message took; of messages that were left out it is the most."""

    def __init__(self) -> None:
        self.usage = Usage()
        self.timings = Timings()

    def add(self, finish: Finish) -> None:
        """Takes the end of one more message."""
        for name in _ADDED:
            setattr(self.usage, name, getattr(self.usage, name) + getattr(finish.usage, name))
        for name in _TIMES:
            setattr(self.timings, name, getattr(self.timings, name) + getattr(finish.timings, name))
        self.usage.dropped_messages = max(
            self.usage.dropped_messages, finish.usage.dropped_messages
        )

    def tokens_left(self, limit: int | None) -> int | None:
        """How many more may be made of so many."""
        return None if limit is None else max(0, limit - self.usage.completion_tokens)
