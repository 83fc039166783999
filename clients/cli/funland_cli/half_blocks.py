"""Shows a picture in a terminal: each character is two pixels, one above the other."""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import groupby, zip_longest
from typing import Final

from PIL import Image
from rich.color import Color
from rich.style import Style
from rich.text import Text

Colour = tuple[int, int, int]
"""Red, green and blue, from 0 to 255."""

_UPPER: Final = "▀"
_FORMATS: Final = ("PNG", "JPEG", "WEBP")


def shown(picture: bytes, columns: int, rows: int) -> Text:
    """A picture's file in its proportions, in so many characters at most, and not in more than one
    for each two pixels.

    Raises:
        OSError: It is no picture.
    """
    with Image.open(io.BytesIO(picture), formats=_FORMATS) as image:
        wide, high = _fitting(image.size, columns, rows * 2)
        small = image.convert("RGB").resize((wide, high), Image.Resampling.BOX)
    data = small.tobytes()
    pixels = [(data[at], data[at + 1], data[at + 2]) for at in range(0, len(data), 3)]
    return half_blocks([pixels[at : at + wide] for at in range(0, len(pixels), wide)])


def half_blocks(lines: Sequence[Sequence[Colour]]) -> Text:
    """Lines of pixels as half as many lines of characters. Where the terminal has fewer colours,
    rich takes the nearest."""
    text = Text()
    pairs = [(lines[at], lines[at + 1 : at + 2]) for at in range(0, len(lines), 2)]
    for number, (upper, below) in enumerate(pairs):
        if number:
            text.append("\n")
        cells = zip_longest(upper, below[0] if below else ())
        for (high, low), same in groupby(cells):
            style = Style(color=_colour(high), bgcolor=_colour(low))
            text.append(_UPPER * len(list(same)), style)
    return text


def _colour(pixel: Colour | None) -> Color | None:
    return None if pixel is None else Color.from_rgb(*pixel)


def _fitting(size: tuple[int, int], columns: int, lines: int) -> tuple[int, int]:
    """The largest size in these proportions that is not more than either."""
    wide, high = size
    scale = min(columns / wide, lines / high, 1)
    return max(1, round(wide * scale)), max(1, round(high * scale))
