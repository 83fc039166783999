"""What those are told of their prompts who want to know, when some of these was computed."""

from __future__ import annotations

from dataclasses import dataclass, field

from funland_worker.engines.continuation import Continuation
from funland_worker.engines.protocol import Prefill, TokenLogprob


@dataclass(slots=True)
class PromptNews:
    """All of one pass, by sequence; see `StepReport`."""

    prefills: list[tuple[int, Prefill]] = field(default_factory=list[tuple[int, Prefill]])
    logprobs: list[tuple[int, tuple[TokenLogprob, ...]]] = field(
        default_factory=list[tuple[int, tuple[TokenLogprob, ...]]]
    )

    def add(self, text: Continuation, computed: int, *, whole: bool) -> None:
        """Takes note of a text of which so many tokens are computed; `whole` says whether that is
        all of its prompt."""
        if text.prompt.progress:
            self.prefills.append((text.id, text.prefill(computed)))
        if text.scores is not None and whole:
            self.logprobs.append((text.id, text.scores.told))
