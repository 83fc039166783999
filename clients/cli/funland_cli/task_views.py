"""Tells people how tasks are: where they stand, when it is their turn, what came of them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from funland.v1.tasks_pb2 import Lane, Task, TaskResult, WebhookDelivery
from funland_cli.batch_views import summary
from funland_cli.output import size, span
from funland_cli.steps import Step
from funland_cli.views import ago, word
from funland_client.ends import task_has_ended

COLUMNS: Final = ("TASK", "KIND", "MODEL", "CALLER", ">PRIORITY", "STATE", "SUBMITTED")
LANES: Final = ("LANE", ">RUNNING", ">WAITING", "TAKES")


def row(task: Task, now: datetime) -> tuple[str, ...]:
    """A task in a list of them."""
    return (
        task.task_id,
        word(Task.Kind, task.kind),
        task.model,
        task.caller,
        str(task.priority or ""),
        step(task, now).line,
        ago(task.create_time, now),
    )


def step(task: Task, now: datetime) -> Step:
    """How far a task is: `processing: reading, 40%`."""
    known = task.HasField("progress_percent")
    going = task.state == Task.PROCESSING
    return Step(
        standing(task, now),
        f"{task.progress_percent:.0f}%" if known and going else "",
        task.progress_percent / 100 if known and going else None,
    )


def standing(task: Task, now: datetime) -> str:
    """Where a task stands, and why: `pending, 3 before it, in 20 s`."""
    told = word(Task.State, task.state)
    match task.state:
        case Task.PENDING:
            told += _turn(task, now)
        case Task.PROCESSING if task.progress_text:
            told += f": {task.progress_text}"
        case _:
            pass
    return f"{told}: {task.error.message}" if task.HasField("error") else told


def _turn(task: Task, now: datetime) -> str:
    """When it is its turn, as far as that is known."""
    if task.HasField("start_time") and _left(task.start_time, now) > 0:
        return f", not before {span(_left(task.start_time, now))} have passed"
    told = ""
    if task.HasField("position"):
        told += f", {task.position} before it" if task.position else ", next in turn"
    if task.HasField("estimated_start_time"):
        told += f", in about {span(max(_left(task.estimated_start_time, now), 0))}"
    return told


def all_of(task: Task, now: datetime) -> Iterator[tuple[str, str]]:
    """All that is known of a task but its result, by name; what is not known is empty."""
    yield "task", task.task_id
    yield "kind", word(Task.Kind, task.kind)
    yield "model", task.model
    yield "state", step(task, now).line
    yield "lane", word(Lane.Name, task.lane)
    yield "priority", str(task.priority)
    yield "caller", task.caller
    yield "submitted", ago(task.create_time, now)
    if task.HasField("start_time"):
        yield "not before", _at(task.start_time)
    if task.HasField("begin_time"):
        yield "begun", ago(task.begin_time, now)
    if task.HasField("end_time"):
        yield "ended", ago(task.end_time, now)
    yield "took", took(task)
    if task.HasField("deadline"):
        yield "deadline", _at(task.deadline)
    if task.HasField("expire_time"):
        yield "kept until", _at(task.expire_time)
    yield "attempts", f"{task.attempts} of {task.max_attempts}"
    for file_id in task.file_ids:
        yield "file", file_id
    if task.HasField("webhook"):
        yield "webhook", _webhook(task.webhook)
    for key, value in sorted(task.metadata.items()):
        yield f"metadata {key}", value


def took(task: Task) -> str:
    """How long a task ran; empty if it has not ended."""
    if not (task.HasField("begin_time") and task.HasField("end_time")):
        return ""
    seconds = (task.end_time.ToDatetime() - task.begin_time.ToDatetime()).total_seconds()
    return span(seconds) if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def result(result: TaskResult) -> Iterator[str]:
    """What came of a task, a line each: an answer is its text; of a plugin, see its output."""
    match result.WhichOneof("answer"):
        case "chat":
            yield result.chat.message.content
            yield from (other.message.content for other in result.chat.alternatives)
        case "generate":
            yield result.generate.text
            yield from (other.text for other in result.generate.alternatives)
        case "embed":
            for embedding in result.embed.embeddings:
                yield json.dumps([round(value, 7) for value in embedding.values])
        case "batch":
            yield summary(result.batch)
        case "download":
            fetched = size(result.download.fetched_bytes) or "nothing had to be fetched"
            yield f"Installed {result.download.model_id}, {fetched}."
        case _:  # Kinds may be added.
            return


def next_step(task: Task, server: Sequence[str]) -> str:
    """What can be done with a task that has no result; `server` are the flags that name it."""

    def command(name: str) -> str:
        return shlex.join(["funland", "tasks", name, task.task_id, *server])

    if task.state in (Task.FAILED, Task.CANCELLED):
        return f"To try again: {command('retry')}"
    if task_has_ended(task):
        return ""
    return (
        f"It goes on at the server. To see it: {command('watch')}, to end it: {command('cancel')}"
    )


def made_file(file_id: str, server: Sequence[str]) -> str:
    """How to get a file that was made; `server` are the flags that name it."""
    command = shlex.join(["funland", "files", "download", file_id, *server])
    return f"It made a file. To get it: {command}"


def lane_row(lane: Lane) -> tuple[str, ...]:
    """A lane in a list of them."""
    mean = lane.mean_duration.ToTimedelta().total_seconds()
    takes = (span(mean) if mean >= 1 else f"{mean * 1000:.0f} ms") if _has_mean(lane) else ""
    return (
        word(Lane.Name, lane.name),
        f"{lane.running}/{lane.limit}",
        f"{lane.waiting}/{lane.capacity}",
        takes,
    )


def _has_mean(lane: Lane) -> bool:
    return lane.HasField("mean_duration")


def _webhook(delivery: WebhookDelivery) -> str:
    told = f"{delivery.url}: {word(WebhookDelivery.State, delivery.state)}"
    if delivery.attempts:
        told += f", told {delivery.attempts} times"
    return f"{told}: {delivery.last_error}" if delivery.last_error else told


def _left(time: Timestamp, now: datetime) -> float:
    return (time.ToDatetime(tzinfo=UTC) - now).total_seconds()


def _at(time: Timestamp) -> str:
    return time.ToDatetime(tzinfo=UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
