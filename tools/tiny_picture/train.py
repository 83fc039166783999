"""Trains the networks, one after the other, on one core; each goes on where it stopped."""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from tools.tiny_picture.captions import caption
from tools.tiny_picture.description import ATTRIBUTES, said, values
from tools.tiny_picture.drawing import drawn
from tools.tiny_picture.model import (
    STEPS,
    Decoder,
    Encoder,
    Painter,
    Reader,
    signal_shares,
)
from tools.tiny_picture.outline import Outline
from tools.tiny_picture.words import LENGTH, PADDING, UNKNOWN, encoded, vocabulary

BUILD: Final = Path(__file__).parent / "build"
_TOLD_EVERY, _KEPT_EVERY = 25, 100
_FADE: Final = 0.4
"""The share of the steps in which the learning rate goes to nothing."""
_NARROW: Final[bool] = torch.cpu.get_capabilities().get("avx512_bf16", False)
"""Whether this processor multiplies bfloat16, which halves the time. Weights stay float32."""


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", choices=("reader", "coder", "latents", "outline", "painter"))
    parser.add_argument("--steps", type=int, required=True, help="steps, or pictures for latents")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--narrow", action="store_true", help="compute with bfloat16")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_autocast_dtype("cpu", torch.bfloat16)
    torch.set_autocast_enabled("cpu", options.narrow)
    BUILD.mkdir(exist_ok=True)
    torch.manual_seed(0)
    match options.stage:
        case "reader":
            _train_reader(options)
        case "coder":
            _train_coder(options)
        case "latents":
            _make_latents(options.steps)
        case "outline":
            _train_outline(options)
        case _:
            _train_painter(options)


class _Run:
    """A network in training: its optimizers, its average, and its file."""

    def __init__(self, name: str, parts: nn.Module, steps: int, rate: float) -> None:
        self.path, self.name, self.steps, self.rate = BUILD / f"{name}.pt", name, steps, rate
        self.parts = parts
        matrices = [one for one in parts.parameters() if one.ndim >= 2 and min(one.shape[:2]) > 16]
        known = {id(one) for one in matrices}
        others = [one for one in parts.parameters() if id(one) not in known]
        self.muon = _Muon(matrices)
        self.adam = torch.optim.AdamW(others, betas=(0.9, 0.97), weight_decay=0.0)
        self.average = [one.detach().clone() for one in parts.parameters()]
        self.step = 0
        self.losses: list[float] = []
        self.begun = time.process_time()
        if self.path.exists():
            kept: dict[str, Any] = torch.load(self.path)
            self.step = kept["step"]
            parts.load_state_dict(kept["now"])
            self.average = kept["average"]
            self.muon.momentum = kept["momentum"]
            self.adam.load_state_dict(kept["adam"])
            self.begun -= kept["seconds"]

    def seeds(self) -> tuple[Random, torch.Generator]:
        """Chance that is of this step alone, so that a run that stopped goes on the same."""
        return Random(self.step), torch.Generator().manual_seed(self.step)

    def learn(self, loss: Tensor) -> None:
        """One step down."""
        share = self.step / self.steps
        rate = self.rate * min(1, (self.step + 1) / 50, max(0.01, (1 - share) / _FADE))
        self.parts.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parts.parameters(), 1.0)
        self.muon.step(rate)
        for group in self.adam.param_groups:
            group["lr"] = rate * 0.15
        self.adam.step()
        self.step += 1
        keep = min(0.995, self.step / (self.step + 10))
        torch._foreach_lerp_(self.average, [p.detach() for p in self.parts.parameters()], 1 - keep)
        self.losses.append(loss.item())
        if self.step % _TOLD_EVERY == 0:
            mean = sum(self.losses) / len(self.losses)
            self.losses.clear()
            seconds = time.process_time() - self.begun
            print(
                f"{self.name} {self.step}/{self.steps} loss {mean:.4f} cpu {seconds:.0f}s",
                flush=True,
            )
        if self.step % _KEPT_EVERY == 0 or self.step == self.steps:
            self.keep()

    def keep(self) -> None:
        """Writes all that is needed to go on."""
        beside = self.path.with_suffix(".new")
        torch.save(
            {
                "step": self.step,
                "now": self.parts.state_dict(),
                "average": self.average,
                "momentum": self.muon.momentum,
                "adam": self.adam.state_dict(),
                "seconds": time.process_time() - self.begun,
            },
            beside,
        )
        beside.replace(self.path)


