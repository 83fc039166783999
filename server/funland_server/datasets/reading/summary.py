"""What is told of the rows that came: their fields, the first of them, and the first bad ones."""

from __future__ import annotations

from typing import Any, Final, cast

import orjson

from funland_server.datasets.reading.json_rows import Row, type_name

MOST_BAD: Final = 100
_MOST_FIELDS: Final = 256
_FIRST_ROWS: Final = 5
_LONGEST_TEXT: Final = 500
_LONGEST_NAME: Final = 128
_LONGEST_PROBLEM: Final = 300
_MOST_ITEMS: Final = 20
_DEEPEST: Final = 6
_LONGEST_ROW: Final = 16384
_LARGEST: Final = 2**53


class Summary:
    """Gathers it; as JSON it is what `to_json` gives, in the names of `DatasetVersion`."""

    def __init__(self) -> None:
        self.row_count = 0
        self.bad_row_count = 0
        self.bad_rows: list[dict[str, Any]] = []
        self._fields: dict[str, tuple[set[str], int]] = {}
        self._first: list[Any] = []

    def good(self, row: Row) -> None:
        """A row that is kept."""
        self.row_count += 1
        if len(self._first) < _FIRST_ROWS:
            self._first.append(shortened(row))
        for name, value in row.items():
            known = self._fields.get(name)
            if known is None:
                if len(self._fields) == _MOST_FIELDS:
                    continue
                known = self._fields[name] = (set(), 0)
            known[0].add(type_name(value))
            self._fields[name] = (known[0], known[1] + 1)

    def bad(self, file: str, line: int, problem: str) -> None:
        """A row that can't be used."""
        self.bad_row_count += 1
        if len(self.bad_rows) < MOST_BAD:
            told = _plain(problem[:_LONGEST_PROBLEM])
            self.bad_rows.append({"file": _plain(file[-200:]), "line": line, "problem": told})

    def to_json(self) -> dict[str, Any]:
        """As it is now."""
        fields = [
            {"name": _plain(name[:_LONGEST_NAME]), "types": sorted(types), "row_count": count}
            for name, (types, count) in sorted(self._fields.items())
        ]
        return {
            "row_count": self.row_count,
            "bad_row_count": self.bad_row_count,
            "bad_rows": self.bad_rows,
            "fields": fields,
            "first_rows": self._first,
        }


def shortened(row: Row) -> Row:
    """A row as JSON of a few kilobytes: texts cut off, lists and objects too."""
    short: Row = _shortened(row, 0)
    if len(orjson.dumps(short)) <= _LONGEST_ROW:
        return short
    return {
        name: value if isinstance(value, str) else orjson.dumps(value).decode()[:_LONGEST_TEXT]
        for name, value in short.items()
    }


def _shortened(value: Any, depth: int) -> Any:
    if isinstance(value, dict | list | tuple) and depth == _DEEPEST:
        return "…"
    match value:
        case dict():
            pairs = list(cast("Row", value).items())[:_MOST_ITEMS]
            return {_plain(str(k)[:_LONGEST_NAME]): _shortened(v, depth + 1) for k, v in pairs}
        case list() | tuple():
            items = cast("list[Any]", value)[:_MOST_ITEMS]
            return [_shortened(each, depth + 1) for each in items]
        case str():
            return _plain(value if len(value) <= _LONGEST_TEXT else value[:_LONGEST_TEXT] + "…")
        case _:
            return _number(value)


def _number(value: Any) -> Any:
    """What is no text, list or object: a number that a message can hold, or in words."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float) and abs(value) < _LARGEST:  # not so what is no number
        return value
    return f"{len(value)} bytes" if isinstance(value, bytes) else _plain(str(value)[:_LONGEST_TEXT])


def _plain(text: str) -> str:
    """A text without halves of characters, which no message can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")
