"""Tells people how downloads are: what comes, how far it is, and what they can do next."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from funland.v1.downloads_pb2 import Download, DownloadFile
from funland.v1.models_pb2 import Model
from funland_cli.output import size, span
from funland_cli.views import format_of, hub_name, use, word

COLUMNS: Final = ("DOWNLOAD", "MODEL", "HUB", "STATE", "DONE", "PACE")
_TOLD_AT_THE_END: Final = (Download.COMPLETED, Download.FAILED)
_REVISION_DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class Bar:
    """How far something is, in bytes; `total` is None as long as it is not known."""

    name: str
    done: int
    total: int | None
    note: str


def bars(download: Download, most: int) -> list[Bar]:
    """A bar for each file and one for all of several; of more than `most`, those that come now."""
    files = list(download.files)
    if len(files) > most:
        files = [file for file in files if not file.done and file.downloaded_bytes][:most]
    shown = [_bar(file) for file in files]
    if len(download.files) != 1:
        done = sum(file.done for file in download.files)
        name = f"all, {done} of {len(download.files)} files" if download.files else "all"
        shown.append(Bar(name, download.downloaded_bytes, _total(download), amount(download)))
    return shown


def _bar(file: DownloadFile) -> Bar:
    total = file.size_bytes if file.HasField("size_bytes") else None
    if file.reused:
        note = "was here already"
    elif file.done:
        note = f"{_bytes(file.downloaded_bytes)}, checked" if file.sha256 else _bytes(total or 0)
    else:
        note = _of(file.downloaded_bytes, total)
    return Bar(file.path, file.downloaded_bytes, total, note)


def amount(download: Download) -> str:
    """How much of it is there: `2.0 GB of 4.7 GB, 43%`."""
    return _of(download.downloaded_bytes, _total(download))


def pace(download: Download) -> str:
    """How fast it comes: `45.1 MB/s, 1 min left, 16 connections`; empty when nothing comes."""
    told: list[str] = []
    if download.bytes_per_second:
        told.append(f"{_bytes(round(download.bytes_per_second))}/s")
    if download.HasField("remaining"):
        told.append(f"{span(download.remaining.ToTimedelta().total_seconds())} left")
    if download.active_connections:
        plural = "s" if download.active_connections > 1 else ""
        told.append(f"{download.active_connections} connection{plural}")
    return ", ".join(told)


def state(download: Download, now: datetime) -> str:
    """Where it stands: `queued, number 2 in turn`; empty for a state of a later version's."""
    told = word(Download.State, download.state)
    match download.state:
        case Download.QUEUED if download.queue_position:
            told += f", number {download.queue_position} in turn"
        case Download.WAITING if download.HasField("wait_until"):
            left = (download.wait_until.ToDatetime(tzinfo=UTC) - now).total_seconds()
            told += f", again in {span(max(left, 0))}"
        case _:
            pass
    return told


def standing(download: Download, now: datetime, more: str = "") -> str:
    """Where it stands, `more` of it, and why it does not go on if it does not."""
    told = ", ".join(filter(None, (state(download, now), more)))
    return f"{told}: {download.error.message}" if download.HasField("error") else told


def out_of_sight(download: Download, why: str) -> Download:
    """A download as it was told last, while nobody tells how it is now."""
    now = Download()
    now.CopyFrom(download)
    for told in ("bytes_per_second", "remaining", "active_connections", "wait_until"):
        now.ClearField(told)
    now.state = Download.WAITING
    now.error.message = why
    return now


def chosen(download: Download) -> list[str]:
    """What is downloaded from where, and why just this."""
    origin = download.origin
    parts = [
        " ".join(filter(None, (origin.model_id or download.source, _revision(download)))),
        origin.variant or download.quantization,
        format_of(download.format),
        size(download.total_bytes),
    ]
    told = ", ".join(filter(None, parts))
    hub = hub_name(origin.hub)
    return [told + (f", from {hub}" if hub else ""), *filter(None, (download.reason,))]


