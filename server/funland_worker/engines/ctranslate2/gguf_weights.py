"""Reads the weights of a GGUF file for conversion."""

from __future__ import annotations

from pathlib import Path

from funland_worker.engines.ctranslate2.library import unsupported
from funland_worker.engines.ctranslate2.weights import Shape, Weights
from funland_worker.engines.gguf_source import GgufSource

_INTERLEAVED = {"llama": True, "qwen2": False}
"""The architectures that can be converted, and how their files order what RoPE rotates."""


def read_gguf(path: Path) -> Weights:
    """The weights of a file, which are read when they are asked for.

    Raises:
        EngineError: ENGINE_UNSUPPORTED for an architecture or a way to stretch the context that is
            not known here, or a model that reads a text as a whole.
    """
    source = GgufSource(path)
    architecture, value = source.architecture, source.value
    if architecture not in _INTERLEAVED:
        raise unsupported(
            f"architecture {architecture}",
            f"CTranslate2 can't run a GGUF file of architecture {architecture!r}; it runs"
            f" {' and '.join(_INTERLEAVED)}.",
        )
    if (key := source.stretched_by) is not None:
        raise unsupported(
            key,
            f"The GGUF file stretches its context ({key}), which Funland can't convert for"
            " CTranslate2.",
        )
    if source.reads_ahead:
        raise unsupported(
            "attention.causal",
            "The GGUF file's model reads a text as a whole (attention.causal is false), which"
            " Funland can't convert for CTranslate2.",
        )
    heads = int(value("attention.head_count"))
    length = value("attention.key_length")
    return Weights(
        shape=Shape(
            layers=int(value("block_count")),
            heads=heads,
            key_value_heads=int(value("attention.head_count_kv", heads)),
            head_size=None if length is None else int(length),
            norm_epsilon=float(value("attention.layer_norm_rms_epsilon")),
            rope_base=float(value("rope.freq_base", 10000.0)),
            rope_interleaved=_INTERLEAVED[architecture],
        ),
        names=source.tensors.keys(),
        read=source.read,
    )
