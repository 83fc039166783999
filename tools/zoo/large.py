"""Models of random weights that are large enough for their memory to be measured.

What a process takes before it has a model is 160 MiB of an estimate: these take several times that,
and each in another way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LAYERS = 8
_WIDTH = 768
_FEW: Mapping[str, Any] = {"block_count": LAYERS // 2, "feed_forward_length": 4096}
"""Of models whose layers all attend over all texts: half as many take half as long."""

_HALF: Mapping[str, Any] = {
    "embedding_length": _WIDTH, "block_count": LAYERS, "feed_forward_length": 2048,
    "context_length": 8192, "attention.head_count": 12, "attention.head_count_kv": 4,
    "attention.key_length": 64, "attention.value_length": 64, "rope.dimension_count": 64,
}  # fmt: skip
_STATES: Mapping[str, Any] = {"ssm.inner_size": 2 * _WIDTH, "ssm.time_step_rank": 24}
_STATES_2: Mapping[str, Any] = {**_STATES, "ssm.state_size": 128, "ssm.group_count": 1}
_MIXED: Mapping[str, Any] = {"attention.head_count_kv": [0, 0, 0, 4] * (LAYERS // 4)}
_LATENT: Mapping[str, Any] = {
    "attention.q_lora_rank": 384, "attention.kv_lora_rank": 256, "attention.key_length": 288,
    "attention.value_length": 256, "attention.key_length_mla": 96,
    "attention.value_length_mla": 64, "rope.dimension_count": 32,
}  # fmt: skip
_EXPERTS: Mapping[str, Any] = {
    "expert_feed_forward_length": 512, "expert_shared_feed_forward_length": 512,
}  # fmt: skip
_LATENT_EXPERTS: Mapping[str, Any] = {**_LATENT, **_EXPERTS, "attention.head_count_kv": 1}
_DELTA: Mapping[str, Any] = {
    "ssm.inner_size": 1536, "ssm.state_size": 128, "ssm.time_step_rank": 12, "ssm.group_count": 12,
    "full_attention_interval": 4,
}  # fmt: skip

_READS: Mapping[str, Any] = {"attention.head_count_kv": 12, "block_count": 12}

LARGE: Mapping[str, Mapping[str, Any]] = {
    "llama": {},
    "qwen3": {
        "attention.key_length": 128, "attention.value_length": 128, "rope.dimension_count": 128,
    },
    "gpt2": {"attention.head_count_kv": 12},
    "qwen3moe": _EXPERTS,
    "gemma3": {**_FEW, "attention.sliding_window": 512, "attention.sliding_window_pattern": 4},
    "gpt-oss": {
        **_FEW, **_EXPERTS, "expert_feed_forward_length": 1024, "attention.sliding_window": 128,
    },
    "deepseek2": _LATENT_EXPERTS,
    "minicpm3": {
        **_LATENT, "attention.head_count_kv": 12, "attention.key_length": 96,
        "attention.value_length": 64,
    },
    "deepseek32": {
        **_FEW, **_LATENT_EXPERTS, "expert_feed_forward_length": 1024,
        "attention.indexer.top_k": 512, "attention.indexer.head_count": 4,
    },
    "deepseek4": {
        **_EXPERTS, "attention.head_count_kv": 1, "rope.dimension_count": 32,
        "attention.q_lora_rank": 384, "attention.output_lora_rank": 128,
        "attention.sliding_window": 128, "attention.key_length": 128,
        "attention.value_length": 128, "attention.compress_ratios": [0, 4, 128, 4] * 2,
    },
    "glm5-next": {
        **_LATENT_EXPERTS, "attention.head_count_kv": [0, 0, 0, 1] * 2,
        "attention.key_length": 256, "attention.key_length_mla": 64, "rope.dimension_count": 0,
        "kda.head_dim": 64,
    },
    "mamba": {**_STATES, "block_count": 24, "ssm.state_size": 16},
    "mamba2": {**_STATES_2, "block_count": 24},
    "rwkv7": {"block_count": 12, "attention.head_count_kv": 12},
    "falcon-h1": {**_STATES_2, **_FEW},
    "granitehybrid": {**_STATES_2, **_MIXED},
    "nemotron_h": {
        **_STATES_2, "block_count": 18, "attention.head_count_kv": [4, 0, 4] * 6,
        "attention.head_count": [12, 0, 12] * 6, "feed_forward_length": [0, 0, 2048] * 6,
    },
    "qwen35": _DELTA,
    "qwen3next": {**_DELTA, **_EXPERTS},
    "lfm2": _MIXED,
    "jamba": {**_STATES, **_MIXED, **_EXPERTS, "ssm.state_size": 16},
    "bert": {**_READS, "context_length": 512},
    "nomic-bert": {**_READS, "context_length": 2048},
    "modern-bert": {**_READS, "attention.sliding_window": 128},
    "gemma-embedding": {**_READS, "attention.sliding_window": 512, "context_length": 2048},
    "eurobert": _READS,
}  # fmt: skip
"""What they say beside or instead of `headers`: layers as wide as those of a small real model."""


def changes(architecture: str) -> dict[str, Any]:
    """What `files.write_model` takes for the large model of an architecture."""
    values = {**_HALF, **LARGE[architecture]}
    return {key.replace(".", "__"): value for key, value in values.items()}
