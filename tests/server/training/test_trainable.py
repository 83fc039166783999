"""The server and the worker agree on what can be trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from funland_server.models.formats.gguf import read_contents
from funland_server.models.installed.embedded import embedded_model
from funland_server.training.trainable import UntrainableError, network
from funland_worker.engines.gguf_source import GgufSource
from funland_worker.engines.protocol import EngineError
from funland_worker.training.layout import layout
from funland_worker.training.shape import read_shape
from tests.worker.training.models import FAMILIES, Tiny, tiny, write

EMBEDDED = embedded_model().path


def _changed(**values: Any) -> Tiny:
    network = tiny(FAMILIES["llama"])
    renamed = {key.replace("__", "."): value for key, value in values.items()}
    return replace(network, values={**network.values, **renamed})


def _with(name: str) -> Tiny:
    network = tiny(FAMILIES["llama"])
    return replace(network, tensors={**network.tensors, name: np.zeros(4, np.float32)})


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (replace(_changed(), architecture="gemma3"), "the architecture 'gemma3'"),
        (_changed(expert_count=8), "a mixture of experts"),
        (_changed(attention__sliding_window=64), "a sliding window"),
        (_changed(attn_logit_softcapping=50.0), "capped scores"),
        (_changed(final_logit_softcapping=30.0), "capped logits"),
        (_changed(attention__causal=False), "attention to what comes later"),
        (_changed(attention__scale=0.5), "a scale of attention of its own"),
        (_changed(logit_scale=0.5), "scaled logits"),
        (_changed(residual_scale=0.5), "scaled residuals"),
        (_changed(embedding_scale=2.0), "scaled embeddings"),
        (_changed(rope__scaling__type="yarn"), "stretched by yarn"),
        (_changed(rope__scaling__attn_factor=1.2), "a scale of stretched attention"),
        (_changed(rope__dimension_count=4), "rotated in part"),
        (_changed(attention__value_length=16), "values of another size"),
        (_with("blk.0.ffn_up.bias"), "the tensor 'blk.0.ffn_up.bias'"),
        (_with("blk.1.attn_q_norm.weight"), "the tensor 'blk.1.attn_q_norm.weight'"),
    ],
)
def test_both_refuse_it_with_the_same_words(tmp_path: Path, model: Tiny, words: str) -> None:
    path = write(tmp_path / "model.gguf", model, EMBEDDED)

    with pytest.raises(UntrainableError) as server:
        network(read_contents(path))
    with pytest.raises(EngineError) as worker:
        read_shape(GgufSource(path))

    assert words in str(server.value)
    assert str(server.value) in worker.value.message


@pytest.mark.parametrize("family", FAMILIES)
def test_both_take_it_and_read_the_same_shape(tmp_path: Path, family: str) -> None:
    path = write(tmp_path / "model.gguf", tiny(FAMILIES[family]), EMBEDDED)

    told, shape = network(read_contents(path)), read_shape(GgufSource(path))

    assert told.architecture == shape.architecture
    assert (told.layers, told.width, told.feed_forward) == (
        shape.layers,
        shape.width,
        shape.feed_forward,
    )
    assert (told.query, told.key) == (shape.outputs("attn_q"), shape.outputs("attn_k"))
    assert told.head_norms == shape.head_norms
    assert layout(shape, 4).size > 0
