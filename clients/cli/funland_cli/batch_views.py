"""Tells people how batches are: how many of their lines were answered, and how."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from funland.v1.batches_pb2 import Batch, BatchError
from funland_cli.output import span
from funland_cli.steps import Step
from funland_cli.views import ago, word
from funland_client.ends import batch_has_ended

COLUMNS: Final = ("BATCH", "ENDPOINT", "MODEL", "STATE", ">LINES", ">FAILED", "CREATED")
ERRORS: Final = (">LINE", "WHAT", "WHERE", "CODE")


def row(batch: Batch, now: datetime) -> tuple[str, ...]:
    """A batch in a list of them."""
    return (
        batch.batch_id,
        batch.endpoint,
        batch.model,
        word(Batch.State, batch.state),
        f"{answered(batch)}/{batch.total_lines}" if batch.total_lines else "",
        str(batch.failed_lines or ""),
        ago(batch.create_time, now),
    )


def answered(batch: Batch) -> int:
    """How many lines were answered, with an error or without."""
    return batch.completed_lines + batch.failed_lines


def step(batch: Batch) -> Step:
    """How far a batch is: `in_progress, 40 of 100 lines, 2 failed`."""
    if not batch.total_lines:
        return Step(word(Batch.State, batch.state))
    amount = f"{answered(batch)} of {batch.total_lines} lines"
    if batch.failed_lines:
        amount += f", {batch.failed_lines} failed"
    return Step(word(Batch.State, batch.state), amount, answered(batch) / batch.total_lines)


def all_of(batch: Batch, now: datetime) -> Iterator[tuple[str, str]]:
    """All that is known of a batch, by name; what is not known is empty."""
    yield "batch", batch.batch_id
    yield "task", batch.task_id
    yield "endpoint", batch.endpoint
    yield "model", batch.model
    yield "state", step(batch).line
    yield "input", batch.input_file_id
    yield "output", batch.output_file_id
    yield "errors", batch.error_file_id
    yield "created", ago(batch.create_time, now)
    if batch.HasField("begin_time"):
        yield "begun", ago(batch.begin_time, now)
    if batch.HasField("end_time"):
        yield "ended", ago(batch.end_time, now)
    elif batch.HasField("expire_time"):
        left = (batch.expire_time.ToDatetime(tzinfo=UTC) - now).total_seconds()
        yield "time left", span(max(left, 0))
    if batch.prompt_tokens or batch.completion_tokens:
        yield "tokens", f"{batch.prompt_tokens} read, {batch.completion_tokens} written"
    for key, value in sorted(batch.metadata.items()):
        yield f"metadata {key}", value


def error_row(error: BatchError) -> tuple[str, ...]:
    """What is wrong with a batch's file, in a list of that."""
    line = str(error.line) if error.HasField("line") else ""
    return (line, error.message, error.param, error.code)


def summary(batch: Batch) -> str:
    """How a batch has ended: `98 of 100 lines answered, 2 failed; 900 tokens read, 400 written.`"""
    told = f"{batch.completed_lines} of {batch.total_lines} lines answered"
    if batch.failed_lines:
        told += f", {batch.failed_lines} failed"
    if batch.prompt_tokens or batch.completion_tokens:
        told += f"; {batch.prompt_tokens} tokens read, {batch.completion_tokens} written"
    return f"{told}."


def next_step(batch: Batch, server: Sequence[str]) -> str:
    """What can be done with a batch; `server` are the flags that name it."""

    def command(name: str) -> str:
        return shlex.join(["funland", "batch", name, batch.batch_id, *server])

    if not batch_has_ended(batch):
        return (
            f"It goes on at the server. To see it: {command('watch')},"
            f" to end it: {command('cancel')}"
        )
    if batch.output_file_id or batch.error_file_id:
        return f"To read what was answered: {command('results')}"
    return f"To see more: {command('show')}"
