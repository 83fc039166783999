"""Turns texts into vectors between the steps of an engine, a few at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Sequence
from functools import partial

from funland.v1.inference_pb2 import EmbedRequest
from funland.worker.v1 import worker_pb2
from funland_worker.engine_thread import EngineThread
from funland_worker.engines.protocol import Engine
from funland_worker.engines.vocabulary import check_tokens
from funland_worker.prompts import PromptReader
from funland_worker.vectors import parts

_TOKENS = 512
"""How many tokens are embedded before generations get a step."""
_FEW_TOKENS = 64
"""As many where somebody waits for those and nobody for these."""


class Embedding:
    """The vectors of one model."""

    def __init__(self, engine: Engine, prompts: PromptReader, thread: EngineThread) -> None:
        self._engine = engine
        self._prompts = prompts
        self._thread = thread

    async def read(self, request: worker_pb2.EmbedTexts) -> list[list[int]]:
        """The tokens of all texts, in the order of their vectors.

        Raises:
            EngineError: PROMPT_TOO_LONG, or TOKEN_UNKNOWN.
        """
        texts = await self.tokens(request.inputs)
        for index, one in enumerate(request.token_inputs):
            field = f"token_inputs[{index}].tokens"
            check_tokens(one.tokens, self._engine.vocabulary.size, field)
            texts.append(list(one.tokens))
        for tokens in texts:
            self._prompts.check_length(tokens)
        return texts

    async def tokens(self, inputs: Sequence[str]) -> list[list[int]]:
        """The tokens of texts."""
        return [
            await self._prompts.tokens(text, add_special=True, parse_special=False)
            for text in inputs
        ]

    async def vectors(
        self, texts: Sequence[list[int]], pooling: EmbedRequest.Pooling.ValueType
    ) -> list[list[float]]:
        """The vectors of texts, not normalized.

        Raises:
            EngineError: PROMPT_TOO_LONG, or what the engine can't do.
        """
        for tokens in texts:
            self._prompts.check_length(tokens)
        return [
            vector
            for part in parts(texts, _TOKENS)
            for vector in await self._thread.run(partial(self._engine.embed, part, pooling))
        ]

    async def beside(
        self, texts: Sequence[list[int]], pooling: EmbedRequest.Pooling.ValueType
    ) -> AsyncGenerator[list[list[float]]]:
        """The same for who has time: some vectors whenever they are computed, beside texts that
        somebody waits for. No text may be too long. Closing it ends it after the part that is
        computed now."""
        left = deque(texts)
        while left:
            yield await self._thread.run_beside(partial(self._next, left, pooling))

    def _next(
        self, left: deque[list[int]], pooling: EmbedRequest.Pooling.ValueType, beside: bool
    ) -> list[list[float]]:
        part = next(parts(left, _FEW_TOKENS if beside else _TOKENS))
        for _ in part:
            left.popleft()
        return self._engine.embed(part, pooling)
