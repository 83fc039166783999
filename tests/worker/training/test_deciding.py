"""What follows from a step, as a table."""

from __future__ import annotations

import pytest

from funland_worker.training.deciding import (
    Progress,
    Run,
    StepFigures,
    after_step,
    after_telling,
    checkpoint_is_due,
    evaluation_is_due,
    is_done,
    keeps_best,
)
from funland_worker.training.settings import Settings


def _run(*, evaluates: bool = True, **settings: int) -> Run:
    return Run(Settings(**settings), epoch_steps=4, total_steps=10, evaluates=evaluates)


@pytest.mark.parametrize(
    ("run", "due"),
    [
        (_run(), [4, 8, 10]),
        (_run(evaluation_steps=3), [3, 6, 9, 10]),
        (_run(evaluation_steps=100), [10]),
        (_run(evaluates=False), []),
    ],
)
def test_evaluations_are_due(run: Run, due: list[int]) -> None:
    assert [step for step in range(1, 11) if evaluation_is_due(run, step)] == due


@pytest.mark.parametrize(
    ("progress", "patience", "done", "checkpoint"),
    [
        (Progress(step=3), 0, False, False),
        (Progress(step=5), 0, False, True),
        (Progress(step=10), 0, True, True),
        (Progress(step=3, evaluations_without_gain=2), 3, False, False),
        (Progress(step=3, evaluations_without_gain=3), 3, True, True),
        (Progress(step=3, evaluations_without_gain=3), 0, False, False),
    ],
)
def test_runs_end_and_are_kept(
    progress: Progress, patience: int, done: bool, checkpoint: bool
) -> None:
    run = _run(patience=patience, checkpoint_steps=5)

    assert is_done(run, progress) == done
    assert checkpoint_is_due(run, progress) == checkpoint


@pytest.mark.parametrize(
    ("run", "best"),
    [(_run(patience=1), True), (_run(), False), (_run(patience=1, evaluates=False), False)],
)
def test_the_best_is_kept_where_it_matters(run: Run, best: bool) -> None:
    assert keeps_best(run) == best


def test_losses_are_remembered() -> None:
    progress = Progress()
    for step, loss in enumerate((3.0, 1.0, 2.0), start=1):
        figures = StepFigures(step, step / 4, loss, 1e-3, 1.0, 100.0)
        progress = after_step(progress, figures)
        assert progress.untold == figures
        progress = after_telling(progress, None)
        assert progress.untold is None

    assert (progress.step, progress.initial_loss, progress.best_loss) == (3, 3.0, 1.0)
    assert progress.evaluation_loss is None


def test_evaluations_that_are_no_better_are_counted() -> None:
    progress = Progress()
    counts: list[int] = []
    for step, loss in enumerate((3.0, 2.0, 2.0, 2.5, 1.0), start=1):
        progress = after_step(progress, StepFigures(step, 0, 1.0, 0, 0, 0))
        progress = after_telling(progress, loss)
        counts.append(progress.evaluations_without_gain)

    assert counts == [0, 0, 1, 2, 0]
    assert progress.evaluation_loss == progress.best_evaluation_loss == 1.0
    assert progress.best_evaluation_step == 5
