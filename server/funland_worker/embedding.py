"""Turns texts into vectors between the steps of an engine, a few at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
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
        return [vector async for part in self.groups(texts, pooling) for vector in part]

    async def groups(
        self, texts: Sequence[list[int]], pooling: EmbedRequest.Pooling.ValueType
    ) -> AsyncIterator[list[list[float]]]:
        """The same in parts, each when it is computed; no text may be too long. Closing it ends it
        after the part that is computed now."""
        for part in parts(texts, _TOKENS):
            yield await self._thread.run(partial(self._engine.embed, part, pooling))
