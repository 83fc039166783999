"""Which networks can be trained, and what is said of the others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError
from funland_worker.training.layout import layout
from funland_worker.training.shape import read_shape
from funland_worker.training.weights import read_network
from tests.worker.training.models import FAMILIES, tiny


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("expert_count", 8, "a mixture of experts"),
        ("attention.sliding_window", 4096, "a sliding window"),
        ("attn_logit_softcapping", 50.0, "capped scores"),
        ("final_logit_softcapping", 30.0, "capped logits"),
        ("attention.causal", False, "attention to what comes later"),
        ("logit_scale", 0.5, "scaled logits"),
        ("rope.scaling.type", "yarn", "positions stretched by yarn"),
        ("rope.scaling.attn_factor", 1.2, "a scale of stretched attention"),
        ("rope.dimension_count", 4, "rotated in part"),
        ("attention.value_length", 16, "values of another size"),
        ("attention.head_count_kv", [4, 2], "different numbers of heads"),
        ("feed_forward_length", [48, 96], "different sizes"),
    ],
)
def test_what_is_not_computed_is_refused_by_name(key: str, value: Any, words: str) -> None:
    network = tiny(FAMILIES["llama"])

    with pytest.raises(EngineError) as raised:
        read_shape(replace(network, values={**network.values, key: value}))

    assert raised.value.reason == ErrorReason.TRAINING_UNSUPPORTED
    assert words in raised.value.message


@pytest.mark.parametrize(
    "name", ["blk.0.attn_output.bias", "blk.1.ffn_gate_inp.weight", "blk.0.attn_q_norm.weight"]
)
def test_a_tensor_that_would_be_left_out_is_refused_by_name(name: str) -> None:
    network = tiny(FAMILIES["llama"])
    network.tensors[name] = np.zeros(4, np.float32)

    with pytest.raises(EngineError) as raised:
        read_shape(network)

    assert raised.value.reason == ErrorReason.TRAINING_UNSUPPORTED
    assert name in raised.value.message


def test_another_architecture_is_refused_by_name() -> None:
    with pytest.raises(EngineError, match="the architecture 'gemma3'"):
        read_shape(replace(tiny(FAMILIES["llama"]), architecture="gemma3"))


def test_a_tensor_that_does_not_fit_or_is_missing_is_named() -> None:
    network = tiny(FAMILIES["qwen2"])
    shape = read_shape(network)
    network.tensors["blk.1.ffn_up.weight"] = np.zeros((3, 3), np.float32)
    with pytest.raises(EngineError, match=r"blk.1.ffn_up.weight is of the shape \(3, 3\)"):
        read_network(network, shape, layout(shape, 2), alpha=1, positions=8)
    del network.tensors["blk.0.attn_v.weight"]
    with pytest.raises(EngineError, match=r"lacks the tensor blk.0.attn_v.weight"):
        read_network(network, shape, layout(shape, 2), alpha=1, positions=8)