class _Muon:
    """Steps along the nearest orthogonal matrix to the momentum: https://kellerjordan.github.io/posts/muon/"""

    def __init__(self, matrices: list[nn.Parameter]) -> None:
        self.matrices = matrices
        self.momentum = [torch.zeros_like(one) for one in matrices]

    @torch.no_grad()
    def step(self, rate: float) -> None:
        for matrix, momentum in zip(self.matrices, self.momentum, strict=True):
            momentum.lerp_(matrix.grad, 0.05)
            ahead = torch.lerp(matrix.grad, momentum, 0.95).flatten(1)
            turned = (
                _orthogonal(ahead).to(matrix.dtype) * max(1, ahead.shape[0] / ahead.shape[1]) ** 0.5
            )
            matrix.mul_(1 - rate * 0.01).add_(turned.view_as(matrix), alpha=-rate)


def _computing() -> torch.autocast:
    """In what a network is computed while it learns; anew for each step, as its weights change."""
    return torch.autocast("cpu", torch.bfloat16, enabled=_NARROW)


def _orthogonal(matrix: Tensor) -> Tensor:
    tall = matrix.shape[0] > matrix.shape[1]
    found = matrix.T if tall else matrix
    found = found / (found.norm() + 1e-7)
    if _NARROW:
        found = found.bfloat16()
    for _ in range(5):
        square = found @ found.T
        found = 3.4445 * found + (-4.7750 * square + 2.0315 * square @ square) @ found
    return found.T if tall else found


def averaged(name: str, parts: nn.Module) -> nn.Module:
    """The network with the average of its weights, ready for use."""
    kept: dict[str, Any] = torch.load(BUILD / f"{name}.pt")
    parts.load_state_dict(kept["now"])
    with torch.no_grad():
        for one, mean in zip(parts.parameters(), kept["average"], strict=True):
            one.copy_(mean)
    return parts.eval()


def _train_reader(options: argparse.Namespace) -> None:
    words = vocabulary()
    places = {word: place for place, word in enumerate(words)}
    run = _Run("reader", Reader(len(words)), options.steps, options.rate or 0.02)
    sizes = [len(one) for one in ATTRIBUTES.values()]
    while run.step < run.steps:
        chance, _ = run.seeds()
        told = [said(chance) for _ in range(options.batch)]
        ids = torch.tensor([_blurred(caption(one, chance), places, chance) for one in told])
        wanted = torch.tensor([values(one) for one in told])
        if run.step % 4 == 0:  # and of nothing, nothing is known
            ids[0], wanted[0] = PADDING, 0
            ids[1] = torch.tensor([UNKNOWN] * 5 + [PADDING] * (LENGTH - 5))
            wanted[1] = 0
        scores = run.parts(ids).split(sizes, -1)
        losses = [
            functional.cross_entropy(part, wanted[:, place]) for place, part in enumerate(scores)
        ]
        run.learn(torch.stack(losses).sum())


def _blurred(text: str, places: dict[str, int], chance: Random) -> list[int]:
    """A caption, at times among words that nobody knows."""
    ids = [one for one in encoded(text, places) if one != PADDING]
    if chance.random() < 0.3:
        for _ in range(chance.randint(1, 4)):
            ids.insert(chance.randint(0, len(ids)), UNKNOWN)
    return (ids + [PADDING] * LENGTH)[:LENGTH]


