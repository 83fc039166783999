"""From what a caller sent to the tokens that the engine continues."""

from __future__ import annotations

import asyncio
from time import monotonic

from funland.v1.errors_pb2 import ErrorReason
from funland.worker.v1 import worker_pb2
from funland_worker.engines.protocol import Engine, EngineError, Prompt
from funland_worker.templates.renderer import TemplateRenderer
from funland_worker.wire import sampling_from_wire

_LONG = 20_000
"""Characters from which tokenizing would hold up the event loop for milliseconds."""


class PromptReader:
    """Renders, tokenizes and checks what is submitted."""

    def __init__(
        self, engine: Engine, renderer: TemplateRenderer | None, *, begin_mark: str
    ) -> None:
        """`begin_mark` is what `add_special` would put in front, empty if nothing."""
        self._engine = engine
        self._renderer = renderer
        self._begin_mark = begin_mark

    async def read(self, submit: worker_pb2.Submit) -> Prompt:
        """The sequence to start.

        Raises:
            EngineError: MODEL_CANNOT_CHAT, TEMPLATE_FAILED, TEMPLATE_LIMIT, PROMPT_TOO_LONG or
                TOKEN_UNKNOWN.
        """
        arrival = monotonic()
        sampling = sampling_from_wire(submit.sampling)
        for token in sampling.logit_bias:
            if token >= self._engine.vocabulary_size:
                raise EngineError(
                    ErrorReason.TOKEN_UNKNOWN,
                    f"logit_bias names token {token}, but the vocabulary has only"
                    f" {self._engine.vocabulary_size} tokens.",
                    vocabulary_size=str(self._engine.vocabulary_size),
                )
        if submit.WhichOneof("input") == "conversation":
            tokens = await self._conversation(submit.conversation)
        else:
            tokens = await self.tokens(submit.prompt, add_special=True, parse_special=True)
        self.check_length(tokens, room_for_answer=1)
        return Prompt(submit.sequence_id, tokens, sampling, arrival)

    async def tokens(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """The tokens of a text, made on another thread if it is long."""
        if len(text) < _LONG:
            return self._engine.tokenize(text, add_special=add_special, parse_special=parse_special)
        return await asyncio.to_thread(
            self._engine.tokenize, text, add_special=add_special, parse_special=parse_special
        )

    def check_length(self, tokens: list[int], room_for_answer: int = 0) -> None:
        """Refuses what the context does not hold, and what has no tokens at all."""
        limit = self._engine.context_length - room_for_answer
        if len(tokens) > limit:
            raise EngineError(
                ErrorReason.PROMPT_TOO_LONG,
                f"The prompt has {len(tokens)} tokens, the context holds"
                f" {self._engine.context_length}, the answer included. Shorten it, or load the"
                " model with a larger context_length.",
                prompt_tokens=str(len(tokens)),
                context_length=str(self._engine.context_length),
            )
        if not tokens:
            raise EngineError(
                ErrorReason.FIELD_INVALID, "The prompt has no tokens: there is nothing to continue."
            )

    async def _conversation(self, conversation: worker_pb2.Conversation) -> list[int]:
        if self._renderer is None:
            raise EngineError(
                ErrorReason.MODEL_CANNOT_CHAT,
                "The model has no chat template that works; use `Generate`, or a model made for"
                " chat.",
            )
        text = await self._renderer.render(conversation.messages)
        # Many templates write the begin mark themselves; two of them spoil the answer.
        twice = bool(self._begin_mark) and text.startswith(self._begin_mark)
        return await self.tokens(text, add_special=not twice, parse_special=True)
