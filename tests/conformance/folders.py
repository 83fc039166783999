"""The embedded model's weights in the formats that are folders."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGUFReader

from funland_worker.engines.ctranslate2.conversion import convert as convert_for_ctranslate2
from funland_worker.engines.ctranslate2.gguf_weights import read_gguf
from funland_worker.engines.ctranslate2.weights import Weights
from funland_worker.engines.openvino.gguf import convert as convert_for_openvino

_CONTROL = 3
_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How Qwen2's tokenizer parts a text into words."""
_HUB_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def openvino_folder(gguf: Path, folder: Path) -> Path:
    """As `optimum` exports a model."""
    convert_for_openvino(gguf, folder)
    for file in folder.glob("openvino_*tokenizer.*"):
        file.unlink()
    _describe(gguf, folder, read_gguf(gguf))
    return folder


def ctranslate2_folder(gguf: Path, folder: Path) -> Path:
    """As CTranslate2's own converters write a model, with its tokenizer."""
    convert_for_ctranslate2(read_gguf(gguf), folder, "int8")
    config = json.loads((folder / "config.json").read_bytes())
    _describe(gguf, folder, read_gguf(gguf))
    described = json.loads((folder / "config.json").read_bytes())
    (folder / "config.json").write_text(json.dumps(described | config))
    return folder


def safetensors_folder(gguf: Path, folder: Path) -> Path:
    """As hubs have a model: two files of bfloat16 and float32, and an index."""
    folder.mkdir()
    weights = read_gguf(gguf)
    _describe(gguf, folder, weights)
    places: dict[str, str] = {}
    names = sorted(weights.names)
    for number, part in enumerate((names[::2], names[1::2]), 1):
        file = f"model-{number:05}-of-00002.safetensors"
        tensors = {_hub_name(name): _hub_tensor(weights, name) for name in part}
        write_safetensors(folder / file, tensors)
        places |= dict.fromkeys(tensors, file)
    index = {"metadata": {}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return folder


def write_safetensors(path: Path, tensors: dict[str, Any]) -> None:
    """A file of tensors, matrices as float32 and others too."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, tensor in tensors.items():
        end = offset + 4 * tensor.size
        header[name] = {"dtype": "F32", "shape": tensor.shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors.values():
            file.write(np.ascontiguousarray(tensor, np.float32).tobytes())


def _hub_name(name: str) -> str:
    outer = {
        "token_embd.weight": "model.embed_tokens.weight",
        "output_norm.weight": "model.norm.weight",
    }
    if name in outer:
        return outer[name]
    _, layer, part, kind = name.split(".")
    return f"model.layers.{layer}.{_HUB_NAMES[part]}.{kind}"


def _hub_tensor(weights: Weights, name: str) -> Any:
    """A tensor; what RoPE rotates lies apart in hubs' files, and side by side in a Llama GGUF."""
    tensor = weights.read(name)
    if ".attn_q." not in name and ".attn_k." not in name:
        return tensor
    rows, columns = tensor.shape
    heads = weights.shape.heads if ".attn_q." in name else weights.shape.key_value_heads
    return (
        tensor.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)
    )


def _describe(gguf: Path, folder: Path, weights: Weights) -> None:
    """Writes the files that all folders have beside their weights."""
    reader: Any = GGUFReader(gguf)

    def value(key: str) -> Any:
        return reader.get_field(key).contents()

    tokens, kinds = value("tokenizer.ggml.tokens"), value("tokenizer.ggml.token_type")
    special = [
        {"id": token, "content": tokens[token], "special": True, "single_word": False,
         "lstrip": False, "rstrip": False, "normalized": False}
        for token, kind in enumerate(kinds) if kind == _CONTROL
    ]  # fmt: skip
    words = {"type": "Split", "pattern": {"Regex": _WORDS}, "behavior": "Isolated", "invert": False}
    bytes_ = {
        "type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False,
    }  # fmt: skip
    tokenizer = {
        "version": "1.0",
        "added_tokens": special,
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [words, bytes_]},
        "decoder": bytes_,
        "model": {
            "type": "BPE",
            "vocab": {name: token for token, name in enumerate(tokens)},
            "merges": value("tokenizer.ggml.merges"),
        },
    }
    shape = weights.shape
    embedding = value("llama.embedding_length")
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": embedding,
        "intermediate_size": value("llama.feed_forward_length"),
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.key_value_heads,
        "rms_norm_eps": shape.norm_epsilon,
        "rope_theta": shape.rope_base,
        "max_position_embeddings": value("llama.context_length"),
        "vocab_size": len(tokens),
        "tie_word_embeddings": True,
        "eos_token_id": value("tokenizer.ggml.eos_token_id"),
    }
    end = tokens[config["eos_token_id"]]
    files: dict[str, Any] = {
        "tokenizer.json": tokenizer,
        "config.json": config,
        "tokenizer_config.json": {
            "eos_token": {"content": end},
            "chat_template": value("tokenizer.chat_template"),
        },
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))
