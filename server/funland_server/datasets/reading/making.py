"""Makes one file of rows of all files that came."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson

from funland_server.datasets.reading.formats import READERS, true_format
from funland_server.datasets.reading.forms import form_of, kept
from funland_server.datasets.reading.json_rows import BadRowError, Row
from funland_server.datasets.reading.records import Record, UnreadableError
from funland_server.datasets.reading.summary import Summary

_TOLD_EVERY: Final = 1000
"""Records after which it is told how far reading is."""


@dataclass(frozen=True, slots=True)
class Input:
    """A file that came."""

    path: str
    name: str
    """What it is called to people."""
    format: str


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be made, where, and within what limits."""

    inputs: tuple[Input, ...]
    output: str
    form: str
    """Empty: that of the first row that has one."""
    longest_row: int
    most_bytes: int
    """Of all that came, and of all that is kept."""


class NoRowsError(Exception):
    """Nothing of what came can be used; the text says why."""


def make(order: Order, told: Callable[[int], None]) -> dict[str, Any]:
    """Writes the rows and says what they are, in the names of `DatasetVersion`; `told` hears how
    many bytes were read.

    Raises:
        NoRowsError: No row can be used, or there are too many bytes.
        FormatMissingError: A file can't be read here.
        OSError: A file can't be read, or the output can't be written.
    """
    making = _Making(order)
    read = 0
    with Path(order.output).open("wb") as output:
        for each in order.inputs:
            with _opened(each) as (file, size):
                format_ = true_format(each.format, file)
                making.formats.add(format_)
                try:
                    for number, record in enumerate(READERS[format_](file, order.longest_row), 1):
                        making.add(output, each, record)
                        if number % _TOLD_EVERY == 0:
                            told(read + min(file.tell(), size))
                except UnreadableError as error:
                    making.summary.bad(each.name, 0, str(error))
                read += size
                told(read)
        output.flush()
        os.fsync(output.fileno())
    if not making.summary.row_count:
        raise NoRowsError(_why(making.summary))
    formats = making.formats
    return {
        **making.summary.to_json(),
        "sha256": making.digest.hexdigest(),
        "format": next(iter(formats)) if len(formats) == 1 else "MIXED",
        "form": making.form,
        "source_bytes": read,
        "size_bytes": making.size,
    }


class _Making:
    """What has been made so far."""

    def __init__(self, order: Order) -> None:
        self.summary = Summary()
        self.digest = hashlib.sha256()
        self.formats: set[str] = set()
        self.form = order.form
        self.size = 0
        self._most = order.most_bytes

    def add(self, output: BinaryIO, source: Input, record: Record) -> None:
        """Keeps a record, or notes what is wrong with it."""
        try:
            if record.row is None:
                raise BadRowError(record.problem)
            line = self._line(record.row)
        except BadRowError as error:
            self.summary.bad(source.name, record.line, str(error))
            return
        self.size += len(line)
        if self.size > self._most:
            raise NoRowsError(
                f"Its rows have more than {self._most} bytes, the most that server.dataset_bytes"
                " allows."
            )
        output.write(line)
        self.digest.update(line)
        self.summary.good(record.row)

    def _line(self, row: Row) -> bytes:
        form = form_of(row) if not self.form else self.form
        if self.form and not _has(row, form):
            raise BadRowError(f"it is not of the form {form}, as the others are: {_form(row)}")
        row = kept(row, form)
        try:
            line = orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
        except (orjson.JSONEncodeError, UnicodeError):
            raise BadRowError("it has half of a character") from None
        self.form = form
        return line


def _has(row: Row, form: str) -> bool:
    """Whether a row has the names of a form."""
    try:
        return form_of(row) == form or (form == "PLAIN" and "text" in row)
    except BadRowError:
        return False


def _form(row: Row) -> str:
    try:
        return f"it is of the form {form_of(row)}"
    except BadRowError as error:
        return str(error)


def _why(summary: Summary) -> str:
    if not summary.bad_row_count:
        return "There is no row in it."
    first = [
        f"{bad['file']}, line {bad['line']}: {bad['problem']}" if bad["line"]
        else f"{bad['file']}: {bad['problem']}"
        for bad in summary.bad_rows[:3]
    ]  # fmt: skip
    return f"None of its {summary.bad_row_count} rows can be used. {'; '.join(first)}."


@contextmanager
def _opened(source: Input) -> Generator[tuple[BinaryIO, int]]:
    """A file and its size: a regular one, by no link."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    handle = os.open(source.path, flags)
    with open(handle, "rb", buffering=1 << 20) as file:  # noqa: PTH123 - it is open
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise NoRowsError(f"{source.name} is no regular file.")
        yield file, found.st_size
