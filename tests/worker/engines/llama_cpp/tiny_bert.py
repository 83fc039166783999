"""A BERT of a few thousand random weights: as a GGUF file, and as the arithmetic it stands for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

MARKS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PAD, UNKNOWN, BEGIN, SEPARATOR, MASK = range(len(MARKS))
WORDS = [
    "the", "a", "cat", "dog", "bird", "sleeps", "runs", "sings", "on", "under", "sofa", "tree",
    "what", "where", "is", ".", "?",
]  # fmt: skip
CONTEXT = 1024
_LENGTH, _LAYERS, _HEADS, _INNER, _EPSILON = 32, 2, 4, 64, 1e-12


@dataclass(frozen=True, slots=True)
class TinyBert:
    """The weights, by the names that they have in the file."""

    weights: dict[str, Array]

    def states(self, tokens: list[int]) -> Array:
        """The last hidden states of a text, a row a token: Devlin et al., arXiv:1810.04805."""
        weights = self.weights
        x = weights["token_embd.weight"][tokens] + weights["token_types.weight"][0]
        x = self._normed("token_embd_norm", x + weights["position_embd.weight"][: len(tokens)])
        for layer in range(_LAYERS):
            block = f"blk.{layer}."
            mixed = self._linear(block + "attn_output", self._attention(block, x))
            x = self._normed(block + "attn_output_norm", x + mixed)
            inner = _gelu(self._linear(block + "ffn_up", x))
            x = self._normed(
                block + "layer_output_norm", x + self._linear(block + "ffn_down", inner)
            )
        return x

    def score(self, tokens: list[int]) -> float:
        """What the ranking head says of a pair."""
        head = np.tanh(self._linear("cls", self.states(tokens)[:1]))
        return float(self._linear("cls.output", head)[0, 0])

    def write(
        self,
        path: Path,
        *,
        pooling: gguf.PoolingType | None = gguf.PoolingType.MEAN,
        adds_end: bool | None = None,
        adds_separator: bool | None = None,
        rank_template: str | None = None,
    ) -> Path:
        """Writes the file. Converters of 2024 did not write what the two `adds` are for."""
        writer = gguf.GGUFWriter(path, "bert")
        writer.add_name("Tiny BERT")
        writer.add_context_length(CONTEXT)
        writer.add_embedding_length(_LENGTH)
        writer.add_block_count(_LAYERS)
        writer.add_feed_forward_length(_INNER)
        writer.add_head_count(_HEADS)
        writer.add_layer_norm_eps(_EPSILON)
        writer.add_causal_attention(False)
        if pooling is not None:
            writer.add_pooling_type(pooling)
        writer.add_tokenizer_model("bert")
        writer.add_tokenizer_pre("default")
        writer.add_token_type_count(2)
        writer.add_token_list([*MARKS, *("\u2581" + word for word in WORDS)])
        control, normal = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
        writer.add_token_types([control] * len(MARKS) + [normal] * len(WORDS))
        writer.add_bos_token_id(BEGIN)
        writer.add_eos_token_id(SEPARATOR)
        writer.add_sep_token_id(SEPARATOR)
        writer.add_unk_token_id(UNKNOWN)
        writer.add_pad_token_id(PAD)
        writer.add_mask_token_id(MASK)
        if adds_end is not None:
            writer.add_add_eos_token(adds_end)
        if adds_separator is not None:
            writer.add_add_sep_token(adds_separator)
        if rank_template is not None:
            writer.add_string("tokenizer.chat_template.rerank", rank_template)
        for name, values in self.weights.items():
            if pooling == gguf.PoolingType.RANK or not name.startswith("cls"):
                writer.add_tensor(name, values)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path

    def _attention(self, block: str, x: Array) -> Array:
        def heads(kind: str) -> Array:
            rows = self._linear(block + kind, x)
            return rows.reshape(len(x), _HEADS, -1).swapaxes(0, 1)

        query, key, value = heads("attn_q"), heads("attn_k"), heads("attn_v")
        scores = np.exp(query @ key.swapaxes(1, 2) / np.sqrt(_LENGTH / _HEADS))
        mixed: Array = (scores / scores.sum(axis=2, keepdims=True)) @ value
        return mixed.swapaxes(0, 1).reshape(len(x), _LENGTH)

    def _linear(self, name: str, x: Array) -> Array:
        return x @ self.weights[name + ".weight"].T + self.weights[name + ".bias"]

    def _normed(self, name: str, x: Array) -> Array:
        centred = x - x.mean(axis=1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + _EPSILON)
        return scaled * self.weights[name + ".weight"] + self.weights[name + ".bias"]


def tiny_bert() -> TinyBert:
    """One with the same weights every time."""
    random = np.random.default_rng(4)
    weights: dict[str, Array] = {}

    def add(name: str, *shape: int, around: float = 0.0) -> None:
        weights[name] = (around + random.normal(0, 0.3, shape)).astype(np.float32)

    def add_linear(name: str, inputs: int, outputs: int) -> None:
        add(name + ".weight", outputs, inputs)
        add(name + ".bias", outputs)

    def add_norm(name: str) -> None:
        add(name + ".weight", _LENGTH, around=1.0)
        add(name + ".bias", _LENGTH)

    add("token_embd.weight", len(MARKS) + len(WORDS), _LENGTH)
    add("position_embd.weight", CONTEXT, _LENGTH)
    add("token_types.weight", 2, _LENGTH)
    add_norm("token_embd_norm")
    for layer in range(_LAYERS):
        block = f"blk.{layer}."
        for kind in ("attn_q", "attn_k", "attn_v", "attn_output"):
            add_linear(block + kind, _LENGTH, _LENGTH)
        add_norm(block + "attn_output_norm")
        add_linear(block + "ffn_up", _LENGTH, _INNER)
        add_linear(block + "ffn_down", _INNER, _LENGTH)
        add_norm(block + "layer_output_norm")
    add_linear("cls", _LENGTH, _LENGTH)
    add_linear("cls.output", _LENGTH, 1)
    return TinyBert(weights)


def _gelu(x: Array) -> Array:
    """By way of tanh, as ggml has it."""
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
