"""Three networks: one reads prompts, one turns pictures into latents and back, one paints."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from tools.tiny_picture.description import ATTRIBUTES, CODE_LENGTH
from tools.tiny_picture.words import LENGTH, PADDING

CHANNELS: Final = 8
"""Of a latent, which is 8 x 8."""
GRID: Final = 8
STEPS: Final = 1000
"""Of the noise."""
_OPEN: Final = 0.15
"""What outlines leave open, of the spread of latents, squared."""


class Reader(nn.Module):
    """Reads a prompt: what it says of each attribute, as a probability for each value."""

    def __init__(self, words: int, width: int = 96, layers: int = 2, heads: int = 4) -> None:
        super().__init__()
        self.width, self.heads = width, heads
        self.words = nn.Embedding(words, width)
        self.places = nn.Parameter(torch.randn(LENGTH + 1, width) * 0.1)
        self.layers = nn.ModuleList(
            nn.ModuleDict(
                {
                    "before": nn.LayerNorm(width),
                    "mixing": nn.Linear(width, 3 * width),
                    "mixed": nn.Linear(width, width),
                    "between": nn.LayerNorm(width),
                    "wide": nn.Linear(width, 3 * width),
                    "narrow": nn.Linear(3 * width, width),
                }
            )
            for _ in range(layers)
        )
        self.after = nn.LayerNorm(width)
        self.scores = nn.Linear(width, CODE_LENGTH)

    def forward(self, ids: Tensor) -> Tensor:
        """Scores, batch x CODE_LENGTH, of prompts, batch x LENGTH."""
        batch = ids.shape[0]
        states = functional.pad(self.words(ids), (0, 0, 1, 0)) + self.places
        hidden = functional.pad(ids == PADDING, (1, 0), value=False)
        away = hidden[:, None, None, :].to(states.dtype) * -1e4
        for layer in self.layers:
            heads = layer["mixing"](layer["before"](states))
            heads = heads.view(batch, LENGTH + 1, 3, self.heads, self.width // self.heads)
            query, key, value = heads.permute(2, 0, 3, 1, 4)
            weights = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1]) + away
            mixed = (weights.softmax(-1) @ value).transpose(1, 2)
            states = states + layer["mixed"](mixed.reshape(batch, LENGTH + 1, self.width))
            wide = functional.silu(layer["wide"](layer["between"](states)))
            states = states + layer["narrow"](wide)
        return self.scores(self.after(states[:, 0]))

    def code(self, ids: Tensor) -> Tensor:
        """The probabilities of each attribute's values, batch x CODE_LENGTH."""
        parts = self(ids).split([len(options) for options in ATTRIBUTES.values()], -1)
        return torch.cat([part.softmax(-1) for part in parts], -1)


class _Residue(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, states: Tensor) -> Tensor:
        return states + self.second(functional.silu(self.first(functional.silu(states))))


class Encoder(nn.Module):
    """Latents, batch x 8 x 8 x 8, of pictures, batch x 3 x 64 x 64 from -1 to 1. All is computed at
    a quarter of the size and less."""

    def __init__(self, wide: int = 64, deep: int = 128) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.PixelUnshuffle(4),
            nn.Conv2d(48, wide, 3, padding=1),
            _Residue(wide),
            nn.Conv2d(wide, deep, 2, stride=2),
            _Residue(deep),
            nn.SiLU(),
            nn.Conv2d(deep, CHANNELS, 1),
        )
        self.register_buffer("mean", torch.zeros(CHANNELS, 1, 1))
        self.register_buffer("spread", torch.ones(CHANNELS, 1, 1))

    def forward(self, pictures: Tensor) -> Tensor:
        """See above."""
        return (self.layers(pictures) - self.mean) / self.spread


class Decoder(nn.Module):
    """Pictures of latents."""

    def __init__(self, wide: int = 80, deep: int = 144) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(CHANNELS, deep, 3, padding=1),
            _Residue(deep),
            _Residue(deep),
            nn.Conv2d(deep, wide * 4, 1),
            nn.PixelShuffle(2),
            _Residue(wide),
            _Residue(wide),
            nn.SiLU(),
            nn.Conv2d(wide, 16 * 12, 1),
            nn.PixelShuffle(4),
            nn.SiLU(),
            nn.Conv2d(12, 3, 3, padding=1),
        )
        self.register_buffer("mean", torch.zeros(CHANNELS, 1, 1))
        self.register_buffer("spread", torch.ones(CHANNELS, 1, 1))

    def forward(self, latents: Tensor) -> Tensor:
        """See above."""
        return self.layers(latents * self.spread + self.mean)


