"""One text and its part of the KV cache."""

from __future__ import annotations

from funland_worker.engines.continuation import Continuation
from funland_worker.engines.llama_cpp.cache.protocol import Lease
from funland_worker.engines.protocol import Prompt, Vocabulary
from funland_worker.engines.sampling.sampler import TokenSampler


class Generation(Continuation):
    """A text, and how many of its tokens the KV cache holds.

    Prefill and decode are one thing here: whatever tokens the cache lacks must be computed, and
    when none is lacking the last one's logits give the next. So a generation that lost its cells
    (preemption) just computes more.
    """

    def __init__(self, prompt: Prompt, vocabulary: Vocabulary, context_length: int) -> None:
        super().__init__(prompt, vocabulary, context_length)
        self.sampler = TokenSampler(prompt, vocabulary)
        self.lease: Lease | None = None
        self.leader: Generation | None = None
        """Who computes tokens that this one begins with too, and waits for."""
        self.leader_tokens = 0
        """How many of them."""

    @property
    def computed(self) -> int:
        """How many of its tokens the cache holds."""
        return self.lease.computed if self.lease else 0

    @property
    def lacking(self) -> int:
        """How many tokens must be computed before the next can be chosen."""
        return len(self.tokens) - self.computed

    @property
    def decoding(self) -> bool:
        """Whether it advances by one token a step, its prompt being in the cache."""
        lease = self.lease
        return self.made > 0 and lease is not None and len(self.tokens) - lease.computed == 1

    def start(self, lease: Lease) -> None:
        """Takes a part of the cache, which has the first `lease.computed` of its tokens."""
        self.lease = lease
        self.begin()
