"""How large a picture is painted."""

from __future__ import annotations

import math
from itertools import product

import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError
from funland_worker.images.sizes import Canvas, Size, Sizes, sizes

BIG = Canvas((512, 512), unit=64)
TINY = Canvas((64, 64), unit=8)
FIXED = Canvas((512, 512), unit=64, fixed=True)
PIXELS = 4 * 1024**2
NONE = (None, None)


@pytest.mark.parametrize(
    ("canvas", "size", "paints"),
    [
        (BIG, (512, 512), True),
        (BIG, (1024, 1024), True),
        (BIG, (1536, 512), True),
        (BIG, (128, 128), True),
        (BIG, (520, 512), False),  # some network halves 65 of its squares
        (BIG, (64, 512), False),  # less than a quarter of its own
        (BIG, (1600, 512), False),  # more than three of its own
        (BIG, (1536, 1024), False),  # more than four times its own area
        (TINY, (16, 16), True),
        (TINY, (512, 512), False),
        (FIXED, (512, 512), True),
        (FIXED, (512, 448), False),
    ],
)
def test_a_model_paints_in_some_sizes(canvas: Canvas, size: Size, *, paints: bool) -> None:
    assert canvas.paints(size) is paints


def test_the_nearest_size_is_one_in_which_it_paints() -> None:
    sides = (16, 17, 63, 100, 500, 512, 767, 1023, 2048, 4096)
    canvases = (BIG, TINY, FIXED, Canvas((1024, 1024), unit=64), Canvas((1152, 896), unit=16))

    for canvas, width, height in product(canvases, sides, sides):
        assert canvas.paints(canvas.nearest((width, height))), (canvas, width, height)
        assert canvas.paints(canvas.scaled((width, height))), (canvas, width, height)


def test_what_is_painted_in_is_the_nearest_to_itself() -> None:
    sides = range(16, 256, 8)
    painted = [(one, other) for one in sides for other in sides if TINY.paints((one, other))]

    assert len(painted) > 100
    assert [TINY.nearest(size) for size in painted] == painted


@pytest.mark.parametrize(
    ("canvas", "asked", "given", "upscale", "expected"),
    [
        (BIG, NONE, None, False, Sizes((512, 512), (512, 512))),
        (BIG, (768, 512), None, False, Sizes((768, 512), (768, 512))),
        # One side follows from the other, by the proportions of what is given or its own.
        (BIG, (768, None), None, False, Sizes((768, 768), (768, 768))),
        (BIG, (None, 256), (1000, 500), False, Sizes((512, 256), (512, 256))),
        # Nothing is asked for: as what is given, as nearly as it can.
        (BIG, NONE, (640, 480), False, Sizes((640, 512), (640, 512))),
        (BIG, NONE, (4000, 3000), False, Sizes((1152, 896), (1152, 896))),
        (BIG, NONE, (20, 20), False, Sizes((128, 128), (128, 128))),
        # What it can't is painted in its own area and enlarged.
        (TINY, (1024, 1024), None, True, Sizes((1024, 1024), (64, 64))),
        (TINY, (1024, 512), None, True, Sizes((1024, 512), (88, 48))),
        (TINY, (100, 100), None, True, Sizes((100, 100), (64, 64))),
        (FIXED, (768, 512), None, True, Sizes((768, 512), (512, 512))),
        # What it can is not.
        (TINY, (128, 128), None, True, Sizes((128, 128), (128, 128))),
    ],
)
def test_sizes_follow_from_what_is_asked_for(
    canvas: Canvas,
    asked: tuple[int | None, int | None],
    given: Size | None,
    expected: Sizes,
    *,
    upscale: bool,
) -> None:
    assert sizes(asked, given, canvas, upscale=upscale, most_pixels=PIXELS) == expected


@pytest.mark.parametrize(
    ("canvas", "asked", "field", "told"),
    [
        (BIG, (15, 512), "width", "from 16 to 4096"),
        (BIG, (512, 4097), "height", "from 16 to 4096"),
        (BIG, (None, -1), "height", "from 16 to 4096"),
        (BIG, (500, 512), "width", "512x512"),
        (BIG, (512, 500), "height", "512x512"),
        (BIG, (2048, 2048), "width", "1024x1024"),
        (BIG, (None, 1600), "height", "1024x1024"),
        (FIXED, (768, 512), "width", "only in 512x512"),
        (TINY, (4096, 2048), "width", "more than the 4194304 pixels"),
    ],
)
def test_a_size_that_it_does_not_paint_in_is_refused_with_the_nearest(
    canvas: Canvas, asked: tuple[int | None, int | None], field: str, told: str
) -> None:
    with pytest.raises(EngineError, match=told) as raised:
        sizes(asked, None, canvas, upscale=False, most_pixels=PIXELS)

    assert raised.value.reason == ErrorReason.FIELD_INVALID
    assert raised.value.metadata == {"field": field}


def test_what_is_given_and_larger_than_may_be_made_is_made_smaller() -> None:
    made = sizes(NONE, (1000, 1000), BIG, upscale=False, most_pixels=512 * 512)

    assert math.prod(made.size) <= 512 * 512
    assert BIG.paints(made.size)
