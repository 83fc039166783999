"""One download in memory: what is kept of it, and what only a running one has."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic

from google.protobuf.timestamp_pb2 import Timestamp

from funland.v1.downloads_pb2 import Download, DownloadFile, StartDownloadRequest
from funland_server.downloads.fetching.fetched_file import FetchedFile
from funland_server.downloads.fetching.transfer import Transfer
from funland_server.downloads.jobs.machine import ENDED, Standing
from funland_server.downloads.jobs.space import Need
from funland_server.downloads.jobs.turns import Place
from funland_server.downloads.plan import Plan
from funland_server.errors import FieldInvalidError, Violation
from funland_server.tracing.spans import Carrier, current


class Job:
    """A download. Its `kept` is what the database has or is about to have."""

    def __init__(self, kept: Download, plan: Plan, arrival: int) -> None:
        self.kept = kept
        self.plan = plan
        self.arrival = arrival
        self.trace: Carrier = current().carrier
        """Of the call that asked for it; empty: that was before this start, or is in no trace."""
        self.standing = Standing(
            kept.state,
            kept.error if kept.HasField("error") else None,
            kept.wait_until.ToMicroseconds() / 1e6 if kept.HasField("wait_until") else None,
        )
        self.transfer: Transfer | None = None
        self.work: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.saving = asyncio.Lock()
        self.unsaved = False
        self._fetched_before = kept.fetched_bytes

    async def settled(self) -> None:
        """Waits until nothing is being done for it; until the next event, it stays so."""
        while self.work is not None and not self.work.done():
            await asyncio.wait([self.work])

    @property
    def download_id(self) -> str:
        """Its id."""
        return self.kept.download_id

    @property
    def place(self) -> Place:
        """What its turn depends on."""
        return Place(self.download_id, self.standing.state, self.kept.priority, self.arrival)

    @property
    def need(self) -> Need:
        """What it takes of the disk."""
        self._look()
        return Need(self.kept.total_bytes, self.kept.downloaded_bytes)

    def stand(self, standing: Standing) -> None:
        """Takes a new standing, and the times that follow from it."""
        self._look()
        self.standing = standing
        kept, now = self.kept, _now()
        kept.state = standing.state
        for field in ("error", "wait_until", "end_time"):
            kept.ClearField(field)
        if standing.error is not None:
            kept.error.CopyFrom(standing.error)
        if standing.wait_until is not None:
            kept.wait_until.FromMicroseconds(int(standing.wait_until * 1e6))
        if standing.state == Download.DOWNLOADING and not kept.HasField("start_time"):
            kept.start_time.CopyFrom(now)
        if standing.state in ENDED:
            kept.end_time.CopyFrom(now)
        kept.verified = standing.state == Download.COMPLETED
        kept.update_time.CopyFrom(now)

    def revise(self, priority: Download.Priority.ValueType, connections: int | None) -> None:
        """Takes another priority, or another most of connections; 0 and None leave them."""
        if priority:
            self.kept.priority = priority
        if connections is not None:
            self.kept.max_connections = connections
            if self.transfer is not None:
                self.transfer.limit(connections)
        self.kept.update_time.CopyFrom(_now())

    def begin(self, transfer: Transfer) -> Transfer:
        """Has a transfer under way."""
        self.transfer = transfer
        self._fetched_before = self.kept.fetched_bytes
        return transfer

    def end(self) -> None:
        """The transfer has ended."""
        self._look()
        self.transfer = None

    def take_stock(self, there: Sequence[int]) -> None:
        """Takes what is there of each file, where an earlier server ended without a word."""
        for file, count in zip(self.kept.files, there, strict=True):
            if not file.done:
                file.downloaded_bytes = count
        self.kept.downloaded_bytes = sum(file.downloaded_bytes for file in self.kept.files)

    def forget_bytes(self) -> None:
        """What was fetched is removed."""
        for file in self.kept.files:
            file.downloaded_bytes, file.done, file.reused = 0, False, False
        self.kept.downloaded_bytes = 0

    def present(self, position: int) -> Download:
        """The download as it is now. `position` is its turn among the queued, from 1; else 0."""
        self._look()
        download = Download()
        download.CopyFrom(self.kept)
        download.queue_position = position
        if (transfer := self.transfer) is not None:
            now = monotonic()
            speed = transfer.speed.bytes_per_second(now)
            download.bytes_per_second = speed
            download.active_connections = transfer.connections
            rest = download.total_bytes - download.downloaded_bytes
            if download.HasField("total_bytes") and speed > 1:
                download.remaining.FromTimedelta(timedelta(seconds=int(max(rest, 0) / speed) + 1))
        return download

    def _look(self) -> None:
        """Takes over what a transfer has done."""
        if (transfer := self.transfer) is None:
            return
        kept = self.kept
        kept.fetched_bytes = self._fetched_before + transfer.fetched
        for shown, file in zip(kept.files, transfer.files, strict=True):
            shown.downloaded_bytes = file.there
            shown.done, shown.reused = file.done, file.reused
            shown.sha256 = file.sha256
            if file.size is not None:
                shown.size_bytes = file.size
        kept.downloaded_bytes = sum(file.downloaded_bytes for file in kept.files)
        total = total_of(kept.files)
        if total is not None:
            kept.total_bytes = total
        if (resumable := _resumable(transfer.files)) is not None:
            kept.resumable = resumable


def new_download(
    download_id: str, request: StartDownloadRequest, plan: Plan, connections: int
) -> Download:
    """A download that nothing was done for."""
    download = Download(
        download_id=download_id,
        source=request.source,
        origin=plan.origin,
        format=plan.format,
        quantization=plan.quantization,
        state=Download.PAUSED if request.paused else Download.QUEUED,
        priority=request.priority or Download.NORMAL,
        files=[
            DownloadFile(path=file.path, size_bytes=file.size_bytes, sha256=file.sha256)
            for file in plan.files
        ],
        max_connections=request.max_connections or connections,
        create_time=_now(),
        update_time=_now(),
        model_id=request.model_id or plan.model_id,
        aliases=request.aliases,
        reason=plan.reason,
    )
    total = total_of(download.files)
    if total is not None:
        download.total_bytes = total
    return download


def check_names(request: StartDownloadRequest, kept: Download) -> None:
    """Whether an unfinished download gives its model the names that are asked for.

    Raises:
        FieldInvalidError: It gives others.
    """
    whose = f"which download {kept.download_id!r} of the same files will give it: cancel that first"
    if request.model_id not in ("", kept.model_id):
        raise FieldInvalidError([Violation("model_id", f"is not {kept.model_id!r}, {whose}")])
    known = {kept.model_id, *kept.aliases}
    for place, alias in enumerate(request.aliases):
        if alias not in known:
            why = f"is none of the names, {whose}"
            raise FieldInvalidError([Violation(f"aliases[{place}]", why)])


def total_of(files: Sequence[DownloadFile]) -> int | None:
    """The size of all files; None as long as one's is not known."""
    if not all(file.HasField("size_bytes") for file in files):
        return None
    return sum(file.size_bytes for file in files)


def _resumable(files: Sequence[FetchedFile]) -> bool | None:
    known = [file.ranged for file in files if file.ranged is not None]
    return all(known) if known else None


def _now() -> Timestamp:
    now = Timestamp()
    now.FromDatetime(datetime.now(UTC))
    return now
