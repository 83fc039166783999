"""Makes models of real shapes with random weights, to measure speed without a download.

`python -m tools.bench.synthetic_model FOLDER --shape 0.5b`; the same seed gives the same bytes.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.bench.gguf_writer import Kind, Tensor, Value, header, padding
from tools.bench.hybrid_shape import Hybrid, hybrid_metadata, layer_tensors
from tools.bench.vocabulary import SPECIAL, vocabulary

_BLOCK = 32
_CHUNK_BLOCKS = 1 << 20
_QUANTIZED = np.dtype([("scale", "<f2"), ("values", "i1", _BLOCK)])
_LARGEST = 127  # llama.cpp's kernels take -128 for 127
_DEVIATION_OF_VALUES = 73.6  # of whole numbers from -127 to 127, all as likely

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


@dataclass(frozen=True, slots=True)
class Shape:
    """A qwen2 model's sizes, or with `hybrid` a qwen35 model's. The output's weights are those of
    the embedding."""

    layers: int
    width: int
    hidden: int
    heads: int
    kv_heads: int
    vocabulary: int
    context: int = 32768
    hybrid: Hybrid | None = None

    @property
    def architecture(self) -> str:
        """Its name in a GGUF file."""
        return "qwen35" if self.hybrid else "qwen2"

    @property
    def kv_width(self) -> int:
        """The values of a token's keys in one layer."""
        return self.width // self.heads * self.kv_heads


SHAPES = {
    "micro": Shape(1, 64, 128, 2, 1, 512, 256),  # as small as one gets
    "tiny": Shape(4, 128, 384, 4, 2, 2048, 4096),  # a load takes milliseconds
    "draft": Shape(4, 384, 1024, 6, 2, 151_936),  # drafts for 0.5b: the same vocabulary
    "0.5b": Shape(24, 896, 4864, 14, 2, 151_936),  # Qwen2.5-0.5B: 494 million weights
    # Qwen3.5-0.8B with Qwen2.5's vocabulary: 650 million weights
    "hybrid": Shape(24, 1024, 3584, 8, 2, 151_936, hybrid=Hybrid()),
    "hybrid-small": Shape(8, 512, 1536, 4, 2, 32_000, 8192, Hybrid(4, 128, 8, 64)),
    "hybrid-tiny": Shape(4, 256, 512, 2, 1, 2048, 4096, Hybrid(2, 128, 4, 64)),
}


def make(folder: Path, shape: str, seed: int = 0) -> Path:
    """The model's file, written if the folder does not have it yet."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"qwen-shape-{shape}-q8_0{f'-{seed}' if seed else ''}.gguf"
    if not path.exists():
        unfinished = path.with_suffix(".part")
        _write(unfinished, f"qwen-shape-{shape}", SHAPES[shape], seed)
        unfinished.replace(path)
    return path


def tensors(shape: Shape) -> Iterator[tuple[Tensor, float]]:
    """Every tensor and its values' standard deviation; 0 for one of equal values."""
    width, hidden, keys = shape.width, shape.hidden, shape.kv_width
    yield Tensor("token_embd.weight", (width, shape.vocabulary), Kind.Q8_0), 0.04
    yield Tensor("output_norm.weight", (width,), Kind.F32), 0
    for layer in range(shape.layers):
        name = f"blk.{layer}."
        for norm in ("attn_norm", "post_attention_norm" if shape.hybrid else "ffn_norm"):
            yield Tensor(f"{name}{norm}.weight", (width,), Kind.F32), 0
        matrices = [
            ("attn_q", width, width),
            ("attn_k", width, keys),
            ("attn_v", width, keys),
            ("attn_output", width, width),
        ]
        if shape.hybrid is not None:
            matrices.clear()
        matrices += [
            ("ffn_gate", width, hidden),
            ("ffn_up", width, hidden),
            ("ffn_down", hidden, width),
        ]
        for part, columns, rows in matrices:
            yield Tensor(f"{name}{part}.weight", (columns, rows), Kind.Q8_0), 0.05
        if shape.hybrid is not None:
            yield from layer_tensors(layer, width, shape.heads, shape.kv_heads, shape.hybrid)
            continue
        for part, rows in (("attn_q", width), ("attn_k", keys), ("attn_v", keys)):
            yield Tensor(f"{name}{part}.bias", (rows,), Kind.F32), 0


