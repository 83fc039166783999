"""What follows for a run, as tables."""

from __future__ import annotations

import pytest

from funland.v1.errors_pb2 import Error
from funland.v1.tasks_pb2 import Task
from funland.v1.training_pb2 import TrainingRun, TrainingStep
from funland.worker.v1.worker_pb2 import TrainedAdapter, TrainingBegun
from funland_server.training import standing
from funland_server.training.leg import now
from funland_server.training.machine import (
    Answer,
    Asked,
    Follow,
    TaskFacts,
    asked_of,
    what_follows,
)

PENDING, RUNNING, PAUSED = TrainingRun.PENDING, TrainingRun.RUNNING, TrainingRun.PAUSED
COMPLETED, FAILED, CANCELLED = TrainingRun.COMPLETED, TrainingRun.FAILED, TrainingRun.CANCELLED


@pytest.mark.parametrize(
    ("state", "task", "pausing", "follow"),
    [
        (PENDING, Task.PENDING, False, Follow.NOTHING),
        (RUNNING, Task.PENDING, False, Follow.WAIT),
        (FAILED, Task.PENDING, False, Follow.WAIT),
        (CANCELLED, Task.PENDING, False, Follow.WAIT),
        (PAUSED, Task.PENDING, False, Follow.NOTHING),
        (COMPLETED, Task.PENDING, False, Follow.NOTHING),
        (PENDING, Task.PROCESSING, False, Follow.NOTHING),
        (RUNNING, Task.PROCESSING, False, Follow.NOTHING),
        (RUNNING, Task.CANCELLED, False, Follow.END_CANCELLED),
        (PENDING, Task.CANCELLED, False, Follow.END_CANCELLED),
        (PENDING, Task.CANCELLED, True, Follow.END_PAUSED),
        (RUNNING, Task.CANCELLED, True, Follow.END_PAUSED),
        (COMPLETED, Task.CANCELLED, False, Follow.NOTHING),
        (PAUSED, Task.CANCELLED, False, Follow.NOTHING),
        (RUNNING, Task.FAILED, False, Follow.END_FAILED),
        (PENDING, Task.FAILED, True, Follow.END_FAILED),
        (PAUSED, Task.FAILED, False, Follow.NOTHING),
        (RUNNING, Task.COMPLETED, False, Follow.NOTHING),
        (PAUSED, Task.COMPLETED, False, Follow.NOTHING),
        (RUNNING, None, False, Follow.END_CANCELLED),
        (PENDING, None, False, Follow.END_CANCELLED),
        (COMPLETED, None, False, Follow.NOTHING),
        (PAUSED, None, False, Follow.NOTHING),
    ],
)
def test_a_run_follows_its_task(
    state: TrainingRun.State.ValueType,
    task: Task.State.ValueType | None,
    pausing: bool,
    follow: Follow,
) -> None:
    facts = None if task is None else TaskFacts(task)

    assert what_follows(state, facts, pausing=pausing) is follow


@pytest.mark.parametrize(
    ("state", "pause", "resume", "cancel"),
    [
        (PENDING, Answer.DO, Answer.REFUSE, Answer.DO),
        (RUNNING, Answer.DO, Answer.REFUSE, Answer.DO),
        (PAUSED, Answer.STAYS, Answer.DO, Answer.DO),
        (COMPLETED, Answer.REFUSE, Answer.REFUSE, Answer.STAYS),
        (FAILED, Answer.REFUSE, Answer.DO, Answer.STAYS),
        (CANCELLED, Answer.REFUSE, Answer.DO, Answer.STAYS),
    ],
)
def test_what_may_be_asked_of_a_run(
    state: TrainingRun.State.ValueType, pause: Answer, resume: Answer, cancel: Answer
) -> None:
    assert [asked_of(state, asked) for asked in Asked] == [pause, resume, cancel]


def test_steps_make_a_run_what_it_is() -> None:
    run = TrainingRun(total_steps=4)

    standing.stepped(
        run,
        [
            TrainingStep(step=1, loss=3.0),
            TrainingStep(step=2, loss=1.0, evaluation_loss=2.0),
            TrainingStep(step=3, loss=2.0, evaluation_loss=2.5),
        ],
    )

    assert (run.step, run.initial_loss, run.best_loss, run.last.loss) == (3, 3.0, 1.0, 2.0)
    assert (run.evaluation_loss, run.best_evaluation_loss) == (2.5, 2.0)
    assert standing.ends_at(100.0, 70.0, 0, run) == pytest.approx(110.0)
    assert standing.ends_at(100.0, 70.0, 3, run) is None


def test_a_run_that_goes_on_has_its_checkpoint_s_steps() -> None:
    run = TrainingRun(step=9, initial_loss=3.0, state=RUNNING)
    run.hyperparameters.batch_size, run.hyperparameters.epochs = 2, 3

    told = TrainingBegun(step=6, total_steps=15, training_rows=10, tokens=50, trained_parameters=7)
    standing.begun(run, told, TrainingStep(step=6, loss=2.0))

    assert (run.step, run.last.step, run.initial_loss, run.total_steps) == (6, 6, 3.0, 15)
    assert (run.estimate.tokens, run.estimate.trained_parameters) == (150, 7)


def test_a_run_that_begins_anew_has_no_figures_of_before() -> None:
    run = TrainingRun(step=9, initial_loss=3.0, best_loss=1.0, state=RUNNING)

    standing.begun(run, TrainingBegun(total_steps=15), None)

    assert run.step == 0
    assert not any(run.HasField(name) for name in ("initial_loss", "best_loss", "last"))


@pytest.mark.parametrize(("finished", "state"), [(True, COMPLETED), (False, PAUSED)])
def test_a_run_ends_or_rests_by_its_result(
    finished: bool, state: TrainingRun.State.ValueType
) -> None:
    run = TrainingRun(state=RUNNING, step=3, measured_memory_bytes=5)
    told = TrainedAdapter(finished=finished, steps=7, best_loss=0.5, peak_memory_bytes=9)

    standing.came(run, told, now())

    assert (run.state, run.step, run.best_loss, run.measured_memory_bytes) == (state, 7, 0.5, 9)
    assert run.HasField("end_time") is finished


def test_a_run_that_failed_and_waits_again_has_no_error() -> None:
    run = TrainingRun(state=RUNNING)
    standing.ended(run, FAILED, now(), Error(message="lost"))
    assert (run.state, run.error.message) == (FAILED, "lost")

    standing.waits(run)

    assert run.state == PENDING
    assert not run.HasField("error")
    assert not run.HasField("end_time")
