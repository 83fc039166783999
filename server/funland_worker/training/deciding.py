"""Where a run stands, and what follows from a step: pure functions."""

from __future__ import annotations

from dataclasses import dataclass, replace

from funland_worker.training.settings import Settings


@dataclass(frozen=True, slots=True)
class StepFigures:
    """A step that is done, without what evaluation says of it."""

    step: int
    epoch: float
    loss: float
    learning_rate: float
    grad_norm: float
    tokens_per_second: float


@dataclass(frozen=True, slots=True)
class Run:
    """What a run has whatever it is given."""

    settings: Settings
    epoch_steps: int
    total_steps: int
    evaluates: bool
    """Whether rows are kept out."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands; a checkpoint has it."""

    step: int = 0
    untold: StepFigures | None = None
    """The last step, if its evaluation is due yet."""
    initial_loss: float | None = None
    best_loss: float | None = None
    evaluation_loss: float | None = None
    best_evaluation_loss: float | None = None
    best_evaluation_step: int = 0
    evaluations_without_gain: int = 0

    def stopped_early(self, settings: Settings) -> bool:
        """Whether evaluations say that it gets no better."""
        return 0 < settings.patience <= self.evaluations_without_gain


def is_done(run: Run, progress: Progress) -> bool:
    """Whether there is no further step."""
    return progress.step >= run.total_steps or progress.stopped_early(run.settings)


def evaluation_is_due(run: Run, step: int) -> bool:
    """Whether it is evaluated after a step."""
    every = run.settings.evaluation_steps or run.epoch_steps
    return run.evaluates and (step % every == 0 or step == run.total_steps)


def checkpoint_is_due(run: Run, progress: Progress) -> bool:
    """Whether a checkpoint is written when a step was told."""
    return progress.step % run.settings.checkpoint_steps == 0 or is_done(run, progress)


def keeps_best(run: Run) -> bool:
    """Whether the adapter is the best evaluation's, not the last step's."""
    return run.evaluates and run.settings.patience > 0


def after_step(progress: Progress, figures: StepFigures) -> Progress:
    """A step is done, but not yet told."""
    first = figures.loss if progress.initial_loss is None else progress.initial_loss
    best = figures.loss if progress.best_loss is None else min(progress.best_loss, figures.loss)
    return replace(progress, step=figures.step, untold=figures, initial_loss=first, best_loss=best)


def after_telling(progress: Progress, evaluation_loss: float | None) -> Progress:
    """A step is told, and was evaluated if there is a loss."""
    progress = replace(progress, untold=None)
    if evaluation_loss is None:
        return progress
    best = progress.best_evaluation_loss
    if best is None or evaluation_loss < best:
        return replace(
            progress,
            evaluation_loss=evaluation_loss,
            best_evaluation_loss=evaluation_loss,
            best_evaluation_step=progress.step,
            evaluations_without_gain=0,
        )
    return replace(
        progress,
        evaluation_loss=evaluation_loss,
        evaluations_without_gain=progress.evaluations_without_gain + 1,
    )
