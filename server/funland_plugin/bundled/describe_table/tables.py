"""Reads tables: CSV and its like, and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, cast

from funland_plugin.bundled.describe_table.cells import MISSING, read_cell

DELIMITERS: Final = ("\t", ";", "|", ",")
"""The likelier first to be meant where several part all rows alike."""
_SAMPLE_ROWS: Final = 100
_SAMPLE_CHARACTERS: Final = 200_000
_LARGEST_CELL: Final = 2**31 - 1


class TableError(Exception):
    """The text is no table."""


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of equal length; a cell that is missing is None."""

    names: list[str]
    columns: list[list[Any]]
    """Of a text all cells are texts; of JSON they are what JSON has."""
    uneven_rows: int
    decimal_comma: bool = False


def from_text(text: str, delimiter: str = "", header: str = "auto") -> Table:
    """Reads a text; raises TableError."""
    text = text.removeprefix("\ufeff").strip("\r\n")
    if not delimiter and text.lstrip()[:1] in ("[", "{"):
        return from_rows(_json_rows(text), header)
    csv.field_size_limit(_LARGEST_CELL)
    mark = delimiter or guessed_delimiter(text)
    try:
        rows = [row for row in _rows(text, mark) if row]
    except csv.Error as error:
        raise TableError(f"The table can't be read: {error}.") from None
    if mark == "|":
        rows = _without_frame(rows)
    if not rows:
        raise TableError("The table has no rows.")
    cells = [[cell.strip() for cell in row] for row in rows]
    return _table(cells, header, decimal_comma=mark == ";")


def from_rows(rows: Sequence[Any], header: str = "auto") -> Table:
    """Takes rows: all objects, whose keys are the columns, or all lists; raises TableError."""
    if rows and all(isinstance(row, Mapping) for row in rows):
        objects = cast("Sequence[Mapping[str, Any]]", rows)
        names = list(dict.fromkeys(name for row in objects for name in row))
        columns = [[row.get(name) for row in objects] for name in names]
        return Table(names, columns, sum(1 for row in objects if len(row) != len(names)))
    if rows and all(isinstance(row, list) for row in rows):
        return _table(cast("list[list[Any]]", list(rows)), header)
    raise TableError("The rows must be all objects or all lists, and there must be one.")


def guessed_delimiter(text: str) -> str:
    """What parts the most rows alike; a table of one column has a comma."""
    sample = text[:_SAMPLE_CHARACTERS]
    best, best_share = DELIMITERS[-1], 0.0
    for mark in DELIMITERS:
        try:
            rows = islice((row for row in _rows(sample, mark) if row), _SAMPLE_ROWS)
            widths = Counter(map(len, rows))
        except csv.Error:
            continue
        [(width, count)] = widths.most_common(1) or [(1, 0)]
        if width > 1 and count / widths.total() > best_share:
            best, best_share = mark, count / widths.total()
    return best


def _rows(text: str, mark: str) -> Iterable[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), delimiter=mark, skipinitialspace=True)


def _without_frame(rows: list[list[str]]) -> list[list[str]]:
    """The rows of a table in Markdown without its outer bars and the line below its head."""
    inner = [
        row[1:-1] if len(row) > 2 and not row[0].strip() and not row[-1].strip() else row  # noqa: PLR2004 - two bars and a cell
        for row in rows
    ]
    return [
        row for row in inner if not all(cell.strip(" :-") == "" and "-" in cell for cell in row)
    ]


def _json_rows(text: str) -> list[Any]:
    try:
        told = json.loads(text)
    except RecursionError:
        raise TableError("The table is nested too deeply.") from None
    except ValueError:
        lines = [line for line in text.splitlines() if line.strip()]
        try:
            return [json.loads(line) for line in lines]
        except (ValueError, RecursionError) as error:
            raise TableError(f"The table looks like JSON and is none: {error}.") from None
    return cast("list[Any]", told) if isinstance(told, list) else [told]


def _table(rows: list[list[Any]], header: str, *, decimal_comma: bool = False) -> Table:
    width = len(rows[0])
    has_head = header == "yes" or (header == "auto" and _is_head(rows))
    names = _names(rows[0] if has_head else [""] * width)
    body = rows[1:] if has_head else rows
    if not has_head:
        width = max(map(len, rows))
        names = _names([""] * width)
    columns = [[row[index] if index < len(row) else None for row in body] for index in range(width)]
    return Table(names, columns, sum(1 for row in body if len(row) != width), decimal_comma)


def _is_head(rows: list[list[Any]]) -> bool:
    """Whether the first row names columns: texts, all different, none of which a number or date,
    and below it there is something."""
    first = rows[0]
    if len(rows) == 1 or not all(isinstance(cell, str) for cell in first):
        return False
    told = [str(cell).strip().casefold() for cell in first]
    named = [cell for cell in told if cell not in MISSING]
    return (
        bool(named)
        and len(set(named)) == len(named)
        and not any(read_cell(cell).kind != "text" for cell in named)
    )


def _names(row: Sequence[Any]) -> list[str]:
    """The names of columns, each another; those without are numbered from 1."""
    names: dict[str, int] = {}  # and how many of that name there are so far
    for number, cell in enumerate(row, 1):
        name = tried = str(cell).strip() or f"column_{number}"
        count = names.get(name, 0)
        while tried in names:
            count += 1
            tried = f"{name}_{count}"
        names[name] = max(count, 1)
        names.setdefault(tried, 1)
    return list(names)
