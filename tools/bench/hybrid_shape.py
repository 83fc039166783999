"""What a model of Qwen3.5's shape has beside qwen2's: layers with a state, and wide heads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tools.bench.gguf_writer import Kind, Tensor

_ROTARY_SECTIONS = [11, 11, 10, 0]


@dataclass(frozen=True, slots=True)
class Hybrid:
    """The sizes of its parts. Every `interval`-th layer has keys and values, the others states."""

    interval: int = 4
    head: int = 256
    state_heads: int = 16
    state: int = 128
    kernel: int = 4

    @property
    def inner(self) -> int:
        """How many numbers of a token go into its layer's state."""
        return self.state_heads * self.state


def layer_tensors(
    layer: int, width: int, heads: int, kv_heads: int, hybrid: Hybrid
) -> Iterator[tuple[Tensor, float]]:
    """Those of a layer, but for its network's; with their values' standard deviation, as
    `synthetic_model.tensors` has it."""
    name = f"blk.{layer}."
    inner, head = hybrid.inner, hybrid.head
    matrices: list[tuple[str, int, int]]
    if (layer + 1) % hybrid.interval:
        matrices = [
            ("attn_qkv", width, 3 * inner),
            ("attn_gate", width, inner),
            ("ssm_beta", width, hybrid.state_heads),
            ("ssm_alpha", width, hybrid.state_heads),
            ("ssm_out", inner, width),
        ]
        yield Tensor(f"{name}ssm_conv1d.weight", (hybrid.kernel, 3 * inner), Kind.F32), 0
        yield Tensor(f"{name}ssm_norm.weight", (hybrid.state,), Kind.F32), 0
        for vector in ("ssm_dt.bias", "ssm_a"):
            yield Tensor(f"{name}{vector}", (hybrid.state_heads,), Kind.F32), 0
    else:
        matrices = [
            ("attn_q", width, 2 * heads * head),
            ("attn_k", width, kv_heads * head),
            ("attn_v", width, kv_heads * head),
            ("attn_output", heads * head, width),
        ]
        for norm in ("attn_q_norm", "attn_k_norm"):
            yield Tensor(f"{name}{norm}.weight", (head,), Kind.F32), 0
    for part, columns, rows in matrices:
        yield Tensor(f"{name}{part}.weight", (columns, rows), Kind.Q8_0), 0.05


def hybrid_metadata(hybrid: Hybrid) -> dict[str, Any]:
    """What the header says of them."""
    return {
        "qwen35.attention.key_length": hybrid.head,
        "qwen35.attention.value_length": hybrid.head,
        "qwen35.rope.dimension_count": hybrid.head // 4,
        "qwen35.rope.dimension_sections": _ROTARY_SECTIONS,
        "qwen35.full_attention_interval": hybrid.interval,
        "qwen35.ssm.conv_kernel": hybrid.kernel,
        "qwen35.ssm.inner_size": hybrid.inner,
        "qwen35.ssm.state_size": hybrid.state,
        "qwen35.ssm.time_step_rank": hybrid.state_heads,
        "qwen35.ssm.group_count": hybrid.state_heads,
    }
