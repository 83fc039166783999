"""Reads and writes pictures: PNG, JPEG and WebP, and nothing else.

What comes is hostile until proven otherwise. Its first bytes say which format it is, only that
one's decoder sees it, and how many pixels it claims is known before any of them is decoded.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from funland.v1 import images_pb2
from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError

Pixels = NDArray[np.uint8]
"""Height x width x 3 of red, green and blue; of a mask, height x width."""

LARGEST_SIDE: Final = 16_383
"""More than that WebP can't hold, in pixels."""

_MOST_BYTES: Final = 256 * 1024**2
_START_BYTES: Final = 12
_ORIENTATION: Final = 0x0112
_TURNED: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture upright, by what EXIF calls its orientation."""
_DEEP: Final = ("I;16", "I;16L", "I;16B", "I;16N")
_QUALITY: Final = 90


def opened(source: bytes | Path, most_pixels: int, field: str = "image") -> Pixels:
    """A picture as it is looked at: upright, with white behind what is transparent, 8 bits a
    colour. Of an animation the first picture.

    Raises:
        EngineError: IMAGE_INVALID; it names `field`.
    """
    with _decoded(source, most_pixels, field) as image:
        return np.array(_without_alpha(image).convert("RGB"))


def opened_mask(source: bytes | Path, most_pixels: int, field: str = "mask") -> Pixels:
    """A mask, height x width: 255 where the picture is painted anew. That is where it is
    transparent, if any of it is, and else where it is white.

    Raises:
        EngineError: IMAGE_INVALID; it names `field`.
    """
    with _decoded(source, most_pixels, field) as image:
        if image.has_transparency_data:
            alpha = np.array(image.convert("RGBA").getchannel("A"))
            if alpha.min() < np.iinfo(np.uint8).max:
                return np.invert(alpha)
        return np.array(_without_alpha(image).convert("L"))


def written(
    pixels: Pixels, file_format: images_pb2.Image.Format.ValueType, quality: int = 0
) -> bytes:
    """The file of a picture; the same pixels give the same bytes. `quality` is from 1 to 100, for
    JPEG and WebP; 0: 90."""
    image, file = Image.fromarray(pixels), io.BytesIO()
    match file_format:
        case images_pb2.Image.JPEG:
            image.save(file, "JPEG", quality=quality or _QUALITY)
        case images_pb2.Image.WEBP:
            image.save(file, "WEBP", quality=quality or _QUALITY)
        case _:
            image.save(file, "PNG")
    return file.getvalue()


def media_type(file_format: images_pb2.Image.Format.ValueType) -> str:
    """What a format is called on the web."""
    if file_format == images_pb2.Image.FORMAT_UNSPECIFIED:
        file_format = images_pb2.Image.PNG
    return f"image/{images_pb2.Image.Format.Name(file_format).lower()}"


def enlarged(pixels: Pixels, width: int, height: int) -> Pixels:
    """A picture or mask in another size, larger or smaller. What sticks out where the sides are in
    another proportion is cut off, as much at either end."""
    if pixels.shape[:2] == (height, width):
        return pixels
    fitted = ImageOps.fit(Image.fromarray(pixels), (width, height), Image.Resampling.LANCZOS)
    return np.array(fitted)


@contextmanager
def _decoded(source: bytes | Path, most_pixels: int, field: str) -> Generator[Image.Image]:
    """The picture, decoded and upright."""
    try:
        with _file(source) as file:
            kind = _kind(file.read(_START_BYTES))
            if kind is None:
                raise _invalid(field, "it is not PNG, JPEG or WebP")
            if file.seek(0, io.SEEK_END) > _MOST_BYTES:
                raise _invalid(field, f"its file is larger than {_MOST_BYTES} bytes")
            file.seek(0)
            with warnings.catch_warnings():
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                image = Image.open(file, formats=[kind])
            with image:
                _check_size(image.size, most_pixels, field)
                image.load()
                yield _upright(image)
    except EngineError:
        raise
    except Exception as error:  # decoders of broken files raise nearly anything
        raise _invalid(field, "it is damaged, cut short, or no picture") from error


def _file(source: bytes | Path) -> io.BytesIO | io.BufferedReader:
    return io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")


def _kind(start: bytes) -> str | None:
    """Pillow's name for the format that a file begins like."""
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if start.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if start[:4] == b"RIFF" and start[8:] == b"WEBP":
        return "WEBP"
    return None


def _check_size(size: tuple[int, int], most_pixels: int, field: str) -> None:
    width, height = size
    if width * height > most_pixels:
        raise _invalid(
            field,
            f"it is {width}x{height}, which is more than {most_pixels} pixels; send a smaller one",
        )
    if max(size) > LARGEST_SIDE:
        raise _invalid(field, f"it is {width}x{height}; a side has {LARGEST_SIDE} pixels at most")


def _upright(image: Image.Image) -> Image.Image:
    """The picture turned as its EXIF data say, if those can be read, and with 8 bits a colour."""
    try:
        orientation = image.getexif().get(_ORIENTATION)
    except Exception:  # what is told beside a picture does not make it one
        orientation = None
    turn = _TURNED.get(orientation) if isinstance(orientation, int) else None
    if image.mode in _DEEP or image.mode == "I":
        deep = np.array(image).astype(np.int64)
        image = Image.fromarray((deep.clip(0, 0xFFFF) // 257).astype(np.uint8))
    return image if turn is None else image.transpose(turn)


def _without_alpha(image: Image.Image) -> Image.Image:
    """The picture on white, if it is transparent anywhere."""
    if not image.has_transparency_data:
        return image
    on_top = image.convert("RGBA")
    below = Image.new("RGBA", on_top.size, "white")
    return Image.alpha_composite(below, on_top)


def _invalid(field: str, why: str) -> EngineError:
    return EngineError(ErrorReason.IMAGE_INVALID, f"`{field}` can't be used: {why}.", field=field)
