"""Runs batches as tasks of the queue."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from funland.v1.batches_pb2 import Batch
from funland.v1.tasks_pb2 import Lane, Task, TaskResult, Work
from funland_server.batches.answering import Answering, Shape
from funland_server.batches.asking import Ask
from funland_server.batches.deciding import ENDED
from funland_server.batches.entries import Content, check, read_entries
from funland_server.batches.errors import BatchNotFoundError
from funland_server.batches.feed import Feed
from funland_server.batches.finishing import Finishing, count, now
from funland_server.batches.folders import Folder
from funland_server.batches.here import Here, Under
from funland_server.batches.journal import Journal, disk_errors
from funland_server.batches.lines import Lines
from funland_server.batches.outcomes import Outcome
from funland_server.batches.store import BatchStore, Kept
from funland_server.errors import FieldInvalidError, Violation
from funland_server.files.domain import Files
from funland_server.files.errors import FileElsewhereError
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.storage.errors import StorageFullError
from funland_server.tasks.kinds import Checked, NotHereError, Running

_SAVE_SECONDS: Final = 2.0
"""How often the counts are saved, for those who ask another server."""

_FULL_SECONDS: Final = 30.0
"""After how long a batch goes on that the disk had no room for."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a batch is answered with."""

    store: BatchStore
    files: Files
    finishing: Finishing
    folders: Path
    here: Here
    ask: Ask
    shapes: tuple[Lines, ...]
    streams: Live[int]
    metrics: Metrics
    publish: Callable[[str], None]
    """Tells who watches that a batch has changed."""

    def folder(self, batch_id: str) -> Folder:
        """That of a batch."""
        return Folder(self.folders / batch_id)

    def lines(self, endpoint: str) -> Lines | None:
        """Those that have an endpoint; None: none do."""
        return next((each for each in self.shapes if endpoint in each.endpoints), None)


class BatchKind:
    """See `Kind`."""

    kind = Task.BATCH
    lane = Lane.BATCHES
    resumes = True

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def check(self, work: Work) -> Checked:
        """See `Kind`. What there is to look at, `CreateBatch` has looked at."""
        return Checked(here=True)

    async def run(self, running: Running) -> TaskResult:
        """See `Kind`."""
        batch_id = running.work.batch.batch_id
        running_now = self._parts.metrics.batches_running.track_inprogress()
        with running_now, self._parts.here.under_way(batch_id) as under:
            try:
                batch = await _Run(self._parts, running, batch_id, under).run()
            except StorageFullError as error:
                error.retry_seconds = _FULL_SECONDS  # nothing is lost by waiting for room
                raise
        self._parts.publish(batch_id)
        return TaskResult(batch=batch)


