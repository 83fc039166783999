"""Writes what commands say: text and tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.console import Console
from rich.live import Live
from rich.status import Status
from rich.table import Table
from rich.text import Text

from funland_cli.failures import Failure

# Nothing is cut off or wrapped for a program that reads the tables.
_PIPE_WIDTH = 10_000


class Output:
    """Standard output and standard error; `as_json` is what `--json` asks for."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self._console = _console(sys.stdout.isatty(), stderr=False)
        self._errors = _console(sys.stderr.isatty(), stderr=True)
        self._status: Status | None = None

    def document(self, value: Any) -> None:
        """Writes one JSON document, indented for people and on one line for programs."""
        indent = 2 if self._console.is_terminal else None
        sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=indent) + "\n")
        sys.stdout.flush()

    def event(self, value: Any) -> None:
        """Writes one JSON document as a line."""
        sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
        sys.stdout.flush()

    def piece(self, text: str) -> None:
        """Writes a piece of an answer at once; a pipe gets it as it is."""
        sys.stdout.write(printable(text) if self._console.is_terminal else text)
        sys.stdout.flush()

    def thought(self, text: str) -> None:
        """Writes a piece of what a model thinks before it answers; a pipe is for answers only."""
        if self._console.is_terminal:
            self._console.print(Text(printable(text), style="dim"), end="", soft_wrap=True)

    def wait(self, text: str) -> None:
        """Shows what is waited for until `waited`, at a terminal."""
        if not self._errors.is_terminal:
            return
        if self._status is None:
            self._status = self._errors.status(Text(text, style="dim"))
            self._status.start()
        else:
            self._status.update(Text(text, style="dim"))

    def waited(self) -> None:
        """Takes away what `wait` shows."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    @property
    def draws(self) -> bool:
        """Whether standard error is a terminal that pictures can be drawn on again and again."""
        return self._errors.is_terminal and not self._errors.is_dumb_terminal

    @contextmanager
    def picture(self) -> Generator[Live]:
        """What is drawn on standard error until its block is left, then gone."""
        with Live(console=self._errors, auto_refresh=False, transient=True) as picture:
            try:
                yield picture
            finally:
                # What is taller than the terminal would be drawn whole at the end, and stay.
                picture.update("", refresh=True)

    def note(self, text: str, style: str = "dim") -> None:
        """Writes a line about what is going on to standard error; programs get none."""
        if not self.as_json:
            _write(self._errors, text, style)

    def line(self, text: str = "", style: str = "") -> None:
        """Writes a line."""
        _write(self._console, text, style)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Writes a table; columns whose name begins with `>` stand to the right."""
        self._console.print(tabled(columns, rows, ruled=self._console.is_terminal))

    def pairs(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Writes names and values, leaving out the empty ones."""
        grid = Table.grid(padding=(0, 2))
        for name, value in pairs:
            if value:
                grid.add_row(Text(name, style="dim"), Text(printable(value), overflow="fold"))
        self._console.print(grid)

    def failure(self, failure: Failure) -> None:
        """Writes a failure to standard error."""
        if self.as_json:
            sys.stderr.write(json.dumps(failure.to_json(), ensure_ascii=False) + "\n")
            return
        message = Text("error: ", style="bold red").append(printable(failure.message), "not bold")
        self._errors.print(message, soft_wrap=True)
        if failure.hint:
            self._errors.print(Text(f"hint: {printable(failure.hint)}"), soft_wrap=True)


def tabled(columns: Sequence[str], rows: Iterable[Sequence[str]], *, ruled: bool) -> Table:
    """Makes a table as `Output.table` writes it."""
    rule = box.SIMPLE_HEAD if ruled else None
    table = Table(box=rule, show_edge=False, pad_edge=False, header_style="bold")
    for column in columns:
        right = column.startswith(">")
        table.add_column(
            column.removeprefix(">"), justify="right" if right else "left", overflow="fold"
        )
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    return table


def printable(text: str) -> str:
    """Leaves out control characters: a model must not be able to steer the terminal."""
    return "".join(
        character for character in text if character in "\n\t" or not _is_control(character)
    )


def size(count: int) -> str:
    """Tells a number of bytes in decimal units: `4.4 MB`."""
    return f"{_scaled(count, ('B', 'kB', 'MB', 'GB', 'TB'), ' ')}" if count else ""


def quantity(count: int) -> str:
    """Tells a large number roughly: `4.1M`."""
    return _scaled(count, ("", "K", "M", "B", "T"), "") if count else ""


def span(seconds: float) -> str:
    """Tells a time span by its two largest units: `2 h 5 min`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    told = [f"{number} {unit}" for number, unit in parts if number]
    return " ".join(told[:2]) or "0 s"


def _scaled(count: float, units: Sequence[str], gap: str) -> str:
    value, step, last = float(count), 0, len(units) - 1
    while value >= 1000 and step < last:  # noqa: PLR2004 - a thousand is the step between units
        value, step = value / 1000, step + 1
    return f"{value:.1f}{gap}{units[step]}" if step else f"{value:.0f}{gap}{units[0]}"


def _is_control(character: str) -> bool:
    return ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0  # noqa: PLR2004 - C0, DEL, C1


def _write(console: Console, text: str, style: str) -> None:
    """Writes a line at once."""
    if console.is_terminal:
        console.print(Text(printable(text), style=style), soft_wrap=True)
    else:
        # A console that Ctrl-C interrupts when it has written writes the same again.
        console.file.write(printable(text) + "\n")
        console.file.flush()


def _console(terminal: bool, *, stderr: bool) -> Console:
    width = None if terminal else _PIPE_WIDTH
    return Console(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)
