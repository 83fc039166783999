"""Trains the model by the clock: the learning rate reaches zero when the minutes are over."""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor

from tools.tiny_model.dataset import Rows, pack
from tools.tiny_model.model import Shape, TinyLlama

Batch = tuple[Tensor, Tensor, Tensor]

BATCH_ROWS = 8
ROW_LENGTH = 512
CHUNK_ROWS = 512
MUON_RATE = 0.02
ADAM_RATE = 3e-3
WARM_UP_STEPS = 40
STEADY_SHARE = 0.1
REPORT_STEPS = 50
CHECKPOINT_STEPS = 200
VALIDATION_SEED = 1_000_000
VALIDATION_ROWS = 32


class Trainer:
    """A model, its optimizers and the stream of rows that it learns from."""

    def __init__(
        self, model: TinyLlama, tokenizer: Tokenizer, seed: int, rate_scale: float = 1.0
    ) -> None:
        self.model = model
        self.step_count = 0
        self.tokens_seen = 0
        self._compiled = cast(TinyLlama, torch.compile(model))
        self._rate = rate_scale
        self._tokenizer = tokenizer
        self._rng = random.Random(seed)
        self._rows: Iterator[Batch] = iter(())
        matrices, others = [], []
        for name, parameter in model.named_parameters():
            hidden = parameter.ndim == 2 and not name.startswith("token_embd")
            (matrices if hidden else others).append(parameter)
        self._optimizers = (
            (torch.optim.Muon(matrices, lr=MUON_RATE, weight_decay=0.01), MUON_RATE),
            (torch.optim.AdamW(others, lr=ADAM_RATE, betas=(0.9, 0.95), weight_decay=0), ADAM_RATE),
        )

    def step(self, elapsed: float) -> float:
        """One optimizer step at share `elapsed` of the time; returns the loss before it."""
        warmth = min(1.0, (self.step_count + 1) / WARM_UP_STEPS)
        scale = warmth * self._rate * min(1.0, (1 - elapsed) / (1 - STEADY_SHARE))
        for optimizer, rate in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate * max(scale, 0.0)
        loss = loss_of(self._compiled, *self._next_batch())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer, _rate in self._optimizers:
            optimizer.step()
            optimizer.zero_grad()
        self.step_count += 1
        self.tokens_seen += BATCH_ROWS * ROW_LENGTH
        return loss.item()

    def _next_batch(self) -> Batch:
        batch = next(self._rows, None)
        if batch is None:
            rows = pack(self._tokenizer, self._rng, CHUNK_ROWS, ROW_LENGTH)
            self._rows = iter(batches(rows))
            batch = next(self._rows)
        return batch


def batches(rows: Rows) -> list[Batch]:
    """The rows, `BATCH_ROWS` at a time, as tensors."""
    tensors = [torch.from_numpy(array) for array in (rows.tokens, rows.owners, rows.weights)]
    return list(zip(*(tensor.split(BATCH_ROWS) for tensor in tensors), strict=True))


def loss_of(model: TinyLlama, tokens: Tensor, owners: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean cross-entropy, in nats, of the tokens that the model is to write."""
    tokens, weights = tokens.long(), weights[:, 1:]
    learned = weights > 0
    causal = torch.ones(tokens.shape[1] - 1, tokens.shape[1] - 1, dtype=torch.bool).tril()
    same_owner = owners[:, :-1, None] == owners[:, None, :-1]
    with torch.autocast("cpu", torch.bfloat16):
        hidden = model(tokens[:, :-1], (same_owner & causal)[:, None])
        scores = model.logits(hidden[learned])
    losses = F.cross_entropy(scores.float(), tokens[:, 1:][learned], reduction="none")
    return (losses * weights[learned]).sum() / weights.sum()


@torch.no_grad()
def validate(model: TinyLlama, rows: Rows) -> float:
    """Mean loss over `rows`."""
    losses = [loss_of(model, *batch).item() for batch in batches(rows)]
    return sum(losses) / len(losses)


def train(trainer: Trainer, minutes: float, checkpoint: Path) -> dict[str, float]:
    """Steps until the minutes are over, saving now and then; returns what it took."""
    started, cpu_started = time.monotonic(), time.process_time()
    report: dict[str, float] = {}
    while (elapsed := (time.monotonic() - started) / (minutes * 60)) < 1:
        loss = trainer.step(elapsed)
        if trainer.step_count % REPORT_STEPS == 0:
            report = {
                "step": trainer.step_count,
                "tokens": trainer.tokens_seen,
                "minutes": round((time.monotonic() - started) / 60, 2),
                "cpu_minutes": round((time.process_time() - cpu_started) / 60, 2),
                "loss": round(loss, 4),
            }
            print(json.dumps(report), flush=True)
        if trainer.step_count % CHECKPOINT_STEPS == 0:
            save_file(trainer.model.state_dict(), checkpoint)
    save_file(trainer.model.state_dict(), checkpoint)
    return report


def main() -> None:
    """Writes `model.safetensors` and `training.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "build")
    parser.add_argument("--minutes", type=float, default=45.0)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--resume", type=Path, help="weights to go on from")
    parser.add_argument("--rate", type=float, default=1.0, help="scale of the learning rates")
    arguments = parser.parse_args()
    # Two OpenMP threads are far slower than one on a machine that others use as well.
    torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)
    tokenizer = Tokenizer.from_file(str(arguments.out / "tokenizer.json"))
    model = TinyLlama(Shape(vocabulary=tokenizer.get_vocab_size()))
    if arguments.resume:
        model.load_state_dict(load_file(arguments.resume))
    trainer = Trainer(model, tokenizer, arguments.seed, arguments.rate)
    report = train(trainer, arguments.minutes, arguments.out / "model.safetensors")
    fresh = pack(tokenizer, random.Random(VALIDATION_SEED), VALIDATION_ROWS, ROW_LENGTH)
    report |= {
        "parameters": model.parameter_count(),
        "seed": arguments.seed,
        "validation_loss": round(validate(model, fresh), 4),
    }
    (arguments.out / "training.json").write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(report))


if __name__ == "__main__":
    main()
