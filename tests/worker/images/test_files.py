"""What pictures may come, and how they are written."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from funland.v1 import images_pb2
from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError
from funland_worker.images.files import enlarged, media_type, opened, opened_mask, written

MOST = 10_000
PNG, JPEG, WEBP = images_pb2.Image.PNG, images_pb2.Image.JPEG, images_pb2.Image.WEBP


def file_of(image: Image.Image, file_format: str = "PNG", **settings: object) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format, **settings)
    return file.getvalue()


def two_colours(mode: str = "RGB") -> Image.Image:
    """Red on the left, blue on the right; 20 wide, 10 high."""
    image = Image.new("RGB", (20, 10), "red")
    image.paste("blue", (10, 0, 20, 10))
    return image.convert(mode)


def refusal(source: bytes | Path, most: int = MOST) -> EngineError:
    with pytest.raises(EngineError) as raised:
        opened(source, most)
    return raised.value


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "P", "RGBA", "LA", "1"])
def test_pictures_of_all_kinds_become_three_channels(file_format: str, mode: str) -> None:
    image = two_colours(mode)
    if file_format == "JPEG" and mode in ("P", "RGBA", "LA"):
        image = image.convert("RGB")
    if mode == "CMYK" and file_format != "JPEG":
        image = image.convert("RGB")

    pixels = opened(file_of(image, file_format), MOST)

    assert pixels.dtype == np.uint8
    assert pixels.shape == (10, 20, 3)
    if mode not in ("L", "LA", "1"):
        left, right = pixels[5, 4].astype(int), pixels[5, 15].astype(int)
        assert left[0] > 200
        assert left[2] < 60
        assert right[2] > 200
        assert right[0] < 60


def test_sixteen_bits_keep_their_brightness() -> None:
    deep = np.full((4, 4), 0x8080, np.uint16)
    deep[0] = 0xFFFF

    pixels = opened(file_of(Image.fromarray(deep)), MOST)

    assert pixels[0].tolist() == [[255] * 3] * 4
    assert pixels[1:].tolist() == [[[0x80] * 3] * 4] * 3


def test_what_is_transparent_is_white() -> None:
    image = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    image.putpixel((0, 0), (255, 0, 0, 255))

    pixels = opened(file_of(image), MOST)

    assert pixels[0, 0].tolist() == [255, 0, 0]
    assert pixels[3, 3].tolist() == [255, 255, 255]


def test_a_palette_may_be_transparent() -> None:
    image = Image.new("P", (2, 1), 0)
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putpixel((1, 0), 1)

    pixels = opened(file_of(image, transparency=0), MOST)

    assert pixels.tolist() == [[[255, 255, 255], [0, 255, 0]]]


def upright(orientation: int) -> NDArray[np.uint8]:
    image = Image.new("RGB", (3, 2), "black")
    image.putpixel((0, 0), (255, 255, 255))
    exif = Image.Exif()
    exif[0x0112] = orientation
    return opened(file_of(image, exif=exif), MOST)


@pytest.mark.parametrize(
    ("orientation", "shape", "white"),
    [
        (1, (2, 3), (0, 0)),
        (2, (2, 3), (0, 2)),
        (3, (2, 3), (1, 2)),
        (4, (2, 3), (1, 0)),
        (5, (3, 2), (0, 0)),
        (6, (3, 2), (0, 1)),
        (7, (3, 2), (2, 1)),
        (8, (3, 2), (2, 0)),
        (0, (2, 3), (0, 0)),
        (99, (2, 3), (0, 0)),
    ],
)
def test_photographs_stand_upright(
    orientation: int, shape: tuple[int, int], white: tuple[int, int]
) -> None:
    pixels = upright(orientation)

    assert pixels.shape == (*shape, 3)
    assert [tuple(place) for place in np.argwhere(pixels[:, :, 0] == 255)] == [white]


@pytest.mark.parametrize("file_format", ["PNG", "WEBP"])
def test_of_an_animation_the_first_picture_is_taken(file_format: str) -> None:
    others = [Image.new("RGB", (20, 10), colour) for colour in ("green", "yellow")]

    data = file_of(two_colours(), file_format, save_all=True, append_images=others, lossless=True)

    assert opened(data, MOST)[0, 0].tolist() == [255, 0, 0] or file_format == "WEBP"
    assert opened(data, MOST)[0, 0, 0] > 200


@pytest.mark.parametrize(
    "source",
    [
        b"",
        b"\x89PNG\r\n\x1a\n",
        b"hello, I am no picture",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        file_of(two_colours(), "GIF"),
        file_of(two_colours(), "BMP"),
        file_of(two_colours(), "TIFF"),
        file_of(two_colours(), "PDF"),
        b"RIFF\x04\x00\x00\x00WAVE",
    ],
    ids=["empty", "a start", "text", "svg", "gif", "bmp", "tiff", "pdf", "wav"],
)
def test_what_is_no_png_jpeg_or_webp_is_refused(source: bytes) -> None:
    error = refusal(source)

    assert error.reason == ErrorReason.IMAGE_INVALID
    assert error.metadata == {"field": "image"}


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP"])
def test_what_is_cut_short_is_refused(file_format: str) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (60, 60, 3)).astype(np.uint8)
    data = file_of(Image.fromarray(noise), file_format)

    assert refusal(data[: len(data) // 2]).reason == ErrorReason.IMAGE_INVALID


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP"])
def test_too_many_pixels_are_refused_before_they_are_decoded(
    file_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[Image.Image] = []
    data = file_of(two_colours(), file_format)
    with Image.open(io.BytesIO(data)) as image:
        monkeypatch.setattr(type(image), "load", _decode_to(decoded))

    error = refusal(data, most=199)

    assert "20x10" in error.message
    assert "199" in error.message
    assert not decoded


def _decode_to(decoded: list[Image.Image]) -> Callable[[Image.Image], None]:
    def load(image: Image.Image) -> None:
        decoded.append(image)

    return load


def test_a_picture_may_have_just_so_many_pixels() -> None:
    assert opened(file_of(two_colours()), 200).shape == (10, 20, 3)


def test_a_picture_may_be_in_a_file(tmp_path: Path) -> None:
    (path := tmp_path / "picture").write_bytes(file_of(two_colours()))

    assert opened(path, MOST).shape == (10, 20, 3)
    (tmp_path / "other").write_text("no picture")
    assert str(tmp_path) not in refusal(tmp_path / "other").message


def test_no_picture_of_three_hundred_that_are_damaged_does_harm() -> None:
    chance = random.Random(4)  # noqa: S311 - a seed is wanted
    noise = np.random.default_rng(2).integers(0, 255, (24, 24, 4)).astype(np.uint8)
    image = Image.fromarray(noise)
    exif = Image.Exif()
    exif[0x0112] = 6
    whole = [
        file_of(image, exif=exif),
        file_of(image.convert("P"), transparency=3),
        file_of(image.convert("RGB"), "JPEG", exif=exif, quality=80),
        file_of(image.convert("RGB"), "JPEG", progressive=True),
        file_of(image, "WEBP", exif=exif),
        file_of(image, "WEBP", lossless=True),
    ]
    read = 0

    for _ in range(300):
        data = bytearray(chance.choice(whole))
        for _ in range(chance.randint(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        if chance.random() < 0.2:
            del data[chance.randrange(len(data)) :]
        try:
            pixels = opened(bytes(data), MOST)
        except EngineError as error:
            assert error.reason == ErrorReason.IMAGE_INVALID  # noqa: PT017 - of many, each in turn
        else:
            assert pixels.dtype == np.uint8
            assert pixels.shape[2] == 3
            read += 1

    assert 0 < read < 300


def test_a_mask_is_white_where_something_is_painted() -> None:
    mask = Image.new("L", (4, 2), 0)
    mask.putpixel((3, 1), 255)

    pixels = opened_mask(file_of(mask), MOST)

    assert pixels.tolist() == [[0, 0, 0, 0], [0, 0, 0, 255]]


def test_a_mask_may_be_transparent_instead() -> None:
    mask = Image.new("RGBA", (4, 2), (255, 255, 255, 255))
    mask.putpixel((3, 1), (0, 0, 0, 0))

    assert opened_mask(file_of(mask), MOST).tolist() == [[0, 0, 0, 0], [0, 0, 0, 255]]


def test_a_mask_that_is_nowhere_transparent_is_read_by_its_light() -> None:
    mask = Image.new("RGBA", (2, 1), (0, 0, 0, 255))
    mask.putpixel((1, 0), (255, 255, 255, 255))

    assert opened_mask(file_of(mask), MOST).tolist() == [[0, 255]]


def test_a_bad_mask_is_named() -> None:
    with pytest.raises(EngineError) as raised:
        opened_mask(b"no", MOST)

    assert raised.value.metadata == {"field": "mask"}


@pytest.mark.parametrize(
    ("file_format", "start"),
    [(PNG, b"\x89PNG"), (JPEG, b"\xff\xd8\xff"), (WEBP, b"RIFF")],
)
def test_what_is_written_can_be_read_and_is_the_same_each_time(
    file_format: images_pb2.Image.Format.ValueType, start: bytes
) -> None:
    pixels = np.zeros((32, 48, 3), np.uint8)
    pixels[:, :24] = [200, 100, 50]

    data = written(pixels, file_format)

    assert data.startswith(start)
    assert data == written(pixels, file_format)
    assert np.abs(opened(data, MOST).astype(int) - pixels)[:, 5:15].max() < 8


def test_png_keeps_every_pixel() -> None:
    pixels = np.random.default_rng(3).integers(0, 255, (8, 9, 3)).astype(np.uint8)

    assert (opened(written(pixels, images_pb2.Image.FORMAT_UNSPECIFIED), MOST) == pixels).all()


@pytest.mark.parametrize("file_format", [JPEG, WEBP])
def test_more_quality_makes_larger_files(
    file_format: images_pb2.Image.Format.ValueType,
) -> None:
    pixels = np.random.default_rng(3).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    size: Callable[[int], int] = lambda quality: len(written(pixels, file_format, quality))  # noqa: E731 - of many, each in turn

    assert size(1) < size(50) < size(90) < size(100)
    assert size(0) == size(90)


@pytest.mark.parametrize(
    ("file_format", "name"),
    [
        (images_pb2.Image.FORMAT_UNSPECIFIED, "image/png"),
        (PNG, "image/png"),
        (JPEG, "image/jpeg"),
        (WEBP, "image/webp"),
    ],
)
def test_formats_have_names_on_the_web(
    file_format: images_pb2.Image.Format.ValueType, name: str
) -> None:
    assert media_type(file_format) == name


def test_a_picture_in_another_proportion_loses_its_ends() -> None:
    pixels = np.zeros((10, 30, 3), np.uint8)
    pixels[:, 10:20] = 255

    larger = enlarged(pixels, 40, 40)

    assert larger.shape == (40, 40, 3)
    assert larger[:, 4:36].min() > 200


def test_masks_are_enlarged_too_and_nothing_is_done_twice() -> None:
    mask = np.zeros((4, 4), np.uint8)

    assert enlarged(mask, 8, 6).shape == (6, 8)
    assert enlarged(mask, 4, 4) is mask
