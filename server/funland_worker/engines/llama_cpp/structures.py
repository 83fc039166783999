"""Looks whether llama.cpp's libraries and the declarations of them are of one release.

A function that is missing is found when the declarations are imported. A structure that another
release has laid out otherwise would be read wrongly without a word: so the defaults that llama.cpp
writes into the structures are held against those that this release is known to write.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_DEFAULTS: Final[Mapping[str, Mapping[str, object]]] = {
    "llama_model_default_params": {
        "n_gpu_layers": -1,
        "split_mode": 1,
        "load_mode": -1,
        "lazy_mode": 1,
        "main_gpu": 0,
        "vocab_only": False,
        "check_tensors": False,
        "use_extra_bufts": True,
        "no_host": False,
        "no_alloc": False,
        "load_mtp": False,
    },
    "llama_context_default_params": {
        "n_ctx": 512,
        "n_batch": 2048,
        "n_ubatch": 512,
        "n_seq_max": 1,
        "rope_scaling_type": -1,
        "pooling_type": -1,
        "attention_type": -1,
        "flash_attn_type": -1,
        "yarn_ext_factor": -1.0,
        "defrag_thold": -1.0,
        "type_k": 1,
        "type_v": 1,
        "embeddings": False,
        "offload_kqv": True,
        "no_perf": True,
        "op_offload": True,
        "swa_full": True,
        "kv_unified": False,
        "n_samplers": 0,
        "ctx_other": None,
    },
}
"""From the first field to the last, so that one more or less anywhere is seen."""


def mismatches(lib: Any) -> list[str]:
    """The fields that hold something else: `llama_context_default_params().n_batch is 0`."""
    return [
        f"{function}().{field} is {found}"
        for function, fields in _DEFAULTS.items()
        for made in (getattr(lib, function)(),)
        for field, expected in fields.items()
        if (found := getattr(made, field, "missing")) != expected
    ]
