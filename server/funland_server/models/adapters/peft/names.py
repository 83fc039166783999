"""Which of a model's tensors PEFT means, and how their rows lie there."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from funland_server.models.adapters.peft.config import PeftError
from funland_server.models.formats.gguf import GgufContents

_MODULES: Final = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_LINEARS: Final = {module: linear for linear, module in _MODULES.items()}
_MATRIX: Final = re.compile(
    r"(?:base_model\.model\.)?(?P<module>(?:model\.)+layers\.(?P<layer>\d{1,4})\."
    r"(?P<part>(?:self_attn|mlp)\.\w{1,40}))\.lora_(?P<side>[AB])(?:\.default)?\.weight"
)
_TENSOR: Final = re.compile(r"blk\.(?P<layer>\d+)\.(?P<linear>\w+)\.weight")
_INTERLEAVED: Final = ("llama",)
"""The architectures whose files have the numbers that positions rotate side by side, not half a
head apart as PEFT's models do."""


class Matrix(NamedTuple):
    """One of an adapter's matrices."""

    module: str
    """The module's name in the model."""
    tensor: str
    """GGUF's name of what it changes."""
    side: str
    """`A` or `B`."""


def matrix(name: str) -> Matrix:
    """What a tensor of PEFT's is.

    Raises:
        PeftError: It is none of a linear layer of a decoder's blocks.
    """
    found = _MATRIX.fullmatch(name)
    linear = _LINEARS.get(found["part"]) if found else None
    if found is None or linear is None:
        raise PeftError(f"its tensor {name[:120]!r} is not of a linear layer of the blocks")
    return Matrix(found["module"], f"blk.{int(found['layer'])}.{linear}.weight", found["side"])


def module(tensor: str) -> str:
    """PEFT's name for what a tensor of a block is the weight of; raises PeftError."""
    found = _TENSOR.fullmatch(tensor)
    if found is None or found["linear"] not in _MODULES:
        raise PeftError(f"{tensor[:80]!r} has no name in PEFT")
    return f"model.layers.{found['layer']}.{_MODULES[found['linear']]}"


def rotated_heads(tensor: str, model: GgufContents) -> int:
    """How many heads a tensor's rows are that lie otherwise in PEFT's models; 0: they lie alike."""
    architecture = model.values["general.architecture"]
    if architecture not in _INTERLEAVED:
        return 0
    heads = model.values.get(f"{architecture}.attention.head_count")
    if tensor.endswith(".attn_k.weight"):
        heads = model.values.get(f"{architecture}.attention.head_count_kv", heads)
    elif not tensor.endswith(".attn_q.weight"):
        return 0
    if not isinstance(heads, int) or heads <= 0:
        raise PeftError("the model's layers have different numbers of heads")
    return heads


def side_by_side(rows: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Rows as such a file has them, given PEFT's."""
    return _swapped(rows, heads, 2, -1)


def half_apart(rows: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """PEFT's rows, given those of such a file."""
    return _swapped(rows, heads, -1, 2)


def _swapped(rows: NDArray[np.float32], heads: int, outer: int, inner: int) -> NDArray[np.float32]:
    if len(rows) % (2 * heads):
        raise PeftError("the model's heads can't be rotated")
    shaped = rows.reshape(heads, outer, inner, rows.shape[1])
    return np.ascontiguousarray(shaped.swapaxes(1, 2).reshape(rows.shape))
