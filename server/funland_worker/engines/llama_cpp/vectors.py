"""What an engine does beside writing: it embeds texts and ranks documents."""

from __future__ import annotations

from collections.abc import Sequence

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import EmbedRequest
from funland_worker.engines.llama_cpp.embedding import Embedder
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.llama_cpp.ranking import Ranker, pair_tokens
from funland_worker.engines.protocol import EngineError


class Vectors:
    """A model's embedder and ranker. They are made when they are first needed: each has a context
    of its own, and most models are asked for neither."""

    def __init__(self, model: LlamaModel, context_length: int, threads: int) -> None:
        self._model = model
        self._context_length = context_length
        self._threads = threads
        self._embedder: Embedder | None = None
        self._ranker: Ranker | None = None

    def embed(
        self, texts: Sequence[Sequence[int]], pooling: EmbedRequest.Pooling.ValueType
    ) -> list[list[float]]:
        """See `Engine`.

        Raises:
            EngineError: ENGINE_UNSUPPORTED, if what the model writes by is no vector of its length;
                MODEL_LOAD_FAILED, for lack of memory.
        """
        if self._model.memory.remembers and self._model.vector_length != self._model.state_length:
            raise EngineError(
                ErrorReason.ENGINE_UNSUPPORTED,
                "llama.cpp can't give this model's vectors: its states are of"
                f" {self._model.vector_length} numbers, its embeddings of"
                f" {self._model.state_length}.",
                engine="LLAMA_CPP",
                feature="embeddings",
            )
        if self._embedder is None:
            self._embedder = Embedder(self._model, self._context_length, self._threads)
        return self._embedder.embed(texts, pooling)

    def rank_pair(self, query: str, document: str) -> list[int]:
        """See `Engine`."""
        self._check_head()
        return pair_tokens(self._model, query, document)

    def rank(self, pairs: Sequence[Sequence[int]]) -> list[float]:
        """See `Engine`."""
        self._check_head()
        if self._ranker is None:
            self._ranker = Ranker(self._model, self._context_length, self._threads)
        return self._ranker.rank(pairs)

    def _check_head(self) -> None:
        if not self._model.can_rank:
            raise EngineError(
                ErrorReason.ENGINE_UNSUPPORTED,
                "The model has no ranking head.",
                engine="LLAMA_CPP",
                feature="rank",
            )