def steps(before: Download | None, now: Download, time: datetime) -> list[str]:
    """What is new, a line each, for who sees no bars: states, files that are done, tenths."""
    told = chosen(now) if before is None else []
    earlier = before or Download()
    ready = {file.path for file in earlier.files if file.done}
    told += [
        f"{file.path}: {_bar(file).note}"
        for file in now.files
        if file.done and file.path not in ready
    ]
    if (earlier.state, earlier.error.message) != (now.state, now.error.message):
        if now.state not in _TOLD_AT_THE_END:
            told.append(standing(now, time, amount(now)))
    elif _tenth(now) > _tenth(earlier):
        told.append(", ".join(filter(None, (amount(now), pace(now)))))
    return told


def finished(download: Download, model: Model) -> str:
    """What a download that is complete has brought, and how to use it."""
    parts = [f"Installed {download.model_id}"]
    if not download.fetched_bytes:
        parts = [f"{download.model_id} is installed; nothing had to be fetched"]
    elif download.HasField("start_time") and download.HasField("end_time"):
        took = download.end_time.ToDatetime() - download.start_time.ToDatetime()
        parts.append(f"{_bytes(download.fetched_bytes)} in {span(took.total_seconds())}")
    if download.verified:
        parts.append("SHA-256 checked")
    return f"{', '.join(parts)}. Try it: {use(model)}"


def next_step(download: Download, server: Sequence[str]) -> str:
    """What can be done with a download that does not go on; `server` are the flags that name it."""

    def command(name: str) -> str:
        return shlex.join(["funland", "downloads", name, download.download_id, *server])

    match download.state:
        case Download.PAUSED:
            return f"To go on: {command('resume')}"
        case Download.FAILED | Download.CANCELLED:
            return f"To try again: {command('retry')}"
        case Download.COMPLETED:
            return ""
        case _:
            return f"The download goes on at the server. To see it: {command('watch')}"


def row(download: Download, now: datetime) -> tuple[str, ...]:
    """A download in a list of them: id, model, hub, state, how much, how fast."""
    return (
        download.download_id,
        download.model_id or download.source,
        hub_name(download.origin.hub),
        state(download, now),
        amount(download),
        pace(download),
    )


def all_of(download: Download, now: datetime) -> Iterator[tuple[str, str]]:
    """All that is known of a download, by name; what is not known is empty."""
    yield "download", download.download_id
    yield "source", download.source
    yield "hub", hub_name(download.origin.hub)
    yield "from", download.origin.model_id
    yield "revision", download.origin.revision
    yield "variant", download.origin.variant
    yield "format", format_of(download.format)
    yield "quantization", download.quantization
    yield "chosen", download.reason
    yield "model", download.model_id
    yield "aliases", ", ".join(download.aliases)
    yield "state", standing(download, now)
    yield "priority", word(Download.Priority, download.priority)
    yield "done", amount(download)
    yield "fetched", size(download.fetched_bytes)
    yield "pace", pace(download)
    yield "connections", f"at most {download.max_connections}" if download.max_connections else ""
    yield "verified", "all files" if download.verified else ""
    for file in download.files:
        yield "file", f"{file.path}: {_bar(file).note}"


def _revision(download: Download) -> str:
    revision = download.origin.revision
    return f"@{revision[:_REVISION_DIGITS]}" if revision else ""


def _total(download: Download) -> int | None:
    return download.total_bytes if download.HasField("total_bytes") else None


def _of(done: int, total: int | None) -> str:
    if total is None:
        return _bytes(done) if done else ""
    share = f", {done * 100 // total}%" if total else ""
    return f"{_bytes(done)} of {_bytes(total)}{share}"


def _tenth(download: Download) -> int:
    total = _total(download)
    return download.downloaded_bytes * 10 // total if total else 0


def _bytes(count: int) -> str:
    return size(count) or "0 B"
