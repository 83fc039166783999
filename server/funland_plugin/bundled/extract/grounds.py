"""Which values of records a text does not have: no model is asked."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any, Final, cast

_NUMBER: Final = re.compile(r"(?<![\w.])[+-]?\d[\d.,'\u2019\u00a0\u202f ]*")
_SPACE: Final = re.compile(r"\s+")
_SEPARATORS: Final = re.compile(r"['\u2019\u00a0\u202f ]")


class Grounds:
    """A text, for looking values up."""

    def __init__(self, text: str) -> None:
        self._text = _plain(text)
        self._numbers = {
            number for match in _NUMBER.finditer(text) for number in _readings(match[0])
        }

    def unfounded(self, records: list[Any]) -> list[str]:
        """The places of values that the text does not have: texts, whatever their case and white
        space, and numbers, however they are written. True, false and null stand nowhere."""
        return list(self._unfounded(records, "records"))

    def _unfounded(self, value: object, place: str) -> Iterator[str]:
        if isinstance(value, dict):
            for name, inner in cast("dict[str, object]", value).items():
                yield from self._unfounded(inner, f"{place}.{name}")
        elif isinstance(value, list):
            for index, inner in enumerate(cast("list[object]", value)):
                yield from self._unfounded(inner, f"{place}[{index}]")
        elif isinstance(value, str):
            if _plain(value) not in self._text:
                yield place
        elif (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and float(value) not in self._numbers
        ):
            yield place


def _plain(text: str) -> str:
    return _SPACE.sub(" ", unicodedata.normalize("NFKC", text)).strip().casefold()


def _readings(text: str) -> Iterator[float]:
    """The numbers that digits may mean: `1.234,5` has two, `1 234` three."""
    for part in (text, *_SEPARATORS.split(text)):
        plain = _SEPARATORS.sub("", part).rstrip(".,")
        for digits in {
            plain,
            plain.replace(",", ""),
            plain.replace(".", "").replace(",", "."),
            plain.replace(",", "."),
        }:
            try:
                yield float(digits)
            except ValueError:
                continue
