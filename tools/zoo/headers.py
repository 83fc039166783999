"""What the headers of tiny models say, by architecture: what llama.cpp's loaders ask for.

A loader reads the keys that it knows and passes over others, so what several may want is in one
place. The numbers are as small as the loaders take them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LENGTH, HEADS, GROUPS, LAYERS, INNER, CONTEXT, WINDOW = 128, 4, 2, 4, 192, 2048, 48
_HEAD = LENGTH // HEADS

Values = Mapping[str, Any]

COMMON: Values = {
    "context_length": CONTEXT, "embedding_length": LENGTH, "features_length": LENGTH,
    "block_count": LAYERS, "feed_forward_length": INNER, "leading_dense_block_count": 1,
    "attention.head_count": HEADS, "attention.head_count_kv": GROUPS,
    "attention.key_length": _HEAD, "attention.value_length": _HEAD,
    "attention.layer_norm_epsilon": 1e-5, "attention.layer_norm_rms_epsilon": 1e-5,
    "rope.dimension_count": _HEAD, "rope.freq_base": 10000.0, "vocab_size": 4096,
    "logit_scale": 1.0, "residual_scale": 1.0, "embedding_scale": 1.0,
}  # fmt: skip
_UNGROUPED: Values = {"attention.head_count_kv": HEADS}
_SCALED: Values = {"attention.scale": 0.17}
_SLOPES: Values = {"attention.max_alibi_bias": 8.0}
_CLAMPED: Values = {"attention.clamp_kqv": 8.0}
_SECTIONS: Values = {"rope.dimension_sections": [4, 4, 4, 4]}
_EVERY_OTHER = [1, 0] * (LAYERS // 2)
_WINDOWED: Values = {"attention.sliding_window": WINDOW, "attention.sliding_window_pattern": 2}
_LISTED: Values = {**_WINDOWED, "attention.sliding_window_pattern": _EVERY_OTHER}
"""Some loaders read how often a layer sees all, others which layers see a window alone."""
_EXPERTS: Values = {
    "expert_count": 4, "expert_used_count": 2, "expert_feed_forward_length": INNER,
    "expert_shared_count": 1, "expert_shared_feed_forward_length": INNER, "expert_gating_func": 2,
    "expert_weights_scale": 1.0, "expert_weights_norm": True, "interleave_moe_layer_step": 1,
    "expert_group_scale": 1.0, "experts_per_group": 1, "expert_chunk_feed_forward_length": INNER,
    "expert_latent_length": INNER, "moe_latent_size": INNER, "moe_every_n_layers": 2,
}  # fmt: skip
_LATENT: Values = {
    "attention.q_lora_rank": 64, "attention.kv_lora_rank": 64, "attention.head_count_kv": 1,
    "attention.key_length": 80, "attention.value_length": 64, "attention.key_length_mla": 48,
    "attention.value_length_mla": 32, "rope.dimension_count": 16,
}  # fmt: skip
# With few heads many tokens score exactly 0, and then what is taken depends on where they lie.
_INDEXER: Values = {
    "attention.indexer.head_count": 64, "attention.indexer.key_length": 128,
    "attention.indexer.top_k": 64, "attention.indexer.block_size": 4,
    "attention.indexer.local_blocks": 1, "attention.indexer.kpool": 4,
    "attention.indexer.kpool_select_tail": True,
}  # fmt: skip
_STATES: Values = {
    "ssm.conv_kernel": 4, "ssm.inner_size": 2 * LENGTH, "ssm.state_size": 16,
    "ssm.time_step_rank": 8, "ssm.group_count": 1,
}  # fmt: skip
_STATES_2: Values = {**_STATES, "ssm.group_count": 2}
_DELTA: Values = {
    **_STATES_2, "ssm.inner_size": LENGTH, "ssm.state_size": 32, "ssm.time_step_rank": 4,
    "full_attention_interval": 2,
}  # fmt: skip
# With heads of another size llama.cpp computes something else each time.
_WKV: Values = {
    "wkv.head_size": 64, "attention.decay_lora_rank": 16, "attention.iclr_lora_rank": 16,
    "attention.value_residual_mix_lora_rank": 16, "attention.gate_lora_rank": 16,
    "time_mix_extra_dim": 16, "time_decay_extra_dim": 16, "rescale_every_n_layers": 0,
    "attention.head_count": 0, "token_shift_count": 2,
}  # fmt: skip
_MIXED: Values = {"attention.head_count_kv": [0, GROUPS] * (LAYERS // 2)}
"""0: the layer has a state instead of keys and values."""
_MIXED_LATENT: Values = {"attention.head_count_kv": [0, 1] * (LAYERS // 2)}
_GATED_DELTA: Values = {
    "kda.head_dim": 32, "kda.safe_gate": True, "kda.gate_lower_bound": -5.0, "ssm.conv_kernel": 4,
}  # fmt: skip
_HYPER: Values = {
    "hyper_connection.count": 4, "hyper_connection.sinkhorn_iterations": 2,
    "hyper_connection.epsilon": 1e-6, "hyper_connection.low_rank": 8,
    "hyper_connection.magnitude": 2.0,
}  # fmt: skip
_READS: Values = {
    **_UNGROUPED, "attention.causal": False, "pooling_type": 1,
    "tokenizer.ggml.token_type_count": 1,
}  # fmt: skip
_NO_CAUSE: Values = {"attention.causal": False}
_SHORT_CONVOLUTION: Values = {"shortconv.l_cache": 3, **_MIXED}
_BUCKETS: Values = {"attention.relative_buckets_count": 8, **_UNGROUPED}

PLAIN: Mapping[str, Values] = {
    "llama": {}, "qwen2": {}, "qwen3": {}, "phi2": {}, "phi3": {}, "gemma": {}, "starcoder2": {},
    "falcon": {}, "gptneox": {"use_parallel_residual": True, **_UNGROUPED}, "stablelm": _UNGROUPED,
    "internlm2": {}, "minicpm": {}, "command-r": {}, "olmo": {**_CLAMPED, **_UNGROUPED},
    "glm4": {}, "chatglm": {}, "granite": _SCALED, "exaone": {}, "nemotron": {}, "smollm3": {},
    "seed_oss": {}, "mistral3": {}, "arcee": {}, "hunyuan-dense": {}, "orion": {},
    "xverse": _UNGROUPED, "baichuan": _UNGROUPED,
    "qwen": {**_UNGROUPED, "feed_forward_length": 2 * INNER}, "bitnet": {},
    "apertus": {
        "xielu.alpha_n": [1.0] * LAYERS, "xielu.alpha_p": [1.0] * LAYERS,
        "xielu.beta": [0.5] * LAYERS, "xielu.eps": [1e-6] * LAYERS,
    },
    "ernie4_5": {}, "pangu-embedded": {}, "deci": {}, "jais2": _UNGROUPED,
    "minicpm3": {**_LATENT, **_UNGROUPED}, "plm": {**_LATENT, **_UNGROUPED}, "nanbeige": {},
    "spark2_5": _LISTED, "maincoder": {}, "codeshell": {},
    "hrm_text": {
        "block_count": 6, "hrm.layers_per_stack": 1, "hrm.h_cycles": 2, "hrm.l_cycles": 2,
    },
    "gpt2": _UNGROUPED, "starcoder": _UNGROUPED, "bloom": _UNGROUPED,
    "mpt": {**_UNGROUPED, **_SLOPES, **_CLAMPED}, "refact": _SLOPES,
    "jais": {**_UNGROUPED, **_SLOPES}, "openelm": {},
    "qwen2vl": _SECTIONS, "qwen3vl": _SECTIONS, "hunyuan_vl": _SECTIONS, "cogvlm": _UNGROUPED,
    "qwen3vlmoe": {**_SECTIONS, **_EXPERTS}, "paddleocr": {**_SECTIONS, **_EXPERTS},
    "ernie4_5-moe": _EXPERTS, "qwen2moe": _EXPERTS, "qwen3moe": _EXPERTS, "phimoe": _EXPERTS,
    "olmoe": {**_EXPERTS, **_UNGROUPED}, "dbrx": {**_EXPERTS, **_CLAMPED}, "grok": _EXPERTS,
    "arctic": _EXPERTS, "deepseek": _EXPERTS, "granitemoe": {**_EXPERTS, **_SCALED},
    "hunyuan-moe": _EXPERTS, "glm4moe": _EXPERTS, "bailingmoe": _EXPERTS,
    "bailingmoe2": _EXPERTS, "grovemoe": _EXPERTS, "minimax-m2": _EXPERTS, "hy_v3": _EXPERTS,
    "maple": {**_EXPERTS, **_LISTED, "swiglu_clamp_exp": 7.0},
    "deepseek2": {**_LATENT, **_EXPERTS}, "mistral4": {**_LATENT, **_EXPERTS},
}  # fmt: skip
"""Keys and values of each token, in one cache."""

WINDOWED: Mapping[str, Values] = {
    "gemma2": _WINDOWED, "gemma3": _WINDOWED, "cohere2": _WINDOWED,
    "cohere2moe": {**_LISTED, **_EXPERTS}, "gpt-oss": {**_WINDOWED, **_EXPERTS},
    "llama4": {**_WINDOWED, **_EXPERTS}, "olmo2": _WINDOWED, "exaone4": _WINDOWED,
    "exaone-moe": {**_LISTED, **_EXPERTS}, "smallthinker": {**_WINDOWED, **_EXPERTS},
    "plamo3": _WINDOWED, "afmoe": {**_WINDOWED, **_EXPERTS}, "granite_swa": {**_LISTED, **_SCALED},
    "mimo2": {**_LISTED, **_EXPERTS}, "step35": {**_LISTED, **_EXPERTS},
    "laguna": {**_WINDOWED, **_EXPERTS}, "mellum": {**_WINDOWED, **_EXPERTS},
    "muse-glimmer": _LISTED,
    "gemma3n": {
        **_WINDOWED, "block_count": 22, "embedding_length": 64, "attention.head_count": 2,
        "attention.head_count_kv": 1,
    },
    "gemma4": {
        "attention.sliding_window": WINDOW, "block_count": 5,
        "attention.sliding_window_pattern": [1, 1, 1, 1, 0],
        "embedding_length_per_layer_input": 32, "attention.shared_kv_layers": 0,
        "attention.key_length_swa": _HEAD, "attention.value_length_swa": _HEAD,
    },
}  # fmt: skip
"""Some layers see the latest tokens alone, and have a cache of their own."""

SEVERAL: Mapping[str, Values] = {
    "deepseek32": {**_LATENT, **_EXPERTS, **_INDEXER},
    "glm-dsa": {**_LATENT, **_EXPERTS, **_INDEXER},
    "minimax-m3": {**_EXPERTS, **_INDEXER, "attention.indexer.head_count": GROUPS},
    "dots3note": {
        **_LATENT, **_EXPERTS, **_INDEXER, "attention.sliding_window": WINDOW,
        "attention.sliding_window_pattern": [0, 1] * (LAYERS // 2),
        "attention.kv_lora_rank_swa": 64, "attention.key_length_swa": 80,
        "attention.value_length_swa": 64, "attention.key_length_mla_swa": 48,
        "attention.value_length_mla_swa": 32, "rope.freq_base_swa": 10000.0,
        "attention.indexer.types": _EVERY_OTHER,
    },
    "deepseek4": {
        **_EXPERTS, **_INDEXER, "expert_gating_func": 4, "swiglu_clamp_exp": 10.0,
        "rope.dimension_count": 16, "attention.head_count_kv": 1, "attention.q_lora_rank": 32,
        "attention.output_lora_rank": 16, "attention.output_group_count": 2,
        "attention.sliding_window": WINDOW, "attention.compress_ratios": [0, 4, 128, 4],
        "attention.compress_rope_freq_base": 1e4, "hash_layer_count": 0, **_HYPER,
    },
}  # fmt: skip
"""A second cache tells which tokens of the first count."""

RECURRENT: Mapping[str, Values] = {
    "mamba": _STATES, "mamba2": _STATES_2, "rwkv6": _WKV, "rwkv7": _WKV,
    "arwkv7": {**_WKV, "token_shift_count": 1},
}  # fmt: skip
"""A state of the text so far."""

HYBRID: Mapping[str, Values] = {
    "jamba": {
        **_STATES, **_EXPERTS, "attention.head_count_kv": [GROUPS, 0] * (LAYERS // 2),
    },
    "falcon-h1": _STATES_2, "granitehybrid": {**_STATES_2, **_MIXED, **_SCALED},
    "lfm2": _SHORT_CONVOLUTION, "lfm2moe": {**_SHORT_CONVOLUTION, **_EXPERTS},
    "nemotron_h": {
        **_STATES_2, "block_count": 3, "attention.head_count_kv": [GROUPS, 0, GROUPS],
        "attention.head_count": [HEADS, 0, HEADS], "feed_forward_length": [0, 0, INNER],
    },
    "qwen3next": {**_DELTA, **_EXPERTS}, "qwen35": {**_DELTA, **_SECTIONS},
    "qwen35moe": {**_DELTA, **_SECTIONS, **_EXPERTS},
    "kimi-linear": {**_LATENT, **_GATED_DELTA, **_EXPERTS, **_MIXED_LATENT},
    "bailingmoe3": {
        **_LATENT, **_GATED_DELTA, **_EXPERTS, **_MIXED_LATENT,
        "rope.dimension_sections": [2, 3, 3, 0],
    },
    "minimax-01": {**_EXPERTS, **_UNGROUPED, "full_attention_interval": 2},
    "glm5-next": {
        **_LATENT, **_GATED_DELTA, **_EXPERTS, **_INDEXER, **_HYPER, **_MIXED_LATENT,
        "attention.key_length": 64, "rope.dimension_count": 0,
    },
}  # fmt: skip
"""States in some layers, keys and values in others."""

READERS: Mapping[str, Values] = {
    "bert": _READS, "nomic-bert": _READS, "nomic-bert-moe": {**_READS, **_EXPERTS},
    "jina-bert-v2": {**_READS, **_SLOPES}, "jina-bert-v3": _READS,
    "modern-bert": {**_READS, **_WINDOWED}, "neo-bert": _READS, "eurobert": _READS,
    "gemma-embedding": {**_READS, **_WINDOWED},
    "llama-embed": {**_NO_CAUSE, "pooling_type": 1}, "t5encoder": {**_BUCKETS, "pooling_type": 1},
    "dream": _NO_CAUSE, "llada": _UNGROUPED, "llada-moe": {**_EXPERTS, **_UNGROUPED},
    "rnd1": _EXPERTS,
}  # fmt: skip
"""They read a text as a whole, and remember nothing of it."""

KINDS: Mapping[str, Mapping[str, Values]] = {
    "keys and values": PLAIN, "a window": WINDOWED, "several caches": SEVERAL,
    "a state": RECURRENT, "states and keys and values": HYBRID, "none": READERS,
}  # fmt: skip
"""All, by what is remembered of a text."""

HEADERS: Mapping[str, Values] = {
    name: header for kind in KINDS.values() for name, header in kind.items()
}
