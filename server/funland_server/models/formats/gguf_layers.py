"""How a GGUF model is parted into layers, and what each of them takes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from funland_server.models.formats.gguf import GgufContents
from funland_server.models.formats.gguf_states import state_bytes

# Tensors that make a token's keys and values, and the share of their rows that does.
_CACHED_SHARES = {
    "attn_k.weight": 1.0, "attn_v.weight": 1.0, "attn_kv_a_mqa.weight": 1.0,
    "attn_qkv.weight": 2 / 3,
}  # fmt: skip

_INPUT, _OUTPUT = "token_embd.weight", "output.weight"
_BOTH = ("ssm_conv1d", "attn_output")
_DIGITS = 5
"""The most that a layer's number has: llama.cpp knows none with so many."""


@dataclass(frozen=True, slots=True)
class Layers:
    """What the layers take, in bytes and in their order; see `ModelHeader`."""

    weights: tuple[int, ...]
    cache: tuple[int, ...]
    states: tuple[int, ...]
    output: int
    ties_output: bool
    vocabulary_size: int


def layers(contents: GgufContents) -> Layers:
    """The parts that llama.cpp can put on a device each: the blocks, and the output. The table of
    tokens stays on the CPU; where it is the output too, llama.cpp copies it."""
    weights: dict[int, int] = {}
    values: dict[int, float] = {}
    output = 0
    states = state_bytes(contents)
    alone = _without_cache(contents, states)
    for name, shape in contents.shapes.items():
        if (layer := _layer(name)) is not None:
            weights[layer] = weights.get(layer, 0) + contents.tensor_bytes(name)
            cached = 0 if layer in alone else _cached_values(name, shape)
            values[layer] = values.get(layer, 0) + cached
        elif name.startswith("output"):
            output += contents.tensor_bytes(name)
    tied = _INPUT in contents.shapes and _OUTPUT not in contents.shapes
    if tied:
        output += contents.tensor_bytes(_INPUT)
    numbers = range(len(weights))
    if {*numbers} != {*weights}:  # not numbered from 0 on: nothing that is known here
        numbers = range(0)
    return Layers(
        weights=tuple(weights[number] for number in numbers),
        cache=tuple(int(2 * values[number]) for number in numbers),
        states=tuple(states.get(number, 0) for number in numbers),
        output=output,
        ties_output=tied,
        vocabulary_size=contents.shapes.get(_INPUT, (0, 0))[-1],
    )


def cached_bytes(contents: GgufContents) -> int:
    """What a token's keys and values take, as 16-bit numbers."""
    alone = _without_cache(contents, state_bytes(contents))
    return int(
        2
        * sum(
            _cached_values(name, shape)
            for name, shape in contents.shapes.items()
            if _layer(name) not in alone
        )
    )


def _without_cache(contents: GgufContents, states: Iterable[int]) -> set[int]:
    """The layers that keep a state alone, and no keys and values beside it as Falcon H1's do."""
    return {
        layer
        for layer in states
        if not all(f"blk.{layer}.{role}.weight" in contents.shapes for role in _BOTH)
    }


def _cached_values(name: str, shape: tuple[int, ...]) -> float:
    layer, _, role = name.removeprefix("blk.").partition(".")
    return _CACHED_SHARES.get(role, 0) * math.prod(shape[1:]) if layer.isdecimal() else 0


def _layer(name: str) -> int | None:
    number, _, _ = name.removeprefix("blk.").partition(".")
    if not (name.startswith("blk.") and number.isdecimal() and len(number) <= _DIGITS):
        return None
    return int(number)