class Coder(nn.Module):
    """What makes latents, and pictures of them."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = Encoder(), Decoder()


def _pictures(chance: Random, count: int) -> tuple[Tensor, Tensor]:
    """Pictures, and what is said of each as the places of its values."""
    told = [said(chance) for _ in range(count)]
    drawings = np.stack([drawn(one, chance) for one in told])
    return _as_input(drawings), torch.tensor([values(one) for one in told])


def _as_input(drawings: np.ndarray) -> Tensor:
    return torch.from_numpy(drawings).permute(0, 3, 1, 2).float() / 127.5 - 1


def _train_coder(options: argparse.Namespace) -> None:
    coder = Coder().to(memory_format=torch.channels_last)
    run = _Run("coder", coder, options.steps, options.rate or 0.02)
    pool, _ = _pictures(Random(1), 3000)
    while run.step < run.steps:
        _, generator = run.seeds()
        pictures = pool[torch.randint(0, len(pool), (options.batch,), generator=generator)]
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        with _computing():
            latents = coder.encoder(pictures).float()
            spread = latents.std((0, 2, 3), keepdim=True).detach()
            noise = torch.randn(latents.shape, generator=generator) * spread * 0.05
            made = coder.decoder(latents + noise).float()  # noise keeps neighbouring latents alike
        apart = functional.mse_loss(made, pictures)
        loss = functional.l1_loss(made, pictures) + 2 * apart + 1e-4 * (latents**2).mean()
        run.learn(loss)
        if run.step % _TOLD_EVERY == 0:
            print(f"  {10 * math.log10(4 / apart.item()):.1f} dB", flush=True)


@torch.no_grad()
def _make_latents(count: int) -> None:
    """Latents of so many pictures, as numbers around 0 with a spread of 1."""
    coder = averaged("coder", Coder())
    chance = Random(5)
    drawings, told = zip(*(_pictures(chance, 64) for _ in range(count // 64)), strict=True)
    latents = torch.cat([coder.encoder(one) for one in drawings])
    mean, spread = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
    pictures = drawings[0]
    made = coder.decoder(coder.encoder(pictures))
    print(f"{10 * math.log10(4 / functional.mse_loss(made, pictures).item()):.1f} dB", mean, spread)
    latents = (latents - mean[:, None, None]) / spread[:, None, None]
    torch.save(
        {"latents": latents, "values": torch.cat(told), "mean": mean, "spread": spread},
        BUILD / "latents.pt",
    )
    show([*pictures[:24], *made[:24]], BUILD / "coder.png", 12)


def show(pictures: Iterable[Tensor], path: Path, columns: int) -> None:
    """Writes pictures into one."""
    from PIL import Image  # noqa: PLC0415 - training alone needs none

    tiles = [((one.permute(1, 2, 0).clamp(-1, 1) + 1) * 127.5).byte().numpy() for one in pictures]
    rows = [np.concatenate(tiles[at : at + columns], 1) for at in range(0, len(tiles), columns)]
    sheet = Image.fromarray(np.concatenate(rows, 0))
    sheet.resize((sheet.width * 2, sheet.height * 2), Image.Resampling.NEAREST).save(path)


def codes_of(places: Tensor) -> Tensor:
    """The codes of descriptions that are given by the places of their values."""
    sizes = [len(one) for one in ATTRIBUTES.values()]
    parts = [functional.one_hot(places[:, at], size) for at, size in enumerate(sizes)]
    return torch.cat(parts, -1).float()


class _Lessons:
    """Latents with what is said of them, in parts of so many; of each tenth nothing is said."""

    def __init__(self, count: int, scenes: float = 0.0) -> None:
        """With `scenes` these are so many times as frequent as they were drawn, and all things in
        them are equally frequent."""
        data: dict[str, Tensor] = torch.load(BUILD / "latents.pt")
        self.latents, self.places, self.count = data["latents"], data["values"], count
        self.weights = torch.ones(len(self.places))
        if scenes:
            names = list(ATTRIBUTES)
            is_scene = self.places[:, names.index("kind")] == ATTRIBUTES["kind"].index("scene")
            things = self.places[is_scene, names.index("object")]
            counts = things.bincount().float()
            self.weights[is_scene] = (scenes * counts.mean() / counts)[things]

    def some(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Latents and codes."""
        chosen = torch.multinomial(self.weights, self.count, True, generator=generator)
        told = self.places[chosen].clone()
        told[torch.rand(self.count, generator=generator) < 0.1] = 0
        return self.latents[chosen], codes_of(told)


def _train_outline(options: argparse.Namespace) -> None:
    lessons = _Lessons(options.batch)
    run = _Run("outline", Outline(), options.steps, options.rate or 0.02)
    while run.step < run.steps:
        _, generator = run.seeds()
        pictures, codes = lessons.some(generator)
        with _computing():
            found = run.parts(codes).float()
        run.learn(functional.mse_loss(found, pictures))


def _train_painter(options: argparse.Namespace) -> None:
    # Shapes are all but painted by their outlines.
    lessons = _Lessons(options.batch, scenes=3.0)
    outline = averaged("outline", Outline()).requires_grad_(requires_grad=False)
    painter = Painter()
    run = _Run("painter", painter, options.steps, options.rate or 0.02)
    shares = signal_shares()
    count = options.batch
    while run.step < run.steps:
        _, generator = run.seeds()
        pictures, codes = lessons.some(generator)
        even = (torch.arange(count) + torch.rand(count, generator=generator)) / count
        times = (even * STEPS).long()
        noise = torch.randn(pictures.shape, generator=generator)
        kept = shares[times].float()[:, None, None, None]
        mixed = kept.sqrt() * pictures + (1 - kept).sqrt() * noise
        wanted = kept.sqrt() * noise - (1 - kept).sqrt() * pictures
        with _computing():
            found = painter(mixed, times, codes, outline(codes)).float()
        run.learn(functional.mse_loss(found, wanted))


if __name__ == "__main__":
    main()
