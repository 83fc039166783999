"""One text and its part of the KV cache."""

from __future__ import annotations

from funland_worker.engines.continuation import Continuation
from funland_worker.engines.llama_cpp.cache.places import Place, message_ends, places
from funland_worker.engines.llama_cpp.cache.protocol import Lease
from funland_worker.engines.llama_cpp.cache.reuse import Chunk
from funland_worker.engines.media import MediaSpan
from funland_worker.engines.protocol import Advance, Prompt, Vocabulary
from funland_worker.engines.sampling.sampler import Sampled, TokenSampler


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
        self.forced = 0
        """How many tokens behind the latest that was chosen were not: its format wanted them."""
        self.leader: Generation | None = None
        """Who computes tokens that this one begins with too, and waits for."""
        self.leader_tokens = 0
        """How many of them."""
        self.places: list[Place] = []
        """Where its state is to be kept on the way, in order."""
        self.chunks: list[Chunk] | None = None
        """What of its prompt other texts have, elsewhere; None: nobody has looked."""

    @property
    def computed(self) -> int:
        """How many of its tokens the cache holds."""
        return self.lease.computed if self.lease else 0

    @property
    def lacking(self) -> int:
        """How many tokens must be computed before the next can be chosen."""
        return len(self.tokens) - self.computed

    @property
    def shown(self) -> MediaSpan | None:
        """The picture or sound whose rows are the next to be computed; None: tokens are."""
        return next(
            (one for one in self.prompt.media if one.start <= self.computed < one.stop), None
        )

    @property
    def run(self) -> int:
        """How many tokens, or rows of one picture or sound, can be computed together: of those that
        are lacking the first, up to where the other begins, the state is to be kept, or
        another text's chunk begins."""
        if (shown := self.shown) is not None:
            return shown.stop - self.computed
        ends = (one.start for one in self.prompt.media if one.start > self.computed)
        end = next(ends, len(self.tokens))
        place = next((place.at for place in self.places if place.at > self.computed), end)
        chunk = next((one.at for one in self.chunks or () if one.at > self.computed), end)
        return min(place, end, chunk) - self.computed

    @property
    def decoding(self) -> bool:
        """Whether its prompt is in the cache, and all but its latest token and those that its
        format wanted behind it."""
        lease = self.lease
        lacking = len(self.tokens) - lease.computed if lease is not None else 0
        return self.made > 0 and 1 <= lacking <= 1 + self.forced

    def go_on(self, sampled: Sampled) -> Advance:
        """Takes a token that was chosen, and those that its format wants behind it.

        Raises:
            EngineError: The format can't be followed any more.
        """
        advance, self.forced = self.take(sampled), 0
        if advance.outcome is None:
            for token in self.sampler.forced():
                advance = advance.joined(self.take(Sampled(token)))
                self.forced += 1
                if advance.outcome is not None:
                    break
        return advance

    def start(self, lease: Lease) -> None:
        """Takes a part of the cache, which has the first `lease.computed` of its tokens."""
        self.lease, self.chunks = lease, None
        self.begin()

    def keep_on_the_way(self) -> None:
        """Decides where the state of its prompt is to be kept."""
        assert self.lease is not None  # noqa: S101 - it runs
        tokens, vocabulary = self.prompt.tokens, self._vocabulary
        ends = message_ends(tokens, vocabulary.is_control, vocabulary.is_end)
        known, leaves = self.lease.computed, self.lease.leaves
        self.places = places(tokens, ends, known=known, leaves=leaves)

    def stop_at(self, at: int) -> None:
        """Has its state kept at a place, for a text that waits for that."""
        if all(place.at != at for place in self.places):
            self.places = sorted([*self.places, Place(at, shared=True)])
