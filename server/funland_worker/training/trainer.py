"""A run: step by step from where it stands to its end, or until it is to rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from funland.v1.training_pb2 import TrainingStep
from funland.worker.v1.worker_pb2 import CheckpointWritten, JobEvent, TrainedAdapter
from funland_worker.training import plan
from funland_worker.training.checkpoint import State, told_row, write_checkpoint
from funland_worker.training.deciding import (
    Run,
    StepFigures,
    after_step,
    after_telling,
    checkpoint_is_due,
    evaluation_is_due,
    is_done,
    keeps_best,
)
from funland_worker.training.examples import batch
from funland_worker.training.learner import Learner
from funland_worker.training.lesson import Lesson


class RestedError(Exception):
    """What the caller's `on` raises to have a run rest."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where a run's files are."""

    checkpoint: Path
    result: Path


class Trainer:
    """Does a run."""

    def __init__(
        self,
        learner: Learner,
        lesson: Lesson,
        *,
        run: Run,
        state: State,
        places: Places,
        name: str,
    ) -> None:
        """`state` is what it goes on from, `name` tells the run from others."""
        self._learner = learner
        self._lesson = lesson
        self._run = run
        self._state = state
        self._places = places
        self._name = name
        self._kept = -1
        """The step of the last checkpoint; -1: this process has written none."""
        self._lengths = [len(one.tokens) for one in lesson.learnt]
        self._epoch: tuple[int, list[list[int]]] = (-1, [])

    def train(self, tell: Callable[[JobEvent], None], on: Callable[[], None]) -> TrainedAdapter:
        """Goes on to the end, or until `on` raises RestedError, which is called at each block of
        each pass.

        Raises:
            EngineError: STORAGE_FULL.
            OSError: A file can't be written.
        """
        state, run = self._state, self._run
        try:
            while state.progress.untold is not None or not is_done(run, state.progress):
                if state.progress.untold is None:
                    state.progress = after_step(state.progress, self._step(on))
                tell(self._told(on))
                if checkpoint_is_due(run, state.progress):
                    self._keep(tell)
        except RestedError:
            if 0 < state.progress.step != self._kept:
                self._keep(tell)
            return self._result(finished=False)
        if self._kept != state.progress.step:
            # A process before this one may have been lost between the checkpoint and the result.
            self._keep(tell)
        return self._result(finished=True)

    def _step(self, on: Callable[[], None]) -> StepFigures:
        """Learns from a step's rows, all of them or none."""
        settings, began = self._run.settings, perf_counter()
        step = self._state.progress.step + 1
        epoch, at = divmod(step - 1, self._run.epoch_steps)
        if self._epoch[0] != epoch:
            made = plan.batches(self._lengths, settings.batch_size, settings.seed, epoch)
            self._epoch = (epoch, made)
        rows = self._epoch[1][at]
        learnt = self._lesson.learnt
        answers = sum(learnt[row].answers for row in rows)
        self._learner.begin()
        loss = 0.0
        for together in plan.passes(rows, self._lengths):
            computed = batch([learnt[row] for row in together])
            loss += self._learner.learn(computed, 1 / answers, on)
        rate = plan.learning_rate(
            step, self._run.total_steps, settings.learning_rate, settings.warmup_ratio
        )
        norm = self._learner.step(
            step=step, rate=rate, decay=settings.weight_decay, max_norm=settings.max_grad_norm
        )
        tokens = sum(self._lengths[row] for row in rows)
        return StepFigures(
            step=step,
            epoch=step / self._run.epoch_steps,
            loss=loss / answers,
            learning_rate=rate,
            grad_norm=norm,
            tokens_per_second=tokens / (perf_counter() - began),
        )

    def _told(self, on: Callable[[], None]) -> JobEvent:
        """The step that is done, evaluated if that is due."""
        state, figures = self._state, self._state.progress.untold
        assert figures is not None  # noqa: S101 - a step was done
        evaluated = evaluation_is_due(self._run, figures.step)
        loss = self._evaluate(on) if evaluated else None
        state.progress = after_telling(state.progress, loss)
        if (
            keeps_best(self._run)
            and evaluated
            and (state.progress.best_evaluation_step == figures.step)
        ):
            self._learner.gather()
            state.best = state.numbers.copy()
        step = TrainingStep(
            step=figures.step,
            epoch=figures.epoch,
            loss=figures.loss,
            learning_rate=figures.learning_rate,
            grad_norm=figures.grad_norm,
            tokens_per_second=figures.tokens_per_second,
            evaluation_loss=loss,
        )
        state.history.append(told_row(step))
        return JobEvent(trained=step)

    def _evaluate(self, on: Callable[[], None]) -> float:
        """The mean loss of what is kept out."""
        kept_out = self._lesson.kept_out
        lengths = [len(one.tokens) for one in kept_out]
        loss = sum(
            self._learner.losses(batch([kept_out[row] for row in rows]), on)
            for rows in plan.passes(range(len(kept_out)), lengths)
        )
        return loss / sum(one.answers for one in kept_out)

    def _keep(self, tell: Callable[[JobEvent], None]) -> None:
        """Writes the checkpoint, and what it comes to."""
        state = self._state
        self._learner.gather()
        write_checkpoint(self._places.checkpoint, state, self._name)
        self._learner.write(self._places.result, state.best if len(state.best) else state.numbers)
        self._kept = state.progress.step
        tell(JobEvent(checkpoint=CheckpointWritten(step=self._kept)))

    def _result(self, *, finished: bool) -> TrainedAdapter:
        progress = self._state.progress
        best = len(self._state.best) > 0
        return TrainedAdapter(
            finished=finished,
            steps=progress.step,
            initial_loss=progress.initial_loss,
            best_loss=progress.best_loss,
            evaluation_loss=progress.evaluation_loss,
            best_evaluation_loss=progress.best_evaluation_loss,
            stopped_early=progress.stopped_early(self._run.settings),
            adapter_step=progress.best_evaluation_step if best else progress.step,
        )
