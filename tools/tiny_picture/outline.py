"""The network that outlines: what pictures have in common of which the same is said."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor, nn

from tools.tiny_picture.description import ATTRIBUTES, CODE_LENGTH
from tools.tiny_picture.model import CHANNELS, GRID

_COLOURS: Final = ("background", "colour", "other_colour")
_LIGHTS: Final = ("kind", "ground", "time")
"""Attributes that both give a picture its form and colour it."""


class Outline(nn.Module):
    """What the pictures of a code have in common: the mean of their latents. What is where, as
    shares of so many paints, is found apart from how these look: else each shape would have to be
    learned in each colour."""

    def __init__(self, paints: int = 64) -> None:
        super().__init__()
        self.paints = paints
        self.register_buffer("of_forms", _part_of_codes(_COLOURS, others=True), persistent=False)
        self.register_buffer(
            "of_paints", _part_of_codes((*_COLOURS, *_LIGHTS), others=False), persistent=False
        )
        self.forms = nn.Sequential(
            nn.Linear(CODE_LENGTH, 256),
            nn.SiLU(),
            nn.Linear(256, 256),
            nn.SiLU(),
            nn.Linear(256, GRID * GRID * paints),
        )
        self.looks = nn.Sequential(
            nn.Linear(CODE_LENGTH, 128), nn.SiLU(), nn.Linear(128, paints * CHANNELS)
        )

    def forward(self, codes: Tensor) -> Tensor:
        """Latents, batch x 8 x 8 x 8."""
        forms = self.forms(codes * self.of_forms).view(-1, GRID * GRID, self.paints)
        looks = self.looks(codes * self.of_paints).view(-1, self.paints, CHANNELS)
        latents = (forms @ looks) / math.sqrt(self.paints)
        return latents.transpose(1, 2).reshape(-1, CHANNELS, GRID, GRID)


def _part_of_codes(names: tuple[str, ...], *, others: bool) -> Tensor:
    """1 where a code has values of these attributes, or of all the others, and else 0."""
    parts = [
        torch.full([len(options)], float((name in names) != others))
        for name, options in ATTRIBUTES.items()
    ]
    return torch.cat(parts)
