"""Shows all downloads as they change: a table at a terminal, lines elsewhere, JSON for programs."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from datetime import UTC, datetime
from typing import Final

from funland.v1.downloads_pb2 import Download, DownloadEvent
from funland_cli.documents import document
from funland_cli.download_views import COLUMNS, row, standing, steps
from funland_cli.output import Output, tabled
from funland_client import EventStream

Known = MutableMapping[str, Download]
"""The downloads as they were told last, by id."""

_ENDED: Final = (Download.COMPLETED, Download.FAILED, Download.CANCELLED)
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
    """Draws those that go on, and those that were seen to end."""
    known: Known = {}
    over: set[str] = set()
    with output.picture() as picture:
        for event in events:
            download = event.download
            if download.state not in _ENDED:
                over.discard(download.download_id)
            elif download.download_id not in known:
                over.add(download.download_id)
            news(event, known, datetime.now(UTC))
            rows = (
                row(shown, datetime.now(UTC)) for name, shown in known.items() if name not in over
            )
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
            elif download.state == Download.FAILED != before.state:
                told.append(standing(download, now))
        case "deleted_download_id":
            download = known.pop(event.deleted_download_id, Download())
            told = ["deleted"]
        case _:  # Kinds may be added.
            return []
    return [f"{download.source}: {line}" for line in told]
