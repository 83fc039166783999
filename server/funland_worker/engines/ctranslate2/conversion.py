"""Makes a CTranslate2 model folder of other weights, once, without a network."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.ctranslate2.library import unsupported
from funland_worker.engines.ctranslate2.weights import (
    EMBEDDINGS,
    NORM,
    OUTPUT,
    Weights,
    block_tensor,
    unknown_names,
)
from funland_worker.engines.protocol import EngineError

_NAMED_TENSORS = 3


def convert(weights: Weights, target: Path, quantization: str | None) -> None:
    """Writes the folder; it has its name only when it is whole.

    `quantization` is CTranslate2's name for how it keeps the matrices; None: float32.

    Raises:
        EngineError: ENGINE_UNSUPPORTED if the model has tensors that nothing here knows,
            MODEL_LOAD_FAILED if the disk is full.
    """
    if unknown := unknown_names(weights):
        named = ", ".join(unknown[:_NAMED_TENSORS])
        raise unsupported(
            f"tensor {unknown[0]}",
            f"Funland can't convert this model for CTranslate2: it does not know the tensors"
            f" {named}{' and others' if len(unknown) > _NAMED_TENSORS else ''}.",
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".converting-", dir=target.parent))
    try:
        spec = _spec(weights)
        spec.validate()
        spec.optimize(quantization=quantization)
        spec.save(str(partial))
        partial.rename(target)
    except OSError as error:
        raise EngineError(
            ErrorReason.MODEL_LOAD_FAILED,
            f"The model can't be kept in CTranslate2's format: {error.strerror}.",
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _spec(weights: Weights) -> Any:
    from ctranslate2.specs import common_spec, transformer_spec  # noqa: PLC0415 - see loading.py

    shape = weights.shape
    spec: Any = transformer_spec.TransformerDecoderModelSpec.from_config(
        shape.layers,
        shape.heads,
        activation=common_spec.Activation.SWISH,
        pre_norm=True,
        ffn_glu=True,
        rms_norm=True,
        rotary_dim=0,
        rotary_interleave=shape.rope_interleaved,
        rotary_base=shape.rope_base,
        num_heads_kv=shape.key_value_heads if shape.key_value_heads != shape.heads else None,
        head_dim=shape.head_size,
    )
    decoder = spec.decoder
    decoder.scale_embeddings = False
    decoder.embeddings.weight = weights.read(EMBEDDINGS)
    decoder.layer_norm.gamma = weights.read(NORM)
    decoder.projection.weight = weights.read(OUTPUT if OUTPUT in weights.names else EMBEDDINGS)
    for number, layer in enumerate(decoder.layer):
        _fill_layer(weights, number, layer)
    # Tokens are called by their ids: names could be the same for two.
    names = [str(token) for token in range(len(decoder.embeddings.weight))]
    spec.register_vocabulary(names)
    # The engine begins and ends texts itself; these only have to be there.
    spec.config.bos_token = spec.config.eos_token = spec.config.unk_token = names[0]
    spec.config.layer_norm_epsilon = shape.norm_epsilon
    return spec


def _fill_layer(weights: Weights, number: int, layer: Any) -> None:
    def read(part: str) -> Any:
        return weights.read(block_tensor(number, part))

    attention, ffn = layer.self_attention, layer.ffn
    attention.layer_norm.gamma = read("attention_norm")
    parts = ("query", "key", "value")
    attention.linear[0].weight = np.concatenate([read(part) for part in parts])
    if block_tensor(number, "query_bias") in weights.names:
        attention.linear[0].bias = np.concatenate([read(f"{part}_bias") for part in parts])
    attention.linear[1].weight = read("attention_output")
    ffn.layer_norm.gamma = read("ffn_norm")
    ffn.linear_0.weight = read("gate")
    ffn.linear_0_noact.weight = read("up")
    ffn.linear_1.weight = read("down")
