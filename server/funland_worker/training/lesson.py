"""What a run learns from, and what follows from that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from funland_worker.training import plan
from funland_worker.training.checkpoint import State
from funland_worker.training.deciding import Progress, Run
from funland_worker.training.examples import Example
from funland_worker.training.numbers import Numbers
from funland_worker.training.settings import Settings


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is learnt, and what is kept out."""

    learnt: tuple[Example, ...]
    kept_out: tuple[Example, ...]


def begun(lesson: Lesson, settings: Settings) -> Run:
    """The run of a lesson."""
    rows = len(lesson.learnt)
    return Run(
        settings,
        plan.steps_in_epoch(rows, settings.batch_size),
        plan.total_steps(rows, settings.batch_size, settings.epochs, settings.max_steps),
        evaluates=bool(lesson.kept_out),
    )


def new_state(numbers: Numbers) -> State:
    """Where a run begins that begins with these numbers."""
    zeros = np.zeros_like(numbers)
    return State(numbers, zeros, zeros.copy(), numbers[:0].copy(), Progress())


def name(lesson: Lesson, settings: Settings, model: str) -> str:
    """What tells a run from another: all that its curve depends on."""
    told = sha256(model.encode())
    # How often it is kept, and how fast it goes, change nothing.
    for field in settings.__slots__:
        if field not in ("checkpoint_steps", "threads"):
            told.update(f"{field}={getattr(settings, field)!r};".encode())
    for one in (*lesson.learnt, *lesson.kept_out):
        told.update(one.tokens.tobytes() + b"|" + one.learnt.tobytes() + b"|")
    return told.hexdigest()


def divided(examples: Sequence[Example], settings: Settings) -> Lesson:
    """What is learnt of some examples, and what is kept out."""
    out = plan.kept_out(len(examples), settings.evaluation_ratio, settings.seed)
    return Lesson(
        tuple(one for at, one in enumerate(examples) if at not in out),
        tuple(one for at, one in enumerate(examples) if at in out),
    )
