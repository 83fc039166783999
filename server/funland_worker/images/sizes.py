"""How large a picture is painted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError

Size: TypeAlias = tuple[int, int]
"""Width and height, in pixels."""

_LONGEST, _AREA, _SHORTEST = 3, 4, 4
"""A side is at most three of the model's own and at least a quarter of one, and the area at most
four of its own: beyond, models show a thing over and over, and attention takes all memory."""
LEAST, MOST = 16, 4096
"""What the contract allows for a side."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """What sizes a model paints in."""

    own: Size
    """What it was trained for."""
    unit: int
    """What sides must be divided by."""
    fixed: bool = False
    """Whether it paints in no size but its own."""

    def paints(self, size: Size) -> bool:
        """Whether it paints in a size."""
        if self.fixed:
            return size == self.own
        shortest, longest = self._sides
        fits = all(shortest <= side <= longest and side % self.unit == 0 for side in size)
        return fits and math.prod(size) <= self._area

    def nearest(self, size: Size) -> Size:
        """The size nearest to one, with about its proportions, in which it paints."""
        if self.fixed:
            return self.own
        shortest, longest = self._sides
        width, height = size
        scale = min(1.0, longest / max(size), math.sqrt(self._area / (width * height)))
        scale = max(scale, min(shortest / min(size), longest / max(size)))
        found = [self._rounded(side * scale) for side in size]
        while math.prod(found) > self._area:  # rounding up took it over
            longer = found.index(max(found))
            found[longer] -= self.unit
        return found[0], found[1]

    def scaled(self, size: Size) -> Size:
        """A size of about its own area, with the proportions of another."""
        scale = math.sqrt(math.prod(self.own) / math.prod(size))
        return self.nearest((round(size[0] * scale) or 1, round(size[1] * scale) or 1))

    @property
    def _sides(self) -> tuple[int, int]:
        shortest = max(LEAST, self.unit, min(self.own) // _SHORTEST)
        return shortest, min(MOST, _LONGEST * max(self.own))

    @property
    def _area(self) -> int:
        return _AREA * math.prod(self.own)

    def _rounded(self, side: float) -> int:
        shortest, longest = self._sides
        unit = self.unit
        least, most = math.ceil(shortest / unit) * unit, longest // unit * unit
        return max(least, min(most, round(side / unit) * unit))


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large a picture is, and how large it is painted before it is enlarged to that."""

    size: Size
    painted: Size


def sizes(
    asked: tuple[int | None, int | None],
    given: Size | None,
    canvas: Canvas,
    *,
    upscale: bool,
    most_pixels: int,
) -> Sizes:
    """Those of a picture whose sides are `asked` for, None where not, and which begins with one of
    the size `given`.

    Raises:
        EngineError: FIELD_INVALID; the message says what would do.
    """
    if asked == (None, None):
        size = canvas.nearest(given) if given else canvas.own
        if math.prod(size) > most_pixels:
            size = canvas.nearest(_within(size, most_pixels))
    else:
        size = _completed(asked, given or canvas.own, 1 if upscale else canvas.unit)
    if math.prod(size) > most_pixels:
        raise refused(
            "width", f"{size[0]}x{size[1]} has more than the {most_pixels} pixels that may be"
        )
    if canvas.paints(size):
        return Sizes(size, size)
    if upscale:
        return Sizes(size, canvas.scaled(size))
    raise _cannot(size, asked, canvas)


def refused(field: str, message: str) -> EngineError:
    """What a caller is told whose request has a wrong field."""
    return EngineError(ErrorReason.FIELD_INVALID, message, field=field)


def _completed(asked: tuple[int | None, int | None], like: Size, unit: int) -> Size:
    """Both sides; the one that is not asked for follows from the proportions."""
    width, height = asked
    for field, side in (("width", width), ("height", height)):
        if side is not None and not LEAST <= side <= MOST:
            raise refused(field, f"must be from {LEAST} to {MOST}")
    if width is None and height is not None:
        width = _side(height * like[0] / like[1], unit)
    if height is None and width is not None:
        height = _side(width * like[1] / like[0], unit)
    return width or like[0], height or like[1]


def _side(length: float, unit: int) -> int:
    return max(
        math.ceil(LEAST / unit) * unit, min(MOST // unit * unit, round(length / unit) * unit)
    )


def _within(size: Size, pixels: int) -> Size:
    scale = math.sqrt(pixels / math.prod(size))
    return max(1, int(size[0] * scale)), max(1, int(size[1] * scale))


def _cannot(size: Size, asked: tuple[int | None, int | None], canvas: Canvas) -> EngineError:
    nearest = canvas.nearest(size)
    wrong = asked[0] is None or (size[0] == nearest[0] and asked[1] is not None)
    only = "only " if canvas.fixed else ""
    return refused(
        "height" if wrong else "width",
        f"the model does not paint in {size[0]}x{size[1]}; it paints {only}in"
        f" {nearest[0]}x{nearest[1]}, which is the nearest. Or set `upscale`, and it is enlarged",
    )
