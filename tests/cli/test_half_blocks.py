"""Pictures as characters."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from rich.color import Color
from rich.console import Console
from rich.style import Style

from funland_cli.half_blocks import half_blocks, shown

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def styled(*pixels: tuple[int, int, int] | None) -> Style:
    upper, lower = (one and Color.from_rgb(*one) for one in pixels)
    return Style(color=upper, bgcolor=lower)


def png(width: int, height: int) -> bytes:
    image = Image.new("RGB", (width, height), "red")
    image.paste("blue", (0, height // 2, width, height))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def test_two_pixels_are_one_character() -> None:
    text = half_blocks([[RED, RED, WHITE], [BLUE, BLUE, WHITE]])

    assert text.plain == "▀▀▀"
    assert [(span.start, span.end, span.style) for span in text.spans] == [
        (0, 2, styled(RED, BLUE)),
        (2, 3, styled(WHITE, WHITE)),
    ]


def test_below_an_odd_line_there_is_nothing() -> None:
    text = half_blocks([[RED], [BLUE], [WHITE]])

    assert text.plain == "▀\n▀"
    assert [span.style for span in text.spans] == [styled(RED, BLUE), styled(WHITE, None)]


@pytest.mark.parametrize(
    ("size", "room", "characters"),
    [
        ((64, 64), (80, 24), (48, 24)),
        ((64, 64), (20, 24), (20, 10)),
        ((64, 32), (80, 24), (64, 16)),
        ((8, 8), (80, 24), (8, 4)),
        ((1000, 10), (80, 24), (80, 1)),
        ((1, 1), (80, 24), (1, 1)),
    ],
)
def test_a_picture_keeps_its_proportions_and_fits(
    size: tuple[int, int], room: tuple[int, int], characters: tuple[int, int]
) -> None:
    lines = shown(png(*size), *room).plain.split("\n")

    assert ({len(line) for line in lines}, len(lines)) == ({characters[0]}, characters[1])


def test_its_colours_are_those_of_the_picture() -> None:
    spans = shown(png(4, 8), 4, 4).spans

    assert spans[0].style == styled(RED, RED)
    assert spans[-1].style == styled(BLUE, BLUE)


def test_without_colours_it_is_plain() -> None:
    file = io.StringIO()

    Console(file=file, width=80, color_system=None).print(shown(png(4, 4), 80, 24))

    assert file.getvalue() == "▀▀▀▀\n▀▀▀▀\n"


def test_what_is_no_picture_is_an_error() -> None:
    with pytest.raises(OSError, match="identify"):
        shown(b"no picture", 80, 24)
