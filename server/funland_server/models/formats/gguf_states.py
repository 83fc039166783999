"""What the states of a text take in a GGUF model: what layers keep in the place of keys and values.

Each recurrent layer keeps, of every text that may be held, the latest inputs of its convolution and
what it made of all before, as 32-bit floats. Which layers do so and how wide they are is told by
their tensors, the rest by the header; compared with what llama.cpp tells of its memory at the load
of each kind.
"""

from __future__ import annotations

from collections.abc import Mapping

from funland_server.models.formats.gguf import GgufContents
from funland_server.models.formats.gguf_cache import by_layers

_VALUE_BYTES = 4
_SHIFTS = 2
"""How many of the latest tokens RWKV keeps, unless the file says."""
_LARGEST = 2**24
"""No number that a state's size depends on is larger, in any model that is known."""


def state_bytes(contents: GgufContents) -> dict[int, int]:
    """What a text's state takes in each layer that keeps one."""
    values = contents.values
    architecture = values.get("general.architecture")

    def number(name: str) -> int:
        value = values.get(f"{architecture}.{name}")
        return value if isinstance(value, int) and 0 < value <= _LARGEST else 0

    attends = number("attention.key_length") if architecture == "minimax-01" else 0
    scan = number("ssm.state_size") * number("ssm.inner_size")
    wkv = number("embedding_length") * (
        number("wkv.head_size") + (number("token_shift_count") or _SHIFTS)
    )
    delta = number("kda.head_dim")
    return {
        layer: _VALUE_BYTES * kept
        for layer, shapes in by_layers(contents).items()
        if (kept := _layer_values(shapes, scan=scan, wkv=wkv, delta=delta, attends=attends))
    }


def _layer_values(
    shapes: Mapping[str, tuple[int, ...]], *, scan: int, wkv: int, delta: int, attends: int
) -> int:
    """How many numbers a layer keeps of a text: `scan` is what a Mamba or a gated delta net makes
    of all before, `wkv` all that RWKV keeps, `delta` the length of a head of Kimi's delta net,
    `attends` that of one of MiniMax's linear attention."""
    if (shape := shapes.get("ssm_conv1d.weight")) is not None:
        return _inputs(shape) + scan
    if (shape := shapes.get("ssm_conv1d_q.weight")) is not None:  # and one for k and v each
        return 3 * _inputs(shape) + delta * shape[-1]
    if (shape := shapes.get("shortconv.conv.weight")) is not None:
        return _inputs(shape)
    if "time_mix_key.weight" in shapes:
        return wkv
    if attends and (shape := shapes.get("attn_qkv.weight")) is not None:
        return shape[-1] // 3 * attends
    return 0


def _inputs(convolution: tuple[int, ...]) -> int:
    """How many numbers the latest inputs of a convolution are: its kernel's length comes first."""
    return (convolution[0] - 1) * convolution[-1]