class _Block(nn.Module):
    """A residue whose scale and shift the time and the prompt choose; with `looks` each place
    also sees all others."""

    def __init__(self, channels: int, told: int, *, looks: bool = False) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, channels)
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.tell = nn.Linear(told, 2 * channels)
        self.between = nn.GroupNorm(8, channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)
        self.looks = looks
        if looks:
            self.before = nn.GroupNorm(8, channels)
            self.mixing = nn.Conv2d(channels, 3 * channels, 1)
            self.mixed = nn.Conv2d(channels, channels, 1)
            nn.init.zeros_(self.mixed.weight)
            nn.init.zeros_(self.mixed.bias)

    def forward(self, states: Tensor, told: Tensor) -> Tensor:
        scale, shift = self.tell(told)[:, :, None, None].chunk(2, 1)
        inner = self.first(functional.silu(self.norm(states)))
        inner = self.between(inner) * (1 + scale) + shift
        states = states + self.second(functional.silu(inner))
        if not self.looks:
            return states
        batch, channels, high, wide = states.shape
        heads = self.mixing(self.before(states)).view(batch, 3, 4, channels // 4, high * wide)
        query, key, value = heads.unbind(1)
        weights = (query.transpose(-1, -2) @ key) / math.sqrt(channels // 4)
        mixed = value @ weights.softmax(-1).transpose(-1, -2)
        return states + self.mixed(mixed.reshape(batch, channels, high, wide))


class Painter(nn.Module):
    """Tells noise from picture in latents, as a velocity, given the time, a code and its outline.
    It learns what is to be changed in the best guess that keeps to the outline."""

    def __init__(self, wide: int = 64, deep: int = 160, told: int = 192) -> None:
        super().__init__()
        self.read = nn.Linear(CODE_LENGTH, told)
        self.when = nn.Linear(64, told)
        self.tell = nn.Sequential(nn.SiLU(), nn.Linear(told, told), nn.SiLU())
        self.enter = nn.Conv2d(2 * CHANNELS, wide, 3, padding=1)
        self.places = nn.Parameter(torch.randn(1, wide, GRID, GRID) * 0.1)
        self.down = nn.ModuleList([_Block(wide, told), _Block(wide, told)])
        self.smaller = nn.Conv2d(wide, deep, 2, stride=2)
        self.middle = nn.ModuleList(
            [_Block(deep, told, looks=True), _Block(deep, told, looks=True), _Block(deep, told)]
        )
        self.larger = nn.Conv2d(deep, wide * 4, 1)
        self.join = nn.Conv2d(2 * wide, wide, 1)
        self.up = nn.ModuleList([_Block(wide, told, looks=True), _Block(wide, told)])
        self.norm = nn.GroupNorm(8, wide)
        self.leave = nn.Conv2d(wide, CHANNELS, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)
        self.register_buffer("shares", signal_shares().float(), persistent=False)

    def forward(self, latents: Tensor, times: Tensor, codes: Tensor, outline: Tensor) -> Tensor:
        """The velocity, batch x 8 x 8 x 8; times are from 0 to 999."""
        rates = torch.exp(-math.log(10_000) * torch.arange(32) / 32)
        angles = times.to(torch.float32)[:, None] * rates[None]
        waves = torch.cat([angles.sin(), angles.cos()], -1)
        told = self.tell(self.read(codes) + self.when(waves))
        kept = self.shares[times][:, None, None, None]
        beside = latents - kept.sqrt() * outline
        states = self.enter(torch.cat([beside, outline], 1)) + self.places
        for block in self.down:
            states = block(states, told)
        fine = states
        states = self.smaller(states)
        for block in self.middle:
            states = block(states, told)
        states = functional.pixel_shuffle(self.larger(states), 2)
        states = self.join(torch.cat([states, fine], 1))
        for block in self.up:
            states = block(states, told)
        found = self.leave(functional.silu(self.norm(states)))
        # As if the picture were the outline and noise of the spread that outlines leave open.
        gain = kept.sqrt() * (1 - _OPEN) / (kept * _OPEN + 1 - kept)
        return found + (1 - kept).sqrt() * (gain * beside - outline)


def signal_shares() -> Tensor:
    """How much of a picture is left at each time (alpha-bar): Stable Diffusion's schedule, made to
    end in nothing but noise."""
    rates = torch.linspace(0.00085**0.5, 0.012**0.5, STEPS, dtype=torch.float64) ** 2
    roots = (1 - rates).cumprod(0).sqrt()
    first, last = roots[0].clone(), roots[-1].clone()
    roots = (roots - last) * first / (first - last)
    return roots**2