class _Run:
    """A batch that runs, from where the last try came to."""

    def __init__(self, parts: Parts, running: Running, batch_id: str, under: Under) -> None:
        self._parts = parts
        self._running = running
        self._batch_id = batch_id
        self._folder = parts.folder(batch_id)
        self._under = under
        self._total = 0
        self._saved = 0

    async def run(self) -> Batch:
        parts = self._parts
        kept = await parts.store.get(self._batch_id)
        if kept.home_id != parts.store.home_id:
            raise NotHereError from FileElsewhereError(kept.batch.input_file_id)
        lines = parts.lines(kept.batch.endpoint)
        if lines is None:  # it was created when the gateway ran in this process
            raise NotHereError from endpoint_unknown(kept.batch.endpoint, parts.shapes)
        batch = kept.batch
        if batch.state == Batch.COMPLETED:  # the server ended before the queue knew
            return batch
        if batch.state in ENDED or not await asyncio.to_thread(self._folder.has_input):
            batch = await self._begin_anew(kept)
        if batch.state == Batch.VALIDATING:
            batch = await self._validated(batch)
        if batch.state == Batch.IN_PROGRESS:
            await self._answer(batch, lines)
            batch = await self._change(_finalize)
        if batch.state == Batch.CANCELLING:
            await asyncio.Event().wait()  # until the queue cancels it
        return await parts.finishing.finish(self._batch_id, self._folder, Batch.COMPLETED)

    async def _begin_anew(self, kept: Kept) -> Batch:
        """One that has ended and is retried, or whose folder is gone."""
        source = await self._parts.files.path(kept.batch.input_file_id)
        await self._parts.files.delete_of(kept.batch.task_id)
        await asyncio.to_thread(self._folder.begin, source)
        return await self._change(_anew)

    async def _validated(self, batch: Batch) -> Batch:
        """The batch with what its file has; raises FieldInvalidError if that can't be answered."""
        content = await asyncio.to_thread(_content, self._folder.input, batch.endpoint)

        def take(batch: Batch) -> bool:
            if batch.state != Batch.VALIDATING:
                return False
            batch.total_lines = content.total
            batch.model = content.model
            if content.errors:
                batch.errors.extend(content.errors)
                batch.state = Batch.FAILED
                batch.end_time.CopyFrom(now())
            else:
                batch.state = Batch.IN_PROGRESS
                batch.begin_time.CopyFrom(now())
            return True

        batch = await self._change(take)
        if batch.state == Batch.FAILED:
            self._parts.metrics.batches_ended.labels(Batch.State.Name(batch.state)).inc()
            await asyncio.to_thread(self._folder.remove)
            raise FieldInvalidError([Violation("input_file_id", _told(content))])
        return batch

    async def _answer(self, batch: Batch, lines: Lines) -> None:
        """Answers what is not answered yet."""
        self._total = batch.total_lines
        journal = await Journal.open(self._folder.journal, self._grown)
        self._under.tally = journal.tally
        before = frozenset(journal.tally.answered)
        feed = Feed(self._folder.input, batch.endpoint, lambda number: number not in before)
        answering = Answering(
            Shape(self._batch_id, batch.endpoint, lines),
            feed,
            self._parts.ask,
            counted(journal.add, self._parts.metrics),
            self._parts.streams,
        )
        self._under.answering = answering
        saving = asyncio.create_task(self._save(journal))
        try:
            await answering.run()
        finally:
            saving.cancel()
            try:
                await journal.close()
            finally:
                await feed.close()

    def _grown(self) -> None:
        if (tally := self._under.tally) is not None and self._total:
            done = len(tally.answered)
            percent = 100.0 * done / self._total
            self._running.progress(percent, f"{done} of {self._total} lines are answered")
        self._parts.publish(self._batch_id)

    async def _save(self, journal: Journal) -> None:
        while True:
            await asyncio.sleep(_SAVE_SECONDS)
            if len(journal.tally.answered) != self._saved:
                self._saved = len(journal.tally.answered)
                # What is known of it elsewhere is old until the next time.
                with suppress(StorageFullError, BatchNotFoundError):
                    await self._parts.store.change(
                        self._batch_id, lambda batch: _counted(batch, journal)
                    )

    async def _change(self, change: Callable[[Batch], bool]) -> Batch:
        batch = await self._parts.store.change(self._batch_id, change)
        self._parts.publish(self._batch_id)
        return batch


def counted(
    keep: Callable[[Outcome], Awaitable[None]], metrics: Metrics
) -> Callable[[Outcome], Awaitable[None]]:
    """Counts the lines that are kept."""

    async def keep_and_count(outcome: Outcome) -> None:
        await keep(outcome)
        metrics.batch_lines.labels("failed" if outcome.failed else "completed").inc()

    return keep_and_count


def endpoint_unknown(endpoint: str, shapes: Iterable[Lines]) -> FieldInvalidError:
    """Lines can't have an endpoint, here and now."""
    known = ", ".join(each for shape in shapes for each in shape.endpoints)
    told = f"{endpoint[:64]!r} is none that lines can have at this server; it has {known}"
    return FieldInvalidError([Violation("endpoint", told)])


def _content(path: Path, endpoint: str) -> Content:
    with disk_errors(), path.open("rb") as file:
        return check(read_entries(file, endpoint))


def _told(content: Content) -> str:
    first = content.errors[0]
    where = f"line {first.line}: " if first.HasField("line") else ""
    more = f" ({len(content.errors)} errors in all)" if len(content.errors) > 1 else ""
    return f"can't be answered; {where}{first.message}{more}"


def _anew(batch: Batch) -> bool:
    if batch.state == Batch.CANCELLING:
        return False
    for name in (
        "output_file_id", "error_file_id", "total_lines", "errors", "begin_time", "finalize_time",
        "cancel_time", "end_time", "completed_lines", "failed_lines", "prompt_tokens",
        "cached_prompt_tokens", "completion_tokens", "reasoning_tokens",
    ):  # fmt: skip
        batch.ClearField(name)
    batch.state = Batch.VALIDATING
    return True


def _finalize(batch: Batch) -> bool:
    if batch.state != Batch.IN_PROGRESS:
        return False
    batch.state = Batch.FINALIZING
    batch.finalize_time.CopyFrom(now())
    return True


def _counted(batch: Batch, journal: Journal) -> bool:
    if batch.state in ENDED:
        return False
    count(batch, journal.tally)
    return True
