"""Shows a download as it goes on: bars at a terminal, lines elsewhere, JSON for programs."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from datetime import UTC, datetime
from typing import Final

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from funland.v1.downloads_pb2 import Download
from funland_cli.documents import document
from funland_cli.download_views import bars, chosen, pace, standing, steps
from funland_cli.output import Output, printable

_MOST_FILES: Final = 12
_BAR_WIDTH: Final = 30
_NAME_WIDTH: Final = 40


def show(downloads: Iterable[Download], output: Output) -> Generator[Download]:
    """Shows each state of a download before it hands it on."""
    if output.as_json:
        return _events(downloads, output)
    return _picture(downloads, output) if output.draws else _lines(downloads, output)


def _events(downloads: Iterable[Download], output: Output) -> Generator[Download]:
    for download in downloads:
        output.event(document(download))
        yield download


def _lines(downloads: Iterable[Download], output: Output) -> Generator[Download]:
    before: Download | None = None
    for download in downloads:
        for line in steps(before, download, datetime.now(UTC)):
            output.note(line, style="")
        before = download
        yield download


def _picture(downloads: Iterable[Download], output: Output) -> Generator[Download]:
    told = False
    with output.picture() as picture:
        for download in downloads:
            if not told:
                told = True
                for line in chosen(download):
                    output.note(line)
            picture.update(drawn(download, datetime.now(UTC)), refresh=True)
            yield download


def drawn(download: Download, now: datetime) -> RenderableType:
    """A bar for each file and for all, and a line that says how it goes on."""
    grid = Table.grid(padding=(0, 1))
    for bar in bars(download, _MOST_FILES):
        grid.add_row(
            Text(shortened(printable(bar.name), _NAME_WIDTH)),
            ProgressBar(bar.total or 1, bar.done if bar.total else 0, _BAR_WIDTH),
            Text(bar.note),
        )
    state = ", ".join(filter(None, (standing(download, now), pace(download))))
    return Group(grid, Text(printable(state), style="dim"))


def shortened(path: str, width: int) -> str:
    """A path's end, which tells files apart."""
    return path if len(path) <= width else f"…{path[len(path) - width + 1 :]}"
