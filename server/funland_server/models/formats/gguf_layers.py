"""How a GGUF model is parted into layers, and what each of them takes."""

from __future__ import annotations

from dataclasses import dataclass

from funland_server.models.formats.gguf import GgufContents
from funland_server.models.formats.gguf_cache import cached_values, layer_number
from funland_server.models.formats.gguf_states import state_bytes

_INPUT, _OUTPUT = "token_embd.weight", "output.weight"


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
    output = 0
    states = state_bytes(contents)
    values = cached_values(contents, states)
    for name in contents.shapes:
        if (layer := layer_number(name)) is not None:
            weights[layer] = weights.get(layer, 0) + contents.tensor_bytes(name)
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
        cache=tuple(int(2 * values.get(number, 0)) for number in numbers),
        states=tuple(states.get(number, 0) for number in numbers),
        output=output,
        ties_output=tied,
        vocabulary_size=contents.shapes.get(_INPUT, (0, 0))[-1],
    )


def cached_bytes(contents: GgufContents) -> int:
    """What a token's keys and values take, as 16-bit numbers."""
    return int(2 * sum(cached_values(contents, state_bytes(contents)).values()))
