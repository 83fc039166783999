"""Puts a description into words: by itself, and what of a model's words agrees with it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

from funland_plugin.bundled.splitting import sentences

_HEAD: Final = (
    "| Column | Type | Count | Missing | Distinct | Least | Greatest | Mean | Quartiles | Often |",
    "|---|---|---|---|---|---|---|---|---|---|",
)
_NUMBER: Final = re.compile(r"(?<![\w.])[+-]?\d+(?:,\d{3})*(?:\.\d+)?")


def markdown(rows: int, columns: Sequence[Mapping[str, Any]], uneven_rows: int) -> str:
    """The description as a table."""
    told = [f"{_counted(rows, 'row')}, {_counted(len(columns), 'column')}."]
    if uneven_rows:
        told[0] += f" {_counted(uneven_rows, 'row')} had more or fewer cells than the head."
    return "\n".join([*told, "", *_HEAD, *(_row(each) for each in columns)])


def agreeing(words: str, rows: int, columns: Sequence[Mapping[str, Any]]) -> str:
    """The sentences of a model all of whose numbers were computed, be they rounded."""
    known = [float(rows), float(len(columns)), *(n for each in columns for n in _numbers(each))]
    names = sorted((str(each["name"]) for each in columns), key=len, reverse=True)
    return "".join(
        sentence
        for sentence in sentences(words)
        if all(_is_known(number, known) for number in _said(sentence, names))
    ).strip()


def _row(column: Mapping[str, Any]) -> str:
    frequent = ", ".join(
        f"{each['value']} ({each['count']})" for each in column.get("frequent", [])
    )
    if column["type"] == "boolean" and column["count"]:
        frequent = f"true ({column['true']}), false ({column['false']})"
    cells = (
        column["name"], column["type"], column["count"], column["missing"], column["distinct"],
        _short(column.get("min")), _short(column.get("max")), _short(column.get("mean")),
        ", ".join(map(_short, column.get("quartiles", []))), frequent,
    )  # fmt: skip
    return f"| {' | '.join(_cell(str(cell)) for cell in cells)} |"


def _cell(text: str) -> str:
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").split())


def _short(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _said(sentence: str, names: Sequence[str]) -> Iterator[str]:
    """The numbers of a sentence that are none of a column's name."""
    for name in names:
        if any(letter.isdigit() for letter in name):
            sentence = sentence.replace(name, " ")
    for match in _NUMBER.finditer(sentence):
        yield match[0].replace(",", "")


def _is_known(number: str, known: Sequence[float]) -> bool:
    digits = len(number.partition(".")[2])
    return any(
        abs(float(number) - value) <= 0.5 * 10**-digits + 1e-9 * abs(value) for value in known
    )


def _numbers(value: object) -> Iterator[float]:
    if isinstance(value, Mapping):
        for inner in cast("Mapping[str, object]", value).values():
            yield from _numbers(inner)
    elif isinstance(value, list):
        for inner in cast("list[object]", value):
            yield from _numbers(inner)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield float(value)
    elif isinstance(value, str):
        yield from (float(match[0].replace(",", "")) for match in _NUMBER.finditer(value))
