"""Sees whether the networks of a model that paints fit each other.

The library does not look, and fails with each picture. Only what their files tell is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

Sides: TypeAlias = tuple[int | None, ...]
"""Of a tensor; None: any."""

_READERS: Final = ("text_encoder", "text_encoder_2")
_PAINTER, _DECODER, _ENCODER = "unet", "vae_decoder", "vae_encoder"
_NETWORKS: Final = (*_READERS, _PAINTER, _DECODER, _ENCODER)
_WORDS: Final = "last_hidden_state"
_GIVEN_WORDS: Final = "encoder_hidden_states"
_CHANNELS: Final = 1


@dataclass(frozen=True, slots=True)
class Network:
    """What a network takes and gives, by the names of its tensors."""

    inputs: Mapping[str, Sides]
    outputs: Mapping[str, Sides]


def networks_in(core: Any, folder: Path) -> Mapping[str, Network]:
    """The networks of a folder by their names; `core` is OpenVINO's.

    Raises:
        RuntimeError: The library can't read one.
    """
    found: dict[str, Network] = {}
    for name in _NETWORKS:
        if (path := folder / name / "openvino_model.xml").exists():
            model = core.read_model(path)
            found[name] = Network(_sides(model.inputs), _sides(model.outputs))
    return found


def misfit(networks: Mapping[str, Network]) -> str | None:
    """What does not fit, for whoever loads the model; None: nothing does not. Models without a UNet
    are not looked at."""
    painter = networks.get(_PAINTER)
    if painter is None:
        return None
    words = _side(painter.inputs, _GIVEN_WORDS, -1)
    readers = [networks[name] for name in _READERS if name in networks]
    read = [side for one in readers if (side := _side(one.outputs, _WORDS, -1)) is not None]
    if words is not None and readers and len(read) == len(readers) and words != sum(read):
        return f"{_PAINTER} takes words of {words} numbers, and {_READERS[0]} gives {sum(read)}"
    painted = _first(painter.outputs)
    if (decoder := networks.get(_DECODER)) is not None:
        taken = _first(decoder.inputs)
        if None not in (painted, taken) and painted != taken:
            return f"{_PAINTER} gives latents of {painted} channels, and {_DECODER} takes {taken}"
    if (encoder := networks.get(_ENCODER)) is not None:
        given = _first(encoder.outputs)
        # The latents alone, or the mean and the variance of each.
        if painted is not None and given is not None and given not in (painted, 2 * painted):
            return f"{_ENCODER} gives {given} channels for latents of {painted}"
    return None


def _sides(tensors: Any) -> Mapping[str, Sides]:
    """By all names that each has."""
    return {
        name: _lengths(tensor.get_partial_shape()) for tensor in tensors for name in _names(tensor)
    }


def _names(tensor: Any) -> list[str]:
    return sorted(tensor.get_names()) or [f"unnamed {id(tensor)}"]


def _lengths(shape: Any) -> Sides:
    if shape.rank.is_dynamic:
        return ()
    return tuple(None if side.is_dynamic else int(side.get_length()) for side in shape)


def _side(tensors: Mapping[str, Sides], name: str, place: int) -> int | None:
    sides = tensors.get(name)
    return sides[place] if sides else None


def _first(tensors: Mapping[str, Sides]) -> int | None:
    """The channels of the first tensor."""
    for sides in tensors.values():
        return sides[_CHANNELS] if len(sides) > _CHANNELS else None
    return None
