"""Makes the files of a batch out of its journal, and ends it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from funland.v1.batches_pb2 import Batch, BatchError
from funland_server.batches.entries import Entry, read_entries
from funland_server.batches.folders import Folder
from funland_server.batches.journal import Tally, disk_errors, read_journal
from funland_server.batches.outcomes import Outcome, unanswered
from funland_server.batches.store import BatchStore
from funland_server.files.domain import Files
from funland_server.metrics import Metrics

PURPOSE: Final = "batch_output"
_MEDIA_TYPE: Final = "application/jsonl"
_EXPIRED: Final = "The batch's time ran out before this line was answered."


@dataclass(frozen=True, slots=True)
class Finishing:
    """That of all batches of one home."""

    store: BatchStore
    files: Files
    metrics: Metrics

    async def finish(
        self,
        batch_id: str,
        folder: Folder,
        state: Batch.State.ValueType,
        error: BatchError | None = None,
    ) -> Batch:
        """Ends a batch whose lines are answered no more. It may be made again, from its beginning.

        Args:
            batch_id: Which it is.
            folder: Where its journal is, and its lines.
            state: How it ends. When it is EXPIRED, the lines that were not answered are errors.
            error: Why it is FAILED.

        Raises:
            StorageFullError: There is no room for its files.
            StorageUnavailableError: Its files can't be read or kept.
        """
        kept = await self.store.get(batch_id)
        batch = kept.batch
        for file_id in await self.files.ids_of(batch.task_id):  # a finish that was cut off
            await self.files.delete(file_id)
        expired = batch.endpoint if state == Batch.EXPIRED else None
        made = await asyncio.to_thread(_make_files, folder, expired)
        retention = kept.request.output_retention_seconds

        async def adopted(path: Path | None, name: str) -> str:
            if path is None:
                return ""
            file = await self.files.adopt(
                path,
                name=f"{batch_id}_{name}.jsonl",
                purpose=PURPOSE,
                media_type=_MEDIA_TYPE,
                retention_seconds=retention,
                task_id=batch.task_id,
            )
            return file.file_id

        output_id = await adopted(made.output, "output")
        error_id = await adopted(made.errors, "error")

        def end(batch: Batch) -> bool:
            batch.state = state
            batch.output_file_id = output_id
            batch.error_file_id = error_id
            batch.total_lines = max(batch.total_lines, len(made.tally.answered))
            count(batch, made.tally)
            batch.end_time.CopyFrom(now())
            if error is not None:
                batch.errors.append(error)
            return True

        ended = await self.store.change(batch_id, end)
        self.metrics.batches_ended.labels(Batch.State.Name(state)).inc()
        await asyncio.to_thread(folder.remove)
        return ended


def count(batch: Batch, tally: Tally) -> None:
    """Tells how many lines were answered, and of their tokens."""
    batch.completed_lines = tally.completed
    batch.failed_lines = tally.failed
    batch.prompt_tokens = tally.tokens.prompt
    batch.cached_prompt_tokens = tally.tokens.cached
    batch.completion_tokens = tally.tokens.completion
    batch.reasoning_tokens = tally.tokens.reasoning


def now() -> Timestamp:
    """This moment, by the machine's clock."""
    moment = Timestamp()
    moment.GetCurrentTime()
    return moment


@dataclass(frozen=True, slots=True)
class _Made:
    tally: Tally
    output: Path | None
    errors: Path | None


def _make_files(folder: Folder, expired: str | None) -> _Made:
    """Writes the answers and the errors. `expired` is the endpoint of lines that are errors if they
    were not answered."""
    tally = Tally()
    with disk_errors():
        folder.path.mkdir(parents=True, exist_ok=True)
    with disk_errors(), folder.output.open("wb") as output, folder.errors.open("wb") as errors:
        for outcome in _outcomes(folder, expired, tally):
            tally.add(outcome)
            (errors if outcome.failed else output).write(outcome.line + b"\n")
        for file in (output, errors):
            file.flush()
            os.fsync(file.fileno())
    return _Made(
        tally,
        folder.output if tally.completed else None,
        folder.errors if tally.failed else None,
    )


def _outcomes(folder: Folder, expired: str | None, tally: Tally) -> Iterator[Outcome]:
    if folder.journal.exists():
        yield from read_journal(folder.journal)
    if expired is not None and folder.input.exists():
        with folder.input.open("rb") as file:
            for entry in read_entries(file, expired):
                if isinstance(entry, Entry) and entry.number not in tally.answered:
                    yield unanswered(entry.number, entry.custom_id, "batch_expired", _EXPIRED)
