"""A run from its rows to its result, on the thread that computes."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from operator import itemgetter
from pathlib import Path

from funland.v1.errors_pb2 import ErrorReason
from funland.worker.v1.worker_pb2 import (
    JobEvent,
    JobProgress,
    TrainAdapter,
    TrainedAdapter,
    TrainingBegun,
)
from funland_worker import cores
from funland_worker.engines.protocol import EngineError
from funland_worker.training import machine
from funland_worker.training.checkpoint import State, read_checkpoint, told_step
from funland_worker.training.deciding import Run
from funland_worker.training.examples import Example
from funland_worker.training.lesson import Lesson, begun, divided, name, new_state
from funland_worker.training.settings import Settings
from funland_worker.training.trainer import Places, Trainer
from funland_worker.training.way import TrainedModel, way_of

Tell = Callable[[JobEvent], None]


def trained(
    model: TrainedModel,
    job: TrainAdapter,
    settings: Settings,
    examples: Sequence[Example],
    *,
    tell: Tell,
    on: Callable[[], None],
) -> TrainedAdapter:
    """Does the run; see `Trainer.train`.

    Raises:
        EngineError: What `TrainAdapter` names.
    """
    machine.keep_freed_memory()
    threads = settings.threads or cores.most_threads(cores.count())
    machine.set_threads(threads)
    cut = [one.cut(settings.max_tokens) for one in examples]
    useful = [one for one in cut if one.answers]
    if not useful:
        raise EngineError(
            ErrorReason.DATASET_INVALID,
            f"No row has anything to learn in its first {settings.max_tokens} tokens.",
        )
    lesson = divided(useful, settings)
    run = begun(lesson, settings)
    try:
        way, watched = way_of(model, job, settings, threads)
        with watched:
            which = name(lesson, settings, f"{model.shape!r} {model.path.stat().st_size}{way.name}")
            state = read_checkpoint(Path(job.checkpoint_path), way.size, which)
            state = state or new_state(way.begin())
            tell(JobEvent(training=_begun(lesson, run, state, len(cut) - len(useful))))
            for row in state.history[
                bisect_right(state.history, job.told_step, key=itemgetter(0)) :
            ]:
                tell(JobEvent(trained=told_step(row)))
            learner = way.learner(
                state,
                max(len(one.tokens) for one in useful),
                lambda fraction: tell(
                    JobEvent(progress=JobProgress(fraction=fraction, text="weights"))
                ),
            )
            places = Places(Path(job.checkpoint_path), Path(job.result_path))
            trainer = Trainer(learner, lesson, run=run, state=state, places=places, name=which)
            result = trainer.train(tell, on)
    except MemoryError as error:
        raise EngineError(
            ErrorReason.TRAINING_TOO_LARGE,
            "The run needs more memory than it may take: choose a smaller rank, smaller batches or"
            " fewer max_tokens.",
        ) from error
    if (peak := peak_memory_bytes()) is not None:
        result.peak_memory_bytes = peak
    return result


def peak_memory_bytes() -> int | None:
    """The most memory that this process had; None where the system does not tell."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    found = re.search(r"^VmHWM:\s*(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def _begun(lesson: Lesson, run: Run, state: State, skipped: int) -> TrainingBegun:
    return TrainingBegun(
        step=state.progress.step,
        total_steps=run.total_steps,
        training_rows=len(lesson.learnt),
        evaluation_rows=len(lesson.kept_out),
        skipped_rows=skipped,
        tokens=sum(len(one.tokens) for one in lesson.learnt),
        answer_tokens=sum(one.answers for one in lesson.learnt),
        trained_parameters=len(state.numbers),
    )