def metadata(name: str, shape: Shape) -> dict[str, Value]:
    """What the file says of itself, its tokenizer included."""
    words, architecture = vocabulary(shape.vocabulary), shape.architecture
    plain = shape.vocabulary - len(SPECIAL)
    normal, control = 1, 3
    return {
        "general.architecture": architecture,
        "general.name": f"{name}, random weights",
        "general.file_type": 7,
        "general.quantization_version": 2,
        f"{architecture}.context_length": shape.context,
        f"{architecture}.embedding_length": shape.width,
        f"{architecture}.block_count": shape.layers,
        f"{architecture}.feed_forward_length": shape.hidden,
        f"{architecture}.attention.head_count": shape.heads,
        f"{architecture}.attention.head_count_kv": shape.kv_heads,
        f"{architecture}.attention.layer_norm_rms_epsilon": 1e-6,
        f"{architecture}.rope.freq_base": 1e6,
        **(hybrid_metadata(shape.hybrid) if shape.hybrid else {}),
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.tokens": words.tokens,
        "tokenizer.ggml.token_type": [normal] * plain + [control] * len(SPECIAL),
        "tokenizer.ggml.merges": words.merges,
        "tokenizer.ggml.bos_token_id": plain,
        "tokenizer.ggml.padding_token_id": plain,
        "tokenizer.ggml.eos_token_id": shape.vocabulary - 1,
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.chat_template": CHAT_TEMPLATE,
    }


def _write(path: Path, name: str, shape: Shape, seed: int) -> None:
    chance = np.random.default_rng(seed)
    plan = list(tensors(shape))
    with path.open("wb") as file:
        file.write(header(metadata(name, shape), [tensor for tensor, _ in plan]))
        for tensor, deviation in plan:
            for piece in _weights(tensor, deviation, shape, chance):
                file.write(piece.tobytes())
            file.write(bytes(padding(tensor.size)))


def _weights(
    tensor: Tensor, deviation: float, shape: Shape, chance: np.random.Generator
) -> Iterator[NDArray[np.void] | NDArray[np.float32]]:
    if tensor.kind is Kind.F32:
        value = 0.0 if tensor.name.endswith(".bias") else 1.0
        if tensor.name.endswith("ssm_a"):  # how fast a state fades
            value = -0.1
        yield np.full(tensor.shape, value, np.float32)
        return
    blocks = tensor.shape[0] * tensor.shape[1] // _BLOCK
    scales = np.full(blocks, deviation / _DEVIATION_OF_VALUES, np.float16)
    if tensor.name == "token_embd.weight":
        scales *= np.repeat(_loudness(shape), shape.width // _BLOCK)
    for start in range(0, blocks, _CHUNK_BLOCKS):
        piece = np.empty(min(_CHUNK_BLOCKS, blocks - start), _QUANTIZED)
        piece["scale"] = scales[start : start + len(piece)]
        piece["values"] = chance.integers(
            -_LARGEST, _LARGEST, piece["values"].shape, np.int8, endpoint=True
        )
        yield piece


def _loudness(shape: Shape) -> NDArray[np.float16]:
    """How strong each token's row is. A tenth for bytes and control tokens makes them lose to the
    words: streams carry whole words and end at their limit only."""
    rows = np.ones(shape.vocabulary, np.float16)
    rows[:256] = 0.1
    rows[-len(SPECIAL) :] = 0.1
    return rows


def main() -> None:
    """Makes a model and tells where it lies."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--shape", choices=SHAPES, default="0.5b")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    path = make(arguments.folder, arguments.shape, arguments.seed)
    print(f"{path.stat().st_size} bytes in {path}")


if __name__ == "__main__":
    main()
