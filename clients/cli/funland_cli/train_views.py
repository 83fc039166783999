"""Tells people of training: runs, what can be trained, and how; runs beside one another."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor

from funland.v1.training_pb2 import (
    Hyperparameters,
    TrainableModel,
    TrainingCurve,
    TrainingEstimate,
    TrainingRun,
    TrainingTemplate,
)
from funland_cli.output import quantity, size, span
from funland_cli.sparkline import sparkline
from funland_cli.views import ago, word
from funland_client.ends import training_has_ended

COLUMNS: Final = ("RUN", ">NUMBER", "NAME", "MODEL", "STATE", ">STEP", ">LOSS", "SUBMITTED")
MODELS: Final = ("MODEL", "ARCHITECTURE", ">PARAMETERS", "TEMPLATES", ">MEMORY", "FITS")
TEMPLATES: Final = ("TEMPLATE", "NAME", "BY", "GPU MEMORY", "CAN BE USED")
RANGES: Final = ("HYPERPARAMETER", ">DEFAULT", ">FROM", ">TO", "WHAT IT IS")
COMPARED: Final = ("RUN", "NAME", ">STEPS", ">FIRST", ">LAST", ">BEST", ">KEPT OUT", "CURVE")
_CURVE_WIDTH: Final = 24


def row(run: TrainingRun, now: datetime) -> tuple[str, ...]:
    """A run in a list of them."""
    return (
        run.run_id,
        str(run.number),
        run.name,
        run.model_id,
        word(TrainingRun.State, run.state),
        f"{run.step}/{run.total_steps}",
        figure(run.last.loss) if run.HasField("last") else "",
        ago(run.create_time, now),
    )


def standing(run: TrainingRun) -> str:
    """Where a run stands, and why: `failed: It needs more memory.`"""
    told = word(TrainingRun.State, run.state)
    if run.state == TrainingRun.COMPLETED and run.stopped_early:
        told += " early, for evaluations were no better"
    return f"{told}: {run.error.message}" if run.HasField("error") else told


def figure(value: float) -> str:
    """A loss, a rate or the like, in four digits: `1.234`, `0.0002`."""
    return f"{value:.4g}"


def all_of(run: TrainingRun, now: datetime) -> Iterator[tuple[str, str]]:
    """All that is known of a run, by name; what is not known is empty."""
    yield "run", f"{run.run_id}, number {run.number}"
    yield "name", run.name
    yield "state", standing(run)
    yield "model", run.model_id
    yield "dataset", f"{run.dataset_id}, version {run.dataset_version}"
    yield "template", run.template_id
    yield "project", run.project_id
    yield "owner", run.owner_id
    yield "task", run.task_id
    yield "computed by", f"{run.backend} on {run.device_id}" if run.backend else ""
    yield "becomes", result(run)
    yield "steps", f"{run.step} of {run.total_steps}"
    for name, known in (
        ("first loss", "initial_loss"),
        ("best loss", "best_loss"),
        ("kept out, last", "evaluation_loss"),
        ("kept out, best", "best_evaluation_loss"),
    ):
        yield name, _figure_of(run, known)
    if run.HasField("last"):
        yield "last loss", figure(run.last.loss)
        yield "speed", f"{run.last.tokens_per_second:,.0f} tokens/s"
    yield "memory", size(run.measured_memory_bytes)
    yield "expected", size(run.estimate.memory_bytes)
    yield "submitted", ago(run.create_time, now)
    yield "begun", ago(run.begin_time, now) if run.HasField("begin_time") else ""
    yield "ended", ago(run.end_time, now) if run.HasField("end_time") else ""
    yield "ends", _left(run, now)
    for name, value in chosen(run.hyperparameters).items():
        yield name, value


def chosen(hyperparameters: Hyperparameters) -> dict[str, str]:
    """How a run learns, by the names of the contract."""
    return {
        field.name: figure(value) if field.type == FieldDescriptor.TYPE_DOUBLE else str(value)
        for field, value in hyperparameters.ListFields()
    }


def estimated(estimate: TrainingEstimate) -> Iterator[tuple[str, str]]:
    """What a run would take, by name."""
    fits = "fits" if estimate.fits else "does not fit"
    there = size(estimate.available_bytes)
    known = estimate.HasField("memory_bytes")
    yield "memory", f"{size(estimate.memory_bytes)} of {there}: it {fits}" if known else "not known"
    yield "steps", str(estimate.steps)
    yield "learns", f"{quantity(estimate.trained_parameters)} parameters"
    counted = estimate.HasField("tokens")
    yield "tokens", str(estimate.tokens) if counted else "not counted: funland datasets tokens"
    known = estimate.HasField("duration")
    seconds = estimate.duration.ToTimedelta().total_seconds()
    yield "takes", f"about {span(seconds)}" if known else "not known: nothing like it was trained"


def result(run: TrainingRun) -> str:
    """What comes or came of a run."""
    if run.result_model_id:
        return f"Model {run.result_model_id}"
    return f"Adapter {run.adapter_id} of {run.model_id}"


def next_step(run: TrainingRun, server: Sequence[str]) -> str:
    """What can be done with a run that learns no more now, or that goes on without who watched;
    `server` are the flags that name it."""

    def command(*words: str) -> str:
        return shlex.join(["funland", *words, *server])

    name = run.run_id
    if run.state == TrainingRun.COMPLETED:
        use = command("chat", "-m", run.model_id, "--adapter", run.adapter_id)
        if run.result_model_id:
            use = command("chat", "-m", run.result_model_id)
        return f"To use it: {use}, to take it away: {command('train', 'export', name)}"
    if training_has_ended(run) or run.state == TrainingRun.PAUSED:
        return f"To have it go on from its last checkpoint: {command('train', 'resume', name)}"
    return (
        f"It goes on at the server. To see it: {command('train', 'watch', name)}, to have it rest:"
        f" {command('train', 'pause', name)}, to end it: {command('train', 'cancel', name)}"
    )


def model_row(model: TrainableModel) -> tuple[str, ...]:
    """A model in a list of those that can be trained."""
    return (
        model.model_id,
        model.architecture,
        quantity(model.parameters),
        ", ".join(model.template_ids),
        size(model.memory_bytes),
        "yes" if model.fits else "no",
    )


def template_row(template: TrainingTemplate) -> tuple[str, ...]:
    """A way to train in a list of them."""
    known = template.HasField("min_gpu_memory_bytes")
    needed = size(template.min_gpu_memory_bytes) or "none"
    return (
        template.template_id,
        template.name,
        template.backend,
        needed if known else "not known",
        "yes" if template.available else f"no: {template.unavailable_reason}",
    )


def ranges(template: TrainingTemplate) -> Iterator[tuple[str, ...]]:
    """What can be set of a way to train, in rows."""
    for one in template.hyperparameters:
        told = (one.default_value, one.minimum, one.maximum)
        values = (f"{value:.0f}" if one.integer else figure(value) for value in told)
        yield one.name, *values, one.description


def compared(
    runs: Sequence[TrainingRun], curves: Sequence[TrainingCurve]
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Columns and rows of runs beside one another: how each went, and in what they differ."""
    ways = [{"model": run.model_id, **chosen(run.hyperparameters)} for run in runs]
    names = dict.fromkeys(name for way in ways for name in way)
    differing = [name for name in names if len({way.get(name) for way in ways}) > 1]
    rows = [
        (
            run.run_id,
            run.name,
            str(run.step),
            _figure_of(curve, "initial_loss"),
            _figure_of(curve, "final_loss"),
            _figure_of(curve, "best_loss"),
            _figure_of(run, "best_evaluation_loss"),
            sparkline([step.loss for step in curve.steps], _CURVE_WIDTH),
            *(way.get(name, "") for name in differing),
        )
        for run, curve, way in zip(runs, curves, ways, strict=True)
    ]
    return (*COMPARED, *(name.upper().replace("_", " ") for name in differing)), rows


def _figure_of(message: Any, name: str) -> str:
    """A field that may not be set."""
    return figure(getattr(message, name)) if message.HasField(name) else ""


def _left(run: TrainingRun, now: datetime) -> str:
    """When a run will end: `in 2 min 5 s`; empty if that is not known."""
    if not run.HasField("estimated_end_time"):
        return ""
    left = (run.estimated_end_time.ToDatetime(tzinfo=UTC) - now).total_seconds()
    return f"in {span(max(left, 0))}"
