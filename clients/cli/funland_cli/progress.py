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
_NAME_WIDTH: Final = 50
_SHORTEST_NAME: Final = 12
_WIDE: Final = 100


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
            width = picture.console.width
            picture.update(drawn(download, datetime.now(UTC), width), refresh=True)
            yield download


def drawn(download: Download, now: datetime, width: int) -> RenderableType:
    """A bar for each file and for all, and a line that says how it goes on, `width` wide."""
    shown = bars(download, _MOST_FILES)
    bar_width = _BAR_WIDTH if width >= _WIDE else _BAR_WIDTH // 2
    rest = width - bar_width - max(len(bar.note) for bar in shown) - 2
    names = max(min(_NAME_WIDTH, rest), _SHORTEST_NAME)
    grid = Table.grid(padding=(0, 1))
    for bar in shown:
        # A file of no bytes is whole; of one whose size is not known the bar only shows life.
        whole = bar.total == 0
        progress = ProgressBar(1 if whole else bar.total, 1 if whole else bar.done, bar_width)
        grid.add_row(Text(shortened(printable(bar.name), names)), progress, Text(bar.note))
    state = ", ".join(filter(None, (standing(download, now), pace(download))))
    return Group(grid, Text(printable(state), style="dim"))


def shortened(path: str, width: int) -> str:
    """A path's end, which tells files apart."""
    return path if len(path) <= width else f"…{path[len(path) - width + 1 :]}"
