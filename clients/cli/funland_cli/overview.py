"""Shows all downloads as they change: a table at a terminal, lines elsewhere, JSON for programs."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from datetime import UTC, datetime
from typing import Final

from funland.v1.downloads_pb2 import Download, DownloadEvent
from funland_cli.documents import document
from funland_cli.download_views import COLUMNS, row, steps
from funland_cli.output import Output, tabled
from funland_client import EventStream

Known = MutableMapping[str, Download]
"""The downloads as they were told last, by id."""

_NO_NEWS: Final = (Download.STATE_UNSPECIFIED, Download.COMPLETED)


def show_all(events: EventStream[DownloadEvent], output: Output) -> None:
    """Shows downloads for as long as the stream goes on."""
    with events:
        if output.as_json:
            for event in events:
                output.event(document(event))
        elif output.draws:
            _draw(events, output)
        else:
            known: Known = {}
            for event in events:
                for line in news(event, known, datetime.now(UTC)):
                    output.line(line)


def _draw(events: Iterable[DownloadEvent], output: Output) -> None:
    known: Known = {}
    with output.picture() as picture:
        for event in events:
            news(event, known, datetime.now(UTC))
            rows = (row(download, datetime.now(UTC)) for download in known.values())
            picture.update(tabled(COLUMNS, rows, ruled=True), refresh=True)


def news(event: DownloadEvent, known: Known, now: datetime) -> list[str]:
    """Notes an event in `known`; gives what it tells that is new, a line each.

    Of those that were complete before nothing is told.
    """
    match event.WhichOneof("event"):
        case "download":
            download = event.download
            before = known.get(download.download_id, Download())
            known[download.download_id] = download
            told = steps(before, download, now)
            if download.state == Download.COMPLETED and before.state not in _NO_NEWS:
                told.append(f"installed as {download.model_id}")
        case "deleted_download_id":
            download = known.pop(event.deleted_download_id, Download())
            told = ["deleted"]
        case _:  # Kinds may be added.
            return []
    return [f"{download.source}: {line}" for line in told]
