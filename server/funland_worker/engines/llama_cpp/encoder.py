"""An engine for models that read a text as a whole, such as BERT: they embed and rank.

Diffusion models are among them: they would write a text in many passes over all of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import EmbedRequest
from funland.v1.models_pb2 import LoadSettings
from funland_worker.engines.background import Background, Crowd
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.llama_cpp.vectors import Vectors
from funland_worker.engines.protocol import EngineError, Prompt, StepReport, Vocabulary


class LlamaEncoder:
    """See `funland_worker.engines.protocol.Engine`. It has no sequences to advance."""

    kind: LoadSettings.Engine.ValueType = LoadSettings.LLAMA_CPP
    slots = 1
    can_generate = False
    idle = True
    crowd = Crowd(0, 0, 0)
    only_background = False

    def __init__(self, model: LlamaModel, context_length: int, threads: int) -> None:
        """Makes the context, so that what is wrong with the model shows while it is loaded.

        Raises:
            EngineError: MODEL_LOAD_FAILED, for lack of memory.
        """
        # These models have a table of positions: behind its end is nothing.
        self.context_length = min(context_length, model.trained_context)
        self.threads = threads
        self.device = model.offload.name
        self.vocabulary: Vocabulary = model.vocabulary
        self.vocabulary_size = model.vocabulary.size
        self.can_rank = model.can_rank
        self.background = Background()
        self._vectors = Vectors(model, self.context_length, threads)
        self._vectors.embed([], EmbedRequest.MEAN)

    def submit(self, prompt: Prompt) -> None:
        """See `Engine`; refuses."""
        raise EngineError(
            ErrorReason.MODEL_CANNOT_GENERATE, "The model writes no text: it reads it as a whole."
        )

    def cancel(self, sequence_id: int) -> None:
        """See `Engine`; there is none."""

    def hurry(self) -> None:
        """See `Engine`; there is no pass to end."""

    def step(self) -> StepReport:
        """See `Engine`; there is nothing to do."""
        return StepReport([], 0, 0, 0, 0)

    def embed(
        self, texts: Sequence[Sequence[int]], pooling: EmbedRequest.Pooling.ValueType
    ) -> list[list[float]]:
        """See `Engine`."""
        return self._vectors.embed(texts, pooling)

    def put_away(self) -> None:
        """See `Engine`. There is no such place."""

    def rank_pair(self, query: str, document: str) -> list[int]:
        """See `Engine`."""
        return self._vectors.rank_pair(query, document)

    def rank(self, pairs: Sequence[Sequence[int]]) -> list[float]:
        """See `Engine`."""
        return self._vectors.rank(pairs)
