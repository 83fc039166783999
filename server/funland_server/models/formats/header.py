"""What a model's files say of it, whatever their format."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelHeader:
    """Texts are empty and numbers 0 where the files don't say."""

    architecture: str
    name: str
    description: str
    license: str
    quantization: str
    parameter_count: int
    context_length: int
    embedding_length: int
    has_chat_template: bool
    cache_bytes_per_token: int = 0
    """What a token's keys and values take at most; as 16-bit numbers in GGUF."""
    writes_text: bool = True
    pooling: int = 0
    """How it makes one vector of a text, by llama.cpp's numbers; 4: a score. 0: it does not say."""
    positions: int = 0
    """The tokens that a table of positions goes up to; 0: there is none."""
    layer_bytes: tuple[int, ...] = ()
    """What the weights of each layer take, in their order; empty where a model can't be parted."""
    layer_cache_bytes: tuple[int, ...] = ()
    """Of each layer, its part of `cache_bytes_per_token`."""
    output_bytes: int = 0
    """What turns the last layer's states into scores takes."""
    ties_output: bool = False
    """Whether these are the weights of the table of tokens, so that they are there once."""
    vocabulary_size: int = 0
    files: int = 1
    """How many files a GGUF model is in."""
    format: str = "GGUF"
    """The name of a `funland.v1.Model.Format`."""
