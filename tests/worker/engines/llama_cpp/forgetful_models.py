"""Models of a few thousand random weights, in float32. Two can't go back in a text: one sees the
latest tokens only in every second layer, the other keeps a state in place of keys and values.
The third remembers all."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

VOCABULARY = 64
WINDOW = 24
_LENGTH, _LAYERS, _HEADS, _INNER = 32, 2, 2, 64
_STATE, _KERNEL, _RANK = 8, 4, 2


def write_plain(path: Path) -> Path:
    """The shape of Llama, arXiv:2302.13971."""
    writer = _writer(path, "llama")
    writer.add_head_count(_HEADS)
    writer.add_feed_forward_length(_INNER)
    _add(writer, "output.weight", VOCABULARY, _LENGTH)
    for layer in range(_LAYERS):
        block = f"blk.{layer}."
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"{block}{name}.weight", np.ones(_LENGTH, np.float32))
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            _add(writer, f"{block}{name}.weight", _LENGTH, _LENGTH)
        _add(writer, f"{block}ffn_gate.weight", _INNER, _LENGTH)
        _add(writer, f"{block}ffn_up.weight", _INNER, _LENGTH)
        _add(writer, f"{block}ffn_down.weight", _LENGTH, _INNER)
    return _written(writer, path)


def write_windowed(path: Path) -> Path:
    """The shape of Gemma 2, arXiv:2408.00118, with a window of `WINDOW` tokens."""
    writer = _writer(path, "gemma2")
    writer.add_head_count(_HEADS)
    writer.add_feed_forward_length(_INNER)
    writer.add_sliding_window(WINDOW)
    for layer in range(_LAYERS):
        block = f"blk.{layer}."
        for name in ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"):
            writer.add_tensor(f"{block}{name}.weight", np.ones(_LENGTH, np.float32))
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            _add(writer, f"{block}{name}.weight", _LENGTH, _LENGTH)
        _add(writer, f"{block}ffn_gate.weight", _INNER, _LENGTH)
        _add(writer, f"{block}ffn_up.weight", _INNER, _LENGTH)
        _add(writer, f"{block}ffn_down.weight", _LENGTH, _INNER)
    return _written(writer, path)


def write_recurrent(path: Path) -> Path:
    """The shape of Mamba, arXiv:2312.00752."""
    writer = _writer(path, "mamba")
    wide = 2 * _LENGTH
    writer.add_head_count(0)
    writer.add_feed_forward_length(0)
    writer.add_ssm_conv_kernel(_KERNEL)
    writer.add_ssm_inner_size(wide)
    writer.add_ssm_state_size(_STATE)
    writer.add_ssm_time_step_rank(_RANK)
    for layer in range(_LAYERS):
        block = f"blk.{layer}."
        writer.add_tensor(f"{block}attn_norm.weight", np.ones(_LENGTH, np.float32))
        _add(writer, f"{block}ssm_in.weight", 2 * wide, _LENGTH)
        _add(writer, f"{block}ssm_conv1d.weight", wide, _KERNEL)
        writer.add_tensor(f"{block}ssm_conv1d.bias", np.zeros(wide, np.float32))
        _add(writer, f"{block}ssm_x.weight", _RANK + 2 * _STATE, wide)
        _add(writer, f"{block}ssm_dt.weight", wide, _RANK)
        writer.add_tensor(f"{block}ssm_dt.bias", np.zeros(wide, np.float32))
        decay = -np.tile(np.arange(1, _STATE + 1, dtype=np.float32) / 20, (wide, 1))
        writer.add_tensor(f"{block}ssm_a", decay)
        writer.add_tensor(f"{block}ssm_d", np.ones(wide, np.float32))
        _add(writer, f"{block}ssm_out.weight", _LENGTH, wide)
    return _written(writer, path)


def _writer(path: Path, architecture: str) -> gguf.GGUFWriter:
    """A file with all that both have."""
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_context_length(4096)
    writer.add_embedding_length(_LENGTH)
    writer.add_block_count(_LAYERS)
    writer.add_layer_norm_rms_eps(1e-6)
    tokens = ["<unk>", "<s>", "</s>", "<0x0A>"]
    types = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL]
    types.append(gguf.TokenType.BYTE)
    types += [gguf.TokenType.NORMAL] * (VOCABULARY - len(tokens))
    tokens += [f"w{number}" for number in range(len(tokens), VOCABULARY)]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * VOCABULARY)
    writer.add_token_types(types)
    _add(writer, "token_embd.weight", VOCABULARY, _LENGTH)
    _add(writer, "output.weight", VOCABULARY, _LENGTH) if architecture == "mamba" else None
    writer.add_tensor("output_norm.weight", np.ones(_LENGTH, np.float32))
    return writer


def _add(writer: gguf.GGUFWriter, name: str, rows: int, columns: int) -> None:
    """Random weights, the same each time, strong enough that what came before counts."""
    choose = np.random.default_rng(list(name.encode()))
    values = choose.normal(0, 2 * columns**-0.5, (rows, columns))
    writer.add_tensor(name, values.astype(np.float32))


def _written(writer: gguf.GGUFWriter, path: Path) -> Path:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
