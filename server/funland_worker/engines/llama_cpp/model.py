"""A GGUF model with its weights, and what kind of model it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.llama_cpp.attention import Attention
from funland_worker.engines.llama_cpp.gguf_file import GgufFile
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.llama_cpp.memory import Memory
from funland_worker.engines.llama_cpp.offload import Offload
from funland_worker.engines.llama_cpp.probing import probe
from funland_worker.engines.protocol import EngineError


class LlamaModel(GgufFile):
    """A model in memory, for the life of the process."""

    def __init__(
        self,
        path: Path,
        offload: Offload | None = None,
        attention: Attention | None = None,
        read: Callable[[float], None] | None = None,
    ) -> None:
        """Loads the file; without `offload` for the CPU. `read` is as `GgufFile` has it.

        Raises:
            EngineError: MODEL_LOAD_FAILED, with llama.cpp's reason, for lack of memory too;
                FIELD_INVALID for keys or values that can't be kept as `attention` has it.
        """
        super().__init__(path, weights=True, offload=offload, read=read)
        self.attention = attention or Attention()
        """How its contexts compute attention."""
        self.attention.check(self.head_length("key"), self.head_length("value"))
        self.has_encoder: bool = lib.llama_model_has_encoder(self.handle)
        """Whether it reads texts by `llama_encode`."""
        if self.has_encoder and lib.llama_model_has_decoder(self.handle):
            raise EngineError(
                ErrorReason.MODEL_LOAD_FAILED,
                "The model has an encoder beside its decoder: Funland can't run it.",
            )
        self.parameter_count: int = lib.llama_model_n_params(self.handle)
        self.weights_bytes: int = lib.llama_model_size(self.handle)
        # The files of some models that read a text as a whole say so; llama.cpp has no function
        # for it, but gives no memory to the contexts of the others.
        as_a_whole = self.metadata(f"{self.architecture}.attention.causal") == "false"
        self.memory = Memory(remembers=False)
        """What can be done with the texts that it remembers."""
        if not (as_a_whole or self.has_encoder):
            self.memory, self.attention = probe(self.handle, self.architecture, self.attention)
        self.reads_at_once = False
        """Whether it is shown pictures whose rows all see each other, in one pass."""
        self.keeps_keys = self.memory.remembers and not lib.llama_model_is_recurrent(self.handle)
        """Whether it keeps keys and values of a text, beside states or alone."""

    @property
    def layer_count(self) -> int:
        """How many layers it has, the output's included."""
        predicting: int = lib.llama_model_n_layer_nextn(self.handle)
        return int(lib.llama_model_n_layer(self.handle)) + predicting + 1

    @property
    def gpu_layers(self) -> int:
        """How many of them are on accelerators."""
        return self.offload.layers_of(self.layer_count)

    def context_params(self) -> Any:
        """llama.cpp's parameters of a context, with what is chosen for all of the model's."""
        params = lib.llama_context_default_params()
        params.no_perf = True
        self.attention.apply(params)
        return params

    @property
    def can_generate(self) -> bool:
        """Whether the model writes text; one that reads a text as a whole can't."""
        return self.memory.remembers

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
    def state_length(self) -> int:
        """The size of what layers hand on for each token."""
        return int(lib.llama_model_n_embd(self.handle))

    @property
    def rank_template(self) -> str | None:
        """How the file wants `{query}` and `{document}` to be put to its ranking head."""
        return self.template("rerank")
