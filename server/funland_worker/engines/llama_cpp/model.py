"""A GGUF model with its weights, and what kind of model it is."""

from __future__ import annotations

from pathlib import Path

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.llama_cpp.gguf_file import GgufFile
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.protocol import EngineError


class LlamaModel(GgufFile):
    """A model in memory, for the life of the process."""

    def __init__(self, path: Path) -> None:
        """Loads the file.

        Raises:
            EngineError: MODEL_LOAD_FAILED, with llama.cpp's reason.
        """
        super().__init__(path, weights=True)
        if lib.llama_model_has_encoder(self.handle):
            raise EngineError(
                ErrorReason.MODEL_LOAD_FAILED,
                "The model has an encoder beside its decoder: Funland can't run it.",
            )
        self.parameter_count: int = lib.llama_model_n_params(self.handle)
        self.is_recurrent: bool = lib.llama_model_is_recurrent(
            self.handle
        ) or lib.llama_model_is_hybrid(self.handle)
        self.is_causal = self._reads_from_left_to_right()

    @property
    def can_generate(self) -> bool:
        """Whether the model writes text; one that reads a text as a whole can't."""
        return self.is_causal

    @property
    def has_plain_cache(self) -> bool:
        """Whether all it remembers of a text is the keys and values of each token."""
        return not self.is_recurrent and not self.window

    @property
    def window(self) -> int:
        """How many of the latest tokens some layers see; 0: all layers see all."""
        return int(lib.llama_model_n_swa(self.handle))

    @property
    def pooling_type(self) -> int:
        """llama.cpp's number for how the file wants tokens' vectors to become one; NONE if it does
        not say."""
        text = self.metadata(f"{self.architecture}.pooling_type")
        return int(text) if text.isdigit() else lib.LLAMA_POOLING_TYPE_NONE

    @property
    def can_rank(self) -> bool:
        """Whether the model has a ranking head."""
        return self.pooling_type == lib.LLAMA_POOLING_TYPE_RANK

    @property
    def vector_length(self) -> int:
        """The size of an embedding, after what some models do to the last hidden state."""
        return int(lib.llama_model_n_embd_out(self.handle))

    @property
    def rank_template(self) -> str | None:
        """How the file wants `{query}` and `{document}` to be put to its ranking head."""
        return self.template("rerank")

    def _reads_from_left_to_right(self) -> bool:
        """Whether a token sees only those before it, so that a text can grow at its end.

        llama.cpp has no function for it; it gives no memory to the contexts of most of those that
        don't, and the files of the others say so.

        Raises:
            EngineError: MODEL_LOAD_FAILED, for lack of memory.
        """
        if self.metadata(f"{self.architecture}.attention.causal") == "false":
            return False
        params = lib.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = 32
        params.n_threads = params.n_threads_batch = 1
        context = lib.llama_init_from_model(self.handle, params)
        if not context:
            raise EngineError(
                ErrorReason.MODEL_LOAD_FAILED, "There is not enough memory to run the model."
            )
        has_memory = bool(lib.llama_get_memory(context))
        lib.llama_free(context)
        return has_memory
